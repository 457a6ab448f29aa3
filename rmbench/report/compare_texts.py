"""Texts of flipped items, from the suites' own data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rmbench.compare import conversation
from rmbench.errors import RmbenchError, UnknownNameError, UsageError
from rmbench.result import Comparison, ComparisonReport, Flip, Result, find_runs
from rmbench.runner.suites import find_suite, load_data
from rmbench.spec import PreferenceSuite
from rmbench.types import PreferenceExample, PreferenceSet

_LIMIT = "limit="


def with_texts_of_data(
    report: ComparisonReport,
    data: Sequence[str | Path],
    *,
    suites: Sequence[str] = (),
    say: Callable[[str], None] = lambda line: None,
) -> ComparisonReport:
    """The report with prompt, chosen and rejected answer of every flipped item that it lists.

    Of an item with several answers they are those of the comparison that the side that has it
    wrong loses by most. The data must have the fingerprint that the results name, which covers
    every text; where they have not, or are not there, the report stays as it is and ``say`` is
    told why.

    Args:
        report: Of ``rmbench.compare.compare``.
        data: Folders with the suites' data, as for a run.
        suites: Names or TOML paths of suites that rmbench does not know by the name in a result.
        say: Is told of each suite whose texts are not shown.

    Raises:
        SpecError: If a suite's file is wrong.
        UnknownNameError: If there is no suite that ``suites`` names.
        UsageError: If a folder of ``data`` is not there.
        ResultError: If a compared result is gone.
    """
    for folder in data:
        if not Path(folder).exists():
            raise UsageError(f"--data {folder}: no such file or folder")
    source = _Source(data, suites, say)
    compared = tuple(source.with_texts(c) for c in report.comparisons)
    return report.model_copy(update={"comparisons": compared})


class _Source:
    """The data of each suite, read once."""

    def __init__(
        self, data: Sequence[str | Path], suites: Sequence[str], say: Callable[[str], None]
    ) -> None:
        self._data = data
        self._suites = {suite.name: suite for suite in map(find_suite, suites)}
        self._say = say
        self._read: dict[tuple[str, int | None], PreferenceSet | None] = {}

    def with_texts(self, c: Comparison) -> Comparison:
        if not c.flips:
            return c
        [run] = find_runs([Path(c.baseline.path)])
        examples = self._examples(run.result)
        if examples is None:
            return c
        wanted = {flip.example_id for flip in c.flips}
        by_id = {e.id: e for e in examples if e.id in wanted}
        flips = tuple(_with_texts(flip, by_id.get(flip.example_id)) for flip in c.flips)
        return c.model_copy(update={"flips": flips})

    def _examples(self, result: Result) -> PreferenceSet | None:
        measured, name = result.provenance.data, result.suite.name
        if measured is None:
            self._say(f"{name}: no texts: what was measured names no data")
            return None
        key = name, _limit(result)
        known = key in self._read
        if not known:
            self._read[key] = self._load(*key)
        data = self._read[key]
        if data is None or data.fingerprint == measured.fingerprint:
            return data
        self._say(
            f"{name}: no texts: the results were measured on other data "
            f"({measured.fingerprint[:8]}) than these ({data.fingerprint[:8]})"
        )
        return None

    def _load(self, name: str, limit: int | None) -> PreferenceSet | None:
        try:
            suite = self._suites.get(name) or find_suite(name)
            if not isinstance(suite, PreferenceSuite):
                return None
            return load_data(suite, self._data, allow_partial=True, skip_bad_rows=True, limit=limit)
        except UnknownNameError:
            self._say(f"{name}: no texts: the suite is not built in; name its file with --suite")
        except RmbenchError as error:
            self._say(f"{name}: no texts: {error}")
        return None


def _limit(result: Result) -> int | None:
    """Of how many examples a result was made, where it was not of all."""
    given = [m.removeprefix(_LIMIT) for m in result.modified if m.startswith(_LIMIT)]
    return int(given[0]) if given else None


def _with_texts(flip: Flip, example: PreferenceExample | None) -> Flip:
    if example is None or flip.chosen_index is None or flip.rejected_index is None:
        return flip
    turns = [{"role": m.role, "content": m.content} for m in example.prompt]
    update = {
        "prompt": conversation(turns),
        "chosen": example.responses[flip.chosen_index],
        "rejected": example.responses[flip.rejected_index],
    }
    return flip.model_copy(update=update)
