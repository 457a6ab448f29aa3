"""Every metric that a built-in suite lists has a name, a heading and a place in reports."""

from __future__ import annotations

from rmbench.report.labels import OTHER, label_of, position_of
from rmbench.resources import builtin_suites
from rmbench.spec import PreferenceSuite, load_suite
from rmbench.spec.metric_groups import METRIC_GROUPS

_SUITES = [load_suite(path) for path in builtin_suites().values()]
BUILTIN = sorted({m for s in _SUITES if isinstance(s, PreferenceSuite) for m in s.metrics})


def test_no_metric_of_a_suite_stands_under_other():
    assert [name for name in BUILTIN if label_of(name).group == OTHER] == []
    assert label_of("my_metric").group == OTHER


def test_labels_are_distinct_and_short():
    labels = [label_of(name).label for name in BUILTIN]
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) < 40


def test_every_label_says_how_to_read_it():
    assert [name for name in BUILTIN if not label_of(name).help] == []


def test_metrics_of_one_heading_stand_together():
    order = [label_of(name).group for name in sorted(BUILTIN, key=position_of)]
    changes = [b for a, b in zip(["", *order], order, strict=False) if a != b]
    assert len(set(changes)) == len(changes)


def test_narrow_tables_show_the_few_that_matter_first():
    deep = {name for group in METRIC_GROUPS.values() for name in group}
    shown = {name for name in deep if label_of(name).main}
    assert shown == {
        "worst_subset_accuracy",
        "worst_subset_accuracy_chance",
        "length_balanced_accuracy",
        "nll",
        "brier_skill",
        "ece",
        "ece_null",
        "temperature",
        "vote_agreement",
        "vote_agreement_ceiling",
    }
