"""Bulk scoring: the rewards of ``rmbench run``, one row out for each row in."""

from __future__ import annotations

import gc
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rmbench import __version__
from rmbench.data.files import Row
from rmbench.data.source import Opened, Part
from rmbench.errors import DataError, ScorerError, UsageError
from rmbench.result import ScorerInfo
from rmbench.runner.bulk import BulkRequest, BulkSummary, score_in_bulk, summarise
from rmbench.runner.bulk.job import chunked
from rmbench.runner.run import RunRequest, run
from rmbench.scorers.spec import RunOptions
from rmbench.types import Conversation, PreferenceExample, ScoredBatch

QUIET = RunOptions(device="cpu", progress=False)
USER = {"role": "user", "content": "the question"}


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    body = "".join(json.dumps(r) + "\n" for r in rows).encode()
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return path


def pairs(n: int = 30) -> list[dict[str, Any]]:
    return [
        {
            "id": f"p{i}",
            "prompt": f"what is the number {i // 2}",
            "chosen": "yes " * (i % 5 + 1) + "now",
            "rejected": "no " * (5 - i % 5) + "way",
            "subset": "even" if i % 2 == 0 else "odd",
            "preference": 0.75,
        }
        for i in range(n)
    ]


def score(source: Path, out: Path, scorer: str = "length:", **more: Any) -> BulkSummary:
    more = {"options": QUIET} | more
    return score_in_bulk(BulkRequest(scorer=scorer, source=str(source), out=out, **more))


def rows_of(out: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.ParquetFile(out).read().to_pylist()
    return found


def same_reward(scorer: str) -> float:
    # A model's padded batches are others where chunks end elsewhere, which moves a
    # float32 sum in its last digits; a function of the text alone is exact.
    return 0.0 if scorer.endswith(":") else 1e-5


@pytest.mark.parametrize("scorer", ["length:", "shorter:", "random:", "llama", "bert"])
def test_rewards_are_those_of_a_run(
    tmp_path: Path, scorer: str, llama_folder: Path, bert_folder: Path
) -> None:
    scorer = {"llama": str(llama_folder), "bert": str(bert_folder)}.get(scorer, scorer)
    data = write(tmp_path / "p.jsonl", pairs())
    summary = score(data, tmp_path / "s.parquet", scorer, chunk_responses=7)
    request = RunRequest((scorer,), ("pairs",), (str(data),), tmp_path / "o", options=QUIET)
    (stored,) = run(request)
    expected = stored.scores()
    assert expected is not None
    rows = rows_of(tmp_path / "s.parquet")
    assert [r["id"] for r in rows] == expected.example_id[::2].tolist()
    assert [r["subset"] for r in rows] == expected.subset[::2].tolist()
    assert [r["preference"] for r in rows] == expected.preference[::2].tolist()
    both = [(*r["scores_chosen"], *r["scores_rejected"]) for r in rows]
    np.testing.assert_allclose(np.ravel(both), expected.reward, rtol=0, atol=same_reward(scorer))
    tokens = [(*r["n_tokens_chosen"], *r["n_tokens_rejected"]) for r in rows]
    np.testing.assert_array_equal(np.ravel(tokens), expected.n_tokens)
    assert summary.tokens == expected.n_tokens.sum()
    assert (summary.rows, summary.responses) == (30, 60)
    assert summary.scorer == stored.result.scorer


_ANSWERS = st.lists(st.from_regex(r"\A[a-c][ab\u00e9\u2028]{0,9}\Z"), min_size=1, max_size=4)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(_ANSWERS, _ANSWERS).filter(lambda s: not set(s[0]) & set(s[1])), min_size=1),
    st.integers(1, 40),
)
def test_every_answer_has_its_own_length_in_its_own_place(
    tmp_path: Path, sides: list[tuple[list[str], list[str]]], chunk_responses: int
) -> None:
    rows = [{"prompt": "p", "chosen": c, "rejected": r} for c, r in sides]
    out = tmp_path / "s.parquet"
    score(write(tmp_path / "p.jsonl", rows), out, chunk_responses=chunk_responses, force=True)
    found = rows_of(out)
    assert [r["scores_chosen"] for r in found] == [[float(len(a)) for a in c] for c, _ in sides]
    assert [r["scores_rejected"] for r in found] == [[float(len(a)) for a in r] for _, r in sides]
    assert [r["n_tokens_chosen"] for r in found] == [[0] * len(c) for c, _ in sides]
    assert [r["id"] for r in found] == [str(i) for i in range(1, len(sides) + 1)]
    assert not any(r["truncated"] for r in found)


