from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit
from torchmetrics.functional.classification import binary_calibration_error

from rmbench.metrics import catalogue_calibration as depth
from rmbench.metrics.base import MeasureContext

HALF = MeasureContext(ties="half")


def test_equal_width_ece_is_torchmetrics_on_both_orders(from_margins):
    margin = np.random.default_rng(1).normal(0.8, 2, 3000)
    p = torch.from_numpy(np.concatenate([expit(margin), expit(-margin)]))
    label = torch.cat([torch.ones(3000), torch.zeros(3000)]).int()
    expected = float(binary_calibration_error(p, label, n_bins=20, norm="l1"))
    found = depth.ECE_EQUAL_WIDTH(from_margins(margin), HALF)
    assert found.value == pytest.approx(expected, abs=1e-6)
    assert found.ci_low is None


def test_parts_add_up_to_the_brier_score(from_margins):
    margin = np.random.default_rng(2).normal(1, 2, 500)
    scores = from_margins(margin)
    reliability, resolution, uncertainty = (
        metric(scores, HALF).value
        for metric in (depth.BRIER_RELIABILITY, depth.BRIER_RESOLUTION, depth.BRIER_UNCERTAINTY)
    )
    brier = depth.BRIER(scores, HALF).value
    assert reliability - resolution + uncertainty == pytest.approx(brier, abs=1e-12)
    assert uncertainty == 0.25


def test_saturation_counts_margins_above_10(from_margins):
    found = depth.SATURATION(from_margins([11.0, -10.5, 10.0, 1.0]), HALF)
    assert (found.value, found.ci_method) == (0.5, "wilson")
    assert abs(1 - expit(10.0)) < 5e-5
