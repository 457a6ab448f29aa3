from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from rmbench.metrics.base import Undefined
from rmbench.metrics.subsets import (
    mean_over_sections,
    mean_over_subsets,
    worst_by_chance,
    worst_subset,
)

SUBSET = np.array(["a"] * 4 + ["b"] * 2 + ["c"] * 2)
ACCURACY = np.array([1.0, 1, 1, 0, 0, 1, 0, 0])


def expected_minimum(sizes, p):
    """Exact mean of the smallest of independent Binomial(n, p) / n."""
    grid = np.unique(np.concatenate([np.arange(n + 1) / n for n in sizes]))
    above = np.prod([binom.sf(np.floor(grid * n + 1e-9), n, p) for n in sizes], axis=0)
    return float(np.sum(np.diff(np.append(grid, 1.0)) * above))


def test_means_over_parts():
    assert mean_over_subsets(ACCURACY, SUBSET).value == pytest.approx((0.75 + 0.5 + 0) / 3)
    sections = {"x": ("a", "b"), "y": ("c",)}
    found = mean_over_sections(ACCURACY, SUBSET, sections, require_all=True)
    assert found.value == pytest.approx((4 / 6 + 0) / 2)


def test_a_section_without_examples():
    sections = {"x": ("a",), "math": ("m1", "m2")}
    missing = mean_over_sections(ACCURACY, SUBSET, sections, require_all=True)
    assert missing == Undefined("no example in section 'math'")
    present = mean_over_sections(ACCURACY, SUBSET, sections, require_all=False)
    assert present.value == 0.75
    assert present.n == 4
    nothing = mean_over_sections(ACCURACY, SUBSET, {"math": ("m",)}, require_all=False)
    assert isinstance(nothing, Undefined)


def test_worst_subset():
    assert worst_subset(ACCURACY, SUBSET).tolist() == [False] * 6 + [True] * 2
    tied = np.array([1.0, 1, 0, 0, 0, 0, 0, 0])
    assert worst_subset(tied, SUBSET).tolist() == [False] * 4 + [True] * 2 + [False] * 2
    assert isinstance(worst_subset(ACCURACY, np.full(8, "a")), Undefined)


def test_chance_is_the_expected_smallest_binomial_share():
    rng = np.random.default_rng(0)
    sizes = [20, 50, 100, 30]
    subset = np.repeat([f"s{i}" for i in range(4)], sizes)
    accuracy = np.zeros(200)
    accuracy[rng.permutation(200)[:140]] = 1.0
    found = worst_by_chance(accuracy, subset, np.arange(200), rng, draws=20_000)
    assert found.expected == pytest.approx(expected_minimum(sizes, 0.7), abs=0.002)
    assert found.low < found.expected < min(0.7, found.high)


def test_clusters_make_a_worse_worst_likely():
    rng = np.random.default_rng(1)
    prompts = np.repeat(np.arange(200), 5)
    subset = np.repeat([f"s{i}" for i in range(8)], 125)
    accuracy = (rng.random(200) < 0.7).astype(float)[prompts]
    apart = worst_by_chance(accuracy, subset, np.arange(1000), np.random.default_rng(2))
    shared = worst_by_chance(accuracy, subset, prompts, np.random.default_rng(2))
    p = accuracy.mean()
    assert shared.expected < apart.expected < p
    # All 5 of a prompt are alike, so a subset holds 25 independent answers.
    assert shared.expected == pytest.approx(expected_minimum([25] * 8, p), abs=0.015)


def test_several_comparisons_per_example_make_less_noise():
    rng = np.random.default_rng(3)
    subset = np.repeat([f"s{i}" for i in range(6)], 50)
    fractional = rng.binomial(9, 0.7, 300) / 9
    binary = (rng.random(300) < 0.7).astype(float)
    nine = worst_by_chance(fractional, subset, np.arange(300), np.random.default_rng(4))
    one = worst_by_chance(binary, subset, np.arange(300), np.random.default_rng(4))
    assert fractional.mean() - nine.expected < 0.5 * (binary.mean() - one.expected)
    assert nine.expected == pytest.approx(
        expected_minimum([450] * 6, float(fractional.mean())), abs=0.01
    )


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_without_noise_the_worst_is_the_rest(value):
    found = worst_by_chance(np.full(8, value), SUBSET, np.arange(8), np.random.default_rng(0))
    assert (found.expected, found.low, found.high) == (value, value, value)


def test_one_subset_has_no_worst():
    found = worst_by_chance(ACCURACY, np.full(8, "a"), np.arange(8), np.random.default_rng(0))
    assert isinstance(found, Undefined)
