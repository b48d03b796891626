"""The mail to ops: its words, its bytes, and the seal that lets no other shape out."""

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from facts_of_mails import FAILED_JOB, START

from mailer.alert_mail import compose, subject
from mailer.alert_seal import UnsealedAlert, seal_alert
from mailer.messages import NotComposed
from mailer.quality import html_rules
from mailer.quality.html_page import Page
from store.facts import HandOver

TOKEN = "0123456789abcdef01234567"
KEY = "k1" + "abcdefgh234567qz" * 3
HOSTILE = '<script>alert(1)</script> https://evil.example/?a=1 =?utf-8?q?x?= "quoted" & 50 % \u0906\u0936\u093e'


def made(alert=FAILED_JOB, recipient="ops@example.com", from_name="Example Jobs"):
    hand_over = HandOver(START - timedelta(days=3), "jobs@example.com", from_name, "https://interviews.example.com")
    message_id = f"<{TOKEN}@interviews.example.com>"
    return compose(alert, hand_over, recipient=recipient, message_id=message_id, token=TOKEN)


def read(data):
    return message_from_bytes(data, policy=policy.default)


def body(data, kind):
    return read(data).get_body((kind,)).get_content()


def sealed(data, recipient="ops@example.com", sender="jobs@example.com"):
    return seal_alert(data, recipient=recipient, sender=sender)


def refused(data, **expected):
    with pytest.raises(UnsealedAlert) as refusal:
        sealed(data, **expected)
    assert "mailer/templates" in refusal.value.fix
    assert KEY not in refusal.value.line()
    return refusal.value.reason


def changed(data, old, new):
    assert data.count(old) == 1
    return data.replace(old, new)


def test_the_first_line_says_what_to_do():
    assert body(made(), "plain").splitlines()[0] == "To fix: see the table of rows."
    page = body(made(), "html")
    assert page.index("<b>To fix:</b> see the table of rows.") < page.index("<h1")


def test_the_mail_says_which_job_failed_and_where_its_record_is():
    mail = read(made())
    assert mail["Subject"] == "[Interview Ops] booking_batch failed: 3 rows failed"
    assert (mail["To"], mail["Auto-Submitted"], mail["Message-ID"]) == (
        "ops@example.com", "auto-generated", f"<{TOKEN}@interviews.example.com>",
    )  # fmt: skip
    for name, text in FAILED_JOB.facts.items():
        assert f"- {name}: {text}" in body(made(), "plain")
        assert f'>{name}</th><td valign="top"><bdi>{text}</bdi>' in body(made(), "html")


def test_a_mail_made_twice_has_the_same_bytes_without_a_defect():
    hostile = replace(FAILED_JOB, headline=HOSTILE, fix=HOSTILE, facts={"Message": HOSTILE * 12, HOSTILE: "1"})
    for alert in (FAILED_JOB, hostile):
        data = made(alert)
        assert data == made(alert)
        assert not [defect for part in read(data).walk() for defect in part.defects]
        assert all(len(line) <= 998 for line in data.split(b"\r\n"))
        assert sealed(data) is None


def test_what_a_job_said_is_shown_as_it_is_and_never_acts():
    alert = replace(FAILED_JOB, headline=HOSTILE, facts={"Message": HOSTILE})
    assert "<script>" not in body(made(alert), "html")
    assert "&lt;script&gt;" in body(made(alert), "html")
    assert "://" not in body(made(alert), "plain") + body(made(alert), "html") + subject(alert)
    assert read(made(alert))["Subject"] == subject(alert)
    assert "=?utf-8?q?x?=" in subject(alert)


def test_the_page_keeps_the_rules_that_mail_programs_have():
    assert list(html_rules.findings(Page(body(made(), "html")))) == []


@pytest.mark.parametrize(
    "address", ["", "ops", "Ops <ops@example.com>", "a@example.com, b@example.com", "a b@example.com"]
)
def test_an_address_that_cannot_be_mailed_makes_no_mail(address):
    with pytest.raises(NotComposed) as refusal:
        made(recipient=address)
    assert (refusal.value.code, refusal.value.fix) == ("recipient", "correct OPS_EMAIL.")


@pytest.mark.parametrize("from_name", ["", "Jobs", 'Jobs, "Ltd".', "Société Générale " * 4])
def test_the_mail_that_we_make_passes_the_seal(from_name):
    assert sealed(made(from_name=from_name)) is None


@pytest.mark.parametrize("header", [b"Bcc: evil@example.net", b"Cc: evil@example.net", b"Reply-To: x@example.net"])
def test_a_further_header_is_refused(header):
    assert refused(changed(made(), b"Subject:", header + b"\r\nSubject:")) == "shape"


@pytest.mark.parametrize(
    "name", [b"From", b"To", b"Subject", b"Date", b"Message-ID", b"MIME-Version", b"Auto-Submitted"]
)
def test_a_missing_header_is_refused(name):
    lines = made().split(b"\r\n")
    assert refused(b"\r\n".join(line for line in lines if not line.startswith(name + b":"))) == "shape"


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        (b"evil@example.net", "recipient"),
        (b"OPS@example.com", "recipient"),
        (b"ops@example.com, evil@example.net", "shape"),
        (b"Ops <ops@example.com>", "shape"),
        (b"ops@example.com\r\n evil@example.net", "shape"),
    ],
)
def test_another_or_a_second_recipient_is_refused(to, reason):
    assert refused(changed(made(), b"To: ops@example.com", b"To: " + to)) == reason


def test_another_sender_is_refused():
    assert refused(made(), sender="other@example.com") == "sender"


@pytest.mark.parametrize("text", [KEY, KEY.upper(), "session_key=abc", f"session_key={KEY}"])
@pytest.mark.parametrize("place", ["headline", "fix", "facts"])
def test_a_session_key_is_refused_wherever_it_stands(text, place):
    said = {"Message": f"x {text} आशा"} if place == "facts" else f"x {text} y"
    assert refused(made(replace(FAILED_JOB, **{place: said}))) == "key"


def test_the_name_of_a_key_may_be_told():
    assert (
        sealed(made(replace(FAILED_JOB, headline="small is kept back: cell 4: a session_key; ?session_key=***")))
        is None
    )


def test_a_web_address_is_refused():
    assert refused(changed(made(), b"- Job: ", b"- Job: https://evil.example ")) == "address"


def test_a_mail_that_does_not_begin_with_what_to_do_is_refused():
    assert refused(made().replace(b"\r\nTo fix: see", b"\r\nPlease see")) == "fix"


def test_a_long_line_and_a_further_part_are_refused():
    assert refused(changed(made(), b"- Job: ", b"- Job: " + b"x" * 999)) == "shape"
    more = f"--=_{TOKEN}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nx\r\n"
    assert refused(changed(made(), f"--=_{TOKEN}--".encode(), f"{more}--=_{TOKEN}--".encode())) == "shape"
