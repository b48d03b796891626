"""One mail from a server: what servers put on top, whom it was for, and what the receiver found of its sender."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from facts_of_mails import INVITED, START

from mailer.messages import compose
from mailer.proof_checks import Booked, problems_of
from mailer.remote_mail import RemoteMail, authentication_of, headers_of, recipient_of, without_trace
from store.facts import HandOver

SENT = b"From: a@x.example\r\nTo: b@x.example\r\nReceived: kept\r\n\r\nReceived: words\r\n"


@pytest.mark.parametrize("trace", [
    b"",
    b"Return-Path: <a@x.example>\r\nReceived: from x\r\n\tby y;\r\n\tnow\r\n",
    b"X-Spam-Status: No\r\nARC-Seal: i=1\r\nAuthentication-Results: y; spf=pass\r\nDKIM-Signature: v=1;\r\n b=x\r\n",
])  # fmt: skip
def test_what_servers_put_on_top_is_taken_off_and_nothing_else(trace):
    assert without_trace(trace + SENT) == SENT


def test_a_header_of_another_kind_is_never_taken_off():
    assert without_trace(b"Reply-To: e@x.example\r\n" + SENT).startswith(b"Reply-To")


@pytest.mark.parametrize(("headers", "recipient"), [
    ("Delivered-To: b@x.example", "b@x.example"),
    ("Delivered-To: final@x.example\r\nX-Original-To: B@X.example", "b@x.example"),
    ("Delivered-To: <eve@x.example>", "eve@x.example"),
    ("Envelope-To: other@x.example", "other@x.example"),
    ("Subject: no trace", "b@x.example"),
])  # fmt: skip
def test_the_envelope_recipient_is_where_the_delivery_says(headers, recipient):
    given = headers_of(f"{headers}\r\nTo: Bo <b@x.example>\r\n".encode())
    assert recipient_of(given, "B@x.example") == recipient


def test_without_a_trace_the_mailbox_of_another_address_names_nobody():
    assert recipient_of([("to", "b@x.example")], "c@x.example") == ""
    assert recipient_of([("to", "b@x.example")], "") == ""


@pytest.mark.parametrize(("values", "results"), [
    ([], {}),
    (["mx.x; dkim=pass (dmarc=pass) header.d=x; SPF=softfail; dmarc=none"],
     {"spf": "softfail", "dkim": "pass", "dmarc": "none"}),
    (["mx.x 1; spf=pass", "mx.x; dkim=fail", "mx.x; dkim=pass", "mx.x; dkim=fail"], {"spf": "pass", "dkim": "pass"}),
    (["mx.x; spf=fail", "forged.example; spf=pass; dkim=pass; dmarc=pass"], {"spf": "fail"}),
    (["mx.x; none"], {}),
])  # fmt: skip
def test_only_the_topmost_server_is_believed(values, results):
    assert authentication_of([("authentication-results", value) for value in values]) == results


def test_received_spf_counts_where_nothing_else_tells():
    assert authentication_of([("received-spf", "Pass (mx.x: domain of a@x designates)")]) == {"spf": "pass"}


@pytest.mark.parametrize(("trace", "problems"), [
    (b"Return-Path: <bounces+17-asha=example.org@mail.provider.example>\r\nX-Provider-Id: 5\r\n", []),
    (b"DKIM-Signature: v=1; d=acme.example\r\n", []),
    (b"Reply-To: eve@example.net\r\n", ["altered"]),
])  # fmt: skip
def test_what_providers_add_on_the_way_changes_nothing_and_all_else_is_told(trace, problems):
    number, site = "0123456789abcdef01234567", "https://interviews.example.com"
    record = HandOver(START, "jobs@acme.example", "Acme Jobs", site)
    booked = Booked(INVITED, record, INVITED.recipient, f"{site}/?session_key=k1{'abcdefgh' * 6}",
                    f"<{number}@acme.example>", number)  # fmt: skip
    octets = trace + compose(INVITED, record, message_id=booked.message_id, token=number, link=booked.link)
    mail = RemoteMail(Path("INBOX/1"), INVITED.recipient, fetch=lambda: octets, folder="INBOX", is_spam=False,
                      arrived_at=datetime.now(UTC))  # fmt: skip
    assert [problem.code for problem in problems_of([mail], booked)] == problems
