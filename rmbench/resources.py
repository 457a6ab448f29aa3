"""Where the built-in suites and the reference results lie.

In a wheel they are inside the package (``rmbench/_suites``); in a checkout they
are the top-level folders. This is the one place that knows.
"""

from __future__ import annotations

from pathlib import Path

from rmbench.errors import ResultError

_PACKAGE = Path(__file__).resolve().parent


def _folder(inside: str, checkout: str) -> Path:
    for path in (_PACKAGE / inside, _PACKAGE.parent / checkout):
        if path.is_dir():
            return path
    raise ResultError(
        f"the folder {checkout!r} is neither in the package nor beside it: reinstall rmbench"
    )


def suites_dir() -> Path:
    """Folder of the built-in suite files, one TOML each."""
    return _folder("_suites", "suites")


def reference_dir() -> Path:
    """Folder of the reference results that come with rmbench."""
    return _folder("_results/reference", "results/reference")


def schema_dir() -> Path:
    """Folder of the JSON Schemas of the files rmbench writes."""
    return _folder("_results/schema", "results/schema")


def builtin_suites() -> dict[str, Path]:
    """Name to path of every built-in suite, sorted by name."""
    return {path.stem: path for path in sorted(suites_dir().glob("*.toml"))}
