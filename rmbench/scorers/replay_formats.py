"""The layouts that scores are published in, and which of them a file has.

Each is written down as the program that writes it leaves it: reward-bench's ``run_rm.py``,
``run_v2.py`` and command line, RM-Bench's ``run_rm.py``, JudgeBench's ``run_judge.py``, RMB's
``my_run_rm.py`` and the result files of Preference Proxy Evaluations (PPE).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rmbench.errors import DataError, shorten
from rmbench.scorers.replay_file import Document
from rmbench.scorers.replay_rows import FAILED, ReplayRow, RowReader

Join = Literal["id", "order", "id or order"]
"""How rows find their examples: by id, by position, or by position where ids do not do."""


@dataclass(frozen=True)
class Layout:
    """One publisher's way to write scores down.

    Attributes:
        name: How records call it.
        columnar: Whether it is parallel arrays; ``None`` where it makes no difference.
        needs: Fields that every row has.
        read: Makes a ``ReplayRow`` of a row.
        join: How rows find their examples.
        id_field: The field that ids are read from. An example whose ``meta`` holds a value of
            that name is found by it, too.
        row_an_answer: Whether each row holds one answer, and those of an id belong together.
    """

    name: str
    needs: frozenset[str]
    read: Callable[[RowReader], ReplayRow]
    columnar: bool | None = False
    join: Join = "id"
    id_field: str = "id"
    row_an_answer: bool = False

    def matches(self, row: Mapping[str, Any], columnar: bool) -> bool:
        """Whether a first row is of this layout."""
        return self.needs <= row.keys() and self.columnar in (None, columnar)


def find_layout(document: Document, path: Path) -> Layout:
    """The layout of a file, by its first row.

    Raises:
        DataError: If it is none that is known; it says what is there.
    """
    number, row = document.rows[0]
    for layout in LAYOUTS:
        if layout.matches(row, document.columnar):
            return layout
    if {"scores_chosen", "scores_rejected"} & row.keys():
        return RMBENCH  # its reader says which field is missing
    raise DataError(
        f"holds no scores in a layout that is known; its fields: {shorten(list(row), 8) or 'none'}",
        file=str(path),
        row=number,
        hint="rmbench's own is {id, scores_chosen, scores_rejected}; docs/protocols.md has all",
    )


# --- rmbench


def _own(row: RowReader) -> ReplayRow:
    if row.values.get("id") in (None, ""):
        raise row.fail("has no id to join on", "id")
    return ReplayRow(
        # What was written as an id, whatever it is.
        str(row.values["id"]),
        str(row.values.get("subset", "all")),
        row.rewards("scores_chosen"),
        row.rewards("scores_rejected"),
        row.file,
        row.number,
    )


# --- reward-bench


def _optional(row: RowReader, field: str, default: str) -> str:
    return row.text(field) if row.values.get(field) not in (None, "") else default


def _texts(row: RowReader, *fields: str) -> tuple[str, ...] | None:
    """The answers in some fields, each one text or conversation, or a list of texts."""
    found: list[Any] = []
    for field in fields:
        value = row.values.get(field)
        several = isinstance(value, list) and not (value and isinstance(value[0], dict))
        found += value if several and isinstance(value, list) else [value]
    texts = tuple(_last_text(value) for value in found)
    return None if None in texts else tuple(t for t in texts if t is not None)


def _last_text(value: Any) -> str | None:
    """A conversation as one text, or that of the last message of a list."""
    if isinstance(value, list) and value and isinstance(value[-1], dict):
        value = value[-1].get("content")
    return value if isinstance(value, str) else None


def _reward_bench(row: RowReader) -> ReplayRow:
    return ReplayRow(
        _optional(row, "id", ""),
        _optional(row, "subset", "all"),
        row.rewards("scores_chosen"),
        row.rewards("scores_rejected"),
        row.file,
        row.number,
        _texts(row, "text_chosen", "text_rejected"),
    )


def _reward_bench_all(row: RowReader) -> ReplayRow:
    return ReplayRow(
        "", "all", row.rewards("chosen"), row.rewards("rejected"), row.file, row.number
    )


def _reward_bench_2(row: RowReader) -> ReplayRow:
    scores = row.get("scores")
    # Some pipelines wrap the answers of a row once more.
    if isinstance(scores, list) and len(scores) == 1 and isinstance(scores[0], list):
        scores = scores[0]
    if not isinstance(scores, list):
        raise row.fail(f"expected a list of scores, got {scores!r:.40}", "scores")
    rewards = tuple(row.reward(entry, "scores") for entry in scores)
    n = row.get("num_correct")
    if isinstance(n, bool) or not isinstance(n, int) or not 0 < n < len(rewards):
        raise row.fail(f"{n!r:.20} of {len(rewards)} answers cannot be right", "num_correct")
    texts = _texts(row, "text")
    return ReplayRow(
        _optional(row, "id", ""),
        _optional(row, "subset", "all"),
        rewards[:n],
        rewards[n:],
        row.file,
        row.number,
        texts if texts and len(texts) == len(rewards) else None,
    )


def _reward_bench_best_of_n(row: RowReader) -> ReplayRow:
    """One answer: ``id`` is that of its prompt and which of the prompt's answers it is."""
    both = row.get("id")
    if not isinstance(both, list) or len(both) != 2 or not all(type(part) is int for part in both):
        raise row.fail(f"expected [prompt, answer], got {both!r:.40}", "id")
    prompt, position = both
    text = _last_text(row.values.get("text"))
    return ReplayRow(
        str(prompt),
        "all",
        (row.reward(row.get("scores"), "scores"),),
        (),
        row.file,
        row.number,
        None if text is None else (text,),
        by_position=True,
        position=position,
    )


