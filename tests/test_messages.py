"""The mail a candidate gets: its headers, its words, and what is never said."""

import re
from collections import namedtuple
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from facts_of_mails import INVITED, START
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mailer import messages
from mailer.calendar import method
from mailer.messages import NotComposed, compose, contents, subject
from mailer.parts import safe_line, safe_lines
from mailer.seal import seal
from store.facts import CANCELLED, RESCHEDULED, Facts, HandOver
from store.sessions import window

TOKEN = "0123456789abcdef0123"
SITE = "https://interviews.example.com"
KEY = "k1" + "abcdefgh234567qz" * 3
LINK = f"{SITE}/?session_key={KEY}"
HAND_OVER = HandOver(START - timedelta(days=3), "jobs@example.com", "Example Jobs", SITE)
INVITED = replace(INVITED, booking_notes="Bring your ID.\nAsk for R&D <second floor>.", reference="R-17")
MOVED = replace(INVITED, kind=RESCHEDULED, sequence=1, previous_starts_at=START - timedelta(days=1, hours=2))
CALLED_OFF = replace(INVITED, kind=CANCELLED, sequence=2)
KINDS = pytest.mark.parametrize("facts", [INVITED, MOVED, CALLED_OFF], ids=lambda facts: facts.kind)
Read = namedtuple("Read", "message text html calendar page")


class Page(HTMLParser):
    """What a reader of the HTML part sees, and what its tags point at."""

    def __init__(self, html):
        super().__init__()
        self.words, self.targets, self.tags = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.targets += [value for name, value in attrs if name in ("href", "src", "background", "srcset")]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def seen(self):
        return " ".join("".join(self.words).split())


def made(facts=INVITED, hand_over=HAND_OVER, link=LINK):
    return compose(facts, hand_over, message_id=f"<{TOKEN}@interviews.example.com>", token=TOKEN, link=link)


def read(octets):
    message = message_from_bytes(octets, policy=policy.default)
    text, html, calendar = (part.get_content().replace("\r\n", "\n") for part in message.iter_parts())
    return Read(message, text, html, calendar, Page(html))


def flat(text):
    return " ".join(text.split())


def test_subject_names_job_and_company():
    assert subject(INVITED) == "Interview Scheduled - Data Engineer at Example Labs"
    assert subject(MOVED) == "Interview Rescheduled - Data Engineer at Example Labs"
    assert subject(CALLED_OFF) == "Interview Cancelled - Data Engineer at Example Labs"


@KINDS
def test_message_has_these_headers_and_no_others(facts):
    message = read(made(facts)).message
    assert message.items() == [
        ("From", "Example Jobs <jobs@example.com>"),
        ("To", "asha@example.org"),
        ("Subject", subject(facts)),
        ("Date", "Fri, 27 Nov 2026 07:20:00 +0000"),
        ("Message-ID", f"<{TOKEN}@interviews.example.com>"),
        ("MIME-Version", "1.0"),
        ("Auto-Submitted", "auto-generated"),
        ("Content-Type", f'multipart/alternative; boundary="=_{TOKEN}"'),
    ]


def test_calendar_is_the_last_alternative_after_text_and_html():
    parts = list(read(made()).message.iter_parts())
    types = [part.get_content_type() for part in parts]
    assert types == ["text/plain", "text/html", "text/calendar"]
    assert not any(part.is_attachment() for part in parts)


def test_same_arguments_give_the_same_bytes():
    assert made() == made(Facts.from_json(INVITED.to_json()), HandOver.from_json(HAND_OVER.to_json()))


def test_message_is_seven_bit_with_crlf_and_short_lines():
    octets = made(replace(INVITED, candidate_name="आशा राव", booking_notes="x" * 5000))
    lines = octets.split(b"\r\n")
    assert octets.isascii()
    assert max(map(len, lines)) <= 998
    assert not {b"\n"[0], b"\r"[0]} & set(b"".join(lines))


def test_slot_of_12_50_in_india_is_mailed_as_12_50_pm_ist_and_in_utc_in_the_calendar():
    mail = read(made())
    assert "- Time: 12:50 PM IST (Asia/Kolkata)" in mail.text
    assert "Time: 12:50 PM IST (Asia/Kolkata)" in mail.page.seen
    assert "Date: Monday, 30 November 2026" in mail.page.seen
    assert "DTSTART:20261130T072000Z" in mail.calendar


