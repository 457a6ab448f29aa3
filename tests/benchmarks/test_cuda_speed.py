"""Speed of the engine on a CUDA device, with models of real shapes and random weights.

Token ids are random and lengths are those of real sets, since time does not depend on which
tokens stand where. As on the CPU, no assertion is about time.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch

from benchmarks import arms, peers
from benchmarks.arms import Arm, Subject, random_subject
from benchmarks.facts import facts
from benchmarks.interleave import (
    Agreement,
    Comparison,
    interleave,
    invariant_share,
    record,
    recorded_clock,
)
from benchmarks.shapes import SHAPES
from benchmarks.workloads import CUDA_WORKLOADS, SMALL

pytestmark = [
    pytest.mark.bench,
    pytest.mark.gpu,
    pytest.mark.benchmark(timer=recorded_clock),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

PASSES = 1 if SMALL else 5

BFLOAT16_TOLERANCE = 1.5
"""How much larger an arm's bfloat16 error may be than that of the model called one by one."""

# Parameters in float32 and bfloat16 side by side, and room to work in.
MEMORY_BYTES = {"llama-3.1-8b": 64e9, "qwen2.5-0.5b": 12e9}

MAKE: dict[str, Callable[[Subject], Arm]] = {
    "hf-padded-8": partial(arms.padded, batch=8),
    "hf-padded-64": partial(arms.padded, batch=64),
    "hf-sorted-64": partial(arms.by_length, batch=64),
    "hf-unbatched": arms.unbatched,
    "trl-8": partial(peers.trl, pairs=8),
    "trl-32": partial(peers.trl, pairs=32),
    "ours-padded": partial(arms.ours, attention="padded"),
    "ours-packed": partial(arms.ours, attention="packed"),
    "ours-shared": partial(arms.ours, attention="shared"),
    "ours-shared-compiled": partial(arms.ours, attention="shared", compiled=True),
}


class Bench:
    """One shape with its arms; each workload is timed when it is first asked for."""

    def __init__(self, shape: str) -> None:
        self.shape = shape
        self.subject = random_subject(SHAPES[shape], torch.device("cuda"), torch.bfloat16)
        self._arms = {name: make(self.subject) for name, make in MAKE.items()}
        self._compared: dict[str, Comparison] = {}
        self._reference: dict[str, Any] = {}

    def compare(self, name: str) -> Comparison:
        """All arms of a workload, timed together."""
        if name not in self._compared:
            workload = CUDA_WORKLOADS[name](SHAPES[self.shape].vocab_size)
            # The whole workload warms up: kernels are chosen, compiled and recorded by shape.
            self._compared[name] = interleave(
                list(self._arms.values()),
                workload,
                warm_up=workload,
                passes=PASSES,
                device=self.subject.device,
            )
        return self._compared[name]

    def reference(self, name: str) -> Any:
        """Scores of the same bfloat16 weights, computed in float32 one sequence at a time."""
        if name not in self._reference:
            exact = arms.unbatched(
                Subject(
                    copy.deepcopy(self.subject.model).float(),
                    self.subject.tokenizer,
                    self.subject.encoder,
                    self.subject.device,
                )
            )
            self._reference[name] = exact.bind(self.compare(name).workload)()
            del exact
            torch.cuda.empty_cache()
        return self._reference[name]


@pytest.fixture(scope="module", params=SHAPES)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    needed = MEMORY_BYTES[request.param]
    free, _ = torch.cuda.mem_get_info()
    if free < needed:
        pytest.skip(f"{request.param} needs {needed / 1e9:.0f} GB; {free / 1e9:.0f} GB are free")
    yield Bench(request.param)
    torch.cuda.empty_cache()


@pytest.mark.parametrize("arm", MAKE)
@pytest.mark.parametrize("workload", CUDA_WORKLOADS)
def test_cuda(bench: Bench, workload: str, arm: str, benchmark: Any):
    comparison = bench.compare(workload)
    reference = bench.reference(workload)
    timing = comparison.timings[arm, torch.bfloat16]
    agreement = Agreement.of(timing.scores, reference)
    unbatched = comparison.timings["hf-unbatched", torch.bfloat16]
    assert agreement.rms <= BFLOAT16_TOLERANCE * Agreement.of(unbatched.scores, reference).rms
    benchmark.group = f"{bench.shape} {workload}"
    record(benchmark, timing.pass_s)
    benchmark.extra_info.update(
        device="cuda",
        **facts(comparison, timing, agreement, bench.subject.model, ours="ours-shared"),
        shape=bench.shape,
        bitwise_invariant_share=invariant_share(timing.arm, comparison.workload, timing.scores),
    )
