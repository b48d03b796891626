"""Signatures on finished mails: that receivers accept them, that they are the same each time, and the keys refused."""

import builtins
import shutil
import subprocess
from dataclasses import replace
from email import message_from_bytes, policy

import dkim
import pytest
from conftest import need
from facts_of_mails import INVITED
from name_server import dnsmasq, txt
from pydantic import SecretStr
from test_alert_mail import made as made_alert
from test_proof_checks import BOOKED, OTHER_KEY, RECIPIENT, SENDER
from test_seal import made

from mailer.account import SMTP, STARTTLS, Account, DkimKey
from mailer.dkim_keys import read_key
from mailer.dkim_signing import SigningRefused, check_key, modulus, public_record, sign
from mailer.letters import Letter
from mailer.mailbox import Mail, Mailbox, keep, prepare
from mailer.proof_checks import problems_of
from mailer.verification import from_domain
from mailer.verification.dns_questions import Questions
from store.facts import CANCELLED, RESCHEDULED

PLACE = "mail._domainkey.example.com"
MAILS = {
    "invitation": made(),
    "hindi": made(replace(INVITED, candidate_name="आशा राव", company_name="Société Générale")),
    "rescheduled": made(replace(INVITED, kind=RESCHEDULED, previous_starts_at=INVITED.starts_at)),
    "cancelled": made(replace(INVITED, kind=CANCELLED, sequence=1)),
    "alert": made_alert(),
}


def openssl(*arguments):
    program = shutil.which("openssl")
    need(program, "openssl is not installed")
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True, timeout=30).stdout


def key_of(pem, domain="example.com"):
    return DkimKey(domain, "mail", SecretStr(pem))


@pytest.fixture(scope="module")
def key():
    return key_of(openssl("genrsa", "2048"))


@pytest.fixture(scope="module")
def other_key():
    return key_of(openssl("genrsa", "2048"))


@pytest.fixture
def accepted(tmp_path, key):
    """Whether a receiver accepts a mail's signature by the record that we tell people to publish."""

    def accepted(message, record=None):
        with dnsmasq(tmp_path, txt(PLACE, record or public_record(key))) as here:
            ask = Questions(here)
            return dkim.verify(message, dnsfunc=lambda name, timeout: ask.texts(name.decode())[0].encode())

    return accepted


@pytest.mark.parametrize("kind", MAILS)
def test_receiver_accepts_the_signature_by_the_published_record(accepted, key, kind):
    signed = sign(MAILS[kind], key)
    assert signed.endswith(MAILS[kind])
    assert accepted(signed)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"12:50 PM", b"01:50 PM"),
        (b"Subject: Interview", b"Subject: Other"),
        (b"To: asha@", b"To: asya@"),
        (b"auto-generated", b"no"),
        (b"Fri, 27 Nov", b"Fri, 20 Nov"),
        (b"From: ", b"From: x@example.com\r\nFrom: "),
    ],
)
def test_changed_mail_is_not_accepted(accepted, key, old, new):
    signed = sign(MAILS["invitation"], key)
    assert old in signed
    assert not accepted(signed.replace(old, new))


def test_signature_of_another_key_is_not_accepted(accepted, key, other_key):
    assert not accepted(sign(MAILS["invitation"], key), public_record(other_key))


def test_signature_is_the_same_each_time_and_dated_as_the_mail(key):
    signed = sign(MAILS["invitation"], key)
    given = message_from_bytes(signed, policy=policy.default)["DKIM-Signature"]
    sent = message_from_bytes(MAILS["invitation"], policy=policy.default)["Date"].datetime
    assert f" t={int(sent.timestamp())};" in given
    assert " c=relaxed/relaxed;" in given
    assert sign(MAILS["invitation"], key) == signed


def test_named_headers_are_signed_and_from_once_more(key):
    tags = dkim.util.parse_tag_value(sign(MAILS["invitation"], key).partition(b":")[2].partition(b"\r\nFrom:")[0])
    assert b"".join(tags[b"h"].split()).decode() == (
        "from:from:to:subject:date:message-id:mime-version:content-type:auto-submitted"
    )


def test_signed_mail_may_be_written_to_a_server_and_has_short_lines(key):
    signed = sign(MAILS["hindi"], key)
    assert Letter(1, "jobs@example.com", "asha@example.org", signed).data == signed
    assert max(map(len, signed.partition(b"From:")[0].split(b"\r\n"))) <= 78


def test_a_signature_stands_on_top_and_nothing_below_it_is_changed(key):
    mail = MAILS["invitation"]
    assert sign(mail, key).startswith(b"DKIM-Signature:")
    assert sign(mail, key).endswith(mail)


@pytest.fixture
def delivered(tmp_path):
    """Delivers a mail into a Maildir and gives its copies there."""

    def delivered(octets):
        prepare(tmp_path)
        keep(tmp_path, [Mail(SENDER, (RECIPIENT,), octets)])
        return Mailbox(tmp_path).find(BOOKED.message_id)

    return delivered


