"""Texts of mistakes, from the suites' own data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rmbench.errors import RmbenchError, UnknownNameError
from rmbench.report.leaderboard.columns import Column, Member
from rmbench.report.leaderboard.evidence import with_all_rewards
from rmbench.result import Mistake
from rmbench.runner.measure import MISTAKES_KEPT, worst_mistakes
from rmbench.runner.suites import find_suite, load_data
from rmbench.spec import PreferenceSuite
from rmbench.types import PreferenceSet


class TextSource:
    """Finds the mistakes of results again in the data that they were measured on.

    Args:
        data: Folders with the suites' data, searched in order.
        suites: Names or TOML paths of suites that rmbench does not know by the name in a result.
        most: Mistakes to find for each result; as many as are kept beside one, if that is more.
        say: Is told of each suite whose texts are not there, and why.

    Raises:
        SpecError: If a suite's file is wrong.
        UnknownNameError: If there is no such suite.
    """

    def __init__(
        self,
        data: Sequence[str | Path],
        suites: Sequence[str],
        say: Callable[[str], None],
        most: int = 0,
    ) -> None:
        self._data = data
        self._suites = {suite.name: suite for suite in map(find_suite, suites)}
        self._say = say
        self._most = max(most, MISTAKES_KEPT)
        self._read: dict[str, PreferenceSet | None] = {}

    def mistakes(self, column: Column, member: Member) -> tuple[Mistake, ...] | None:
        """A result's worst mistakes; ``None`` where its examples are not at hand.

        The data must have the fingerprint that the result names, which covers every text.

        Raises:
            ResultError: If its scores cannot be read.
        """
        scores = member.run.scores()
        measured = member.run.result.provenance.data
        if scores is None or measured is None:
            return None
        name = column.ref.name
        if name not in self._read:
            self._read[name] = self._load(name)
        data = self._read[name]
        if data is None:
            return None
        if data.fingerprint != measured.fingerprint:
            self._say(
                f"{column.label}: no texts for {member.run.result.scorer.name}, which was "
                f"measured on other data ({measured.fingerprint[:8]}) than these "
                f"({data.fingerprint[:8]})"
            )
            return None
        return worst_mistakes(data, with_all_rewards(scores), self._most)

    def _load(self, name: str) -> PreferenceSet | None:
        try:
            suite = self._suites.get(name) or find_suite(name)
            if not isinstance(suite, PreferenceSuite):
                return None
            return load_data(suite, self._data, allow_partial=True, skip_bad_rows=True)
        except UnknownNameError:
            self._say(f"{name}: no texts: the suite is not built in; name its file with --suite")
            return None
        except RmbenchError as error:
            self._say(f"{name}: no texts: {error}")
            return None
