"""What every TOML file is read with: strict models, and errors that name file and field."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from rmbench.errors import SpecError


class Spec(BaseModel):
    """A table of a TOML file: unknown fields are errors, and numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def read_toml(path: Path) -> dict[str, Any]:
    """The file's tables, unchecked.

    Raises:
        SpecError: If it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: is not TOML: {error}") from None


_NAMED = 5
_LONGEST = 60
_WORDS = {
    "extra_forbidden": "unknown field",
    "missing": "is required and not there",
    "string_type": "{input} is not text",
    "int_type": "{input} is not a whole number",
    "int_from_float": "{input} is not a whole number",
    "float_type": "{input} is not a number",
    "bool_type": "{input} is not true or false",
    "tuple_type": "{input} is not a list",
    "list_type": "{input} is not a list",
    "dict_type": "{input} is not a table",
    "model_type": "{input} is not a table",
    "too_short": "has {actual_length} entries and needs {min_length}",
    "string_too_short": "is empty",
    "string_pattern_mismatch": "{input} does not fit {pattern}",
    "literal_error": "{input} is none of {expected}",
    "greater_than": "{input} is not above {gt}",
    "greater_than_equal": "{input} is below {ge}",
    "less_than": "{input} is not below {lt}",
    "less_than_equal": "{input} is above {le}",
    "finite_number": "{input} is not finite",
}


def problems(error: ValidationError) -> list[str]:
    """What is wrong with each field at fault, in plain words."""
    found = []
    for one in error.errors():
        # The discriminator's tag stands first in the location; the file has no such table.
        location = [str(p) for p in one["loc"] if p not in ("preference", "throughput")]
        words = _WORDS.get(one["type"])
        if words is None:
            message = one["msg"].removeprefix("Value error, ")
        else:
            message = words.format(**{**one.get("ctx", {}), "input": _short(one["input"])})
        found.append(f"field '{'.'.join(location)}': {message}" if location else message)
    return found


def in_one_line(error: ValidationError) -> str:
    """All that is wrong with a file, the first few fields named."""
    found = problems(error)
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return "; ".join(found[:_NAMED]) + more


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
