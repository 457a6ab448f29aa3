"""``rmbench compare``: a baseline and its candidates, suite by suite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from threadpoolctl import threadpool_limits

from rmbench.compare.align import Aligned, align
from rmbench.compare.estimates import paired_estimates, tie_policy
from rmbench.compare.flips import find_flips, with_texts
from rmbench.compare.protocol import check_protocol, check_texts, shared_suite
from rmbench.compare.select import Model, read_models, refuse_twice, side_of
from rmbench.compare.speeds import DEFAULT_FACTOR, compare_speeds, machine_drift, speed_notes
from rmbench.errors import NotComparableError, UsageError
from rmbench.metrics.comparisons import Comparisons
from rmbench.result import (
    Comparison,
    ComparisonReport,
    Mistake,
    Result,
    Side,
    StoredRun,
    SuiteRef,
    Unmatched,
)
from rmbench.result.extent import departures
from rmbench.types import Scores

FLIPS_SHOWN = 20
"""As many losses and as many gains are listed where nothing else is asked for."""


@dataclass(frozen=True)
class CompareRequest:
    """What ``rmbench compare`` was asked to do.

    Attributes:
        baseline: Result folder or model folder.
        candidates: The same of each candidate, at least one.
        allow_partial: Compare the items that both have where they differ.
        replicates: The candidates are seeds of one recipe and together one side.
        flips: As many lost and as many gained items are listed; ``None`` for all.
        speed_factor: Smallest ratio of two speeds that counts, above 1.
    """

    baseline: Path
    candidates: tuple[Path, ...]
    allow_partial: bool = False
    replicates: bool = False
    flips: int | None = FLIPS_SHOWN
    speed_factor: float = DEFAULT_FACTOR


def compare(request: CompareRequest) -> ComparisonReport:
    """Compare each candidate with the baseline on every suite that the baseline has.

    What must not be compared is there with the reason; ``raise_if_not_comparable`` makes an
    error of it. Neither torch nor the suite's data are needed.

    Raises:
        UsageError: If a path holds several scorers' results, a candidate is named twice, or
            ``replicates`` is asked for with one candidate.
        ResultError: If results or scores cannot be read.
    """
    if request.replicates and len(request.candidates) < 2:
        raise UsageError("--replicates takes the seeds of one recipe: name at least two candidates")
    baseline, *candidates = read_models((request.baseline, *request.candidates))
    refuse_twice(candidates, as_seeds=request.replicates)
    groups = [candidates] if request.replicates else [[c] for c in candidates]
    cache: dict[Path, Scores | None] = {}
    # Its many short products gain nothing from threads, which on a busy machine wait for each
    # other: 100,000 pairs took 7 seconds in place of 3.
    with threadpool_limits(1, user_api="blas"):
        comparisons = [
            _compare(baseline.runs[suite], group, suite, baseline.name, request, cache)
            for suite in baseline.runs
            for group in groups
        ]
    unmatched = [
        Unmatched(suite=suite, candidate=side_of(run), kind=run.result.suite.kind)
        for model in candidates
        for suite, run in model.runs.items()
        if suite not in baseline.runs
    ]
    return ComparisonReport(comparisons=tuple(comparisons), unmatched=tuple(unmatched))


def raise_if_not_comparable(report: ComparisonReport) -> None:
    """Make an error of results that must not be compared.

    Raises:
        NotComparableError: If a comparison has a candidate and a reason, or if no suite is
            shared at all.
    """
    refused = [c for c in report.comparisons if c.candidate is not None and c.reason is not None]
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise NotComparableError(f"{refused[0].suite.name}: {refused[0].reason}{more}")
    if all(c.candidate is None for c in report.comparisons):
        ours = ", ".join(dict.fromkeys(c.suite.name for c in report.comparisons))
        theirs = ", ".join(dict.fromkeys(u.suite for u in report.unmatched))
        raise NotComparableError(
            f"no suite in common: the baseline was measured on {ours}, the candidate on {theirs}"
        )


def _compare(
    baseline: StoredRun,
    models: Sequence[Model],
    suite: str,
    baseline_name: str,
    request: CompareRequest,
    cache: dict[Path, Scores | None],
) -> Comparison:
    runs = [model.runs[suite] for model in models if suite in model.runs]
    names = (baseline_name, *(model.name for model in models if suite in model.runs))
    ours = side_of(baseline)
    if not runs:
        return Comparison(
            suite=baseline.result.suite,
            baseline=ours,
            candidate=None,
            reason=f"{models[0].name} has no result on it",
        )
    theirs = side_of(runs[0], runs if request.replicates else ())
    try:
        return _compared(baseline, runs, names, (ours, theirs), request, cache)
    except NotComparableError as error:
        return Comparison(
            suite=baseline.result.suite, baseline=ours, candidate=theirs, reason=str(error)
        )


def _compared(
    baseline: StoredRun,
    runs: Sequence[StoredRun],
    names: Sequence[str],
    sides: tuple[Side, Side],
    request: CompareRequest,
    cache: dict[Path, Scores | None],
) -> Comparison:
    if request.replicates and len(runs) < 2:
        raise NotComparableError(f"only one of the seeds was measured on it: {names[1]}")
    results = [run.result for run in runs]
    ours = baseline.result
    notes: list[str] = []
    for name, result in zip(names[1:], results, strict=True):
        pair = (names[0], name)
        check_protocol(ours, result, pair, allow_partial=request.allow_partial)
    suite = ours.suite
    for result in results:
        suite = shared_suite(suite, result.suite)
    if suite.kind == "throughput":
        if request.replicates:
            raise NotComparableError("speeds of several seeds are not compared: name one")
        return Comparison(
            suite=suite,
            baseline=sides[0],
            candidate=sides[1],
            speeds=compare_speeds(ours, results[0], factor=request.speed_factor),
            notes=speed_notes(ours, results[0]),
            cautions=machine_drift(ours, results[0]),
        )
    aligned = align(
        _scores(baseline, cache),
        [_scores(run, cache) for run in runs],
        names,
        allow_partial=request.allow_partial,
    )
    for name, result in zip(names[1:], results, strict=True):
        pair = (names[0], name)
        note = check_texts(ours, result, pair, allow_partial=request.allow_partial)
        notes += [note] if note else []
    cautions = _cautions(names, (ours, *results))
    notes += cautions
    if request.replicates:
        notes.append(
            f"{len(runs)} seeds of one recipe: the interval covers items and seeds; the baseline "
            "is one model, and what another seed of it would give is not in the interval"
        )
    wholes = [Comparisons.from_scores(s) for s in (aligned.baseline, *aligned.candidates)]
    flips = find_flips(wholes[0], wholes[1:], tie_policy(ours), keep=request.flips)
    return Comparison(
        suite=suite,
        baseline=sides[0],
        candidate=sides[1],
        headline=_headline(suite, (ours, *results), aligned),
        coverage=aligned.coverage,
        estimates=paired_estimates(wholes, (ours, *results), suite, complete=_is_complete(aligned)),
        better=flips.better,
        worse=flips.worse,
        flips=with_texts(flips.worst, list(_mistakes((*runs, baseline)))),
        notes=tuple(dict.fromkeys(notes)),
        cautions=tuple(cautions),
    )


def _cautions(names: Sequence[str], results: Sequence[Result]) -> list[str]:
    """What makes the results less than the suite's own numbers; that of all of them once."""
    said = [departures(result) for result in results]
    shared = [text for text in said[0] if all(text in other for other in said)]
    which = "both" if len(results) == 2 else "all"
    found = [f"{which}: {text}" for text in shared]
    for name, texts in zip(names, said, strict=True):
        found += [f"{name}: {text}" for text in texts if text not in shared]
    return found


def _scores(run: StoredRun, cache: dict[Path, Scores | None]) -> Scores:
    if run.path not in cache:
        cache[run.path] = run.scores()
    scores = cache[run.path]
    if scores is None:
        raise NotComparableError(f"{run.path} holds no rewards to compare")
    return scores


def _mistakes(runs: Sequence[StoredRun]) -> Iterator[Mistake]:
    for run in runs:
        yield from run.mistakes()


def _headline(suite: SuiteRef, results: Sequence[Result], aligned: Aligned) -> str | None:
    """The metric that `score` is, where every side has a score on exactly these items."""
    scores = [result.estimate("score") for result in results]
    if _is_complete(aligned) and all(e is not None and e.value is not None for e in scores):
        return suite.headline
    return None


def _is_complete(aligned: Aligned) -> bool:
    """Whether the shared items are all items."""
    return not (aligned.coverage.only_baseline or aligned.coverage.only_candidate)
