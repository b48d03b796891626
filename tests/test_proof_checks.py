"""What one delivered mail must be and say to be proven, and how each thing that is changed on the way is told."""

import re
import shutil
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailer import messages, proof_checks
from mailer.mailbox import Mail, Mailbox, keep, prepare
from mailer.messages import compose
from mailer.proof_checks import Booked, problems_of
from mailer.proof_reading import read
from store import session_keys
from store.facts import CANCELLED, INVITATION, RESCHEDULED, Facts, HandOver

START = datetime(2026, 11, 30, 7, 20, tzinfo=UTC)
TOKEN = "0123456789abcdef01234567"
MESSAGE_ID = f"<{TOKEN}@interviews.example.com>"
SITE, SENDER, RECIPIENT = "https://interviews.example.com", "jobs@example.com", "asha@example.org"
KEY, OTHER_KEY = "k1" + "abcdefgh234567qz" * 3, "k1" + "zzzzefgh234567qz" * 3
LINK = f"{SITE}/?session_key={KEY}"
INVITED = Facts(
    kind=INVITATION, candidate_name="Asha Rao", recipient=RECIPIENT, job_title="Data Engineer",
    company_name="Example Labs", starts_at=START, ends_at=START + timedelta(minutes=45), timezone="Asia/Kolkata",
    candidate_timezone="Europe/Berlin", opens_before=15, closes_after=15,
    booking_notes="- Time: 12:50 PM IST\nBring ID.", reference="R-17", round=1,
    calendar_uid="interview-17@0123456789abcdef", sequence=0,
)  # fmt: skip
MOVED = replace(INVITED, kind=RESCHEDULED, sequence=1, previous_starts_at=START - timedelta(days=1))
CALLED_OFF = replace(INVITED, kind=CANCELLED, sequence=2)
HAND_OVER = HandOver(START - timedelta(days=3), SENDER, "Example Jobs", SITE)
BOOKED = Booked(INVITED, HAND_OVER, RECIPIENT, LINK, MESSAGE_ID, TOKEN)
CLICKS = b"https://click.tracker.example/ls/click?upn=" + LINK.encode()


def made(facts=INVITED, link=LINK):
    return compose(facts, HAND_OVER, message_id=MESSAGE_ID, token=TOKEN, link=link)


def swap(old, new, part=None):
    """A tampering that must find what it changes, in the whole mail or in part 1, 2 or 3."""

    def tampered(octets):
        sections = octets.split(b"--=_" + TOKEN.encode())
        chosen = range(len(sections)) if part is None else [part]
        for number in chosen:
            if part == 3 and old not in sections[number]:
                sections[number] = sections[number].replace(b"\r\n ", b"")
            sections[number] = sections[number].replace(old, new)
        result = (b"--=_" + TOKEN.encode()).join(sections)
        assert result != octets
        return result

    return tampered


def as_base64(octets):
    """The mail as a relay that encodes its text anew hands it on."""
    sections = octets.split(b"--=_" + TOKEN.encode())
    head, _, body = sections[1].partition(b"\r\n\r\n")
    head = re.sub(rb"Encoding: [\w-]+", b"Encoding: base64", head)
    sections[1] = head + b"\r\n\r\n" + b64encode(body) + b"\r\n"
    return (b"--=_" + TOKEN.encode()).join(sections)


@pytest.fixture
def found(tmp_path):
    """Delivers mails into a Maildir and gives what is wrong with them."""

    def check(*mails, booked=BOOKED, to=RECIPIENT, sender=SENDER):
        prepare(tmp_path / "mailbox")
        keep(tmp_path / "mailbox", [Mail(sender, (to,), octets) for octets in mails])
        return problems_of(Mailbox(tmp_path / "mailbox").find(MESSAGE_ID), booked)

    return check


@pytest.mark.parametrize("facts", [INVITED, MOVED, CALLED_OFF], ids=lambda facts: facts.kind)
def test_a_mail_as_it_was_made_is_proven(found, facts):
    assert found(made(facts), booked=replace(BOOKED, facts=facts)) == []


