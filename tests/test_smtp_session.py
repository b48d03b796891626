"""Opening a conversation over real sockets: deadlines, TLS, login, and what is made of strange answers."""

import dataclasses
import itertools
import socket
import time

import pytest
from pydantic import SecretStr
from smtp_server import DROP, SILENCE, After, Drip, SmtpServer, account, certificate, letters, refusal, sent

from mailer.account import PLAIN, SSL, STARTTLS
from mailer.errors import Refused
from mailer.session import Session
from mailer.signatures import LATER, PAUSE, classify
from mailer.smtp import Conversation

# Deadlines


def test_a_server_that_accepts_and_says_nothing_times_out_in_the_configured_seconds():
    with SmtpServer({"BANNER": SILENCE}) as server:
        began = time.monotonic()
        failure = refusal(server, timeout=0.3)
    assert 0.25 < time.monotonic() - began < 4
    assert (failure.phase, failure.kind) == ("banner", "timeout")
    assert classify(failure).decision == LATER


def test_a_server_that_drips_bytes_is_held_to_the_phase_deadline():
    with SmtpServer({"BANNER": Drip("220 " + "x" * 100, 0.05)}) as server:
        began = time.monotonic()
        failure = refusal(server, timeout=0.4)
    assert time.monotonic() - began < 4
    assert (failure.phase, failure.kind) == ("banner", "timeout")


def test_a_server_that_is_slow_in_every_phase_is_held_to_the_overall_deadline():
    late = {"BANNER": After("220 x", 0.3), "EHLO": After("250 x", 0.3)}
    with SmtpServer(late) as server:
        began = time.monotonic()
        failure = refusal(server, timeout=0.4, deadline=0.45)
    assert time.monotonic() - began < 4
    assert (failure.phase, failure.kind) == ("ehlo", "timeout")


def test_a_letter_whose_time_is_up_is_not_dotted_any_more():
    late = {"MAIL": After("250 ok", 0.2), "RCPT": After("250 ok", 0.2), "DATA": After("354 go", 0.2)}
    with SmtpServer(late, extensions=()) as server:
        (outcome,) = sent(server, "asha", timeout=0.4, deadline=0.5)
    assert (outcome.dotted, outcome.failure.kind) == (False, "timeout")
    assert server.delivered == []


def test_the_clock_given_decides_the_deadlines():
    # The name is found before the clock begins to run.
    ticking = itertools.chain(itertools.repeat(0, 5), range(100, 10_000, 100))
    with SmtpServer() as server, pytest.raises(Refused) as refused:
        Conversation(account(server), clock=lambda: next(ticking)).open()
    assert refused.value.failure.kind == "timeout"


def test_closing_does_not_wait_for_a_server_that_ignores_quit():
    with SmtpServer({"QUIT": SILENCE}) as server:
        conversation = Conversation(account(server, timeout=0.2)).open()
        began = time.monotonic()
        conversation.close()
    assert time.monotonic() - began < 4
    assert not conversation.alive


# Opening


def test_nothing_listening_is_told_as_refused():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    failure = refusal(dataclasses.make_dataclass("Nobody", ["port"])(port))
    assert (failure.phase, failure.kind) == ("connect", "refused")
    assert f"127.0.0.1:{port}" in classify(failure).fix


def test_a_name_that_does_not_exist_is_told_as_dns():
    with SmtpServer() as server:
        failure = refusal(server, host="no..such..host")
    assert (failure.phase, failure.kind) == ("connect", "dns")


