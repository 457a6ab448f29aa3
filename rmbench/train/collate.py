"""Examples to the tensors of one forward: packed where the model can be, else padded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rmbench.engine.attention import PackedLayout, build_layout
from rmbench.engine.batch import Positions, ScorePosition, pack, score_index
from rmbench.engine.capability import Attention, Capability, choose_path
from rmbench.engine.encode import Encoded, first_position
from rmbench.engine.plan import plan_groups
from rmbench.train.pairs import EncodedExample, EncodedText

_CPU = torch.device("cpu")
# An example is never parted: its loss needs the rewards of all its answers.
_NO_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What the base model reads in one go, and which hidden states the head then reads.

    Attributes:
        input_ids: int64, shape (1, tokens) where packed, (rows, width) where padded.
        position_ids: int64, shape (1, tokens); ``None`` where padded.
        token_type_ids: int64, shape of ``input_ids``, where the texts have them.
        attention_mask: int64, shape of ``input_ids``, where padded and needed.
        layout: Which rows attend to which; ``None`` where padded.
        read: int64, shape (n,): the hidden states the head reads, counted through all of
            ``input_ids``; ``None`` for a head that is called with the model.
        lengths: int64, shape (rows,): how many neighbours in ``read`` are averaged into one
            reward's hidden state; ``None`` where each is one by itself.
    """

    input_ids: Tensor
    position_ids: Tensor | None
    token_type_ids: Tensor | None
    attention_mask: Tensor | None
    layout: PackedLayout | None
    read: Tensor | None
    lengths: Tensor | None

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same with its tensors changed, but for the layout's segments, read on the CPU."""
        changed = _changed(self, change)
        if self.layout is not None:
            kv_index = self.layout.kv_index
            changed["layout"] = self.layout._replace(
                cu_q=change(self.layout.cu_q),
                cu_k=change(self.layout.cu_k),
                kv_index=None if kv_index is None else change(kv_index),
            )
        return replace(self, **changed)


@dataclass(frozen=True, slots=True, eq=False)
class MicroBatch:
    """The examples of one forward.

    Rewards come in the order of the rows of all ``parts``; the pairs say which of them are
    compared, those of one example standing together.

    Attributes:
        parts: What the base model reads, almost always in one part.
        ids: Of the examples, n of them.
        positions: int64, shape (n,), on the CPU: where the examples stand in their data set.
        chosen: int64, shape (pairs,): the reward of each pair's chosen answer.
        rejected: int64, shape (pairs,): that of its rejected answer.
        example: int64, shape (pairs,): the example a pair belongs to, below n.
        share: float32, shape (pairs,): the pair's weight in its example's loss; they add up
            to 1 for each example, or to 0 where the batch is spare.
        preference: float32, shape (pairs,); ``None`` where all are 1.
        margin: float32, shape (pairs,); ``None`` where none is asked for.
        spare: Whether the examples only fill the batch.
        tokens: Tokens that are computed, padding included.
        text_tokens: Tokens of all texts, the prompt counted with every answer.
    """

    parts: tuple[Rows, ...]
    ids: tuple[str, ...]
    positions: Tensor
    chosen: Tensor
    rejected: Tensor
    example: Tensor
    share: Tensor
    preference: Tensor | None
    margin: Tensor | None
    spare: bool
    tokens: int
    text_tokens: int

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        return self._map(lambda t: t.to(device, non_blocking=True))

    def pin_memory(self) -> Self:
        """The same in page-locked memory; ``torch.utils.data.DataLoader`` calls it."""
        return self._map(Tensor.pin_memory)

    def _map(self, change: Callable[[Tensor], Tensor]) -> Self:
        changed = _changed(self, change) | {"positions": self.positions}
        return replace(self, parts=tuple(p.map(change) for p in self.parts), **changed)


