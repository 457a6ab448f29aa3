"""The ways of scoring that are timed: the model called as is, and rmbench's engine.

Other libraries' ways are in ``peers``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedTokenizerFast,
)

from benchmarks.workloads import Workload
from rmbench.engine.capability import Attention
from rmbench.engine.encode import Encoded, Encoder, build_encoder
from rmbench.engine.forward import Head
from rmbench.engine.options import EngineOptions
from rmbench.engine.scoring import Engine
from rmbench.engine.tally import BatchShape

Run = Callable[[], NDArray[np.float64]]
"""One pass over a workload: rewards, shape (responses,), in its order."""


@dataclass(frozen=True)
class Arm:
    """One way of scoring.

    Attributes:
        name: Short name.
        about: What it does, for the table.
        dtype: Of the weights.
        reads: Whether it starts from token ids or from texts.
        bind: Makes what can be made beforehand for a workload, and gives the pass.
        shapes: The batches of its last pass; ``None`` where they are not known.
        read_rows_only: See ``ForwardCost.executed``.
    """

    name: str
    about: str
    dtype: torch.dtype
    reads: Literal["ids", "text"]
    bind: Callable[[Workload], Run]
    shapes: Callable[[Workload], tuple[BatchShape, ...]] | None = None
    read_rows_only: int = 0


@dataclass(frozen=True)
class Subject:
    """The model that all arms score with.

    Attributes:
        model: A sequence classifier with one logit, in evaluation mode on ``device``.
        tokenizer: Its tokenizer.
        encoder: How conversations become its token ids.
        device: Where it runs.
        folder: Where it was loaded from; ``None`` where it was made on the spot.
    """

    model: Any
    tokenizer: Any
    encoder: Encoder
    device: torch.device
    folder: str | None = None

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the weights."""
        dtype: torch.dtype = self.model.dtype
        return dtype

    def twin(self) -> Any:
        """The model once more, on the same weights.

        Some arms set the attention or wrap the forward; that must not reach the others.
        """
        shared = {id(t): t for t in chain(self.model.parameters(), self.model.buffers())}
        return copy.deepcopy(self.model, shared)