@pytest.mark.parametrize(("mechanisms", "initial"), [("PLAIN LOGIN", "AUTH PLAIN "), ("LOGIN XOAUTH2", "AUTH LOGIN")])
def test_user_and_password_arrive_as_given(mechanisms, initial):
    with SmtpServer(mechanisms=mechanisms) as server:
        sent(server, "asha", user="ops@acme.in", password=SecretStr("s3cret \u00fc"))
    assert server.logins == [("ops@acme.in", "s3cret \u00fc")]
    assert server.commands[1].startswith(initial)


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN"])
def test_a_password_is_in_no_error_trace_or_repr_even_if_the_server_echoes_it(mechanisms):
    said = []
    echo = {"AUTH": lambda argument, _: f"535 5.7.8 bad: canary-pass {argument}"}
    with SmtpServer(echo, mechanisms=mechanisms) as server, pytest.raises(Refused) as refused:
        Conversation(account(server, user="ops", password=SecretStr("canary-pass")), trace=said.append).open()
    everything = repr(refused.value) + str(refused.value) + repr(refused.value.failure) + "".join(said)
    assert "canary" not in everything
    assert "Y2FuYXJ5" not in everything
    assert refused.value.failure.code == 535
    assert "auth: 535" in "\n".join(said)


def test_a_server_that_offers_no_login_is_told_with_the_fix():
    with SmtpServer() as server:
        failure = refusal(server, user="ops", password=SecretStr("x"))
    assert (failure.phase, failure.kind) == ("auth", "no_auth")
    assert "EMAIL_USE_TLS" in classify(failure).fix


def test_a_password_never_leaves_this_machine_in_plain_text(monkeypatch):
    monkeypatch.setattr("mailer.wire.Wire.peer_is_loopback", False)
    with SmtpServer(mechanisms="PLAIN LOGIN") as server:
        failure = refusal(server, user="ops", password=SecretStr("x"))
    assert (failure.phase, failure.kind) == ("auth", "no_starttls")
    assert server.logins == []


@pytest.mark.parametrize("banner", ["421 4.3.2 too busy", "554 5.7.1 blocked"])
def test_a_refusing_banner_is_told_with_its_code(banner):
    with SmtpServer({"BANNER": banner}) as server:
        failure = refusal(server)
    assert (failure.phase, failure.kind, failure.code) == ("banner", "reply", int(banner[:3]))
    assert failure.enhanced == banner.split()[1]


@pytest.mark.parametrize(
    "banner",
    [
        "SSH-2.0-OpenSSH_9",
        "HTTP/1.1 400 Bad",
        "2500 x",
        "25 x",
        "999 x",
        "220-a\r\n221 b",
        "220-x\r\n" * 200,
        "2" * 70000 + "\n",
    ],
    ids=["ssh", "http", "four digits", "two digits", "no code", "two codes", "endless lines", "endless line"],
)
def test_what_is_no_reply_is_refused_as_protocol(banner):
    with SmtpServer({"BANNER": banner}) as server:
        failure = refusal(server)
    assert (failure.phase, failure.kind) == ("banner", "protocol")
    assert len(failure.text) <= 300


def test_a_hostile_reply_is_cut_to_one_harmless_line_without_keys():
    key = "k1" + "abcdefgh" * 6
    hostile = f"550-\x1b[31m red {key.upper()}\r\n550-{key[:20]}\r\n550 {key[20:]} \u202e" + "x" * 1000
    with SmtpServer({"RCPT": hostile}) as server:
        (outcome,) = sent(server, "asha")
    text = outcome.failure.text
    assert text.isprintable()
    assert len(text) <= 300
    assert key[:20] not in text.lower()
    assert key[20:] not in text.lower()


def test_the_trace_has_every_phase_and_no_content():
    said = []
    with SmtpServer() as server, Conversation(account(server), trace=said.append) as conversation:
        list(conversation.send(letters("asha", data=b"Subject: canary\r\n\r\ncanary\r\n")))
    phases = [line.partition(":")[0] for line in said]
    assert phases == ["connect", "banner", "ehlo", "mail", "rcpt", "data", "dot", "quit"]
    assert "canary" not in "".join(said)


# TLS


@pytest.fixture(scope="module")
def trusted(tmp_path_factory):
    """A server certificate for 127.0.0.1, and the file that makes it trusted."""
    return certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture(scope="module")
