"""Stored runs to report on: a small plain set, and one whose every name is hostile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmbench.result import (
    Counts,
    DataProvenance,
    EngineProvenance,
    Environment,
    Estimate,
    Mistake,
    Provenance,
    Result,
    ScorerInfo,
    StoredRun,
    SuiteRef,
    write_run,
)
from rmbench.result.models import SkippedReason
from rmbench.types import Scores

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

HOSTILE = (
    "<script>alert(1)</script>|`x`|$x^2$|\x1b[31mred\x1b[0m|\u202eevil\n# h [a](http://e.example)"
)


def _estimate(metric: str, value: float | None, unit: str = "fraction", **more: Any) -> Estimate:
    return Estimate(**{"metric": metric, "value": value, "unit": unit, "n": 40, **more})


def _accuracy(
    value: float, subset: str | None = None, n: int = 40, metric: str = "accuracy"
) -> Estimate:
    return _estimate(
        metric, value, subset=subset, n=n,
        ci_low=round(value - 0.1, 3), ci_high=round(value + 0.1, 3), ci_method="wilson",
    )  # fmt: skip


def _calibration(logits: bool) -> list[Estimate]:
    values = {
        "nll": (0.61, "nat"), "brier": (0.21, "1"), "brier_skill": (0.16, "1"),
        "ece": (0.085, "fraction"), "ece_null": (0.061, "fraction"), "ece_p": (0.21, "1"),
        "overconfidence": (-0.04, "fraction"), "temperature": (0.9, "1"),
    }  # fmt: skip
    if logits:
        return [_estimate(name, value, unit) for name, (value, unit) in values.items()]
    reason = "the scorer's margins are not logits"
    return [_estimate(name, None, unit, reason=reason) for name, (_, unit) in values.items()]


def _provenance(**more: Any) -> Provenance:
    return Provenance(
        **{
            "rmbench_version": "0.1.0",
            "created_at": "2031-02-03T04:05:06+00:00",
            "duration_s": 1.5,
            "seed": 0,
            "policy": {"ties": "half"},
            "data": DataProvenance(
                name="pairs",
                source="/data/rmb",
                revision=None,
                fingerprint="f" * 64,
                layout="normalised",
                files=("/data/rmb/heldout.jsonl.gz",),
                skipped=(SkippedReason(reason="empty response", rows=2, first="a.jsonl, row 7"),),
            ),
            "environment": Environment(
                python="3.11.7", platform="Linux", cpu="Some CPU", threads=2,
                packages={"numpy": "2.4.6"},
            ),
            **more,
        }
    )  # fmt: skip


def _scores(n: int = 40, slope: float = 0.5) -> Scores:
    """Pairs whose margins run through the same 11 values, 0 among them."""
    margin = slope * ((np.arange(n) * 7) % 11 - 4)
    reward = np.stack([margin, np.zeros(n)], axis=1).ravel()
    ids = np.repeat(np.array([f"e{i}" for i in range(n)]), 2)
    first = np.tile([True, False], n)
    return Scores(
        example_id=ids,
        subset=np.repeat(np.array(["chat", "code"] * (n // 2)), 2),
        group=ids,
        preference=np.ones(2 * n),
        response_index=np.tile(np.array([0, 1]), n),
        is_chosen=first,
        reward=reward,
        n_tokens=np.full(2 * n, 5),
        n_chars=np.where(first, 30, 20).astype(np.int64),
        truncated=np.zeros(2 * n, dtype=np.bool_),
    )


def _mistake(text: str, number: int = 1) -> Mistake:
    return Mistake(
        example_id=f"e{number}",
        subset="chat",
        prompt=({"role": "user", "content": f"Question {number}"},),
        chosen=text,
        rejected="No.\n\tIndented.",
        reward_chosen=-1.0,
        reward_rejected=1.0,
        margin=-2.0,
    )


def _scorer(name: str, *, blind: bool = False) -> ScorerInfo:
    return ScorerInfo(
        spec=f"hf:{name}", kind="length" if blind else "hf", name=name,
        margins_are_logits=not blind, content_blind=blind,
    )  # fmt: skip


def _counts(n: int = 40, **more: int) -> Counts:
    defaults = {
        "responses": 2 * n,
        "unique_responses": 2 * n,
        "ties": 3,
        "truncated": 1,
        "failed": 0,
    }
    return Counts(**{"examples": n, **defaults, **more})


def _pairs_result(name: str, *, blind: bool = False, accuracy: float = 0.7, **more: Any) -> Result:
    estimates = [
        _accuracy(accuracy),
        _accuracy(accuracy - 0.1, "chat", 20),
        _accuracy(accuracy + 0.1, "code", 20),
        _estimate("worst_subset_accuracy", accuracy - 0.1, n=20),
        _estimate("worst_subset_accuracy_chance", accuracy - 0.05),
        _accuracy(0.65, metric="length_balanced_accuracy"),
        _accuracy(0.8, n=25, metric="chosen_longer_accuracy"),
        _accuracy(0.5, n=15, metric="chosen_shorter_accuracy"),
        *_calibration(not blind),
    ]
    return Result(
        **{
            "suite": SuiteRef(name="pairs", version="1", digest="a" * 64, title="Preference pairs"),
            "scorer": _scorer(name, blind=blind),
            "counts": _counts(skipped=2),
            "estimates": tuple(estimates),
            "provenance": _provenance(),
            **more,
        }
    )


def _partial_result(name: str) -> Result:
    score = _estimate("section_mean_accuracy", None, reason="no example in section 'math'")
    return Result(
        suite=SuiteRef(
            name="rm-bench",
            version="1",
            digest="b" * 64,
            title="RM-Bench",
            headline="section_mean_accuracy",
        ),
        scorer=_scorer(name),
        counts=_counts(failed=1),
        estimates=(_accuracy(0.55), score, *_calibration(True)),
        partial=True,
        missing=("math_filtered.json",),
        modified=("limit=40",),
        provenance=_provenance(),
    )


def _confounder_result(name: str) -> Result:
    def shift(value: float, subset: str | None) -> Estimate:
        return _estimate(
            "confounder_shift", value, "sd of plain rewards", subset=subset,
            ci_low=value - 0.2, ci_high=value + 0.2, ci_method="clustered t",
        )  # fmt: skip

    return Result(
        suite=SuiteRef(name="confounders", version="1", digest="c" * 64, title="Confounders"),
        scorer=_scorer(name),
        counts=_counts(),
        estimates=(
            shift(0.3, None),
            shift(0.9, "longer"),
            shift(-0.3, "flattery"),
            _accuracy(0.8, "longer", metric="confounder_win_rate"),
            _accuracy(0.4, "flattery", metric="confounder_win_rate"),
        ),
        provenance=_provenance(),
    )


def _throughput_result(name: str) -> Result:
    def rate(metric: str, value: float, unit: str) -> Estimate:
        return _estimate(
            metric, value, unit, n=7, ci_low=value * 0.9, ci_high=value * 1.1,
            ci_method="range of 7 passes",
        )  # fmt: skip

    def arm(name: str, pairs: float, ratio: float, padding: float) -> list[Estimate]:
        return [
            rate("pairs_per_s", pairs, "pairs/s").model_copy(update={"subset": name}),
            _estimate(
                "relative_time",
                ratio,
                "1",
                subset=name,
                n=7,
                ci_low=ratio - 0.1,
                ci_high=ratio + 0.1,
                ci_method="range of 7 passes",
            ),
            _estimate("peak_memory_bytes", 1.1e9, "bytes", subset=name, n=7),
            _estimate("padding_fraction", padding, subset=name, n=8),
            _estimate("score_difference_sd", 2e-6, "sd of rewards", subset=name, n=80),
        ]

    no_peak = "no published float32 peak is known for Some CPU"
    closed = "in an encoder every prompt token attends to the response"
    return Result(
        suite=SuiteRef(
            name="throughput", version="1", digest="d" * 64, title="Throughput", kind="throughput"
        ),
        scorer=_scorer(name),
        counts=_counts(ties=0, truncated=0),
        estimates=(
            rate("pairs_per_s", 41.2, "pairs/s"),
            rate("tokens_per_s", 9012.0, "tokens/s"),
            _estimate("latency_p50_s", 0.192, "s", n=56),
            _estimate("peak_memory_bytes", 1.3e9, "bytes", n=7),
            rate("matmul_fraction", 0.34, "fraction"),
            _estimate("mfu", None, n=7, reason=no_peak),
            *arm("unsorted padded", 11.3, 3.65, 0.31),
            *arm("packed", 41.2, 1.0, 0.0),
            _estimate("pairs_per_s", None, "pairs/s", subset="packed + shared", n=0, reason=closed),
            _estimate("relative_time", None, "1", subset="packed + shared", n=0, reason=closed),
        ),
        provenance=_provenance(
            data=None,
            engine=EngineProvenance(
                path="padded", reason="no packed path", device="cpu", dtype="float32",
                max_length=256, batch_tokens=8192, batches=8, executed_tokens=1995,
                useful_tokens=1800,
            ),
            facts={"own_arm": "packed", "pass_s": [0.2, 0.21]},
        ),
    )  # fmt: skip


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[StoredRun]:
    """A trained model and a baseline on four suites, one of them partial and modified."""
    out = tmp_path_factory.mktemp("runs")
    training = {"data": [{"source": "/elsewhere/rmb/train.jsonl.gz", "fingerprint": "0" * 64}]}
    trained = _pairs_result("tiny-rm", provenance=_provenance(training=training))
    long_text = "word " * 6000
    return [
        write_run(out, _pairs_result("length", blind=True, accuracy=0.48), _scores(slope=10.0)),
        write_run(out, trained, _scores(), [_mistake("Yes."), _mistake(long_text, 2)]),
        write_run(out, _partial_result("tiny-rm"), _scores()),
        write_run(out, _confounder_result("tiny-rm"), _ties(_scores())),
        write_run(out, _throughput_result("tiny-rm"), None),
    ]


def _ties(scores: Scores) -> Scores:
    return Scores(**{**vars(scores), "preference": np.full(len(scores), 0.5)})


@pytest.fixture(scope="session")
def hostile_runs(tmp_path_factory: pytest.TempPathFactory) -> list[StoredRun]:
    """Every string that comes from outside is an attack on some format."""
    out = tmp_path_factory.mktemp("hostile")
    evil = _scorer(HOSTILE).model_copy(update={"revision": HOSTILE, "options": {HOSTILE: HOSTILE}})
    data = DataProvenance(
        name=HOSTILE, source=HOSTILE, revision=HOSTILE, fingerprint=HOSTILE, layout=HOSTILE,
        files=(HOSTILE,), skipped=(SkippedReason(reason=HOSTILE, rows=1, first=HOSTILE),),
    )  # fmt: skip
    provenance = _provenance(
        data=data, notes=(HOSTILE,), policy={"ties": HOSTILE, HOSTILE: HOSTILE},
        training={"data": [{"source": HOSTILE, "fingerprint": HOSTILE}], HOSTILE: HOSTILE},
    )  # fmt: skip
    estimates = (
        _accuracy(0.6),
        _accuracy(0.5, HOSTILE),
        _accuracy(0.7, "=cmd()"),
        _estimate("worst_subset_accuracy", 0.5),
        _estimate("nll", None, reason=HOSTILE),
        _estimate(HOSTILE, 0.25, HOSTILE, ci_low=0.2, ci_high=0.3, ci_method=HOSTILE),
    )
    result = _pairs_result(
        "x", scorer=evil, estimates=estimates, provenance=provenance,
        partial=True, missing=(HOSTILE,), modified=(HOSTILE,),
    )  # fmt: skip
    suite = SuiteRef(name="evil", version=HOSTILE, digest="e" * 64, title=HOSTILE)
    formula = _scorer('=HYPERLINK("http://e.example")', blind=True)
    mistake = Mistake(
        example_id=HOSTILE, subset=HOSTILE,
        prompt=({"role": HOSTILE, "content": HOSTILE},),
        chosen=HOSTILE, rejected="</pre></details><img src=x onerror=alert(1)>" + "\x00\x07",
        reward_chosen=0.0, reward_rejected=1.0, margin=-1.0,
    )  # fmt: skip
    return [
        write_run(out, result.model_copy(update={"suite": suite}), _scores(), [mistake]),
        write_run(out, result.model_copy(update={"suite": suite, "scorer": formula}), _scores()),
    ]


@pytest.fixture(scope="session")
def pairs_result() -> Callable[..., Result]:
    """Builds one result on the suite ``pairs``: ``pairs_result(name, accuracy=..., ...)``."""
    return _pairs_result


@pytest.fixture(scope="session")
def pair_scores() -> Callable[..., Scores]:
    """Builds deterministic scores of pairs: ``pair_scores(n, slope)``."""
    return _scores


@pytest.fixture(scope="session")
def hostile_text() -> str:
    """Markup of every format, an escape sequence, a direction override, a line break."""
    return HOSTILE


@pytest.fixture(autouse=True)
def terminal_of_100_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed must not depend on the terminal that the tests run in."""
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def check_golden() -> Callable[[str, str], None]:
    """Compare a text with ``tests/golden/report/<name>``.

    ``RMBENCH_UPDATE_GOLDEN=1`` writes the files instead; look at the difference before
    keeping it.
    """
    folder = Path(__file__).resolve().parents[1] / "golden" / "report"

    def check(name: str, text: str) -> None:
        path = folder / name
        if os.environ.get("RMBENCH_UPDATE_GOLDEN"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return check


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,900",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()
