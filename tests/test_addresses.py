"""Addresses: what is taken, what is sent, and which two are one candidate."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from store import addresses
from store.addresses import AddressRefused, checked, identity

ALMOST_ADDRESSES = st.from_regex(r"[A-Za-z0-9.+_'\-=!]{1,70}@[A-Za-z0-9.\-]{1,80}\.?[A-Za-z]{0,6}", fullmatch=True)
PLAUSIBLE = st.from_regex(r"[a-zA-Z0-9.+_'-]{1,12}@([a-zA-Z0-9-]{1,6}\.){1,3}[a-zA-Z]{1,5}", fullmatch=True)


def validated(email: str) -> str | None:
    try:
        found = validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return f"{email.partition('@')[0]}@{found.ascii_domain}"


@settings(max_examples=400, deadline=None)
@given(ALMOST_ADDRESSES | PLAUSIBLE)
def test_an_address_recognised_fast_is_the_one_the_validator_gives(email):
    if addresses._ORDINARY.fullmatch(email):
        assert checked(email) == validated(email)


@settings(max_examples=200, deadline=None)
@given(PLAUSIBLE)
def test_most_plausible_addresses_get_the_same_verdict_as_the_validators(email):
    try:
        sent = checked(email)
    except AddressRefused:
        sent = None
    assert sent == validated(email)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text(max_size=20).map(lambda text: f"{text}@example.com"))
def test_any_text_is_taken_or_refused_and_never_yields_a_second_line_or_recipient(text):
    try:
        sent = checked(text)
    except AddressRefused:
        sent = "refused@example.com"
    assert sent.count("@") == 1
    assert not set(sent) & set(' \t\r\n<>,;:"()[]\\\0')


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Asha.Rao@EXAMPLE.com", "Asha.Rao@example.com"),
        ("o'brien+interview@mail.example.org", "o'brien+interview@mail.example.org"),
        ("INFO@example.net", "INFO@example.net"),
        ("asha@b\u00fccher.example", "asha@xn--bcher-kva.example"),
        ("asha@XN--BCHER-KVA.example", "asha@xn--bcher-kva.example"),
        ("asha@\u0909\u0926\u093e\u0939\u0930\u0923.example", "asha@xn--p1b6ci4b4b3a.example"),
        ("a@team.test", "a@team.test"),
        ("x/y=z!{1}@example.com", "x/y=z!{1}@example.com"),
        ("\u0905\u0936\u093e@example.com", "\u0905\u0936\u093e@example.com"),
        ("jose\u0301@example.com", "jos\u00e9@example.com"),
    ],
)
def test_local_part_is_sent_as_written_and_the_domain_in_lower_case_a_labels(written, sent):
    assert checked(written) == sent


@pytest.mark.parametrize(
    "address",
    [
        "", "asha", "@example.com", "asha@", "asha@localhost", "asha@test", "asha@printer.local", "a@b.invalid",
        "a@hidden.onion", "a..b@example.com", ".a@example.com", "a.@example.com", "a@-x.com", "a@ab--c.com",
        "a@b@example.com", "a@[127.0.0.1]", "a@[IPv6:::1]", "a@1.2.3.4", '"a b"@example.com', '"a"@example.com',
        "a(comment)@example.com", "a@example.com(comment)", "Asha <a@example.com>", "<a@example.com>",
        "a@example.com, b@example.com", "a@example.com;b@example.com", "a@example.com\r\nRCPT TO:<b@example.com>",
        "a@example.com\n", "a@example.com\nBcc: b@example.com", "a\r@example.com", "a\0@example.com", "a b@example.com",
        " a@example.com", "a@exam\u200bple.com\u2028", "a\u202e@example.com", "a\u2028b@example.com",
        "a\uff20example.com", "=?utf-8?q?b=40example.org=3e?=@example.com", "a@example.com>", "mailto:a@example.com",
        "\ud800@example.com", "a" * 250 + "@example.com", "a@" + "b" * 64 + ".com", "\u0905" * 90 + "@example.com",
    ],
)  # fmt: skip
def test_anything_but_one_plain_address_is_refused_with_a_fix(address):
    with pytest.raises(AddressRefused) as refusal:
        checked(address)
    assert refusal.value.code == "email_invalid"
    assert "asha@example.com" in refusal.value.fix


def test_refusal_never_repeats_the_address():
    with pytest.raises(AddressRefused) as refusal:
        checked("priya.secret@bank..example")
    assert "priya" not in refusal.value.line()


def test_a_hundred_thousand_characters_are_refused_in_a_short_line():
    with pytest.raises(AddressRefused) as refusal:
        checked("a" * 100_000 + "@example.com")
    assert len(refusal.value.line()) < 300


def test_identity_ignores_case_and_the_form_of_the_domain():
    assert identity("Asha.Rao@B\u00dcCHER.example") == identity("asha.rao@xn--bcher-kva.EXAMPLE")


def test_identity_keeps_different_mailboxes_apart():
    written = ["strasse@example.com", "stra\u00dfe@example.com", "asha+1@example.com", "asha@example.com"]
    assert len({identity(address) for address in written}) == 4


def test_identity_is_the_same_however_an_accent_is_typed():
    assert identity("Jose\u0301@example.com") == identity("JOS\u00c9@example.com")
