from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmbench.errors import ResultError
from rmbench.result import (
    Counts,
    Environment,
    Estimate,
    Mistake,
    Provenance,
    Result,
    ScorerInfo,
    SuiteRef,
    find_runs,
    read_run,
    read_scores,
    scorer_slug,
    write_run,
)
from rmbench.types import Scores


def make_result(spec: str = "/models/a/checkpoint-100", suite: str = "pairs") -> Result:
    return Result(
        suite=SuiteRef(name=suite, version="1", digest="d" * 64),
        scorer=ScorerInfo(spec=spec, kind="hf", name=Path(spec).name, margins_are_logits=True),
        counts=Counts(examples=1, responses=2, unique_responses=2, ties=0, truncated=0, failed=0),
        estimates=(Estimate(metric="accuracy", value=1.0, n=1, unit="fraction"),),
        provenance=Provenance(
            rmbench_version="0.1.0",
            created_at="2026-01-01T00:00:00+00:00",
            duration_s=1.0,
            seed=0,
            environment=Environment(python="3.11", platform="x", cpu="y", threads=1),
        ),
    )


def make_scores(margin: float = 1.0) -> Scores:
    return Scores(
        example_id=np.array(["é", "é"]),
        subset=np.array(["s", "s"]),
        group=np.array(["g", "g"]),
        preference=np.ones(2),
        response_index=np.arange(2),
        is_chosen=np.array([True, False]),
        reward=np.array([margin, 0.0]),
        n_tokens=np.array([3, 4]),
        n_chars=np.array([5, 6]),
        truncated=np.array([False, True]),
    )


