"""Headers, safe words and transfer encodings of a mail, read back by `email`."""

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mailer.parts import Part, assemble, is_address, mailbox, safe_line, safe_lines, unstructured

BOUNDARY = "=_0123456789abcdef0123"
TITLES = [
    "Développeur " * 12,
    "=?utf-8?q?Bcc=3A?= x",
    "Data\r\nBcc: evil@example.net",
    "X" * 300,
    "word " * 40,
    "開発" * 60,
    "x" * 68 + " y",
    "x" * 60 + " " + "y" * 60 + " " + "z" * 60,
]
NO_ADDRESSES = [
    "",
    "asha",
    "a b@example.org",
    "a@example.org\r\nBcc: b@example.org",
    "a@b@example.org",
    "a,b@example.org",
    "=?utf-8?q?a?=@example.org",
    "<a@example.org>",
    '"a"@example.org',
    "a@example.org\n",
    "a\u202e@example.org",
    "a\u3000b@example.org",
    "a\ud800@example.org",
    "a@exämple.org",
    "a" * 320 + "@example.org",
]


def read(header, text="x"):
    """The message with this header line and one part."""
    octets = assemble([header], [Part("text/plain; charset=utf-8", text)], BOUNDARY)
    return message_from_bytes(octets, policy=policy.default)


def body_of(text):
    """The one part of a message: its encoding, its lines as they travel, its text as it is read."""
    octets = assemble(["X: y"], [Part("text/plain; charset=utf-8", text)], BOUNDARY)
    [part] = message_from_bytes(octets, policy=policy.default).iter_parts()
    return part["Content-Transfer-Encoding"], octets, part.get_content().replace("\r\n", "\n")


@pytest.mark.parametrize(
    "name",
    [
        "Jobs",
        "Müller & Söhne",
        'Say "Hi", Ltd.',
        "back\\slash",
        "=?utf-8?q?x?=",
        "Example Inc.",
        "A" * 90,
        "",
    ],
)
def test_sender_name_of_any_kind_reads_back(name):
    sender = read(f"From: {mailbox(name, 'jobs@example.com')}")["From"].addresses
    assert [(one.display_name, one.addr_spec) for one in sender] == [(name, "jobs@example.com")]


@pytest.mark.parametrize("title", TITLES)
def test_hostile_or_long_titles_stay_inside_their_header(title):
    header = unstructured("Subject", safe_line(title))
    message = read(header)
    assert message["Subject"] == " ".join(title.split())
    assert message.keys() == ["Subject", "Content-Type"]
    assert max(map(len, header.split("\r\n"))) <= 78
    assert header.isascii()


@given(st.text(max_size=300))
@hypothesis_settings(max_examples=150, deadline=None)
def test_any_words_read_back_from_a_header(words):
    line = safe_line(f"Interview: {words}")
    message = read(unstructured("Subject", line))
    assert message["Subject"] == line
    assert not message.defects
    assert not message["Subject"].defects


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_plain_address_is_told_apart(address):
    assert not is_address(address)


@pytest.mark.parametrize("address", ["asha@example.org", "o'neil+jobs=1@mail.example.org", "आशा@xn--exmple-cua.org"])
def test_plain_addresses_may_stand_in_a_header(address):
    assert is_address(address)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("see https://a.example/b", "see a.example/b"),
        ("(HTTP://a.example)", "(a.example)"),
        ("xhttps://a.example", "a.example"),
        ("/https://a.example", "/https: //a.example"),
        ("hhttp://ttp://x", "ttp: //x"),
        ("a:\u200b//b", "b"),
        ("https:// ", ""),
        ("at 10:30 // or later", "at 10:30 // or later"),
    ],
)
def test_words_hold_no_second_web_address(words, shown):
    assert safe_line(words) == shown
    assert "://" not in safe_line(words)


def test_lines_stay_lines_and_each_is_made_safe():
    assert safe_lines("one\r\n\r\ntwo\u202e\rhttps://x\n") == "one\n\ntwo\nx"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain", "7bit"),
        ("x" * 998, "7bit"),
        ("x" * 999, "quoted-printable"),
        ("a\n" * 600 + "x" * 999 + "\n" + "b\n" * 600, "quoted-printable"),
        ("a=_b", "quoted-printable"),
        ("Zoë", "quoted-printable"),
    ],
)
def test_part_travels_as_it_is_only_while_that_is_safe(text, encoding):
    used, octets, back = body_of(text)
    assert used == encoding
    assert back.rstrip("\n") == text.rstrip("\n")
    assert max(map(len, octets.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    "text",
    ["one\ntwo", "one\r\ntwo", "one\rtwo", "é one\rtwo", "é \nFrom x\n.\n..\n--=_0123456789abcdef0123"],
)
def test_line_ends_of_any_kind_travel_as_crlf(text):
    octets, back = body_of(text)[1:]
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert b"\r" not in octets.replace(b"\r\n", b"")
    assert back == text.replace("\r\n", "\n").replace("\r", "\n") + "\n"
