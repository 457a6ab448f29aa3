"""Tiny random models with tokenizers trained on the spot, and pairs that can be learned."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

COLOURS = ("red", "blue", "green", "black", "white", "brown", "pink", "grey")
ROWS: list[dict[str, Any]] = [
    {
        "id": f"pair-{i}",
        "suite": "colours",
        "subset": "colours",
        "prompt": [{"role": "user", "content": f"name the colour {colour} for me please"}],
        "chosen": [f"it is {colour}"],
        "rejected": [f"it is {COLOURS[i - 1]} or so they say"],
        "meta": {},
    }
    for i, colour in enumerate(COLOURS)
]
CHAT_TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} <eos> {% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)


def _word_level(specials: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    texts = [
        text
        for row in ROWS
        for text in (row["prompt"][0]["content"], *row["chosen"], *row["rejected"])
    ]
    tokenizer.train_from_iterator(
        texts, trainers.WordLevelTrainer(special_tokens=["[UNK]", *specials])
    )
    return tokenizer


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a BERT encoder without a head, with dropout, whose tokenizer joins pairs."""
    folder = tmp_path_factory.mktemp("tiny-bert")
    raw = _word_level(["[PAD]", "[CLS]", "[SEP]"])
    cls, sep = raw.token_to_id("[CLS]"), raw.token_to_id("[SEP]")
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", cls), ("[SEP]", sep)],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=tokenizer.pad_token_id,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a Llama language model with a chat template and no padding token."""
    folder = tmp_path_factory.mktemp("tiny-llama")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_word_level(["<eos>", "<user>", "<assistant>"]),
        unk_token="[UNK]",
        eos_token="<eos>",
        chat_template=CHAT_TEMPLATE,
    )
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        pad_token_id=None,
        attention_dropout=0.1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Eight normalised rows: the better answer names the colour asked for."""
    return deepcopy(ROWS)


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[[str, list[dict[str, Any]]], Path]:
    """Writes rows to a JSON Lines file of that name and returns its path."""

    def write(name: str, rows: list[dict[str, Any]]) -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture
def pairs_file(
    write_rows: Callable[[str, list[dict[str, Any]]], Path], rows: list[dict[str, Any]]
) -> Path:
    return write_rows("pairs.jsonl", rows)
