from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoTokenizer

from rmbench.engine.encode import Encoder, build_encoder, join_turns, position_limit
from rmbench.errors import ScorerError, UsageError
from rmbench.types import Conversation, Message


def conversation(prompt: str, response: str, example: str = "e", index: int = 0) -> Conversation:
    return Conversation((Message("user", prompt),), response, example, index)


def encoder(folder: Path, **options: object) -> Encoder:
    return build_encoder(
        AutoTokenizer.from_pretrained(folder), AutoConfig.from_pretrained(folder), **options
    )


def test_an_encoder_model_reads_the_text_pair(bert_folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(bert_folder)
    row = encoder(bert_folder).encode([conversation("what is the time", "no one can say")])[0]
    expected = tokenizer("what is the time", "no one can say")
    assert list(row.input_ids) == expected["input_ids"]
    assert list(row.token_type_ids or ()) == expected["token_type_ids"]
    assert sum(row.token_type_ids or ()) == 5  # four words and the closing separator


def test_a_decoder_reads_its_chat_template_with_one_bos(llama_folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    prompt = (Message("system", "be a number"), Message("user", "how many people"))
    row = encoder(llama_folder).encode([Conversation(prompt, "two", "e", 0)])[0]
    chat = [{"role": m.role, "content": m.content} for m in prompt]
    chat.append({"role": "assistant", "content": "two"})
    assert list(row.input_ids) == tokenizer.apply_chat_template(
        chat, tokenize=True, return_dict=False
    )
    assert list(row.input_ids).count(tokenizer.bos_token_id) == 1
    assert row.token_type_ids is None


def test_several_turns_are_joined_by_the_written_rule() -> None:
    prompt = (
        Message("system", "Be kind."),
        Message("user", "Hi"),
        Message("assistant", "Hello"),
        Message("user", "Bye"),
    )
    assert join_turns(prompt) == "System: Be kind.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Bye"


def test_a_system_prompt_takes_the_place_of_the_prompts_own(llama_folder: Path) -> None:
    plain = encoder(llama_folder, system_prompt="the sound")
    own = Conversation((Message("system", "now"), Message("user", "go")), "yes", "e", 0)
    without = Conversation((Message("user", "go"),), "yes", "e", 0)
    assert plain.encode([own]) == plain.encode([without])
    assert plain.record["system_prompt"] == "the sound"


def test_a_template_that_asks_for_the_date_gets_the_fixed_one(llama_folder: Path) -> None:
    template = (
        '{% if strftime_now is defined %}{{ strftime_now("%d %Y") }}{% endif %}'
        "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    )
    built = encoder(llama_folder, chat_template=template)
    literal = encoder(
        llama_folder, chat_template=template.replace('strftime_now("%d %Y")', '"26 2024"')
    )
    assert built.encode([conversation("go", "yes")]) == literal.encode([conversation("go", "yes")])
    assert built.record["template_date"] == "2024-07-26"
    assert "template_date" not in literal.record


def test_a_template_that_computes_the_date_format_is_refused(llama_folder: Path) -> None:
    with pytest.raises(UsageError, match="today's date in a computed format"):
        encoder(llama_folder, chat_template="{{ strftime_now(fmt) }}")


def test_a_template_that_refuses_a_turn_names_the_example(llama_folder: Path) -> None:
    template = (
        "{% for m in messages %}{% if m['role'] == 'system' %}"
        "{{ raise_exception('no system turns') }}{% endif %}{{ m['content'] }}{% endfor %}"
    )
    built = encoder(llama_folder, chat_template=template)
    good = conversation("hi", "yes", "fine")
    bad = Conversation((Message("system", "x"), Message("user", "y")), "z", "broken", 0)
    with pytest.raises(ScorerError, match=r"refuses example 'broken'.*no system turns"):
        built.encode([good, bad])


def test_a_decoder_without_a_template_is_told_what_to_do(tmp_path: Path) -> None:
    import models

    folder = models.tiny_llama(tmp_path / "plain", chat_template=None)
    with pytest.raises(UsageError, match="--chat-template FILE"):
        encoder(folder)


def test_more_than_the_positions_is_refused(bert_folder: Path) -> None:
    with pytest.raises(UsageError, match="64 positions"):
        encoder(bert_folder, max_length=65)


def test_roberta_loses_the_positions_before_its_first() -> None:
    from transformers import BertConfig, RobertaConfig

    assert position_limit(None, RobertaConfig(max_position_embeddings=514, pad_token_id=1)) == 512
    assert position_limit(None, BertConfig(max_position_embeddings=512)) == 512


@pytest.mark.parametrize("kind", ["bert_folder", "llama_folder"])
def test_the_oldest_prompt_tokens_go_alike_for_all_answers(
    kind: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(kind)
    prompt = "hi " * 10 + "what is the time now"
    short = conversation(prompt, "yes no", index=0)
    long = conversation(prompt, "the people call him at no time", index=1)
    full = encoder(folder).encode([short, long])
    cut = encoder(folder, max_length=20).encode([short, long])
    excess = len(full[1]) - 20
    assert [len(r) for r in cut] == [len(full[0]) - excess, 20]
    assert all(r.truncated for r in cut)
    assert 0 < excess < 10
    for before, after in zip(full, cut, strict=True):
        assert after.input_ids[0] == before.input_ids[0]
        # Nothing but the oldest prompt tokens went.
        assert after.input_ids[1:] == before.input_ids[1 + excess :]


@pytest.mark.parametrize("kind", ["bert_folder", "llama_folder"])
def test_a_response_longer_than_the_room_loses_its_end(
    kind: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(kind)
    words = ["one", "two", "now", "day", "long", "thing", "see", "him", "go", "come", "did", "my"]
    row = encoder(folder, max_length=8).encode([conversation("hi there", " ".join(words))])[0]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    kept = [t for t in tokenizer.convert_ids_to_tokens(row.input_ids) if t in words]
    assert len(row) == 8
    assert row.truncated
    assert kept == words[: len(kept)]
    assert kept
    assert tokenizer.convert_tokens_to_ids("hi") not in row.input_ids


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=4),
    st.integers(0, 60),
    st.integers(8, 64),
)
@pytest.mark.parametrize("kind", ["bert_folder", "llama_folder"])
def test_nothing_is_ever_longer_than_max_length(
    kind: str,
    request: pytest.FixtureRequest,
    response_words: list[int],
    prompt_words: int,
    max_length: int,
) -> None:
    built = _CACHE.setdefault((kind, max_length), None) or encoder(
        request.getfixturevalue(kind), max_length=max_length
    )
    _CACHE[(kind, max_length)] = built
    items = [
        conversation("hi " * prompt_words + "go", "yes " * n + "no", "e", i)
        for i, n in enumerate(response_words)
    ]
    rows = built.encode(items)
    assert all(0 < len(r) <= max_length for r in rows)


_CACHE: dict[tuple[str, int], Encoder | None] = {}
