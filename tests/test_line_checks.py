"""The line looked at phase by phase: rows with evidence, cause and fix, nothing sent, no account locked, in time."""

import socket
import time
from datetime import timedelta

import pytest
from pydantic import SecretStr
from smtp_server import SILENCE, Drip, SmtpServer, account
from test_proof_checks import BOOKED
from token_sources import NOW, Given

from mailer.account import SSL, STARTTLS, XOAUTH2
from mailer.sandbox import certificates
from mailer.tokens import TokenSource
from mailer.verification import line_checks, stages
from mailer.verification.line_checks import check_line
from mailer.verification.stages import FAILED, NOT_RUN, OK, WARNING
from store import times

LOGIN = {"user": "ops@acme.in", "password": SecretStr("canary-pass")}
WELL = {"connect": OK, "hello": OK, "tls": OK, "login": OK, "addresses": OK}


def a_month_ago():
    """When certificates that are good for two days from today have many left."""
    return times.now() - timedelta(days=30)


def look(server, recipient="asha@cand.example", *, said=None, last=stages.ADDRESSES, now=a_month_ago, **changes):
    began = time.monotonic()
    trace = (said if said is not None else []).append
    return check_line(account(server, **changes), recipient, last=last, began=began, trace=trace, now=now)


def of(rows, stage):
    return [row for row in rows if row.stage == stage]


def one(rows, stage):
    (row,) = of(rows, stage)
    return row


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """Certificates by kind, each with the file of its authority."""
    made = {}

    def signed(kind):
        if kind not in made:
            made[kind] = certificates.make(tmp_path_factory.mktemp(kind), kind)
        return made[kind]

    return signed


@pytest.fixture
def trusted(signed):
    return signed(certificates.TRUSTED)


# All well


@pytest.mark.parametrize("security", [SSL, STARTTLS])
def test_a_good_line_gives_a_row_for_each_look_in_the_order_of_the_stages(trusted, security):
    with SmtpServer(tls=trusted.context, implicit=security == SSL, mechanisms="PLAIN LOGIN") as server:
        rows = look(server, security=security, ca_file=trusted.authority, **LOGIN)
    assert stages.results(rows) == WELL
    assert [row.stage for row in rows] == ["connect", "hello", "tls", "login", "login", "addresses", "addresses"]
    assert all(row.evidence and not row.fix and row.seconds >= 0 and row.begun >= 0 for row in rows)


def test_no_mail_is_sent_and_the_envelope_is_taken_back():
    with SmtpServer() as server:
        look(server)
    assert server.delivered == []
    assert [command.split()[0] for command in server.commands] == ["EHLO", "MAIL", "RCPT", "RSET", "QUIT"]


def test_evidence_tells_address_greeting_limits_and_addresses_by_their_first_letter():
    with SmtpServer({"BANNER": "220 mx.acme.in ready"}) as server:
        rows = look(server)
    assert f"127.0.0.1:{server.port} answers from 127.0.0.1 in " in one(rows, "connect").evidence
    greeting = one(rows, "hello").evidence
    assert greeting == "mx.acme.in ready; offers 8BITMIME, PIPELINING, SIZE, SMTPUTF8; mails up to 100000 bytes"
    assert [row.evidence.partition(":")[0] for row in of(rows, "addresses")] == [
        "i***@acme.example",
        "a***@cand.example",
    ]


def test_a_look_stops_after_the_stage_that_was_named():
    with SmtpServer(mechanisms="PLAIN") as server:
        rows = look(server, last=stages.TLS, **LOGIN)
    assert [row.stage for row in rows] == ["connect", "hello", "tls"]
    assert server.logins == []


@pytest.mark.parametrize("last", line_checks.LINE)
def test_every_stage_can_be_the_last(trusted, last):
    with SmtpServer(tls=trusted.context, implicit=True, mechanisms="PLAIN") as server:
        rows = look(server, last=last, security=SSL, ca_file=trusted.authority, **LOGIN)
    assert rows[-1].stage in (last, stages.TLS)
    assert set(stages.results(rows).values()) == {OK}


