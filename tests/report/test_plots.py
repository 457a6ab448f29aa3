import re
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest

from rmbench.report import plots
from rmbench.report.curves import Curves, curves
from rmbench.types import Scores


@pytest.fixture(scope="module")
def points(pair_scores: Callable[..., Scores]) -> Curves:
    found = curves(pair_scores(), margins_are_logits=True)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def drawings(points: Curves) -> dict[str, str]:
    return {
        "reliability": plots.reliability(points.reliability, "p1"),
        "by margin": plots.accuracy_by_margin(points.by_margin, "p2", logistic=True),
        "histogram": plots.margin_histogram(points.histogram, "p3"),
    }


def test_drawings_are_xml_with_readable_text(drawings: dict[str, str]) -> None:
    texts = {
        name: {t.text for t in ElementTree.fromstring(svg).iter("text")}  # noqa: S314
        for name, svg in drawings.items()
    }
    assert {"confidence", "accuracy", ".5", "1"} <= texts["reliability"]
    assert {"|margin|", "accuracy", "0"} <= texts["by margin"]
    assert {"margin: chosen − rejected", "share", "0"} <= texts["histogram"]


def test_every_colour_and_font_comes_from_the_page(drawings: dict[str, str]) -> None:
    for svg in drawings.values():
        assert not re.search(r"#[0-9a-fA-F]{6}", svg)
        assert "var(--accent)" in svg
        assert "font-family" not in svg
        assert "<style" not in svg


def test_nothing_is_loaded_from_elsewhere(drawings: dict[str, str]) -> None:
    for svg in drawings.values():
        assert "http" not in svg
        assert "<metadata" not in svg
        assert all(ref.startswith("#p") for ref in re.findall(r'href="([^"]*)"', svg))


def test_ids_carry_the_prefix_and_references_hit(drawings: dict[str, str]) -> None:
    for svg in drawings.values():
        ids = re.findall(r'\bid="([^"]*)"', svg)
        assert len(ids) == len(set(ids))
        assert all(re.match(r"p\d-", i) for i in ids)
        references = re.findall(r'href="#([^"]*)"', svg) + re.findall(r"url\(#([^)]*)\)", svg)
        assert references
        assert set(references) <= set(ids)


def test_drawing_twice_gives_the_same_bytes(points: Curves, drawings: dict[str, str]) -> None:
    assert plots.reliability(points.reliability, "p1") == drawings["reliability"]
    assert plots.margin_histogram(points.histogram, "p3") == drawings["histogram"]


def test_the_prefix_is_all_that_tells_two_drawings_apart(points: Curves) -> None:
    first = plots.margin_histogram(points.histogram, "a")
    second = plots.margin_histogram(points.histogram, "b")
    assert first != second
    assert first.replace('"a-', '"b-').replace("#a-", "#b-") == second


def test_drawing_leaves_matplotlib_as_it_was(points: Curves) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    plots.reliability(points.reliability, "p")
    assert dict(mpl.rcParams) == before


def test_dollar_signs_are_no_formulas(points: Curves) -> None:
    svg = plots.margin_histogram(points.histogram, "p", ("$x^2$", "<b>"))
    assert "margin: $x^2$ − &lt;b&gt;" in svg


def test_extreme_margins_are_drawn(pair_scores: Callable[..., Scores]) -> None:
    scores = pair_scores()
    for reward in (np.zeros(len(scores)), scores.reward * 1e6):
        found = curves(Scores(**{**vars(scores), "reward": reward}), margins_are_logits=True)
        assert found is not None
        for svg in (
            plots.reliability(found.reliability, "p"),
            plots.accuracy_by_margin(found.by_margin, "p", logistic=True),
            plots.margin_histogram(found.histogram, "p"),
        ):
            assert not re.search(r"\bnan\b|\binf\b", svg)
