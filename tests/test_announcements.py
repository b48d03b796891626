"""Which mail a change causes: what supersedes what, what counts as told, and the calendar's UID and sequence."""

import pytest
from booking_desk import HOUR

from store import times


def test_an_unsent_invitation_is_succeeded_by_an_invitation(desk, booked, tomorrow):
    desk.move(booked.interview_id, tomorrow + HOUR)
    assert desk.mails(booked.interview_id) == [("invitation", 1, "superseded"), ("invitation", 2, "queued")]
    old, new = desk.facts(booked.interview_id)
    assert (new.starts_at, new.previous_starts_at) == (tomorrow + HOUR, None)
    assert old.starts_at == tomorrow


def test_a_sent_invitation_is_followed_by_rescheduled_with_the_old_time(desk, booked, tomorrow):
    desk.deliver()
    desk.move(booked.interview_id, tomorrow + HOUR)
    assert desk.mails(booked.interview_id) == [("invitation", 1, "sent"), ("rescheduled", 1, "queued")]
    assert desk.facts(booked.interview_id)[-1].previous_starts_at == tomorrow


def test_the_old_time_is_the_one_that_was_told_not_the_one_in_between(desk, booked, tomorrow):
    desk.deliver()
    desk.move(booked.interview_id, tomorrow + HOUR)
    desk.move(booked.interview_id, tomorrow + 2 * HOUR)
    assert desk.mails(booked.interview_id)[1:] == [("rescheduled", 1, "superseded"), ("rescheduled", 2, "queued")]
    assert desk.facts(booked.interview_id)[-1].previous_starts_at == tomorrow


@pytest.mark.parametrize("state", ["unknown", "handed_over"])
def test_a_mail_of_unknown_fate_counts_as_told(desk, booked, tomorrow, state):
    ids = desk.claim()
    desk.hand_over(ids)
    if state == "unknown":
        desk.settle(ids, "unknown")
    desk.move(booked.interview_id, tomorrow + HOUR)
    first, second = desk.mails(booked.interview_id)
    assert first == ("invitation", 1, "superseded" if state == "unknown" else "handed_over")
    assert second == ("rescheduled", 1, "queued")


def test_a_mail_that_surely_failed_does_not_count_as_told(desk, booked, tomorrow):
    desk.deliver("failed")
    desk.move(booked.interview_id, tomorrow + HOUR)
    assert desk.mails(booked.interview_id) == [("invitation", 1, "superseded"), ("invitation", 2, "queued")]


def test_a_claimed_mail_is_superseded_and_does_not_go_any_more(desk, booked, tomorrow):
    ids = desk.claim()
    desk.move(booked.interview_id, tomorrow + HOUR)
    assert desk.hand_over(ids) == set()
    assert desk.mails(booked.interview_id)[0] == ("invitation", 1, "superseded")


def test_cancelling_an_interview_nobody_was_told_of_mails_nothing(desk, booked):
    cancelled = desk.cancel(booked.interview_id)
    assert cancelled.notification_id is None
    assert desk.mails(booked.interview_id) == [("invitation", 1, "superseded")]


def test_cancelling_a_told_interview_mails_the_told_time(desk, booked, tomorrow):
    desk.deliver()
    desk.move(booked.interview_id, tomorrow + HOUR)
    cancelled = desk.cancel(booked.interview_id)
    assert desk.mails(booked.interview_id)[-1] == ("cancelled", 1, "queued")
    facts = desk.facts(booked.interview_id)[-1]
    assert (facts.starts_at, facts.kind, facts.previous_starts_at) == (tomorrow, "cancelled", None)
    assert cancelled.notification_id == 3


def test_a_booking_after_a_sent_cancellation_is_a_new_invitation(desk, request_of, booked, tomorrow):
    desk.deliver()
    desk.cancel(booked.interview_id)
    desk.deliver()
    again = desk.book(request_of(tomorrow + HOUR))
    assert (again.action, again.interview_id) == ("create", booked.interview_id)
    assert desk.mails(booked.interview_id)[-1] == ("invitation", 2, "queued")
    assert [facts.sequence for facts in desk.facts(booked.interview_id)] == [0, 1, 2]


def test_a_booking_after_an_unsent_cancellation_is_a_reschedule(desk, request_of, booked, tomorrow):
    desk.deliver()
    desk.cancel(booked.interview_id)
    desk.book(request_of(tomorrow + HOUR))
    assert desk.mails(booked.interview_id) == [
        ("invitation", 1, "sent"), ("cancelled", 1, "superseded"), ("rescheduled", 1, "queued"),
    ]  # fmt: skip


def test_a_booking_after_a_silent_cancellation_is_the_first_word(desk, request_of, booked):
    desk.cancel(booked.interview_id)
    desk.book(request_of())
    assert desk.mails(booked.interview_id)[-1] == ("invitation", 2, "queued")


def test_the_calendars_uid_stays_and_its_sequence_grows_by_one_per_change(desk, booked, tomorrow):
    desk.deliver()
    for hours in (1, 2):
        desk.move(booked.interview_id, tomorrow + hours * HOUR)
    desk.cancel(booked.interview_id)
    facts = desk.facts(booked.interview_id)
    assert [f.sequence for f in facts] == [0, 1, 2, 3]
    assert len({f.calendar_uid for f in facts}) == 1
    assert desk.rows("SELECT sequence FROM interview") == [(3,)]


def test_sending_again_changes_neither_sequence_nor_session(desk, booked):
    before = desk.rows("SELECT facts, message_id, token FROM notification, interview_session")
    desk.deliver("unknown")
    desk.recover()
    assert desk.deliver() == [booked.notification_id]
    assert desk.rows("SELECT facts, message_id, token FROM notification, interview_session") == before
    assert (desk.rows("SELECT sequence FROM interview"), desk.count("interview_session")) == ([(0,)], 1)


def test_two_interviews_of_one_candidate_have_mails_and_keys_of_their_own(desk, request_of, booked, tomorrow):
    other = desk.book(request_of(tomorrow + HOUR, job_title="Porter"))
    sql = (
        "SELECT n.interview_id, s.public, n.message_id, n.token FROM notification n"
        " JOIN interview_session s ON s.interview_id = n.interview_id ORDER BY n.id"
    )
    rows = desk.rows(sql)
    assert [row[0] for row in rows] == [booked.interview_id, other.interview_id]
    assert all(len(set(column)) == 2 for column in zip(*rows, strict=True))
    assert len({facts.calendar_uid for row in rows for facts in desk.facts(row[0])}) == 2


def test_a_mail_goes_to_the_address_as_it_is_written_now(desk, request_of, booked, tomorrow):
    desk.book(request_of(tomorrow + HOUR, email="Asha@example.com"))
    assert desk.rows("SELECT recipient FROM notification ORDER BY id") == [("asha@example.com",), ("Asha@example.com",)]


def test_a_message_id_names_the_links_host(desk, booked):
    message_id, token = desk.rows("SELECT message_id, token FROM notification")[0]
    assert message_id == f"<{token}@interviews.example.com>"


def test_the_mail_shows_what_was_asked_for(desk, request_of, tomorrow):
    request = request_of(booking_notes="Bring an ID.", reference="ATS-7", candidate_timezone="Europe/Berlin", round=2)
    facts = desk.facts(desk.book(request).interview_id)[0]
    assert (facts.booking_notes, facts.reference, facts.candidate_timezone, facts.round) == (
        "Bring an ID.", "ATS-7", "Europe/Berlin", 2,
    )  # fmt: skip
    assert times.epoch(facts.ends_at) - times.epoch(facts.starts_at) == 3600
