"""Best-of-n curves over many prompts: what choosing by a reward gains in gold.

For every prompt N answers were drawn, each with a proxy reward and a gold value. The curve
gives the gold that best-of-n by the proxy is expected to reach, n = 1, 2, ..., beside what
picking by the gold itself would reach; their difference is the regret. A proxy that is
over-optimised has a curve that turns down while the KL divergence still grows.

Sources: the estimator of ``ranking.best_of_n_gold`` (Nakano et al. 2021), here for all prompts
at once; over-optimisation against KL as in Gao, Schulman and Hilton 2023.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.metrics.ranking import best_of_n_kl


@dataclass(frozen=True, eq=False)
class RankedAnswers:
    """The answers of many prompts, sorted by prompt and by a reward within it.

    Attributes:
        size: int64, shape (n_prompts,); answers of each prompt.
        prompt: int64, shape (n_answers,); index of the prompt, from 0.
        rank: int64, shape (n_answers,); from 1 for the lowest reward of the prompt.
        gold: float64, shape (n_answers,); gold value, of answers with equal rewards the mean.
    """

    size: IntArray
    prompt: IntArray
    rank: IntArray
    gold: FloatArray

    @classmethod
    def of(cls, prompt: IntArray, reward: FloatArray, gold: FloatArray) -> RankedAnswers:
        """Rank answers.

        Args:
            prompt: int64, shape (n_answers,); index of each answer's prompt, all of 0, 1, ...
                having at least one answer.
            reward: float64, shape (n_answers,); what is chosen by.
            gold: float64, shape (n_answers,); what a choice is worth.

        Raises:
            ValueError: If the shapes differ.
        """
        if not prompt.shape == reward.shape == gold.shape or prompt.ndim != 1:
            raise ValueError(
                f"expected three arrays of one shape (n_answers,), got {prompt.shape}, "
                f"{reward.shape}, {gold.shape}"
            )
        order = np.lexsort((reward, prompt))
        p, r, g = prompt[order], reward[order], gold[order]
        size = np.bincount(p)
        rank = np.arange(len(p)) - np.repeat(np.cumsum(size) - size, size) + 1
        new = np.ones(len(p), np.bool_)
        new[1:] = (p[1:] != p[:-1]) | (r[1:] != r[:-1])
        level = np.cumsum(new) - 1
        shared = (np.bincount(level, weights=g) / np.bincount(level))[level]
        return cls(size, p, rank, shared)

    def expected_gold(self, n: int) -> FloatArray:
        """Expected gold of the answer with the highest reward among n, drawn without return.

        Returns:
            float64, shape (n_prompts,).

        Raises:
            ValueError: If n < 1 or a prompt has fewer than n answers.
        """
        if n < 1 or (self.size < n).any():
            raise ValueError(f"expected n in [1, {int(self.size.min(initial=1))}], got {n}")
        reachable = self.rank >= n
        prompt, rank = self.prompt[reachable], self.rank[reachable]
        chance = np.exp(_log_choose(rank - 1, n - 1) - _log_choose(self.size, n)[prompt])
        worth: FloatArray = chance * self.gold[reachable]
        return np.bincount(prompt, weights=worth, minlength=len(self.size)).astype(np.float64)


@dataclass(frozen=True, eq=False)
class BestOfNCurve:
    """Means over prompts, one entry per n.

    Attributes:
        n: int64, shape (k,); how many answers are chosen among.
        kl: float64, shape (k,); KL divergence from the policy in nats, ln n - (n - 1) / n.
        gold: float64, shape (k,); expected gold of the proxy's choice.
        oracle: float64, shape (k,); of the choice by gold itself.
    """

    n: IntArray
    kl: FloatArray
    gold: FloatArray
    oracle: FloatArray

    @property
    def regret(self) -> FloatArray:
        """What the proxy's choice lacks, ``oracle - gold``; shape (k,), not below 0."""
        return self.oracle - self.gold

    @property
    def best_n(self) -> int:
        """The n with the highest expected gold, the smallest one of several."""
        return int(self.n[np.argmax(self.gold)])

    @property
    def overoptimisation(self) -> float:
        """What is lost by going on to the largest n: highest less last expected gold."""
        return float(self.gold.max() - self.gold[-1])


def best_of_n_curve(prompt: IntArray, proxy: FloatArray, gold: FloatArray) -> BestOfNCurve:
    """The whole curve, from n = 1 to the answers of the prompt that has the fewest.

    Args:
        prompt: int64, shape (n_answers,); index of each answer's prompt, from 0.
        proxy: float64, shape (n_answers,); the reward that is chosen by.
        gold: float64, shape (n_answers,); what a choice is worth.

    Raises:
        ValueError: If the shapes differ or there are no answers.

    >>> gold = np.array([1.0, 2.0, 3.0, 4.0])
    >>> curve = best_of_n_curve(np.zeros(4, np.int64), np.array([0.1, 0.2, 0.4, 0.3]), gold)
    >>> curve.gold.round(3).tolist(), curve.regret.round(3).tolist()
    ([2.5, 3.167, 3.25, 3.0], [0.0, 0.167, 0.5, 1.0])
    >>> curve.best_n, round(curve.overoptimisation, 3)
    (3, 0.25)
    """
    if not len(prompt):
        raise ValueError("there are no answers")
    by_proxy = RankedAnswers.of(prompt, proxy, gold)
    by_gold = RankedAnswers.of(prompt, gold, gold)
    ns = np.arange(1, int(by_proxy.size.min()) + 1)
    return BestOfNCurve(
        n=ns,
        kl=np.array([best_of_n_kl(int(n)) for n in ns]),
        gold=np.array([by_proxy.expected_gold(int(n)).mean() for n in ns]),
        oracle=np.array([by_gold.expected_gold(int(n)).mean() for n in ns]),
    )


def _log_choose(n: IntArray, k: int) -> FloatArray:
    ways: FloatArray = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return ways