# Connection and greeting


def test_a_closed_port_is_told_and_what_needs_it_is_not_run():
    with SmtpServer() as server:
        pass
    rows = look(server)
    assert stages.results(rows) == {"connect": FAILED} | dict.fromkeys(["hello", "tls", "login", "addresses"], NOT_RUN)
    assert (rows[0].code, f"127.0.0.1:{server.port}" in rows[0].fix) == ("line.refused", True)
    assert rows[1].evidence == "needs: Connection"


@pytest.mark.parametrize(
    ("script", "stage"),
    [
        ({"BANNER": SILENCE}, "hello"),
        ({"BANNER": Drip("220 " + "x" * 100, 0.05)}, "hello"),
        ({"EHLO": SILENCE}, "hello"),
        ({"MAIL": SILENCE}, "addresses"),
        ({"RCPT": Drip("250 " + "x" * 100, 0.05)}, "addresses"),
        ({"RSET": SILENCE}, ""),
    ],
)
def test_a_silent_or_dripping_server_is_given_up_within_the_time_of_a_step(script, stage):
    with SmtpServer(script) as server:
        began = time.monotonic()
        rows = look(server, timeout=0.3)
    assert time.monotonic() - began < 4
    assert [row.stage for row in rows if row.result == FAILED] == ([stage] if stage else [])


def test_a_server_that_is_slow_everywhere_is_given_up_within_the_deadline():
    slow = Drip("250 slow", 0.03)
    with SmtpServer({"BANNER": Drip("220 slow", 0.03), "MAIL": slow, "RCPT": slow}) as server:
        began = time.monotonic()
        rows = look(server, timeout=0.4, deadline=0.6)
    assert time.monotonic() - began < 4
    assert stages.results(rows)["addresses"] == FAILED


def test_a_line_that_was_given_up_is_not_spoken_to_again():
    said = []
    with SmtpServer({"MAIL": SILENCE}) as server:
        look(server, timeout=0.2, said=said)
    assert [line.split()[1] for line in said if line.startswith("C:")] == ["EHLO", "MAIL"]


def test_a_name_server_that_does_not_answer_is_given_up_in_time(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(8) or [])
    with SmtpServer() as server:
        began = time.monotonic()
        rows = look(server, timeout=0.2, host="mail.acme.example")
    assert time.monotonic() - began < 5
    assert rows[0].code == "line.dns_temporary"


# Encryption


def test_encryption_is_told_with_version_cipher_names_issuer_and_expiry(trusted):
    with SmtpServer(tls=trusted.context) as server:
        row = one(look(server, security=STARTTLS, ca_file=trusted.authority), "tls")
    version, cipher, certificate = row.evidence.replace(";", ",").split(", ", 2)
    assert (version, cipher) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384")
    assert "certificate for 127.0.0.1 by Authority of the sandbox, expires 20" in certificate


@pytest.mark.parametrize(("days_before", "result"), [(22, OK), (20, WARNING)])
def test_a_certificate_that_expires_soon_is_warned_of(trusted, days_before, result):
    # The certificate is good for two days from today.
    then = times.now() + timedelta(days=2) - timedelta(days=days_before)
    with SmtpServer(tls=trusted.context) as server:
        row = one(look(server, security=STARTTLS, ca_file=trusted.authority, now=lambda: then), "tls")
    assert (row.result, row.code) == (result, "" if result == OK else "tls.expires_soon")
    assert f"({days_before - 1} days left)" in row.evidence


