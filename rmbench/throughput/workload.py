"""A fixed workload: the same conversations for every model and every machine."""

from __future__ import annotations

import random

from rmbench.spec import ThroughputSuite
from rmbench.types import Message, PreferenceExample

# Common English words of one to three syllables: tokenizers of any family cut them into
# few tokens, so the word counts of the suite file carry over.
_WORDS = (
    "the of and to in is that for on with as at by from this have not are but all when there "
    "can more out other which their time will way about many then them write would like these "
    "long make thing see him two has look more day could go come did number sound most people "
    "over know water than call first who may down side been now find any new work part take get "
    "place made live where after back little only round man year came show every good give our "
    "under name very through just form much great think say help low line before turn cause same "
    "mean differ move right boy old too does tell sentence set three want air well also play "
    "small end put home read hand port large spell add even land here must big high such follow "
    "act why ask men change went light kind off need house picture try us again animal point"
).split()


def build_workload(suite: ThroughputSuite) -> tuple[PreferenceExample, ...]:
    """Make the suite's prompts, with two answers each.

    Lengths are uniform between the suite's bounds, in words; the same suite gives the
    same texts on every machine.
    """
    rng = random.Random(suite.seed)  # noqa: S311 - a workload, not a secret

    def text(bounds: tuple[int, int]) -> str:
        return " ".join(rng.choice(_WORDS) for _ in range(rng.randint(*bounds)))

    return tuple(
        PreferenceExample(
            id=f"throughput/{i}",
            prompt=(Message("user", text(suite.prompt_words)),),
            chosen=(text(suite.response_words),),
            rejected=(text(suite.response_words),),
            group=str(i),
        )
        for i in range(suite.prompts)
    )
