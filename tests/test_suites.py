"""Contract of every built-in suite file."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmbench import plugins
from rmbench.data.loader import DetectingLoader, ExpandingLoader, GeneratingLoader, RowLoader
from rmbench.resources import builtin_suites
from rmbench.spec import PreferenceSuite, SuiteSpec, load_suite

SUITES = sorted(builtin_suites().items())
PREFERENCE = [
    (name, suite) for name, path in SUITES if isinstance(suite := load_suite(path), PreferenceSuite)
]
by_file = pytest.mark.parametrize(("name", "path"), SUITES, ids=[name for name, _ in SUITES])
by_suite = pytest.mark.parametrize(
    ("name", "suite"), PREFERENCE, ids=[name for name, _ in PREFERENCE]
)


def test_the_promised_suites_are_there():
    promised = {"rm-bench", "judgebench", "judgebench-claude", "hh-rlhf", "llmbar", "pairs"}
    assert promised <= {name for name, _ in SUITES}


@by_file
def test_suite_is_named_like_its_file_and_says_what_it_is(name: str, path: Path):
    suite: SuiteSpec = load_suite(path)
    assert suite.name == name
    assert suite.title
    assert len(suite.description) > 40
    assert "\n" not in suite.title


@by_suite
def test_loader_resolves(name: str, suite: PreferenceSuite):
    assert suite.data.loader in plugins.names(plugins.LOADERS)
    loader = plugins.load(plugins.LOADERS, suite.data.loader)
    kinds = RowLoader | ExpandingLoader | DetectingLoader | GeneratingLoader
    assert isinstance(loader, kinds)
    assert loader.name == suite.data.loader


@by_suite
def test_metrics_resolve(name: str, suite: PreferenceSuite):
    assert len(set(suite.metrics)) == len(suite.metrics)
    for metric in suite.metrics:
        assert plugins.load(plugins.METRICS, metric).name == metric


@by_suite
def test_headline_is_one_of_the_metrics(name: str, suite: PreferenceSuite):
    assert suite.headline is None or suite.headline in suite.metrics


@by_suite
def test_sections_pool_declared_subsets_and_each_only_once(name: str, suite: PreferenceSuite):
    pooled = [subset for subsets in suite.sections.values() for subset in subsets]
    assert len(set(pooled)) == len(pooled)
    declared = {file.subset for file in suite.data.files}
    if declared and None not in declared and not suite.editions:
        assert set(pooled) <= declared


@by_suite
def test_revision_is_a_commit_of_a_hub_set_or_absent(name: str, suite: PreferenceSuite):
    data = suite.data
    if data.revision is not None:
        assert data.hub_id is not None
        assert len(data.revision) == 40
    if data.hub_id is not None:
        assert data.split is not None


@by_suite
def test_published_sets_say_where_they_are_from(name: str, suite: PreferenceSuite):
    if suite.data.hub_id or suite.data.files:
        assert suite.licence
        assert suite.citation
        assert "- " not in suite.citation, "a word is broken at the end of a line"
        assert suite.source.startswith("https://")
        counted = [file.count for file in suite.data.files if file.is_pattern]
        assert suite.data.examples is not None or (counted and all(counted))


@by_suite
def test_files_are_distinct_and_inside_their_folder(name: str, suite: PreferenceSuite):
    paths = [file.path for file in suite.data.files]
    assert len(set(paths)) == len(paths)
    for path in paths:
        assert not Path(path).is_absolute()
        assert ".." not in Path(path).parts


@pytest.mark.parametrize("path", builtin_suites().values(), ids=builtin_suites())
def test_readme_names_every_preference_suite(path: Path):
    suite = load_suite(path)
    if isinstance(suite, PreferenceSuite):
        assert f"`{suite.name}`" in (path.parent / "README.md").read_text(encoding="utf-8")


def test_rm_bench_sections_are_its_four_domains():
    suite = dict(PREFERENCE)["rm-bench"]
    assert suite.sections == {
        "chat": ("chat",),
        "code": ("code",),
        "math": ("math",),
        "safety": ("safety-refuse", "safety-response"),
    }


def test_the_two_judgebench_suites_differ_in_their_data_only():
    gpt, claude = dict(PREFERENCE)["judgebench"], dict(PREFERENCE)["judgebench-claude"]
    same = {"name", "title", "description", "data"}
    assert gpt.model_dump(exclude=same) == claude.model_dump(exclude=same)
    assert (gpt.data.split, claude.data.split) == ("gpt", "claude")
    assert gpt.data.revision == claude.data.revision
