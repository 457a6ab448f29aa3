"""``rmbench run --all-checkpoints``: every checkpoint of a training run as its own scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rmbench.errors import UsageError
from rmbench.scorers.checkpoint import STATE_NAME, is_checkpoint_name, read_checkpoint
from rmbench.spec import ScorerSpec

# A model, or an adapter to one.
_MODEL_FILES = ("config.json", "adapter_config.json")


def expand_checkpoints(
    specs: Sequence[ScorerSpec], report: Callable[[str], None] = lambda line: None
) -> list[ScorerSpec]:
    """Put the checkpoints of a training run in the place of its folder.

    Args:
        specs: Every scorer that runs a model must be the folder of a run; the others, such
            as ``length:``, stay as they are.
        report: Told which checkpoints are left out, and why.

    Returns:
        For each run its ``checkpoint-N`` by step, then the model it ended with where the
        folder holds one. All of them keep the options that the run's spec had.

    Raises:
        UsageError: If a model is no local folder, a folder holds no checkpoint, or none of
            the scorers runs a model.
        ScorerError: If what the trainer wrote is no JSON.
    """
    if not any(spec.kind == "hf" for spec in specs):
        raise UsageError("--all-checkpoints needs the folder of a training run")
    expanded: list[ScorerSpec] = []
    for spec in specs:
        expanded += _of_run(spec, report) if spec.kind == "hf" else [spec]
    return expanded


def _of_run(spec: ScorerSpec, report: Callable[[str], None]) -> list[ScorerSpec]:
    run = Path(spec.target).expanduser()
    if not run.is_dir():
        raise UsageError(
            f"{spec.target}: is no folder; --all-checkpoints takes the folder of a training run"
        )
    steps: list[tuple[int, Path]] = []
    for folder in sorted(p for p in run.iterdir() if p.is_dir() and is_checkpoint_name(p.name)):
        found = read_checkpoint(folder)
        # The state is what a trainer writes last.
        if found is None or not _is_model(folder):
            lacks = STATE_NAME if found is None else "its model"
            report(f"{folder}: left out, {lacks} is missing, so it was not saved to its end")
        else:
            steps.append((found.step, folder))
    if not steps:
        raise UsageError(
            f"{run}: holds no finished checkpoint-N; train with --save-steps, or leave "
            "--all-checkpoints out to measure the model itself"
        )
    places = [folder for _, folder in sorted(steps)]
    if _is_model(run):
        places.append(run)
        if read_checkpoint(run) is None:
            report(f"{run}: does not say how many steps it was trained; it is not on the curve")
    return [_at(spec, folder, is_run=folder == run) for folder in places]


def _is_model(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _MODEL_FILES)


def _at(spec: ScorerSpec, folder: Path, *, is_run: bool) -> ScorerSpec:
    name = spec.name if spec.name is None or is_run else f"{spec.name}/{folder.name}"
    return spec.model_copy(update={"target": str(folder), "name": name})
