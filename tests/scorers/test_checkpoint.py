from __future__ import annotations

import json
from pathlib import Path

import pytest

from rmbench.errors import ScorerError
from rmbench.result import Checkpoint
from rmbench.scorers import checkpoint
from rmbench.scorers.checkpoint import read_checkpoint, training_record
from rmbench.train.output import RECORD_NAME


def state(folder: Path, **values: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trainer_state.json").write_text(json.dumps(values))
    return folder


def test_the_step_is_what_the_trainer_wrote_and_not_the_name(tmp_path: Path) -> None:
    folder = state(tmp_path / "run/checkpoint-7", global_step=70, epoch=0.5)
    assert read_checkpoint(folder) == Checkpoint(run=str(tmp_path / "run"), step=70, epoch=0.5)


def test_the_final_model_is_known_by_the_record(tmp_path: Path) -> None:
    (tmp_path / RECORD_NAME).write_text('{"train": {"steps": 90, "epochs": 1.5}}')
    # Of a checkpoint that training was resumed from, for instance.
    state(tmp_path, global_step=50)
    assert read_checkpoint(tmp_path) == Checkpoint(
        run=str(tmp_path), step=90, epoch=1.5, final=True
    )


def test_a_run_that_kept_its_best_weights_has_their_step(tmp_path: Path) -> None:
    record = {"train": {"steps": 90, "epochs": 1.5}, "final_step": 60}
    (tmp_path / RECORD_NAME).write_text(json.dumps(record))
    assert read_checkpoint(tmp_path) == Checkpoint(run=str(tmp_path), step=60, final=True)


def test_other_trainers_leave_a_state_beside_their_final_model(tmp_path: Path) -> None:
    assert read_checkpoint(state(tmp_path, global_step=12)) == Checkpoint(
        run=str(tmp_path), step=12, final=True
    )


def test_a_link_names_the_run_it_leads_to(tmp_path: Path) -> None:
    folder = state(tmp_path / "run/checkpoint-1", global_step=1)
    (tmp_path / "latest").symlink_to(folder)
    found = read_checkpoint(tmp_path / "latest")
    assert found is not None
    assert (found.run, found.step) == (str(tmp_path / "run"), 1)


@pytest.mark.parametrize("step", [None, "5", -1, 1.5, True])
def test_what_is_no_step_is_no_checkpoint(tmp_path: Path, step: object) -> None:
    assert read_checkpoint(state(tmp_path / "checkpoint-5", global_step=step)) is None


def test_a_plain_model_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-5").mkdir()
    assert read_checkpoint(tmp_path / "checkpoint-5") is None
    assert read_checkpoint(tmp_path) is None
    assert read_checkpoint(tmp_path / "not/there") is None


def test_an_epoch_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    found = read_checkpoint(state(tmp_path, global_step=1, epoch=float("nan")))
    assert found is not None
    assert found.epoch is None


def test_a_broken_state_is_named(tmp_path: Path) -> None:
    folder = state(tmp_path / "checkpoint-5", global_step=5)
    (folder / "trainer_state.json").write_text("{")
    with pytest.raises(ScorerError, match=r"checkpoint-5/trainer_state.json: cannot be read"):
        read_checkpoint(folder)


def test_a_checkpoint_shares_the_record_of_its_run(tmp_path: Path) -> None:
    folder = state(tmp_path / "checkpoint-5", global_step=5)
    assert training_record(folder) is None
    (tmp_path / RECORD_NAME).write_text('{"seed": 3}')
    assert training_record(folder) == training_record(tmp_path) == {"seed": 3}
    (tmp_path / "other").mkdir()
    assert training_record(tmp_path / "other") is None


def test_it_reads_the_file_that_training_writes() -> None:
    assert checkpoint.RECORD_NAME == RECORD_NAME
