"""A suite that rewrites another one's texts: what its digest rests on."""

from __future__ import annotations

from typing import Any

from rmbench.resources import builtin_suites
from rmbench.runner.robustness import derive_suite
from rmbench.spec import PreferenceSuite, RobustnessSuite, load_suite


def base(**changes: Any) -> PreferenceSuite:
    fields: dict[str, Any] = {
        "name": "mine",
        "version": "3",
        "title": "Mine",
        "description": "A suite for tests.",
        "ties": "half",
        "metrics": ("accuracy",),
        "headline": "accuracy",
        "sections": {"s": ("a", "b")},
        "max_length": 512,
        "notes": ("One note.",),
        "data": {"loader": "auto", "cluster": "id"},
    }
    return PreferenceSuite.model_validate(fields | changes)


def derived(**changes: Any) -> RobustnessSuite:
    return derive_suite(base(**changes))


def test_it_takes_over_what_decides_on_numbers_and_drops_what_speaks_of_subsets():
    suite = derived()
    assert (suite.name, suite.version) == ("robustness-mine", "3.2")
    assert suite.base == base()
    assert suite.data == base().data
    assert (suite.ties, suite.max_length, suite.notes) == ("half", 512, ("One note.",))
    assert (suite.sections, suite.headline, suite.editions) == ({}, None, ())
    assert "accuracy" not in suite.metrics
    assert suite.metrics[0] == "flip_rate"


def test_the_digest_moves_with_the_base_suites():
    digest = derived().digest
    assert digest != base().digest
    assert digest == derived().digest
    for changes in (
        {"ties": "wrong"}, {"max_length": 256}, {"data": {"loader": "auto", "split": "x"}},
        {"version": "4"}, {"name": "other"},
    ):  # fmt: skip
        assert base(**changes).digest != base().digest
        assert derived(**changes).digest != digest


def test_the_digest_does_not_move_otherwise():
    digest = derived().digest
    for changes in (
        {"title": "Other"}, {"description": "Another one."}, {"licence": "MIT"}, {"notes": ()},
        {"metrics": ("accuracy", "nll")},
    ):  # fmt: skip
        assert derived(**changes).digest == digest
    suite = derived()
    fewer = suite.model_copy(update={"metrics": ("flip_rate",), "title": "Other"})
    assert fewer.digest == digest


def test_the_digest_moves_with_the_texts():
    suite = derived()
    digests = {
        suite.model_copy(update=update).digest
        for update in (
            {},
            {"transformation_seed": 1},
            {"transformations_version": "other"},
            {"transformations": suite.transformations[:-1]},
            {"transformations": suite.transformations[::-1]},
        )
    }
    assert len(digests) == 5


def test_every_built_in_suite_of_preferences_can_be_rewritten():
    digests = []
    for path in builtin_suites().values():
        suite = load_suite(path)
        if isinstance(suite, PreferenceSuite):
            made = derive_suite(suite)
            again = RobustnessSuite.model_validate(made.model_dump(mode="json"))
            assert again == made
            assert again.digest == made.digest
            digests.append(made.digest)
    assert len(set(digests)) == len(digests) > 20
