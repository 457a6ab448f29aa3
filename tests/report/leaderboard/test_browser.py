"""The page in a real browser: clicking, sorting, filtering, choosing, the keyboard, the phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rmbench.report.leaderboard import Request, make_board
from rmbench.result import Mistake, StoredRun, find_runs

from .conftest import margins, some_mistakes

pytestmark = pytest.mark.slow

MANY = 5000


@pytest.fixture(scope="module")
def address(
    board_folder: Path, runs: list[StoredRun], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A page of the board's models, and of one with throughput."""
    out = tmp_path_factory.mktemp("page") / "board.html"
    found = [*find_runs([board_folder]), *runs]
    make_board(Request(found, board_folder, "A small board"), [out])
    return out.as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    browser.get("about:blank")
    browser.get(address)
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    loaded = browser.execute_script("return performance.getEntriesByType('resource').length")
    assert loaded == 0


def all_of(page: Any, selector: str) -> list[Any]:
    return list(page.find_elements("css selector", selector))


def texts(page: Any, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map((n) => n.innerText.trim())"
    return list(page.execute_script(script, selector))


def names(page: Any) -> list[str]:
    return texts(page, ".board tbody tr:not([hidden]) .model a")


def column(page: Any, title: str) -> int:
    heads = texts(page, ".board thead th button")
    return next(i for i, head in enumerate(heads) if head.split()[0] == title)


def next_frame(page: Any) -> None:
    """Until the browser has told of what it just did."""
    wait = "requestAnimationFrame(() => requestAnimationFrame(() => done()))"
    page.execute_script(f"return new Promise((done) => {wait})")


def go(page: Any, view: str) -> None:
    page.execute_script("location.hash = arguments[0]", view)


def test_sorting_by_a_heading(page: Any) -> None:
    start = names(page)
    assert start[:2] == ["alpha-rm", "beta-rm"]
    place = column(page, "bench")
    for direction in ("descending", "ascending"):
        all_of(page, ".board thead th button")[place].click()
        head = all_of(page, ".board thead th")[place]
        assert head.get_attribute("aria-sort") == direction
        assert page.switch_to.active_element.text.startswith("bench")
        values = texts(page, f".board tbody tr:not(.blind) td:nth-child({place + 1}) .v")
        assert len(values) >= 4
        assert values == sorted(values, reverse=direction == "descending")
        # Baselines stay below, whatever they got.
        assert names(page)[-2:] == sorted(names(page)[-2:], key=names(page).index)
        assert not set(names(page)[:4]) & {"length", "random"}


def test_sorting_by_keyboard(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    place = column(page, "chat")
    for direction in ("descending", "ascending"):
        all_of(page, ".board thead th button")[place].send_keys(Keys.ENTER)
        heads = all_of(page, ".board thead th")
        assert heads[place].get_attribute("aria-sort") == direction
        assert sum(head.get_attribute("aria-sort") != "none" for head in heads) == 1
        assert page.switch_to.active_element.text.startswith("chat")
    style = "return getComputedStyle(document.activeElement).outlineStyle"
    assert page.execute_script(style) == "solid"


def test_the_mean_of_the_suites_that_are_shown(page: Any) -> None:
    """Against means and errors worked out from the pairs themselves, suites being independent."""
    before = texts(page, ".board tbody tr td:nth-child(2)")
    box = next(b for b in all_of(page, ".bar label") if b.text == "mean of the shown suites")
    next(b for b in all_of(page, ".picker button") if b.text == "Columns").click()
    for tick in all_of(page, ".picker fieldset:first-of-type input"):
        label = tick.find_element("xpath", "..").text
        if tick.is_selected() and label not in ("mean", "arena", "chat"):
            tick.click()
    box.click()
    assert "of the 2 shown" in texts(page, ".board thead .sub")
    # Only models that have all of arena and chat, the partial gamma-rm not among them.
    shown = dict(zip(names(page), texts(page, ".board tbody tr td:nth-child(2)"), strict=True))
    assert {name.split()[0] for name, text in shown.items() if text != "–"} == {
        "alpha-rm", "beta-rm", "length", "random",
    }  # fmt: skip
    right = [margins(0.86 - 0.03 * s, 300, 10 * s, items=s) > 0 for s in (0, 2)]
    mean = sum(r.mean() for r in right) / 2
    half = 1.96 * sum(r.var(ddof=1) / 300 for r in right) ** 0.5 / 2
    expected = [f"{x:.3f}".removeprefix("0") for x in (mean, mean - half, mean + half)]
    assert shown["alpha-rm"].split() == [expected[0], f"[{expected[1]},", f"{expected[2]}]"]
    box.click()
    assert texts(page, ".board tbody tr td:nth-child(2)") == before


def test_marks_are_explained_beside_the_table(page: Any) -> None:
    marks = [text.split()[0] for text in texts(page, ".marks li")]
    assert marks == [".62", "2", "★", "↓", "†", "–"]


def test_filtering(page: Any) -> None:
    total = len(names(page))
    all_of(page, "input[type=search]")[0].send_keys("BETA")
    assert names(page) == ["beta-rm"]
    assert texts(page, ".count") == [f"1 of {total}"]
    all_of(page, "input[type=search]")[0].clear()
    all_of(page, "input[type=search]")[0].send_keys("a")
    all_of(page, ".bar input[type=checkbox]")[0].click()
    assert "random" not in names(page)
    assert "alpha-rm" in names(page)


def test_choosing_columns_by_keyboard(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    assert "bench" in texts(page, ".board thead th button")
    button = next(b for b in all_of(page, ".picker button") if b.text == "Columns")
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-expanded") == "true"
    box = next(b for b in all_of(page, ".picker label") if b.text == "bench").find_element(
        "css selector", "input"
    )
    box.send_keys(Keys.SPACE)
    assert "bench" not in texts(page, ".board thead th button")
    kind = next(b for b in all_of(page, ".picker label") if b.text == "kind")
    kind.find_element("css selector", "input").send_keys(Keys.SPACE)
    place = column(page, "kind")
    assert set(texts(page, f".board tbody td:nth-child({place + 1})")) == {"hf", "length"}
    kind.find_element("css selector", "input").send_keys(Keys.ESCAPE)
    assert button.get_attribute("aria-expanded") == "false"
    assert page.switch_to.active_element == button


def test_a_cell_says_rank_set_and_baseline(page: Any) -> None:
    place = column(page, "arena") + 1
    row = names(page).index("alpha-rm")
    cells = texts(page, f".board tbody tr td:nth-child({place})")
    assert "★" in cells[row]
    assert "1 [1–2]" in cells[row]
    weak = cells[names(page).index("delta-rm")]
    assert "↓" in weak
    assert "★" not in weak
    chat = texts(page, f".board tbody tr td:nth-child({column(page, 'chat') + 1})")
    assert chat[names(page).index("delta-rm")] == "–"
    assert "partial" in chat[names(page).index("gamma-rm")]


def test_opening_a_model(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    next(a for a in all_of(page, ".board .model a") if a.text == "alpha-rm").click()
    assert texts(page, "main h2") == ["alpha-rm"]
    assert page.title.startswith("alpha-rm")
    assert page.switch_to.active_element.get_attribute("id") == "main"
    assert len(all_of(page, "svg.chart circle")) == 10
    assert texts(page, "main details[open] tbody th")[:1] != []
    assert {"chat", "code", "math"} <= set(texts(page, "main details[open] tbody th"))
    folds = all_of(page, ".suite-fold > summary")
    assert len(folds) == 3
    folds[1].send_keys(Keys.ENTER)
    next_frame(page)
    assert len(all_of(page, "svg.chart")) == 2
    page.back()
    assert "alpha-rm" in names(page)


def test_head_to_head(page: Any) -> None:
    go(page, "#/versus/0/3")
    labels = texts(page, "main thead th")
    assert labels[:4] == ["suite", "first", "second", "difference"]
    rows = {row[0]: row for row in (r.split("\t") for r in texts(page, "main tbody tr"))}
    assert rows["arena"][-1] == "first is better"
    assert rows["chat"][-1] == "not measured"
    # The difference on the very outcomes, one 0 or 1 for each pair.
    a, b = margins(0.86, 300, 0, items=0) > 0, margins(0.55, 300, 3, items=0) > 0
    shown = f"+{a.mean() - b.mean():.3f}".replace("0.", ".")
    assert shown in rows["arena"][3]
    assert str((a & ~b).sum()) in rows["arena"]
    assert str((b & ~a).sum()) in rows["arena"]
    next(x for x in all_of(page, "main button") if x.text == "Swap").click()
    assert page.execute_script("return location.hash") == "#/versus/3/0"
    assert any("second is better" in r for r in texts(page, "main tbody tr"))


def test_accuracy_against_speed(page: Any) -> None:
    go(page, "#/speed")
    points = all_of(page, "svg.chart a")
    options = texts(page, "main select option")
    assert "Some CPU, 2 threads" in options
    # The value that has points comes first by itself.
    assert len(points) == 1
    value = all_of(page, "main select")[1]
    next(o for o in value.find_elements("css selector", "option") if o.text == "pairs").click()
    points = all_of(page, "svg.chart a")
    assert len(points) == 1
    assert points[0].get_attribute("aria-label") == "tiny-rm"
    assert any("9,012" in row for row in texts(page, "main tbody tr"))


def test_browsing_mistakes_by_keyboard(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    go(page, "#/mistakes")
    assert "Question 0 put to" in texts(page, ".detail")[0]
    listing = all_of(page, ".list")[0]
    listing.send_keys(Keys.ARROW_DOWN)
    assert "Question 1 put to" in texts(page, ".detail")[0]
    assert len(all_of(page, '.list [aria-selected="true"]')) == 1
    listing.send_keys(Keys.END)
    total = int(texts(page, ".count")[0].split()[0])
    selected = all_of(page, '.list [aria-selected="true"]')[0]
    assert selected.get_attribute("aria-posinset") == str(total)
    all_of(page, "main input[type=search]")[0].send_keys("question 3 beta")
    assert texts(page, ".count")[0].startswith("1 of")
    assert "Question 3 put to beta-rm" in texts(page, ".detail")[0]
    assert "[object" not in texts(page, "main")[0]


@pytest.mark.parametrize("view", ["", "#/model/0", "#/versus/0/1", "#/speed", "#/mistakes"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(page: Any, view: str, scheme: str) -> None:
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        go(page, view or "#/")
        assert page.execute_script("return document.documentElement.scrollWidth") <= 390
        background = page.execute_script("return getComputedStyle(document.body).backgroundColor")
        dark = sum(int(x) for x in background[4:-1].split(",")[:3]) < 200
        assert dark == (scheme == "dark")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_thousands_of_mistakes_are_few_elements(
    browser: Any, store: Callable[..., StoredRun], tmp_path: Path
) -> None:
    mistakes = some_mistakes("many", MANY)
    store(tmp_path / "runs", "many", margins(0.7, 60, 1), mistakes=mistakes)
    page = tmp_path / "b.html"
    make_board(Request(find_runs([tmp_path / "runs"]), tmp_path), [page])
    browser.get(page.as_uri() + "#/mistakes")
    assert texts(browser, ".count") == [f"{MANY:,} of {MANY:,}"]
    assert len(all_of(browser, ".list .item")) < 60
    browser.execute_script("document.querySelector('.list').scrollTop = 1e9")
    next_frame(browser)
    places = [int(x.get_attribute("aria-posinset")) for x in all_of(browser, ".list .item")]
    assert max(places) == MANY
    assert len(places) < 60
    assert browser.get_log("browser") == []


def test_hostile_texts_are_shown_and_do_nothing(
    browser: Any, store: Callable[..., StoredRun], hostile_text: str, tmp_path: Path
) -> None:
    evil = "</script><img src=x onerror=document.title='owned'>" + hostile_text
    mistake = Mistake(
        example_id=evil, subset=evil, prompt=({"role": evil, "content": evil},), chosen=evil,
        rejected=evil, reward_chosen=0.0, reward_rejected=1.0, margin=-1.0,
    )  # fmt: skip
    for i in range(2):
        store(
            tmp_path / "runs", f"{i}{evil}", margins(0.8, 60, i), title=evil, modified=(evil,),
            mistakes=[mistake],
        )  # fmt: skip
    page = tmp_path / "b.html"
    make_board(Request(find_runs([tmp_path / "runs"]), tmp_path, evil), [page])
    for view in ("", "#/model/0", "#/versus/0/1", "#/speed", "#/mistakes"):
        browser.get("about:blank")
        browser.get(page.as_uri() + view)
        assert all_of(browser, "img") == []
        assert "owned" not in browser.title.split("'")[0]
        assert browser.execute_script("return document.scripts.length") == 4
        assert browser.get_log("browser") == []
    assert "</script><img src=x" in texts(browser, ".detail")[0]


def test_reads_without_scripts(browser: Any, address: str) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get("about:blank")
        browser.get(address)
        shown = browser.find_element("css selector", "noscript").text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "alpha-rm" in shown
