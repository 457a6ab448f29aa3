"""Reading and checking the fields of one row; every loader is made of these.

A failure's ``reason`` is the same for every row that fails alike, so that skipped
rows can be counted by reason; what differs from row to row stands in the hint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from rmbench.data.loader import MISSING, ColumnRole, RowContext, lookup, prompt_group
from rmbench.data.votes import vote_share
from rmbench.errors import shorten
from rmbench.types import ROLES, Message, PreferenceExample, Role

Prompt = tuple[Message, ...]


def required(row: Mapping[str, Any], at: RowContext, column: str) -> Any:
    """The value of a column that has to be there."""
    value = lookup(row, column)
    if value is MISSING:
        there = shorten([str(key) for key in row], 8)
        raise at.fail(f"missing column {column!r}", hint=f"the row has {there or 'no columns'}")
    return value


def text(value: Any, at: RowContext, field: str) -> str:
    """A string that can be written as UTF-8."""
    if not isinstance(value, str):
        raise at.fail(f"{field} is not text", hint=f"it is {_kind(value)}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise at.fail(f"{field} holds half of a surrogate pair, not text") from None
    return value


def response(value: Any, at: RowContext, field: str) -> str:
    """A string with more than whitespace in it."""
    found = text(value, at, field)
    if not found or found.isspace():
        raise at.fail("empty response", field=field)
    return found


def messages(value: Any, at: RowContext, field: str) -> Prompt:
    """A list of ``{role, content}`` objects; other keys of a message are ignored.

    Tool calls are the exception: they are part of what was said and not in ``content``,
    so a message that makes one cannot be used.
    """
    if not isinstance(value, list | tuple):
        raise at.fail(f"{field} is not a list of messages", hint=f"it is {_kind(value)}")
    return tuple(_message(turn, at, f"{field}[{i}]", field) for i, turn in enumerate(value))


def _message(turn: Any, at: RowContext, place: str, field: str) -> Message:
    if not isinstance(turn, Mapping):
        raise at.fail(f"{field} is not a list of messages", hint=f"{place} is {_kind(turn)}")
    role, content = turn.get("role"), turn.get("content")
    if role not in ROLES:
        raise at.fail(
            "unknown role", field=place, hint=f"{role!r}; known roles: {', '.join(ROLES)}"
        )
    if turn.get("tool_calls"):
        raise at.fail("a message calls tools", field=place, hint="write the call in its content")
    return Message(cast("Role", role), text(content, at, f"{field} content"))


def prompt_of_text(value: Any, at: RowContext, field: str) -> Prompt:
    """A prompt given as one string: a single user turn, kept to the letter."""
    return checked_prompt((Message("user", text(value, at, field)),), at)


def checked_prompt(prompt: Prompt, at: RowContext) -> Prompt:
    """The prompt, if an answer can follow it."""
    if not prompt or not prompt[-1].content.strip():
        raise at.fail("empty prompt")
    if prompt[-1].role == "assistant":
        raise at.fail("the prompt ends with an assistant turn, which another would follow")
    return prompt


def answers(value: Any, at: RowContext, field: str, prompt: Prompt) -> tuple[str, ...]:
    """One answer or several to ``prompt``.

    An answer is a string, or a list of messages: the assistant's turn alone, or the
    whole conversation that begins with the prompt.
    """
    if isinstance(value, str) or not isinstance(value, list | tuple):
        return (response(value, at, field),)
    if not value:
        raise at.fail("no answer", field=field)
    if isinstance(value[0], Mapping):
        return (_last_turn(value, at, field, prompt),)
    return tuple(
        _last_turn(one, at, f"{field}[{i}]", prompt)
        if isinstance(one, list | tuple)
        else response(one, at, f"{field}[{i}]")
        for i, one in enumerate(value)
    )


def _last_turn(value: Any, at: RowContext, field: str, prompt: Prompt) -> str:
    turns = messages(value, at, field)
    before, last = turns[:-1], turns[-1:]
    if before and before != prompt:
        raise at.fail("the conversation does not begin with the prompt", field=field)
    return assistant_turn(last, at, field)


def assistant_turn(last: Sequence[Message], at: RowContext, field: str) -> str:
    """The text of a conversation's last turn, which has to be the assistant's."""
    if not last or last[-1].role != "assistant":
        raise at.fail("the conversation does not end with an assistant turn", field=field)
    return response(last[-1].content, at, field)


def build(
    row: Mapping[str, Any],
    at: RowContext,
    *,
    prompt: Prompt,
    chosen: tuple[str, ...],
    rejected: tuple[str, ...],
    identifier: str | None = None,
    subset: str | None = None,
    preference: float | None = None,
    meta: Mapping[str, Any] | None = None,
    gold: tuple[float, ...] | None = None,
) -> PreferenceExample:
    """Put an example together; what is not given is read from the usual columns.

    ``meta``, where not given, takes the row's remaining plain values.
    """
    if at.identical == "error" and not set(chosen).isdisjoint(rejected):
        raise at.fail("identical chosen and rejected response")
    found_id = read_id(row, at) if identifier is None else identifier
    return PreferenceExample(
        id=found_id,
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        subset=read_subset(row, at) if subset is None else subset,
        group=_group(row, at, prompt, found_id),
        preference=read_preference(row, at) if preference is None else preference,
        meta=_rest(row, at) if meta is None else meta,
        gold=gold,
    )


def read_id(row: Mapping[str, Any], at: RowContext, default: str = "id") -> str:
    """The row's own id as text; its position where it has none."""
    value = optional(row, at, "id", default)
    if value is None:
        return at.default_id
    return _label(value, at, at.column("id", default))


