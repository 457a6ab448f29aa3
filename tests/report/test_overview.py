import re
from collections.abc import Callable

from rmbench.report.content import build
from rmbench.report.overview import arrange, lowest_subset
from rmbench.result import Estimate, Result, StoredRun, SuiteRef
from rmbench.spec.suite import UNVERIFIED_LAYOUT

Build = Callable[..., Result]


def _score(value: float) -> Estimate:
    return Estimate(metric="score", value=value, n=40, unit="fraction")


def test_models_come_before_baselines_and_accuracy_before_speed(runs: list[StoredRun]) -> None:
    overview = arrange([run.result for run in reversed(runs)])
    assert [s.name for s in overview.scorers] == ["tiny-rm", "length"]
    assert [s.name for s in overview.suites] == ["rm-bench", "pairs", "confounders", "throughput"]
    assert [e.scorer.name for s in overview.suites if s.name == "pairs" for e in s.entries] == [
        "tiny-rm",
        "length",
    ]


def test_positions_lead_back_to_the_results(runs: list[StoredRun]) -> None:
    results = [run.result for run in runs]
    for suite in arrange(results).suites:
        for entry in suite.entries:
            assert results[entry.position] is entry.result


def test_a_partial_result_takes_the_score_from_nobody(pairs_result: Build) -> None:
    # Found with `length: --suite reward-bench-2`, then `random: --limit 300` beside it: the
    # column became plain accuracy, and the score was gone.
    ref = pairs_result("a").suite.model_copy(update={"headline": "section_score"})
    own = Estimate(metric="section_score", value=0.8, n=40, unit="fraction")
    plain = pairs_result("a", suite=ref)
    whole = plain.model_copy(update={"estimates": (_score(0.8), own, *plain.estimates)})
    few = pairs_result("b", suite=ref, modified=("limit=10",))
    limited = few.model_copy(
        update={
            "estimates": (
                own.model_copy(update={"value": 0.6}), *few.estimates,
                *_parts("section_score", "Chat", "Safety"),
            )
        }
    )  # fmt: skip
    lacking = pairs_result("c", suite=ref, partial=True, missing=("math.json",))
    for results in ([whole, limited, lacking], [lacking, limited, whole]):
        overview = arrange(results)
        (suite,) = overview.suites
        assert suite.headline == "score"
        shown = {e.scorer.name: suite.headline_of(e.result) for e in suite.entries}
        assert shown["a"] == _score(0.8)
        assert shown["b"] is not None
        assert (shown["b"].metric, shown["b"].value) == ("section_score", 0.6)
        assert shown["c"] is None
        summary = build(overview).summary
        assert summary is not None
        assert summary.header[1] == ("pairs", "\nscore")
        cells = {row[0]: row[1] for row in summary.rows}
        assert cells["a",] == ".800"
        assert re.fullmatch(r"\.600 [¹²]", str(cells["b",]))
        assert re.fullmatch(r"– [¹²]", str(cells["c",]))
        # Whole results are told by their score, and the limited one's own stands beside.
        main = next(t for t in build(overview).tables if t.title == ("pairs",))
        assert {"score", "section score"} <= {str(h) for h in main.header}


def test_without_a_whole_result_the_suites_own_headline_stands_before_accuracy(
    pairs_result: Build,
) -> None:
    def headline(own: str | None, **values: float | None) -> str | None:
        result = pairs_result("a", partial=True, missing=("math.json",))
        estimates = [
            Estimate(
                metric=metric, value=value, n=9, unit="1", reason=None if value else "no section"
            )
            for metric, value in values.items()
        ]
        update = {
            "suite": result.suite.model_copy(update={"headline": own}),
            "estimates": (*result.estimates, *estimates),
        }
        return arrange([result.model_copy(update=update)]).suites[0].headline

    assert headline("section_score", section_score=0.5) == "section_score"
    assert headline("section_score", section_score=None) == "accuracy"
    of_lists = "section_mean_best_of_n_accuracy"
    assert headline(of_lists, **{of_lists: 0.4, "best_of_n_accuracy": 0.5}) == of_lists
    # An accuracy of pairs answers another question than best of N.
    assert headline(of_lists, **{of_lists: None, "best_of_n_accuracy": 0.5}) == "best_of_n_accuracy"
    assert headline(None, best_of_n_accuracy=0.5) == "accuracy"
    assert headline(None, best_of_n_gold=3.2) == "best_of_n_gold"
    assert headline(None, best_of_n_gold=None) == "accuracy"


