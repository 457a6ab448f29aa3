from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from rmbench.metrics.ranking import best_of_n_gold, best_of_n_kl

GOLD = np.arange(1.0, 17.0)


@pytest.mark.parametrize(("n", "expected"), [(1, 8.5), (4, 13.6), (16, 16.0)])
def test_known_gains_of_a_perfect_proxy(n, expected):
    assert best_of_n_gold(GOLD, GOLD, n) == pytest.approx(expected, rel=1e-12)


def test_known_loss_of_a_reversed_proxy():
    assert best_of_n_gold(-GOLD, GOLD, 4) == pytest.approx(3.4, rel=1e-12)


@pytest.mark.parametrize(("n", "expected"), [(1, 0.0), (4, 0.6363), (16, 1.8351), (64, 3.1745)])
def test_known_divergences(n, expected):
    assert best_of_n_kl(n) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("ties", [False, True])
def test_is_the_mean_over_every_subset_of_n(n, ties):
    rng = np.random.default_rng(n)
    gold = rng.normal(size=7)
    proxy = rng.integers(0, 3, 7).astype(float) if ties else rng.normal(size=7)

    def pick(subset: tuple[int, ...]) -> float:
        top = max(proxy[i] for i in subset)
        return float(np.mean([gold[i] for i in subset if proxy[i] == top]))

    every = np.mean([pick(s) for s in combinations(range(7), n)])
    assert best_of_n_gold(proxy, gold, n) == pytest.approx(every, rel=1e-10, abs=1e-12)


def test_many_samples_do_not_overflow():
    gold = np.arange(5000.0)
    assert best_of_n_gold(gold, gold, 2500) == pytest.approx(2500 / 2501 * 5001 - 1, rel=1e-9)


def test_impossible_calls_are_refused():
    with pytest.raises(ValueError, match=r"n in \[1, 16\], got 17"):
        best_of_n_gold(GOLD, GOLD, 17)
    with pytest.raises(ValueError, match="one shape"):
        best_of_n_gold(GOLD, GOLD[1:], 1)
    with pytest.raises(ValueError, match="n >= 1"):
        best_of_n_kl(0)