MISTAKE = Mistake(
    example_id="é",
    subset="s",
    prompt=({"role": "user", "content": "a\u2028b"},),
    chosen="c",
    rejected="r",
    reward_chosen=0.0,
    reward_rejected=1.0,
    margin=-1.0,
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    written = write_run(tmp_path, make_result(), make_scores(), [MISTAKE])
    read = read_run(written.path)
    assert read == written
    scores = read.scores()
    assert scores is not None
    for name, values in make_scores().columns().items():
        np.testing.assert_array_equal(getattr(scores, name), values)
        assert getattr(scores, name).dtype.kind == values.dtype.kind
    assert read.mistakes() == (MISTAKE,)
    assert sorted(p.name for p in written.path.iterdir()) == [
        "mistakes.jsonl", "result.json", "scores.parquet",
    ]  # fmt: skip


def test_texts_that_were_read_before_are_shared(tmp_path: Path) -> None:
    others = replace(make_scores(3.0), subset=np.array(["s", "t"]))
    many = [
        replace(make_scores(), example_id=np.array([f"e{i}", f"e{i}"])) for i in range(30)
    ]  # fmt: skip
    all_scores = [make_scores(), make_scores(2.0), others, *many]
    known: dict[tuple[object, ...], np.ndarray] = {}
    read = []
    for i, scores in enumerate(all_scores):
        found = write_run(tmp_path, make_result(f"/m/{i}"), scores).scores(known)
        assert found is not None
        read.append(found)
        for name, values in scores.columns().items():
            np.testing.assert_array_equal(getattr(found, name), values)
            assert getattr(found, name).dtype == getattr(make_scores(), name).dtype or i > 2
    assert read[0].example_id is read[1].example_id
    assert read[0].group is read[2].group
    assert read[0].subset is not read[2].subset
    assert read[0].reward is not read[1].reward
    assert len(known) < 20


def test_markdown_counts_are_read_back(tmp_path: Path) -> None:
    counts = {"n_headers": np.array([1, 0]), "n_list_items": np.array([2, 3])}
    scores = replace(make_scores(), **counts, n_bold=np.array([0, 9]))
    read = write_run(tmp_path, make_result(), scores).scores()
    assert read is not None
    for name, values in scores.columns().items():
        np.testing.assert_array_equal(getattr(read, name), values)
    assert len(read.where(np.array([True, False])).columns()) == 13


def test_scores_of_the_first_version_are_read_without_markdown_counts(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    columns = make_scores().columns()
    pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path)
    scores = read_scores(path)
    assert scores.columns().keys() == columns.keys()
    assert scores.n_headers is None


def test_scores_of_a_newer_version_are_refused(tmp_path: Path) -> None:
    written = write_run(tmp_path, make_result(), make_scores())
    path = written.path / "scores.parquet"
    table = pq.read_table(path)
    assert table.schema.metadata[b"rmbench_scores_version"] == b"2"
    pq.write_table(table.replace_schema_metadata({b"rmbench_scores_version": b"3"}), path)
    with pytest.raises(ResultError, match="version 3 is newer than this rmbench reads"):
        read_scores(path)


def test_the_same_scorer_and_suite_replace_their_files(tmp_path: Path) -> None:
    first = write_run(tmp_path, make_result(), make_scores(), [MISTAKE])
    second = write_run(tmp_path, make_result(), make_scores(2.0))
    assert first.path == second.path
    assert find_runs([tmp_path]) == [second]
    assert second.mistakes() == ()
    assert second.result.scores_sha256 != first.result.scores_sha256


def test_two_checkpoints_of_one_name_do_not_collide(tmp_path: Path) -> None:
    a = write_run(tmp_path, make_result("/models/a/checkpoint-100"), make_scores())
    b = write_run(tmp_path, make_result("/models/b/checkpoint-100"), make_scores())
    assert a.path != b.path
    assert a.path.parent.name.startswith("checkpoint-100-")
    assert len(find_runs([tmp_path, a.path, b.path])) == 2


@pytest.mark.parametrize("name", ["../../etc", "a/b c\n<script>", "", "....", "ü" * 300])
def test_any_name_becomes_one_plain_folder(name: str) -> None:
    info = ScorerInfo(spec=name, kind="hf", name=name, margins_are_logits=True)
    slug = scorer_slug(info)
    assert "/" not in slug
    assert not slug.startswith(".")
    assert slug.isascii()
    assert slug.isprintable()
    assert len(slug) < 64


def test_a_torn_pair_is_noticed(tmp_path: Path) -> None:
    run = write_run(tmp_path, make_result(), make_scores())
    other = write_run(tmp_path / "x", make_result(), make_scores(5.0))
    (run.path / "scores.parquet").write_bytes((other.path / "scores.parquet").read_bytes())
    with pytest.raises(ResultError, match=r"is not the file its result.json was measured from"):
        read_run(run.path).scores()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 99}, "schema version 99 is newer than this rmbench reads"),
        ({"extra": 1}, "extra: Extra inputs are not permitted"),
        (
            {"estimates": [{"metric": "accuracy", "value": float("nan"), "n": 1, "unit": "x"}]},
            "is not a result",
        ),
        ({"partial": True}, "partial is true exactly when something is missing"),
    ],
)
def test_a_file_that_is_no_result_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    run = write_run(tmp_path, make_result(), make_scores())
    file = run.path / "result.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ResultError, match=message) as caught:
        read_run(run.path)
    assert "\n" not in str(caught.value)


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="no such file or folder"):
        find_runs([tmp_path / "none"])
    with pytest.raises(ResultError, match=r"holds no result\.json"):
        find_runs([tmp_path])
    (tmp_path / "result.json").write_text("{")
    with pytest.raises(ResultError, match="is not JSON"):
        find_runs([tmp_path])


def test_a_failed_write_leaves_the_old_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path, make_result(), make_scores())
    before = (run.path / "result.json").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rmbench.result.store.os.fdopen", full)
    with pytest.raises(ResultError, match="No space left on device"):
        write_run(tmp_path, make_result(), make_scores(9.0))
    assert (run.path / "result.json").read_bytes() == before
    assert not [p for p in run.path.iterdir() if p.name.startswith(".")]


def test_an_estimate_has_a_value_or_a_reason() -> None:
    with pytest.raises(ValueError, match="either a value or a reason"):
        Estimate(metric="ece", value=None, n=0, unit="fraction")
    with pytest.raises(ValueError, match="both ends or none"):
        Estimate(metric="ece", value=0.1, ci_low=0.0, n=1, unit="fraction")
