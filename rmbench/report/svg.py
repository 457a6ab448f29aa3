"""A matplotlib figure as SVG that belongs to the page it stands in.

Text stays text in the page's font, colours are the page's custom properties (so
they follow light and dark), ids are unique in the page, and two renderings of one
figure are the same bytes.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PX = 1 / 72
"""Inches of a figure per pixel in the page."""

# Matplotlib knows no CSS variables: it draws with these, and they are replaced.
INK = "#010101"
MUTED = "#020202"
RULE = "#030303"
ACCENT = "#040404"
SOFT = "#050505"
WRONG = "#060606"
BASE = "#070707"
SERIES = tuple(f"#08080{i}" for i in range(1, 7))
"""Colours of several scorers in one diagram, in the order in which they are taken."""
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    ACCENT: "var(--accent)",
    SOFT: "var(--accent-soft)",
    WRONG: "var(--wrong)",
    BASE: "var(--base)",
    **{colour: f"var(--series-{i})" for i, colour in enumerate(SERIES, start=1)},
}

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "rmbench",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: widths do not vary by machine
    "font.size": 11,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
}

_FAMILY = re.compile(r"font-family:[^;]*;?\s*|font:\s*([\d.]+px)[^;]*")
_LONG_DECIMAL = re.compile(r"(\.\d\d)\d+")
_REFERENCE = re.compile(r"url\(#([^)]*)\)")
_XLINK = "{http://www.w3.org/1999/xlink}href"


def inline_svg(figure: Figure, prefix: str) -> str:
    """Draw a figure as an ``<svg>`` element for use inside HTML.

    It is hidden from screen readers: whoever shows it says in words, or in a table,
    what it shows.

    Args:
        figure: Drawn with this module's colours, and inside ``rc_context(STYLE)``.
        prefix: Put before every id; unique in the page.
    """
    buffer = io.StringIO()
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=no_metadata)
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 - matplotlib's own output
    used = {reference for element in root.iter() for reference in _references(element)}
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}style", "}metadata")):
                parent.remove(child)
    for element in root.iter():
        _adapt(element, prefix, used)
    _, _, width, height = root.attrib["viewBox"].split()
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "width": width,
        "height": height,
        "aria-hidden": "true",
        "focusable": "false",
    }
    return re.sub(r">\s+<", "><", ElementTree.tostring(root, encoding="unicode"))


def _references(element: ElementTree.Element) -> list[str]:
    found = [element.attrib[_XLINK].removeprefix("#")] if _XLINK in element.attrib else []
    for value in element.attrib.values():
        found += _REFERENCE.findall(value)
    return found


def _adapt(element: ElementTree.Element, prefix: str, used: set[str]) -> None:
    element.tag = element.tag.rsplit("}", 1)[-1]
    attributes = {}
    for name, value in element.attrib.items():
        if name == "id":
            if value in used:
                attributes["id"] = f"{prefix}-{value}"
        elif name == _XLINK:
            attributes["href"] = f"#{prefix}-{value.removeprefix('#')}"
        elif name == "style":
            attributes["style"] = _page_style(value)
        elif not (name == "transform" and value.startswith("rotate(-0 ")):
            value = _REFERENCE.sub(rf"url(#{prefix}-\1)", value)
            attributes[name] = _LONG_DECIMAL.sub(r"\1", " ".join(value.split()))
    element.attrib = attributes


def _page_style(style: str) -> str:
    style = _FAMILY.sub(lambda m: f"font-size: {m[1]}" if m[1] else "", style)
    for colour, variable in _VARIABLES.items():
        style = style.replace(colour, variable)
    return style
