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


def first_line(error: ValidationError) -> str:
    """What is wrong with the first field at fault, and how many more are."""
    first, *rest = error.errors()
    # The discriminator's tag stands first in the location; the file has no such table.
    location = [str(p) for p in first["loc"] if p not in ("preference", "throughput")]
    message = {
        "extra_forbidden": "unknown field",
        "missing": "is required and not there",
    }.get(first["type"], first["msg"].removeprefix("Value error, "))
    more = f" (and {len(rest)} more)" if rest else ""
    return f"field '{'.'.join(location)}': {message}{more}"
