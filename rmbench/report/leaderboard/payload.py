"""Numbers packed for a page: little-endian arrays as base64, fractions as 16-bit integers."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmbench.metrics.arrays import FloatArray
from rmbench.metrics.ranks import covariance

FRACTION_STEPS = 60_000
"""A fraction is stored as this many times its value, so values up to 1.09 fit."""

MISSING = 65_535

_CORRELATION_STEPS = 32_767


def packed(values: NDArray[Any], dtype: str) -> str:
    """An array's bytes as base64; ``dtype`` is little-endian, such as ``<u2``."""
    return b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")


def fractions(values: Sequence[float | None]) -> str:
    """Fractions as 16-bit integers; ``None`` as the largest of them.

    >>> fractions([0.5, None])
    'MHX//w=='
    """
    steps = [
        MISSING if v is None else min(max(round(v * FRACTION_STEPS), 0), MISSING - 1)
        for v in values
    ]
    return packed(np.array(steps, dtype=np.int64), "<u2")


def pairwise(sums: FloatArray, outcome: FloatArray) -> dict[str, Any]:
    """What any two models' difference follows from.

    Args:
        sums: float64, shape (n_clusters, n_models); influences by cluster.
        outcome: float64, shape (n_examples, n_models); what each example counts.

    Returns:
        ``se``: standard errors, float32; ``corr``: upper triangle without the diagonal, row by
        row, int16 of which 32,767 is 1; ``better``: for each model by each model the examples
        that count more for the first, in ``width`` bytes each.
    """
    found = covariance(sums)
    error: FloatArray = np.sqrt(np.diag(found))
    scale: FloatArray = error[:, None] * error[None, :]
    corr = np.divide(found, scale, out=np.zeros_like(found), where=scale > 0)
    upper = corr[np.triu_indices(len(error), k=1)].clip(-1, 1)
    levels, code = np.unique(outcome, return_inverse=True)
    small: NDArray[Any] = code.reshape(outcome.shape).astype(
        np.uint8 if len(levels) < 256 else np.int64
    )
    better = np.stack([(small[:, [i]] > small).sum(axis=0) for i in range(small.shape[1])])
    width = 2 if len(outcome) < 2**16 else 4
    return {
        "se": packed(error, "<f4"),
        "corr": packed(np.rint(upper * _CORRELATION_STEPS), "<i2"),
        "better": packed(better, f"<u{width}"),
        "width": width,
    }


def script_json(body: Any) -> str:
    r"""JSON that may stand inside a ``<script>`` element, whatever texts it holds.

    >>> print(script_json({"a": "</script>"}))
    {"a":"\u003c/script\u003e"}
    """
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
