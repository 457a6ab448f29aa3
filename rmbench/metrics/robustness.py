"""What a rewriting that should change nothing does to rewards and to who wins.

The examples as they are stand in the subset ``original`` with ids ``original/<id>``, the
rewritten ones in subsets of their own with ids ``<subset>/<id>``; the two are joined on the
id. Everything is paired: each rewritten example beside the same one as it was.

Sources: Wu et al. 2025, "reWordBench" (accuracy before and after, on one example at a time);
Reward Auditor, arXiv:2512.00920 (sign-flip permutation, Benjamini-Hochberg over perturbations).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rmbench.metrics.accuracy import example_accuracy, outcomes
from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.metrics.base import Undefined
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.intervals import (
    Interval,
    Linearised,
    cluster_sums,
    clustered_interval,
    count_clusters,
    linearised_ratio,
)
from rmbench.metrics.paired import (
    PairedCounts,
    benjamini_hochberg,
    mcnemar,
    sign_flip_test,
    tango_interval,
)
from rmbench.spec.robustness import ORIGINAL
from rmbench.types import TiePolicy

_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Joined:
    """Rewritten examples beside the same ones as they were.

    Attributes:
        before: All examples as they are, in order.
        after: The rewritten examples of one subset.
        at: int64, shape (n_after,); which example of ``before`` each of them is; distinct.
    """

    before: Comparisons
    after: Comparisons
    at: IntArray

    @property
    def group(self) -> IntArray:
        """Cluster codes of the rewritten examples; int64, shape (n_after,)."""
        return self.before.group[self.at]

    def as_before(self, values: FloatArray) -> FloatArray:
        """Values per comparison of ``before``, in the order of ``after``'s comparisons."""
        size = self.after.comparisons_per_example
        offset = np.arange(len(self.after)) - np.repeat(self.after.first_comparison, size)
        start = np.repeat(self.before.first_comparison[self.at], size)
        moved: FloatArray = values[start + offset]
        return moved


def join(comparisons: Comparisons) -> dict[str, Joined] | Undefined:
    """Each subset of rewritten examples with what it is joined to, by name of the subset.

    A rewritten example whose original is not there (its reward was missing) is left out.

    Raises:
        ValueError: If an example and its original differ in how many answers they have.
    """
    is_original = comparisons.subset == ORIGINAL
    if not is_original.any():
        return Undefined(f"there is no subset {ORIGINAL!r} to compare with")
    before = comparisons.where(is_original)
    place = {key.removeprefix(f"{ORIGINAL}/"): i for i, key in enumerate(before.id.tolist())}
    found: dict[str, Joined] = {}
    for name in np.unique(comparisons.subset[~is_original]).tolist():
        part = comparisons.where(comparisons.subset == name)
        at = np.array(
            [place.get(key.removeprefix(f"{name}/"), -1) for key in part.id.tolist()],
            dtype=np.int64,
        )
        if (at >= 0).any():
            pair = Joined(before, part.where(at >= 0), at[at >= 0])
            _check_shapes(pair)
            found[name] = pair
    return found or Undefined("no example is rewritten")


# --- what rewriting does to each example: float64, shape (n_after,)


def flips(pair: Joined) -> FloatArray:
    """How far the outcome of each example's comparisons moved, in [0, 1].

    A preference that turns round counts 1, a tie that comes or goes one half (whatever the
    suite's rule for ties: it is no accuracy), and the comparisons of an example are averaged.
    """
    now = outcomes(pair.after.margin, "half")
    was = outcomes(pair.as_before(pair.before.margin), "half")
    return pair.after.example_mean(np.abs(now - was))


def ties_changed(pair: Joined) -> FloatArray:
    """Share of each example's comparisons in which a tie came or went, in [0, 1]."""
    changed = (pair.after.margin == 0) != (pair.as_before(pair.before.margin) == 0)
    return pair.after.example_mean(changed.astype(np.float64))


def reward_moves(pair: Joined) -> FloatArray:
    """Mean |r(t(y)) - r(y)| over the answers of each example, both sides alike."""
    chosen = np.abs(pair.after.reward_chosen - pair.as_before(pair.before.reward_chosen))
    rejected = np.abs(pair.after.reward_rejected - pair.as_before(pair.before.reward_rejected))
    return pair.after.example_mean((chosen + rejected) / 2)


def margin_moves(pair: Joined) -> FloatArray:
    """Change of each example's mean margin, after less before."""
    return pair.after.example_mean(pair.after.margin - pair.as_before(pair.before.margin))


def accuracy_before(pair: Joined, ties: TiePolicy) -> FloatArray:
    """Accuracy of each example as it was, in [0, 1]; of ``Comparisons.decided``."""
    return example_accuracy(pair.before, ties)[pair.at]


def accuracy_after(pair: Joined, ties: TiePolicy) -> FloatArray:
    """Accuracy of each rewritten example, in [0, 1]; of ``Comparisons.decided``."""
    return example_accuracy(pair.after, ties)


def accuracy_drops(pair: Joined, ties: TiePolicy) -> FloatArray:
    """Accuracy of each example as it was, less rewritten, in [-1, 1]."""
    return accuracy_before(pair, ties) - accuracy_after(pair, ties)


# --- means with their influences, over the examples of ``before``


def pooled(parts: Sequence[tuple[Joined, FloatArray]]) -> Linearised:
    """Mean over all rewritten examples of some transformations, each counted once.

    As a ratio of sums over the originals (the values of all rewritings of an example to
    their number), so that the error knows that they are one example rewritten several times.

    Args:
        parts: Each transformation, with float64, shape (n_after,).
    """
    n = parts[0][0].before.n_examples
    total, number = np.zeros(n), np.zeros(n)
    for pair, values in parts:
        total[pair.at] += values
        number[pair.at] += 1
    return linearised_ratio(total, number)


