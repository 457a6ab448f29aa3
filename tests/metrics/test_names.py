from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rmbench.metrics import names as module
from rmbench.metrics.names import all_distinct, name_codes, name_hash

NAMES = st.lists(st.text(max_size=4), max_size=30).map(lambda x: np.array(x, dtype=np.str_))


@given(NAMES)
def test_codes_are_equal_exactly_where_names_are(names):
    codes = name_codes(names)
    assert ((codes[:, None] == codes) == (names[:, None] == names)).all()
    assert sorted(set(codes.tolist())) == list(range(len(set(names.tolist()))))


@given(NAMES)
def test_distinct_names_are_told(names):
    assert all_distinct(names) == (len(set(names.tolist())) == len(names))


@given(NAMES, st.integers(0, 9))
def test_hash_does_not_depend_on_the_width_of_strings(names, seed):
    assert (name_hash(names, seed) == name_hash(names.astype("<U40"), seed)).all()


def test_names_of_the_same_letters_differ():
    names = np.array(["ab", "ba", "abc", "cab", "aab", "aba"])
    assert len(set(name_hash(names).tolist())) == 6


def test_a_collision_takes_another_hash(monkeypatch):
    tried = []

    def colliding(names, seed):
        tried.append(seed)
        return np.zeros(len(names), np.uint64) if seed < 2 else name_hash(names, seed)

    monkeypatch.setattr(module, "name_hash", colliding)
    assert len(set(name_codes(np.array(["a", "b", "c"])).tolist())) == 3
    assert tried == [0, 1, 2]
