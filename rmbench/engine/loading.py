"""Loading a sequence-classification model and its tokenizer, safely."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmbench.engine.place import check_model_place
from rmbench.errors import MissingDependencyError, ScorerError, UsageError

try:
    import torch
    import transformers
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
except ImportError as error:
    raise MissingDependencyError.for_package(
        error.name or "torch", "hf", "running a model"
    ) from None


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode, with what is known of where it came from.

    Attributes:
        model: ``AutoModelForSequenceClassification``, on the CPU.
        tokenizer: Its tokenizer.
        revision: Commit of the Hub repository that was read; ``None`` for a folder.
        newly_initialised: Weights the checkpoint does not hold, by name.
    """

    model: Any
    tokenizer: Any
    revision: str | None
    newly_initialised: tuple[str, ...]


def load_sequence_classifier(
    path_or_id: str,
    *,
    revision: str | None = None,
    num_labels: int | None = None,
    allow_untrained: bool = False,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
    dtype: torch.dtype | None = None,
) -> LoadedModel:
    """Load a model that gives logits for a whole sequence.

    Args:
        path_or_id: A local folder, or a Hub id.
        revision: Branch, tag or commit of a Hub id.
        num_labels: Logits of a head that is made anew; by default the checkpoint's own
            number, or 1 where the checkpoint is not a sequence classifier.
        allow_untrained: Whether missing weights may be initialised at random.
        trust_remote_code: Whether code from the repository may run.
        allow_pickle: Whether weights that are not safetensors may be unpickled.
        dtype: Of the weights; ``None`` keeps the checkpoint's own.

    Raises:
        ScorerError: If nothing can be loaded, with the reason.
        UsageError: If weights are missing and ``allow_untrained`` is false.
    """
    local = check_model_place(path_or_id)
    if local is not None:
        path_or_id, revision = str(local), None
    common = {"revision": revision, "trust_remote_code": trust_remote_code}
    try:
        config = AutoConfig.from_pretrained(path_or_id, **common)
        if num_labels is None and not _is_classifier(config):
            num_labels = 1
        if num_labels is not None and num_labels != config.num_labels:
            config.num_labels = num_labels
        # Weights that are missing are random; the same ones in every run.
        torch.manual_seed(0)
        with _quiet():
            model, info = AutoModelForSequenceClassification.from_pretrained(
                path_or_id,
                config=config,
                dtype=dtype if dtype is not None else "auto",
                use_safetensors=None if allow_pickle else True,
                output_loading_info=True,
                **common,
            )
        tokenizer = AutoTokenizer.from_pretrained(path_or_id, **common)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise ScorerError(
            f"{path_or_id}: cannot be loaded: {_explain(error, num_labels)}"
        ) from None
    missing = tuple(sorted(info["missing_keys"]))
    if missing and not allow_untrained:
        shown = ", ".join(missing[:3]) + (
            f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        )
        raise UsageError(
            f"{path_or_id}: the checkpoint lacks {shown}, which would be random numbers: "
            "train the model first, or pass --allow-untrained to measure it all the same"
        )
    model.eval()
    return LoadedModel(model, tokenizer, _commit_read(path_or_id, revision), missing)


def _commit_read(path_or_id: str, revision: str | None) -> str | None:
    """The Hub commit whose files were just read; it names their folder in the cache."""
    from huggingface_hub import try_to_load_from_cache

    if Path(path_or_id).is_dir():
        return None
    cached = try_to_load_from_cache(path_or_id, "config.json", revision=revision)
    return Path(cached).parent.name if isinstance(cached, str) else None


def _is_classifier(config: Any) -> bool:
    names = getattr(config, "architectures", None) or []
    return any("SequenceClassification" in name or "RewardModel" in name for name in names)


class _quiet:  # noqa: N801 - reads as a statement
    """Hold back the library's loading report: what matters in it becomes an error here."""

    def __enter__(self) -> None:
        self._level = transformers.logging.get_verbosity()
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()

    def __exit__(self, *_: object) -> None:
        transformers.logging.set_verbosity(self._level)
        transformers.logging.enable_progress_bar()


def _explain(error: Exception, num_labels: int | None) -> str:
    text = " ".join(str(error).split())
    if "ignore_mismatched_sizes" in text:
        logits = f"{num_labels} logit{'s' * (num_labels != 1)}"
        return f"its head has other than {logits}, or its weights are not what config.json says"
    if "trust_remote_code" in text:
        return "it needs code from its repository; pass --trust-remote-code if you trust it"
    if "safetensors" in text:
        return (
            "it has no safetensors weights, and unpickling can run code; "
            "pass --allow-pickle if you trust it"
        )
    if "offline" in text.lower() or "couldn't connect" in text or "LocalEntryNotFound" in text:
        return "it is not in the local cache and the Hub cannot be reached"
    return text[:300] or type(error).__name__
