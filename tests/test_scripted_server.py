"""The scripted server: how it can misbehave, over real conversations, and what it writes down of them."""

import base64
import smtplib
import time

import pytest
from pydantic import SecretStr
from smtp_server import BODY, FROM, account, letters, refusal, sent

from mailer.mailbox import Mailbox
from mailer.sandbox.answers import Drop, Endless, Say, Silence
from mailer.sandbox.rules import (
    At,
    Between,
    Crowd,
    EveryRecipient,
    Greylist,
    MailsALine,
    NotFor,
    Quota,
)
from mailer.sandbox.scenario import Scenario
from mailer.sandbox.scripted import ScriptedServer
from mailer.smtp import Conversation

USER, TOKEN = "ops@acme.example", "ya29.canary-token"


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def playing(*rules, clock=time.monotonic, users=None, folder=None, pause=None, **presents):
    scenario = Scenario("test", "As the test says.", rules, **presents)
    return ScriptedServer(scenario, clock=clock, users=users, folder=folder, pause=pause)


def codes(outcomes):
    return [250 if outcome.accepted else outcome.failure.code for outcome in outcomes]


def told(failure):
    return failure.phase, failure.kind, failure.code


# Refusing, by phase, recipient and count


@pytest.mark.parametrize(
    ("step", "phase"),
    [("BANNER", "banner"), ("EHLO", "ehlo"), ("MAIL", "mail"), ("RCPT", "rcpt"), ("DATA", "data"), (".", "dot")],
)
def test_a_refusal_comes_at_the_step_that_was_named(step, phase):
    with playing(At(step, "554 5.7.1 not here")) as server:
        if phase in ("banner", "ehlo"):
            failure = refusal(server)
        else:
            (outcome,) = sent(server, "asha")
            failure = outcome.failure
    assert told(failure) == (phase, "reply", 554)
    assert server.delivered == []


def test_a_refusal_may_be_for_one_recipient_for_the_first_times_or_for_each_so_many_th():
    rules = At("RCPT", "550 5.1.1 no", to="ben@"), At("MAIL", "451 4.3.0 later", first=1), At(".", "554 no", every=2)
    with playing(*rules, extensions=()) as server:
        assert codes(sent(server, "asha", "asha", "ben", "cleo", "dev")) == [451, 250, 550, 554, 250]


def test_a_refusal_may_let_the_first_ones_pass():
    with playing(At(".", "552 5.2.2 full", after=2)) as server:
        assert codes(sent(server, "asha", "ben", "cleo", "dev")) == [250, 250, 552, 552]


def test_each_so_many_th_address_keeps_its_answer_whenever_it_comes():
    with playing(EveryRecipient(2, "452 4.2.2 over quota")) as server:
        assert codes(sent(server, "asha", "ben", "cleo", "ben", "asha")) == [250, 452, 250, 452, 250]


def test_recipients_of_other_domains_are_refused():
    with playing(NotFor(("acme.example",), "554 not verified")) as server:
        assert codes(sent(server, "asha")) == [554]


# Slowing down, by the server's clock


def test_greylisted_recipients_are_taken_when_they_come_again_after_the_time(clock):
    with playing(Greylist(300), clock=clock) as server:
        seen = codes(sent(server, "asha"))
        clock.now += 299
        seen += codes(sent(server, "asha", "ben"))
        clock.now += 1
        assert seen + codes(sent(server, "asha", "ben")) == [450, 450, 450, 250, 450]


def test_a_quota_counts_what_it_let_through_and_forgets_it_with_time(clock):
    with playing(Quota(2, 60, "421 4.7.28 too fast", step="RCPT"), clock=clock) as server:
        seen = codes(sent(server, "asha", "ben", "cleo"))
        clock.now += 60
        assert seen + codes(sent(server, "cleo")) == [250, 250, 421, 250]


def test_a_server_that_is_down_comes_back_at_its_hour(clock):
    with playing(Between(0, 3600, Drop()), clock=clock) as server:
        failure = refusal(server)
        clock.now += 3600
        assert codes(sent(server, "asha")) == [250]
    assert told(failure) == ("banner", "dropped", None)


def test_after_so_many_mails_the_line_is_closed():
    with playing(MailsALine(2)) as server:
        assert codes(sent(server, "asha", "ben", "cleo")) == [250, 250, 421]
    assert server.connections[0].ended == "closed by a rule"


def test_only_the_connections_above_the_most_are_refused():
    with playing(Crowd(1, "432 4.3.2 too many", step="MAIL")) as server, Conversation(account(server)) as first:
        crowded = codes(sent(server, "asha"))
        assert crowded + codes(first.send(letters("ben"))) == [432, 250]


def test_delays_and_drips_are_spent_on_the_pause_that_was_given():
    spent = []
    slow = At("MAIL", Say("250 ok", wait=30)), At("RCPT", Say("250 ok", gap=2))
    with playing(*slow, pause=spent.append) as server:
        assert codes(sent(server, "asha")) == [250]
    assert spent == [30, *[2] * len("250 ok\r\n")]


# Breaking off


def test_a_line_that_breaks_in_the_middle_of_a_mail_takes_nothing():
    with playing(At("CONTENT", Drop(), first=1)) as server:
        (outcome,) = sent(server, "asha")
    assert outcome.failure.phase == "dot"
    assert server.delivered == []


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize(("breaking", "kind"), [(Drop, "dropped"), (Silence, "timeout")])
def test_after_the_final_dot_a_mail_may_be_taken_or_not_and_the_client_cannot_know(breaking, kind, keeps):
    with playing(At(".", breaking(keeps=keeps))) as server:
        (outcome,) = sent(server, "asha", timeout=0.2, deadline=0.4)
    assert told(outcome.failure) == ("dot", kind, None)
    assert len(server.delivered) == keeps


