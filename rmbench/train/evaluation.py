"""The final model on what was held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rmbench.train.checkpointing import Checkpointing
from rmbench.train.pairs import EncodedExample
from rmbench.train.prepare import Prepared
from rmbench.train.record import EvalMetrics


def final_metrics(
    trainer: Checkpointing, run: Prepared, step: int, report: Callable[[str], None]
) -> tuple[EvalMetrics | None, dict[str, EvalMetrics]]:
    """Metrics of the weights the trainer has now: on the dev split, and on each source.

    Args:
        trainer: Has the final weights.
        run: Says what is held out.
        step: Whose weights they are; what was measured after it while training is not
            measured again.
        report: Told what is being measured.
    """
    log = trainer.state.log_history
    known = next((e for e in reversed(log) if e["step"] == step and "eval_loss" in e), None)

    def measure(name: str, examples: Sequence[EncodedExample]) -> EvalMetrics:
        metrics: dict[str, float] | None = known if examples == run.selection else None
        if metrics is None:
            report(f"measuring {name}: {len(examples):,} examples")
            metrics = trainer.evaluate_examples(examples)
        return _described(examples, metrics)

    dev = None
    if run.dev is not None and run.selection is not None:
        dev = measure("dev split", run.selection)
    return dev, {h.record.source: measure(h.record.source, h.examples) for h in run.held_out}


def pooled(parts: Sequence[EvalMetrics]) -> EvalMetrics | None:
    """Metrics over the examples of all parts; ``None`` without any.

    Means weigh by examples, as each part's own do, that of the accuracy by the decided ones.
    """
    if not parts:
        return None
    n = sum(p.examples for p in parts)
    decided = sum(p.decided for p in parts)
    right = sum(p.accuracy * p.decided for p in parts if p.accuracy is not None)
    return EvalMetrics(
        examples=n,
        decided=decided,
        pairs=sum(p.pairs for p in parts),
        loss=sum(p.loss * p.examples for p in parts) / n,
        accuracy=right / decided if decided else None,
        margin=sum(p.margin * p.examples for p in parts) / n,
    )


def _described(examples: Sequence[EncodedExample], metrics: Mapping[str, float]) -> EvalMetrics:
    return EvalMetrics(
        examples=len(examples),
        decided=sum(e.preference != 0.5 for e in examples),
        pairs=sum(e.pairs for e in examples),
        loss=metrics["eval_loss"],
        accuracy=metrics.get("eval_accuracy"),
        margin=metrics["eval_margin"],
    )
