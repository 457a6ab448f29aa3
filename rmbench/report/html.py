"""The report as one HTML file that needs nothing but a browser."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rmbench.report.overview import arrange
from rmbench.report.page import build_page
from rmbench.report.text import visible
from rmbench.result import StoredRun

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def render_html(runs: Sequence[StoredRun], title: str | None = None) -> str:
    """A self-contained page: no network, no scripts needed to read it.

    The same runs give the same bytes.

    Args:
        runs: What to report on, in this order.
        title: Heading of the page.

    Raises:
        ResultError: If scores or mistakes cannot be read.
    """
    page = build_page(arrange([run.result for run in runs]), runs, title)
    return template_environment().get_template("report.html.j2").render(page=page)


def template_environment() -> Environment:
    """How pages are made: every string is escaped, and an undefined name is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup, escape

    def finalize(value: Any) -> Any:
        # Escaping keeps control characters; a page must not hold them.
        return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    def breakable(name: str) -> Markup:
        """A name that may wrap after its separators, not only at blanks."""
        return Markup(re.sub(r"([_/:.])", r"\1<wbr>", str(escape(visible(name)))))  # noqa: S704 - escaped just here

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    return environment
