"""What a job asks, what an interview asks from its beginning on, and what a candidate's device must be able to do."""

import peewee
import pytest
from booking_desk import MINUTE
from test_booking_races import race

from store import questions, sessions
from store.database import fetch
from store.errors import NotFound, StoreError
from store.questions import DEFAULT, Question

OWN = (Question("Why us?"), Question("Say something.", "audio", 120), Question("Last one?", "text", 60))


@pytest.fixture
def job_id(desk, booked):
    return desk.rows("SELECT id FROM job")[0][0]


@pytest.fixture
def session_id(desk, booked):
    return desk.rows("SELECT id FROM interview_session")[0][0]


@pytest.fixture
def begin(desk, tomorrow, session_id):
    return lambda: sessions.begin(desk.db, session_id, tomorrow + MINUTE)


def asked(db, session_id):
    sql = "SELECT number, text, kind, time_limit_seconds FROM session_question WHERE session_id = ? ORDER BY number"
    return fetch(db, sql, (session_id,))


def as_asked(wanted):
    return [(n, q.text, q.kind, q.time_limit_seconds) for n, q in enumerate(wanted, 1)]


def test_the_general_questions_can_be_answered_on_any_device():
    assert len(DEFAULT) == 5
    assert {(question.kind, question.time_limit_seconds) for question in DEFAULT} == {("text", None)}
    assert all(question.text == question.text.strip() and question.text.isprintable() for question in DEFAULT)


def test_a_job_has_the_questions_that_were_given_to_it_last(db, job_id):
    assert questions.of_job(db, job_id) == ()
    questions.replace(db, job_id, OWN)
    questions.replace(db, job_id, OWN[::-1])
    assert questions.of_job(db, job_id) == OWN[::-1]
    questions.replace(db, job_id, ())
    assert questions.of_job(db, job_id) == ()


@pytest.mark.parametrize("job_id", [0, 4711, 2**70, True, "1"])
def test_questions_for_a_job_that_does_not_exist_are_refused(db, booked, job_id):
    with pytest.raises(NotFound) as caught:
        questions.replace(db, job_id, OWN)
    assert caught.value.field == "job_id"


def test_more_questions_than_an_interview_can_have_leave_the_ones_before(db, job_id):
    most = [Question(f"Number {number}?") for number in range(questions.MOST)]
    questions.replace(db, job_id, most)
    with pytest.raises(StoreError, match="51 questions are too many"):
        questions.replace(db, job_id, [*most, Question("One more?")])
    assert questions.of_job(db, job_id) == tuple(most)


def test_questions_that_the_database_refuses_leave_the_ones_before(db, job_id):
    questions.replace(db, job_id, OWN)
    with pytest.raises(peewee.IntegrityError):
        questions.replace(db, job_id, [Question("Sing something."), Question("And dance.", "song")])
    assert questions.of_job(db, job_id) == OWN


def test_racing_replacements_leave_the_questions_of_one(desk, db, job_id):
    asked = [tuple(Question(f"Question {number} of {racer}?") for number in range(20)) for racer in range(6)]
    race(desk, [lambda mine=mine: questions.replace(db, job_id, mine) for mine in asked])
    assert questions.of_job(db, job_id) in asked


def test_an_interview_begins_with_its_jobs_questions(db, job_id, session_id, begin):
    questions.replace(db, job_id, OWN)
    begin()
    assert asked(db, session_id) == as_asked(OWN)


def test_an_interview_of_a_job_without_questions_begins_with_the_general_ones(db, session_id, begin):
    begin()
    assert asked(db, session_id) == as_asked(DEFAULT)


def test_another_jobs_questions_are_not_asked(desk, db, job_id, session_id, begin, request_of):
    desk.book(request_of(email="b@example.com", job_title="Cook"))
    other = desk.rows("SELECT id FROM job WHERE id <> ?", job_id)[0][0]
    questions.replace(db, other, OWN)
    assert questions.needs(db, session_id) == ""
    begin()
    assert asked(db, session_id) == as_asked(DEFAULT)


def test_a_running_interview_keeps_its_questions_when_the_job_gets_others(db, job_id, session_id, begin):
    begin()
    questions.replace(db, job_id, OWN)
    begin()
    questions.copy_to_session(db, session_id)
    assert asked(db, session_id) == as_asked(DEFAULT)


def test_questions_are_not_copied_to_a_session_that_does_not_exist(db):
    with pytest.raises(NotFound) as caught:
        questions.copy_to_session(db, 4711)
    assert caught.value.field == "session_id"


def test_nothing_is_asked_before_the_interview_begins(db, session_id):
    assert asked(db, session_id) == []


@pytest.mark.parametrize(("kinds", "needed"), [
    (("text",), ""), (("text", "audio", "text"), "audio"), (("audio", "video", "text"), "video"), ((), ""),
])  # fmt: skip
def test_the_strongest_kind_decides_what_a_device_must_have(db, job_id, session_id, begin, kinds, needed):
    questions.replace(db, job_id, [Question("Why?", kind) for kind in kinds])
    assert questions.needs(db, session_id) == needed
    begin()
    assert questions.needs(db, session_id) == needed


def test_a_running_interview_needs_what_its_own_questions_need(db, job_id, session_id, begin):
    begin()
    questions.replace(db, job_id, OWN)
    assert questions.needs(db, session_id) == ""
    assert questions.needs(db, 4711) == ""
