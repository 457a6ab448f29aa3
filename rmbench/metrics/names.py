"""Integer codes of names (ids, clusters), without a Python loop over them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rmbench.metrics.arrays import IntArray


def name_hash(names: NDArray[np.str_], seed: int = 0) -> NDArray[np.uint64]:
    """A 64-bit hash of each name that does not depend on how wide the array's strings are.

    Args:
        names: str, shape (n,).
        seed: Picks one of many hash functions.

    Returns:
        uint64, shape (n,); 0 for an empty name.
    """
    width = names.dtype.itemsize // 4
    points = np.ascontiguousarray(names).view(np.uint32).reshape(len(names), width)
    factor = np.random.default_rng(seed).integers(1, 1 << 63, size=width, dtype=np.uint64)
    total = np.zeros(len(names), dtype=np.uint64)
    for column in range(width):
        # Padding is 0 and adds nothing; products and sums wrap, as hashes do.
        mixed = points[:, column].astype(np.uint64) * factor[column]
        total += mixed ^ (mixed >> np.uint64(29))
    return total


def name_codes(names: NDArray[np.str_]) -> IntArray:
    """One integer from 0 for each distinct name.

    Names are told apart by their hashes, and every name is held against the one its code
    stands for; should two names ever share a hash, another hash function is taken.

    Args:
        names: str, shape (n,).

    Returns:
        int64, shape (n,).

    >>> codes = name_codes(np.array(["a", "b", "a"]))
    >>> bool(codes[0] == codes[2] != codes[1])
    True
    """
    seed = 0
    while True:
        _, first, code = np.unique(name_hash(names, seed), return_index=True, return_inverse=True)
        if (names[first][code] == names).all():
            return np.asarray(code, dtype=np.int64)
        seed += 1


def all_distinct(names: NDArray[np.str_]) -> bool:
    """Whether no name occurs twice.

    >>> all_distinct(np.array(["a", "b"])), all_distinct(np.array(["a", "b", "a"]))
    (True, False)
    """
    ordered = np.sort(name_hash(names))
    if (ordered[1:] != ordered[:-1]).all():
        return True
    return int(name_codes(names).max()) + 1 == len(names)