def test_the_rows_replay_as_the_run_itself(tmp_path: Path, bert_folder: Path) -> None:
    data = write(tmp_path / "p.jsonl", pairs())
    score(data, tmp_path / "s.parquet", str(bert_folder))
    replayed = write(tmp_path / "s.jsonl", rows_of(tmp_path / "s.parquet"))
    request = RunRequest(
        (str(bert_folder), f"replay:{replayed}"), ("pairs",), (str(data),), tmp_path / "o",
        options=QUIET,
    )  # fmt: skip
    own, again = (r.result for r in run(request))
    assert own.estimates == again.estimates


def test_single_responses_have_one_reward_each(tmp_path: Path, llama_folder: Path) -> None:
    said = [["yes"], ["no it is not"], ["a " * 100]]
    texts = [{"prompt": USER["content"], "response": r} for (r,) in said]
    turns = [{"prompt": [USER], "response": r} for (r,) in said]
    whole = [{"messages": [USER, {"role": "assistant", "content": r}]} for (r,) in said]
    tables = []
    for name, rows in (("texts", texts), ("turns", turns), ("whole", whole)):
        out = tmp_path / f"{name}.parquet"
        summary = score(write(tmp_path / f"{name}.jsonl", rows), out, str(llama_folder))
        tables.append(rows_of(out))
        assert (summary.kind, summary.rows, summary.responses) == ("responses", 3, 3)
        assert summary.truncated == 1
    assert tables[0] == tables[1] == tables[2]
    assert list(tables[0][0]) == ["id", "reward", "n_tokens", "truncated"]
    assert [r["truncated"] for r in tables[0]] == [False, False, True]
    # The same answers to the same prompt as one example of many.
    data = write(
        tmp_path / "p.jsonl",
        [{"prompt": "the question", "chosen": ["yes"], "rejected": ["no it is not"]}],
    )
    score(data, tmp_path / "p.parquet", str(llama_folder))
    (row,) = rows_of(tmp_path / "p.parquet")
    together = [*row["scores_chosen"], *row["scores_rejected"]]
    np.testing.assert_allclose([r["reward"] for r in tables[0][:2]], together, rtol=0, atol=1e-5)
    assert [r["n_tokens"] for r in tables[0][:2]] == row["n_tokens_chosen"] + row[
        "n_tokens_rejected"
    ]


def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path) -> None:
    rows = [{"id": f"{i}", "prompt": f"p{i}", "response": "x" * i} for i in range(1, 12)]
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text(table.to_pandas().to_csv(index=False))
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "folder").mkdir()
    write(tmp_path / "folder" / "1.jsonl", rows[:4])
    write(tmp_path / "folder" / "2.jsonl.gz", rows[4:])
    write(tmp_path / "a.jsonl", rows)
    write(tmp_path / "a.jsonl.gz", rows)
    for name in ("a.jsonl", "a.jsonl.gz", "a.json", "a.csv", "a.parquet", "folder"):
        score(tmp_path / name, tmp_path / "s.parquet", chunk_responses=5, force=True)
        found = rows_of(tmp_path / "s.parquet")
        assert [(r["id"], r["reward"]) for r in found] == [(str(i), i) for i in range(1, 12)], name


