"""What ops read of interviews: the completed ones, and the transcript of one, from real rows."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from booking_desk import HOUR, SECOND

from store import answers, database, evaluations, interviews, sessions
from store.errors import NotFound

PAGE = "page-aaaaaaaaaaaaaaaa"


@pytest.fixture
def session_id(desk, booked):
    """The session of an interview that runs: five questions, of which three are answered, one by a recording."""
    desk.begin(booked.interview_id)
    found = desk.rows("SELECT id FROM interview_session")[0][0]
    for number, kind in enumerate(("text", "text", "text", "audio", "video"), 1):
        desk.change(
            "INSERT INTO session_question (session_id, number, text, kind, time_limit_seconds, opened_at)"
            " VALUES (?, ?, ?, ?, ?, ?)", found, number, f"Question {number}?", kind, 60, desk.epoch + number,
        )  # fmt: skip
    for number, text in ((1, "Yes."), (2, " \n\t"), (3, "No.")):
        desk.change("INSERT INTO answer VALUES (?, ?, 4, ?, ?, 9, ?)", found, number, text, PAGE, desk.epoch + 20)
    for number, take, state in (
        (4, "a", "discarded"),
        (4, "b", "complete"),
        (5, "c", "uploading"),
        (5, "d", "discarded"),
    ):
        desk.change(
            "INSERT INTO recording (session_id, number, take, page, media_type, size, state, started_at, changed_at)"
            " VALUES (?, ?, ?, 'a page', 'audio/webm', 7, ?, ?, ?)", found, number, take, state, desk.epoch, desk.epoch,
        )  # fmt: skip
    return found


def keep(desk, session_id, number, text, reason):
    desk.change(
        "INSERT INTO answer_copy (session_id, number, text, page, reason, kept_at) VALUES (?, ?, ?, ?, ?, ?)",
        session_id, number, text, PAGE, reason, desk.epoch,
    )  # fmt: skip


def finish(desk, interview_id, at):
    desk.change("UPDATE interview_session SET finished_at = ? WHERE interview_id = ?", at.timestamp(), interview_id)
    desk.change("UPDATE interview SET state = 'completed' WHERE id = ?", interview_id)


def found(desk, **asked):
    return interviews.completed(desk.db, **({"now": desk.now} | asked))


@pytest.fixture
def three(desk, request_of, tomorrow):
    """Three completed interviews, finished an hour apart, the first two of one candidate."""
    asked = [
        request_of(),
        request_of(tomorrow + 2 * HOUR, round=2),
        request_of(email="b@example.com", job_title="Cook"),
    ]
    ids = [desk.book(one).interview_id for one in asked]
    for hours, one in enumerate(ids):
        finish(desk, one, desk.now + hours * HOUR)
    return ids


def test_a_completed_interview_is_told_with_its_candidate_and_its_answers(desk, booked, session_id, tomorrow):
    desk.change("UPDATE interview_session SET engaged_at = ?", desk.epoch + 5)
    finish(desk, booked.interview_id, desk.now + HOUR)
    (one,) = found(desk)
    assert (one.interview_id, one.candidate_id) == (booked.interview_id, desk.rows("SELECT id FROM candidate")[0][0])
    assert (one.candidate_name, one.email) == ("Asha Rao", "asha@example.com")
    assert (one.job_title, one.company_name) == ("Nurse", "Acme")
    assert (one.begun_at, one.engaged_at, one.finished_at) == (desk.now, desk.now + 5 * SECOND, desk.now + HOUR)
    assert (one.deadline, one.answered, one.asked, one.evaluation) == (tomorrow + HOUR, 3, 5, None)
    assert (one.answered, one.asked) == dataclasses.astuple(answers.counts(desk.db, session_id))


def test_an_interview_that_ran_out_is_completed_without_a_finish(desk, booked, session_id, tomorrow):
    over = tomorrow + HOUR + sessions.GRACE
    assert found(desk, now=over - SECOND) == []
    (one,) = found(desk, now=over)
    assert (one.finished_at, one.deadline) == (None, tomorrow + HOUR)


@pytest.mark.parametrize("state", ["scheduled", "completed", "cancelled"])
@pytest.mark.parametrize("begun", [None, 1])
@pytest.mark.parametrize("finished", [None, 1])
def test_the_list_and_the_access_window_agree_on_what_is_completed(desk, booked, tomorrow, state, begun, finished):
    desk.change("UPDATE interview SET state = ?", state)
    desk.change("UPDATE interview_session SET begun_at = ?, finished_at = ?", begun, finished)
    view, over = sessions.load(desk.db, 1), tomorrow + HOUR + sessions.GRACE
    for now in (desk.now, over - SECOND, over, over + HOUR):
        assert bool(found(desk, now=now)) == (view.access(now).state == sessions.DONE)


def test_the_last_completed_comes_first_and_the_limit_cuts_the_oldest(desk, three):
    assert [one.interview_id for one in found(desk)] == three[::-1]
    assert [one.interview_id for one in found(desk, limit=2)] == three[:0:-1]


def test_completed_interviews_are_found_by_candidate_by_id_and_since_when(desk, three):
    candidate_id = desk.rows("SELECT candidate_id FROM interview WHERE id = ?", three[0])[0][0]
    assert [one.interview_id for one in found(desk, candidate_id=candidate_id)] == three[1::-1]
    assert [one.interview_id for one in found(desk, interview_id=three[1])] == [three[1]]
    assert [one.interview_id for one in found(desk, since=desk.now + HOUR)] == three[:0:-1]
    assert [one.interview_id for one in found(desk, since=desk.now + HOUR + SECOND)] == [three[2]]


def test_an_interview_that_is_not_completed_is_found_by_no_id(desk, booked):
    assert found(desk, interview_id=booked.interview_id) == []


def test_tests_are_left_out(desk, three):
    desk.change("UPDATE interview SET is_test = ? WHERE id = ?", True, three[0])
    assert [one.interview_id for one in found(desk)] == three[:0:-1]


def test_a_score_is_told_with_its_interview(desk, three):
    evaluations.create(desk.db, {"interview_id": three[1], "overall_score": 6.5}, desk.now)
    assert [one.evaluation for one in found(desk)] == [None, 6.5, None]


@pytest.mark.parametrize("field", ["candidate_id", "interview_id"])
@pytest.mark.parametrize("wrong", [0, 99, 2**63, "1", True])
def test_an_unknown_id_names_its_field(desk, three, field, wrong):
    with pytest.raises(NotFound, match=field):
        found(desk, **{field: wrong})


def test_a_naive_clock_is_refused(desk):
    with pytest.raises(ValueError, match="no time zone"):
        found(desk, since=desk.now.replace(tzinfo=None))


def test_a_transcript_tells_every_question_and_its_answer(desk, booked, session_id, tomorrow):
    said = interviews.transcript(desk.db, booked.interview_id)
    assert (said.candidate_name, said.job_title, said.company_name, said.state) == (
        "Asha Rao",
        "Nurse",
        "Acme",
        "scheduled",
    )
    assert (said.starts_at, said.deadline, said.begun_at, said.finished_at) == (
        tomorrow,
        tomorrow + HOUR,
        desk.now,
        None,
    )
    assert [(reply.number, reply.kind, reply.answer, reply.revision) for reply in said.replies] == [
        (1, "text", "Yes.", 4), (2, "text", " \n\t", 4), (3, "text", "No.", 4), (4, "audio", "", 0), (5, "video", "", 0),
    ]  # fmt: skip
    first, last = said.replies[0], said.replies[-1]
    assert (first.text, first.time_limit_seconds, first.opened_at) == ("Question 1?", 60, desk.now + SECOND)
    assert (first.saved_at, last.saved_at) == (desk.now + timedelta(seconds=20), None)


def test_a_transcript_holds_the_recordings_that_are_kept(desk, booked, session_id):
    replies = interviews.transcript(desk.db, booked.interview_id).replies
    assert [[(one.take, one.state) for one in reply.recordings] for reply in replies] == [
        [], [], [], [("b", "complete")], [("c", "uploading")],
    ]  # fmt: skip


def test_a_transcript_holds_the_copies_kept_oldest_first(desk, booked, session_id):
    keep(desk, session_id, 1, "<b>Yes", "conflict")
    keep(desk, session_id, 3, "Never.", "shortened")
    keep(desk, session_id, 1, "Maybe", "late")
    replies = interviews.transcript(desk.db, booked.interview_id).replies
    assert [(copy.text, copy.reason, copy.kept_at) for copy in replies[0].copies] == [
        ("<b>Yes", "conflict", desk.now), ("Maybe", "late", desk.now),
    ]  # fmt: skip
    assert [len(reply.copies) for reply in replies] == [2, 0, 1, 0, 0]


def test_an_interview_that_has_not_begun_has_no_replies(desk, booked):
    said = interviews.transcript(desk.db, booked.interview_id)
    assert (said.interview_id, said.begun_at, said.replies) == (booked.interview_id, None, ())


@pytest.mark.parametrize("wrong", [0, 99, 2**63, "1", None])
def test_a_transcript_of_an_unknown_interview_names_the_field(desk, booked, wrong):
    with pytest.raises(NotFound, match="interview_id"):
        interviews.transcript(desk.db, wrong)


def test_a_transcript_shows_one_moment_whatever_is_saved_while_it_is_read(desk, booked, session_id, monkeypatch):
    run, waiting = database._run, [True]

    def pause_after_the_first_read(db, sql, parameters):
        cursor = run(db, sql, parameters)
        if waiting:
            waiting.clear()
            with ThreadPoolExecutor(1) as other:
                other.submit(answer_anew).result()
        return cursor

    def answer_anew():
        desk.change("UPDATE answer SET text = 'Changed.'")
        keep(desk, session_id, 1, "Yes.", "replaced")
        desk.db.close()

    monkeypatch.setattr(database, "_run", pause_after_the_first_read)
    first = interviews.transcript(desk.db, booked.interview_id).replies[0]
    assert (first.answer, first.copies) == ("Yes.", ())
    assert interviews.transcript(desk.db, booked.interview_id).replies[0].answer == "Changed."


def test_the_number_of_queries_does_not_grow_with_the_questions(desk, booked, session_id, monkeypatch):
    asked = []
    run = database._run
    monkeypatch.setattr(database, "_run", lambda db, sql, parameters: asked.append(sql) or run(db, sql, parameters))
    interviews.transcript(desk.db, booked.interview_id)
    assert len(asked) == 5
