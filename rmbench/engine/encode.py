"""Conversations to token ids: chat template or text pair, and truncation.

A tokenizer with a chat template encodes the whole conversation through
``apply_chat_template(tokenize=True)``, so the template alone decides about the
special tokens (templating to a string first doubles the BOS). A tokenizer
without one that joins two texts with a separator (BERT and its kin) encodes the
pair ``(prompt, response)`` with the token types it was trained with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from typing import Any, Literal

from rmbench.errors import ScorerError, UsageError
from rmbench.types import Conversation, Message

FIXED_DATE = "2024-07-26"
"""What a template that asks for today's date is told, so that scores do not
change overnight; it is the date Llama 3.1's own template falls back to."""

# Their first position is padding_idx + 1, so that many of max_position_embeddings
# can never be used.
_OFFSET_POSITIONS = frozenset(
    {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "roberta-prelayernorm", "xmod",
     "data2vec-text", "longformer", "mpnet", "ibert"}
)  # fmt: skip

_DATE_CALL = re.compile(r"""strftime_now\s*\(\s*(?P<quote>['"])(?P<format>.*?)(?P=quote)\s*\)""")

_PROMPT, _RESPONSE, _SPECIAL = 0, 1, -1


@dataclass(frozen=True, slots=True)
class Encoded:
    """One conversation as a model reads it.

    Attributes:
        input_ids: Token ids, special tokens included.
        token_type_ids: Segment of each token, where the tokenizer has segments.
        truncated: Whether tokens were cut off to fit ``max_length``.
    """

    input_ids: tuple[int, ...]
    token_type_ids: tuple[int, ...] | None = None
    truncated: bool = False

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def key(self) -> bytes:
        """Digest equal exactly for inputs a model cannot tell apart."""
        return sha256(repr((self.input_ids, self.token_type_ids)).encode()).digest()


def join_turns(prompt: Sequence[Message]) -> str:
    r"""The prompt as one text, for models that read text pairs.

    A single user turn is its content, as published text-pair reward models expect;
    otherwise each turn is ``Role: content`` and turns are separated by a blank line.

    >>> join_turns([Message("user", "Hi")])
    'Hi'
    >>> join_turns([Message("system", "Be brief."), Message("user", "Hi")])
    'System: Be brief.\n\nUser: Hi'
    """
    if len(prompt) == 1 and prompt[0].role == "user":
        return prompt[0].content
    return "\n\n".join(f"{m.role.capitalize()}: {m.content}" for m in prompt)


