"""Runs the simulations of ``docs/statistics.md`` and writes their tables there.

``python tests/simulations/run.py [--replications N] [--store FILE.json]``, or ``make
simulations``. Settings that the store has with as many replications are not run again. Among
hundreds of figures some are off by chance: a setting of which one claims more than it should is
simulated once more, with ``AGAIN`` data sets of other seeds, and those figures stand, marked.
Only what stands between the page's markers is replaced.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from math import sqrt
from pathlib import Path
from typing import Any, get_args

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from simulations.coverage import METRICS, Cell, coverage, covered
from simulations.gates import Race, outcomes, power, rejected, share
from simulations.worlds import Sizes

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/statistics.md"
ACCURACIES = (0.5, 0.75, 0.9, 0.97)
PAIRS = (100, 300, 1000, 5000)
LOSSES = {"accuracy": ("accuracy:2pp", 0.02), "nll": ("nll:0.02", 0.02)}
AGAIN = 10_000
"""Data sets of a setting that is simulated once more."""

MARK = "†"
QUANTITIES = [k for m in METRICS for k in (m, f"{m} difference")]


def cells() -> list[Cell]:
    """The settings of the coverage table: each with enough clusters and expected errors."""
    every = [
        Cell(sizes, n, accuracy, scale)
        for sizes in get_args(Sizes)
        for n in PAIRS
        for accuracy in ACCURACIES
        for scale in (1.0, 3.0)
    ]
    return [cell for cell in every if cell.claimed]


def races() -> list[Race]:
    """The settings of the table of tests and gates."""
    return [
        Race(metric, sizes, n, accuracy)
        for metric in LOSSES
        for sizes, n in (
            ("one", 300), ("one", 1000), ("nine", 300), ("nine", 1000),
            ("geometric", 300), ("geometric", 1000), ("zipf", 300), ("zipf", 1000),
        )
        for accuracy in (0.75, 0.9)
    ]  # fmt: skip


def run_race(race: Race, replications: int, seed: int = 3) -> dict[str, Any]:
    """Size of the two-sided test, answers at the allowed loss, and power at the printed one."""
    rule, loss = LOSSES[race.metric]
    equal = race.estimates(replications, seed)
    worse = Race(race.metric, race.sizes, race.n, race.accuracy, loss, race.scale)
    at_limit = outcomes(worse.estimates(replications, seed + 1), rule)
    return {
        "method": (equal[0].p_method or "sign flip").split(" (")[0],
        "size": rejected(equal),
        "fail": share(at_limit, "fail"),
        "pass": share(at_limit, "pass"),
        **power(race, rule, 2.5 * loss, replications // 2),
    }


class Store:
    """Results by setting, kept on disk as they come."""

    def __init__(self, path: Path, replications: int) -> None:
        self.path, self.replications = path, replications
        self.found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def get(self, setting: Cell | Race) -> dict[str, Any]:
        """The result of a setting, run if it is not there, once more if it may be off."""
        found = self._get(setting, self.replications, {})
        if not _surprises(setting, found, self.replications):
            return found
        seed = 1001 if isinstance(setting, Cell) else 1003
        return {**self._get(setting, AGAIN, {"seed": seed}), "again": True}

    def _get(self, setting: Cell | Race, replications: int, seed: dict[str, int]) -> dict[str, Any]:
        key = f"{setting} x {replications}" + (" again" if seed else "")
        if key not in self.found:
            print(key, file=sys.stderr, flush=True)  # noqa: T201 - progress
            found: dict[str, Any]
            if isinstance(setting, Cell):
                found = coverage(setting, replications, **seed)
            else:
                found = run_race(setting, replications, **seed)
            self.found[key] = found
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.found, indent=1))
        result: dict[str, Any] = self.found[key]
        return result


def _surprises(setting: Cell | Race, found: dict[str, Any], replications: int) -> bool:
    """Whether a figure claims more than it should: an interval's that does not say few
    clusters, or by two standard errors a test's."""
    if isinstance(setting, Cell):
        return not setting.few and any(not inside(covered(found[q])) for q in QUANTITIES)
    limit = 0.05 + 2 * sqrt(0.05 * 0.95 / replications)
    return max(found["size"], found["fail"], found["pass"]) > limit


