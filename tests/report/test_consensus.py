"""What no scorer gets right: joined from results, and shown in every format of a report."""

import json
import math
import re
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored_pairs import pair_scores

from rmbench.cli.main import invoke
from rmbench.errors import NotComparableError, ResultError
from rmbench.report import find_consensus, render_markdown, render_terminal, write_report
from rmbench.report.consensus import join_runs
from rmbench.report.consensus_tables import LISTED, LISTED_PARTS, with_consensus
from rmbench.report.content import Content
from rmbench.report.html import render_html
from rmbench.report.overview import arrange
from rmbench.report.table import markdown_table, terminal_table, wrapped
from rmbench.report.text import join, markdown, plain
from rmbench.resources import reference_dir
from rmbench.result import (
    Checkpoint,
    Mistake,
    Result,
    ScorerInfo,
    StoredRun,
    SuiteRef,
    find_runs,
    write_run,
)
from rmbench.result.consensus import Consensus
from rmbench.types import Scores

Build = Callable[..., Result]
Store = Callable[..., StoredRun]

MARGINS = {
    # item:      e0    e1    e2    e3    e4    e5
    "strong": [+4.0, -1.0, +2.0, -3.0, +1.0, +0.5],
    "middle": [+1.0, -2.0, +3.0, -1.0, -1.0, +0.5],
    "weak": [+0.1, +0.0, -0.1, -0.2, -0.3, +0.4],
}
SUBSETS = ["chat", "chat", "chat", "code", "code", "code"]
IDS = [f"e{i}" for i in range(6)]


@pytest.fixture
def store(tmp_path: Path, pairs_result: Build) -> Store:
    """``store(name, scores, blind=..., mistakes=..., **fields of the result)``."""

    def write(
        name: str,
        scores: Scores | None,
        *,
        blind: bool = False,
        mistakes: Sequence[Mistake] = (),
        **more: Any,
    ) -> StoredRun:
        return write_run(tmp_path, pairs_result(name, blind=blind, **more), scores, mistakes)

    return write


@pytest.fixture
def three(store: Store) -> list[StoredRun]:
    """The three of ``MARGINS`` and a ruler that is right on everything."""
    text = Mistake(
        example_id="e3", subset="code", prompt=({"role": "user", "content": "Sum of <a|b>?"},),
        chosen="The `right` one.", rejected="The wrong one.",
        reward_chosen=-3.0, reward_rejected=0.0, margin=-3.0,
    )  # fmt: skip
    runs = [
        store(
            name,
            pair_scores(np.array(margins), ids=IDS, subset=SUBSETS),
            mistakes=[text] if name == "strong" else [],
        )
        for name, margins in MARGINS.items()
    ]
    return [*runs, store("length", pair_scores(np.ones(6), ids=IDS, subset=SUBSETS), blind=True)]


