"""Other libraries' ways of scoring the same responses with the same weights."""

from __future__ import annotations

from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.arms import Arm, Run, Subject
from benchmarks.workloads import Workload
from rmbench.engine.encode import join_turns
from rmbench.engine.tally import BatchShape


def pipeline(subject: Subject, batch: int) -> Arm:
    """``transformers.pipeline`` on the texts that the chat template gives.

    It is fed one string a response, in the order of the data, and adds no special token:
    the template wrote them all. That it reads the very token ids of the others is checked.
    """
    # Here, because it takes seconds to import and only this arm needs it.
    from transformers import pipeline as make_pipeline

    pipe = make_pipeline(
        "text-classification",
        model=subject.twin(),
        tokenizer=subject.tokenizer,
        device=subject.device,
    )

    def bind(workload: Workload) -> Run:
        texts = [
            subject.tokenizer.decode(r.input_ids, clean_up_tokenization_spaces=False)
            for r in workload.rows
        ]
        read = subject.tokenizer(texts, add_special_tokens=False)["input_ids"]
        _check_same_tokens("pipeline", workload, read)

        @torch.inference_mode()
        def run() -> NDArray[np.float64]:
            found = pipe(
                texts, batch_size=batch, function_to_apply="none", add_special_tokens=False
            )
            return np.array([f["score"] for f in found])

        return run

    def shapes(workload: Workload) -> tuple[BatchShape, ...]:
        lengths = [len(r) for r in workload.rows]
        return tuple(
            BatchShape.of_padded(lengths[i : i + batch]) for i in range(0, len(lengths), batch)
        )

    return Arm(
        f"pipeline-{batch}",
        f"transformers.pipeline from texts, data order, {batch} a batch",
        subject.dtype,
        "text",
        bind,
        shapes,
    )


def trl(subject: Subject, pairs: int) -> Arm:
    """TRL's ``RewardTrainer.evaluate`` on encoded pairs, with the loss and metrics it computes.

    A response in several pairs is computed in each of them: that is how TRL scores more
    than one rejected response.
    """
    # Here, because they take seconds to import and only this arm needs them.
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import RewardConfig, RewardTrainer

    def as_dataset(workload: Workload) -> Any:
        return Dataset.from_dict(
            {
                "chosen_ids": [list(workload.rows[c].input_ids) for c, _ in workload.pairs],
                "rejected_ids": [list(workload.rows[r].input_ids) for _, r in workload.pairs],
            }
        )

    # The trainer wants something to train on, and wraps the model in its first evaluation:
    # at once, since a trainer made later resets what accelerate knows of this one's dtype.
    token = subject.tokenizer.eos_token_id
    some = Dataset.from_dict({"chosen_ids": [[token, 9]], "rejected_ids": [[token, 8]]})
    with TemporaryDirectory() as folder:  # made by the trainer and never written to
        trainer = RewardTrainer(
            model=subject.twin(),
            args=RewardConfig(
                output_dir=folder,
                per_device_eval_batch_size=pairs,
                max_length=None,
                bf16=subject.dtype is torch.bfloat16,
                use_cpu=subject.device.type == "cpu",
                report_to="none",
                disable_tqdm=True,
            ),
            train_dataset=some,
            eval_dataset=some,
            processing_class=subject.tokenizer,
        )
    trainer.remove_callback(PrinterCallback)
    logits: list[torch.Tensor] = []
    # evaluate() gives means only; the hook keeps what each call returned.
    trainer.model.register_forward_hook(lambda _m, _i, out: logits.append(out.logits))
    trainer.evaluate()

    def bind(workload: Workload) -> Run:
        dataset = as_dataset(workload)

        def run() -> NDArray[np.float64]:
            logits.clear()
            trainer.evaluate(dataset)
            return _from_pairs(logits, workload, pairs)

        return run

    def shapes(workload: Workload) -> tuple[BatchShape, ...]:
        return tuple(
            BatchShape.of_padded(len(workload.rows[i]) for i in (*chosen, *rejected))
            for chosen, rejected in _sides(workload, pairs)
        )

    return Arm(
        f"trl-{pairs}",
        f"TRL RewardTrainer.evaluate, {pairs} pairs a batch",
        subject.dtype,
        "ids",
        bind,
        shapes,
    )


def cross_encoder(subject: Subject, batch: int) -> Arm:
    """sentence-transformers' ``CrossEncoder.predict`` on (prompt, response) texts.

    It sorts by characters and pads. That it reads the very token ids of the others is
    checked.
    """
    # Here, because it takes seconds to import and only this arm needs it.
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(
        subject.folder,
        num_labels=1,
        max_length=subject.encoder.max_length,
        device=str(subject.device),
        activation_fn=torch.nn.Identity(),
        model_kwargs={"dtype": subject.dtype},
    )

    def bind(workload: Workload) -> Run:
        texts = [(join_turns(c.prompt), c.response) for c in workload.conversations]
        read = model.tokenizer(
            [p for p, _ in texts],
            [r for _, r in texts],
            truncation=True,
            max_length=subject.encoder.max_length,
        )["input_ids"]
        _check_same_tokens("CrossEncoder", workload, read)

        def run() -> NDArray[np.float64]:
            found = model.predict(texts, batch_size=batch, show_progress_bar=False)
            return found.astype(np.float64)

        return run

    return Arm(
        f"crossencoder-{batch}",
        f"sentence-transformers CrossEncoder.predict from texts, {batch} a batch",
        subject.dtype,
        "text",
        bind,
    )


def _check_same_tokens(peer: str, workload: Workload, read: Sequence[Sequence[int]]) -> None:
    others = sum(tuple(ids) != row.input_ids for ids, row in zip(read, workload.rows, strict=True))
    if others:
        raise ValueError(f"{peer} reads other tokens in {others} of {len(read)} responses")


def _sides(workload: Workload, pairs: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return [
        (tuple(c for c, _ in batch), tuple(r for _, r in batch))
        for batch in (workload.pairs[i : i + pairs] for i in range(0, len(workload.pairs), pairs))
    ]


def _from_pairs(
    logits: Sequence[torch.Tensor], workload: Workload, pairs: int
) -> NDArray[np.float64]:
    """Rewards by response from TRL's batches, each its chosen and then its rejected rows."""
    reward = np.full(len(workload.rows), np.nan)
    for values, (chosen, rejected) in zip(logits, _sides(workload, pairs), strict=True):
        reward[[*chosen, *rejected]] = values[:, 0].float().cpu().numpy()
    return reward
