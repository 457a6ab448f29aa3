"""The benchmark's own parts, on tiny models: these run with the other tests."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig

from benchmarks import arms, peers, write_docs
from benchmarks.arms import Arm, Subject, data_order, random_subject
from benchmarks.facts import facts
from benchmarks.interleave import (
    Agreement,
    Comparison,
    Rates,
    Ratio,
    Timing,
    interleave,
    invariant_share,
)
from benchmarks.workloads import Workload, rm_bench_like
from rmbench.engine.encode import Encoded, build_encoder
from rmbench.engine.loading import load_sequence_classifier
from rmbench.engine.tally import BatchShape
from rmbench.types import Conversation, Message

CPU = torch.device("cpu")
ANSWERS = ("yes", "no you can not", "the water is hot", "find out for you", "my first word", "no")


def _texts(subject: Subject) -> Workload:
    prompts = ("what time is it", "how do they write a word like this one")
    items = tuple(
        Conversation((Message("user", p),), answer, p, i)
        for p in prompts
        for i, answer in enumerate(ANSWERS)
    )
    return Workload(
        name="tiny",
        about="tiny",
        rows=tuple(subject.encoder.encode(items)),
        prompts=tuple(c.example_id for c in items),
        pairs=tuple((6 * i + k, 6 * i + 3 + k) for k in range(3) for i in range(2)),
        conversations=items,
    )


def _subject(folder: Path) -> Subject:
    loaded = load_sequence_classifier(str(folder), dtype=torch.float32)
    encoder = build_encoder(loaded.tokenizer, loaded.model.config)
    return Subject(loaded.model, loaded.tokenizer, encoder, CPU, str(folder))


def _agrees(arm: Arm, workload: Workload, reference: np.ndarray) -> None:
    assert Agreement.of(arm.bind(workload)(), reference).largest < 1e-4
    assert arm.shapes is not None
    assert sum(s.useful_tokens for s in arm.shapes(workload)) == workload.tokens


def test_every_way_of_running_a_decoder_gives_its_scores(llama_folder: Path):
    subject = _subject(llama_folder)
    workload = _texts(subject)
    with torch.inference_mode():
        reference = np.array(
            [
                subject.model(input_ids=torch.tensor([r.input_ids])).logits.item()
                for r in workload.rows
            ]
        )
    for arm in (
        arms.unbatched(subject),
        arms.padded(subject, 2),
        arms.by_length(subject, 5),
        peers.pipeline(subject, 5),
        peers.trl(subject, 4),
        arms.ours(subject, "padded"),
        arms.ours(subject, "packed"),
        arms.ours(subject, "shared"),
        arms.ours_from_text(subject),
    ):
        _agrees(arm, workload, reference)


def test_cross_encoder_gives_an_encoders_scores(bert_folder: Path):
    subject = _subject(bert_folder)
    workload = _texts(subject)
    reference = arms.unbatched(subject).bind(workload)()
    found = peers.cross_encoder(subject, 4).bind(workload)()
    assert Agreement.of(found, reference).largest < 1e-4
    _agrees(arms.ours(subject, "packed"), workload, reference)


def test_a_peer_that_reads_other_tokens_is_refused(bert_folder: Path):
    subject = _subject(bert_folder)
    workload = _texts(subject)
    other = dataclasses.replace(workload, rows=(Encoded((5, 5, 5)), *workload.rows[1:]))
    with pytest.raises(ValueError, match="other tokens in 1 of 12"):
        peers.cross_encoder(subject, 4).bind(other)


def test_twins_share_weights_and_nothing_else(llama_folder: Path):
    subject = _subject(llama_folder)
    twin = subject.twin()
    assert twin.score.weight is subject.model.score.weight
    twin.set_attn_implementation("eager")
    assert subject.model.config._attn_implementation != "eager"


def test_data_order_calls_chosen_and_rejected_apart(llama_folder: Path):
    workload = _texts(_subject(llama_folder))
    assert data_order(workload, 2) == [[0, 6], [3, 9], [1, 7], [4, 10], [2, 8], [5, 11]]
    every = tuple((0, r) for r in range(1, 6))
    unpaired = Workload("", "", workload.rows[:6], workload.prompts[:6], every)
    assert data_order(unpaired, 4) == [[0, 1, 2, 3], [4, 5]]


def test_take_keeps_the_pairs_of_the_prompts_taken(llama_folder: Path):
    workload = _texts(_subject(llama_folder))
    second = workload.take(workload.distinct_prompts[1:])
    assert second.pairs == ((0, 3), (1, 4), (2, 5))
    assert second.rows == workload.rows[6:]


def test_arms_take_turns_and_are_compared_within_a_turn():
    order: list[str] = []

    def arm(name: str) -> Arm:
        def bind(_: Workload) -> Any:
            return lambda: (order.append(name), np.zeros(1))[1]

        return Arm(name, name, torch.float32, "ids", bind)

    workload = Workload("", "", (Encoded((1,)),), ("a",), ())
    interleave([arm("a"), arm("b")], workload, warm_up=workload, passes=3, device=CPU)
    assert order == ["a", "b"] * 4
    slow, fast = (Timing(arm("a"), p, np.zeros(1), None, None) for p in ((2.0, 9.0), (1.0, 3.0)))
    assert Ratio.of(slow, fast) == Ratio(2.5, 2.0, 3.0)


def test_recorded_passes_are_what_pytest_benchmark_keeps(tmp_path: Path):
    """In a process of its own, because a benchmark here would add its table to every test run."""
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "from benchmarks.interleave import record, recorded_clock\n"
        "@pytest.mark.benchmark(timer=recorded_clock)\n"
        "@pytest.mark.parametrize('passes', [(1.5, 0.25, 4.0), (2.0,)])\n"
        "def test_it(benchmark, passes):\n"
        "    record(benchmark, passes)\n"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", tmp_path,
         "--benchmark-json", tmp_path / "it.json", tmp_path / "test_it.py"],
        env=env | {"PYTHONPATH": str(Path(__file__).parents[1])}, check=True, capture_output=True,
    )  # fmt: skip
    found = json.loads((tmp_path / "it.json").read_text())["benchmarks"]
    assert [b["stats"]["data"] for b in found] == [[1.5, 0.25, 4.0], [2.0]]


def test_invariance_compares_bits():
    workload = Workload("", "", tuple(Encoded((i,)) for i in range(4)), (0, 0, 1, 2), ())
    right = Arm("", "", torch.float32, "ids", lambda w: lambda: _ids(w))
    off = Arm("", "", torch.float32, "ids", lambda w: lambda: _ids(w) + 1e-12 * (_ids(w) == 3))
    assert invariant_share(right, workload, _ids(workload)) == 1.0
    assert invariant_share(off, workload, _ids(workload)) == pytest.approx(2 / 3)


def _ids(workload: Workload) -> np.ndarray:
    return np.array([float(r.input_ids[0]) for r in workload.rows])


def test_random_models_share_prompts():
    config = LlamaConfig(
        vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=8192, num_labels=1, pad_token_id=0,
    )  # fmt: skip
    subject = random_subject(config, CPU, torch.float32)
    workload = rm_bench_like(64)
    workload = workload.take(workload.distinct_prompts[:2])
    assert workload.unshared_tokens < workload.tokens
    reference = arms.unbatched(subject).bind(workload)()
    _agrees(arms.ours(subject, "shared"), workload, reference)


def _report(llama_folder: Path, *, small: bool) -> dict[str, Any]:
    subject = _subject(llama_folder)
    workload = _texts(subject)
    shapes = (BatchShape.of_padded(len(r) for r in workload.rows),)
    timings = {
        (name, torch.float32): Timing(
            Arm(name, f"by {name}", torch.float32, "ids", lambda _: lambda: np.zeros(1)),
            pass_s, np.zeros(12), shapes, None,
        )
        for name, pass_s in (("hf", (2.0, 4.0, 6.0)), ("ours", (1.0, 1.0, 2.0)))
    }  # fmt: skip
    comparison = Comparison(workload, timings, {torch.float32: Rates(2e11, 1e11)})
    benchmarks = []
    for timing in timings.values():
        found = facts(comparison, timing, Agreement(1e-6, 1e-7), subject.model, ours="ours")
        found |= {"device": "cpu", "small": small}
        benchmarks.append(
            {"group": "tiny", "extra_info": found, "stats": {"data": list(timing.pass_s)}}
        )
    packages = dict.fromkeys(write_docs.PACKAGES, "1.0")
    return {
        "datetime": "2026-01-02T03:04:05",
        "commit_info": {"id": "0123456789abcdef", "dirty": False},
        "machine_info": {"rmbench": {"cpu": "CPU", "device": None, "threads": 2,
                                     "packages": packages}},
        "benchmarks": benchmarks,
    }  # fmt: skip


def test_tables_are_put_between_their_markers(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    page = tmp_path / "performance.md"
    page.write_text("# Top\n<!-- bench:cpu -->\nold\n<!-- /bench:cpu -->\nend\n")
    monkeypatch.setattr(write_docs, "PAGE", page)
    report = tmp_path / "report.json"
    monkeypatch.setattr("sys.argv", ["write_docs.py", str(report)])

    report.write_text(json.dumps(_report(llama_folder, small=True)))
    write_docs.main()
    assert "old" in page.read_text()

    report.write_text(json.dumps(_report(llama_folder, small=False)))
    write_docs.main()
    text = page.read_text()
    assert "old" not in text
    assert text.startswith("# Top\n<!-- bench:cpu -->\nCPU, 2 threads; torch 1.0")
    assert text.endswith("<!-- /bench:cpu -->\nend\n")
    assert "float32 200 GFLOP/s before, 100 GFLOP/s after" in text
    (row,) = (line for line in text.splitlines() if line.startswith("| by hf |"))
    # Ratios of the three turns are 2, 4 and 3.
    assert "3.00 [2.00, 4.00]" in row


def test_a_page_without_markers_is_an_error():
    with pytest.raises(ValueError, match="once each"):
        write_docs.put_between("nothing here", "cpu", "new")
