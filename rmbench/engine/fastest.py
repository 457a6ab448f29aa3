"""How fast a model runs as it stands, for choosing between dtypes."""

from __future__ import annotations

import time

import numpy as np

from rmbench.engine.encode import Encoded
from rmbench.engine.scoring import Engine

_BATCHES = 2
_PROMPT_TOKENS = 192
_RESPONSE_TOKENS = 96


def tokens_per_s(engine: Engine) -> float:
    """Tokens per second over two batches of made-up pairs, after one to warm up.

    The pairs have the length of usual chat preferences and random token ids: how long a
    batch takes does not depend on which tokens stand in it.
    """
    config = engine.model.config.get_text_config()
    most = engine.encoder.max_length or _PROMPT_TOKENS + _RESPONSE_TOKENS
    response = min(_RESPONSE_TOKENS, max(1, most // 3))
    prompt = min(_PROMPT_TOKENS, most - response)
    pairs = max(1, engine.batch_tokens // (prompt + 2 * response))
    rng = np.random.default_rng(0)

    def batch() -> list[Encoded]:
        rows = []
        for _ in range(pairs):
            start = rng.integers(config.vocab_size, size=prompt).tolist()
            rows += [
                Encoded((*start, *rng.integers(config.vocab_size, size=response).tolist()))
                for _ in range(2)
            ]
        return rows

    prompts = [i // 2 for i in range(2 * pairs)]
    executor = engine.executor
    for _ in executor.run(batch(), prompts):
        pass
    batches = [batch() for _ in range(_BATCHES)]
    tokens = sum(len(row) for rows in batches for row in rows)
    start_s = time.perf_counter()
    for rows in batches:
        # Rewards are read back, so the device is done when the loop is.
        for _ in executor.run(rows, prompts):
            pass
    return tokens / (time.perf_counter() - start_s)
