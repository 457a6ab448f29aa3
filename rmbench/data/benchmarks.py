"""Loaders of the files that benchmarks are published as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rmbench.data.fields import (
    answers,
    build,
    prompt_of_text,
    read_id,
    read_subset,
    required,
    response,
)
from rmbench.data.loader import RowContext
from rmbench.types import PreferenceExample

RM_BENCH_DOMAINS = ("chat", "code", "math", "safety-refuse", "safety-response")
RM_BENCH_STYLES = 3
"""Answers a side, in the order concise, detailed in plain text, detailed in markdown."""


@dataclass(frozen=True, slots=True)
class RMBench:
    """RM-Bench: three chosen and three rejected answers, one for each style.

    The files in the publisher's repository have no ``domain`` column (the suite file
    says which domain a file is), a ``subset`` column that means something else, and
    whole numbers for ids that may recur from file to file; so the id becomes
    ``<domain>/<id>``, as it stands in the joint file and on the Hub.
    """

    name: str = "rm-bench"
    summary: str = "RM-Bench: prompt, chosen[3], rejected[3] by style, domain"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether it has a domain and three answers a side."""
        return row.get("domain") in RM_BENCH_DOMAINS and all(
            isinstance(row.get(side), list) and len(row[side]) == RM_BENCH_STYLES
            for side in ("chosen", "rejected")
        )

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        if at.subset is None and at.columns.subset is None:
            required(row, at, "domain")
        domain = read_subset(row, at, "domain")
        column = at.column("prompt")
        prompt = prompt_of_text(required(row, at, column), at, column)
        sides = []
        for side in (at.column("chosen"), at.column("rejected")):
            found = answers(required(row, at, side), at, side, prompt)
            if len(found) != RM_BENCH_STYLES:
                raise at.fail(
                    f"{side} does not hold {RM_BENCH_STYLES} answers", hint=f"it has {len(found)}"
                )
            sides.append(found)
        own_id = read_id(row, at)
        return build(
            row,
            at,
            prompt=prompt,
            chosen=sides[0],
            rejected=sides[1],
            identifier=own_id if "/" in own_id else f"{domain}/{own_id}",
            subset=domain,
        )


@dataclass(frozen=True, slots=True)
class JudgeBench:
    """JudgeBench: two responses and the label ``A>B`` or ``B>A``; ties do not occur.

    The subset is the group that results are published by, from the prefix of
    ``source``. ``original_id`` is a number in some rows and null in others.
    """

    name: str = "judgebench"
    summary: str = "JudgeBench: question, response_A, response_B, label 'A>B' or 'B>A'"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"question", "response_A", "response_B", "label"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        column = at.column("prompt", "question")
        prompt = prompt_of_text(required(row, at, column), at, column)
        first, second = (
            response(required(row, at, side), at, side) for side in ("response_A", "response_B")
        )
        label = required(row, at, "label")
        if label not in ("A>B", "B>A"):
            raise at.fail("unknown label", hint=f"{label!r}; known are 'A>B' and 'B>A'")
        chosen, rejected = (first, second) if label == "A>B" else (second, first)
        return build(
            row,
            at,
            prompt=prompt,
            chosen=(chosen,),
            rejected=(rejected,),
            identifier=read_id(row, at, "pair_id"),
            subset=_judgebench_group(row, at),
            meta={
                key: row.get(key) for key in ("source", "original_id", "response_model", "label")
            },
        )


_JUDGEBENCH_GROUPS = {
    "mmlu-pro": "knowledge",
    "livebench-reasoning": "reasoning",
    "livebench-math": "math",
    "livecodebench": "coding",
}


def _judgebench_group(row: Mapping[str, Any], at: RowContext) -> str:
    if at.subset is not None or at.columns.subset is not None:
        return read_subset(row, at)
    source = required(row, at, "source")
    if isinstance(source, str):
        for prefix, group in _JUDGEBENCH_GROUPS.items():
            if source.startswith(prefix):
                return group
    raise at.fail(
        "unknown source", field="source", hint=f"{source!r}; known: {', '.join(_JUDGEBENCH_GROUPS)}"
    )


@dataclass(frozen=True, slots=True)
class LLMBar:
    """LLMBar: two outputs and the number, 1 or 2, of the one that follows the instruction."""

    name: str = "llmbar"
    summary: str = "LLMBar: input, output_1, output_2, label 1 or 2"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"input", "output_1", "output_2", "label"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        column = at.column("prompt", "input")
        prompt = prompt_of_text(required(row, at, column), at, column)
        first, second = (
            response(required(row, at, side), at, side) for side in ("output_1", "output_2")
        )
        label = required(row, at, "label")
        # True equals 1 in Python and would pass for a label.
        if isinstance(label, bool) or label not in (1, 2):
            raise at.fail("unknown label", hint=f"{label!r}; known are 1 and 2")
        chosen, rejected = (first, second) if label == 1 else (second, first)
        return build(
            row,
            at,
            prompt=prompt,
            chosen=(chosen,),
            rejected=(rejected,),
            meta={"position_of_chosen": label},
        )


RM_BENCH = RMBench()
JUDGEBENCH = JudgeBench()
LLMBAR = LLMBar()
