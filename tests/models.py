"""Tiny models with random weights, made on the spot, and sequences for them to score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rmbench.engine.encode import Encoded
from rmbench.types import Conversation

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }} {{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|> {% endif %}"
)

_WORDS = (
    "the a of to and in is it you that he was for on are with as his they be at one have this from "
    "or had by hot but some what there we can out other were all your when up use word how said an "
    "each she which do their time if will way about many then them would write like so these her "
    "long make thing see him two has look more day could go come did my sound no most number who "
    "over know water than call first people may down side been now find hi yes question answer"
).split()


def _tokenizer(specials: list[str]) -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    vocabulary = {t: i for i, t in enumerate([*specials, *_WORDS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    return tokenizer


def tiny_bert(folder: Path, *, num_labels: int = 1, seed: int = 0, with_head: bool = True) -> Path:
    """A two-layer BERT with a sentence-pair tokenizer, saved to ``folder``."""
    import torch
    from tokenizers.processors import TemplateProcessing
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        BertModel,
        PreTrainedTokenizerFast,
    )

    raw = _tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    raw.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )  # fmt: skip
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=64, num_labels=num_labels, pad_token_id=0,
        initializer_range=0.3,
    )  # fmt: skip
    model = BertForSequenceClassification(config) if with_head else BertModel(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_llama(
    folder: Path,
    *,
    num_labels: int = 1,
    seed: int = 0,
    pad_token: str | None = "[PAD]",
    chat_template: str | None = CHAT_TEMPLATE,
) -> Path:
    """A two-layer Llama with a chat template, saved to ``folder``."""
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification, PreTrainedTokenizerFast

    specials = [
        "[PAD]",
        "[UNK]",
        "<s>",
        "</s>",
        "<|system|>",
        "<|user|>",
        "<|assistant|>",
        "<|tool|>",
    ]
    raw = _tokenizer(specials)
    from tokenizers import AddedToken

    raw.add_special_tokens([AddedToken(t, special=True) for t in specials])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token=pad_token, unk_token="[UNK]", bos_token="<s>",
        eos_token="</s>",
    )  # fmt: skip
    tokenizer.chat_template = chat_template
    torch.manual_seed(seed)
    pad_id = None if pad_token is None else tokenizer.convert_tokens_to_ids(pad_token)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, intermediate_size=64, max_position_embeddings=64,
        num_labels=num_labels, pad_token_id=pad_id, bos_token_id=2, eos_token_id=3,
        initializer_range=0.3,
    )  # fmt: skip
    LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


# What sets a family's tiny model apart from the others: heads that share keys where the family
# has them, windows far narrower than the tests' sequences.
_GROUPED: dict[str, Any] = {"num_key_value_heads": 2}
_GEMMA: dict[str, Any] = {**_GROUPED, "head_dim": 16, "query_pre_attn_scalar": 16}
_WINDOWS: dict[str, Any] = {
    "sliding_window": 24,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
}
_MODERNBERT: dict[str, Any] = {"local_attention": 24, "cls_token_id": 2, "sep_token_id": 3}

DECODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", _GROUPED),
    "qwen2": ("qwen2", _GROUPED),
    "qwen2 with windows": ("qwen2", {**_GROUPED, **_WINDOWS, "use_sliding_window": True}),
    "qwen3": ("qwen3", {**_GROUPED, "head_dim": 16}),
    "mistral": ("mistral", {**_GROUPED, "head_dim": 16, "sliding_window": 24}),
    "gemma": ("gemma", {"num_key_value_heads": 1, "head_dim": 16}),
    "gemma2": ("gemma2", {**_GEMMA, **_WINDOWS, "attn_logit_softcapping": None}),
    "gemma3_text": ("gemma3_text", {**_GEMMA, **_WINDOWS}),
    "phi3": ("phi3", {**_GROUPED, "sliding_window": 24}),
    "gpt_neox": ("gpt_neox", {}),
}
"""Tiny decoders that share prompts: model type, and settings of its configuration."""

ENCODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("bert", {}),
    "roberta": ("roberta", {"type_vocab_size": 1}),
    "xlm-roberta": ("xlm-roberta", {"type_vocab_size": 1}),
    "electra": ("electra", {"embedding_size": 32}),
    "distilbert": ("distilbert", {"dim": 64, "n_layers": 3, "n_heads": 4, "hidden_dim": 128}),
    "modernbert": ("modernbert", {**_MODERNBERT, "classifier_pooling": "cls"}),
    "modernbert with the mean": ("modernbert", {**_MODERNBERT, "classifier_pooling": "mean"}),
}
"""Tiny encoders that are packed: model type, and settings of its configuration."""

PADDED_ONLY: dict[str, tuple[str, dict[str, Any]]] = {
    "deberta-v2": (
        "deberta-v2",
        {
            "type_vocab_size": 0, "relative_attention": True, "pos_att_type": ["p2c", "c2p"],
            "position_buckets": 32, "share_att_key": True, "norm_rel_ebd": "layer_norm",
        },
    ),
    # Capped so low that it shows in the scores.
    "gemma2 with soft-capping": ("gemma2", {**_GEMMA, **_WINDOWS, "attn_logit_softcapping": 2.0}),
    "phi3 with LongRoPE": (
        "phi3",
        {
            **_GROUPED,
            "rope_parameters": {
                "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 8,
                "long_factor": [1.0 + i / 2 for i in range(8)],
            },
            "original_max_position_embeddings": 100,
        },
    ),
}  # fmt: skip
"""Tiny models that cannot run in packed batches: model type, and settings."""

FAMILIES = DECODERS | ENCODERS | PADDED_ONLY

VOCABULARY = 120
LONGEST = 640
PAD = 1


def tiny_model(name: str, *, seed: int = 0, **settings: Any) -> Any:
    """A three-layer sequence classifier with random float32 weights, as yet on no disk.

    Args:
        name: An entry of ``FAMILIES``.
        seed: Of the weights.
        **settings: Of the configuration, over those of the family.
    """
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    kind, own = FAMILIES[name]
    # The weights are large enough for attention to decide over the scores, and small enough
    # for the scores to be well conditioned.
    config = AutoConfig.for_model(
        kind,
        **{
            "vocab_size": VOCABULARY, "hidden_size": 64, "num_hidden_layers": 3,
            "num_attention_heads": 4, "intermediate_size": 128,
            "max_position_embeddings": LONGEST, "num_labels": 1, "pad_token_id": PAD,
            "bos_token_id": 2, "eos_token_id": 3, "initializer_range": 0.15,
            **own, **settings,
        },
    )  # fmt: skip
    torch.manual_seed(seed)
    return AutoModelForSequenceClassification.from_config(config).eval()


def random_rows(model: Any, seed: int = 0) -> tuple[list[Encoded], list[int]]:
    """Twenty-five different sequences of up to 600 tokens, and the prompt each one answers.

    Groups of one to six responses to prompts of 3 to 300 tokens, among them responses of one
    token, responses that continue each other, that begin alike, that change the prompt's last
    token, and one of nothing but pad tokens.
    """
    rng = np.random.default_rng(seed)

    def ids(n: int) -> tuple[int, ...]:
        return tuple(rng.integers(VOCABULARY, size=n).tolist())

    def response() -> tuple[int, ...]:
        return ids(int(np.exp(rng.uniform(0, np.log(300)))))

    answered = [(ids(n), [response() for _ in range(k)]) for n, k in _PLAIN_GROUPS]
    long = ids(90)
    answered.append((ids(120), [long, long[:1], long[:50]]))
    answered.append((ids(60), [(7,), (8,)]))
    alike = ids(20)
    answered.append((ids(25), [alike + response(), alike + response()]))
    answered.append((ids(9), [(PAD,) * 4, response()]))
    rows = [(prompt, answer) for prompt, answers in answered for answer in answers]
    prompts = [i for i, (_, answers) in enumerate(answered) for _ in answers]
    # What a tokenizer does that merges the prompt's end with the response's beginning.
    common = ids(30)
    rows += [((*common, 5), response()), ((*common, 6), response())]
    prompts += [len(answered)] * 2
    typed = getattr(model.config, "type_vocab_size", 0) == 2
    encoded = [Encoded(p + r, (0,) * len(p) + (1,) * len(r) if typed else None) for p, r in rows]
    return encoded, prompts


_PLAIN_GROUPS = ((3, 1), (300, 2), (40, 4), (17, 6), (5, 1))


def unbatched_rewards(model: Any, rows: Sequence[Encoded]) -> NDArray[np.float64]:
    """The reference: plain ``transformers``, one sequence at a time, nothing padded."""
    import torch

    rewards = []
    with torch.inference_mode():
        for row in rows:
            inputs = {"input_ids": torch.tensor([row.input_ids])}
            if row.token_type_ids is not None:
                inputs["token_type_ids"] = torch.tensor([row.token_type_ids])
            rewards.append(model(**inputs).logits[0, 0].item())
    return np.array(rewards)


class StubEncoder:
    """Stands where an engine wants an encoder, for models that have no tokenizer.

    Args:
        encode: What it does with conversations.
    """

    max_length = None
    record: ClassVar[dict[str, Any]] = {}

    def __init__(self, encode: Callable[[Sequence[Conversation]], list[Encoded]]) -> None:
        self.encode = encode


def stub_engine(
    model: Any, encode: Callable[[Sequence[Conversation]], list[Encoded]] | None = None
) -> Any:
    """An engine on the CPU around a model that has no tokenizer."""
    from rmbench.engine.forward import Head
    from rmbench.engine.options import EngineOptions
    from rmbench.engine.scoring import Engine

    def refuse(_: Sequence[Conversation]) -> list[Encoded]:
        raise AssertionError("only encoded rows are scored here")

    encoder: Any = StubEncoder(encode or refuse)
    return Engine(model, encoder, Head(0), EngineOptions(device="cpu", progress=False))
