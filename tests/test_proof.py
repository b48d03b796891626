"""Proof from end to end: whatever goes wrong between the record and the candidate's page gives a failed row."""

from datetime import timedelta

import pytest

from mailer import mailbox
from mailer.portal_client import PortalClient
from mailer.proof import FAILED, NOT_CHECKED, PROVEN, ProofReport, ProofRow
from store import session_keys, times
from store.database import execute, fetch

pytest_plugins = ("proof_office",)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def keyless(report):
    return not session_keys.SESSION_KEY.search(repr(report) + report.sentence)


def test_a_delivered_mail_whose_link_opens_its_page_is_proven(office, sent):
    report = office.prove(sent)
    assert report.rows == (ProofRow(sent.notification_id, sent.interview_id, "invitation", "a***@example.org", "sent",
                                    "1 copy", "early", PROVEN, (), ""),)  # fmt: skip
    assert report.is_proven
    assert report.sentence == (
        "1 of 1 mail is proven: delivered to the right address, each with its own link, the right time, and the link"
        " opens that candidate's page."
    )


@pytest.mark.parametrize(("starts_in", "state"), [
    (DAY, "early"), (5 * MINUTE, "waiting"), (-MINUTE, "open"), (-20 * MINUTE, "late"),
])  # fmt: skip
def test_whatever_the_access_window_says_the_mail_is_proven(office, starts_in, state):
    booked = office.book(starts_in)
    office.send()
    row = office.row(booked)
    assert (row.verdict, row.link, row.problems) == (PROVEN, state, ())


def test_the_window_may_turn_while_the_link_is_opened(office):
    booked = office.book(15 * MINUTE)
    office.send()
    assert office.row(booked, now=times.now() - timedelta(seconds=1.5)).verdict == PROVEN
    row = office.row(booked, now=times.now() - MINUTE)
    assert row.problems == ("The page says waiting, the access window says early.",)


def test_an_interview_that_has_begun_is_proven_running(office):
    booked = office.book(-20 * MINUTE)
    office.send()
    execute(office.db, "UPDATE interview_session SET begun_at = ? WHERE interview_id = ?",
            (times.epoch(times.now() - 19 * MINUTE), booked.interview_id))  # fmt: skip
    assert office.row(booked).link == "running"


def test_proof_is_no_visit_of_the_candidate(office, sent):
    office.prove(sent)
    office.prove(sent)
    sql = (
        "SELECT v.kind, s.opened_at FROM portal_visit v JOIN interview_session s ON s.id = v.session_id"
        " WHERE s.interview_id = ?"
    )
    assert fetch(office.db, sql, (sent.interview_id,)) == [("proof", None)] * 2
    assert fetch(office.db, "SELECT count(*) FROM event WHERE interview_id = ? AND kind = 'opened'",
                 (sent.interview_id,)) == [(0,)]  # fmt: skip


def test_a_candidate_who_begins_between_the_reading_and_the_visit_is_no_failure(office, monkeypatch):
    booked = office.book(-MINUTE)
    office.send()
    ask = PortalClient.open

    def begun_first(client, link, proof):
        execute(office.db, "UPDATE interview_session SET begun_at = ? WHERE interview_id = ?",
                (times.epoch(times.now()), booked.interview_id))  # fmt: skip
        return ask(client, link, proof)

    monkeypatch.setattr(PortalClient, "open", begun_first)
    assert (office.row(booked).verdict, office.row(booked).link) == (PROVEN, "running")


def test_moved_and_cancelled_interviews_are_proven_with_every_mail(office):
    booked = office.book()
    office.send()
    moved = office.move(booked, 2 * DAY)
    office.send()
    assert [row.verdict for row in office.prove(booked, moved).rows] == [PROVEN, PROVEN]
    cancelled = office.cancel(booked)
    office.send()
    report = office.prove(booked, moved, cancelled)
    assert [(row.kind, row.verdict, row.link) for row in report.rows] == [
        ("invitation", PROVEN, "cancelled"), ("rescheduled", PROVEN, "cancelled"), ("cancelled", PROVEN, "cancelled"),
    ]  # fmt: skip
    assert (
        "(a cancelled one has none: 1), the right time (an older mail says what was booked then: 2)" in report.sentence
    )
    assert "the time that was booked then" in office.prove(booked).sentence


def test_an_interview_that_was_changed_by_hand_fails_its_newest_mail(office, sent):
    execute(office.db, "UPDATE interview SET started_at = started_at - 3600 WHERE id = ?", (sent.interview_id,))
    row = office.row(sent)
    assert row.verdict == FAILED
    assert {what.split()[1] for what in row.problems} == {"text", "HTML", "calendar"}


def test_a_cancellation_whose_interview_still_stands_fails(office, sent):
    cancelled = office.cancel(sent)
    office.send()
    execute(office.db, "UPDATE interview SET state = 'scheduled' WHERE id = ?", (sent.interview_id,))
    row = office.row(cancelled)
    assert (row.verdict, row.problems) == (FAILED, ("The page says early, the access window says cancelled.",))


LINK = b"https://interviews.example.com/?session_key="


