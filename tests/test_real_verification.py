"""The whole email verification against real servers: green when all is right, and for each breakage its cause first."""

import subprocess
import time

import mail_servers_texts as texts
import name_server
import pytest
from pydantic import SecretStr

from mailer import verification
from mailer.account import DkimKey
from mailer.config import MailSettings
from mailer.dkim_signing import public_record
from mailer.verification import Asked, stages
from mailer.verification.stages import AMBER, FAILED, GREEN, RED

pytest_plugins = ("mail_servers", "proof_office")
# The record's engine changes nothing about mail.
pytestmark = pytest.mark.parametrize("running", ["sqlite"], indirect=True)
SELECTOR = "tests"


TOLD = (
    ("wrong_password", stages.LOGIN, "535 5.7.8", "EMAIL_HOST_USER and EMAIL_HOST_PASSWORD"),
    ("wrong_port", stages.HELLO, "says nothing", "465 needs EMAIL_USE_SSL=True"),
    ("tls_off", stages.LOGIN, "no login before the line is encrypted", "Turn EMAIL_USE_TLS on"),
    ("no_tls", stages.TLS, "offers no encryption", "Server offers no STARTTLS"),
    ("closed_port", stages.CONNECT, "nothing listens there", "check EMAIL_PORT"),
    ("black_hole", stages.HELLO, "says nothing", "Check EMAIL_PORT"),
    ("expired", stages.TLS, "has expired", "renew its certificate"),
    ("self_signed", stages.TLS, "self-signed", "EMAIL_CA_FILE"),
    ("other_name", stages.TLS, "another name", "Set EMAIL_HOST to a name on the certificate"),
    ("no_relay", stages.ADDRESSES, "554 5.7.1", "will not relay for you"),
    ("sender_refused", stages.ADDRESSES, "not owned by user", "DEFAULT_FROM_EMAIL"),
    ("unknown_recipient", stages.ADDRESSES, "550 5.1.1", "does not exist"),
    ("greylist", stages.ADDRESSES, "greylisting", "Verify again in 5 minutes"),
    ("full_mailbox", stages.SEND, "552 5.2.2", "full"),
    ("size_limit", stages.HELLO, "up to 2000 bytes", "SIZE"),
    ("rate_limit", stages.SEND, "too much mail", ""),
    ("tracked", stages.READ_BACK, "Click tracking", "switch off click and open tracking"),
    ("lost", stages.READ_BACK, "did not arrive", "bounces"),
    ("held", stages.READ_BACK, "did not arrive", "wait longer"),
    ("imap_wrong_password", stages.READ_BACK, "Authentication failed", "IMAP_USER and IMAP_PASSWORD"),
    ("imap_wrong_port", stages.READ_BACK, "WRONG_VERSION_NUMBER", "IMAP_PORT and IMAP_SECURITY"),
    ("imap_down", stages.READ_BACK, "Connection refused", "IMAP_HOST and IMAP_PORT"),
    ("imap_silent", stages.READ_BACK, "no answer", "IMAP_PORT and IMAP_SECURITY"),
    ("imap_no_folder", stages.READ_BACK, "Nowhere", "Bulk, INBOX, Sent"),
)  # fmt: skip
"""For each breakage the stage that tells it, and words of its cause and of its fix."""


@pytest.fixture(scope="module")
def signing(tmp_path_factory):
    """The settings that sign mails, and the record that must be published."""
    key = tmp_path_factory.mktemp("dkim") / "private.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key],
                   check=True, capture_output=True, timeout=30)  # fmt: skip
    settings = {"DKIM_DOMAIN": texts.DOMAIN, "DKIM_SELECTOR": SELECTOR, "DKIM_PRIVATE_KEY_FILE": str(key)}
    return settings, public_record(DkimKey(texts.DOMAIN, SELECTOR, SecretStr(key.read_text())))


@pytest.fixture(scope="module")
def names(tmp_path_factory, signing):
    """A name server that knows the sender's domain as it should be."""
    records = (
        name_server.mx(texts.DOMAIN, texts.SERVER_NAME), name_server.host(texts.SERVER_NAME, texts.HOST),
        name_server.txt(texts.DOMAIN, f"v=spf1 ip4:{texts.HOST} -all"),
        name_server.txt(f"{SELECTOR}._domainkey.{texts.DOMAIN}", signing[1]),
        name_server.txt(f"_dmarc.{texts.DOMAIN}", f"v=DMARC1; p=reject; rua=mailto:{texts.OPS}"),
    )  # fmt: skip
    with name_server.dnsmasq(tmp_path_factory.mktemp("names"), *records) as server:
        yield f"{server.address}:{server.port}"