def test_a_whole_result_without_a_score_shows_no_other_number_under_it(pairs_result: Build) -> None:
    whole = pairs_result("a")
    scored = whole.model_copy(update={"estimates": (_score(0.8), *whole.estimates)})
    (suite,) = arrange([scored, pairs_result("b")]).suites
    assert suite.headline == "score"
    assert [suite.headline_of(e.result) for e in suite.entries] == [_score(0.8), None]


def _parts(metric: str, *names: str) -> list[Estimate]:
    return [Estimate(metric=metric, subset=name, value=0.5, n=9, unit="fraction") for name in names]


def test_parts_are_shown_by_the_headlines_own_metric_and_an_accuracy(pairs_result: Build) -> None:
    whole = pairs_result("a")
    suite = whole.suite.model_copy(update={"headline": "section_score"})

    def part_metrics(*estimates: Estimate) -> tuple[str, ...]:
        kept = [e for e in whole.estimates if e.subset is None]
        result = whole.model_copy(update={"suite": suite, "estimates": (*kept, *estimates)})
        return arrange([result]).suites[0].part_metrics

    sections = _parts("section_score", "Chat", "Safety")
    few, many = (_parts("accuracy", *(f"s{i}" for i in range(n))) for n in (5, 500))
    assert part_metrics(*sections, *few) == ("section_score", "accuracy")
    assert part_metrics(*sections, *many) == ("section_score",)
    assert part_metrics(*many) == ("accuracy",)
    assert part_metrics(*sections[:1], *few[:1]) == ()


def test_the_score_stands_once_and_its_sections_below(pairs_result: Build) -> None:
    whole = pairs_result("a")
    own = Estimate(metric="section_score", value=0.8, n=40, unit="fraction")
    result = whole.model_copy(
        update={
            "suite": whole.suite.model_copy(update={"headline": "section_score"}),
            "estimates": (
                _score(0.8), own, *whole.estimates, *_parts("section_score", "Chat", "Safety")
            ),
            "provenance": whole.provenance.model_copy(update={"notes": (UNVERIFIED_LAYOUT,)}),
        }
    )  # fmt: skip
    content = build(arrange([result]))
    main = next(t for t in content.tables if t.title == ("pairs",))
    assert "score" in main.header
    assert "section score" not in main.header
    titles = ["".join(t.title) for t in content.tables]
    assert "pairs: section score by section" in titles
    assert any(UNVERIFIED_LAYOUT in "".join(note) for note in content.notes)


def test_suites_without_an_accuracy_have_no_headline(runs: list[StoredRun]) -> None:
    headlines = {s.name: s.headline for s in arrange([r.result for r in runs]).suites}
    assert headlines == {
        "pairs": "accuracy",
        "rm-bench": "accuracy",
        "confounders": None,
        "throughput": None,
    }


def test_namesakes_are_told_apart(pairs_result: Build) -> None:
    first = pairs_result("checkpoint-100")
    info = first.scorer.model_copy(update={"spec": "/b/checkpoint-100"})
    second = first.model_copy(update={"scorer": info})
    names = [s.name for s in arrange([first, second]).scorers]
    assert len(set(names)) == 2
    assert all(n.startswith("checkpoint-100 (") for n in names)


def test_the_same_measurement_twice_takes_two_rows(pairs_result: Build) -> None:
    overview = arrange([pairs_result("a"), pairs_result("a", accuracy=0.6)])
    assert [s.name for s in overview.scorers] == ["a", "a (run 2)"]
    assert len(overview.suites[0].entries) == 2


def test_two_versions_of_a_suite_are_two_suites(pairs_result: Build) -> None:
    new = SuiteRef(name="pairs", version="2", digest="9" * 64)
    overview = arrange([pairs_result("a"), pairs_result("a", suite=new)])
    assert [s.name for s in overview.suites] == [
        "pairs (version 1, aaaaaaaa)",
        "pairs (version 2, 99999999)",
    ]
    assert len(overview.scorers) == 1


def test_lowest_subset_is_the_one_behind_the_worst_value(pairs_result: Build) -> None:
    lowest = lowest_subset(pairs_result("a"))
    assert lowest is not None
    assert lowest.subset == "chat"
