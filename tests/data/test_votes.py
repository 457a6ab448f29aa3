import pytest

from rmbench.data.votes import vote_share


@pytest.mark.parametrize(
    ("value", "share"),
    [
        (0, 0.0),
        (0.25, 0.25),
        (1, 1.0),
        ("0.25", 0.25),
        ({"chosen": 2, "rejected": 1}, 2 / 3),
        ({"chosen": 1, "rejected": 3}, 0.25),
        ({"chosen": 3, "rejected": 0, "equal": 2}, 4 / 5),
        ({"chosen": 1, "rejected": 1, "tie": 2}, 0.5),
        ({"a": 2, "b": 2}, 0.5),
        ({"a": 1, "b": 3}, 0.75),
        ({"1": 0, "2": 3, "tie": 0}, 1.0),
        ({1: 2, 2: 0, "tie": 1}, 2.5 / 3),
        ({"1": "2", "2": "1"}, 2 / 3),
        ({"chosen": 4, "rejected": 1, "a": None, "b": None}, 0.8),
    ],
)
def test_share_of_votes_for_chosen(value: object, share: float):
    assert vote_share(value) == pytest.approx(share, abs=1e-15)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (1.5, "not in"),
        (-0.1, "not in"),
        (float("nan"), "finite"),
        (True, "not a number"),
        ("many", "not a number"),
        ([1, 2], "not a number"),
        ({}, "not for two sides"),
        ({"chosen": 3}, "not for two sides"),
        ({"chosen": 1, "rejected": 1, "a": 1, "b": 1}, "not for two sides"),
        ({"chosen": 1, "rejected": 1, "tie": 1, "equal": 1}, "not for two sides"),
        ({"chosen": 1, "rejected": 1, "a": 1}, "not for two sides"),
        ({"left": 1, "right": 2}, "'left'"),
        ({"chosen": 0, "rejected": 0, "equal": 0}, "no votes"),
        ({"a": -1, "b": 2}, "negative"),
        ({"a": True, "b": 2}, "not a number"),
    ],
)
def test_what_is_no_share_is_refused(value: object, says: str):
    with pytest.raises(ValueError, match=says):
        vote_share(value)
