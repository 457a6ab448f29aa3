"""Speed of the engine against other ways of scoring, on the CPU; run with ``make bench``.

No assertion is about time. What is asserted is that every arm computes the same scores, so
that its time means something.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import arms, peers
from benchmarks.arms import Arm, Subject
from benchmarks.facts import dtype_name, facts
from benchmarks.interleave import Agreement, Comparison, interleave, record, recorded_clock
from benchmarks.workloads import (
    DECODER_MAX_LENGTH,
    ENCODER_MAX_LENGTH,
    SMALL,
    WORKLOADS,
)
from rmbench.engine.device import multiplies_bfloat16
from rmbench.engine.encode import build_encoder
from rmbench.engine.loading import load_sequence_classifier

pytestmark = [pytest.mark.bench, pytest.mark.benchmark(timer=recorded_clock)]

PASSES = 1 if SMALL else 5
CPU = torch.device("cpu")

FLOAT32_TOLERANCE_SD = 1e-4
"""Most that a float32 score may be off, in standard deviations of the scores."""

BFLOAT16_TOLERANCE_SD = 0.2
"""Most that the root mean square of bfloat16 errors may be. They are about 0.05; another
token read, another prompt, another mask would put them near 1."""

Arms = dict[str, dict[torch.dtype, tuple[str, ...]]]
"""Names of the arms of each workload, by dtype."""

MAKE: dict[str, Callable[[Subject], Arm]] = {
    "hf-padded-8": partial(arms.padded, batch=8),
    "hf-padded-16": partial(arms.padded, batch=16),
    "hf-sorted-16": partial(arms.by_length, batch=16),
    "hf-unbatched": arms.unbatched,
    "pipeline-8": partial(peers.pipeline, batch=8),
    "pipeline-64": partial(peers.pipeline, batch=64),
    "trl-8": partial(peers.trl, pairs=8),
    "crossencoder-8": partial(peers.cross_encoder, batch=8),
    "crossencoder-32": partial(peers.cross_encoder, batch=32),
    "ours-padded": partial(arms.ours, attention="padded"),
    "ours-packed": partial(arms.ours, attention="packed"),
    "ours-shared": partial(arms.ours, attention="shared"),
    "ours-text": arms.ours_from_text,
}

# A pass of the slow arms takes half a minute. So other libraries are timed in the dtype they
# load by default, and on pairs; with several responses to a prompt the plain model stands for
# them, since they run the same calls.
_SEVERAL_RESPONSES: dict[torch.dtype, tuple[str, ...]] = {
    torch.float32: ("hf-padded-16", "hf-sorted-16", "hf-unbatched", "ours-shared"),
    torch.bfloat16: ("ours-shared",),
}
DECODER_ARMS: Arms = {
    "hh-rlhf": {
        torch.float32: (
            "hf-padded-16", "hf-sorted-16", "hf-unbatched", "pipeline-8", "pipeline-64", "trl-8",
            "ours-packed", "ours-shared",
        ),
        torch.bfloat16: ("hf-padded-16", "hf-sorted-16", "hf-unbatched", "ours-shared"),
    },
    "rm-bench": _SEVERAL_RESPONSES,
    "rmb-best-of-n": _SEVERAL_RESPONSES,
}  # fmt: skip
_ENCODER = ("hf-unbatched", "crossencoder-8", "crossencoder-32", "ours-packed", "ours-text")
ENCODER_ARMS: Arms = {
    "rmb-pairs": {torch.float32: _ENCODER, torch.bfloat16: _ENCODER},
    "rmb-duplicates": {torch.float32: _ENCODER, torch.bfloat16: ("ours-packed",)},
}

DTYPES = (torch.float32, torch.bfloat16)


class Bench:
    """One model with its arms; each workload is timed when it is first asked for.

    Args:
        folder: The model's.
        max_length: Where conversations are cut, in tokens.
        data: Folder of the preference sets.
        arms: What is timed on which workload.
        ours: Name of the engine's own choice of path.
    """

    def __init__(
        self,
        folder: Path,
        max_length: int,
        data: Path,
        arms: Arms,
        ours: str,
    ) -> None:
        self.ours = ours
        self._folder = folder
        self._max_length = max_length
        self._data = data
        self._names = arms
        self._arms: dict[tuple[str, torch.dtype], Arm] = {}
        self._compared: dict[str, Comparison] = {}

    @cached_property
    def subjects(self) -> dict[torch.dtype, Subject]:
        """The model in each dtype that this processor multiplies."""
        found = {}
        for dtype in DTYPES if multiplies_bfloat16() else DTYPES[:1]:
            loaded = load_sequence_classifier(str(self._folder), dtype=dtype)
            encoder = build_encoder(
                loaded.tokenizer, loaded.model.config, max_length=self._max_length
            )
            found[dtype] = Subject(loaded.model, loaded.tokenizer, encoder, CPU, str(self._folder))
        return found

    def compare(self, name: str) -> Comparison:
        """All arms of a workload, timed together."""
        if name not in self._compared:
            subject = self.subjects[torch.float32]
            workload = WORKLOADS[name](self._data, subject.encoder)
            self._compared[name] = interleave(
                [
                    self._arm(arm, dtype)
                    for dtype in self.subjects
                    for arm in self._names[name][dtype]
                ],
                workload,
                warm_up=workload.take(workload.distinct_prompts[:1]),
                passes=PASSES,
                device=CPU,
            )
        return self._compared[name]

    def _arm(self, name: str, dtype: torch.dtype) -> Arm:
        if (name, dtype) not in self._arms:
            self._arms[name, dtype] = MAKE[name](self.subjects[dtype])
        return self._arms[name, dtype]


@pytest.fixture(scope="module")
def decoder(smollm2_folder: Path, shared_data: Path) -> Bench:
    return Bench(smollm2_folder, DECODER_MAX_LENGTH, shared_data, DECODER_ARMS, "ours-shared")


@pytest.fixture(scope="module")
def encoder(minilm_folder: Path, shared_data: Path) -> Bench:
    return Bench(minilm_folder, ENCODER_MAX_LENGTH, shared_data, ENCODER_ARMS, "ours-packed")


def _each(names: Arms) -> list[Any]:
    return [
        pytest.param(workload, arm, dtype, id=f"{workload}-{arm}-{dtype_name(dtype)}")
        for workload, by_dtype in names.items()
        for dtype, found in by_dtype.items()
        for arm in found
    ]


@pytest.mark.parametrize(("workload", "arm", "dtype"), _each(DECODER_ARMS))
def test_decoder(decoder: Bench, workload: str, arm: str, dtype: torch.dtype, benchmark: Any):
    _check_and_record(decoder, workload, arm, dtype, benchmark)


@pytest.mark.parametrize(("workload", "arm", "dtype"), _each(ENCODER_ARMS))
def test_encoder(encoder: Bench, workload: str, arm: str, dtype: torch.dtype, benchmark: Any):
    _check_and_record(encoder, workload, arm, dtype, benchmark)


def _check_and_record(
    bench: Bench, workload: str, arm: str, dtype: torch.dtype, benchmark: Any
) -> None:
    if dtype not in bench.subjects:
        pytest.skip("this processor only emulates bfloat16")
    comparison = bench.compare(workload)
    reference = comparison.timings["hf-unbatched", torch.float32].scores
    timing = comparison.timings[arm, dtype]
    agreement = Agreement.of(timing.scores, reference)
    if dtype is torch.float32:
        assert agreement.largest <= FLOAT32_TOLERANCE_SD
    else:
        assert agreement.rms <= BFLOAT16_TOLERANCE_SD
    # Before the passes are told, which is when the group is written down.
    benchmark.group = workload
    record(benchmark, timing.pass_s)
    benchmark.extra_info.update(
        device="cpu",
        **facts(comparison, timing, agreement, bench.subjects[dtype].model, ours=bench.ours),
    )
