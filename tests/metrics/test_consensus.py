from collections.abc import Callable
from itertools import permutations, product
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson_binom

from rmbench.metrics.accuracy import best_of_n, example_accuracy
from rmbench.metrics.comparisons import Comparisons
from rmbench.metrics.consensus import (
    Agreement,
    CountDistribution,
    agreements,
    example_margin,
    in_own_units,
)
from rmbench.types import Scores

Build = Callable[..., Scores]


def test_worked_by_hand() -> None:
    """Two scorers, two subsets: q = (1/2)(1/2) in a, (1/3)(2/3) in b.

    The number with nobody right is B(2, 1/4) + B(3, 2/9). P(0) = (3/4)^2 (7/9)^3 = 0.26466,
    and P(at least 1) the rest; everybody right has the same chances in both subsets.
    """
    subset = np.array(["b", "a", "b", "a", "b"])
    first = np.array([True, True, True, False, False])
    second = np.array([True, True, False, False, False])
    whole, a, b = agreements(np.stack([first, second]), subset)
    assert [(p.subset, p.n) for p in (whole, a, b)] == [(None, 5), ("a", 2), ("b", 3)]
    assert [p.none_right.count for p in (whole, a, b)] == [2, 1, 1]
    assert [p.all_right.count for p in (whole, a, b)] == [2, 1, 1]
    assert a.none_right.expected == pytest.approx(2 / 4)
    assert b.none_right.expected == pytest.approx(3 * (1 / 3) * (2 / 3))
    assert b.all_right.expected == pytest.approx(3 * (2 / 3) * (1 / 3))
    assert whole.none_right.expected == pytest.approx(1 / 2 + 2 / 3)
    p0 = (3 / 4) ** 2 * (7 / 9) ** 3
    p1 = 2 * (1 / 4) * (3 / 4) * (7 / 9) ** 3 + (3 / 4) ** 2 * 3 * (2 / 9) * (7 / 9) ** 2
    assert whole.none_right.p == pytest.approx(1 - p0 - p1)
    assert (whole.none_right.low, whole.none_right.high) == (0, 3)
    assert a.none_right == Agreement(1, 0.5, 0, 2, a.none_right.p)
    assert a.none_right.p == pytest.approx(1 - 9 / 16)


def test_where_nobody_or_everybody_errs_chance_leaves_no_room() -> None:
    subset = np.array(["all"] * 3)
    never, always = np.zeros((2, 3), dtype=bool), np.ones((2, 3), dtype=bool)
    (whole, _), (other, _) = agreements(never, subset), agreements(always, subset)
    assert whole.none_right == Agreement(3, 3.0, 3, 3, 1.0)
    assert whole.all_right == Agreement(0, 0.0, 0, 0, 1.0)
    assert other.none_right == whole.all_right
    assert other.all_right == whole.none_right


def _by_loops(right: list[list[bool]], subset: list[str]) -> dict[str | None, tuple[int, int]]:
    """Counts and exact tail chances, item by item and outcome by outcome."""
    found: dict[str | None, tuple[int, int]] = {}
    for part in (None, *sorted(set(subset))):
        items = [i for i, s in enumerate(subset) if part in (None, s)]
        found[part] = (
            sum(not any(row[i] for row in right) for i in items),
            sum(all(row[i] for row in right) for i in items),
        )
    return found


def _chances(right: list[list[bool]], subset: list[str]) -> list[float]:
    """Chance of each item that nobody has it right."""

    def accuracy(row: list[bool], name: str) -> float:
        members = [r for r, s in zip(row, subset, strict=True) if s == name]
        return sum(members) / len(members)

    return [prod(1 - accuracy(row, s) for row in right) for s in subset]


def _random(n_scorers: int, n_items: int, seed: int) -> tuple[list[list[bool]], list[str]]:
    rng = np.random.default_rng(seed)
    right = rng.random((n_scorers, n_items)) < rng.random((n_scorers, 1))
    return right.tolist(), rng.choice(["a", "b", "cc"], n_items).tolist()


@given(st.integers(1, 4), st.integers(1, 8), st.integers(0, 10**6))
def test_counts_and_chances_are_those_of_plain_loops(
    n_scorers: int, n_items: int, seed: int
) -> None:
    right, subset = _random(n_scorers, n_items, seed)
    parts = agreements(np.array(right), np.array(subset))
    counts = _by_loops(right, subset)
    assert {p.subset: (p.none_right.count, p.all_right.count) for p in parts} == counts

    chances = _chances(right, subset)
    tail = sum(
        prod(c if hit else 1 - c for hit, c in zip(outcome, chances, strict=True))
        for outcome in product([True, False], repeat=n_items)
        if sum(outcome) >= counts[None][0]
    )
    assert parts[0].none_right.p == pytest.approx(tail, abs=1e-12)
    assert parts[0].none_right.expected == pytest.approx(sum(chances), abs=1e-12)