def test_worked_by_hand(three: list[StoredRun]) -> None:
    """Right: strong on 2 and 2 of 3, middle on 2 and 1, weak on 1 and 1; e1 is a tie of weak's."""
    (found,) = find_consensus(three)
    assert found.scorers == ("strong", "middle", "weak")
    assert [(s.name, s.reason) for s in found.left_out] == [("length", "content-blind")]
    assert (found.items_shared, found.items_total, found.without_answer) == (6, 6, 0)
    whole, chat, code = found.parts
    assert [(p.subset, p.n) for p in found.parts] == [(None, 6), ("chat", 3), ("code", 3)]
    assert [p.none_right.count for p in found.parts] == [2, 1, 1]
    assert [p.all_right.count for p in found.parts] == [2, 1, 1]
    assert chat.none_right.expected == pytest.approx(3 * (1 / 3) * (1 / 3) * (2 / 3))
    assert code.none_right.expected == pytest.approx(3 * (1 / 3) * (2 / 3) * (2 / 3))
    assert whole.none_right.expected == pytest.approx(6 / 27 + 12 / 27)
    assert chat.all_right.expected == pytest.approx(3 * (2 / 3) * (2 / 3) * (1 / 3))
    # At least two of B(3, 2/27) + B(3, 4/27).
    none, one = (25 * 23 / 27**2) ** 3, 3 * (2 / 25 + 4 / 23) * (25 * 23 / 27**2) ** 3
    assert whole.none_right.p == pytest.approx(1 - none - one)

    def scaled(name: str, item: int) -> float:
        rms = math.sqrt(sum(m * m for m in MARGINS[name]) / 6)
        return MARGINS[name][item] / rms

    # The lowest mean first; a tie is the closest that anyone came to e1.
    assert [u.example_id for u in found.unsolved] == ["e3", "e1"]
    for item in found.unsolved:
        margins = [scaled(name, int(item.example_id[1:])) for name in MARGINS]
        assert item.margin_mean == pytest.approx(sum(margins) / 3)
        assert item.margin_max == pytest.approx(max(margins))
        assert item.won == 0
    assert found.unsolved[1].margin_max == 0
    # The texts are those that one of the results keeps.
    assert found.unsolved[0].chosen == "The `right` one."
    assert found.unsolved[1].chosen is None


def test_every_item_counts_as_a_plain_loop_says(store: Store) -> None:
    """Three scorers in three orders, each without other items, with votes of either side."""
    rng = np.random.default_rng(3)
    votes = rng.choice([0.0, 0.5, 1.0], 200)
    runs, margins = [], []
    for name in "abc":
        items = rng.permutation(200)[: 180 if name == "b" else 190]
        values = rng.integers(-3, 4, len(items)).astype(float)
        margins.append(dict(zip(items.tolist(), values.tolist(), strict=True)))
        scores = pair_scores(
            values,
            ids=[f"i{i:03d}" for i in items],
            subset=[f"s{i % 4}" for i in items],
            preference=votes[items],
        )
        runs.append(store(name, scores))
    (found,) = find_consensus(runs)

    shared = set.intersection(*map(set, margins))
    decided = [i for i in shared if votes[i] != 0.5]
    right = {i: [m[i] * (2 * votes[i] - 1) > 0 for m in margins] for i in decided}
    assert found.items_shared == len(shared) < 200
    assert found.items_total == len(set.union(*map(set, margins)))
    assert found.without_answer == len(shared) - len(decided)
    for part in found.parts:
        members = [i for i in decided if part.subset in (None, f"s{i % 4}")]
        assert part.n == len(members)
        assert part.none_right.count == sum(not any(right[i]) for i in members)
        assert part.all_right.count == sum(all(right[i]) for i in members)
    unsolved = {f"i{i:03d}" for i in decided if not any(right[i])}
    assert {u.example_id for u in found.unsolved} == unsolved
    means = [u.margin_mean for u in found.unsolved]
    assert means == sorted(means)
    # The order of the results changes who comes first and nothing else.
    (turned,) = find_consensus(runs[::-1])
    for ours, theirs in zip(found.parts, turned.parts, strict=True):
        assert theirs.none_right.count == ours.none_right.count
        assert theirs.none_right.p == pytest.approx(ours.none_right.p)
    assert {u.example_id for u in turned.unsolved} == unsolved


def test_an_item_without_a_finite_reward_is_left_out_and_counted(store: Store) -> None:
    plain = pair_scores(np.array([1.0, -1.0, -2.0]))
    broken = pair_scores(np.array([1.0, np.nan, -2.0]))
    (found,) = find_consensus([store("a", plain), store("b", broken)])
    assert (found.items_shared, found.items_total, found.parts[0].n) == (2, 3, 2)
    assert [u.example_id for u in found.unsolved] == ["i000002"]


