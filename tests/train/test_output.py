from __future__ import annotations

from pathlib import Path

import pytest

from rmbench.errors import UsageError
from rmbench.train.output import staged_folder


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def make_model(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text("old")
    return folder


def test_the_folder_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "model"
    with staged_folder(out) as folder:
        (folder / "config.json").write_text("new")
        assert not out.exists()
    assert (out / "config.json").read_text() == "new"
    assert names(out.parent) == ["model"]
    assert out.stat().st_mode & 0o777 == 0o755


def test_nothing_is_left_when_the_block_raises(tmp_path: Path) -> None:
    def fail() -> None:
        with staged_folder(tmp_path / "model") as folder:
            (folder / "half").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert names(tmp_path) == []


def test_checkpoints_survive_a_failure(tmp_path: Path) -> None:
    def fail() -> None:
        with staged_folder(tmp_path / "model", keep_on_failure="checkpoint-*") as folder:
            (folder / "checkpoint-5").mkdir()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith(".model.unfinished-")
    assert names(kept) == ["checkpoint-5"]


def test_a_model_is_replaced_only_when_asked(tmp_path: Path) -> None:
    out = make_model(tmp_path / "model")
    with pytest.raises(UsageError, match="already holds a model"), staged_folder(out):
        pass
    with staged_folder(out, overwrite=True) as folder:
        (folder / "weights").write_text("new")
    assert names(out) == ["weights"]
    assert names(tmp_path) == ["model"]


def test_the_old_model_stays_when_its_successor_fails(tmp_path: Path) -> None:
    out = make_model(tmp_path / "model")

    def fail() -> None:
        with staged_folder(out, overwrite=True):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (out / "config.json").read_text() == "old"
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_model_is_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with (
        pytest.raises(UsageError, match="holds no model"),
        staged_folder(tmp_path, overwrite=overwrite),
    ):
        pass
    with (
        pytest.raises(UsageError, match="is a file"),
        staged_folder(tmp_path / "thesis.tex", overwrite=overwrite),
    ):
        pass
    assert names(tmp_path) == ["thesis.tex"]


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    with staged_folder(out) as folder:
        (folder / "x").write_text("x")
    assert names(out) == ["x"]