@pytest.fixture
def verified(office, mail_servers, signing, names):
    """Runs a verification with the settings of one breakage."""

    def verified(breakage="", wait=15.0, recipient="", **changes):
        settings = mail_servers.environment(breakage) | {"DNS_SERVER": names} | signing[0] | changes
        mail = MailSettings(**{name.lower(): value for name, value in settings.items()})
        recipient = recipient or texts.RECIPIENTS.get(breakage, texts.CANDIDATE)
        asked = Asked(recipient=recipient, portal=f"http://127.0.0.1:{office.port}", wait=wait, rates_spam=not breakage)
        return verification.verify(asked, mail, office.settings, lambda: (office.db, office.ring))

    return verified


def test_all_is_green_from_the_settings_to_the_calendar(verified):
    done = verified()
    assert [(row.title, row.evidence, row.fix) for row in done.rows if row.result != stages.OK] == []
    assert (done.light, done.exit_code) == (GREEN, 0)


def test_all_is_green_with_encryption_from_the_first_byte(verified, mail_servers):
    port = str(mail_servers.ports["ssl"])
    assert verified(EMAIL_PORT=port, EMAIL_USE_SSL="True", EMAIL_USE_TLS="False").light == GREEN


def test_all_is_green_with_a_token_for_both_sending_and_reading(verified, mail_servers, tmp_path):
    file = tmp_path / "token"
    file.write_text(mail_servers.token(texts.CANDIDATE))
    done = verified(EMAIL_AUTH="xoauth2", EMAIL_HOST_PASSWORD="", EMAIL_HOST_USER=texts.CANDIDATE, IMAP_PASSWORD="",
                    EMAIL_TOKEN_FILE=str(file))  # fmt: skip
    assert [(row.title, row.evidence, row.fix) for row in done.rows if row.result != stages.OK] == []
    assert "XOAUTH2" in "".join(row.evidence for row in done.rows if row.stage == stages.LOGIN)


@pytest.mark.parametrize(("breakage", "stage", "cause", "fix"), TOLD)
def test_each_breakage_is_told_first_with_its_cause_and_fix(verified, breakage, stage, cause, fix):
    began = time.monotonic()
    done = verified(breakage, wait=0.5 if breakage in ("lost", "held") else 10)
    first = done.findings[0]
    assert (done.light, first.result, first.stage) == (RED, FAILED, stage)
    assert done.exit_code == stages.BY_NAME[stage].exit_code
    assert cause in first.evidence
    assert fix in first.fix
    assert texts.PASSWORD not in repr(done)
    assert time.monotonic() - began < 20


def test_a_mail_in_the_spam_folder_works_but_is_warned_of(verified):
    done = verified("spam")
    assert (done.light, done.exit_code, done.findings[0].stage) == (AMBER, 0, stages.READ_BACK)
    assert "Bulk" in done.findings[0].evidence


def test_a_mail_to_another_mailbox_of_the_server_is_no_failure(verified):
    done = verified(recipient=texts.OPS)
    assert (done.light, done.exit_code, done.findings[0].code) == (AMBER, 0, "read_back.not_ours")


def test_every_breakage_of_the_servers_is_in_the_table(running):
    assert {row[0] for row in TOLD} == set(texts.BREAKAGES) - {"spam"}


def first_edits(ports, authority):
    """By the id of a finding, what somebody who follows its fix writes into .env."""
    return {
        "mail.backend_missing": {"EMAIL_BACKEND": "smtp"},
        "mail.host_missing": {"EMAIL_HOST": texts.HOST, "EMAIL_HOST_USER": texts.OPS},
        "mail.port_missing": {"EMAIL_PORT": str(ports["starttls"]), "EMAIL_USE_TLS": "True"},
        "mail.password_missing": {"EMAIL_HOST_PASSWORD": "mistyped"},
        "mail.from_missing": {"DEFAULT_FROM_EMAIL": texts.OPS}, "tls.certificate_authority": {"EMAIL_CA_FILE": authority},
        "auth.wrong": {"EMAIL_HOST_PASSWORD": texts.PASSWORD},
        "read_back.no_imap": {
            "IMAP_HOST": texts.HOST, "IMAP_PORT": str(ports["imaps"]), "IMAP_USER": texts.CANDIDATE,
            "IMAP_PASSWORD": texts.PASSWORD,
        },
    }  # fmt: skip


def test_who_does_what_is_said_first_and_runs_again_gets_from_nothing_to_green(office, mail_servers):
    edits, written, done = first_edits(mail_servers.ports, str(mail_servers.authority)), {}, []
    for _ in range(len(edits) + 1):
        mail = MailSettings(**{name.lower(): value for name, value in written.items()})
        asked = Asked(recipient=texts.CANDIDATE, portal=f"http://127.0.0.1:{office.port}", wait=10, rates_spam=False)
        told = verification.verify(asked, mail, office.settings, lambda: (office.db, office.ring))
        if told.light == GREEN:
            break
        first = told.findings[0]
        assert first.code not in done, f"no progress after {done}"
        assert all(name in first.fix for name in list(edits[first.code])[:1])
        written |= edits[first.code]
        done.append(first.code)
    assert told.light == GREEN, told.findings
    assert len(done) >= 8
