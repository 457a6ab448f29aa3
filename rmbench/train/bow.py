"""Fitting a bag of words to preferences: ``bow:SRC``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from rmbench.data.load import load_preferences
from rmbench.errors import TrainingError, UsageError
from rmbench.metrics.arrays import FloatArray, IntArray
from rmbench.result import ScorerInfo
from rmbench.scorers.bow import (
    BagOfWords,
    BowScorer,
    BowSource,
    is_bow_file,
    log_length,
    make_vectorizer,
    prompt_key,
)
from rmbench.scorers.spec import RunOptions, absolute, unsupported_options
from rmbench.spec import ScorerSpec
from rmbench.types import PreferenceExample, PreferenceSet

MOST_TERMS = 50_000
RARE = 3
"""A term must be in so many different answers."""
REGULARISATION = 1.0
"""Inverse strength C of the L2 penalty, in scikit-learn's sense."""


def fit_bow(
    sets: Sequence[PreferenceSet],
    *,
    regularisation: float = REGULARISATION,
    most_terms: int = MOST_TERMS,
    rare: int = RARE,
) -> BagOfWords:
    """Fit a bag of words by the Bradley-Terry loss with an L2 penalty.

    A logistic regression without intercept on differences of features, chosen less rejected
    (Bradley and Terry 1952). Every example has weight 1, shared by its comparisons; votes for
    the rejected side count for what they are, and ties of votes are left out. The same sets
    give the same weights.

    Args:
        sets: What to learn from.
        regularisation: Inverse strength C of the penalty.
        most_terms: At most so many terms, the most frequent ones.
        rare: Terms in fewer different answers are left out.

    Raises:
        TrainingError: If there is nothing to learn from.
    """
    examples = [e for one in sets for e in one if e.preference != 0.5]
    if not examples:
        raise TrainingError("nothing to learn from: every example is a tie of votes")
    texts, pairs = _comparisons(examples)
    vectorizer = make_vectorizer(min_df=min(rare, len(texts)), max_features=most_terms)
    try:
        words = vectorizer.fit_transform(texts)
    except ValueError:  # no term is left, or every text is empty
        raise TrainingError(
            f"nothing to learn from: no word stands in {rare} of {len(texts)} different answers"
        ) from None
    features = sparse.hstack([words, sparse.csr_matrix(log_length(texts)[:, None])]).tocsr()
    difference = features[pairs.chosen] - features[pairs.rejected]
    coefficients = _bradley_terry(difference, pairs.weight, pairs.preference, regularisation)
    return BagOfWords(
        terms=tuple(str(t) for t in vectorizer.get_feature_names_out()),
        idf=tuple(vectorizer.idf_.tolist()),
        weights=tuple(coefficients[:-1].tolist()),
        length_weight=float(coefficients[-1]),
        regularisation=regularisation,
        trained_on=tuple(
            BowSource(source=absolute(s.source), fingerprint=s.fingerprint, examples=len(s))
            for s in sets
        ),
        prompts=tuple(sorted({prompt_key(e.prompt) for e in examples})),
    )


@dataclass(frozen=True)
class _Pairs:
    """Comparisons as rows of a matrix of different texts."""

    chosen: IntArray
    rejected: IntArray
    weight: FloatArray
    preference: FloatArray


def _comparisons(examples: Sequence[PreferenceExample]) -> tuple[list[str], _Pairs]:
    row: dict[str, int] = {}
    rows: list[tuple[int, int, float, float]] = []
    for e in examples:
        chosen = [row.setdefault(text, len(row)) for text in e.chosen]
        rejected = [row.setdefault(text, len(row)) for text in e.rejected]
        share = 1.0 / (len(chosen) * len(rejected))
        rows += [(c, r, share, e.preference) for c in chosen for r in rejected]
    columns = list(zip(*rows, strict=True))
    return list(row), _Pairs(
        np.array(columns[0], np.int64),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.float64),
        np.array(columns[3], np.float64),
    )


def _bradley_terry(
    difference: sparse.csr_matrix, weight: FloatArray, preference: FloatArray, c: float
) -> FloatArray:
    """Minimise sum w (-p ln s(x b) - (1 - p) ln s(-x b)) + |b|^2 / (2 C)."""
    # The library wants two classes. A row and its mirror image have the same loss, so each
    # half of the weight goes to one of them.
    mirrored = sparse.vstack([difference, -difference, difference, -difference]).tocsr()
    label = np.repeat([1, 0, 0, 1], difference.shape[0])
    for_chosen, for_rejected = weight * preference / 2, weight * (1 - preference) / 2
    share = np.concatenate([for_chosen, for_chosen, for_rejected, for_rejected])
    used = share > 0
    model = LogisticRegression(fit_intercept=False, C=c, max_iter=5000, tol=1e-6)
    model.fit(mirrored[used], label[used], sample_weight=share[used])
    coefficients: FloatArray = model.coef_[0]
    return coefficients


def create(spec: ScorerSpec, options: RunOptions) -> BowScorer:
    """``bow:SRC`` fits a bag of words to preferences; ``bow:FILE`` takes one that was saved.

    Raises:
        UsageError: If nothing is named.
        DataError: If the preferences cannot be read.
        ScorerError: If the file is a damaged bag of words.
        TrainingError: If there is nothing to learn from.
    """
    unsupported_options(spec, set())
    if not spec.target:
        raise UsageError(
            "'bow:' needs preferences to learn from (a file, folder or Hub data set): bow:SRC"
        )
    path = Path(spec.target).expanduser()
    if is_bow_file(path):
        model = BagOfWords.load(path)
    else:
        model = fit_bow([load_preferences(spec.target, identical="keep")])
        told = sum(s.examples for s in model.trained_on)
        options.report(f"bow: {len(model.terms):,} terms fitted to {told:,} examples")
    logits = spec.margins_are_logits
    return BowScorer(
        model,
        ScorerInfo(
            spec=f"bow:{absolute(spec.target)}",
            kind="bow",
            name=spec.name or f"bow ({_short(spec.target)})",
            margins_are_logits=True if logits is None else logits,
            content_blind=True,
            options={
                "trained_on": [s.model_dump() for s in model.trained_on],
                "terms": len(model.terms),
                "regularisation": model.regularisation,
                "length_weight": model.length_weight,
                "strongest_terms": dict(model.strongest(20)),
            },
        ),
    )


def _short(target: str) -> str:
    path = Path(target).expanduser()
    if not path.exists():
        return target
    name = path.name
    for ending in (".gz", ".jsonl", ".json", ".csv", ".parquet"):
        name = name.removesuffix(ending)
    # Many a file is called train; the folder tells which.
    return f"{path.resolve().parent.name}/{name}".lstrip("/")
