"""From families to preference examples."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from rmbench.data.controlled.dice import Dice
from rmbench.data.controlled.families import FAMILIES
from rmbench.data.controlled.mirrored import SPLITS, Family, MirroredPair, Question, Split
from rmbench.data.controlled.style import Style, draw_style, dressed, has_markdown
from rmbench.errors import UsageError
from rmbench.types import Message, PreferenceExample

_ATTEMPTS_PER_PAIR = 200
"""Draws in a row without a new prompt after which a family counts as used up."""


def generate_controlled(
    split: Split, *, prompts_per_family: int, seed: int
) -> tuple[PreferenceExample, ...]:
    """Preferences whose better answer is certain, the same ones for the same arguments.

    Examples come in mirrored pairs: two prompts with the same two answers, chosen and
    rejected swapped. Any score that does not depend on the prompt therefore gets exactly
    half of every family right (ties counted half), whatever it reads off the answers:
    length, markdown, tone, wording. The two examples of a mirrored pair share a ``group``.

    Templates and the words that fill them differ between the splits.

    Args:
        split: ``train`` or ``test``.
        prompts_per_family: Prompts (and so examples) of each family; even, at least 2.
        seed: Names the draw; another seed gives other examples of the same kind.

    Returns:
        ``prompts_per_family`` examples per family in ``FAMILIES`` order; mirrored ones are
        neighbours. Ids are ``controlled/<split>/<family>/<number>``; ``meta`` holds both
        templates, the mirrored example's id and what style stands on which side.

    Raises:
        UsageError: If an argument is impossible, or a family has not that many prompts.

    >>> first, second = generate_controlled("test", prompts_per_family=2, seed=0)[:2]
    >>> first.id, first.subset
    ('controlled/test/arithmetic/0000', 'arithmetic')
    >>> first.chosen == second.rejected and first.rejected == second.chosen
    True
    """
    if split not in SPLITS:
        raise UsageError(f"controlled preferences have no split {split!r}: use train or test")
    if prompts_per_family < 2 or prompts_per_family % 2:
        raise UsageError(
            f"prompts_per_family must be even and at least 2, got {prompts_per_family}: "
            "prompts come in mirrored pairs"
        )
    return tuple(
        example
        for family in FAMILIES
        for number, pair in enumerate(
            draw_pairs(family, split, pairs=prompts_per_family // 2, seed=seed)
        )
        for example in _examples(family, split, number, pair, seed)
    )


def draw_pairs(family: Family, split: Split, *, pairs: int, seed: int) -> Iterator[MirroredPair]:
    """That many mirrored pairs of one family, no prompt twice.

    Raises:
        UsageError: If the family's templates and words give no further prompt.
    """
    seen: set[str] = set()
    attempt = count()
    for done in range(pairs):
        for _ in range(_ATTEMPTS_PER_PAIR):
            dice = Dice(f"controlled/{seed}/{split}/{family.name}/{next(attempt)}")
            pair = family.draw(split, dice)
            prompts = {pair.first.prompt, pair.second.prompt}
            if len(prompts) == 2 and not prompts & seen:
                break
        else:
            raise UsageError(
                f"the family {family.name!r} has about {2 * done} {split} prompts, "
                f"{2 * pairs} were asked for: lower prompts_per_family"
            )
        seen |= prompts
        yield pair


def _examples(
    family: Family, split: Split, number: int, pair: MirroredPair, seed: int
) -> tuple[PreferenceExample, PreferenceExample]:
    base = f"controlled/{split}/{family.name}"
    ids = (f"{base}/{2 * number:04d}", f"{base}/{2 * number + 1:04d}")
    dice = Dice(f"style/{seed}/{ids[0]}")
    styles = tuple(draw_style(family.voice, split, dice) if family.voice else Style() for _ in pair)
    answers = tuple(dressed(q.answer, style) for q, style in zip(pair, styles, strict=True))

    def example(own: int) -> PreferenceExample:
        other = 1 - own
        question: Question = pair[own]
        chosen, rejected = answers[own], answers[other]
        return PreferenceExample(
            id=ids[own],
            prompt=(Message("user", question.prompt),),
            chosen=(chosen,),
            rejected=(rejected,),
            subset=family.name,
            group=f"{base}/pair-{number:04d}",
            meta={
                "split": split,
                "mirror": ids[other],
                "prompt_template": question.prompt_template,
                "chosen_template": question.answer_template,
                "rejected_template": pair[other].answer_template,
                "longer": _side(len(chosen), len(rejected)),
                "markdown": _side(has_markdown(chosen), has_markdown(rejected)),
                "chosen_tone": styles[own].tone,
                "rejected_tone": styles[other].tone,
            },
        )

    return example(0), example(1)


def _side(chosen: int, rejected: int) -> str:
    """Which side has more of something: ``chosen``, ``rejected`` or ``equal``."""
    if chosen == rejected:
        return "equal"
    return "chosen" if chosen > rejected else "rejected"