def test_time_in_india_is_shown_beside_another_booked_zone():
    mail = read(made(replace(INVITED, timezone="Europe/Dublin", candidate_timezone="America/New_York")))
    for shown in (mail.text, mail.page.seen):
        assert "Time: 07:20 AM GMT (Europe/Dublin)" in shown
        assert "In India: Monday, 30 November 2026, 12:50 PM IST (Asia/Kolkata)" in shown
        assert "Your local time: Monday, 30 November 2026, 02:20 AM EST (America/New_York)" in shown


def test_candidate_in_the_booked_zone_reads_the_time_once():
    mail = read(made(replace(INVITED, candidate_timezone="Asia/Kolkata")))
    assert mail.text.count("12:50 PM") == 1
    assert "Your local time" not in mail.html


def test_mail_gives_the_opening_rule_of_the_booked_interview():
    opening = "The link opens 20 minutes before the start, and you can begin until 10 minutes after it."
    mail = read(made(replace(INVITED, opens_before=20, closes_after=10)))
    assert opening in flat(mail.text)
    assert opening in mail.page.seen


@pytest.mark.parametrize(
    ("length", "words"),
    [(45, "15 minutes after it."), (15, "the interview ends."), (10, "the interview ends.")],
)
def test_mail_gives_the_same_last_entry_as_the_portal(length, words):
    facts = replace(INVITED, ends_at=START + timedelta(minutes=length))
    rule = {
        "opens_before": facts.opens_before,
        "closes_after": facts.closes_after,
        "interview_state": "scheduled",
    }
    portal = window(started_at=START, ended_at=facts.ends_at, begun_at=None, finished_at=None, now=START, **rule)
    assert f"and you can begin until {words}" in flat(read(made(facts)).text)
    assert portal.closes_at == min(START + timedelta(minutes=15), facts.ends_at)
    assert portal.opens_at == START - timedelta(minutes=15)


def test_link_that_opens_at_the_start_is_not_said_to_open_before_it():
    mail = read(made(replace(INVITED, opens_before=0)))
    assert "The link opens at the start, and you can begin until 15 minutes after it." in flat(mail.text)


@pytest.mark.parametrize(("minutes", "words"), [(30, "30 minutes"), (60, "1 hour"), (95, "1 hour 35 minutes")])
def test_duration_shown_is_end_minus_start(minutes, words):
    mail = read(made(replace(INVITED, ends_at=START + timedelta(minutes=minutes))))
    assert f"- Duration: {words}\n" in mail.text
    assert f"Duration: {words} " in mail.page.seen


def test_round_is_shown_from_the_second_on():
    assert "Round" not in read(made()).text
    assert "- Round: 2\n" in read(made(replace(INVITED, round=2))).text


def test_notes_keep_their_lines_and_are_escaped_in_html():
    mail = read(made())
    assert "Notes for you:\n\nBring your ID.\nAsk for R&D <second floor>.\n" in mail.text
    assert "Bring your ID.<br>\nAsk for R&amp;D &lt;second floor&gt;.<br>" in mail.html


@pytest.mark.parametrize("facts", [INVITED, MOVED], ids=lambda facts: facts.kind)
def test_text_and_html_and_calendar_hold_the_link_once_and_no_other_address(facts):
    notes = "See https://elsewhere.example/a and HTTP://x.example, or ftp://f.example"
    mail = read(made(replace(facts, booking_notes=notes)))
    assert mail.text.count("://") == mail.text.count(LINK) == 1
    assert mail.page.targets == [LINK]
    assert mail.html.count("://") == 1
    assert "://" not in mail.page.seen
    assert mail.calendar.replace("\n ", "").count(LINK) == 1
    assert "See elsewhere.example/a and x.example, or f.example" in mail.text