def test_the_file_says_what_it_was_made_of(tmp_path: Path, bert_folder: Path) -> None:
    data = write(tmp_path / "p.jsonl", pairs(5))
    summary = score(data, tmp_path / "s.parquet", str(bert_folder), limit=4)
    file = pq.ParquetFile(tmp_path / "s.parquet")
    said = {k.decode(): v.decode() for k, v in file.schema_arrow.metadata.items()}
    assert said["rmbench.version"] == __version__
    assert ScorerInfo.model_validate_json(said["rmbench.scorer"]) == summary.scorer
    assert said["rmbench.source"] == str(data)
    assert said["rmbench.source_fingerprint"] == summary.source_fingerprint
    assert json.loads(said["rmbench.engine"])["dtype"] == "float32"
    assert json.loads(said["rmbench.limit"]) == 4
    assert json.loads(said["rmbench.counts"]) == {
        "rows": 4, "responses": 8, "tokens": summary.tokens, "truncated": 0, "failed": 0,
        "skipped": 0,
    }  # fmt: skip
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert not list(tmp_path.glob(".*"))


class Fixed:
    """A scorer that gives what it is told to, whatever it is asked."""

    info = ScorerInfo(spec="fixed:", kind="fixed", name="fixed", margins_are_logits=False)

    def __init__(self, rewards: list[float]) -> None:
        self.rewards = rewards

    def score(self, conversations: Sequence[Conversation]) -> ScoredBatch:
        n = len(self.rewards)
        return ScoredBatch(np.array(self.rewards), np.zeros(n, np.int64), np.zeros(n, np.bool_))


def use(monkeypatch: pytest.MonkeyPatch, scorer: Any) -> None:
    monkeypatch.setattr("rmbench.runner.bulk.job.create_scorer", lambda spec, options: scorer)


def test_a_reward_that_is_not_finite_is_null_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nan, inf = float("nan"), float("inf")
    rows = [{"prompt": "p", "chosen": ["a", "b"], "rejected": "c"}] * 2
    use(monkeypatch, Fixed([1.0, nan, 2.0, -inf, 3.0, inf]))
    summary = score(write(tmp_path / "p.jsonl", rows), tmp_path / "s.parquet")
    found = rows_of(tmp_path / "s.parquet")
    assert [r["scores_chosen"] for r in found] == [[1.0, None], [None, 3.0]]
    assert [r["scores_rejected"] for r in found] == [[2.0], [None]]
    assert summary.failed == 3
    assert "3 responses without a finite reward" in summarise(summary)
    single = write(tmp_path / "r.jsonl", [{"prompt": "p", "response": "a"}] * 2)
    use(monkeypatch, Fixed([nan, 1.0]))
    assert score(single, tmp_path / "r.parquet").failed == 1
    assert [r["reward"] for r in rows_of(tmp_path / "r.parquet")] == [None, 1.0]


def test_a_scorer_that_leaves_rewards_out_is_named_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Fixed([1.0]))
    data = write(tmp_path / "p.jsonl", pairs(2))
    with pytest.raises(ScorerError, match="fixed: gave 1 rewards for 4 responses"):
        score(data, tmp_path / "s.parquet")
    assert [p.name for p in tmp_path.iterdir()] == ["p.jsonl"]


def test_scores_of_other_sides_are_refused(tmp_path: Path) -> None:
    data = write(
        tmp_path / "p.jsonl", [{"id": "a", "prompt": "p", "chosen": "c", "rejected": ["r", "s"]}]
    )
    scores = write(
        tmp_path / "s.jsonl", [{"id": "a", "scores_chosen": [1, 2], "scores_rejected": [3]}]
    )
    with pytest.raises(DataError, match="2 chosen and 1 rejected"):
        score(data, tmp_path / "s.parquet", f"replay:{scores}")