@pytest.mark.parametrize("changes", [
    {"candidate_name": "आशा राव", "job_title": "Ingénieure données", "company_name": "Ünïcode 株式会社 " * 9},
    {"job_title": "R&D <lead>, \"quoted\"; a\\b =?utf-8?q?x?= " + "w" * 90, "booking_notes": "x" * 3000},
    {"timezone": "America/New_York", "candidate_timezone": "", "round": 3},
    {"timezone": "+05:30", "candidate_timezone": "America/St_Johns", "ends_at": START + timedelta(minutes=90)},
])  # fmt: skip
def test_names_of_every_script_and_zones_of_every_kind_are_proven(found, changes):
    facts = replace(INVITED, **changes)
    assert found(made(facts), booked=replace(BOOKED, facts=facts)) == []


def test_an_internationalised_recipient_is_proven(found):
    facts = replace(INVITED, recipient="आशा@example.org")
    booked = replace(BOOKED, facts=facts, recipient=facts.recipient)
    assert found(made(facts), booked=booked, to=facts.recipient) == []


def test_another_encoding_of_the_same_words_is_proven(found):
    assert found(as_base64(made())) == []


@pytest.mark.parametrize("travelled", [
    lambda octets: octets.replace(b"\r\n", b"\n"),
    lambda octets: b"Received: from a.example by b.example;\r\n Mon, 30 Nov 2026 07:00:00 +0000\r\n" + octets,
    lambda octets: octets.replace(b"Subject: Interview Scheduled -", b"Subject: Interview Scheduled\r\n -"),
], ids=["line ends", "trace", "folding"])  # fmt: skip
def test_what_every_delivery_may_do_to_a_mail_is_proven(found, travelled):
    assert travelled(made()) != made()
    assert found(travelled(made())) == []


def test_two_copies_with_the_same_bytes_are_proven(found):
    assert found(made(), made()) == []


def test_two_copies_that_differ_are_told(found):
    problems = found(made(), made().replace(b"Example Jobs", b"Example Jobz"))
    assert [(problem.code, problem.what) for problem in problems] == [
        ("copies", "It was delivered 2 times, and the copies differ.")
    ]


def test_another_envelope_recipient_is_told(found):
    problems = found(made(), to="eve@example.net")
    assert [problem.code for problem in problems] == ["envelope"]
    assert "instead of the booked address" in problems[0].what


def test_a_mailbox_that_does_not_name_the_envelope_proves_nothing(found, tmp_path):
    prepare(tmp_path / "mailbox")
    (tmp_path / "mailbox" / "new" / "1.plain").write_bytes(made())
    problems = problems_of(Mailbox(tmp_path / "mailbox").find(MESSAGE_ID), BOOKED)
    assert {problem.code for problem in problems} == {"envelope", "sender"}


