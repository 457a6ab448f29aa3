import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from rmbench.report.html import render_html
from rmbench.report.panel import KEPT_CHARS, SHOWN_CHARS, fold
from rmbench.result import StoredRun

VOID = {"meta", "link", "br", "img", "input", "hr", "wbr", "use", "path"}
LOADING = {"src", "href", "xlink:href", "data", "action", "poster", "srcset", "background"}


class Page(HTMLParser):
    """What a browser would see: elements, their nesting, headings, table rows, texts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.outline: list[str] = []
        self._open_line: list[str] | None = None
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.stack.append(tag)
        if re.fullmatch(r"h[1-6]|tr|li|summary|figcaption|p", tag):
            self._open_line = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack[-1] == tag, f"</{tag}> closes <{self.stack[-1]}>"
        self.stack.pop()
        if self._open_line is not None and re.fullmatch(r"h[1-6]|tr|li|summary|figcaption|p", tag):
            line = " ".join(" ".join(self._open_line).split())
            if line:
                self.outline.append(f"{tag}: {line}")
            self._open_line = None

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] in {"style", "script"}:
            return
        self.texts.append(data)
        if self._open_line is not None:
            self._open_line.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def attributes(self, name: str) -> list[str]:
        return [attrs[name] for _, attrs in self.elements if name in attrs]


@pytest.fixture(scope="module")
def html(runs: list[StoredRun]) -> str:
    return render_html(runs, "A small report")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


@pytest.fixture(scope="module")
def hostile_html(hostile_runs: list[StoredRun]) -> str:
    return render_html(hostile_runs)


def test_structure_golden(page: Page, check_golden: Callable[[str, str], None]) -> None:
    long = re.compile(r"(?:word ){20,}")
    check_golden("outline.txt", "".join(f"{long.sub('word … ', x)}\n" for x in page.outline))


def test_two_renderings_are_the_same(runs: list[StoredRun]) -> None:
    assert render_html(runs[1:3]) == render_html(runs[1:3])


def test_nothing_is_loaded_from_the_network(html: str, hostile_html: str) -> None:
    for text in (html, hostile_html):
        for tag, attrs in Page(text).elements:
            assert tag not in {"link", "iframe", "img", "object", "embed", "base", "form"}
            for name in LOADING & set(attrs):
                assert attrs[name].startswith("#"), (tag, name, attrs[name])
        style = "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))
        assert "@import" not in style
        assert "url(" not in style


def test_ids_are_unique_and_links_lead_somewhere(page: Page) -> None:
    ids = page.attributes("id")
    assert [i for i, n in Counter(ids).items() if n > 1] == []
    targets = {h.removeprefix("#") for h in page.attributes("href")}
    assert targets <= set(ids)


def test_no_script_but_ours(html: str, hostile_html: str) -> None:
    for text in (html, hostile_html):
        elements = Page(text).elements
        assert sum(tag == "script" for tag, _ in elements) == 1
        assert not [name for _, attrs in elements for name in attrs if name.startswith("on")]


def test_hostile_text_is_shown_as_text(hostile_html: str, hostile_text: str) -> None:
    page = Page(hostile_html)
    assert "<script>alert(1)</script>|`x`|$x^2$|" in page.text
    assert "</pre></details><img src=x onerror=alert(1)>␀␇" in page.text
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202e]", hostile_html)
    assert "⟨U+202E⟩evil" in page.text
    assert hostile_text not in hostile_html


def test_reads_without_scripts(page: Page) -> None:
    """Whatever the script does is extra: no content, no style depends on it."""
    assert [tag for tag, _ in page.elements if tag == "noscript"] == []
    assert ".700" in page.text


def test_summary_shows_every_scorer_with_value_and_interval(page: Page) -> None:
    items = [line for line in page.outline if line.startswith("li: ")]
    assert any("tiny-rm in-distribution" in x and ".700 [.600, .800]" in x for x in items)
    assert any("length content-blind" in x and ".480 [.380, .580]" in x for x in items)


def test_bars_stand_where_their_numbers_say(html: str) -> None:
    row = next(x for x in re.findall(r"<li>.*?</li>", html, re.DOTALL) if "<b>.700</b>" in x)
    assert "tiny-rm" in row
    assert 'class="fill" style="left:0.0%;width:70.0%"' in row
    assert 'class="whisker" style="left:60.0%;width:20.0%"' in row
    assert 'class="tick ref" style="left:50.0%"' in row


def test_warnings_name_what_is_missing_and_whom_it_concerns(page: Page) -> None:
    for expected in (
        "partial: measured without math_filtered.json (tiny-rm)",
        "changed rules: limit=40 (tiny-rm)",
        "1 example left out: no finite reward (tiny-rm)",
        "in-distribution: trained on other rows from the same place, "
        "/elsewhere/rmb/train.jsonl.gz (tiny-rm)",
        "2 skipped: empty response (first: a.jsonl, row 7)",
    ):
        assert expected in page.text


def test_caveats_are_flagged_wherever_numbers_stand(page: Page) -> None:
    flagged = [x for x in page.outline if "tiny-rm in-distribution" in x]
    assert {x.split(":")[0] for x in flagged} == {"li", "tr", "h4"}
    assert "h4: tiny-rm partial changed rules" in page.outline


def test_calibration_stands_beside_its_null(page: Page) -> None:
    expected = "ECE .085; a calibrated scorer would show .061 on as many examples (p = .210)."
    assert expected in page.text
    assert "No reliability diagram: its margins are not logits." in page.text


def test_undefined_numbers_are_dashes_with_a_reason(page: Page) -> None:
    nll = next(x for x in page.outline if x.startswith("tr: NLL"))
    assert re.search(r"0\.610 – ", nll)
    assert "of length: the scorer's margins are not logits" in page.text


def test_confounders_have_their_own_chart_about_zero(page: Page, html: str) -> None:
    assert "What each toggle alone does to the reward" in page.text
    assert "flattery n = 40 −0.300 [−0.500, −0.100]" in page.text
    assert "toggled ahead" in page.text
    row = re.search(r">flattery .*?</li>", html, re.DOTALL)
    assert row is not None
    fill = re.search(r'class="fill" style="left:([\d.]+)%;width:([\d.]+)%"', row[0])
    assert fill is not None
    assert float(fill[1]) + float(fill[2]) == pytest.approx(50, abs=0.02)


def test_mistakes_keep_their_white_space(html: str) -> None:
    assert "<pre>\nNo.\n\tIndented.</pre>" in html


def test_long_texts_are_folded_and_the_cut_is_told(html: str) -> None:
    assert "more characters</summary>" in html
    assert f"{5 * 6000 - KEPT_CHARS:,} characters beyond these are not in this page." in html


def test_fold_loses_nothing_below_its_limit() -> None:
    text = "".join(f"{i} " for i in range(2000))
    folded = fold(text)
    assert folded.head + folded.rest == text
    assert SHOWN_CHARS - 60 <= len(folded.head) <= SHOWN_CHARS
    assert folded.head.endswith(" ")
    assert folded.cut_chars == ""
    assert fold("x" * 10 * KEPT_CHARS).cut_chars == f"{9 * KEPT_CHARS:,}"


def test_every_diagram_has_words_and_a_table(page: Page, html: str) -> None:
    figures = sum(tag == "figure" for tag, _ in page.elements)
    assert figures == 12  # 4 of each measured model, 3 of the baseline, 1 of the confounders
    labels = [a["aria-label"] for _, a in page.elements if a.get("role") == "img"]
    assert len(labels) == figures
    assert all(labels)
    assert html.count("<summary>The numbers</summary>") == figures


def test_a_method_that_says_few_clusters_is_explained(runs: list[StoredRun]) -> None:
    run = runs[0]
    few = {"ci_method": "clustered wilson, few clusters"}
    uneven = run.result.model_copy(
        update={
            "estimates": tuple(
                e.model_copy(update=few) if e.ci_method else e for e in run.result.estimates
            )
        }
    )
    for result, times in ((run.result, 0), (uneven, 1)):
        outline = Page(render_html([StoredRun(run.path, result)])).outline
        found = [line for line in outline if line.startswith("p: few clusters: the interval may")]
        assert len(found) == times


def test_nan_appears_nowhere(page: Page, html: str) -> None:
    assert not re.search(r"\b(nan|inf|None)\b", page.text, re.IGNORECASE)
    assert not re.search(
        r"(left|width):[^;\"]*[a-z]", "".join(re.findall(r'style="left[^"]*"', html))
    )


def test_a_single_result_makes_a_page(runs: list[StoredRun]) -> None:
    for run in (runs[0], runs[-1]):
        text = Page(render_html([run])).text
        assert run.result.scorer.name in text


def test_rendering_needs_no_torch(runs: list[StoredRun]) -> None:
    code = (
        "import sys, pathlib\n"
        "import rmbench.report\n"
        "heavy = {'torch', 'matplotlib', 'jinja2', 'pandas', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "from rmbench.result import read_run\n"
        "from rmbench.report.html import render_html\n"
        "render_html([read_run(pathlib.Path(sys.argv[1]))])\n"
        "assert not {'torch', 'matplotlib.pyplot'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", code, str(runs[1].path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