def inside(share_: float) -> bool:
    """Whether a share of intervals that hold the truth is in 93 to 97 %."""
    return 0.93 <= share_ <= 0.97


def coverage_table(store: Store) -> str:
    """One row per setting; what lies outside of 93 to 97 % is bold."""
    header = ("prompts", "pairs", "accuracy", "margins", *QUANTITIES, "few clusters")
    rows = []
    for cell in cells():
        found, facts = store.get(cell), cell.facts
        clusters = f"{cell.sizes}: {facts['clusters']:,}"
        if facts["clusters"] != round(facts["effective"]):
            clusters += f", worth {facts['effective']:.0f}"
        if "again" in found:
            clusters += MARK
        scale = "calibrated" if cell.scale == 1 else "over-confident"
        few = max(found[q]["few"] for q in QUANTITIES)
        rows.append(
            [
                clusters, f"{facts['pairs']:,}", f"{cell.accuracy:.2f}", scale,
                *(_percent(covered(found[q])) for q in QUANTITIES), f"{100 * few:.0f} %",
            ]
        )  # fmt: skip
    return _table(header, rows, left=1)


def gate_table(store: Store) -> str:
    """One row per race."""
    header = (
        "rule", "prompts", "pairs", "accuracy", "test", "p < .05 if equal",
        "fails at the limit", "passes at the limit", "printed loss", "found",
    )  # fmt: skip
    rows = []
    for race in races():
        found, (rule, _) = store.get(race), LOSSES[race.metric]
        loss = found["detectable"]
        shown = f"{100 * loss:.1f} pp" if race.metric == "accuracy" else f"{loss:.3f}"
        rows.append(
            [
                f"`{rule}`", race.sizes + (MARK if "again" in found else ""), f"{race.n:,}",
                f"{race.accuracy:.2f}", found["method"],
                *(f"{100 * found[k]:.1f}" for k in ("size", "fail", "pass")),
                shown, f"{100 * found['found']:.0f} %",
            ]
        )  # fmt: skip
    return _table(header, rows, left=2)


def summary(store: Store) -> str:
    """How many cells lie where, of those that do not say few clusters and of those that do."""
    lines = []
    for q in QUANTITIES:
        line = [q]
        for few in (False, True):
            shares = [covered(store.get(cell)[q]) for cell in cells() if cell.few == few]
            line += [
                f"{sum(map(inside, shares))} of {len(shares)}",
                f"{100 * min(shares):.1f} to {100 * max(shares):.1f}",
            ]
        lines.append(line)
    header = ("interval of", "in 93–97 %", "range", "few clusters: in 93–97 %", "range")
    return _table(header, lines, left=1)


def put(page: str, name: str, body: str) -> str:
    """The page with what stands between the markers of that name replaced.

    Raises:
        ValueError: If the page does not have the markers.
    """
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{PAGE} has no place for {name!r}")
    return f"{before}{start}\n{body}\n{end}{after}"


def _percent(value: float) -> str:
    shown = f"{100 * value:.1f}"
    return shown if 93 <= float(shown) <= 97 else f"**{shown}**"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int) -> str:
    rule = [":--" if i < left else "--:" for i in range(len(header))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def main() -> None:
    """Run what is missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=3000)
    parser.add_argument("--store", type=Path, default=ROOT / "results/runs/simulations.json")
    given = parser.parse_args()
    store = Store(given.store, given.replications)
    page = PAGE.read_text(encoding="utf-8")
    for name, body in (
        ("coverage summary", summary(store)),
        ("coverage", coverage_table(store)),
        ("gates", gate_table(store)),
        ("replications", f"{given.replications:,} data sets a setting."),
    ):
        page = put(page, name, body)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