def _several(rewards: Sequence[tuple[float, ...]], n_chosen: int) -> Scores:
    """Examples of several answers, the first ``n_chosen`` of them chosen."""
    n, size = len(rewards), len(rewards[0])
    ids = np.repeat(np.array([f"e{i}" for i in range(n)]), size)
    return Scores(
        example_id=ids,
        subset=np.full(n * size, "all"),
        group=ids,
        preference=np.ones(n * size),
        response_index=np.tile(np.arange(size), n),
        is_chosen=np.tile(np.arange(size) < n_chosen, n),
        reward=np.array([r for row in rewards for r in row]),
        n_tokens=np.zeros(n * size, np.int64),
        n_chars=np.full(n * size, 5),
        truncated=np.zeros(n * size, np.bool_),
    )


@pytest.mark.parametrize(
    ("headline", "unsolved"),
    [(None, ["e0", "e1"]), ("macro_best_of_n_accuracy", ["e0"]), ("accuracy", ["e0", "e1"])],
)
def test_of_several_answers_the_suites_own_notion_of_right_holds(
    store: Store, headline: str | None, unsolved: list[str]
) -> None:
    """e1: the best answer is a chosen one, the other chosen one is below a rejected one."""
    scores = _several([(0.0, 1.0, 2.0), (3.0, 0.0, 1.0), (3.0, 2.0, 1.0)], n_chosen=2)
    suite = SuiteRef(name="many", version="1", digest="9" * 64, headline=headline)
    (found,) = find_consensus([store(name, scores, suite=suite) for name in "ab"])
    assert found.several_answers
    assert sorted(u.example_id for u in found.unsolved) == unsolved
    assert [u.won for u in found.unsolved if u.example_id == "e1"] == [0.5] * (len(unsolved) - 1)


def test_one_chosen_answer_must_beat_all_rejected_ones(store: Store) -> None:
    scores = _several([(2.0, 1.0, 0.0), (2.0, 1.0, 2.0), (2.0, 1.0, 3.0)], n_chosen=1)
    (found,) = find_consensus([store(name, scores) for name in "ab"])
    assert sorted(u.example_id for u in found.unsolved) == ["e1", "e2"]


def _scorer(name: str, step: int, *, final: bool = False) -> ScorerInfo:
    return ScorerInfo(
        spec=f"hf:/runs/rm/{name}", kind="hf", name=name, margins_are_logits=True,
        checkpoint=Checkpoint(run="/runs/rm", step=step, final=final),
    )  # fmt: skip


def test_of_a_training_run_the_last_checkpoint_counts(store: Store) -> None:
    scores = pair_scores(np.array([1.0, -1.0]))
    checkpoints = [_scorer("final", 300, final=True), _scorer("c100", 100), _scorer("c300", 300)]
    runs = [store(info.name, scores, scorer=info) for info in checkpoints]
    assert find_consensus(runs) == ()
    (found,) = find_consensus([*runs, store("other", scores)])
    assert found.scorers == ("final", "other")
    reason = "an earlier checkpoint of a run that counts"
    assert [(s.name, s.reason) for s in found.left_out] == [("c100", reason), ("c300", reason)]


def test_the_same_scorer_twice_counts_once(
    store: Store, tmp_path: Path, pairs_result: Build
) -> None:
    scores = pair_scores(np.array([1.0, -1.0]))
    runs = [store("a", scores), store("b", scores)]
    again = write_run(tmp_path / "again", pairs_result("a"), scores)
    (found,) = find_consensus([*runs, again])
    assert found.scorers == ("a", "b")
    assert [(s.name, s.reason) for s in found.left_out] == [("a (run 2)", "measured before")]