# --- RM-Bench

RM_BENCH_DOMAINS = ("chat", "code", "math", "safety-refuse", "safety-response")
_RM_BENCH_DOMAIN = re.compile(rf"({'|'.join(RM_BENCH_DOMAINS)})(?![a-z])")


def _rm_bench(row: RowReader) -> ReplayRow:
    own = row.text("id")
    domain = row.values.get("domain")
    if not isinstance(domain, str):
        # Its splitter takes the domain out of the rows; ids of the joint file begin with it.
        head, slash, _ = own.partition("/")
        in_name = _RM_BENCH_DOMAIN.match(Path(row.file).name)
        if slash:
            domain = head
        elif in_name:
            domain = in_name[1]
        else:
            raise row.fail(
                "neither the row nor the file's name says which domain it is",
                "domain",
                hint="RM-Bench's own names begin with it: chat_filtered_...",
            )
    return ReplayRow(
        own if "/" in own else f"{domain}/{own}",
        domain,
        row.rewards("score_chosen"),
        row.rewards("score_rejected"),
        row.file,
        row.number,
        _texts(row, "chosen", "rejected"),
    )


# --- JudgeBench

JUDGEBENCH_GROUPS = {
    "mmlu-pro": "knowledge",
    "livebench-reasoning": "reasoning",
    "livebench-math": "math",
    "livecodebench": "coding",
}
"""Beginning of a source to the group that results are published by."""
_JUDGEBENCH_DECISIONS = {"A>B": (1.0, 0.0), "B>A": (0.0, 1.0)}


def _judgebench(row: RowReader) -> ReplayRow:
    """Rewards, or votes where a judge gave none: of each order, one for the side decided for.

    What is no decision (a tie, or nothing that could be read) is a vote for neither, as in the
    publisher's metric; a judgment that was not made is missing.
    """
    judgments = row.get("judgments")
    label = row.get("label")
    if not isinstance(judgments, list) or not 1 <= len(judgments) <= 2:
        raise row.fail("expected one or two judgments", "judgments")
    if label not in _JUDGEBENCH_DECISIONS:
        raise row.fail(f"unknown label {label!r:.20}", "label", hint="known: 'A>B', 'B>A'")
    first: list[Any] = []
    second: list[Any] = []
    for swapped, judgment in enumerate(judgments):
        pair = _judged(judgment, row)
        if pair is not None:
            a, b = pair if not swapped else (pair[1], pair[0])
            first.append(a)
            second.append(b)
    side_a, side_b = ((row.tally.mean(side) if side else float("nan")) for side in (first, second))
    chosen, rejected = (side_a, side_b) if label == "A>B" else (side_b, side_a)
    source = _optional(row, "source", "all")
    sides = ("response_A", "response_B") if label == "A>B" else ("response_B", "response_A")
    return ReplayRow(
        row.text("pair_id"),
        next((g for head, g in JUDGEBENCH_GROUPS.items() if source.startswith(head)), source),
        (chosen,),
        (rejected,),
        row.file,
        row.number,
        _texts(row, *sides),
    )