class Encoder:
    """Encodes conversations for one model; build it with ``build_encoder``.

    Attributes:
        style: ``chat`` (the chat template) or ``pair`` (prompt and response as text pair).
        max_length: Most tokens a conversation may have, or ``None`` for no limit.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        style: Literal["chat", "pair"],
        max_length: int | None,
        chat_template: str | None = None,
        system_prompt: str | None = None,
    ) -> None:
        self.style = style
        self.max_length = max_length
        self.system_prompt = system_prompt
        self._tokenizer = tokenizer
        self._template = chat_template or _single_template(tokenizer) or ""
        self._frozen = freeze_date(self._template)

    @property
    def record(self) -> dict[str, Any]:
        """What decides how texts become tokens, for the result's provenance."""
        record: dict[str, Any] = {"encoding": self.style, "max_length": self.max_length}
        if self.style == "chat":
            record["chat_template_sha256"] = sha256(self._template.encode()).hexdigest()
            if self._frozen != self._template:
                record["template_date"] = FIXED_DATE
        if self.system_prompt is not None:
            record["system_prompt"] = self.system_prompt
        return record

    def encode(self, conversations: Sequence[Conversation]) -> list[Encoded]:
        """Encode in input order.

        Neighbouring conversations of one ``example_id`` lose the same prompt tokens, as
        many as the longest of them needs: the oldest go first, a leading BOS and the
        template's last turn marker stay. Only when a prompt is used up, its response
        loses its end.

        Raises:
            ScorerError: If the chat template refuses a conversation.
        """
        rows = self._rows(conversations)
        if self.max_length is None:
            return [_encoded(r) for r in rows]
        out: list[Encoded] = []
        start = 0
        for _, items in groupby(conversations, key=lambda c: c.example_id):
            stop = start + sum(1 for _ in items)
            group = rows[start:stop]
            excess = max(len(r.ids) for r in group) - self.max_length
            if excess <= 0:
                out.extend(_encoded(r) for r in group)
            else:
                marked = [
                    self._marked(r, c)
                    for r, c in zip(group, conversations[start:stop], strict=True)
                ]
                removable = min(sum(s == _PROMPT for s in m.segments) for m in marked)
                out.extend(_truncate(m, min(excess, removable), self.max_length) for m in marked)
            start = stop
        return out

    def _messages(self, conversation: Conversation) -> list[dict[str, str]]:
        turns = [{"role": m.role, "content": m.content} for m in conversation.prompt]
        if self.system_prompt is not None:
            turns = [t for t in turns if t["role"] != "system"]
            turns.insert(0, {"role": "system", "content": self.system_prompt})
        return turns

    def _rows(self, conversations: Sequence[Conversation]) -> list[_Row]:
        if not conversations:
            return []
        if self.style == "pair":
            return self._pairs(conversations)
        chats = [
            [*self._messages(c), {"role": "assistant", "content": c.response}]
            for c in conversations
        ]
        try:
            ids = self._apply(chats, add_generation_prompt=False)
        except Exception as error:  # a template may raise anything; re-raised, named
            # Templates raise whatever their author chose, for instance on a system turn.
            self._blame(chats, conversations, error)
        return [_Row(tuple(i), None, None) for i in ids]

    def _apply(
        self, chats: list[list[dict[str, str]]], *, add_generation_prompt: bool
    ) -> list[list[int]]:
        encoded = self._tokenizer.apply_chat_template(
            chats,
            chat_template=self._frozen,
            tokenize=True,
            add_generation_prompt=add_generation_prompt,
            return_dict=True,
            padding=False,
            truncation=False,
        )
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    def _blame(
        self,
        chats: list[list[dict[str, str]]],
        conversations: Sequence[Conversation],
        error: Exception,
    ) -> None:
        for chat, conversation in zip(chats, conversations, strict=True):
            try:
                self._apply([chat], add_generation_prompt=False)
            except Exception as own:  # see above: a template may raise anything
                roles = ", ".join(m["role"] for m in chat)
                raise ScorerError(
                    f"the chat template refuses example {conversation.example_id!r} "
                    f"(turns: {roles}): {_one_line(own)}; give another with --chat-template"
                ) from None
        raise error

    def _pairs(self, conversations: Sequence[Conversation]) -> list[_Row]:
        prompts = [
            join_turns([Message(m["role"], m["content"]) for m in self._messages(c)])  # type: ignore[arg-type]  # roles come from Message
            for c in conversations
        ]
        batch = self._tokenizer(
            prompts,
            [c.response for c in conversations],
            padding=False,
            truncation=False,
            verbose=False,
        )
        types = batch.get("token_type_ids")
        return [
            _Row(
                tuple(batch["input_ids"][i]),
                tuple(types[i]) if types is not None else None,
                tuple(_SPECIAL if s is None else s for s in batch.sequence_ids(i)),
            )
            for i in range(len(conversations))
        ]

    def _marked(self, row: _Row, conversation: Conversation) -> _Marked:
        if row.segments is not None:
            return _Marked(row.ids, row.types, row.segments)
        # Where the prompt ends in tokens: as far as the prompt alone, with the marker
        # that opens the answer, encodes alike.
        opening = self._apply([self._messages(conversation)], add_generation_prompt=True)[0]
        prompt_end = _common_prefix(row.ids, opening)
        closing = self._apply([self._messages(conversation)], add_generation_prompt=False)[0]
        marker = max(0, len(opening) - _common_prefix(opening, closing))
        first = 1 if row.ids and row.ids[0] == self._tokenizer.bos_token_id else 0
        last = max(first, prompt_end - marker)
        segments = (
            (_SPECIAL,) * first
            + (_PROMPT,) * (last - first)
            + (_SPECIAL,) * (prompt_end - last if prompt_end > last else 0)
        )
        return _Marked(row.ids, None, segments + (_RESPONSE,) * (len(row.ids) - len(segments)))


@dataclass(frozen=True, slots=True)
class _Row:
    ids: tuple[int, ...]
    types: tuple[int, ...] | None
    segments: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class _Marked:
    ids: tuple[int, ...]
    types: tuple[int, ...] | None
    segments: tuple[int, ...]


