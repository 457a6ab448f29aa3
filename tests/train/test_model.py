from __future__ import annotations

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    GPT2Config,
    LlamaConfig,
    ModernBertConfig,
    OPTConfig,
    PreTrainedTokenizerFast,
    T5Config,
)

from rmbench.errors import TrainingError
from rmbench.train.model import (
    default_micro_batch_tokens,
    disable_dropout,
    ensure_pad_token,
    initialise_new_weights,
    tokens_in_memory,
)

_SMALL = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "num_labels": 1,
    "pad_token_id": 0,
}
_FAMILIES = {
    "bert": lambda: BertConfig(**_SMALL, hidden_dropout_prob=0.5, classifier_dropout=0.5),
    "deberta-v2": lambda: DebertaV2Config(**_SMALL, hidden_dropout_prob=0.5, pooler_dropout=0.5),
    "modernbert": lambda: ModernBertConfig(
        **_SMALL,
        attention_dropout=0.5,
        embedding_dropout=0.5,
        mlp_dropout=0.5,
        classifier_dropout=0.5,
        cls_token_id=1,
        sep_token_id=2,
        bos_token_id=1,
        eos_token_id=2,
    ),
    "distilbert": lambda: DistilBertConfig(
        vocab_size=50, dim=16, n_layers=2, n_heads=2, hidden_dim=32, num_labels=1, dropout=0.5
    ),
    "llama": lambda: LlamaConfig(**_SMALL, attention_dropout=0.5),
    "gpt2": lambda: GPT2Config(
        vocab_size=50, n_embd=16, n_layer=2, n_head=2, num_labels=1, pad_token_id=0, resid_pdrop=0.5
    ),
    "opt": lambda: OPTConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, ffn_dim=32,
        word_embed_proj_dim=16, num_labels=1, dropout=0.5, layerdrop=0.5,
    ),
    "t5": lambda: T5Config(
        vocab_size=50, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, num_labels=1,
        dropout_rate=0.5, classifier_dropout=0.5, eos_token_id=2, decoder_start_token_id=0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", _FAMILIES)
def test_without_dropout_training_mode_is_one_function(family: str) -> None:
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(_FAMILIES[family]())
    initialise_new_weights(model, dict(model.named_parameters()), seed=1)
    model.train()
    ids = torch.tensor([[5, 6, 7, 8, 2], [9, 10, 11, 12, 2]])

    def logits() -> torch.Tensor:
        with torch.no_grad():
            return model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits

    assert not torch.equal(logits(), logits()), "the model has no dropout to begin with"
    disable_dropout(model)
    assert torch.equal(logits(), logits())
    left = {
        name: value
        for name, value in model.config.to_dict().items()
        if ("drop" in name) and isinstance(value, float) and value
    }
    assert left == {}


def test_new_weights_depend_on_the_seed_alone() -> None:
    def head(seed: int, disturb: int) -> torch.Tensor:
        torch.manual_seed(disturb)
        model = AutoModelForSequenceClassification.from_config(_FAMILIES["bert"]())
        initialise_new_weights(model, ["classifier.weight", "classifier.bias"], seed=seed)
        assert model.classifier.bias.tolist() == [0.0]
        return model.classifier.weight.detach()

    assert torch.equal(head(seed=3, disturb=1), head(seed=3, disturb=2))
    assert not torch.equal(head(seed=3, disturb=1), head(seed=4, disturb=1))


def test_new_weights_have_the_configured_spread() -> None:
    config = BertConfig(**_SMALL | {"hidden_size": 256}, initializer_range=0.05)
    model = AutoModelForSequenceClassification.from_config(config)
    before = model.bert.encoder.layer[0].output.dense.weight.clone()
    names = ["bert.pooler.dense.weight", "bert.encoder.layer.1.output.LayerNorm.weight"]
    initialise_new_weights(model, names, seed=0)
    pooler = model.bert.pooler.dense.weight
    assert pooler.std().item() == pytest.approx(0.05, rel=0.02)
    assert pooler.mean().item() == pytest.approx(0.0, abs=0.001)
    assert torch.all(model.bert.encoder.layer[1].output.LayerNorm.weight == 1)
    assert torch.equal(model.bert.encoder.layer[0].output.dense.weight, before)


def test_an_unknown_weight_is_an_error() -> None:
    model = AutoModelForSequenceClassification.from_config(_FAMILIES["llama"]())
    with pytest.raises(TrainingError, match=r"no parameter 'head\.weight'"):
        initialise_new_weights(model, ["head.weight"], seed=0)


def _tokenizer(**special: str) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, models

    vocabulary = {"a": 0, "<eos>": 1, "<pad>": 2}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(vocabulary, unk_token="a")),
        **special,
    )


def test_padding_is_the_tokenizers_own_else_its_end_token() -> None:
    model = AutoModelForSequenceClassification.from_config(_FAMILIES["llama"]())
    ensure_pad_token(model, _tokenizer(eos_token="<eos>", pad_token="<pad>"))
    assert model.config.pad_token_id == 2
    tokenizer = _tokenizer(eos_token="<eos>")
    ensure_pad_token(model, tokenizer)
    assert model.config.pad_token_id == tokenizer.pad_token_id == 1
    with pytest.raises(TrainingError, match="neither a padding nor an end-of-sequence"):
        ensure_pad_token(model, _tokenizer())


def test_tokens_of_a_forward_fit_the_memory() -> None:
    model = AutoModelForSequenceClassification.from_config(
        BertConfig(
            **_SMALL | {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 6}
        )
    )
    # 100 bytes * 384 * 6 = 230,400 per token
    assert tokens_in_memory(model, 10 * 230_400) == 10
    # checkpointed: 4 bytes * 384 * 6 for the layers' inputs and 100 * 384 for one layer
    assert tokens_in_memory(model, 10 * (9_216 + 38_400), checkpointing=True) == 10
    assert tokens_in_memory(model, 1) == 1
    assert tokens_in_memory(model, 1e15) == 65_536
    assert default_micro_batch_tokens(model, torch.device("cpu")) > 0
