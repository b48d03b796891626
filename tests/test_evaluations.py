"""Evaluations: what is taken and what is refused, one an interview, and what the audit keeps of each change."""

import json
from datetime import timedelta

import pytest
from booking_desk import SECOND
from test_booking_races import race

from store import evaluations, times
from store.errors import EvaluationRefused, NotFound
from store.pages import Page, PageRefused

SECRET = "Speaks too softly."
FULL = {"overall_score": 7.5, "traits": {"clarity": 8, "calm": 6.5}, "suggestions": SECRET, "details": {"a": [1, None]}}


@pytest.fixture
def done(desk, booked):
    """The id of an interview that the candidate has finished."""
    desk.change("UPDATE interview_session SET begun_at = ?, finished_at = ?", desk.epoch, desk.epoch)
    desk.change("UPDATE interview SET state = 'completed'")
    return booked.interview_id


@pytest.fixture
def rated(desk, done):
    return evaluations.create(desk.db, {"interview_id": done} | FULL, desk.now)


def refusal(desk, of, **data):
    with pytest.raises(EvaluationRefused) as caught:
        evaluations.create(desk.db, {"interview_id": of, "overall_score": 5} | data, desk.now)
    assert caught.value.fix
    assert "\n" not in caught.value.line()
    assert (desk.count("evaluation"), desk.event_kinds().count("evaluation_created")) == (0, 0)
    return caught.value.code, caught.value.field


def test_an_evaluation_is_read_as_it_was_given(desk, rated, done):
    candidate_id = desk.rows("SELECT candidate_id FROM interview")[0][0]
    assert rated == evaluations.read(desk.db, rated.id)
    assert (rated.interview_id, rated.candidate_id, rated.overall_score) == (done, candidate_id, 7.5)
    assert (rated.traits, rated.suggestions, rated.details) == (FULL["traits"], SECRET, {"a": [1, None]})
    assert rated.created_at == rated.updated_at == desk.now


def test_a_score_alone_is_an_evaluation(desk, done):
    made = evaluations.create(desk.db, {"interview_id": done, "overall_score": 0}, desk.now)
    assert (made.overall_score, made.traits, made.suggestions, made.details) == (0, {}, "", {})


@pytest.mark.parametrize(("data", "code", "field"), [
    ({"overall_score": "7"}, "value_invalid", "overall_score"),
    ({"overall_score": True}, "value_invalid", "overall_score"),
    ({"overall_score": None}, "value_invalid", "overall_score"),
    ({"overall_score": 10.01}, "value_range", "overall_score"),
    ({"overall_score": -0.1}, "value_range", "overall_score"),
    ({"overall_score": float("nan")}, "value_range", "overall_score"),
    ({"overall_score": 10**400}, "value_range", "overall_score"),
    ({"traits": [1]}, "value_invalid", "traits"),
    ({"traits": {"": 1}}, "value_invalid", "traits"),
    ({"traits": {"calm": 1, " calm": 2}}, "value_invalid", "traits"),
    ({"traits": {"\ud800": 1}}, "value_invalid", "traits"),
    ({"traits": {"x" * 61: 1}}, "too_long", "traits"),
    ({"traits": {"calm": 11}}, "value_range", "traits"),
    ({"traits": {"calm": False}}, "value_invalid", "traits"),
    ({"traits": {f"t{n}": 1 for n in range(31)}}, "too_long", "traits"),
    ({"suggestions": None}, "value_invalid", "suggestions"),
    ({"suggestions": "x" * 5_001}, "too_long", "suggestions"),
    ({"suggestions": "a\x00b"}, "value_invalid", "suggestions"),
    ({"suggestions": "\udfff"}, "value_invalid", "suggestions"),
    ({"details": []}, "value_invalid", "details"),
    ({"details": {"a": "\ud800"}}, "value_invalid", "details"),
    ({"details": {"a": float("inf")}}, "value_invalid", "details"),
    ({"details": {"a": {1, 2}}}, "value_invalid", "details"),
    ({"details": {"a": 10**5000}}, "value_invalid", "details"),
    ({"details": {"a": "\u0938" * 17_000}}, "too_long", "details"),
    ({"score": 1}, "unknown_field", "score"),
    ({"interview_id": "1"}, "value_invalid", "interview_id"),
    ({"interview_id": True}, "value_invalid", "interview_id"),
    ({"interview_id": 2**63}, "value_invalid", "interview_id"),
    ({"interview_id": None}, "value_invalid", "interview_id"),
])  # fmt: skip
def test_a_wrong_value_is_refused_naming_its_field(desk, done, data, code, field):
    assert refusal(desk, done, **data) == (code, field)


def test_no_key_address_or_sign_that_moves_others_is_repeated_in_a_refusal(desk, done):
    for name in ("k1" + "ab" * 24, "asha@example.com", "a\n\u202eb"):
        for data in ({name: 1}, {"traits": {name: 11}}):
            with pytest.raises(EvaluationRefused) as caught:
                evaluations.create(desk.db, {"interview_id": done, "overall_score": 5} | data, desk.now)
            assert name not in f"{caught.value.line()} {caught.value.field}"
            assert caught.value.field.isprintable()


