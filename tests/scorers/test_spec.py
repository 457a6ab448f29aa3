from __future__ import annotations

from pathlib import Path

import pytest

from rmbench.errors import SpecError, UnknownNameError, UsageError
from rmbench.scorers.spec import RunOptions, create_scorer, parse_scorer


@pytest.mark.parametrize(
    ("text", "kind", "target", "revision"),
    [
        ("length:", "length", "", None),
        ("replay:a/b.jsonl", "replay", "a/b.jsonl", None),
        ("org/name", "hf", "org/name", None),
        ("hf:org/name", "hf", "org/name", None),
        ("org/name@v1", "hf", "org/name", "v1"),
        ("./folder", "hf", "./folder", None),
    ],
)
def test_what_people_write(text: str, kind: str, target: str, revision: str | None) -> None:
    spec = parse_scorer(text)
    assert (spec.kind, spec.target, spec.revision) == (kind, target, revision)


def test_a_folder_may_have_a_colon_or_an_at_sign_in_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run:3@best").mkdir()
    spec = parse_scorer("run:3@best")
    assert (spec.kind, spec.target, spec.revision) == ("hf", "run:3@best", None)


def test_an_unknown_kind_suggests_a_near_one() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'length'"):
        create_scorer(parse_scorer("lenght:"), RunOptions())


def test_a_scorer_file_carries_options(tmp_path: Path) -> None:
    (tmp_path / "rm").mkdir()
    file = tmp_path / "mine.toml"
    file.write_text('kind = "hf"\ntarget = "rm"\nname = "mine"\nhead = "1"\nmax_length = 64\n')
    spec = parse_scorer(str(file), {"max_length": 32, "head": None})
    assert spec.target == str(tmp_path / "rm")
    assert (spec.name, spec.head, spec.max_length) == ("mine", "1", 32)


def test_a_scorer_file_with_an_unknown_field_names_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('kind = "hf"\ntargte = "x"\n')
    with pytest.raises(SpecError, match=r"mine.toml: field 'targte': unknown field"):
        parse_scorer(str(file))


def test_options_a_scorer_has_no_use_for_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('kind = "length"\nhead = "1"\n')
    with pytest.raises(UsageError, match="'length' has no option 'head'"):
        create_scorer(parse_scorer(str(file)), RunOptions())


def test_an_empty_scorer_is_refused() -> None:
    with pytest.raises(UsageError, match="empty SCORER"):
        parse_scorer(" ")
