"""A suite that is made from another one by rewriting its texts."""

from __future__ import annotations

from hashlib import sha256
from json import dumps

from pydantic import Field

from rmbench.spec.suite import PreferenceSuite

ORIGINAL = "original"
"""Subset of the examples as they are, in a suite that rewrites them."""


class RobustnessSuite(PreferenceSuite):
    """The examples of a base suite, as they are and rewritten in several ways.

    No file says this: it is made from the base suite when it is asked for. ``data`` is that
    of the base suite, from which the examples are made.
    """

    base: PreferenceSuite = Field(description="the suite whose examples are rewritten")
    transformations: tuple[str, ...] = Field(min_length=1, description="in the order applied")
    transformations_version: str = Field(
        description="raised with any change to what a transformation gives"
    )
    transformation_seed: int = Field(default=0, description="names the draws of all of them")

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the base suite's digest and of what makes this one's texts of its.

        All else that can move a number (how ties count, the longest text) is the base
        suite's, and in its digest.
        """
        body = {
            "base": self.base.digest,
            "transformations": self.transformations,
            "version": self.transformations_version,
            "seed": self.transformation_seed,
        }
        return sha256(dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
