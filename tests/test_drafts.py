"""A text before it becomes an answer: what is stored of it, and how it stands to the answer that is there."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.drafts import LIMIT_GRACE, SHORTENED_FROM, TEXT_LENGTH, Current, Draft, ready
from store.errors import AnswerRefused

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
DRAFT = Draft(1, "page-a", 5, 3, "new", NOW)
CURRENT = Current(None, None, 3, "old", "page-a", 4, NOW.timestamp())


@pytest.mark.parametrize(("typed", "stored"), [
    ("a\r\nb\rc\nd", "a\nb\nc\nd"), ("a\x0bb\x0cc\x85d\u2028e\u2029f", "a\nb\nc\nd\ne\nf"),
    ("a\0b\x1b[31m\x7f\x9f\ta", "ab[31m\ta"), ("  kept \n\n", "  kept \n\n"),
    ("\u200f\u0645\u200c\u0627 \U0001f600", "\u200f\u0645\u200c\u0627 \U0001f600"), ("", ""),
    ("=1+1<script>", "=1+1<script>"),
])  # fmt: skip
def test_an_answer_is_stored_as_it_was_written_without_control_characters(typed, stored):
    assert ready(typed) == stored


@given(st.text(max_size=50))
def test_what_is_stored_can_be_written_and_comes_out_the_same_again(text):
    stored = ready(text)
    if isinstance(stored, str):
        assert ready(stored) == stored == stored.encode().decode()
        assert not [sign for sign in stored if ord(sign) < 32 and sign not in "\n\t"]
    else:
        assert stored.code == "text_unreadable"


def test_an_answer_of_just_the_permitted_length_is_taken():
    assert ready("\r\n" * TEXT_LENGTH) == "\n" * TEXT_LENGTH
    refused = ready("x" * (TEXT_LENGTH + 1))
    assert isinstance(refused, AnswerRefused)
    assert refused.code == "text_too_long"


def test_half_of_a_character_is_refused():
    assert ready("fine\ud83d").code == "text_unreadable"


@pytest.mark.parametrize(("changes", "is_there"), [
    ({"sequence": 4}, True), ({"sequence": 3}, True), ({"sequence": 5}, False), ({"page": "page-b", "sequence": 4}, False),
])  # fmt: skip
def test_a_save_that_is_there_already_is_recognised_by_page_and_sequence(changes, is_there):
    assert CURRENT.has(replace(DRAFT, **changes)) == is_there


@pytest.mark.parametrize(("changes", "is_conflict"), [
    ({"base_revision": 0}, False), ({"page": "page-b"}, False), ({"page": "page-b", "base_revision": 2}, True),
    ({"page": "page-b", "base_revision": 4}, True), ({"page": "page-b", "base_revision": 0, "text": "old"}, False),
])  # fmt: skip
def test_only_another_pages_unseen_text_is_in_the_way(changes, is_conflict):
    assert CURRENT.conflicts_with(replace(DRAFT, **changes)) == is_conflict


def test_a_first_answer_has_nothing_in_its_way():
    assert not Current(None, None, 0, "", None, 0, None).conflicts_with(replace(DRAFT, base_revision=7))


@pytest.mark.parametrize(("length", "left", "reason"), [
    (SHORTENED_FROM, SHORTENED_FROM // 2 - 1, "shortened"), (SHORTENED_FROM, SHORTENED_FROM // 2, ""),
    (SHORTENED_FROM - 1, 0, ""),
])  # fmt: skip
def test_a_long_text_cut_to_less_than_half_is_kept(length, left, reason):
    assert replace(CURRENT, text="x" * length).reason_to_keep(replace(DRAFT, text="x" * left)) == reason


@pytest.mark.parametrize(("text", "base", "reason"), [
    ("older", 2, ""), ("old", 0, ""), ("new", 3, ""), ("new", 4, ""), ("new", 2, "replaced"), ("ol", 0, "replaced"),
])  # fmt: skip
def test_a_text_that_its_page_replaces_without_knowing_it_is_kept(text, base, reason):
    assert CURRENT.reason_to_keep(replace(DRAFT, text=text, base_revision=base)) == reason


def test_only_a_question_with_a_time_of_its_own_must_be_opened_first():
    limited = replace(CURRENT, time_limit_seconds=60)
    assert (CURRENT.is_unopened, limited.is_unopened, replace(limited, opened_at=1.0).is_unopened) == (
        False, True, False
    )  # fmt: skip


def test_another_pages_text_is_always_kept():
    assert CURRENT.reason_to_keep(replace(DRAFT, page="page-b")) == "replaced"


def test_a_questions_own_time_ends_some_seconds_later_than_it_says():
    at, grace = NOW.timestamp(), LIMIT_GRACE.total_seconds()
    limited = replace(CURRENT, time_limit_seconds=60, opened_at=at)
    assert (limited.is_closed(at + 60 + grace - 1), limited.is_closed(at + 60 + grace)) == (False, True)
    assert not replace(limited, opened_at=None).is_closed(at + 1_000)
    assert not replace(limited, time_limit_seconds=None).is_closed(at + 100_000)