def test_cancelled_mail_says_so_and_holds_no_link():
    mail = read(made(CALLED_OFF))
    for shown in (flat(mail.text), mail.page.seen):
        assert "Your interview for Data Engineer at Example Labs is cancelled." in shown
        assert "The link in your earlier mail no longer opens it." in shown
        assert "12:50 PM IST" in shown
    assert "://" not in mail.text + mail.html + mail.calendar
    assert b"session_key" not in made(CALLED_OFF)


def test_rescheduled_mail_shows_old_and_new_time_and_that_the_link_stays():
    mail = read(made(MOVED))
    for shown in (flat(mail.text), mail.page.seen):
        assert "Time: 12:50 PM IST (Asia/Kolkata)" in shown
        assert "Old time: Sunday, 29 November 2026, 10:50 AM IST (Asia/Kolkata)" in shown
        assert "The link stays the same" in shown


def test_html_and_text_say_the_same_facts():
    mail = read(made(replace(MOVED, round=3, candidate_timezone="Europe/Berlin")))
    facts = [line[2:] for line in mail.text.splitlines() if line.startswith("- ")]
    assert len(facts) >= 12
    assert [fact for fact in facts if fact not in mail.page.seen] == []


@KINDS
def test_html_works_without_images_styles_or_anything_fetched(facts):
    mail = read(made(facts))
    assert '<html lang="en">' in mail.html
    assert not {"img", "link", "style", "script", "iframe", "form"} & set(mail.page.tags)
    assert "url(" not in mail.html
    assert len(mail.html.encode()) < 20_000


def test_candidate_name_stands_in_no_header():
    octets = made(replace(INVITED, candidate_name="Zebulon\r\nBcc: evil@example.net"))
    header, _, body = octets.partition(b"\r\n\r\n")
    assert b"Zebulon" not in header
    assert b"Zebulon Bcc: evil@example.net" in body


def test_recipient_with_a_non_ascii_local_part_stands_in_to_as_utf8():
    octets = made(replace(INVITED, recipient="आशा@example.org"))
    assert "\r\nTo: आशा@example.org\r\n".encode() in octets
    assert octets.replace("आशा".encode(), b"").isascii()
    assert message_from_bytes(octets, policy=policy.SMTPUTF8).get_body(("plain",)) is not None


@pytest.mark.parametrize(
    "link",
    [
        "",
        "https://interviews.example.com/?session_key=",
        f"https://evil.example/?session_key={KEY}",
        f"{LINK}&x=1",
    ],
)
def test_mail_composed_before_its_key_exists_is_refused_and_nothing_invented(link):
    with pytest.raises(NotComposed) as refusal:
        made(link=link)
    assert refusal.value.code == "link"
    assert KEY not in refusal.value.line()


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("time", replace(INVITED, starts_at=None)),
        ("time", replace(INVITED, ends_at=None)),
        ("time", replace(INVITED, starts_at=START.replace(tzinfo=None))),
        ("time", replace(INVITED, ends_at=START)),
        ("time", replace(MOVED, previous_starts_at=None)),
        ("words", replace(INVITED, timezone="Mars/Olympus")),
        ("kind", replace(INVITED, kind="../text")),
        ("recipient", replace(INVITED, recipient="a@example.org\r\nBcc: b@example.org")),
        ("recipient", replace(INVITED, recipient="")),
    ],
)
def test_mail_composed_before_its_time_or_recipient_is_known_is_refused(code, facts):
    with pytest.raises(NotComposed) as refusal:
        made(facts)
    assert refusal.value.code == code
    assert refusal.value.fix


@pytest.mark.parametrize(
    ("token", "message_id"),
    [("short", "<a@b>"), ("g" * 20, "<a@b>"), (TOKEN, "a@b"), (TOKEN, "<a@b>\r\nX: y")],
)
def test_unusable_token_or_message_id_is_refused(token, message_id):
    with pytest.raises(NotComposed) as refusal:
        compose(INVITED, HAND_OVER, message_id=message_id, token=token, link=LINK)
    assert refusal.value.code == "token"


