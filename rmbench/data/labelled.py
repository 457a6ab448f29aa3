"""Loaders of pairs whose rows say which of two responses was preferred, and how strongly.

Which side is stored first means nothing in these sets; the label does. A label that
prefers neither is a human tie: the first response stands as chosen with preference 0.5,
and metrics that need a right answer leave the row out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Any

from rmbench.data.fields import (
    Prompt,
    build,
    checked_prompt,
    messages,
    prompt_of_text,
    read_id,
    read_subset,
    required,
    response,
    text,
)
from rmbench.data.loader import MISSING, RowContext, lookup
from rmbench.types import Message, PreferenceExample, Role


def oriented(
    row: Mapping[str, Any],
    at: RowContext,
    *,
    prompt: Prompt,
    responses: tuple[str, str],
    for_first: float,
    identifier: str | None = None,
    subset: str | None = None,
    meta: Mapping[str, Any] | None = None,
) -> PreferenceExample:
    """The example whose chosen side is the preferred of two responses.

    Args:
        row: The row, for whatever is not given.
        at: Where it stands.
        prompt: The prompt.
        responses: The two, in the row's order.
        for_first: Share of the votes for the first of them, in [0, 1]; 0.5 is a tie.
        identifier: As for ``build``.
        subset: As for ``build``.
        meta: As for ``build``.
    """
    first, second = responses if for_first >= 0.5 else (responses[1], responses[0])
    return build(
        row,
        at,
        prompt=prompt,
        chosen=(first,),
        rejected=(second,),
        identifier=identifier,
        subset=subset,
        preference=max(for_first, 1.0 - for_first),
        meta=meta,
    )


def by_sign(strength: float) -> float:
    """Share for the first response where a positive number prefers the second.

    >>> by_sign(-3), by_sign(0), by_sign(1)
    (1.0, 0.5, 0.0)
    """
    return 0.5 if strength == 0 else float(strength < 0)


@dataclass(frozen=True, slots=True)
class PandaLM:
    """PandaLM's test set: two responses and the votes of three annotators.

    A vote is 1 or 2 for a response, 0 for a tie. Where most votes are for a tie, or
    every annotator says something else, the row is a tie. ``input`` follows the
    instruction after an empty line; ``NaN`` (the publisher's JSON says so) is no input.
    """

    name: str = "pandalm"
    summary: str = "PandaLM: instruction, input, response1, response2, annotator1..3: 1, 2 or 0"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"instruction", "response1", "response2", "annotator1"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        votes = Counter(_pandalm_vote(row, at, f"annotator{i}") for i in (1, 2, 3))
        instruction = text(required(row, at, "instruction"), at, "instruction")
        extra = required(row, at, "input")
        if extra is not None and not (isinstance(extra, float) and isnan(extra)):
            extra = text(extra, at, "input")
            instruction = f"{instruction}\n\n{extra}" if extra.strip() else instruction
        first, second = (
            response(required(row, at, side), at, side) for side in ("response1", "response2")
        )
        majority_ties = votes[0] > max(votes[1], votes[2])
        return oriented(
            row,
            at,
            prompt=prompt_of_text(instruction, at, "instruction"),
            responses=(first, second),
            for_first=0.5 if majority_ties else (votes[1] + votes[0] / 2) / 3,
            identifier=read_id(row, at, "idx"),
            subset=read_subset(row, at, "motivation_app"),
            meta={
                "votes": {"1": votes[1], "2": votes[2], "tie": votes[0]},
                "models": row.get("cmp_key"),
            },
        )


def _pandalm_vote(row: Mapping[str, Any], at: RowContext, field: str) -> int:
    vote = required(row, at, field)
    if isinstance(vote, bool) or vote not in (0, 1, 2):
        raise at.fail("unknown vote", field=field, hint=f"{vote!r}; known are 0 (tie), 1 and 2")
    return int(vote)


@dataclass(frozen=True, slots=True)
class WebGPT:
    """WebGPT comparisons: two answers with scores that are each other's negative; 0 is a tie."""

    name: str = "webgpt"
    summary: str = "WebGPT: question.full_text, answer_0, answer_1, score_0, score_1"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"question", "answer_0", "answer_1", "score_0", "score_1"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        question = required(row, at, "question.full_text")
        first, second = (
            response(required(row, at, side), at, side) for side in ("answer_0", "answer_1")
        )
        scores = [_number(row, at, column) for column in ("score_0", "score_1")]
        origin = lookup(row, "question.dataset")
        return oriented(
            row,
            at,
            prompt=prompt_of_text(question, at, "question.full_text"),
            responses=(first, second),
            for_first=by_sign(scores[1] - scores[0]),
            identifier=read_id(row, at),
            subset=at.subset or (origin if isinstance(origin, str) and origin else "all"),
            meta={"margin": abs(scores[0] - scores[1])},
        )


@dataclass(frozen=True, slots=True)
class SummarizeFromFeedback:
    """Summaries of posts and articles: two of them and the index, 0 or 1, of the better.

    The prompt is the post as the publisher showed it to its models: subreddit, title
    and post, or the article, each on lines of its own, and ``TL;DR:`` at the end.
    Summaries begin with a space in the files, which is not part of them.
    """

    name: str = "summarize-from-feedback"
    summary: str = "OpenAI summaries: info {post, title, ...}, summaries[2] {text}, choice 0 or 1"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"info", "summaries", "choice"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        info, summaries = required(row, at, "info"), required(row, at, "summaries")
        if not isinstance(info, Mapping):
            raise at.fail("info is not an object")
        if not isinstance(summaries, list | tuple) or len(summaries) != 2:
            raise at.fail("summaries does not hold 2 summaries")
        first, second = (_summary(one, at, f"summaries[{i}]") for i, one in enumerate(summaries))
        choice = required(row, at, "choice")
        if isinstance(choice, bool) or choice not in (0, 1):
            raise at.fail("unknown choice", hint=f"{choice!r}; known are 0 and 1")
        post, origin = _post(info, at)
        return oriented(
            row,
            at,
            prompt=prompt_of_text(post, at, "info"),
            responses=(first, second),
            for_first=1.0 - choice,
            identifier=read_id(row, at),
            subset=at.subset or origin,
            meta={
                "worker": row.get("worker"),
                "batch": row.get("batch"),
                "confidence": _plain(lookup(row, "extra.confidence")),
            },
        )


def _summary(value: Any, at: RowContext, field: str) -> str:
    if not isinstance(value, Mapping):
        raise at.fail("a summary is not an object", field=field)
    return response(value.get("text"), at, f"{field}.text").strip()


def _post(info: Mapping[str, Any], at: RowContext) -> tuple[str, str]:
    """What was summarised, as a prompt, and which of the two sources it is from."""
    article = info.get("article")
    if info.get("post") is None and article is not None:
        return f"Article: {text(article, at, 'info.article')}\n\nTL;DR:", "cnndm"
    parts = [
        (head, text(info[column], at, f"info.{column}"))
        for head, column in (("SUBREDDIT: r/", "subreddit"), ("TITLE: ", "title"))
        if info.get(column) is not None
    ]
    parts.append(("POST: ", text(info.get("post"), at, "info.post")))
    return "\n\n".join(head + value for head, value in parts) + "\n\nTL;DR:", "tldr"


@dataclass(frozen=True, slots=True)
class SHP:
    """Stanford Human Preferences: two comments on a post; ``labels`` 1 prefers A, 0 prefers B."""

    name: str = "shp"
    summary: str = "SHP: history, human_ref_A, human_ref_B, labels: 1 prefers A"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"history", "human_ref_A", "human_ref_B", "labels"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        first, second = (
            response(required(row, at, side), at, side) for side in ("human_ref_A", "human_ref_B")
        )
        label = required(row, at, "labels")
        if isinstance(label, bool) or label not in (0, 1):
            raise at.fail("unknown label", field="labels", hint=f"{label!r}; known are 0 and 1")
        domain = read_subset(row, at, "domain")
        for split in ("_train", "_validation", "_test"):  # part of the publisher's names
            domain = domain.removesuffix(split)
        return oriented(
            row,
            at,
            prompt=prompt_of_text(required(row, at, "history"), at, "history"),
            responses=(first, second),
            for_first=float(label),
            identifier=read_id(row, at),
            subset=domain,
            meta={key: row.get(key) for key in ("post_id", "score_A", "score_B", "score_ratio")},
        )


@dataclass(frozen=True, slots=True)
class HelpSteer2:
    """HelpSteer2's preferences: strength -3..3, negative for response_1, 0 for neither.

    Dialogues are flattened in the prompt, later turns marked ``<extra_id_1>User`` and
    ``<extra_id_1>Assistant``; they become messages again.
    """

    name: str = "helpsteer2"
    summary: str = "HelpSteer2: prompt, response_1, response_2, preference_strength -3..3"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"prompt", "response_1", "response_2", "preference_strength"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        first, second = (
            response(required(row, at, side), at, side) for side in ("response_1", "response_2")
        )
        strength = _strength(row, at, "preference_strength")
        return oriented(
            row,
            at,
            prompt=_flattened(text(required(row, at, "prompt"), at, "prompt"), at),
            responses=(first, second),
            for_first=by_sign(strength),
            identifier=read_id(row, at),
            subset=read_subset(row, at),
            meta={"strength": abs(strength), "split": row.get("split")},
        )


_TURN = "<extra_id_1>"
_TURN_ROLES: dict[str, Role] = {"User": "user", "Assistant": "assistant"}


def _flattened(prompt: str, at: RowContext) -> Prompt:
    head, *later = prompt.split(_TURN)
    turns = [Message("user", head.rstrip("\n") if later else head)]
    for turn in later:
        role, _, said = turn.partition("\n")
        if role not in _TURN_ROLES:
            raise at.fail("a turn of the prompt has no known role", hint=f"{role[:40]!r}")
        turns.append(Message(_TURN_ROLES[role], said.rstrip("\n")))
    if len(turns) > 1 and turns[-1].role == "assistant" and not turns[-1].content:
        turns.pop()
    return checked_prompt(tuple(turns), at)


@dataclass(frozen=True, slots=True)
class HelpSteer3:
    """HelpSteer3's preferences: -3..3, negative for response1, 0 for neither."""

    name: str = "helpsteer3"
    summary: str = "HelpSteer3: context, response1, response2, overall_preference -3..3"

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether its columns are there."""
        return {"context", "response1", "response2", "overall_preference"} <= row.keys()

    def convert(self, row: Mapping[str, Any], at: RowContext) -> PreferenceExample:
        """Read one row; ``DataError`` if it cannot be used."""
        first, second = (
            response(required(row, at, side), at, side) for side in ("response1", "response2")
        )
        strength = _strength(row, at, "overall_preference")
        prompt = checked_prompt(messages(required(row, at, "context"), at, "context"), at)
        return oriented(
            row,
            at,
            prompt=prompt,
            responses=(first, second),
            for_first=by_sign(strength),
            identifier=read_id(row, at),
            subset=read_subset(row, at, "domain"),
            meta={"strength": abs(strength), "language": row.get("language")},
        )


def _strength(row: Mapping[str, Any], at: RowContext, column: str) -> int:
    value = required(row, at, column)
    if isinstance(value, bool) or value not in range(-3, 4):
        raise at.fail("unknown preference", field=column, hint=f"{value!r}; known are -3 to 3")
    return int(value)


def _number(row: Mapping[str, Any], at: RowContext, column: str) -> float:
    value = required(row, at, column)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise at.fail(f"{column} is not a finite number", hint=f"{value!r}")
    return float(value)


def _plain(value: Any) -> Any:
    return None if value is MISSING else value


PANDALM = PandaLM()
WEBGPT = WebGPT()
SUMMARIZE_FROM_FEEDBACK = SummarizeFromFeedback()
SHP_COMMENTS = SHP()
HELPSTEER2 = HelpSteer2()
HELPSTEER3 = HelpSteer3()
