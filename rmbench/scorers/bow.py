"""A bag of words as a reward model: what can be had without reading what an answer says.

The reward of an answer is linear in the tf-idf of its words and pairs of neighbouring words,
and in the logarithm of its length; the prompt is not looked at. ``rmbench.train.bow`` fits it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator
from sklearn.feature_extraction.text import TfidfVectorizer

from rmbench.errors import ScorerError
from rmbench.metrics.arrays import FloatArray
from rmbench.result import ScorerInfo
from rmbench.types import Conversation, Message, ScoredBatch

FORMAT: Literal["rmbench bag of words"] = "rmbench bag of words"
_HEAD = f'{{"format":"{FORMAT}"'.encode()


class BowSource(BaseModel):
    """Preferences a bag of words has learnt from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    fingerprint: str = Field(description="SHA-256 over the examples, as in results")
    examples: int = Field(ge=1)


class BagOfWords(BaseModel):
    """A fitted bag of words; as JSON, its file.

    Attributes:
        terms: Words and pairs of words, lower case, in sorted order.
        idf: Inverse document frequency of each term, as scikit-learn smooths it.
        weights: What each term's share of an answer adds to its reward, a logit.
        length_weight: What ln(1 + characters) is multiplied by.
        regularisation: Inverse strength C of the L2 penalty it was fitted with.
        trained_on: Where it has learnt from.
        prompts: Keys of the prompts among these, sorted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["rmbench bag of words"] = FORMAT
    schema_version: Literal[1] = 1
    terms: tuple[str, ...] = Field(min_length=1)
    idf: tuple[Annotated[FiniteFloat, Field(gt=0)], ...]
    weights: tuple[FiniteFloat, ...]
    length_weight: FiniteFloat
    regularisation: float = Field(gt=0)
    trained_on: tuple[BowSource, ...] = ()
    prompts: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> BagOfWords:
        if not len(self.terms) == len(self.idf) == len(self.weights):
            raise ValueError(
                f"{len(self.terms)} terms, {len(self.idf)} idf and {len(self.weights)} weights"
            )
        if len(set(self.terms)) != len(self.terms):
            raise ValueError("a term stands twice")
        return self

    def rewards(self, texts: Sequence[str]) -> FloatArray:
        """The rewards of some answers; float64, shape (n,)."""
        if not texts:
            return np.empty(0)
        vectorizer = make_vectorizer(vocabulary={t: i for i, t in enumerate(self.terms)})
        vectorizer.idf_ = np.array(self.idf)
        words: FloatArray = vectorizer.transform(texts) @ np.array(self.weights)
        return words + self.length_weight * log_length(texts)

    def strongest(self, n: int) -> list[tuple[str, float]]:
        """The ``n`` terms with the largest weights in size, and these."""
        order = np.argsort(-np.abs(np.array(self.weights)), kind="stable")[:n]
        return [(self.terms[i], self.weights[i]) for i in order]

    def save(self, path: Path) -> None:
        """Write it as JSON, whole or not at all.

        Raises:
            OSError: If it cannot be written.
        """
        unfinished = path.with_name(f".{path.name}.unfinished")
        unfinished.write_text(self.model_dump_json(), "utf-8")
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> BagOfWords:
        """Read what ``save`` wrote.

        Raises:
            ScorerError: If the file is no bag of words, or a damaged one.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ScorerError(f"{path}: cannot be read: {error.strerror}") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise ScorerError(f"{path}: is no bag of words: {where}: {first['msg']}") from None


def is_bow_file(path: Path) -> bool:
    """Whether a file begins like a saved bag of words."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_HEAD)) == _HEAD


def make_vectorizer(**given: Any) -> TfidfVectorizer:
    """How texts become terms, the same when a bag of words is fitted and when it scores.

    Words are runs of letters, digits and underscores, of one character, too; term frequencies
    are damped to 1 + ln(tf), and a text's vector has length 1.
    """
    word = r"(?u)\b\w+\b"
    return TfidfVectorizer(token_pattern=word, ngram_range=(1, 2), sublinear_tf=True, **given)


def log_length(texts: Sequence[str]) -> FloatArray:
    """ln(1 + characters) of each text; float64, shape (n,)."""
    lengths: FloatArray = np.log1p(np.array([len(t) for t in texts], np.float64))
    return lengths


def prompt_key(prompt: tuple[Message, ...]) -> str:
    """What a prompt is remembered by: 16 hexadecimal digits.

    >>> len(prompt_key((Message("user", "Hi"),)))
    16
    """
    digest = blake2b(digest_size=8)
    for turn in prompt:
        digest.update(f"\x00{turn.role}\x01{turn.content}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@dataclass
class BowScorer:
    """Scores with a bag of words, and says how much of what it scored it has learnt from.

    Attributes:
        model: The bag of words.
        info: What it is, for the record.
    """

    model: BagOfWords
    info: ScorerInfo
    _overlap: tuple[int, int] = (0, 0)

    def score(self, conversations: Sequence[Conversation]) -> ScoredBatch:
        """One reward per conversation; the prompts do not enter."""
        n = len(conversations)
        known = set(self.model.prompts)
        asked = {prompt_key(c.prompt) for c in conversations}
        self._overlap = len(asked & known), len(asked)
        texts = [c.response for c in conversations]
        return ScoredBatch(self.model.rewards(texts), np.zeros(n, np.int64), np.zeros(n, np.bool_))

    def notes(self) -> tuple[str, ...]:
        """Whether prompts were known from training."""
        known, asked = self._overlap
        if not known:
            return ()
        return (f"{self.info.name} was fitted on {known:,} of these {asked:,} prompts, too",)