def build_encoder(
    tokenizer: Any,
    model_config: Any,
    *,
    max_length: int | None = None,
    chat_template: str | None = None,
    system_prompt: str | None = None,
) -> Encoder:
    """Decide how a model's conversations are encoded.

    Args:
        tokenizer: A Hugging Face tokenizer.
        model_config: The model's configuration; its positions bound ``max_length``.
        max_length: Most tokens of a conversation; by default what the positions allow.
        chat_template: Jinja text used in place of the tokenizer's own.
        system_prompt: Put before every prompt, in place of a system turn it may have.

    Raises:
        UsageError: If the tokenizer has neither a template nor a pair form, or if
            ``max_length`` is more than the model's positions.
    """
    limit = position_limit(tokenizer, model_config)
    if max_length is not None and limit is not None and max_length > limit:
        raise UsageError(
            f"--max-length {max_length} is more than the {limit} positions this model has"
        )
    if chat_template is not None or _single_template(tokenizer) is not None:
        style: Literal["chat", "pair"] = "chat"
    elif _joins_pairs(tokenizer):
        style = "pair"
    else:
        raise UsageError(
            "the tokenizer has no chat template and no separator between two texts, so there is "
            "no telling how the model reads a conversation: give its template with "
            "--chat-template FILE"
        )
    return Encoder(
        tokenizer,
        style=style,
        max_length=max_length if max_length is not None else limit,
        chat_template=chat_template,
        system_prompt=system_prompt,
    )


def position_limit(tokenizer: Any, model_config: Any) -> int | None:
    """Longest sequence the model's positions allow, in tokens; ``None`` if unbounded."""
    text_config = (
        model_config.get_text_config() if hasattr(model_config, "get_text_config") else model_config
    )
    positions = getattr(text_config, "max_position_embeddings", None)
    if positions is None or positions <= 0:
        positions = getattr(text_config, "n_positions", None)
    if positions is None or positions <= 0:
        return None
    return int(positions) - first_position(text_config)


def first_position(text_config: Any) -> int:
    """Position of a sequence's first token: 0, or ``padding_idx + 1`` in RoBERTa's kin."""
    if getattr(text_config, "model_type", "") in _OFFSET_POSITIONS:
        return int(getattr(text_config, "pad_token_id", None) or 0) + 1
    return 0


def _single_template(tokenizer: Any) -> str | None:
    template = getattr(tokenizer, "chat_template", None)
    if isinstance(template, dict):
        template = template.get("default")
    return template if isinstance(template, str) and template else None


def _joins_pairs(tokenizer: Any) -> bool:
    sep = getattr(tokenizer, "sep_token_id", None)
    if sep is None or not getattr(tokenizer, "is_fast", False):
        return False
    batch = tokenizer(["a"], ["b"])
    segments = batch.sequence_ids(0)
    ids = batch["input_ids"][0]
    between = [i for i, s in zip(ids, segments, strict=True) if s is None]
    return sep in between[:-1]


def freeze_date(template: str) -> str:
    """Write ``FIXED_DATE`` into a template wherever it asks for today's date.

    ``transformers`` lets nothing callable into a template, so the calls are replaced in
    its text. Their format is a literal in every published template; one that computes it
    is refused rather than left to change with the day.

    Raises:
        UsageError: If the template computes the format.

    >>> freeze_date("Today is {{ strftime_now('%d %b %Y') }}.")
    "Today is {{ '26 Jul 2024' }}."
    """
    date = datetime.fromisoformat(FIXED_DATE)
    frozen = _DATE_CALL.sub(lambda m: repr(date.strftime(m["format"])), template)
    if re.search(r"strftime_now\s*\(", frozen):
        raise UsageError(
            "the chat template asks for today's date in a computed format, so its scores would "
            "change from day to day: give a template with a fixed date with --chat-template FILE"
        )
    return frozen


def _encoded(row: _Row) -> Encoded:
    return Encoded(row.ids, row.types)


def _common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


def _truncate(row: _Marked, from_prompt: int, max_length: int) -> Encoded:
    keep: list[int] = []
    dropped = 0
    for position, segment in enumerate(row.segments):
        if segment == _PROMPT and dropped < from_prompt:
            dropped += 1
        else:
            keep.append(position)
    over = len(keep) - max_length
    if over > 0:
        cuttable = [p for p in keep if row.segments[p] == _RESPONSE]
        gone = set(cuttable[max(0, len(cuttable) - over) :])
        keep = [p for p in keep if p not in gone][:max_length]
    return Encoded(
        tuple(row.ids[p] for p in keep),
        tuple(row.types[p] for p in keep) if row.types is not None else None,
        truncated=len(keep) < len(row.ids),
    )


def _one_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
