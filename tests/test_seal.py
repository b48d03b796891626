"""The seal: the mail we make passes, and no other does."""

from base64 import b64encode
from dataclasses import replace
from datetime import timedelta

import pytest
from facts_of_mails import INVITED, START

from mailer.messages import compose
from mailer.seal import Unsealed, seal
from store.facts import CANCELLED, RESCHEDULED, HandOver

TOKEN = "0123456789abcdef0123"
KEY, FOREIGN = "k1" + "abcdefgh234567qz" * 3, "k1" + "zq765432hgfedcba" * 3
LINK = f"https://interviews.example.com/?session_key={KEY}"
INVITED = replace(INVITED, booking_notes="Bring your ID.", reference="R-17")
HINDI = replace(INVITED, candidate_name="आशा राव", company_name="Société Générale")
CALLED_OFF = replace(INVITED, kind=CANCELLED, sequence=1)


def made(facts=INVITED, link=LINK, from_name="Example Jobs"):
    hand_over = HandOver(START - timedelta(days=3), "jobs@example.com", from_name, "https://interviews.example.com")
    return compose(facts, hand_over, message_id=f"<{TOKEN}@interviews.example.com>", token=TOKEN, link=link)


def sealed(message, link=LINK, recipient="asha@example.org", sender="jobs@example.com"):
    return seal(message, recipient=recipient, sender=sender, link=link)


def refused(message, **expected):
    with pytest.raises(Unsealed) as refusal:
        sealed(message, **expected)
    assert refusal.value.fix
    assert KEY not in refusal.value.line()
    assert FOREIGN not in refusal.value.line()
    return refusal.value.reason


def changed(message, old, new):
    """The message with the one `old` replaced."""
    assert message.count(old) == 1
    return message.replace(old, new)


@pytest.mark.parametrize("facts", [INVITED, HINDI, replace(INVITED, recipient="आशा@example.org")])
@pytest.mark.parametrize("from_name", ["", "Jobs", 'Jobs, "Ltd".', "Société Générale " * 4, "J" * 300])
def test_mail_that_we_make_passes(facts, from_name):
    assert sealed(made(facts, from_name=from_name), recipient=facts.recipient) is None


def test_rescheduled_and_cancelled_mails_pass():
    assert sealed(made(replace(INVITED, kind=RESCHEDULED, previous_starts_at=START))) is None
    assert sealed(made(CALLED_OFF), link=None) is None


@pytest.mark.parametrize(
    "header",
    [
        b"Bcc: evil@example.net\r\n",
        b"To: evil@example.net\r\n",
        b"Reply-To: evil@example.net\r\n",
        b"X-Any: thing\r\n",
    ],
)
@pytest.mark.parametrize(
    "before", [b"From:", b"To:", b"Subject:", b"Date: Fri", b"MIME-Version:", b"Content-Type: multipart"]
)
def test_any_further_header_is_refused(header, before):
    assert refused(changed(made(), before, header + before)) == "shape"


@pytest.mark.parametrize(
    "name", [b"From", b"To", b"Subject", b"Date", b"Message-ID", b"MIME-Version", b"Auto-Submitted"]
)
def test_missing_header_is_refused(name):
    lines = made().split(b"\r\n")
    assert refused(b"\r\n".join(line for line in lines if not line.startswith(name + b":"))) == "shape"


def test_headers_in_another_order_are_refused():
    lines = made().split(b"\r\n")
    lines[0], lines[1] = lines[1], lines[0]
    assert refused(b"\r\n".join(lines)) == "shape"


@pytest.mark.parametrize(
    "to",
    [b"evil@example.net", b"asha@example.orgs", b"ASHA@example.org", b"Asha@example.org", b"asha@example.or"],
)
def test_other_recipient_than_the_stored_one_is_refused(to):
    assert refused(changed(made(), b"To: asha@example.org", b"To: " + to)) == "recipient"


@pytest.mark.parametrize(
    "to",
    [
        b"asha@example.org, evil@example.net",
        b"Asha <asha@example.org>",
        b"asha@example.org\r\n evil@example.net",
        b"a:asha@example.org;",
    ],
)
def test_second_or_named_recipient_is_refused(to):
    assert refused(changed(made(), b"To: asha@example.org", b"To: " + to)) == "shape"


def test_other_sender_than_the_accounts_is_refused():
    assert refused(changed(made(), b"<jobs@example.com>", b"<evil@example.net>")) == "sender"
    assert refused(made(from_name=""), sender="other@example.com") == "sender"
    assert refused(changed(made(), b"From: Example Jobs", b"From: a@b.example, Example Jobs")) == "shape"


@pytest.mark.parametrize("facts", [INVITED, HINDI], ids=["7bit", "quoted-printable"])
def test_changed_link_is_refused(facts):
    message = made(facts)
    tracked = message.replace(b"https://interviews.example.com/?", b"https://click.example.net/?u=interviews&")
    assert tracked != message
    assert refused(tracked) == "link"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\r\n" + LINK.encode() + b"\r\n", b"\r\nsee below\r\n"),
        (b'href="' + LINK.encode(), b'href="#'),
        (b'href="', b'href="//click.example.net/?u='),
        (b"\r\n" + LINK.encode(), b"\r\n" + LINK.encode() + b"&t=1"),
        (b"\r\n" + LINK.encode(), b"\r\n" + LINK.encode().replace(b"https", b"http")),
    ],
)
def test_link_missing_or_changed_in_one_part_is_refused(old, new):
    assert refused(changed(made(), old, new)) == "link"


def test_link_missing_in_the_calendar_alone_is_refused():
    before, begin, event = made().partition(b"BEGIN:VCALENDAR")
    unfolded = event.replace(b"\r\n ", b"")
    assert sealed(before + begin + unfolded) is None
    assert refused(before + begin + changed(unfolded, LINK.encode(), b"see the mail")) == "link"