@pytest.mark.parametrize("security", [SSL, STARTTLS])
@pytest.mark.parametrize(
    ("kind", "code", "fix"),
    [
        (certificates.EXPIRED, "tls.certificate_expired", "renew its certificate"),
        (certificates.SELF_SIGNED, "tls.certificate_self_signed", "EMAIL_CA_FILE"),
        (certificates.OTHER_NAME, "tls.certificate_name", "EMAIL_HOST to a name on the certificate"),
        (certificates.TRUSTED, "tls.certificate_authority", "authority's certificate by EMAIL_CA_FILE"),
    ],
)
def test_a_wrong_certificate_is_told_with_the_right_fix_and_nothing_is_said_over_it(signed, kind, code, fix, security):
    made = signed(kind)
    known = {} if code.endswith(("authority", "self_signed")) else {"ca_file": made.authority}
    with SmtpServer(tls=made.context, implicit=security == SSL, mechanisms="PLAIN") as server:
        rows = look(server, security=security, **known, **LOGIN)
    row = one(rows, "tls")
    assert (row.result, row.code, fix in row.fix) == (FAILED, code, True)
    assert [row.result for row in of(rows, "login") + of(rows, "addresses")] == [NOT_RUN, NOT_RUN]
    assert server.logins == []


def test_a_greeting_behind_encryption_that_fails_is_not_run(signed):
    with SmtpServer(tls=signed(certificates.EXPIRED).context, implicit=True) as server:
        rows = look(server, security=SSL, last=stages.HELLO)
    assert [(row.stage, row.result) for row in rows] == [("connect", OK), ("hello", NOT_RUN), ("tls", FAILED)]


def test_encryption_at_a_port_that_speaks_in_the_clear_is_told_with_the_switches():
    with SmtpServer() as server:
        row = one(look(server, security=SSL), "tls")
    assert "EMAIL_USE_TLS=True, EMAIL_USE_SSL=False" in row.fix


def test_a_server_that_never_begins_tls_is_not_told_as_a_blocked_port():
    with SmtpServer({"BANNER": SILENCE}) as server:
        rows = look(server, security=SSL, timeout=0.3)
    assert (one(rows, "connect").result, one(rows, "tls").code) == (OK, "tls.silent")


def test_starttls_that_is_not_offered_is_a_failure():
    with SmtpServer() as server:
        assert one(look(server, security=STARTTLS), "tls").code == "tls.no_starttls"


def test_plain_text_on_this_machine_is_fine_but_starttls_that_is_offered_is_not_left_unsaid(trusted):
    with SmtpServer() as server:
        assert one(look(server), "tls").result == OK
    with SmtpServer(tls=trusted.context) as server:
        row = one(look(server), "tls")
    assert (row.result, row.code, "EMAIL_USE_TLS=True" in row.fix) == (WARNING, "tls.available", True)


# Login


def test_each_login_that_both_sides_speak_is_tried_over_a_connection_of_its_own():
    with SmtpServer(mechanisms="LOGIN CRAM-MD5 PLAIN XOAUTH2") as server:
        rows = of(look(server, **LOGIN), "login")
    assert [row.title for row in rows] == ["Login by PLAIN", "Login by LOGIN"]
    assert [row.result for row in rows] == [OK, OK]
    assert (len(server.connections), len(server.logins)) == (2, 2)


def test_the_first_refused_login_ends_the_tries_lest_the_account_be_locked():
    with SmtpServer({"AUTH": "535 5.7.8 wrong"}, mechanisms="PLAIN LOGIN") as server:
        rows = look(server, **LOGIN)
    refused, untried = of(rows, "login")
    assert (refused.result, refused.code, untried.result) == (FAILED, "auth.wrong", NOT_RUN)
    assert (len(server.logins), one(rows, "addresses").evidence) == (1, "needs: Login")


def test_a_second_best_login_that_is_refused_is_a_warning():
    only_plain = {"AUTH": lambda argument, _: None if argument.startswith("PLAIN") else "535 5.7.8 wrong"}
    with SmtpServer(only_plain, mechanisms="PLAIN LOGIN") as server:
        rows = look(server, **LOGIN)
    assert [row.result for row in of(rows, "login")] == [OK, WARNING]
    assert stages.results(rows)["addresses"] == OK