@pytest.mark.parametrize(
    ("data", "field"), [({"overall_score": 5}, "interview_id"), ({"interview_id": 1}, "overall_score")]
)
def test_a_missing_value_is_named(desk, done, data, field):
    with pytest.raises(EvaluationRefused) as caught:
        evaluations.create(desk.db, data, desk.now)
    assert (caught.value.code, caught.value.field) == ("value_missing", field)


@pytest.mark.parametrize("data", [None, [], "x"])
def test_what_is_no_object_is_refused(desk, rated, data):
    for call in (lambda: evaluations.create(desk.db, data, desk.now),
                 lambda: evaluations.update(desk.db, rated.id, data, desk.now)):  # fmt: skip
        with pytest.raises(EvaluationRefused) as caught:
            call()
        assert caught.value.code == "value_invalid"


@pytest.mark.parametrize(("depth", "is_taken"), [(50, True), (51, False), (100_000, False)])
def test_details_that_are_nested_too_deeply_are_refused(desk, done, depth, is_taken):
    details = {}
    for _ in range(depth - 1):
        details = {"a": details}
    if is_taken:
        data = {"interview_id": done, "overall_score": 5, "details": details}
        assert evaluations.create(desk.db, data, desk.now).details == details
    else:
        assert refusal(desk, done, details=details) == ("value_invalid", "details")


def test_details_and_names_keep_every_script_and_sign(desk, done):
    data = {"interview_id": done, "overall_score": 5, "traits": {"  \u0938\u0902\u092f\u092e ": 3},
            "suggestions": "one\r\n\ttwo\r", "details": {"\u0938": "a\x00\n\"<b>"}}  # fmt: skip
    made = evaluations.create(desk.db, data, desk.now)
    assert (made.traits, made.suggestions) == ({"\u0938\u0902\u092f\u092e": 3}, "one\n\ttwo\n")
    assert made.details == data["details"]


@pytest.mark.parametrize("wrong", [99, 2**63 - 1])
def test_an_evaluation_of_an_unknown_interview_names_the_field(desk, done, wrong):
    with pytest.raises(NotFound, match="interview_id"):
        evaluations.create(desk.db, {"interview_id": wrong, "overall_score": 5}, desk.now)


@pytest.mark.parametrize("statement", [
    "UPDATE interview_session SET begun_at = NULL", "UPDATE interview_session SET begun_at = 1.0",
    "UPDATE interview SET state = 'cancelled'",
])  # fmt: skip
def test_an_interview_that_is_not_completed_is_not_evaluated(desk, booked, statement):
    desk.change(statement)
    assert refusal(desk, booked.interview_id) == ("interview_not_completed", "interview_id")


def test_an_interview_that_ran_out_is_evaluated_from_the_end_of_its_grace(desk, booked, tomorrow):
    desk.begin(booked.interview_id)
    data, over = {"interview_id": booked.interview_id, "overall_score": 5}, tomorrow + timedelta(hours=1, seconds=30)
    with pytest.raises(EvaluationRefused, match="it is running"):
        evaluations.create(desk.db, data, over - SECOND)
    assert evaluations.create(desk.db, data, over).created_at == over


def test_an_interview_has_one_evaluation(desk, rated, done):
    with pytest.raises(EvaluationRefused) as caught:
        evaluations.create(desk.db, {"interview_id": done, "overall_score": 1}, desk.now)
    assert (caught.value.code, caught.value.field) == ("evaluation_exists", "interview_id")
    assert evaluations.read(desk.db, rated.id) == rated


def test_racing_evaluations_of_one_interview_make_one(desk, done):
    def rate(score):
        try:
            return evaluations.create(desk.db, {"interview_id": done, "overall_score": score}, desk.now).overall_score
        except EvaluationRefused as refused:
            return refused.code

    results = race(desk, [lambda score=score: rate(score) for score in range(8)])
    assert results.count("evaluation_exists") == 7
    assert desk.rows("SELECT overall_score FROM evaluation")[0][0] in results
    assert desk.event_kinds().count("evaluation_created") == 1


def test_an_update_replaces_the_whole_content(desk, rated, done):
    later = desk.now + SECOND
    changed = evaluations.update(desk.db, rated.id, {"interview_id": done, "overall_score": 2}, later)
    assert changed == evaluations.read(desk.db, rated.id)
    assert (changed.overall_score, changed.traits, changed.suggestions, changed.details) == (2, {}, "", {})
    assert (changed.created_at, changed.updated_at) == (desk.now, later)