@pytest.mark.parametrize("facts", [INVITED, HINDI], ids=["7bit", "quoted-printable"])
@pytest.mark.parametrize("scheme", [b"http", b"HTTPS", b"ftp"])
def test_second_web_address_is_refused(facts, scheme):
    assert refused(changed(made(facts), b"What to do:\r\n", scheme + b"://evil.example.net\r\n")) == "address"


def test_second_copy_of_the_booked_link_is_refused():
    assert refused(changed(made(), b"What to do:\r\n", LINK.encode() + b"\r\n")) == "address"


@pytest.mark.parametrize(
    "text",
    [
        FOREIGN,
        FOREIGN.upper(),
        f"session_key={FOREIGN}",
        f"x{FOREIGN}x",
        KEY,
        "session_key=short",
        f"<!-- {FOREIGN} -->",
    ],
)
def test_any_further_key_is_refused(text):
    assert refused(changed(made(), b"What to do:\r\n", text.encode() + b"\r\n")) == "key"


def test_foreign_key_split_by_soft_line_breaks_is_refused():
    split = FOREIGN[:20].encode() + b"=\r\n" + FOREIGN[20:].encode()
    escaped = b"=6B" + FOREIGN[1:].encode()
    for hidden in (split, escaped, b"session=5Fkey"):
        assert refused(changed(made(HINDI), b"What to do:\r\n", hidden + b"\r\n")) == "key"


def test_foreign_key_folded_in_the_calendar_is_refused():
    folded = b"COMMENT:" + FOREIGN[:30].encode() + b"\r\n " + FOREIGN[30:].encode()
    assert refused(changed(made(), b"LOCATION:Online", folded)) == "key"


def test_foreign_key_in_the_subject_is_refused_also_when_encoded():
    assert refused(made(replace(INVITED, job_title=FOREIGN))) == "key"
    word = (
        b"=?utf-8?b?"
        + b64encode(FOREIGN.encode()[:25])
        + b"?=\r\n =?utf-8?b?"
        + b64encode(FOREIGN.encode()[25:])
        + b"?="
    )
    assert refused(changed(made(), b"Interview Scheduled - Data Engineer at Example Labs", word)) == "key"


@pytest.mark.parametrize("field", ["candidate_name", "company_name", "booking_notes", "reference"])
def test_key_of_another_interview_in_the_bookings_texts_holds_the_mail_back(field):
    assert refused(made(replace(INVITED, **{field: FOREIGN}))) == "key"


def test_cancelled_mail_with_a_link_or_key_is_refused():
    message = made(CALLED_OFF)
    ending = b"If you have a question, reply to this mail.\r\n\r\n"
    assert refused(changed(message, ending, LINK.encode() + b"\r\n" + ending), link=None) == "address"
    assert refused(changed(message, ending, FOREIGN.encode() + b"\r\n" + ending), link=None) == "key"


def test_method_of_the_calendar_fits_the_kind_and_the_content_type():
    assert refused(made(), link=None) == "method"
    assert refused(made(CALLED_OFF)) == "method"
    assert refused(changed(made(), b"METHOD:REQUEST", b"METHOD:CANCEL")) == "method"
    assert refused(changed(made(), b"LOCATION:Online", b"METHOD:CANCEL")) == "method"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"ORGANIZER:mailto:jobs@example.com", b"ORGANIZER:mailto:evil@example.net"),
        (b"LOCATION:Online", b"ATTENDEE:mailto:evil@example.net"),
        (b"LOCATION:Online", b"ORGANIZER:mailto:evil@example.net"),
        (
            b"ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE:mailto:asha@\r\n example.org\r\n",
            b"",
        ),
    ],
)
def test_calendar_names_nobody_but_sender_and_recipient(old, new):
    assert refused(changed(made(), old, new)) == "attendee"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b"What to do:\r\n", b"What to do:\n", "bare line end"),
        (b"What to do:\r\n", b"What to do:\r", "bare line end"),
        (b"What to do:", b"What to\0do:", "NUL"),
        (b"What to do:", b"x" * 999, "998 octets"),
        (b"What to do:", "Was tun, Zoë:".encode(), "allowed ones"),
        (b"What to do:", b"--=_ffff", "allowed ones"),
        (b"Encoding: 7bit\r\n\r\nBEGIN", b"Encoding: base64\r\n\r\nBEGIN", "allowed ones"),
        (b"Content-Type: text/html;", b"Content-Type: text/html; name=x;", "allowed ones"),
    ],
)
def test_lines_and_octets_that_could_end_or_bend_a_mail_are_refused(old, new, what):
    message = changed(made(), old, new)
    assert refused(message) == "shape"
    with pytest.raises(Unsealed, match=what):
        sealed(message)


def test_line_of_exactly_998_octets_passes():
    assert sealed(changed(made(), b"What to do:", b"x" * 998)) is None


@pytest.mark.parametrize("tail", [b"\r\n", b"\r\n.\r\nMAIL FROM:<>\r\n", b"epilogue"])
def test_nothing_may_follow_the_last_boundary(tail):
    assert refused(made() + tail) == "shape"


@pytest.mark.parametrize("boundary", [b"=_other", b"0123456789abcdef0123", b"=_0123456789ABCDEF0123"])
def test_other_boundary_than_a_derived_one_is_refused(boundary):
    assert refused(made().replace(f"=_{TOKEN}".encode(), boundary)) == "shape"


def test_mail_cut_short_anywhere_is_refused():
    message = made()
    cuts = range(0, len(message), 97)
    assert {refused(message[:cut]) for cut in cuts} == {"shape"}
