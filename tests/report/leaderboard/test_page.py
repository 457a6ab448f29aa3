"""The page as a file: what it holds, that it loads nothing, that hostile texts stay texts."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from rmbench.report.leaderboard import Request, make_board
from rmbench.result import Mistake, StoredRun, find_runs

from .conftest import margins

Store = Callable[..., StoredRun]


def page_of(folder: Path, out: Path, examples: int = 5000) -> str:
    make_board(Request(find_runs([folder]), folder, None, examples), [out])
    return out.read_text(encoding="utf-8")


def block(page: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found[1])


@pytest.fixture(scope="module")
def page(board_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(board_folder, tmp_path_factory.mktemp("page") / "board.html")


def test_page_holds_the_board(page: str) -> None:
    core = block(page, "core")
    assert [m["name"] for m in core["models"]][:2] == ["alpha-rm", "beta-rm"]
    assert core["lede"] == "4 reward models and 2 content-blind baselines on 3 suites"
    assert len(core["cells"]) == 17
    evidence = block(page, "evidence")
    assert len(evidence) == 3
    assert evidence[0]["parts"]["names"] == ["chat", "code", "math"]
    assert len(evidence[0]["pairs"]["models"]) == 6
    assert len(evidence[0]["bins"]) == 4  # baselines' margins are no logits


def test_only_the_pages_own_script_and_style_may_run(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    for tag, kind in (("script", "script-src"), ("style", "style-src")):
        body = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        assert body is not None
        digest = b64encode(sha256(body[1].encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy[1].replace("&#39;", "'")
    assert not re.search(r'\b(src|href)="(?!#)', page)
    assert "innerHTML" not in page
    assert "insertAdjacentHTML" not in page


def test_two_pages_are_the_same(page: str, board_folder: Path, tmp_path: Path) -> None:
    assert page_of(board_folder, tmp_path / "again.html") == page


def test_mistakes_are_the_worst_of_each_and_counted(board_folder: Path, tmp_path: Path) -> None:
    found = block(page_of(board_folder, tmp_path / "b.html", 10), "examples")
    assert found["all"] == 48  # 12 of each of four models
    assert len(found["rows"]) == 10
    per_model: dict[int, list[float]] = {}
    for model, _suite, _text, margin, *_ in found["rows"]:
        per_model.setdefault(model, []).append(margin)
    assert sorted(map(len, per_model.values())) == [2, 2, 3, 3]
    assert all(max(m) <= -10 for m in per_model.values())
    assert block(page_of(board_folder, tmp_path / "n.html", 0), "examples")["rows"] == []


def test_hostile_texts_stay_texts(store: Store, hostile_text: str, tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><!--\u2028\u202e\x00" + hostile_text
    mistake = Mistake(
        example_id=evil, subset=evil, prompt=({"role": evil, "content": evil},), chosen=evil,
        rejected=evil * 200, reward_chosen=0.0, reward_rejected=1.0, margin=-1.0,
    )  # fmt: skip
    for i in range(2):
        store(
            tmp_path / "runs", f"{i}{evil}", margins(0.8, 60, i), suite="evil", title=evil,
            version=evil, modified=(evil,), mistakes=[mistake],
        )  # fmt: skip
    text = page_of(tmp_path / "runs", tmp_path / "b.html")
    assert text.count("<script") == 4  # three blocks of data and the script
    assert text.count("</script>") == 4
    assert "<img" not in text
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202e\u2028]", text)
    found = block(text, "examples")
    assert found["texts"][0][2][0][1].startswith("</script><script>alert(1)</script><!--")
    assert found["texts"][0][4][1] == len(evil) * 200 - 4000
