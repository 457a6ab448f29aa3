"""What two results must agree on before their numbers are set side by side."""

from __future__ import annotations

from rmbench.errors import NotComparableError
from rmbench.result import Result, SuiteRef

_LIMIT = "limit="
_POLICIES = {"ties": "what equal rewards count", "cluster": "the cluster", "bad_rows": "bad rows"}


def check_protocol(
    baseline: Result, candidate: Result, names: tuple[str, str], *, allow_partial: bool = False
) -> None:
    """Refuse results of different suites or by different rules.

    With ``allow_partial`` a limit on the number of examples is no such rule: which items are
    shared says all.

    Args:
        baseline: The baseline's result.
        candidate: The candidate's result on the suite of the same name.
        names: What to call them in messages.
        allow_partial: Whether the items may differ.

    Raises:
        NotComparableError: If the suite's digest, a policy (ties, cluster, bad rows) or
            what was changed about the suite's rules differ; the message says how.
    """
    a, b = baseline.suite, candidate.suite
    if a.digest != b.digest:
        raise NotComparableError(
            f"the suites differ: {names[0]} has {_version(a)}, {names[1]} has {_version(b)}: "
            "run both with one"
        )
    theirs = baseline.provenance.policy, candidate.provenance.policy
    for key in sorted({*theirs[0], *theirs[1]}):
        values = tuple(policy.get(key, "not recorded") for policy in theirs)
        if values[0] != values[1]:
            raise NotComparableError(
                f"{_POLICIES.get(key, key)} differs: {names[0]} has {key} = {values[0]}, "
                f"{names[1]} has {key} = {values[1]}"
            )
    changes = tuple(
        tuple(m for m in result.modified if not (allow_partial and m.startswith(_LIMIT)))
        for result in (baseline, candidate)
    )
    if changes[0] != changes[1]:
        said = tuple(", ".join(change) or "the suite's own rules" for change in changes)
        raise NotComparableError(
            f"the rules differ: {names[0]} was run with {said[0]}, {names[1]} with {said[1]}"
        )


def check_texts(
    baseline: Result, candidate: Result, names: tuple[str, str], *, allow_partial: bool = False
) -> str | None:
    """Refuse results on data whose items agree and whose fingerprints do not.

    Returns:
        With ``allow_partial``, where fingerprints of different sets of items say nothing of
        the shared ones, a note that says so.

    Raises:
        NotComparableError: If the fingerprints differ, without ``allow_partial``.
    """
    data = baseline.provenance.data, candidate.provenance.data
    if data[0] is None or data[1] is None or data[0].fingerprint == data[1].fingerprint:
        return None
    if allow_partial:
        return (
            "the two were measured on data of different fingerprints; of the shared items, "
            "ids, labels and lengths agree, the texts could not be checked"
        )
    raise NotComparableError(
        f"the data differ: {names[0]} was measured on fingerprint {data[0].fingerprint[:12]}, "
        f"{names[1]} on {data[1].fingerprint[:12]} (same ids, other texts)"
    )


def shared_suite(baseline: SuiteRef, candidate: SuiteRef) -> SuiteRef:
    """The suite as the result describes it that describes it more fully.

    Results of older versions hold neither sections nor the headline; they follow from the
    digest, which both results share.
    """
    return max(baseline, candidate, key=lambda ref: (bool(ref.headline), bool(ref.sections)))


def _version(suite: SuiteRef) -> str:
    return f"version {suite.version}, digest {suite.digest[:12]}"
