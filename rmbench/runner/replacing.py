"""What a new result takes the place of: results lie under their scorer and suite alone."""

from __future__ import annotations

from pathlib import Path, PurePath

from rmbench.errors import ResultError, shorten
from rmbench.result import Result, read_run, run_folder
from rmbench.result.store import RESULT_FILE


def what_is_replaced(out: Path, result: Result) -> str | None:
    """One line on the result that writing this one takes away, if that measured something else.

    Something else are other data (by their fingerprint), another part of them, other rules or
    another version of the suite. The same measurement made again replaces its like without a
    word.

    Args:
        out: The runs folder.
        result: What is about to be written.
    """
    folder = run_folder(out, result.scorer, result.suite.name)
    if not (folder / RESULT_FILE).is_file():
        return None
    try:
        old = read_run(folder).result
    except ResultError as error:
        return f"replaced: {error}"
    if _identity(old) == _identity(result):
        return None
    was, now = _described(old), _described(result)
    if old.suite.digest != result.suite.digest:
        was += f" by version {old.suite.version} ({old.suite.digest[:8]})"
        now += f" by version {result.suite.version} ({result.suite.digest[:8]})"
    if was == now:
        now += " with other content"
    return (
        f"{result.scorer.name} on {result.suite.name}: the result on {was} is replaced by one on "
        f"{now}; to keep both, give another --out"
    )


def _identity(result: Result) -> tuple[object, ...]:
    data = result.provenance.data
    fingerprint = None if data is None else data.fingerprint
    return result.suite.digest, fingerprint, result.modified, result.missing


def _described(result: Result) -> str:
    data = result.provenance.data
    words = f"{result.counts.examples:,} examples"
    if data is not None and data.files:
        words += f" of {shorten([PurePath(file).name for file in data.files], 2)}"
    words += "".join(f", {rule}" for rule in result.modified)
    if result.partial:
        words += ", partial"
    return words