def misnamed(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls"), "mail.other.example")


BOTH_KINDS = pytest.mark.parametrize("security", [SSL, STARTTLS])


def secured(certificate_of, security, script=None, **options):
    return SmtpServer(script, tls=certificate_of[0], implicit=security == SSL, **options)


@BOTH_KINDS
def test_a_self_signed_certificate_is_refused_with_the_fix(trusted, security):
    with secured(trusted, security, mechanisms="PLAIN") as server:
        failure = refusal(server, security=security, user="ops", password=SecretStr("x"))
    assert failure.kind == "certificate"
    assert "self-signed" in failure.text.replace("self signed", "self-signed")
    verdict = classify(failure)
    assert (verdict.decision, "NOT switched off" in verdict.fix) == (PAUSE, True)
    assert server.logins == []


@BOTH_KINDS
def test_a_certificate_for_another_name_is_refused_even_from_a_trusted_authority(misnamed, security):
    with secured(misnamed, security, mechanisms="PLAIN") as server:
        failure = refusal(server, security=security, ca_file=misnamed[1], user="ops", password=SecretStr("x"))
    assert failure.kind == "certificate"
    assert "127.0.0.1" in failure.text
    assert server.logins == []


@BOTH_KINDS
def test_the_ca_file_makes_a_private_authority_trusted(trusted, security):
    with secured(trusted, security, mechanisms="PLAIN") as server:
        (outcome,) = sent(server, "asha", security=security, ca_file=trusted[1], user="ops", password=SecretStr("x"))
    assert outcome.accepted
    assert server.connections[0].secured
    assert server.logins == [("ops", "x")]


def test_ssl_to_a_starttls_port_is_told_with_the_fix():
    with SmtpServer() as server:
        failure = refusal(server, security=SSL)
    assert (failure.phase, failure.kind) == ("connect", "tls")
    assert "EMAIL_USE_TLS=True, EMAIL_USE_SSL=False" in classify(failure).fix


def test_a_server_without_starttls_gets_no_login_and_no_mail():
    with SmtpServer(mechanisms="PLAIN") as server:
        failure = refusal(server, security=STARTTLS, user="ops", password=SecretStr("x"))
    assert (failure.phase, failure.kind) == ("starttls", "no_starttls")
    assert [command.split()[0] for command in server.commands] == ["EHLO"]


def test_words_slipped_in_before_tls_are_never_taken_for_the_servers(trusted):
    slipped = {"STARTTLS": "220 go ahead\r\n250-forged\r\n250 AUTH PLAIN"}
    with secured(trusted, STARTTLS, slipped) as server:
        failure = refusal(server, security=STARTTLS, ca_file=trusted[1], user="ops", password=SecretStr("x"))
    assert (failure.phase, failure.kind) == ("starttls", "protocol")
    assert classify(failure).signature_id == "tls.injected"
    assert server.logins == []


def test_what_was_offered_before_tls_is_forgotten(trusted):
    with secured(trusted, STARTTLS, extensions=("PIPELINING",)) as server:
        session = Session(account(server, security=STARTTLS, ca_file=trusted[1])).open()
        session.close()
    assert session.features == {"PIPELINING"}
    assert [command.split()[0] for command in server.commands] == ["EHLO", "STARTTLS", "EHLO", "QUIT"]


def test_a_tls_handshake_that_never_ends_is_held_to_the_phase_deadline():
    with SmtpServer({"STARTTLS": SILENCE, "BANNER": SILENCE}) as server:
        began = time.monotonic()
        failure = refusal(server, security=SSL, timeout=0.3)
    assert time.monotonic() - began < 4
    assert (failure.phase, failure.kind) == ("connect", "timeout")


@pytest.mark.parametrize("security", [PLAIN, STARTTLS])
def test_a_server_that_drops_the_line_at_once_is_told_as_dropped(security):
    with SmtpServer({"BANNER": DROP}) as server:
        failure = refusal(server, security=security)
    assert (failure.phase, failure.kind, classify(failure).decision) == ("banner", "dropped", LATER)