@pytest.mark.parametrize(("how", "words", "fix"), [
    ({"to": "eve@example.net"}, "It was delivered to e***@example.net", "redirects"),
    ({"tamper": lambda mail: mail.replace(LINK, b"https://t.example/c?u=" + LINK)}, "Click tracking", "click and open"),
    ({"tamper": lambda mail: mail.replace(b"</body>", b"<img src=http://t.example>")}, "second web", "click and"),
    ({"tamper": lambda mail: mail.replace(b"IST", b"PST")}, "The text says", "changes mails"),
    ({"tamper": lambda mail: mail.replace(b"method=REQUEST", b"method=CANCEL")}, "METHOD", "changes mails"),
    ({"tamper": lambda mail: mail.replace(b"UID:", b"UID:x")}, "as UID", "changes mails"),
    ({"tamper": lambda mail: mail.replace(b"\r\nTo:", b"\r\nReply-To: e@x.org\r\nTo:")}, "Reply-To", "rewrites mails"),
    ({"tamper": lambda mail: mail.replace(b"STATUS:CONFIRMED", b"STATUS:CANCELLED")}, "the record makes: calendar.",
     "rewrites mails"),
    ({"keep": False}, "not in the mailbox", "SANDBOX_MAILBOX"),
])  # fmt: skip
def test_what_is_wrong_with_a_delivered_mail_is_told_with_the_fix(office, how, words, fix):
    booked = office.book()
    office.send(**how)
    report = office.prove(booked)
    row = report.rows[0]
    assert row.verdict == FAILED
    assert words in row.problems[0]
    assert fix in row.fix
    said = f"0 of 1 mail is proven. 1 failed, IV-{booked.interview_id} (a***@example.org): "
    assert report.sentence.startswith(said)
    assert row.link == "early"
    assert keyless(report)


def test_another_candidates_key_in_a_mail_is_told(office, sent):
    public, key_id = fetch(office.db, "SELECT public, key_id FROM interview_session WHERE interview_id = ?",
                           (sent.interview_id,))[0]  # fmt: skip
    key = session_keys.session_key(public, key_id, 1, office.ring).encode()
    booked = office.book()
    office.send(tamper=lambda mail: mail.replace(b"Asha", key))
    row = office.row(booked)
    assert "It holds a session_key that it must not hold." in row.problems
    assert keyless(office.prove(booked))


def test_duplicates_with_the_same_bytes_are_proven_and_counted(office):
    booked = office.book()
    office.send(copies=3)
    row = office.row(booked)
    assert (row.verdict, row.delivered) == (PROVEN, "3 copies")


def test_a_mail_that_arrives_while_the_proof_runs_is_found(office, sent, monkeypatch):
    files = list((office.mailbox / "new").iterdir())
    held = files[0].rename(office.folder / "on-its-way")
    look = mailbox.Mailbox.index
    monkeypatch.setattr(mailbox.Mailbox, "index", lambda box: (look(box), held.exists() and held.rename(files[0]))[0])
    assert office.row(sent).verdict == PROVEN


def test_without_read_back_no_row_is_proven_but_the_links_are_opened(office, sent):
    report = office.prove(sent, mailbox=None)
    row = report.rows[0]
    assert (row.delivered, row.link, row.verdict) == ("delivery not checked", "early", NOT_CHECKED)
    assert not report.is_proven
    assert report.sentence.startswith("0 of 1 mail is proven. 1 is not checked, IV-")


def test_a_session_that_was_exchanged_in_the_record_is_told(office, sent):
    execute(office.db, "UPDATE interview_session SET public = ? WHERE interview_id = ?", ("a" * 16, sent.interview_id))
    assert office.row(sent, mailbox=None).verdict == NOT_CHECKED
    assert office.row(sent).verdict == FAILED


def test_a_link_that_was_revoked_since_is_told(office, sent):
    session = fetch(office.db, "SELECT id FROM interview_session WHERE interview_id = ?", (sent.interview_id,))[0][0]
    session_keys.revoke(office.db, session, now=times.now())
    row = office.row(sent)
    assert row.verdict == FAILED
    assert "not this booking's" in row.problems[0]


def test_the_sentence_never_hides_what_failed_or_was_not_checked():
    def row(number, verdict):
        problems = () if verdict == PROVEN else (f"Problem {number}.",)
        facts = (number, number, "invitation", "a***@x.org", "sent", "1 copy", "early")
        return ProofRow(*facts, verdict, problems, "fix it.")

    report = ProofReport((row(1, PROVEN), row(2, FAILED), row(3, FAILED), row(4, NOT_CHECKED)), 4)
    assert report.sentence == (
        "1 of 4 mails is proven. 2 failed, the first is IV-2 (a***@x.org): Problem 2. To fix: fix it."
        " 1 is not checked, IV-4 (a***@x.org): Problem 4. To fix: fix it."
    )


def test_the_log_gets_one_line_without_a_key(office, sent, caplog):
    with caplog.at_level("INFO", "mailer.proof"):
        office.prove(sent)
    assert [record.getMessage()[:22] for record in caplog.records] == ["PROOF: 1 of 1 mail is "]
    assert not session_keys.SESSION_KEY.search(caplog.text)
