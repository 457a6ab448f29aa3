"""``rmbench run``: scorers x suites to results on disk."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from rmbench import __version__
from rmbench.engine.device import describe_environment
from rmbench.errors import RmbenchError, UsageError
from rmbench.metrics.markdown import with_markdown
from rmbench.result import (
    Counts,
    DataProvenance,
    Mistake,
    Provenance,
    Result,
    ScorerInfo,
    StoredRun,
    SuiteRef,
    write_run,
)
from rmbench.runner.capabilities import HasNotes, RunsModel
from rmbench.runner.checkpoints import expand_checkpoints
from rmbench.runner.measure import (
    count,
    count_unique_responses,
    drop_failed,
    estimate_all,
    score_all,
    skipped_reasons,
    worst_mistakes,
)
from rmbench.runner.replacing import what_is_replaced
from rmbench.runner.request import DEFAULT_OUT, Measured, RunRequest
from rmbench.runner.robustness import facts, turned
from rmbench.runner.scorers import check_scorers
from rmbench.runner.suites import find_suite, load_every
from rmbench.scorers.replay import ReplayScorer, scores_of
from rmbench.scorers.replay_join import Allowed
from rmbench.scorers.spec import applicable, create_scorer, parse_scorer
from rmbench.spec import (
    DataSpec,
    PreferenceSuite,
    RobustnessSuite,
    ScorerSpec,
    SuiteSpec,
    ThroughputSuite,
)
from rmbench.types import PreferenceSet, Scorer, Scores, conversations

__all__ = ["DEFAULT_OUT", "REPLAY_SUITE", "Measured", "RunRequest", "run"]

REPLAY_SUITE = PreferenceSuite(
    name="replay",
    version="2",
    title="Replayed scores",
    description="A scores file measured by itself: its ids, its subsets, no texts.",
    data=DataSpec(loader="replay", cluster="id"),
    ties="half",
    metrics=(
        "accuracy",
        "@subsets",
        "best_of_n_accuracy",
        "macro_best_of_n_accuracy",
        "tie_rate",
        "@calibration",
        "@scale",
    ),
)


def run(request: RunRequest, measured: Measured | None = None) -> list[StoredRun]:
    """Run every scorer on every suite; each result is on disk before the next begins.

    Scorers are looked for, suites and data read first, so that a wrong name or a missing
    file is known before a model is loaded.

    Args:
        request: What was asked for.
        measured: Filled as results come, so that they are known where a later scorer fails.

    Raises:
        UsageError: If names, options or data do not go together.
        DataError: If a suite's data cannot be used.
        ScorerError: If a scorer fails or leaves rewards out.
    """
    specs = [_spec(text, request) for text in request.scorers]
    if request.all_checkpoints:
        specs = expand_checkpoints(specs, request.report)
    if not request.suites and any(s.kind != "replay" for s in specs):
        raise UsageError("name a --suite; only a replayed file can be measured by itself")
    suites = [find_suite(name) for name in request.suites]
    _refuse_twice("suite", [s.name for s in suites])
    _refuse_twice("scorer", [f"{s.kind}:{s.target}" for s in specs])
    check_scorers(specs)
    found = load_every(
        [s for s in suites if isinstance(s, PreferenceSuite)],
        request.data_dirs,
        allow_partial=request.allow_partial,
        skip_bad_rows=request.skip_bad_rows,
        limit=request.limit,
    )
    data = found.data
    if suites and not data and not any(s.kind == "hf" for s in specs):
        raise UsageError("a throughput suite times a model; none of the scorers runs one")
    for lacking in found.left_out:
        request.report(f"{lacking.suite}: left out, {lacking.reason}")
    gone = {lacking.suite for lacking in found.left_out}
    suites = [s for s in suites if s.name not in gone]
    measured = measured if measured is not None else Measured()
    measured.left_out = found.left_out
    for i, spec in enumerate(specs):
        request.report(f"{spec.target or spec.kind}: loading")
        try:
            # Held by nobody else, so that one model is gone before the next is loaded.
            for stored in _run_scorer(create_scorer(spec, request.options), suites, data, request):
                request.report(
                    f"{stored.result.scorer.name} on {stored.result.suite.name}: {stored.path}"
                )
                for note in _engine_notes(stored.result):
                    request.report(f"  {note}")
                measured.runs.append(stored)
        except RmbenchError:
            if after := [s.target or s.kind for s in specs[i + 1 :]]:
                request.report(f"not measured, since a scorer before failed: {', '.join(after)}")
            raise
    return measured.runs


def _engine_notes(result: Result) -> Iterator[str]:
    """What whoever waits for a run should know of how it went."""
    engine = result.provenance.engine
    if engine is None:
        return
    if engine.cached_sequences:
        yield (
            f"{engine.cached_sequences} of {engine.unique_sequences} sequences from the score "
            "cache (--no-cache scores them again)"
        )
    yield from engine.notes


def _refuse_twice(what: str, names: Sequence[str]) -> None:
    # The second would replace the first one's result.
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise UsageError(f"the {what} {twice[0]!r} is named twice: give each one once")


def _spec(text: str, request: RunRequest) -> ScorerSpec:
    bare = parse_scorer(text)
    return parse_scorer(text, applicable(request.overrides, bare.kind))


def _run_scorer(
    scorer: Scorer,
    suites: Sequence[SuiteSpec],
    data: dict[str, PreferenceSet],
    request: RunRequest,
) -> Iterator[StoredRun]:
    if not suites and isinstance(scorer, ReplayScorer):
        yield _measure_replay(scorer, request)
    for suite in suites:
        if isinstance(suite, PreferenceSuite):
            yield _measure_preferences(scorer, suite, data[suite.name], request)
        elif isinstance(scorer, RunsModel):
            yield _measure_throughput(scorer, suite, request)
        else:
            request.report(f"{scorer.info.name}: runs no model, so {suite.name} is left out")


def _measure_preferences(
    scorer: Scorer, suite: PreferenceSuite, data: PreferenceSet, request: RunRequest
) -> StoredRun:
    start = time.perf_counter()
    if isinstance(scorer, RunsModel):
        scorer.use_max_length(suite.max_length)
    if isinstance(scorer, ReplayScorer):
        scorer.join(data, _may_be_missing(data, request))
    info: ScorerInfo = scorer.info
    scores = with_markdown(Scores.from_batch(data, score_all(scorer, conversations(data))), data)
    finite = drop_failed(scores, info.name, allow_partial=request.allow_partial)
    missing = data.missing
    if finite.failed:
        missing = (*missing, *(f"example {key}" for key in finite.failed))
    modified = _modified(suite, data, scorer, bool(scores.truncated.any()), request)
    kept = data.examples
    if finite.failed:
        gone = set(finite.failed)
        kept = tuple(e for e in data if e.id not in gone)
    _say_notes(scorer, request)
    ties = request.ties or suite.ties
    estimates = estimate_all(
        suite,
        finite.scores,
        ties=ties,
        margins_are_logits=info.margins_are_logits,
        seed=request.options.seed,
        with_headline=not missing and not modified,
    )
    result = Result(
        suite=_suite_ref(suite),
        scorer=info,
        counts=count(finite.scores, data, len(finite.failed), count_unique_responses(kept)),
        estimates=estimates,
        partial=bool(missing),
        missing=missing,
        modified=modified,
        provenance=_provenance(
            scorer,
            request,
            start,
            policy={"ties": ties, "bad_rows": suite.data.bad_rows, "cluster": suite.data.cluster},
            data=DataProvenance(
                name=data.name,
                source=data.source,
                revision=data.revision,
                fingerprint=data.fingerprint,
                layout=data.layout,
                files=data.files,
                skipped=skipped_reasons(data),
            ),
            notes=suite.caveats,
            facts=facts(suite, data) if isinstance(suite, RobustnessSuite) else None,
        ),
    )
    shown = turned(finite.scores) if isinstance(suite, RobustnessSuite) else finite.scores
    return _write(request, result, finite.scores, worst_mistakes(kept, shown))


def _say_notes(scorer: Scorer, request: RunRequest) -> None:
    for note in scorer.notes() if isinstance(scorer, HasNotes) else ():
        request.report(f"{scorer.info.name}: {note}")


def _write(
    request: RunRequest, result: Result, scores: Scores | None, mistakes: Sequence[Mistake] = ()
) -> StoredRun:
    """Write a result, and say so where it takes the place of one on other data."""
    replaced = what_is_replaced(request.out, result)
    if replaced is not None:
        request.report(replaced)
    return write_run(request.out, result, scores, mistakes)


def _may_be_missing(data: PreferenceSet, request: RunRequest) -> Allowed:
    """What a scores file and a suite may lack of each other."""
    limited, gaps = request.limit is not None, bool(data.skipped or data.missing)
    return Allowed(
        missing=request.allow_partial,
        unknown=request.allow_partial or limited or gaps,
        further=limited and not gaps,
    )


def _measure_replay(scorer: ReplayScorer, request: RunRequest) -> StoredRun:
    start = time.perf_counter()
    scores = scores_of(scorer.file, request.limit)
    finite = drop_failed(scores, scorer.info.name, allow_partial=request.allow_partial)
    _say_notes(scorer, request)
    ties = request.ties or REPLAY_SUITE.ties
    missing = tuple(f"example {key}" for key in finite.failed)
    result = Result(
        suite=_suite_ref(REPLAY_SUITE),
        scorer=scorer.info,
        counts=count(finite.scores, None, len(finite.failed)),
        estimates=estimate_all(
            REPLAY_SUITE,
            finite.scores,
            ties=ties,
            margins_are_logits=scorer.info.margins_are_logits,
            seed=request.options.seed,
            with_headline=False,
        ),
        partial=bool(missing),
        missing=missing,
        modified=() if request.limit is None else (f"limit={request.limit}",),
        provenance=_provenance(
            scorer, request, start, policy={"ties": ties, "cluster": "id"}, data=None, notes=()
        ),
    )
    return _write(request, result, finite.scores)


def _measure_throughput(
    scorer: RunsModel, suite: ThroughputSuite, request: RunRequest
) -> StoredRun:
    from rmbench.throughput.measure import measure_throughput

    start = time.perf_counter()
    scorer.use_max_length(None)
    engine = getattr(scorer, "engine", None)
    info = scorer.info
    if engine is None:
        raise UsageError(f"{info.name}: scorers of kind {info.kind!r} cannot be timed")
    measured = measure_throughput(engine, suite, progress=request.options.progress)
    result = Result(
        suite=_suite_ref(suite),
        scorer=info,
        counts=Counts(
            examples=measured.pairs,
            responses=measured.responses,
            unique_responses=measured.responses,
            ties=0,
            truncated=0,
            failed=0,
        ),
        estimates=measured.estimates,
        provenance=_provenance(
            scorer,
            request,
            start,
            policy={},
            data=None,
            notes=suite.notes,
            facts=measured.facts,
        ),
    )
    return _write(request, result, None)


def _suite_ref(suite: SuiteSpec) -> SuiteRef:
    ref = SuiteRef(
        name=suite.name,
        version=suite.version,
        digest=suite.digest,
        kind=suite.kind,
        title=suite.title,
    )
    if not isinstance(suite, PreferenceSuite):
        return ref
    # With these every metric can be computed again from the scores alone.
    update = {
        "headline": suite.headline,
        "sections": suite.pools,
        "score_tree": suite.score_tree,
    }
    return ref.model_copy(update=update)


def _modified(
    suite: PreferenceSuite,
    data: PreferenceSet,
    scorer: Scorer,
    truncated: bool,
    request: RunRequest,
) -> tuple[str, ...]:
    changes = []
    if request.limit is not None:
        changes.append(f"limit={request.limit}")
    if request.ties is not None and request.ties != suite.ties:
        changes.append(f"ties={request.ties} (the suite says {suite.ties})")
    given = scorer.max_length_given if isinstance(scorer, RunsModel) else None
    if given is not None and suite.max_length is not None and given != suite.max_length:
        changes.append(f"max_length={given} (the suite says {suite.max_length})")
    elif given is not None and suite.max_length is None and truncated:
        changes.append(f"max_length={given} (the suite takes what the model's positions allow)")
    if request.skip_bad_rows and suite.data.bad_rows == "error" and data.skipped:
        changes.append(f"skip_bad_rows ({len(data.skipped)} rows)")
    return tuple(changes)


def _provenance(
    scorer: object,
    request: RunRequest,
    start: float,
    *,
    policy: dict[str, str],
    data: DataProvenance | None,
    notes: tuple[str, ...],
    facts: dict[str, Any] | None = None,
) -> Provenance:
    model = scorer if isinstance(scorer, RunsModel) else None
    own_notes = scorer.notes() if isinstance(scorer, HasNotes) else ()
    return Provenance(
        rmbench_version=__version__,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_s=round(time.perf_counter() - start, 3),
        seed=request.options.seed,
        policy=policy,
        data=data,
        engine=model.provenance() if model else None,
        environment=describe_environment(model.facts() if model else None),
        training=model.training() if model else None,
        facts=facts or {},
        notes=(*notes, *own_notes),
        scorer_notes=own_notes,
    )