def test_suites_that_differ_are_refused(store: Store) -> None:
    scores = pair_scores(np.array([1.0, -1.0]))
    newer = SuiteRef(name="pairs", version="2", digest="b" * 64)
    runs = [store("a", scores), store("b", scores, suite=newer)]
    with pytest.raises(NotComparableError) as refused:
        join_runs(runs, ["a", "b"])
    assert str(refused.value) == (
        "the suites differ: a was measured on pairs, version 1 (digest aaaaaaaaaaaa), "
        "b on pairs, version 2 (digest bbbbbbbbbbbb): run both with one"
    )
    # A report shows both, and says why they are not joined.
    first, second = find_consensus(runs)
    assert first.parts == second.parts == ()
    assert first.reason == (
        "the others were measured on version 2 (digest bbbbbbbbbbbb), not on version 1 "
        "(digest aaaaaaaaaaaa): run all with one"
    )
    words = " ".join(render_markdown(runs).split())
    assert words.count("items that no scorer gets right were not looked for") == 2
    with pytest.raises(NotComparableError, match="needs the results of two scorers or more, got 1"):
        join_runs(runs[:1], ["a"])


def test_results_that_cannot_be_joined_say_why_and_the_report_stands(store: Store) -> None:
    scores = pair_scores(np.array([1.0, -1.0]), subset=["x", "x"])
    relabelled = pair_scores(np.array([1.0, -1.0]), subset=["x", "y"])
    runs = [store("a", scores), store("b", relabelled)]
    (found,) = find_consensus(runs)
    assert found.reason is not None
    assert found.reason.startswith("the subset of 1 items differ between a and b ('i000001')")
    assert found.scorers == ("a", "b")
    text = " ".join(render_terminal([r.result for r in runs], [found]).split())
    assert f"pairs: items that no scorer gets right were not looked for: {found.reason}" in text

    (runs[1].path / "scores.parquet").unlink()
    (lost,) = find_consensus(runs)
    assert lost.reason is not None
    assert "scores.parquet: cannot be read" in lost.reason
    with pytest.raises(ResultError, match="cannot be read"):
        join_runs(runs, ["a", "b"])

    apart = [
        store("a", pair_scores(np.array([1.0]), ids=["p"])),
        store("b", pair_scores(np.array([1.0]), ids=["q"])),
    ]
    assert [c.reason for c in find_consensus(apart)] == ["a and b have no item in common"]


def test_other_texts_under_the_same_ids_are_refused(store: Store) -> None:
    def measured(name: str, fingerprint: str, n: int) -> StoredRun:
        run = store(name, pair_scores(-np.ones(n)))
        result = run.result
        assert result.provenance.data is not None
        data = result.provenance.data.model_copy(update={"fingerprint": fingerprint})
        provenance = result.provenance.model_copy(update={"data": data})
        return store(name, pair_scores(-np.ones(n)), provenance=provenance)

    (found,) = find_consensus([measured("a", "1" * 64, 3), measured("b", "2" * 64, 3)])
    assert found.reason == (
        "the data differ: a was measured on fingerprint 111111111111, b on 222222222222 "
        "(same ids, other texts)"
    )
    # Parts of one set have other fingerprints too; what could be checked agrees.
    (found,) = find_consensus([measured("a", "1" * 64, 3), measured("b", "2" * 64, 2)])
    assert (found.reason, found.items_shared, found.items_total) == (None, 2, 3)
    assert "the texts could not be checked" in found.notes[0]


def test_where_nothing_can_be_agreed_on_there_is_no_section(
    three: list[StoredRun], runs: list[StoredRun], store: Store
) -> None:
    assert find_consensus(three[:1]) == ()
    assert find_consensus(three[::3]) == ()  # one model and a ruler
    assert find_consensus(runs) == ()  # one model on each of several suites
    even = pair_scores(np.array([1.0, -1.0]), preference=np.full(2, 0.5))
    assert find_consensus([store("a", even), store("b", even)]) == ()
    assert "agreement of scorers" not in render_markdown(three[:1])