TAMPERINGS = [
    ("another To", swap(b"To: asha@example.org", b"To: eve@example.net"), "recipient", "To says"),
    ("a named To", swap(b"To: asha@example.org", b"To: A <asha@example.org>"), "recipient", "To says"),
    ("two To", swap(b"\r\nTo:", b"\r\nTo: eve@example.net\r\nTo:"), "headers", "2 To headers"),
    ("a Bcc", swap(b"\r\nTo:", b"\r\nBcc: eve@example.net\r\nTo:"), "headers", "Bcc"),
    ("another From", swap(b"<jobs@example.com>", b"<jobs@evil.example>"), "sender", "instead of jobs@example.com"),
    ("another subject", swap(b"Subject: Interview", b"Subject: [EXTERNAL] Interview"), "subject", "[EXTERNAL]"),
    ("tracked clicks in the text", swap(LINK.encode(), CLICKS, 1), "click_tracking", "Click tracking"),
    ("tracked clicks in the HTML", swap(LINK.encode(), CLICKS, 2), "click_tracking", "click.tracker.example"),
    ("tracked clicks in the calendar", swap(LINK.encode(), CLICKS, 3), "click_tracking", "the calendar"),
    ("a redirector at our host", swap(LINK.encode(), b"https://interviews.example.com/r?u=" + LINK.encode(), 1),
     "click_tracking", "the text"),
    ("open tracking", swap(b"</body>", b'<img src="https://o.tracker.example/p.gif"></body>', 2), "second_link",
     "o.tracker.example"),
    ("a pixel without a scheme", swap(b"</body>", b'<img src="//o.tracker.example/p"></body>', 2), "second_link",
     "HTML"),
    ("a base", swap(b"<head>", b'<head><base href="//evil.example">', 2), "second_link", "HTML"),
    ("a second address", swap(b"Bring ID.", b"See http://other.example/.", 1), "second_link", "other.example"),
    ("an address in a style", swap(b"<h1 style=\"", b"<h1 style=\"background:url(http://x.example/a);", 2),
     "second_link", "x.example"),
    ("no link", swap(LINK.encode(), b"(link removed)", 1), "link", "The text carries no link"),
    ("a longer link", swap(LINK.encode(), LINK.encode() + b"&utm=1", 1), "link", "byte for byte"),
    ("capitals in the link", swap(LINK.encode(), LINK.upper().encode(), 1), "link", "byte for byte"),
    ("another candidate's key", swap(KEY.encode(), OTHER_KEY.encode(), 2), "key", "not this booking's"),
    ("another key in the words", swap(b"Bring ID.", b"Bring " + OTHER_KEY.upper().encode(), 1), "key", "must not hold"),
    ("another key in a header", swap(b"Auto-Submitted:", b"X-Key: " + OTHER_KEY.encode() + b"\r\nAuto-Submitted:"),
     "key", "must not hold"),
    ("another time in the text", swap(b"Time: 12:50 PM IST", b"Time: 01:50 PM IST", 1), "time", "The text says '01:50"),
    ("another time in the HTML", swap(b"12:50 PM IST", b"12:50 AM IST", 2), "time", "The HTML says '12:50 AM"),
    ("another zone's letters", swap(b"12:50 PM IST", b"12:50 PM GMT", 1), "time", "'12:50 PM IST'"),
    ("another date", swap(b"Monday, 30", b"Tuesday, 1", 1), "time", "as Date"),
    ("another local time", swap(b"08:20 AM CET", b"09:20 AM CET", 2), "time", "as Your local time"),
    ("another duration", swap(b"45 minutes", b"60 minutes", 1), "time", "as Duration"),
    ("words after the zone", swap(b"PM IST (Asia/Kolkata)", b"PM IST (no, come at 3 AM)", 1), "time", "come at 3 AM"),
    ("another zone's name", swap(b"IST (Asia/Kolkata)", b"IST (Europe/Dublin)", 2), "time", "Europe/Dublin"),
    ("no time", swap(b"- Time: 12:50 PM IST (Asia/Kolkata)\r\n", b"", 1), "time", "The text says nothing as Time"),
    ("another start in the calendar", swap(b"DTSTART:20261130T072000Z", b"DTSTART:20261130T125000Z", 3), "calendar",
     "as DTSTART, the record says 20261130T072000Z"),
    ("a start without a zone", swap(b"T072000Z", b"T072000", 3), "calendar", "without a time zone"),
    ("another end", swap(b"DTEND:20261130T0805", b"DTEND:20261130T0905", 3), "calendar", "as DTEND"),
    ("no start", swap(b"DTSTART:20261130T072000Z\r\n", b"", 3), "calendar", "cannot be read"),
    ("nonsense as start", swap(b"DTSTART:20261130T072000Z", b"DTSTART:soon", 3), "calendar", "calendar"),
    ("no calendar", swap(b"BEGIN:VEVENT", b"BEGIN:VTODO", 3), "calendar", "calendar"),
    ("another sequence", swap(b"SEQUENCE:0", b"SEQUENCE:7", 3), "calendar", "7 as SEQUENCE"),
    ("two sequences", swap(b"SEQUENCE:0", b"SEQUENCE:0\r\nSEQUENCE:0", 3), "calendar", "2 SEQUENCE lines"),
    ("another UID", swap(b"UID:interview-17", b"UID:interview-18", 3), "calendar", "as UID"),
    ("another METHOD inside", swap(b"\r\nMETHOD:REQUEST", b"\r\nMETHOD:PUBLISH", 3), "method",
     "Content-Type says REQUEST"),
    ("another method outside", swap(b"method=REQUEST", b"method=CANCEL", 3), "method", "Content-Type says CANCEL"),
    ("no method outside", swap(b"method=REQUEST; ", b"", 3), "method", "Content-Type says none"),
    ("another organizer", swap(b"ORGANIZER:mailto:jobs", b"ORGANIZER:mailto:boss", 3), "calendar", "as ORGANIZER"),
    ("another attendee", swap(b"FALSE:mailto:asha", b"FALSE:mailto:eve", 3), "calendar", "as ATTENDEE"),
    ("two attendees", swap(b"ORGANIZER:", b"ATTENDEE:mailto:eve@example.net\r\nORGANIZER:", 3), "calendar",
     "2 ATTENDEE"),
    ("a footer as a part", swap(b"text/calendar; method", b"text/plain; method", 3), "parts",
     "text/plain, text/html, text/plain"),
    ("no text part", swap(b"text/plain; charset=utf-8", b"image/png", 1), "parts", "image/png, text/html"),
    ("a part in no charset", swap(b"text/html; charset=utf-8", b"text/html; charset=none-such", 2), "unreadable",
     "decoded"),
    ("an address that cannot be read", swap(LINK.encode(), b"https://[broken/", 1), "click_tracking", "no host"),
]  # fmt: skip


