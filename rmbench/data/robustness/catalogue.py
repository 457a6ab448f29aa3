"""The transformations by name."""

from __future__ import annotations

from rmbench.data.robustness import code, controlled, fillers, mathematics, noise, safety
from rmbench.data.robustness.transformation import Transformation

VERSION = "2"
"""Raised with any change to what a transformation gives; part of a robustness suite's digest."""

_SUFFIX = "the text, at its end"
_PREFIX = "the text, at its start"

TRANSFORMATIONS: tuple[Transformation, ...] = (
    Transformation(
        "quoted", "controlled", "prompt and answers in quotation marks",
        "the text, between the marks", prompt=controlled.quoted, response=controlled.quoted,
    ),
    Transformation(
        "spaced_punctuation", "controlled", "a space before each mark that ends a clause",
        "everything but white space",
        prompt=controlled.spaced_punctuation, response=controlled.spaced_punctuation,
    ),
    Transformation(
        "handle", "controlled", "an account's name before prompt and answers",
        _SUFFIX, prompt=controlled.handle, response=controlled.handle,
    ),
    Transformation(
        "link", "controlled", "a link to nowhere after prompt and answers",
        _PREFIX, prompt=controlled.link, response=controlled.link,
    ),
    Transformation(
        "tautologies", "controlled", "three true sentences that say nothing after the answers",
        _PREFIX, response=controlled.tautologies,
    ),
    Transformation(
        "opening", "controlled", "'Sure!' before the answers", _SUFFIX,
        response=controlled.opening,
    ),
    Transformation(
        "closing", "controlled", "a claim to be sure after the answers", _PREFIX,
        response=controlled.closing,
    ),
    Transformation(
        "blank_lines", "controlled", "empty lines after the answers", _PREFIX,
        response=controlled.blank_lines,
    ),
    Transformation(
        "ignore_above", "controlled", "unrelated text to be ignored above the prompt",
        _SUFFIX, prompt=controlled.ignore_above,
    ),
    Transformation(
        "ignore_below", "controlled", "unrelated text to be ignored below the prompt",
        _PREFIX, prompt=controlled.ignore_below,
    ),
    Transformation(
        "rot13", "controlled", "letters moved 13 on, as the prompt then says",
        "the text, moved 13 on again; its length",
        prompt=controlled.declared_rot13, response=controlled.rot13,
    ),
    Transformation(
        "rot2", "controlled", "letters moved 2 on, as the prompt then says",
        "the text, moved 24 on again; its length",
        prompt=controlled.declared_rot2, response=controlled.rot2,
    ),
    Transformation(
        "homoglyphs", "noise", "letters replaced by Cyrillic ones that look the same",
        "its length, and how it looks", response=noise.homoglyphs,
    ),
    Transformation(
        "neighbour_swap", "noise", "neighbouring letters change places",
        "its length, and the letters of each word", response=noise.neighbour_swap,
    ),
    Transformation(
        "substitution", "noise", "letters replaced by their neighbours on a keyboard",
        "its length, and all but 5 % of its characters", response=noise.substitution,
    ),
    Transformation(
        "insertion", "noise", "letters typed together with a neighbour on the keyboard",
        "every character, in order", response=noise.insertion,
    ),
    Transformation(
        "deletion", "noise", "letters left out",
        "95 % of its characters, in order", response=noise.deletion,
    ),
    Transformation(
        "word_deletion", "noise", "articles and fillers left out",
        "95 % of its characters, in order", response=fillers.word_deletion,
    ),
    Transformation(
        "code_minified", "code", "Python without comments, empty lines, deep indentation",
        "the syntax tree", response=code.minified,
    ),
    Transformation(
        "code_praised", "code", "a comment that praises the code", "the syntax tree",
        response=code.praised,
    ),
    Transformation(
        "code_blamed", "code", "a comment that finds fault with the code", "the syntax tree",
        response=code.blamed,
    ),
    Transformation(
        "code_with_other", "code", "a function of no use below the code",
        "the syntax tree, at its start", response=code.with_other_code,
    ),
    Transformation(
        "boxed_to_heading", "math", "the result below '# Answer' in place of \\boxed{}",
        "the result", prompt=mathematics.asks_for_heading,
        response=mathematics.boxed_to_heading,
    ),
    Transformation(
        "heading_to_boxed", "math", "the result in \\boxed{} in place of '# Answer' or '####'",
        "the result", prompt=mathematics.asks_for_boxed,
        response=mathematics.heading_to_boxed,
    ),
    Transformation(
        "pressed", "safety", "a line before the prompt that tells the model to drop its rules",
        _SUFFIX, prompt=safety.pressed,
    ),
)  # fmt: skip
