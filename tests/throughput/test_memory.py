"""The peak of a pass is that pass's own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from rmbench.throughput import memory
from rmbench.throughput.memory import PeakMemory

CPU = torch.device("cpu")
MIB = 2**20


@pytest.fixture
def peak() -> PeakMemory:
    found = PeakMemory(CPU)
    if not found.by_pass:
        pytest.skip("this system does not put the high-water mark back")
    return found


def test_a_peak_forgets_what_was_before_it(peak: PeakMemory) -> None:
    peak.reset()
    big = torch.ones(300 * MIB, dtype=torch.uint8)
    before = peak.read()
    del big
    peak.reset()
    small = torch.ones(40 * MIB, dtype=torch.uint8)
    after = peak.read()
    del small
    assert after < before - 200 * MIB
    peak.reset()
    assert peak.read() < after - 20 * MIB


def test_what_is_freed_within_a_pass_counts(peak: PeakMemory) -> None:
    peak.reset()
    start = peak.read()
    torch.ones(200 * MIB, dtype=torch.uint8).sum()
    assert peak.read() > start + 150 * MIB
    assert "during a pass" in peak.meaning


def test_where_the_mark_cannot_be_put_back_the_whole_process_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "none" / "clear_refs")
    found = PeakMemory(CPU)
    assert not found.by_pass
    assert "since its start" in found.meaning
    found.reset()
    assert found.read() > 50 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such file elsewhere")
def test_a_status_without_the_mark_is_no_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "status"
    status.write_text("VmRSS:\t10 kB\n")
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "clear_refs")
    monkeypatch.setattr(memory, "_STATUS", status)
    assert not PeakMemory(CPU).by_pass
