"""What an engine did: the batches it ran, and what has to be said about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rmbench.engine.batch import PackedBatch


@dataclass(frozen=True, slots=True)
class BatchShape:
    """One executed batch.

    Attributes:
        rows: Sequences in it.
        tokens: Tokens the linear layers computed, padding included.
        padding_tokens: How many of those were padding.
        useful_tokens: Tokens of all its sequences, a shared prompt counted for each; more
            than ``tokens`` where sharing saved some.
        attention_square: Query-key products of full attention in it: the sum of s^2 over
            sequences of s tokens (as executed, padding included); of a response with n
            tokens of its own to a shared prompt of P, ``(P + n)^2 - P^2``.
    """

    rows: int
    tokens: int
    padding_tokens: int
    useful_tokens: int
    attention_square: int

    @classmethod
    def of_padded(cls, lengths: Iterable[int]) -> BatchShape:
        """Sequences padded to the longest.

        >>> BatchShape.of_padded([3, 5]).padding_tokens
        2
        """
        sizes = list(lengths)
        longest = max(sizes)
        tokens = longest * len(sizes)
        return cls(
            rows=len(sizes),
            tokens=tokens,
            padding_tokens=tokens - sum(sizes),
            useful_tokens=sum(sizes),
            attention_square=len(sizes) * longest**2,
        )

    @classmethod
    def of_packed(cls, batch: PackedBatch) -> BatchShape:
        """Sequences laid end to end; filling of a fixed shape counts as padding."""
        own = batch.segments[:, 1] - batch.segments[:, 0]
        shared = batch.segments[:, 3] - batch.segments[:, 2]
        real = len(batch.rows)
        return cls(
            rows=real,
            tokens=len(batch.input_ids),
            padding_tokens=int(len(batch.input_ids) - own[:real].sum()),
            useful_tokens=int((own + shared)[:real].sum()),
            attention_square=int(((own + shared) ** 2 - shared**2).sum()),
        )


@dataclass
class Tally:
    """Counted while scoring.

    Attributes:
        shapes: The batches, in the order they ran.
        retries: How often memory ran out and the batches were made smaller.
        positions_differ: Sequences in which the two rules for the scored token disagree.
        from_cache: Sequences whose reward the cache knew.
        unique: Different sequences.
    """

    shapes: list[BatchShape] = field(default_factory=list)
    retries: int = 0
    positions_differ: int = 0
    from_cache: int = 0
    unique: int = 0
