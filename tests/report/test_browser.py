"""The page in a real browser: nothing fails, everything folds, nothing overflows."""

from pathlib import Path
from typing import Any

import pytest

from rmbench.report import write_report
from rmbench.result import StoredRun

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["plain", "hostile"])
def opened(
    request: pytest.FixtureRequest,
    browser: Any,
    runs: list[StoredRun],
    hostile_runs: list[StoredRun],
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    out: Path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(runs if request.param == "plain" else hostile_runs, out)
    browser.get(out.as_uri())
    return browser


def test_no_errors_and_no_requests(opened: Any) -> None:
    assert opened.get_log("browser") == []
    loaded = opened.execute_script("return performance.getEntriesByType('resource').length")
    assert loaded == 0


def test_folded_parts_open_by_keyboard(opened: Any) -> None:
    still_folded = "return document.querySelectorAll('details:not([open])').length"
    first = opened.find_element("css selector", "details:not([open]) > summary")
    before = opened.execute_script(still_folded)
    first.send_keys("\ue007")  # Enter
    assert opened.execute_script(still_folded) == before - 1
    button = opened.find_element("css selector", ".tools button")
    assert button.text == "Unfold everything"
    button.send_keys("\ue007")
    assert opened.execute_script(still_folded) == 0
    assert button.text == "Fold everything"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_page(opened: Any, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    opened.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_both_schemes(opened: Any, scheme: str) -> None:
    """WCAG AA: at least 4.5 to 1 between the page and its two text colours."""
    opened.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    colours = opened.execute_script(
        """
        const style = getComputedStyle(document.documentElement);
        return ['--bg', '--ink', '--muted', '--accent'].map((n) => style.getPropertyValue(n));
        """
    )
    page, *texts = (_luminance(c.strip()) for c in colours)
    for text in texts:
        high, low = max(page, text), min(page, text)
        assert (high + 0.05) / (low + 0.05) >= 4.5
    assert (page < 0.5) == (scheme == "dark")


def _luminance(colour: str) -> float:
    def linear(channel: int) -> float:
        c = channel / 255
        return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
