"""Shapes of models whose weights are drawn at random: how fast they run does not depend on them."""

from __future__ import annotations

from transformers import LlamaConfig, PretrainedConfig, Qwen2Config

SHAPES: dict[str, PretrainedConfig] = {
    "llama-3.1-8b": LlamaConfig(
        vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32,
        num_attention_heads=32, num_key_value_heads=8, max_position_embeddings=8192,
        num_labels=1, pad_token_id=0,
    ),
    "qwen2.5-0.5b": Qwen2Config(
        vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24,
        num_attention_heads=14, num_key_value_heads=2, max_position_embeddings=8192,
        num_labels=1, pad_token_id=0,
    ),
}  # fmt: skip