@pytest.fixture
def uncompiled():
    """Templates are compiled anew in this test and after it."""
    messages.template.cache_clear()
    yield
    messages.template.cache_clear()


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("words", ["{{missing}}\n", "% if link\n", "{{link / 2}}\n"])
def test_bad_template_is_refused_as_a_mailers_error(words, tmp_path, monkeypatch):
    for template in messages.TEMPLATES.glob("*.tpl"):
        (tmp_path / template.name).write_text(template.read_text("utf-8"), "utf-8")
    (tmp_path / "html.tpl").write_text(words, "utf-8")
    monkeypatch.setattr(messages, "TEMPLATES", tmp_path)
    with pytest.raises(NotComposed) as refusal:
        made()
    assert refusal.value.code == "words"


@pytest.mark.usefixtures("uncompiled")
def test_templates_are_found_from_any_working_directory(tmp_path, monkeypatch):
    (tmp_path / "text.tpl").write_text("not this one")
    monkeypatch.chdir(tmp_path)
    assert "Your personal link:" in read(made()).text


WORDS = st.text(max_size=200).map(lambda text: text or "x")
MIXED = WORDS | st.sampled_from(
    [
        "\u202eevil",
        '"quoted", <a@b.example>',
        "=?utf-8?q?Bcc=3A_x?=",
        "a\r\nBcc: x@y.example",
        "https://a.example",
        "=\r\n=_x",
        "x\x00y",
        "--=_0123456789abcdef0123",
        "अ\u200dक्\u200d",
        "hhttp://ttp://x",
        ".\n..\nFrom me",
        "\ud800",
        "\u200b",
    ]
)


@given(name=MIXED, title=MIXED, company=MIXED, notes=MIXED | st.text(max_size=2000), sender=MIXED)
@example(name="x", title="x", company="x", notes="a\r\rb", sender="x")
@example(name="x", title="https:// x", company="x", notes="x", sender="ftp:// y")
@hypothesis_settings(max_examples=120, deadline=None)
def test_any_words_give_a_sealed_mail_that_reads_back_equal(name, title, company, notes, sender):
    facts = replace(INVITED, candidate_name=name, job_title=title, company_name=company, booking_notes=notes)
    hand_over = replace(HAND_OVER, from_name=sender)
    octets = made(facts, hand_over)
    seal(octets, recipient=facts.recipient, sender=hand_over.from_address, link=LINK)
    mail, said = read(octets), contents(facts, hand_over, LINK)
    assert not mail.message.defects
    assert not any(part.defects or part["Content-Type"].defects for part in mail.message.iter_parts())
    assert mail.message["Subject"] == said.subject == subject(facts)
    assert mail.text.startswith(f"Hello {safe_line(name)},\n")
    assert safe_lines(notes) in mail.text
    assert (mail.text, mail.html) == (said.text, said.html)
    assert mail.calendar == said.calendar.replace("\r\n", "\n")


@KINDS
@pytest.mark.parametrize("company", ["Labs", "आशा", "Zoë \u202eevil\r\nBcc: x"])
def test_message_equals_an_email_message_of_the_same_content(facts, company):
    facts = replace(facts, company_name=company)
    said = contents(facts, HAND_OVER, LINK)
    peer = EmailMessage(policy=policy.SMTP)
    peer["From"] = Address("Example Jobs", addr_spec="jobs@example.com")
    peer["To"], peer["Subject"], peer["Date"] = facts.recipient, said.subject, HAND_OVER.date
    peer["Message-ID"] = f"<{TOKEN}@interviews.example.com>"
    peer["MIME-Version"], peer["Auto-Submitted"] = "1.0", "auto-generated"
    peer.set_content(said.text)
    peer.add_alternative(said.html, subtype="html")
    peer.add_alternative(said.calendar, subtype="calendar", params={"method": method(facts)})
    ours, theirs = read(made(facts)), read(bytes(peer))
    for header in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted"):
        assert ours.message[header] == theirs.message[header]
    assert (ours.text, ours.html, ours.calendar) == (theirs.text, theirs.html, theirs.calendar)


def test_two_interviews_of_one_candidate_carry_their_own_links():
    other = LINK.replace("abcdefgh", "hgfedcba")
    first, second = read(made()).text, read(made(link=other)).text
    assert re.findall(r"session_key=(\S+)", first) == [KEY]
    assert re.findall(r"session_key=(\S+)", second) == [other.partition("=")[2]]
