from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rmbench.errors import TrainingError, UsageError
from rmbench.train.output import RunFolder


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def make_model(folder: Path, text: str = "old") -> Path:
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (folder / name).write_text(text)
    return folder


def save_checkpoint(folder: RunFolder, step: int, text: str = "new") -> None:
    with folder.checkpoint(step) as unfinished:
        make_model(unfinished / f"checkpoint-{step}", text)


def save_model(folder: RunFolder, text: str = "new") -> None:
    with folder.model() as unfinished:
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            (unfinished / name).write_text(text)


def text_of(folder: Path) -> str | None:
    """What all files of a model say; ``None`` where there is no model."""
    if not (folder / "config.json").exists():
        return None
    files = [p for p in folder.iterdir() if p.is_file()]
    (text,) = {p.read_text() for p in files}
    assert len(files) == 3
    return text


def test_the_model_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "model"
    folder = RunFolder(out)
    folder.open()
    assert not out.exists()
    with folder.model() as unfinished:
        (unfinished / "config.json").write_text("new")
        assert text_of(out) is None
    assert names(out) == ["config.json"]
    assert out.stat().st_mode & 0o055 == 0o055


def test_nothing_is_left_when_the_block_raises(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "model")
    folder.open()

    def fail() -> None:
        with folder.model() as unfinished:
            (unfinished / "half").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    folder.abandon()
    assert names(tmp_path) == []


def test_checkpoints_are_whole_and_survive_what_follows(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "model")
    folder.open()
    save_checkpoint(folder, 9)
    save_checkpoint(folder, 10)

    def fail() -> None:
        with folder.checkpoint(11) as unfinished:
            (unfinished / "checkpoint-11").mkdir()
            raise OSError

    with pytest.raises(OSError):
        fail()
    folder.abandon()
    # By step, not by name.
    assert [p.name for p in folder.checkpoints()] == ["checkpoint-9", "checkpoint-10"]
    assert names(folder.path) == ["checkpoint-10", "checkpoint-9"]
    assert folder.latest() == folder.path / "checkpoint-10"


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "model")
    folder.open()
    for step in (2, 4, 6, 8, 10):
        save_checkpoint(folder, step)
    folder.keep(3)
    assert [p.name for p in folder.checkpoints()] == [
        "checkpoint-6",
        "checkpoint-8",
        "checkpoint-10",
    ]
    folder.keep(2, best=6)
    assert [p.name for p in folder.checkpoints()] == ["checkpoint-6", "checkpoint-10"]
    folder.keep(1, best=6)
    assert [p.name for p in folder.checkpoints()] == ["checkpoint-6", "checkpoint-10"]
    folder.keep(1)
    assert names(folder.path) == ["checkpoint-10"]


def test_a_model_is_replaced_only_when_asked(tmp_path: Path) -> None:
    out = make_model(tmp_path / "model")
    (out / "notes.txt").write_text("old")
    with pytest.raises(UsageError, match="already holds a model"):
        RunFolder(out).open()
    folder = RunFolder(out)
    folder.open(overwrite=True)
    assert (out / "notes.txt").exists()
    save_model(folder)
    assert names(out) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert text_of(out) == "new"


def test_the_old_model_stays_until_its_successor_has_a_checkpoint(tmp_path: Path) -> None:
    out = make_model(tmp_path / "model")
    folder = RunFolder(out)
    folder.open(overwrite=True)
    assert folder.latest() is None
    folder.abandon()
    assert text_of(out) == "old"

    folder = RunFolder(out)
    folder.open(overwrite=True)
    save_checkpoint(folder, 5)
    assert text_of(out) is None
    assert folder.replaced is not None
    assert text_of(folder.replaced) == "old"
    folder.abandon()

    resumed = RunFolder(out)
    resumed.open(resume=True)
    assert resumed.latest() == out / "checkpoint-5"
    save_model(resumed)
    assert names(out) == ["checkpoint-5", "config.json", "model.safetensors", "tokenizer.json"]
    assert text_of(out) == "new"


def test_starting_over_again_gives_the_old_model_its_place_back(tmp_path: Path) -> None:
    out = make_model(tmp_path / "model")
    folder = RunFolder(out)
    folder.open(overwrite=True)
    save_checkpoint(folder, 5)
    again = RunFolder(out)
    again.open(overwrite=True)
    assert text_of(out) == "old"
    save_model(again)
    assert names(out) == ["config.json", "model.safetensors", "tokenizer.json"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_model_is_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="holds no model"):
        RunFolder(tmp_path).open(overwrite=overwrite)
    with pytest.raises(UsageError, match="is a file"):
        RunFolder(tmp_path / "thesis.tex").open(overwrite=overwrite)
    assert names(tmp_path) == ["thesis.tex"]


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    folder = RunFolder(out)
    folder.open()
    save_model(folder)
    assert text_of(out) == "new"


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = RunFolder(tmp_path / "file" / "model")
    folder.open()
    with pytest.raises(TrainingError, match="cannot be written: Not a directory"):
        save_checkpoint(folder, 1)


class Killed(BaseException):
    """Stands for the end of the process."""


@contextmanager
def killed_before_change(nth: int) -> Iterator[None]:
    """The process ends before its nth change of the folder, and changes nothing after."""
    left = nth

    def counted(change: Callable[..., None]) -> Callable[..., None]:
        def counting(*args: object, **kwargs: object) -> None:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            change(*args, **kwargs)

        return counting

    with pytest.MonkeyPatch.context() as patch:
        for name in ("rename", "replace", "mkdir", "rmdir", "unlink"):
            patch.setattr(os, name, counted(getattr(os, name)))
        yield


def whole_run(out: Path, *, checkpoint: bool) -> None:
    folder = RunFolder(out)
    folder.open(overwrite=True)
    if checkpoint:
        save_checkpoint(folder, 5)
    save_model(folder)


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("replaces", [False, True])
def test_a_run_killed_between_any_two_changes_leaves_one_whole_model(
    tmp_path: Path, replaces: bool, checkpoint: bool
) -> None:
    outcomes = set()
    for nth in range(80):
        out = tmp_path / f"model-{nth}"
        if replaces:
            make_model(out)
            make_model(out / "checkpoint-7")
        try:
            with killed_before_change(nth):
                whole_run(out, checkpoint=checkpoint)
        except Killed:
            ended = False
        else:
            ended = True
        # Half a model never looks like one.
        assert text_of(out) in ("old", "new", None)
        for found in RunFolder(out).checkpoints():
            assert text_of(found) in ("old", "new")

        # The next process finds something it can use, and nothing between two states.
        next_ = RunFolder(out)
        try:
            next_.open(resume=True)
        except UsageError as error:
            outcomes.add(str(error).rpartition(": ")[2][:30])
        else:
            assert next_.latest() == out / "checkpoint-5"
            assert text_of(out / "checkpoint-5") == "new"
            outcomes.add("resumed")
            save_model(next_)
        if text_of(out) is not None:
            kept = [p.name for p in next_.checkpoints()]
            if text_of(out) == "old":
                assert kept == ["checkpoint-7"]
            else:
                assert kept == ["checkpoint-5"] * checkpoint
        else:
            assert not replaces
            assert not next_.checkpoints()
        if ended:
            break
    assert ended
    assert ("resumed" in outcomes) == checkpoint