@dataclass(frozen=True, eq=False)
class Spread:
    """A standard deviation of margins, and what each example contributes to its error.

    Attributes:
        value: With n - 1; positive.
        influence: float64, shape (n_examples,); to first order, sums to 0.
    """

    value: float
    influence: FloatArray


def margin_spread(comparisons: Comparisons) -> Spread | Undefined:
    """Standard deviation of the examples' mean margins."""
    if comparisons.n_examples < 2:
        return Undefined("a standard deviation needs 2 examples")
    margin = comparisons.example_mean(comparisons.margin)
    spread = float(margin.std(ddof=1))
    # Equal margins can leave rounding behind where an example has several comparisons.
    if spread <= _ROUNDING * float(np.abs(margin).max()):
        return Undefined("all margins are the same, so they have no standard deviation")
    # d sd = d var / (2 sd), and the influence on a variance is the squared deviation.
    moved = ((margin - margin.mean()) ** 2 - margin.var()) / (2 * spread * len(margin))
    return Spread(spread, moved)


def in_spreads(mean: Linearised, spread: Spread) -> Linearised:
    """A mean of moves in units of a standard deviation, whose own error enters (delta method)."""
    influence = mean.influence / spread.value - mean.value / spread.value**2 * spread.influence
    return Linearised(mean.value / spread.value, influence, np.ones(len(influence), dtype=np.bool_))


def spread_ratio(pair: Joined) -> Linearised | Undefined:
    """Standard deviation of the margins after rewriting over that of the same ones before."""
    rewritten = np.zeros(pair.before.n_examples, dtype=np.bool_)
    rewritten[pair.at] = True
    was, now = margin_spread(pair.before.where(rewritten)), margin_spread(pair.after)
    if isinstance(was, Undefined):
        return was
    if isinstance(now, Undefined):
        return now
    ratio = now.value / was.value
    influence = np.zeros(pair.before.n_examples)
    influence[rewritten] = -ratio / was.value * was.influence
    influence[pair.at] += now.influence / was.value
    return Linearised(ratio, influence, rewritten)


# --- is the drop more than chance?


def drop_interval(drops: FloatArray, groups: IntArray, *, binary: bool) -> Interval | None:
    """Interval of the mean drop.

    Tango's where every example is a cluster of its own and was and is either right or wrong;
    otherwise clustered t. Where no cluster differs from another, Tango's interval on the
    number of clusters stands in for a width of 0.

    Args:
        drops: float64, shape (n_after,), in [-1, 1].
        groups: int64, shape (n_after,); cluster codes.
        binary: Whether each accuracy before and after is 0 or 1.

    Returns:
        ``None`` with fewer than 2 clusters, or without variation in drops that are neither
        nothing nor all.
    """
    n_clusters = count_clusters(groups)
    if n_clusters < 2:
        return None
    if binary and n_clusters == len(drops):
        return tango_interval(_counts(drops))
    mean = linearised_ratio(drops, np.ones(len(drops)))
    interval = clustered_interval(mean, groups, fraction=False)
    if interval is None and np.isin(drops, (-1.0, 0.0, 1.0)).all():
        stand_in = tango_interval(_counts(np.full(n_clusters, drops[0])))
        return Interval(stand_in.low, stand_in.high, "tango on clusters")
    return interval


def drop_p_value(drops: FloatArray, groups: IntArray, rng: np.random.Generator) -> float:
    """Two-sided p-value of "accuracy does not change": signs of cluster sums flipped.

    Clusters that lost nothing stay out: their sign makes no difference. Where all others lost
    or won equally much (always so with one pair in each cluster and no ties) the distribution
    of the flipped signs is the binomial one, which is McNemar's exact test; else it is
    enumerated, or drawn from where there are more than 14 such clusters.

    Args:
        drops: float64, shape (n_after,).
        groups: int64, shape (n_after,); cluster codes.
        rng: Source of the drawn signs.

    >>> rng = np.random.default_rng(0)
    >>> drop_p_value(np.array([1.0] * 7 + [-1.0] + [0.0] * 5), np.arange(13), rng)
    0.0703125
    """
    sums = cluster_sums(drops, groups)
    moved = sums[np.abs(sums) > _ROUNDING]
    if not len(moved):
        return 1.0
    size = np.abs(moved)
    if float(np.ptp(size)) <= _ROUNDING * float(size.max()):
        return mcnemar(int((moved > 0).sum()), int((moved < 0).sum())).p_exact
    return sign_flip_test(moved, rng).p_value


def adjusted(p_values: Mapping[str, float]) -> dict[str, float]:
    """Benjamini and Hochberg's adjusted p-values, by name.

    >>> adjusted({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    {'a': 0.02, 'b': 0.04, 'c': 0.04, 'd': 0.02}
    """
    values = benjamini_hochberg(np.array(list(p_values.values())))
    return dict(zip(p_values, values.tolist(), strict=True))


def _counts(drops: FloatArray) -> PairedCounts:
    lost, won = int((drops > 0).sum()), int((drops < 0).sum())
    # Tango's interval rests on the two that differ and on n: how the others agree is no matter.
    return PairedCounts(len(drops) - lost - won, lost, won, 0)


def _check_shapes(pair: Joined) -> None:
    b, a = pair.before, pair.after
    unlike = (b.n_chosen[pair.at] != a.n_chosen) | (b.n_rejected[pair.at] != a.n_rejected)
    if unlike.any():
        first = str(a.id[int(np.argmax(unlike))])
        raise ValueError(f"example {first!r} has another number of answers than its original")