@dataclass(frozen=True)
class PairCollator:
    """Makes the tensors of one forward for one model.

    Attributes:
        capability: Which path the model takes through the engine.
        positions: How it numbers tokens.
        pad_token_id: Its pad id: what padded rows are filled with (0 where it has none), and
            what decoders step over when they look for the token to score.
        position: Which token a decoder's reward is read from.
    """

    capability: Capability
    positions: Positions = field(default_factory=Positions)
    pad_token_id: int | None = None
    position: ScorePosition = "hf"

    @classmethod
    def for_model(
        cls, model: Any, attention: Attention = "auto", *, position: ScorePosition = "hf"
    ) -> PairCollator:
        """The collator of a sequence classifier.

        Raises:
            UsageError: If the model cannot take the path asked for.
        """
        config = model.config
        text = config.get_text_config() if hasattr(config, "get_text_config") else config
        pad: int | None = getattr(text, "pad_token_id", None)
        first = first_position(text)
        return cls(
            choose_path(model, attention), Positions(first, pad if first else None), pad, position
        )

    def cost(self, example: EncodedExample) -> int:
        """Tokens that are computed for an example by itself."""
        if self.capability.path == "padded":
            return len(example.texts) * example.longest
        tokens = sum(len(t) for t in example.texts)
        if self.capability.path == "packed":
            return tokens
        return tokens - _shared(example.texts) * (len(example.texts) - 1)

    def __call__(
        self,
        examples: Sequence[EncodedExample],
        positions: Sequence[int] | None = None,
        *,
        spare: bool = False,
    ) -> MicroBatch:
        """Make one batch.

        Args:
            examples: At least one.
            positions: Where they stand in their data set; 0, 1, 2, ... unless given.
            spare: Whether they only fill the batch and weigh nothing.

        Raises:
            ValueError: If there are no examples, or only some texts have token types.
        """
        if not examples:
            raise ValueError("a batch needs at least one example")
        texts = [t for e in examples for t in e.texts]
        if len({t.token_type_ids is None for t in texts}) > 1:
            raise ValueError("either all texts of a batch have token types or none has")
        if self.capability.path == "padded":
            parts, order = self._padded(texts)
        else:
            owners = [i for i, e in enumerate(examples) for _ in e.texts]
            parts, order = self._packed(texts, owners)
        # Which reward is that of the k-th text.
        place = np.empty(len(texts), np.int64)
        place[order] = np.arange(len(texts))
        return MicroBatch(
            parts=parts,
            ids=tuple(e.id for e in examples),
            positions=torch.tensor(
                range(len(examples)) if positions is None else positions, dtype=torch.int64
            ),
            spare=spare,
            tokens=sum(p.input_ids.numel() for p in parts),
            text_tokens=sum(len(t) for t in texts),
            **_pair_table(examples, place, spare=spare),
        )

    def _packed(
        self, texts: Sequence[EncodedText], owners: Sequence[int]
    ) -> tuple[tuple[Rows, ...], NDArray[np.int64]]:
        rows = [_encoded(t) for t in texts]
        groups = plan_groups(
            [r.input_ids for r in rows], owners, _NO_LIMIT, share=self.capability.path == "shared"
        )
        batch = pack(
            groups,
            rows,
            positions=self.positions,
            pad_token_id=self.pad_token_id,
            position=self.position,
        )
        reads = self.capability.reads
        lengths, read = None, None
        if reads == "mean":
            lengths = torch.from_numpy(batch.segments[:, 1] - batch.segments[:, 0])
            read = torch.arange(len(batch.input_ids))
        else:
            at = batch.scored if reads == "scored token" else batch.segments[:, 0]
            read = torch.from_numpy(np.ascontiguousarray(at))
        packed = Rows(
            input_ids=torch.from_numpy(batch.input_ids).unsqueeze(0),
            position_ids=torch.from_numpy(batch.position_ids).unsqueeze(0),
            token_type_ids=None
            if batch.token_type_ids is None
            else torch.from_numpy(batch.token_type_ids).unsqueeze(0),
            attention_mask=None,
            layout=build_layout(batch.segments, _CPU),
            read=read,
            lengths=lengths,
        )
        return (packed,), batch.rows

    def _padded(self, texts: Sequence[EncodedText]) -> tuple[tuple[Rows, ...], NDArray[np.int64]]:
        limit = self.capability.length_break
        members = np.arange(len(texts))
        long = np.array([limit is not None and len(t) > limit for t in texts])
        # Rows that the model would compute otherwise beside longer ones stay apart.
        sides = [side for side in (members[long], members[~long]) if len(side)]
        return tuple(self._right_padded([texts[i] for i in s]) for s in sides), np.concatenate(
            sides
        )

    def _right_padded(self, texts: Sequence[EncodedText]) -> Rows:
        width = max(len(t) for t in texts)
        fill = self.pad_token_id if self.pad_token_id is not None else 0
        lengths = np.array([len(t) for t in texts], np.int64)
        starts = np.arange(len(texts), dtype=np.int64) * width
        reads = self.capability.reads
        read: NDArray[np.int64] | None = None
        if reads == "mean":
            read = np.concatenate(
                [np.arange(s, s + n) for s, n in zip(starts, lengths, strict=True)]
            )
        elif reads == "scored token":
            scored = [score_index(_encoded(t), self.pad_token_id, self.position) for t in texts]
            read = starts + np.array(scored, np.int64)
        elif reads == "first token":
            read = starts
        types = [t.token_type_ids for t in texts if t.token_type_ids is not None]
        mask = None
        if self.capability.needs_mask or reads is None:
            mask = _right_filled([np.ones(len(t), np.int8) for t in texts], width, 0)
        return Rows(
            input_ids=_right_filled([t.input_ids for t in texts], width, fill),
            position_ids=None,
            token_type_ids=_right_filled(types, width, 0) if types else None,
            attention_mask=mask,
            layout=None,
            read=None if read is None else torch.from_numpy(read),
            lengths=torch.from_numpy(lengths) if reads == "mean" else None,
        )