def test_signed_mail_that_was_delivered_is_proven(delivered, key):
    copies = delivered(sign(BOOKED.composed(), key))
    assert problems_of(copies, BOOKED) == []
    assert copies[0].sent.endswith(BOOKED.composed())


def test_signature_that_happens_to_look_like_a_key_is_no_foreign_key(delivered):
    signature = f"DKIM-Signature: v=1; d=relay.example;\r\n b=Ab+{OTHER_KEY[:20]}{OTHER_KEY[20:].upper()}=\r\n".encode()
    assert problems_of(delivered(signature + BOOKED.composed()), BOOKED) == []


# Keys.


def broken(pem):
    """The key with one character of its numbers changed."""
    lines = pem.splitlines()
    middle = len(lines) // 2
    lines[middle] = ("A" if lines[middle][0] != "A" else "B") + lines[middle][1:]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("form", [["-traditional"], []], ids=["PKCS#1", "PKCS#8"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_both_forms_and_line_ends_of_a_key_are_read(form, end):
    given = key_of(openssl("genrsa", *form, "2048").replace("\n", end))
    assert check_key(given) == ""
    assert read_key(public_record(given)).modulus == modulus(given)


def test_published_record_is_the_one_that_openssl_makes(key, tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(key.private_key.get_secret_value())
    lines = openssl("rsa", "-in", str(file), "-pubout").splitlines()
    assert public_record(key) == f"v=DKIM1; k=rsa; p={''.join(lines[1:-1])}"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: "no key", "dkim_key_unusable"),
        (lambda: "-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n", "dkim_key_unusable"),
        (lambda: openssl("genrsa", "-traditional", "1024")[:300] + "\n-----END", "dkim_key_unusable"),
        (lambda: broken(openssl("genrsa", "-traditional", "1024")), "dkim_key_unusable"),
        (lambda: openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout"), "dkim_key_unusable"),
        (lambda: openssl("genpkey", "-algorithm", "ed25519"), "dkim_key_unusable"),
        (lambda: openssl("genrsa", "-aes128", "-passout", "pass:x", "1024"), "dkim_key_unusable"),
        (lambda: openssl("genrsa", "512"), "dkim_key_short"),
    ],
)
def test_key_that_cannot_sign_is_refused_with_the_fix_and_never_quoted(make, code):
    pem = make()
    with pytest.raises(SigningRefused) as refused:
        check_key(key_of(pem))
    assert refused.value.code == code
    assert "openssl genrsa" in refused.value.line()
    assert not [line for line in pem.splitlines() if len(line) > 20 and line in refused.value.line()]


def test_short_key_is_warned_of():
    assert "2048 are recommended" in check_key(key_of(openssl("genrsa", "1024")))


def test_missing_library_is_refused_with_the_command_that_installs_it(monkeypatch, key):
    importing = builtins.__import__

    def without(name, *rest, **more):
        if name.partition(".")[0] == "dkim":
            raise ModuleNotFoundError(name)
        return importing(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SigningRefused) as refused:
        check_key(replace(key, private_key=SecretStr("not read before")))
    assert refused.value.code == "dkim_library_missing"
    assert "pip install -e" in refused.value.fix


# The published half.


@pytest.fixture
def seen(tmp_path, key):
    """What the look at DKIM makes of these records while mails are signed with `key`."""

    def seen(*records, look=from_domain.dkim):
        account = Account(SMTP, "smtp.example.com", 587, STARTTLS, "jobs@example.com", dkim=key)
        with dnsmasq(tmp_path, *records) as here:
            return look(from_domain.Sender(account, ()), Questions(here))

    return seen


def test_own_key_that_is_published_is_green(seen, key):
    assert seen(txt(PLACE, public_record(key))).evidence == f"2048 bit RSA key at {PLACE}"


def test_own_key_that_is_not_published_gives_the_record_to_paste(seen, key, other_key):
    missing, differs = seen(), seen(txt(PLACE, public_record(other_key)))
    revoked = seen(txt(PLACE, "v=DKIM1; p="))
    assert [row.code for row in (missing, differs, revoked)] == ["dkim_missing", "dkim_key_differs", "dkim_revoked"]
    assert all(public_record(key) in row.fix for row in (missing, differs, revoked))


def test_strict_alignment_wants_the_very_domain(seen, key):
    look, strict = from_domain.dmarc, txt("_dmarc.example.com", "v=DMARC1; p=none; adkim=s")
    assert seen(strict, look=look).code == ""
    below = replace(key, domain="mail.example.com")
    account = Account(SMTP, "smtp.example.com", 587, STARTTLS, "jobs@example.com", dkim=below)
    found = from_domain.policies.Dmarc("example.com", "example.com", ("v=DMARC1; p=none; adkim=s",))
    assert not found.aligns("mail.example.com")
    assert replace(found, records=("v=DMARC1; p=none",)).aligns("mail.example.com")
    assert from_domain._aligned(from_domain.Sender(account, ()), found, "").code == "dmarc_not_aligned"