@pytest.mark.parametrize("says", [Endless("250-and more"), "HTTP/1.1 400 Bad Request"])
def test_garbage_and_replies_without_an_end_are_no_replies(says):
    with playing(At("EHLO", says)) as server:
        assert told(refusal(server)) == ("ehlo", "protocol", None)


# TLS


@pytest.mark.parametrize("security", ["ssl", "starttls"])
@pytest.mark.parametrize(
    ("certificate", "words"),
    [("expired", "expired"), ("self_signed", ""), ("other_name", "mismatch"), ("trusted", "")],
)
def test_each_kind_of_certificate_is_what_it_says(security, certificate, words):
    with playing(security=security, certificate=certificate) as server:
        ca_file = None if certificate == "self_signed" else server.authority
        if certificate == "trusted":
            assert codes(sent(server, "asha", security=security, ca_file=ca_file)) == [250]
        else:
            failure = refusal(server, security=security, ca_file=ca_file)
            assert failure.kind == "certificate"
            assert words in failure.text
    assert not server.authority.exists()


def test_broken_tls_words_slipped_in_and_a_missing_offer_are_told_apart():
    seen = []
    for rule in (At("HANDSHAKE", "500 no"), At("HANDSHAKE", Drop()), At("STARTTLS", "220 go\r\n250 forged")):
        with playing(rule, security="starttls") as server:
            seen.append(refusal(server, security="starttls", ca_file=server.authority).kind)
    with playing() as server:
        seen.append(refusal(server, security="starttls").kind)
    assert seen == ["tls", "dropped", "protocol", "no_starttls"]


# Login


def login(server, *lines):
    """The codes of the replies to AUTH and what follows it."""
    with smtplib.SMTP("127.0.0.1", server.port, timeout=5) as client:
        client.ehlo()
        return [client.docmd(line)[0] for line in lines]


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def bearer(token):
    return "AUTH XOAUTH2 " + encoded(f"user={USER}\1auth=Bearer {token}\1\1")


@pytest.fixture
def guarded():
    users = {USER: SecretStr(TOKEN)}
    with playing(mechanisms="PLAIN LOGIN XOAUTH2 OAUTHBEARER", login_needed=True, users=users) as server:
        yield server


def test_a_wrong_token_is_told_by_a_challenge_and_then_refused(guarded):
    assert login(guarded, bearer(TOKEN)) == [235]
    assert login(guarded, bearer("other"), "") == [334, 535]
    assert [login.accepted for login in guarded.logins] == [True, False]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["AUTH PLAIN " + encoded(f"\0{USER}\0{TOKEN}")], [235]),
        (["AUTH PLAIN", encoded(f"\0{USER}\0{TOKEN}")], [334, 235]),
        (["AUTH PLAIN " + encoded(f"\0{USER}\0wrong")], [535]),
        (["AUTH LOGIN", encoded(USER), encoded(TOKEN)], [334, 334, 235]),
        (["AUTH LOGIN " + encoded(USER), encoded("wrong")], [334, 535]),
        (["AUTH OAUTHBEARER " + encoded(f"n,a={USER},\1auth=Bearer {TOKEN}\1\1")], [235]),
        (["AUTH PLAIN no-base64"], [501]),
        (["AUTH XOAUTH2 " + encoded("user=x")], [501]),
        (["AUTH CRAM-MD5"], [504]),
        (["MAIL FROM:<a@b.example>"], [530]),
    ],
)
def test_logins_are_checked_and_needed(guarded, lines, expected):
    assert login(guarded, *lines) == expected


# What is written down


def test_the_transcript_has_both_sides_and_no_secret(guarded):
    with Conversation(account(guarded, user=USER, password=SecretStr(TOKEN))) as conversation:
        list(conversation.send(letters("asha")))
    login(guarded, bearer(TOKEN), "AUTH LOGIN", encoded(USER), encoded(TOKEN))
    shown = "\n".join(str(line) for connection in guarded.connections for line in connection.transcript)
    everything = shown + repr(guarded.connections) + repr(guarded.logins)
    assert "client: MAIL FROM:<i***@acme.example>" in shown
    assert "server: 250 2.0.0 queued" in shown
    assert f"({len(BODY)} bytes of a mail)" in shown
    assert "client: AUTH PLAIN ***" in shown
    assert [secret for secret in (TOKEN, encoded(TOKEN), encoded(f"\0{USER}\0{TOKEN}")) if secret in everything] == []


class Echo:
    """A rule that says back what it was told."""

    def answer(self, moment):
        return f"535 bad: {moment.argument} {TOKEN}" if moment.step == "AUTH" else None


def test_a_secret_that_the_server_says_back_is_masked_in_its_transcript():
    with playing(Echo(), mechanisms="PLAIN LOGIN") as server:
        refusal(server, user=USER, password=SecretStr(TOKEN))
        login(server, "AUTH LOGIN " + encoded(USER), encoded(TOKEN))
    shown = "\n".join(str(line) for connection in server.connections for line in connection.transcript)
    assert "535 bad: PLAIN *** ***" in shown
    assert [secret for secret in (TOKEN, encoded(TOKEN), encoded(f"\0{USER}\0{TOKEN}")) if secret in shown] == []


def test_mails_are_kept_in_the_maildir_before_they_are_answered(tmp_path):
    with playing(folder=tmp_path / "box") as server:
        with Conversation(account(server)) as conversation:
            assert codes(conversation.send(letters("asha", data=b"Message-ID: <1@x.example>\r\n" + BODY))) == [250]
        (kept,) = Mailbox(tmp_path / "box").find("<1@x.example>")
    assert server.delivered[0].sender == FROM
    assert (kept.sent, kept.recipient_envelope) == (server.delivered[0].content, "asha@cand.example")
