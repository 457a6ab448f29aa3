"""What several scorers of one suite agree on, written down."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rmbench.result.models import SuiteRef, _Record


class AgreementCount(_Record):
    """A number of items, beside what scorers that err independently would give."""

    count: int = Field(ge=0)
    expected: float = Field(ge=0, description="mean number under independent errors")
    low: int = Field(ge=0, description="its 2.5 % quantile")
    high: int = Field(ge=0, description="its 97.5 % quantile")
    p: float = Field(ge=0, le=1, description="chance of `count` or more under independent errors")


class ConsensusPart(_Record):
    """The whole suite or one subset."""

    subset: str | None = Field(description="None: the whole suite")
    n: int = Field(ge=0, description="items that all scorers have and that have a right answer")
    none_right: AgreementCount
    all_right: AgreementCount


class UnsolvedItem(_Record):
    """An item that no scorer gets right."""

    example_id: str
    subset: str
    margin_mean: float = Field(
        description="over scorers, each one's margins over their root mean square"
    )
    margin_max: float = Field(description="of the scorer that comes closest; at most 0")
    won: float = Field(
        ge=0, le=1, description="share of its comparisons won, mean over scorers; a tie is not won"
    )
    prompt: tuple[dict[str, str], ...] | None = Field(
        default=None, description="as the other texts, where a result keeps them"
    )
    chosen: str | None = None
    rejected: str | None = None


class UncountedScorer(_Record):
    """A scorer that is left out of the count."""

    name: str
    reason: str


class Consensus(_Record):
    """The items of one suite that none and that all of its scorers get right."""

    suite: SuiteRef
    scorers: tuple[str, ...] = Field(description="those that count")
    left_out: tuple[UncountedScorer, ...] = ()
    reason: str | None = Field(default=None, description="why nothing could be counted")
    right: Literal["every", "best"] = Field(
        default="every",
        description="what being right is: every chosen answer above every rejected one, or the "
        "highest reward a chosen answer's; a tie is not right",
    )
    items_shared: int = Field(default=0, ge=0, description="with a finite reward of all scorers")
    items_total: int = Field(default=0, ge=0, description="of any scorer")
    without_answer: int = Field(default=0, ge=0, description="shared items with even votes")
    several_answers: bool = Field(
        default=False, description="whether an item has more than one comparison"
    )
    parts: tuple[ConsensusPart, ...] = Field(default=(), description="the whole suite first")
    unsolved: tuple[UnsolvedItem, ...] = Field(
        default=(), description="all that no scorer gets right, the most clearly wrong first"
    )
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _parts_or_reason(self) -> Consensus:
        if bool(self.parts) == (self.reason is not None):
            raise ValueError("a consensus has either parts or a reason, not both or neither")
        return self