ALTERATIONS = [
    ("an address without a scheme", swap(b"Bring ID.", b"See www.evil.example.", 1), "text"),
    ("another opening", swap(b"15 minutes before", b"99 minutes before", 1), "text"),
    ("another name", swap(b"Hello Asha Rao", b"Hello Eve", 2), "HTML"),
    ("a script", swap(b"</body>", b"<script>location='/'+'/evil.example'</script></body>", 2), "HTML"),
    ("a refresh", swap(b"<head>", b'<head><meta http-equiv="refresh" content="0;url=//evil.example">', 2), "HTML"),
    ("a form", swap(b"</body>", b'<button formaction="//evil.example">Go</button></body>', 2), "HTML"),
    ("a style", swap(b"<h1 style=\"", b"<h1 style=\"background:url(//evil.example/a);", 2), "HTML"),
    ("a comment", swap(b"</body>", b"<!-- x --></body>", 2), "HTML"),
    ("a Reply-To", swap(b"\r\nTo:", b"\r\nReply-To: eve@evil.example\r\nTo:"), "Reply-To header"),
    ("a named sender", swap(b"From: Example Jobs", b"From: Evil Jobs"), "From header"),
    ("another date", swap(b"\r\nDate: Fri, 27 Nov 2026", b"\r\nDate: Mon, 01 Jan 1990"), "Date header"),
    ("no Auto-Submitted", swap(b"Auto-Submitted: auto-generated\r\n", b""), "Auto-Submitted header"),
    ("a cancelled event", swap(b"STATUS:CONFIRMED", b"STATUS:CANCELLED", 3), "calendar"),
    ("an event that comes again", swap(b"STATUS:", b"RRULE:FREQ=DAILY\r\nSTATUS:", 3), "calendar"),
    ("another alarm", swap(b"TRIGGER:-PT15M", b"TRIGGER:-PT99M", 3), "calendar"),
    ("another charset", swap(b"text/plain; charset=utf-8", b"text/plain; charset=latin-1", 1), "text's headers"),
    ("a name for a part", swap(b"charset=utf-8", b"charset=utf-8; name=x.exe", 2), "HTML's headers"),
    ("two encodings", swap(b"\r\nContent-Transfer-E", b"\r\nContent-Transfer-Encoding: 7bit\r\nContent-Transfer-E", 3),
     "calendar's headers"),
    ("words before the parts", lambda octets: octets.replace(b'01234567"\r\n\r\n', b'01234567"\r\n\r\nCome at 3 AM.\r\n'),
     "words around the parts"),
    ("words after the parts", lambda octets: octets + b"Come at 3 AM.\r\n", "words around the parts"),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "where"), [case[1:] for case in ALTERATIONS], ids=[c[0] for c in ALTERATIONS])
def test_whatever_else_is_changed_is_told_by_where_it_is(found, tamper, where):
    problems = found(tamper(made()))
    assert [(problem.code, problem.what) for problem in problems] == [
        ("altered", f"It differs from the mail that the record makes: {where}.")
    ]
    assert problems[0].fix.startswith("something between the mail server and the mailbox rewrites mails")