@pytest.mark.parametrize(("data", "code", "field"), [
    ({"overall_score": 5, "interview_id": 99}, "value_invalid", "interview_id"), ({}, "value_missing", "overall_score"),
    ({"overall_score": 11}, "value_range", "overall_score"), ({"overall_score": 5, "id": 1}, "unknown_field", "id"),
])  # fmt: skip
def test_a_wrong_update_changes_nothing(desk, rated, data, code, field):
    with pytest.raises(EvaluationRefused) as caught:
        evaluations.update(desk.db, rated.id, data, desk.now)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert evaluations.read(desk.db, rated.id) == rated


@pytest.mark.parametrize("wrong", [0, -1, 99, 2**70, True, "1", None])
def test_an_unknown_evaluation_is_named(desk, rated, wrong):
    for call in (lambda: evaluations.read(desk.db, wrong), lambda: evaluations.delete(desk.db, wrong, desk.now),
                 lambda: evaluations.update(desk.db, wrong, {"overall_score": 5}, desk.now)):  # fmt: skip
        with pytest.raises(NotFound, match="evaluation_id"):
            call()


def test_every_change_is_in_the_audit_with_the_old_score_and_no_text(desk, rated, done):
    evaluations.update(desk.db, rated.id, {"overall_score": 3}, desk.now)
    evaluations.delete(desk.db, rated.id, desk.now)
    events = desk.rows("SELECT kind, interview_id, data FROM event WHERE kind LIKE 'evaluation%' ORDER BY id")
    assert [(kind, interview_id, json.loads(data)) for kind, interview_id, data in events] == [
        ("evaluation_created", done, {"evaluation": rated.id, "score": 7.5}),
        ("evaluation_updated", done, {"evaluation": rated.id, "score": 3.0, "old_score": 7.5}),
        ("evaluation_deleted", done, {"evaluation": rated.id, "old_score": 3.0}),
    ]
    assert desk.count("evaluation") == 0


def test_the_id_of_a_deleted_evaluation_is_never_another_ones(desk, three):
    evaluations.delete(desk.db, three[2].id, desk.now)
    again = evaluations.create(desk.db, {"interview_id": three[2].interview_id, "overall_score": 2}, desk.now)
    assert again.id > three[2].id
    with pytest.raises(NotFound, match="evaluation_id"):
        evaluations.update(desk.db, three[2].id, {"overall_score": 9}, desk.now)


@pytest.fixture
def three(desk, request_of, tomorrow):
    """Evaluations of three interviews, the first two of one candidate."""
    asked = [
        request_of(),
        request_of(tomorrow + timedelta(hours=2), round=2),
        request_of(email="b@example.com", job_title="X"),
    ]
    ids = [desk.book(one).interview_id for one in asked]
    desk.change("UPDATE interview SET state = 'completed'")
    return [evaluations.create(desk.db, {"interview_id": one, "overall_score": 5}, desk.now) for one in ids]


def test_evaluations_are_listed_page_by_page(desk, three):
    assert evaluations.listed(desk.db) == Page(three, None)
    first = evaluations.listed(desk.db, limit=2)
    assert first == Page(three[:2], three[1].id)
    assert evaluations.listed(desk.db, after=first.next_after, limit=2) == Page(three[2:], None)
    assert evaluations.listed(desk.db, after=three[-1].id) == Page([], None)


@pytest.mark.parametrize("limit", [1, 3])
def test_after_a_full_last_page_nothing_follows(desk, three, limit):
    assert evaluations.listed(desk.db, after=three[-1].id - limit, limit=limit).next_after is None


def test_one_candidates_evaluations_are_listed(desk, three):
    assert evaluations.listed(desk.db, three[0].candidate_id).rows == three[:2]
    assert evaluations.listed(desk.db, three[0].candidate_id, after=three[0].id, limit=1) == Page([three[1]], None)


@pytest.mark.parametrize("wrong", [99, 0, 2**63, "1"])
def test_a_list_of_an_unknown_candidate_is_no_empty_list(desk, three, wrong):
    with pytest.raises(NotFound, match="candidate_id"):
        evaluations.listed(desk.db, wrong)


@pytest.mark.parametrize(("changes", "field"), [
    ({"limit": 0}, "limit"), ({"limit": 501}, "limit"), ({"limit": True}, "limit"), ({"after": -1}, "after"),
    ({"after": 2**63}, "after"),
])  # fmt: skip
def test_a_page_out_of_range_is_refused(desk, changes, field):
    with pytest.raises(PageRefused) as caught:
        evaluations.listed(desk.db, **changes)
    assert (caught.value.code, caught.value.field) == ("value_range", field)


def test_racing_updates_each_tell_the_score_before_them(desk, rated):
    race(desk, [lambda s=s: evaluations.update(desk.db, rated.id, {"overall_score": s}, desk.now) for s in range(6)])
    told = [
        json.loads(row[0]) for row in desk.rows("SELECT data FROM event WHERE kind = 'evaluation_updated' ORDER BY id")
    ]
    assert [one["old_score"] for one in told] == [7.5] + [one["score"] for one in told[:-1]]
    assert times.epoch(rated.created_at) == desk.rows("SELECT created_at FROM evaluation")[0][0]
