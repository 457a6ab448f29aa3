"""Choosing the best of N samples by a proxy reward, and what it gains in gold.

Sources: the unbiased estimator over all subsets of n of N samples as in Nakano et al.
2021 (WebGPT); KL of best-of-n as in Stiennon et al. 2020.
"""

from __future__ import annotations

from math import log

import numpy as np
from scipy.special import gammaln

from rmbench.metrics.arrays import FloatArray, IntArray


def best_of_n_gold(proxy: FloatArray, gold: FloatArray, n: int) -> float:
    """Expected gold reward of the sample that the proxy likes best among n of N.

    sum over i of C(i - 1, n - 1) / C(N, n) * gold_(i), i the rank by proxy from lowest:
    the mean over every subset of n samples. Samples of equal proxy are as likely to be
    picked, so each takes the mean gold of its equals.

    Args:
        proxy: float64, shape (N,); what the pick is made by.
        gold: float64, shape (N,); what the pick is worth.
        n: How many samples are compared, in [1, N].

    Raises:
        ValueError: If the shapes differ or n is not in [1, N].

    >>> gold = np.arange(1.0, 17.0)
    >>> round(best_of_n_gold(gold, gold, 4), 6), round(best_of_n_gold(-gold, gold, 4), 6)
    (13.6, 3.4)
    """
    total = len(proxy)
    if proxy.shape != gold.shape or proxy.ndim != 1:
        raise ValueError(f"expected two arrays of one shape (N,), got {proxy.shape}, {gold.shape}")
    if not 1 <= n <= total:
        raise ValueError(f"expected n in [1, {total}], got {n}")
    _, level = np.unique(proxy, return_inverse=True)
    shared = np.bincount(level, weights=gold) / np.bincount(level)
    by_rank = np.sort(level)
    rank = np.arange(n, total + 1)
    log_chance = _log_choose(rank - 1, n - 1) - _log_choose(np.array([total]), n)
    return float(np.exp(log_chance) @ shared[by_rank[n - 1 :]])


def best_of_n_kl(n: int) -> float:
    """KL divergence in nats of best-of-n sampling from the policy: ln n - (n - 1) / n.

    Raises:
        ValueError: If n < 1.

    >>> round(best_of_n_kl(4), 4), round(best_of_n_kl(16), 4), round(best_of_n_kl(64), 4)
    (0.6363, 1.8351, 3.1745)
    """
    if n < 1:
        raise ValueError(f"expected n >= 1, got {n}")
    return log(n) - (n - 1) / n


def _log_choose(n: IntArray, k: int) -> FloatArray:
    ways: FloatArray = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return ways