def test_bad_rows_end_the_run_or_are_counted(tmp_path: Path) -> None:
    rows = pairs(6)
    rows[2]["chosen"] = ""
    rows[4]["chosen"] = ""
    data = write(tmp_path / "p.jsonl", rows)
    out = tmp_path / "s.parquet"
    with pytest.raises(DataError, match=r"p\.jsonl, row 3, field 'chosen': empty response"):
        score(data, out)
    assert [p.name for p in tmp_path.iterdir()] == ["p.jsonl"]
    summary = score(data, out, skip_bad_rows=True)
    assert [r["id"] for r in rows_of(out)] == ["p0", "p1", "p3", "p5"]
    assert (summary.rows, summary.skipped) == (4, 2)
    assert f"2: empty response, first {data}, row 3" in summarise(summary)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"out": "s.jsonl"}, "end the name in .parquet"),
        ({"out": "folder.parquet"}, "is a folder"),
        ({"chunk_responses": 0}, "a chunk of 0 responses"),
        ({"limit": 0}, "the limit is 0"),
        ({"overrides": {"max_length": 64}}, "has no option 'max_length'"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_read(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    (tmp_path / "folder.parquet").mkdir()
    data = write(tmp_path / "p.jsonl", pairs(2))
    out = tmp_path / change.pop("out", "s.parquet")
    with pytest.raises(UsageError, match=message):
        score(data, out, **change)
    assert not list(tmp_path.glob(".*"))


def test_a_file_that_exists_is_replaced_on_request_only(tmp_path: Path) -> None:
    data = write(tmp_path / "p.jsonl", pairs(2))
    out = tmp_path / "new" / "s.parquet"
    score(data, out)
    body = out.read_bytes()
    with pytest.raises(UsageError, match="exists already; --force replaces it"):
        score(data, out, "shorter:")
    assert out.read_bytes() == body
    score(data, out, "shorter:", force=True)
    assert rows_of(out)[0]["scores_chosen"] == [-7.0]


def test_the_source_is_never_replaced(tmp_path: Path) -> None:
    source = tmp_path / "set" / "p.parquet"
    source.parent.mkdir()
    pq.write_table(pa.Table.from_pylist(pairs(2)), source)
    body = source.read_bytes()
    for named in (source, source.parent):
        with pytest.raises(UsageError, match="is one of the files to be scored"):
            score(named, source.parent / ".." / "set" / "p.parquet", force=True)
    assert source.read_bytes() == body


@given(st.lists(st.integers(1, 9), max_size=60), st.integers(1, 20))
def test_chunks_part_no_row_and_are_as_small_as_they_can_be(sizes: list[int], least: int) -> None:
    rows = [PreferenceExample(str(i), (), ("a",) * n, ("b",)) for i, n in enumerate(sizes, start=1)]
    chunks = list(chunked(iter(rows), least))
    assert [row for chunk in chunks for row in chunk] == rows
    counts = [sum(len(row.responses) for row in chunk) for chunk in chunks]
    assert all(n >= least for n in counts[:-1])
    assert all(n - len(c[-1].responses) < least for n, c in zip(counts, chunks, strict=True))


def _living() -> int:
    return sum(type(thing) is PreferenceExample for thing in gc.get_objects())


def test_no_more_than_a_chunk_is_ever_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, chunk = 5_000, 200
    produced = 0
    read: list[int] = []
    asked: set[int] = set()
    living: list[int] = []

    def counted() -> Iterator[Row]:
        nonlocal produced
        for number in range(1, rows + 1):
            produced += 1
            if number % 1000 == 0:  # the last row of a chunk; looking through all objects is slow
                living.append(_living())
            yield Row(number, {"prompt": "p", "chosen": f"c{number}", "rejected": "r"})

    def look(conversations: Sequence[Conversation]) -> ScoredBatch:
        n = len(conversations)
        asked.add(n)
        read.append(produced)
        if len(read) % 10 == 5:
            living.append(_living())
        return ScoredBatch(np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.bool_))

    gc.collect()
    before = _living()
    use(monkeypatch, SimpleNamespace(info=Fixed.info, score=look))
    data = write(tmp_path / "p.jsonl", [])
    opened = Opened("p", (Part(str(data), counted()),))
    monkeypatch.setattr("rmbench.runner.bulk.job.open_source", lambda source: opened)
    summary = score(data, tmp_path / "s.parquet", chunk_responses=chunk)
    assert summary.rows == rows
    assert asked == {chunk}
    assert read == list(range(chunk // 2, rows + 1, chunk // 2))
    # The stream and the first row that was looked at may each hold one beside the chunk.
    assert len(living) == 10
    assert max(living) - before <= chunk // 2 + 2