@given(st.integers(1, 5), st.integers(1, 120), st.integers(0, 10**6))
def test_properties_of_any_scorers(n_scorers: int, n_items: int, seed: int) -> None:
    right, subset = _random(n_scorers, n_items, seed)
    whole, *parts = agreements(np.array(right), np.array(subset))
    assert whole.n == sum(p.n for p in parts) == n_items
    for side in ("none_right", "all_right"):
        total: Agreement = getattr(whole, side)
        each: list[Agreement] = [getattr(p, side) for p in parts]
        assert total.count == sum(a.count for a in each)
        assert total.expected == pytest.approx(sum(a.expected for a in each))
        for a, n in zip([total, *each], [n_items, *(p.n for p in parts)], strict=True):
            assert 0 <= a.low <= a.high <= n
            assert a.low - 1 <= a.expected <= a.high + 1
            assert 0 <= a.p <= 1
    # Turned round, those that nobody gets right are those that everybody does.
    mirrored = agreements(~np.array(right), np.array(subset))
    assert mirrored[0].none_right.count == whole.all_right.count
    assert mirrored[0].none_right.expected == pytest.approx(whole.all_right.expected, abs=1e-9)
    # One more scorer can only take items away.
    more = agreements(np.array([*right, right[0][::-1]]), np.array(subset))
    assert more[0].none_right.count <= whole.none_right.count


@given(
    st.lists(
        st.tuples(
            st.integers(1, 40), st.floats(0, 1) | st.sampled_from([0.0, 1.0, 1e-9, 1e-17, 5e-324])
        ),
        min_size=1,
        max_size=5,
    )
)
def test_the_distribution_is_scipys(parts: list[tuple[int, float]]) -> None:
    sizes, chances = (np.array(column) for column in zip(*parts, strict=True))
    found = CountDistribution.of_binomials(sizes, chances)
    expected = poisson_binom(np.repeat(chances, sizes))
    counts = np.arange(int(sizes.sum()) + 1)
    tails = [found.at_least(k) for k in counts.tolist()]
    np.testing.assert_allclose(tails, expected.sf(counts - 1), atol=1e-11)
    for share in (0.025, 0.5, 0.975):
        k = found.quantile(share)
        assert found.at_least(k + 1) <= 1 - share + 1e-9
        assert found.at_least(k) >= 1 - share - 1e-9


def test_a_tail_far_out_keeps_its_digits() -> None:
    """All of 40 items at 1/2 each have a chance of 2^-40, which FFTs would lose."""
    found = CountDistribution.of_binomials(np.array([15, 25]), np.array([0.5, 0.5]))
    assert found.at_least(40) == pytest.approx(0.5**40, rel=1e-12)
    assert found.at_least(0) == 1.0
    assert found.at_least(41) == 0.0


def test_many_items_in_many_subsets_have_a_distribution() -> None:
    chances = np.linspace(0.01, 0.3, 20)
    found = CountDistribution.of_binomials(np.full(20, 10_000), chances)
    mean = 10_000 * chances.sum()
    sd = np.sqrt((10_000 * chances * (1 - chances)).sum())
    assert found.mass.sum() == pytest.approx(1)
    assert found.quantile(0.975) == pytest.approx(mean + 1.96 * sd, abs=2)


def test_with_the_errors_shuffled_the_mean_is_the_same_and_the_spread_smaller() -> None:
    """What the docstring says of the range: every order of one scorer's errors is listed."""
    first, errors = np.array([1, 1, 0, 0, 0], bool), [True, True, True, False, False]
    counts = [int((~first & ~np.array(row)).sum()) for row in permutations(errors)]
    (whole, _) = agreements(np.stack([first, np.array(errors)]), np.array(["all"] * 5))
    assert np.mean(counts) == pytest.approx(whole.none_right.expected)
    q = whole.none_right.expected / 5
    assert np.var(counts) < 5 * q * (1 - q)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"neither empty; got \(0, 2\) and \(2,\)"):
        agreements(np.zeros((0, 2), dtype=bool), np.array(["a", "a"]))
    with pytest.raises(ValueError, match="got"):
        agreements(np.zeros((2, 3), dtype=bool), np.array(["a", "a"]))


def test_right_is_every_rejected_answer_beaten_and_a_tie_is_not(build: Build) -> None:
    scores = build(
        [
            ((3.0,), (1.0, 2.0)),  # beats both
            ((3.0,), (1.0, 3.0)),  # ties with the better one
            ((1.0, 4.0), (2.0,)),  # the best is right, the other chosen answer is below
        ]
    )
    decided = Comparisons.from_scores(scores).decided
    assert example_margin(decided, "every").tolist() == [1.0, 0.0, -1.0]
    assert example_margin(decided, "best").tolist() == [1.0, 0.0, 2.0]


@given(st.lists(st.tuples(*[st.lists(st.integers(-2, 2), min_size=1, max_size=3)] * 2), min_size=1))
def test_right_agrees_with_the_accuracies_of_the_suites(
    build: Build, examples: list[tuple[list[int], list[int]]]
) -> None:
    decided = Comparisons.from_scores(build(examples)).decided
    every = example_margin(decided, "every") > 0
    assert every.tolist() == (example_accuracy(decided, "wrong") == 1).tolist()
    best = example_margin(decided, "best") > 0
    assert best.tolist() == (best_of_n(decided, "wrong") == 1).tolist()


def test_margins_in_own_units_do_not_depend_on_the_scale() -> None:
    margin = np.array([[1.0, -3.0, 2.0]])
    for scale in (1e-200, 1e-3, 1.0, 1e99):
        np.testing.assert_allclose(in_own_units(margin * scale), in_own_units(margin))
    assert np.mean(in_own_units(margin) ** 2) == pytest.approx(1)