def test_golden(three: list[StoredRun], check_golden: Callable[[str, str], None]) -> None:
    overview = arrange([run.result for run in three])
    content = with_consensus(Content(None, (), ()), overview, find_consensus(three))
    tables = [terminal_table(table, 80) for table in content.tables]
    notes = [wrapped(join(note, plain), 80) for note in content.notes]
    check_golden("consensus.txt", "\n\n".join([*tables, "\n".join(notes)]) + "\n")
    marked = [f"## {join(t.title, markdown)}\n\n{markdown_table(t)}" for t in content.tables]
    items = "\n".join(f"- {join(note, markdown)}" for note in content.notes)
    check_golden("consensus.md", "\n\n".join([*marked, items]) + "\n")
    report = render_markdown(three)
    assert all(block in report for block in (*marked, items))


def test_the_list_is_capped_and_says_so(store: Store, tmp_path: Path) -> None:
    n = 3 * LISTED
    subset = [f"s{i % n:03d}" for i in range(2 * n)]
    runs = [store(name, pair_scores(-np.ones(2 * n), subset=subset)) for name in "ab"]
    runs = [store(name, pair_scores(-np.ones(2 * n), subset=subset[::-1])) for name in "ab"]
    text = render_markdown(runs)
    title = (
        f"## pairs: {LISTED} of {2 * n} items that no scorer gets right, lowest mean margin first"
    )
    assert title in text
    assert len(re.findall(r"^\| i\d{6} ", text, re.MULTILINE)) == LISTED
    (found,) = find_consensus(runs)
    assert len(found.unsolved) == 2 * n
    assert len(found.parts) == n + 1
    rows = re.findall(r"^\| (?:s\d{3}|whole suite) ", text.split("agreement of")[1], re.MULTILINE)
    assert len(rows) == n + 1  # as many as may all be shown

    more = [f"s{i:03d}" for i in range(2 * n)]
    solved = np.where(np.arange(2 * n) == 7, 1.0, -1.0)
    runs = [store(name, pair_scores(solved, subset=more)) for name in "ab"]
    text = render_markdown(runs)
    shown = f"agreement of scorers, {LISTED_PARTS} of {2 * n} subsets"
    assert f"{shown}, those with most that no scorer gets right beyond chance" in text
    write_report(runs, tmp_path / "r.json")
    assert (
        len(json.loads((tmp_path / "r.json").read_text())["consensus"][0]["unsolved"]) == 2 * n - 1
    )


def test_json_has_all_of_it(three: list[StoredRun], tmp_path: Path) -> None:
    (found,) = find_consensus(three)
    write_report(three, tmp_path / "report.json")
    body = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert list(body) == ["results", "consensus"]
    assert [Consensus.model_validate(c) for c in body["consensus"]] == [found]
    assert [Result.model_validate(r) for r in body["results"]] == [r.result for r in three]