def _changed(batch: Rows | MicroBatch, change: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    values = {f.name: getattr(batch, f.name) for f in fields(batch)}
    return {name: change(v) for name, v in values.items() if isinstance(v, Tensor)}


def _pair_table(
    examples: Sequence[EncodedExample], place: NDArray[np.int64], *, spare: bool
) -> dict[str, Any]:
    chosen, rejected, owner, share = [], [], [], []
    first = 0
    for i, e in enumerate(examples):
        middle, end = first + len(e.chosen), first + len(e.texts)
        for c in range(first, middle):
            for r in range(middle, end):
                chosen.append(place[c])
                rejected.append(place[r])
                owner.append(i)
                share.append(0.0 if spare else 1.0 / e.pairs)
        first = end
    preference = np.array([e.preference for e in examples], np.float32)
    margin = np.array([e.margin or 0.0 for e in examples], np.float32)
    return {
        "chosen": torch.tensor(np.array(chosen, np.int64)),
        "rejected": torch.tensor(np.array(rejected, np.int64)),
        "example": torch.tensor(owner, dtype=torch.int64),
        "share": torch.tensor(share, dtype=torch.float32),
        "preference": None if (preference == 1).all() else torch.from_numpy(preference[owner]),
        "margin": None
        if all(e.margin is None for e in examples)
        else torch.from_numpy(margin[owner]),
    }


def _shared(texts: Sequence[EncodedText]) -> int:
    """What ``rmbench.engine.plan.common_prefix`` says, without making tuples."""
    shared = min(len(t) for t in texts) - 1
    first = texts[0].input_ids
    for other in texts[1:]:
        differ = np.flatnonzero(first[:shared] != other.input_ids[:shared])
        shared = int(differ[0]) if len(differ) else shared
    return shared


def _encoded(text: EncodedText) -> Encoded:
    types = text.token_type_ids
    return Encoded(tuple(text.input_ids.tolist()), None if types is None else tuple(types.tolist()))


def _right_filled(rows: Sequence[NDArray[np.signedinteger[Any]]], width: int, fill: int) -> Tensor:
    filled = np.full((len(rows), width), fill, dtype=np.int64)
    for i, row in enumerate(rows):
        filled[i, : len(row)] = row
    return torch.from_numpy(filled)