def random_subject(config: PretrainedConfig, device: torch.device, dtype: torch.dtype) -> Subject:
    """A model of a given shape with seeded random weights, and the least tokenizer it needs.

    Args:
        config: Its configuration, with one label and a pad id of 0.
        device: Where its weights are drawn and stay.
        dtype: Of its weights.
    """
    torch.manual_seed(0)
    with device:
        model = AutoModelForSequenceClassification.from_config(config, dtype=dtype)
    words = Tokenizer(WordLevel({"[PAD]": 0, "</s>": 1}, unk_token="[PAD]"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", eos_token="</s>")
    encoder = build_encoder(tokenizer, config, chat_template="{{ messages }}")
    return Subject(model.eval(), tokenizer, encoder, device)


def padded(subject: Subject, batch: int) -> Arm:
    """Batches in the order of the data, as reward-model benchmarks run them."""

    def calls(workload: Workload) -> list[list[int]]:
        return data_order(workload, batch)

    return _hf(
        subject,
        f"hf-padded-{batch}",
        f"transformers, data order, {batch} a batch, right padding",
        calls,
    )


def by_length(subject: Subject, batch: int) -> Arm:
    """Batches of similar length."""

    def calls(workload: Workload) -> list[list[int]]:
        order = sorted(range(len(workload.rows)), key=lambda i: -len(workload.rows[i]))
        return _chunks(order, batch)

    return _hf(
        subject,
        f"hf-sorted-{batch}",
        f"transformers, sorted by length, {batch} a batch, right padding",
        calls,
    )


def unbatched(subject: Subject) -> Arm:
    """One sequence a call: nothing is padded, nothing is masked."""
    return _hf(
        subject,
        "hf-unbatched",
        "transformers, one sequence a call",
        lambda workload: [[i] for i in range(len(workload.rows))],
    )


def data_order(workload: Workload, batch: int) -> list[list[int]]:
    """Positions of the responses in each call.

    Of pairs, the chosen responses of ``batch`` pairs are one call and the rejected ones
    the next, as in RewardBench's pipeline and RM-Bench's, which goes over its data once for
    each of three pairs a prompt. Where a response would be in several pairs, responses
    stand in their own order, as in RewardBench 2.
    """
    if not workload.in_one_pair_each:
        return _chunks(range(len(workload.rows)), batch)
    return [
        list(side) for pairs in _chunks(workload.pairs, batch) for side in zip(*pairs, strict=True)
    ]


def ours(subject: Subject, attention: Attention, *, compiled: bool = False) -> Arm:
    """rmbench's engine from token ids."""
    engine = _engine(subject, attention, compiled=compiled)

    def bind(workload: Workload) -> Run:
        return lambda: engine.score_rows(workload.rows, workload.prompts)

    name = f"ours-{attention}" + ("-compiled" if compiled else "")
    about = {
        "padded": "rmbench, sorted by length, padded to a token budget",
        "packed": "rmbench, packed without padding",
        "shared": "rmbench, packed, every prompt computed once",
    }[attention] + (", torch.compile" if compiled else "")
    return Arm(
        name,
        about,
        subject.dtype,
        "ids",
        bind,
        lambda _: engine.shapes,
        engine.executor.read_rows_only,
    )


def ours_from_text(subject: Subject) -> Arm:
    """rmbench's engine from conversations, as ``rmbench run`` calls it."""
    engine = _engine(subject, "auto")

    def bind(workload: Workload) -> Run:
        return lambda: engine.score(workload.conversations).reward

    return Arm(
        "ours-text",
        "rmbench from texts, its own choice of path",
        subject.dtype,
        "text",
        bind,
        lambda _: engine.shapes,
        engine.executor.read_rows_only,
    )


def _engine(subject: Subject, attention: Attention, *, compiled: bool = False) -> Engine:
    options = EngineOptions(
        device=str(subject.device), attention=attention, compiled=compiled, progress=False
    )
    return Engine(subject.twin(), subject.encoder, Head(0), options)


def _hf(
    subject: Subject, name: str, about: str, calls: Callable[[Workload], list[list[int]]]
) -> Arm:
    model = subject.twin()
    decoder = hasattr(model, "score")

    @torch.inference_mode()
    def score(workload: Workload, batches: Sequence[list[int]]) -> NDArray[np.float64]:
        reward = np.empty(len(workload.rows))
        # Read back at the end, so that no call waits for the one before.
        logits = [
            model(**_inputs([workload.rows[i] for i in batch], subject, decoder)).logits
            for batch in batches
        ]
        for batch, values in zip(batches, logits, strict=True):
            reward[batch] = values[:, 0].float().cpu().numpy()
        return reward

    def bind(workload: Workload) -> Run:
        batches = calls(workload)
        return lambda: score(workload, batches)

    def shapes(workload: Workload) -> tuple[BatchShape, ...]:
        return tuple(
            BatchShape.of_padded(len(workload.rows[i]) for i in batch) for batch in calls(workload)
        )

    return Arm(name, about, subject.dtype, "ids", bind, shapes)


def _inputs(rows: Sequence[Encoded], subject: Subject, decoder: bool) -> dict[str, Any]:
    ids = [torch.tensor(r.input_ids) for r in rows]
    pad = subject.model.config.pad_token_id
    inputs: dict[str, Any] = {"input_ids": pad_sequence(ids, batch_first=True, padding_value=pad)}
    if len(rows) > 1:
        ones = [torch.ones_like(i) for i in ids]
        inputs["attention_mask"] = pad_sequence(ones, batch_first=True)
    if rows[0].token_type_ids is not None:
        types = [torch.tensor(r.token_type_ids) for r in rows]
        inputs["token_type_ids"] = pad_sequence(types, batch_first=True)
    inputs = {name: value.to(subject.device) for name, value in inputs.items()}
    if decoder:
        inputs["use_cache"] = False
    return inputs


def _chunks(items: Sequence[Any], size: int) -> list[list[Any]]:
    return [list(items[i : i + size]) for i in range(0, len(items), size)]