def test_a_login_by_token_is_told_by_its_mechanisms():
    tokens = {"user": "ops@acme.in", "auth": XOAUTH2, "token": TokenSource(Given(("abc",), NOW * 2))}
    with SmtpServer(mechanisms="PLAIN XOAUTH2 OAUTHBEARER") as server:
        rows = of(look(server, **tokens), "login")
    assert [row.title for row in rows] == ["Login by XOAUTH2", "Login by OAUTHBEARER"]


def test_a_refused_token_is_told_with_the_servers_reason():
    tokens = {"user": "ops@acme.in", "auth": XOAUTH2, "token": TokenSource(Given(("abc",), NOW * 2))}
    with SmtpServer(mechanisms="XOAUTH2", users={"ops@acme.in": SecretStr("right")}) as server:
        row = one(look(server, **tokens), "login")
    assert (row.result, row.code) == (FAILED, "google.token_refused")
    assert "status 401, scope https://mail.google.com/" in row.evidence


def test_no_login_is_fine_where_none_is_set():
    with SmtpServer(mechanisms="PLAIN") as server:
        assert one(look(server), "login").result == OK


def test_no_secret_is_in_a_row_or_the_transcript():
    said = []
    echo = {"AUTH": lambda argument, _: f"535 5.7.8 canary-pass {argument}"}
    with SmtpServer(echo, mechanisms="PLAIN LOGIN") as server:
        rows = look(server, said=said, **LOGIN)
    everything = repr(rows) + "".join(said)
    assert "canary" not in everything
    assert "Y2FuYXJ5LXBhc3M" not in everything
    assert "AGNhbmFyeS1wYXNz" not in everything
    assert "C: AUTH PLAIN ***" in said


# Sender and recipient


@pytest.mark.parametrize(
    ("script", "results", "code"),
    [
        ({"MAIL": "550 5.7.1 sender rejected"}, [FAILED, NOT_RUN], "sender.not_verified"),
        ({"RCPT": "550 5.1.1 no such user"}, [OK, FAILED], "recipient.unknown"),
        ({"RCPT": "554 5.7.1 relay access denied"}, [OK, FAILED], "relay.denied"),
        ({"RCPT": "450 4.2.0 Greylisted"}, [OK, FAILED], "grey"),
    ],
)
def test_a_refused_address_is_told_by_what_the_server_says(script, results, code):
    with SmtpServer(script) as server:
        rows = of(look(server), "addresses")
    assert [row.result for row in rows] == results
    assert next(row for row in rows if row.code).code == code


def test_a_refusal_that_passes_says_when_to_look_again():
    with SmtpServer({"RCPT": "450 4.2.0 Greylisted"}) as server:
        rows = of(look(server), "addresses")
    assert rows[1].fix.startswith("Verify again in 5 minutes; if it stays so, ")


def test_a_limit_that_no_invitation_fits_into_is_told_at_the_greeting():
    with SmtpServer(extensions=("SIZE 2000",)) as server:
        (row,) = of(look(server), "hello")
    assert (row.result, row.code) == (FAILED, "message.too_big")
    assert "up to 2000 bytes, and an invitation has about 6 kB" in row.evidence
    assert "size of a mail raised" in row.fix


def test_an_invitation_is_about_as_big_as_is_said():
    assert line_checks.MAIL_BYTES / 2 < len(BOOKED.composed()) < line_checks.MAIL_BYTES


@pytest.mark.parametrize(
    ("recipient", "extensions", "result", "code"),
    [
        ("इला@cand.example", ("SMTPUTF8",), OK, ""),
        ("इला@cand.example", (), FAILED, "recipient.utf8"),
        ("a b@cand.example", (), FAILED, "recipient.unsafe"),
    ],
)
def test_a_recipient_that_cannot_be_proposed_is_told(recipient, extensions, result, code):
    with SmtpServer(extensions=extensions) as server:
        rows = of(look(server, recipient), "addresses")
    assert (rows[0].result, rows[1].result, rows[1].code) == (OK, result, code)


def test_without_a_recipient_only_the_sender_is_proposed():
    with SmtpServer() as server:
        rows = of(look(server, ""), "addresses")
    assert [(row.title, row.result) for row in rows] == [("Sender", OK)]
