"""The TOML files people write, as typed models: suites, scorers and training runs.

A field that is unknown, missing or impossible is a ``SpecError`` that names the
file and the field.
"""

from __future__ import annotations

from rmbench.spec.robustness import RobustnessSuite
from rmbench.spec.scorer import ScorerSpec, load_scorer
from rmbench.spec.suite import (
    Arm,
    Columns,
    DataFile,
    DataSpec,
    PreferenceSuite,
    SuiteSpec,
    ThroughputSuite,
    load_suite,
)
from rmbench.spec.training import TrainConfig, load_training

__all__ = [
    "Arm",
    "Columns",
    "DataFile",
    "DataSpec",
    "PreferenceSuite",
    "RobustnessSuite",
    "ScorerSpec",
    "SuiteSpec",
    "ThroughputSuite",
    "TrainConfig",
    "load_scorer",
    "load_suite",
    "load_training",
]