def _judged(judgment: Any, row: RowReader) -> tuple[float, float] | None:
    """What the answers shown first and second got; ``None`` if they were not judged."""
    if judgment is None:
        return None
    if not isinstance(judgment, dict):
        raise row.fail("a judgment is no object", "judgments")
    detail = judgment.get("judgment")
    scores = detail.get("scores") if isinstance(detail, dict) else None
    if scores is not None:
        if not isinstance(scores, list) or len(scores) != 2:
            raise row.fail("expected two scores of a judgment", "judgments")
        return row.reward(scores[0], "judgments"), row.reward(scores[1], "judgments")
    return _JUDGEBENCH_DECISIONS.get(str(judgment.get("decision")), (0.0, 0.0))


def judgebench_has_scores(document: Document) -> bool:
    """Whether the first judgment of a JudgeBench file is a reward model's."""
    for _, row in document.rows:
        for judgment in row.get("judgments") or ():
            if isinstance(judgment, dict):
                detail = judgment.get("judgment")
                return isinstance(detail, dict) and detail.get("scores") is not None
    return False


# --- RMB


def _rmb(row: RowReader) -> ReplayRow:
    return ReplayRow(
        row.text("pair_uid"),
        _optional(row, "category_path", "all"),
        row.rewards("chosen_reward"),
        row.rewards("reject_reward"),
        row.file,
        row.number,
    )


# --- PPE


_PPE_SET = re.compile(r"(mmlu_pro|math|gpqa|ifeval|mbpp_plus)_best_of_k")
"""What the publisher's folders of results are called, one a set."""


def _ppe(row: RowReader) -> ReplayRow:
    """Scores by column; the id is question and generator, after the set where the path says it.

    The name of a set's file is the model's, so the set is in the name of its folder.
    """
    scores: list[float] = []
    failed: list[int] = []
    while (field := f"score_{len(scores) + 1}") in row.values:
        value = row.values[field]
        if value in (FAILED, [FAILED]):
            failed.append(len(scores))
        scores.append(row.reward(value, field))
    model = row.values.get("model_name")
    key = row.text("question_id")
    if isinstance(model, str) and model:
        key = f"{key}/{model}"
    in_path = _PPE_SET.search("/".join(Path(row.file).absolute().parts[-2:]))
    subset = in_path[1].replace("_", "-") if in_path else "all"
    return ReplayRow(
        f"{subset}/{key}" if in_path else key,
        subset,
        tuple(scores),
        (),
        row.file,
        row.number,
        by_position=True,
        failed=tuple(failed),
    )


RMBENCH = Layout("rmbench", frozenset({"id", "scores_chosen", "scores_rejected"}), _own)
LAYOUTS = (
    Layout(
        "reward-bench outputs",
        frozenset({"results", "scores_chosen", "scores_rejected"}),
        _reward_bench,
        join="id or order",
    ),
    RMBENCH,
    Layout(
        "reward-bench scores",
        frozenset({"scores_chosen", "scores_rejected"}),
        _reward_bench,
        columnar=True,
        join="id or order",
    ),
    Layout(
        "reward-bench 2 scores",
        frozenset({"scores", "num_correct"}),
        _reward_bench_2,
        columnar=True,
        join="id or order",
    ),
    Layout(
        "reward-bench best of n",
        frozenset({"id", "scores", "model"}),
        _reward_bench_best_of_n,
        row_an_answer=True,
    ),
    Layout("rm-bench", frozenset({"id", "score_chosen", "score_rejected"}), _rm_bench),
    Layout("judgebench", frozenset({"pair_id", "judgments"}), _judgebench, id_field="pair_id"),
    Layout(
        "rmb", frozenset({"pair_uid", "chosen_reward", "reject_reward"}), _rmb, id_field="pair_uid"
    ),
    Layout("ppe", frozenset({"question_id", "score_1"}), _ppe, id_field="question_id"),
    Layout("reward-bench all", frozenset({"chosen", "rejected"}), _reward_bench_all, join="order"),
)
"""In the order in which they are tried."""