def read_subset(row: Mapping[str, Any], at: RowContext, default: str = "subset") -> str:
    """The subset: of a renamed column, else declared for the file, else the row's, else 'all'."""
    if at.subset is not None and at.columns.subset is None:
        return at.subset
    value = optional(row, at, "subset", default)
    return "all" if value is None else _label(value, at, at.column("subset", default))


def read_preference(row: Mapping[str, Any], at: RowContext) -> float:
    """Share of votes for the chosen side; 1 where no column says otherwise."""
    value = optional(row, at, "preference")
    if value is None:
        return 1.0
    try:
        return vote_share(value)
    except ValueError as error:
        raise at.fail(
            "unusable preference", field=at.column("preference"), hint=str(error)
        ) from None


def optional(
    row: Mapping[str, Any], at: RowContext, role: ColumnRole, default: str | None = None
) -> Any:
    """The value of a column, ``None`` if absent; a column named by the caller has to be there."""
    column = at.column(role, default)
    if getattr(at.columns, role) is None:
        return row.get(column)
    value = required(row, at, column)
    if value is None:
        raise at.fail(f"column {column!r} is null")
    return value


def _label(value: Any, at: RowContext, field: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise at.fail(f"{field} is neither text nor a whole number", hint=f"it is {_kind(value)}")
    label = text(str(value), at, field)
    if not label.strip():
        raise at.fail(f"{field} is empty")
    return label


def _group(row: Mapping[str, Any], at: RowContext, prompt: Prompt, identifier: str) -> str:
    if at.cluster == "prompt":
        return prompt_group(prompt)
    if at.cluster == "id":
        return identifier
    value = required(row, at, at.cluster)
    if value is None:
        raise at.fail(f"column {at.cluster!r} is null", hint="intervals are to cluster by it")
    return str(value)


def _rest(row: Mapping[str, Any], at: RowContext) -> dict[str, Any]:
    """The values that no field took; nested ones may be large and stay behind."""
    taken = {
        at.column(role) for role in ("id", "prompt", "chosen", "rejected", "preference", "subset")
    }
    return {
        str(key): value
        for key, value in row.items()
        if key not in taken and (value is None or isinstance(value, str | int | float | bool))
    }


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {str: "text", bool: "true or false", int: "a number", float: "a number"}
    names |= {dict: "an object", list: "a list"}
    return names.get(type(value), type(value).__name__)