def test_the_command_shows_it(three: list[StoredRun], capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(run.path) for run in three]
    assert invoke(["report", *paths]) == 0
    assert "pairs: items that no scorer gets right" in capsys.readouterr().out
    assert invoke(["report", *paths, "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert set(body) == {"results", "consensus", "written"}
    assert [u["example_id"] for u in body["consensus"][0]["unsolved"]] == ["e3", "e1"]


@pytest.fixture
def hostile(store: Store, hostile_text: str) -> list[StoredRun]:
    """Names, ids, subsets and texts that are attacks on some format."""
    ids, subset = [f"{hostile_text}{i}" for i in range(3)], [hostile_text, "=cmd()", "|"]
    evil = "</pre></details><img src=x onerror=alert(1)>"
    text = Mistake(
        example_id=ids[1], subset="=cmd()", prompt=({"role": hostile_text, "content": evil},),
        chosen=hostile_text, rejected=evil, reward_chosen=0.0, reward_rejected=1.0, margin=-1.0,
    )  # fmt: skip
    suite = SuiteRef(name="evil", version=hostile_text, digest="e" * 64, title=hostile_text)
    return [
        store(
            f"{hostile_text}{name}",
            pair_scores(-np.ones(3), ids=ids, subset=subset),
            suite=suite,
            mistakes=[text],
            blind=name == "c",
        )
        for name in "abc"
    ]


def test_hostile_text_stays_text(hostile: list[StoredRun]) -> None:
    found = find_consensus(hostile)
    assert len(found[0].unsolved) == 3
    control = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
    assert not re.search(control, render_terminal([r.result for r in hostile], found))
    text = render_markdown(hostile)
    assert "<script" not in text
    assert "http://" not in text
    assert not re.search(control, text)
    tables = re.findall(r"(?:^\|.*\n)+", text[text.index("agreement of scorers") :], re.MULTILINE)
    assert len(tables) == 2
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


class _Seen(HTMLParser):
    """Elements and text of a page; fails where an end tag closes another element."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in {"meta", "wbr", "br", "img", "hr", "path"}:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def _section(runs: Sequence[StoredRun]) -> str:
    html = render_html(runs)
    start = html.index("<h3>Items that no scorer gets right</h3>")
    return html[start : html.index("<h3>Scorer by scorer</h3>", start)]


def test_the_page_shows_the_items_and_the_texts_at_hand(three: list[StoredRun]) -> None:
    seen = _Seen(_section(three))
    for expected in (
        "3 scorers count: strong, middle, weak; not length (content-blind).",
        "6 of 6 items are common to all; right is a higher reward for the chosen answer",
        "whole suite62 (.333)0.667 [0, 2]2 (.333)0.667 [0, 2]",
        "1e3code−0.934−0.608",
        "2e1chat−0.5510.000",
        "Sum of <a|b>? Chosen The `right` one. Rejected The wrong one.",
        "Of 1 of these no result keeps the texts",
    ):
        assert expected in seen.text
    assert seen.tags.count("details") == 1
    assert "Items that no scorer gets right" not in render_html(three[:1])


def test_the_page_says_why_results_are_not_joined(store: Store) -> None:
    scores = pair_scores(np.array([1.0, -1.0]), subset=["x", "x"])
    relabelled = pair_scores(np.array([1.0, -1.0]), subset=["x", "y"])
    seen = _Seen(_section([store("a", scores), store("b", relabelled)]))
    assert "Not looked for: the subset of 1 items differ between a and b" in seen.text
    assert "table" not in seen.tags


def test_hostile_text_stays_text_on_a_page(hostile: list[StoredRun], hostile_text: str) -> None:
    section = _section(hostile)
    seen = _Seen(section)
    assert not {"script", "img", "a"} & set(seen.tags)
    assert seen.tags.count("details") == 1
    assert "<script>alert(1)</script>|`x`|$x^2$|" in seen.text
    assert "</pre></details><img src=x onerror=alert(1)>" in seen.text
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202e]", section)
    assert hostile_text not in section


def test_three_real_reward_models_on_judgebench() -> None:
    """The figures in docs/statistics.md."""
    names = ("Ray2333", "Skywork", "internlm", "length-", "random-", "shorter-")
    folders = [
        path / "judgebench"
        for path in sorted(reference_dir().iterdir())
        if path.name.startswith(names)
    ]
    (found,) = find_consensus(find_runs(folders))
    assert (len(found.scorers), len(found.left_out)) == (3, 3)
    table = {
        p.subset: (p.n, p.none_right.count, round(p.none_right.expected, 1), p.all_right.count)
        for p in found.parts
    }
    assert table == {
        None: (350, 63, 22.6, 135),
        "coding": (42, 6, 4.7, 9),
        "knowledge": (154, 33, 10.1, 61),
        "math": (56, 6, 1.3, 28),
        "reasoning": (98, 18, 6.4, 37),
    }
    whole = found.parts[0]
    assert (whole.none_right.low, whole.none_right.high) == (14, 32)
    assert (whole.all_right.low, whole.all_right.high) == (63, 94)
    assert round(whole.all_right.expected, 1) == 78.3
