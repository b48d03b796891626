"""Logging in by token: XOAUTH2 and OAUTHBEARER, a refusal explained, one fresh token, nothing of it shown."""

import base64
from dataclasses import replace

import pytest
from pydantic import SecretStr
from smtp_server import SmtpServer, account, letters, refusal, sent
from token_sources import NOW, Given, program

from mailer.account import XOAUTH2
from mailer.errors import Refused
from mailer.session import Session
from mailer.signatures import LATER, PAUSE, classify
from mailer.smtp import Conversation
from mailer.tokens import TokenSource

USER = "ops@acme.in"
OLD, NEW = "ya29.old-canary-0123456789abcdefghijklmnop", "ya29.new-canary-0123456789abcdefghijklmnop"
BY_TOKEN = pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])


def by_token(*tokens):
    """What an account that logs in by these tokens has."""
    return {"user": USER, "auth": XOAUTH2, "token": TokenSource(Given(tokens, NOW * 2))}


@BY_TOKEN
def test_a_token_logs_in_by_what_the_server_offers(mechanism):
    with SmtpServer(mechanisms=f"PLAIN LOGIN {mechanism}") as server:
        Session(account(server, **by_token(NEW))).open().close()
    assert server.logins == [(USER, NEW)]


def test_what_is_said_is_what_the_provider_wrote_down():
    with SmtpServer(mechanisms="XOAUTH2") as server:
        Session(account(server, **by_token("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"))).open().close()
        said = b"".join(server.reads[server.connections[0].number]).split(b"\r\n")[1].split()
    assert said[:2] == [b"AUTH", b"XOAUTH2"]
    assert base64.b64decode(said[2]) == (
        b"user=ops@acme.in\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01"
    )


@BY_TOKEN
def test_a_refused_token_is_fetched_anew_once(mechanism):
    with SmtpServer(mechanisms=mechanism, users={USER: SecretStr(NEW)}) as server:
        (outcome,) = sent(server, "asha", **by_token(OLD, NEW))
    assert outcome.accepted
    assert [secret for _, secret in server.logins] == [OLD, NEW]


@BY_TOKEN
def test_a_token_that_stays_refused_is_told_with_the_servers_reason(mechanism):
    with SmtpServer(mechanisms=mechanism, users={USER: SecretStr("right")}) as server:
        failure = refusal(server, **by_token(OLD, NEW))
    assert (failure.phase, failure.code, failure.enhanced) == ("auth", 535, "5.7.8")
    assert failure.text.startswith(f"({mechanism}: status 401, scope https://mail.google.com/)")
    assert len(server.logins) == 2


@pytest.mark.parametrize(("mechanism", "end"), [("XOAUTH2", b"\r\n\r\n"), ("OAUTHBEARER", b"\r\nAQ==\r\n")])
def test_a_server_that_explains_its_refusal_gets_the_answer_that_it_waits_for(mechanism, end):
    with SmtpServer(mechanisms=mechanism, users={USER: SecretStr("right")}) as server:
        refusal(server, **by_token(OLD))
        assert b"".join(server.reads[server.connections[0].number]).endswith(end)


def test_a_token_that_the_source_cannot_better_is_not_tried_twice():
    with SmtpServer(mechanisms="XOAUTH2", users={USER: SecretStr("right")}) as server:
        refusal(server, **by_token(OLD))
    assert len(server.logins) == 1


def test_a_passing_refusal_keeps_the_token():
    given = by_token(OLD, NEW)
    with SmtpServer({"AUTH": "454 4.7.0 Temporary authentication failure"}, mechanisms="XOAUTH2") as server:
        failure = refusal(server, **given)
    assert classify(failure).decision == LATER
    assert given["token"].token().get_secret_value() == OLD


@pytest.mark.parametrize(
    ("host", "reply", "signature"),
    [
        ("smtp.gmail.com", "535 5.7.8 Username and Password not accepted. gsmtp", "google.token_refused"),
        ("smtp.office365.com", "535 5.7.3 Authentication unsuccessful", "microsoft.token_refused"),
        ("mail.acme.in", "535 5.7.8 Error: authentication failed", "auth.token_refused"),
        ("smtp.office365.com", "535 5.7.139 SmtpClientAuthentication is disabled", "microsoft.smtp_auth_disabled"),
    ],
)
def test_a_refused_token_is_not_told_as_a_wrong_password(host, reply, signature):
    with SmtpServer({"AUTH": reply}, mechanisms="XOAUTH2") as server:
        failure = refusal(server, **by_token(OLD))
    verdict = classify(replace(failure, host=host))
    assert (verdict.signature_id, verdict.decision) == (signature, PAUSE)


@pytest.mark.parametrize(
    ("mechanisms", "login", "signature"),
    [
        ("PLAIN LOGIN", by_token(OLD), "auth.no_token_login"),
        ("XOAUTH2", {"user": "ops", "password": SecretStr("x")}, "auth.only_tokens"),
        ("", by_token(OLD), "auth.hidden"),
    ],
)
def test_a_login_that_the_server_does_not_speak_is_told_with_the_one_it_speaks(mechanisms, login, signature):
    with SmtpServer(mechanisms=mechanisms) as server:
        failure = refusal(server, **login)
    assert (failure.kind, classify(failure).signature_id) == ("no_auth", signature)


@pytest.mark.parametrize(
    ("code", "decision"), [("import sys; sys.exit('no net')", LATER), ("print('no token')", PAUSE)]
)
def test_a_source_that_gives_no_token_is_told_with_its_own_fix(code, decision):
    with SmtpServer(mechanisms="XOAUTH2") as server:
        failure = refusal(server, user=USER, auth=XOAUTH2, token=TokenSource(program(code)))
    verdict = classify(failure)
    assert (verdict.decision, "EMAIL_TOKEN_COMMAND by hand" in verdict.fix) == (decision, True)
    assert server.logins == []


@BY_TOKEN
def test_a_token_is_in_no_trace_transcript_or_error_even_if_the_server_echoes_it(mechanism):
    said = []
    echo = {"AUTH": lambda argument, _: f"535 5.7.8 bad {argument} {argument[12:60]} {OLD} {OLD[5:]}"}
    with SmtpServer(echo, mechanisms=mechanism) as server, pytest.raises(Refused) as refused:
        Session(account(server, **by_token(OLD)), trace=said.append, transcript=said.append).open()
    everything = repr(refused.value) + repr(refused.value.failure) + "".join(said)
    assert "canary" not in everything
    for shift in range(3):
        assert base64.b64encode(b"canary-0123456789"[shift:])[:16].decode() not in everything
    assert f"C: AUTH {mechanism} ***" in said


def test_the_transcript_has_both_sides_line_by_line_without_password_or_mail():
    said = []
    with SmtpServer(mechanisms="LOGIN") as server:
        sender = account(server, user=USER, password=SecretStr("canary-pass"))
        with Conversation(sender, transcript=said.append) as conversation:
            list(conversation.send(letters("asha", data=b"Subject: canary\r\n\r\ncanary\r\n")))
    assert "canary" not in "".join(said)
    assert [line for line in said if line.startswith("C: ***")] == ["C: ***", "C: ***"]
    assert "C: RCPT TO:<a***@cand.example>" in said
    assert any(line.startswith("S: 250") for line in said)