@pytest.fixture
def other_templates(tmp_path, monkeypatch):
    """Changes the words of the templates, for this test only, when it is called."""

    def forget():
        messages.template.cache_clear()
        messages._sentences.cache_clear()

    def change():
        shutil.copytree(messages.TEMPLATES, tmp_path / "templates")
        with (tmp_path / "templates" / "closing.tpl").open("a") as closing:
            closing.write("\nBe well.\n")
        monkeypatch.setattr(messages, "TEMPLATES", tmp_path / "templates")
        forget()

    yield change
    monkeypatch.undo()
    forget()


def test_a_mail_made_with_other_templates_is_not_proven(found, other_templates):
    sent = made()
    other_templates()
    problems = found(sent)
    assert [problem.what for problem in problems] == ["It differs from the mail that the record makes: text, HTML."]
    assert "mailer/templates were changed" in problems[0].fix


def test_a_mail_that_vanishes_while_it_is_compared_is_told(found, monkeypatch):
    def read_before_it_vanished(mail):
        reading = read(mail)
        mail.path.unlink()
        return reading

    monkeypatch.setattr(proof_checks, "read", read_before_it_vanished)
    assert [problem.code for problem in found(made())] == ["unreadable"]


def test_a_record_that_no_longer_makes_a_mail_is_told(found):
    problems = found(made(), booked=replace(BOOKED, token="short"))
    assert [problem.code for problem in problems] == ["not_composed"]
    assert problems[0].fix == "queue the mail again."


@pytest.mark.parametrize(("tamper", "code", "words"), [case[1:] for case in TAMPERINGS], ids=[c[0] for c in TAMPERINGS])
def test_what_is_changed_on_the_way_is_told_with_a_fix(found, tamper, code, words):
    problems = found(tamper(made()))
    assert code in [problem.code for problem in problems]
    assert any(words in problem.what for problem in problems)
    assert all(problem.fix for problem in problems)


@pytest.mark.parametrize("tamper", [case[1] for case in TAMPERINGS], ids=[case[0] for case in TAMPERINGS])
def test_no_problem_holds_a_key(found, tamper):
    said = repr(found(tamper(made()))) + repr(replace(BOOKED, facts=MOVED))
    assert not session_keys.SESSION_KEY.search(said)


def test_click_tracking_says_what_to_switch_off(found):
    problems = found(swap(LINK.encode(), CLICKS, 2)(made()))
    assert [problem.code for problem in problems] == ["click_tracking"]
    assert "switch off click and open tracking" in problems[0].fix


def test_an_old_time_that_differs_is_told(found):
    problems = found(made(MOVED), booked=replace(BOOKED, facts=replace(MOVED, previous_starts_at=START)))
    assert {problem.what.partition(", the record")[0].rpartition(" as ")[2] for problem in problems} == {"Old time"}


def test_a_record_that_was_changed_without_a_mail_fails_in_all_three_parts(found):
    later = replace(INVITED, starts_at=START + timedelta(hours=1), ends_at=START + timedelta(hours=2))
    said = " ".join(problem.what for problem in found(made(), booked=replace(BOOKED, facts=later)))
    assert "The text says" in said
    assert "The HTML says" in said
    assert "as DTSTART" in said


@pytest.mark.parametrize("part", [1, 2, 3])
def test_a_cancelled_mail_with_a_link_is_told(found, part):
    where = {1: b"Rao,", 2: b"Rao,", 3: b"LOCATION:"}[part]
    tampered = swap(where, where + LINK.encode(), part)(made(CALLED_OFF))
    problems = found(tampered, booked=replace(BOOKED, facts=CALLED_OFF))
    assert {"link", "key"} <= {problem.code for problem in problems}
    assert "interviews.example.com" in problems[0].what


@pytest.mark.parametrize("junk", [
    b"", b"\r\n\r\n", b"\xff" * 500, b"Content-Type: multipart/alternative\r\n\r\nx", b"To: \"=?x?\r\n\r\n",
    b"Content-Type: text/calendar; method*0*=x''%\r\nFrom: <<<@\r\nSubject: =?utf-8?b?A?=\r\n\r\nBEGIN:",
])  # fmt: skip
def test_a_mail_that_is_no_mail_is_a_problem_and_no_crash(found, junk):
    problems = found(f"Message-ID: {MESSAGE_ID}\r\n".encode() + junk)
    assert problems
    assert all(problem.what and problem.fix for problem in problems)
