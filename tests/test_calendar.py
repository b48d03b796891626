"""The calendar part, read back by the icalendar library."""

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from urllib.parse import unquote

import pytest
from facts_of_mails import INVITED, START
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from icalendar import Calendar

from mailer.calendar import attendee_line, event, mailto, summary
from mailer.messages import compose
from mailer.parts import newlines
from store.facts import CANCELLED, RESCHEDULED, HandOver

STAMP = START - timedelta(days=3)
TOKEN = "0123456789abcdef0123"
LINK = "https://interviews.example.com/?session_key=k1" + "abcdefgh234567qz" * 3
MOVED = replace(
    INVITED,
    kind=RESCHEDULED,
    sequence=1,
    starts_at=START + timedelta(days=1),
    ends_at=START + timedelta(days=1, hours=1),
    previous_starts_at=START,
)
CALLED_OFF = replace(MOVED, kind=CANCELLED, sequence=2)
KINDS = pytest.mark.parametrize("facts", [INVITED, MOVED, CALLED_OFF], ids=lambda facts: facts.kind)


def mailed(facts, date=STAMP):
    """The calendar part of the finished mail, and the event in it."""
    hand_over = HandOver(date, "jobs@example.com", "Example Jobs", "https://interviews.example.com")
    octets = compose(facts, hand_over, message_id=f"<{TOKEN}@interviews.example.com>", token=TOKEN, link=LINK)
    part = list(message_from_bytes(octets, policy=policy.default).iter_parts())[-1]
    [found] = Calendar.from_ical(part.get_content()).walk("VEVENT")
    return part, found


def described(description):
    """The event of a part made with this description."""
    text = event(INVITED, stamp=STAMP, organizer="jobs@example.com", description=description)
    [found] = Calendar.from_ical(text).walk("VEVENT")
    return text, found


@KINDS
def test_event_has_the_interviews_instants_in_utc(facts):
    part, found = mailed(facts)
    assert (found.decoded("DTSTART"), found.decoded("DTEND")) == (facts.starts_at, facts.ends_at)
    assert f"DTSTART:{facts.starts_at:%Y%m%dT%H%M%SZ}" in part.get_content()
    assert "TZID" not in part.get_content()


@KINDS
def test_stamp_is_the_mails_date(facts):
    assert mailed(facts)[1].decoded("DTSTAMP") == STAMP


@KINDS
def test_method_inside_equals_the_content_types_method(facts):
    part, found = mailed(facts)
    wanted, status = ("CANCEL", "CANCELLED") if facts is CALLED_OFF else ("REQUEST", "CONFIRMED")
    calendar = Calendar.from_ical(part.get_content())
    assert part["Content-Type"].params["method"] == calendar["METHOD"] == wanted
    assert found["STATUS"] == status
    assert (calendar["VERSION"], part.get_content_charset()) == ("2.0", "utf-8")
    assert calendar["PRODID"]


@KINDS
def test_organizer_is_the_from_address_and_the_recipient_the_only_attendee(facts):
    found = mailed(facts)[1]
    assert found["ORGANIZER"] == "mailto:jobs@example.com"
    assert found["ATTENDEE"] == "mailto:asha@example.org"
    assert found["ATTENDEE"].params == {
        "ROLE": "REQ-PARTICIPANT",
        "PARTSTAT": "NEEDS-ACTION",
        "RSVP": "FALSE",
    }


def test_uid_stays_and_sequence_grows_at_each_change_and_at_the_cancel():
    events = [mailed(facts)[1] for facts in (INVITED, MOVED, CALLED_OFF)]
    assert {found["UID"] for found in events} == {"interview-17@interviews.example.com"}
    assert [found["SEQUENCE"] for found in events] == [0, 1, 2]


@KINDS
def test_there_is_one_sequence_line_and_a_plain_resend_keeps_it(facts):
    lines = mailed(facts)[0].get_content().splitlines()
    assert [line for line in lines if line.startswith("SEQUENCE")] == [f"SEQUENCE:{facts.sequence}"]
    assert mailed(facts)[0].get_content().splitlines() == lines


def test_calendar_invitation_carries_the_link_once_when_unfolded():
    found = mailed(INVITED)[1]
    assert found["DESCRIPTION"].endswith(f"Open your interview: {LINK}")
    assert found.to_ical().replace(b"\r\n ", b"").count(b"://") == 1


def test_cancelled_event_holds_no_link_and_no_alarm():
    found = mailed(CALLED_OFF)[1]
    assert "://" not in found["DESCRIPTION"]
    assert "is cancelled" in found["DESCRIPTION"]
    assert found.walk("VALARM") == []


@pytest.mark.parametrize("minutes", [0, 15, 90])
def test_alarm_rings_when_the_link_opens(minutes):
    [alarm] = mailed(replace(INVITED, opens_before=minutes))[1].walk("VALARM")
    assert alarm.decoded("TRIGGER") == -timedelta(minutes=minutes)
    assert alarm["ACTION"] == "DISPLAY"


def test_round_is_in_the_summary_from_the_second_on():
    assert mailed(INVITED)[1]["SUMMARY"] == "Interview: Data Engineer at Example Labs"
    assert mailed(replace(INVITED, round=2))[1]["SUMMARY"] == "Interview: Data Engineer at Example Labs (round 2)"


@pytest.mark.parametrize(
    "title",
    [
        'R&D; C, C++ \\ "Go"',
        "Ingénieur·e 開発者 " * 12,
        "x\r\nATTENDEE:mailto:evil@example.net",
        "🙂" * 60,
        "a\\nb",
    ],
)
def test_hostile_titles_stay_inside_their_property(title):
    found = mailed(replace(INVITED, job_title=title))[1]
    assert found["SUMMARY"] == summary(replace(INVITED, job_title=title))
    assert found["ATTENDEE"] == "mailto:asha@example.org"


@pytest.mark.parametrize(
    "address",
    ["asha@example.org", "o'neil+jobs_1@example.org", "a%2c?b#c&d=e/f@example.org", "आशा@example.org"],
)
def test_attendee_is_the_recipient_whatever_its_characters(address):
    found = mailed(replace(INVITED, recipient=address))[1]
    assert found["ATTENDEE"] == mailto(address)
    assert unquote(found["ATTENDEE"]) == f"mailto:{address}"
    assert attendee_line(address).isascii()


def test_ordinary_addresses_are_not_percent_encoded():
    assert mailto("o'neil+jobs_1.x-y@example.org") == "mailto:o'neil+jobs_1.x-y@example.org"


@given(
    st.text(
        alphabet=st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029"),
        max_size=400,
    )
)
@hypothesis_settings(max_examples=100, deadline=None)
def test_folded_lines_fit_75_octets_and_no_character_is_split(words):
    text, found = described(words)
    folded = text.encode().split(b"\r\n")
    assert max(map(len, folded)) <= 75
    assert [line.decode() for line in folded] == text.split("\r\n")
    assert found["DESCRIPTION"] == words


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028"])
def test_line_ends_of_any_kind_become_one_escaped_newline(end):
    text, found = described(f"one{end}two")
    assert found["DESCRIPTION"] == "one\ntwo"
    assert "DESCRIPTION:one\\ntwo\r\n" in text
    assert newlines(f"one{end}two", "\n") == "one\ntwo"


def test_separators_of_text_values_are_escaped():
    assert "\r\nDESCRIPTION:a\\;b\\,c\\\\d\r\n" in described("a;b,c\\d")[0]
