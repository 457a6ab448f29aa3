"""What stands below a scorer's diagrams: its bias by length and style, its calibration."""

from __future__ import annotations

from dataclasses import dataclass

from rmbench.report.labels import label_of
from rmbench.report.numbers import interval, value_only
from rmbench.result import Result

_BIAS = (
    "chosen_longer_accuracy",
    "chosen_shorter_accuracy",
    "length_balanced_accuracy",
    "length_correlation",
    "length_controlled_accuracy",
    "length_effect",
    "style_controlled_accuracy",
    "style_length_effect",
    "style_header_effect",
    "style_list_effect",
    "style_bold_effect",
)
_CALIBRATION = (
    "nll",
    "brier",
    "ece",
    "ece_equal_width",
    "brier_reliability",
    "brier_resolution",
    "brier_uncertainty",
    "temperature",
    "saturation",
)
_AFTER_SCALING = {"nll": "scaled_nll", "brier": "scaled_brier", "ece": "scaled_ece"}


@dataclass(frozen=True)
class BiasRow:
    """One quantity of length or style; ``reason`` where it has no value, unless a row above has."""

    label: str
    value: str
    interval: str | None
    n: str
    reason: str | None


@dataclass(frozen=True)
class CalibrationRow:
    """One quantity of calibration, and the same after temperature scaling where it has one.

    ``reason`` says why the value is missing, ``scaled_reason`` why the one after scaling is.
    """

    label: str
    value: str
    interval: str | None
    reason: str | None
    scaled: str
    scaled_reason: str | None


def bias_rows(result: Result) -> tuple[BiasRow, ...]:
    """Accuracy by length, correlation and effects, as far as they were measured."""
    rows = []
    said: set[str | None] = set()
    for metric in _BIAS:
        e = result.estimate(metric)
        if e is not None:
            label = label_of(metric)
            value, ends = value_only(e, signed=label.signed), interval(e, signed=label.signed)
            reason = None if e.reason in said else e.reason
            said.add(e.reason)
            rows.append(BiasRow(label.label, value, ends, f"{e.n:,}", reason))
    return tuple(rows)


def calibration_rows(result: Result) -> tuple[CalibrationRow, ...]:
    """Losses in two binnings, their parts, the temperature; none where margins are no logits."""
    if not result.scorer.margins_are_logits:
        return ()
    rows = []
    said: set[str | None] = set()
    for metric in _CALIBRATION:
        e = result.estimate(metric)
        if e is None:
            continue
        scaled = result.estimate(_AFTER_SCALING.get(metric, ""))
        rows.append(
            CalibrationRow(
                label=label_of(metric).label,
                value=value_only(e),
                interval=interval(e),
                reason=e.reason,
                scaled="" if scaled is None else value_only(scaled),
                scaled_reason=None if scaled is None or scaled.reason in said else scaled.reason,
            )
        )
        said.add(scaled.reason if scaled else None)
    return tuple(rows)
