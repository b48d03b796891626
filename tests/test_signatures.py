"""What each known failure means: the vendors' replies that the product promises to know, and the fallbacks."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import Failure
from mailer.general_replies import GENERAL_REPLIES
from mailer.provider_replies import PROVIDER_REPLIES
from mailer.replies import Reply, cleaned
from mailer.signatures import (
    LATER,
    LINE_FAULTS,
    LONGEST_PAUSE,
    MAX_AGE,
    MAX_ATTEMPTS,
    NEVER,
    PAUSE,
    UNKNOWN,
    classify,
    given_up,
    retry_pause,
)

GMAIL, M365, SES, SENDGRID = (
    "smtp.gmail.com",
    "smtp.office365.com",
    "email-smtp.us-east-1.amazonaws.com",
    "smtp.sendgrid.net",
)
RELAY = "mail.acme.in"
HOUR, DAY = 3600, 86400


def failed(phase, kind="reply", line="", host=RELAY, port=587, security="starttls"):
    code, words = (int(line[:3]), line[4:]) if kind == "reply" else (None, line)
    reply = Reply(code or 599, words)
    return Failure(phase, kind, code, reply.enhanced, reply.text, host, port, security)


# phase, reply, host, decision, part of the line for ops
REPLIES = [
    ("auth", "535 5.7.8 Username and Password not accepted. For more go to x - gsmtp",
     GMAIL, PAUSE, "App Password (16 letters)"),
    ("auth", "534 5.7.9 Application-specific password required. - gsmtp",
     GMAIL, PAUSE, "account password will never work"),
    ("auth", "535 5.7.9 Application-specific password required", RELAY, PAUSE, "App Password"),
    ("auth", "534 5.7.14 Please log in via your web browser and then try again.", GMAIL, PAUSE, "browser"),
    ("auth", "454 4.7.0 Too many login attempts, please try again later.", GMAIL, LATER, "Keep one connection open"),
    ("auth", "454 4.7.0 Cannot authenticate due to temporary system problem.", GMAIL, LATER, "tried again"),
    ("mail", "530 5.7.0 Must issue a STARTTLS command first. gsmtp", GMAIL, PAUSE, "EMAIL_USE_TLS=True"),
    ("mail", "530 5.5.1 Authentication Required. gsmtp", GMAIL, PAUSE, "EMAIL_HOST_USER and EMAIL_HOST_PASSWORD"),
    ("mail", "530 5.7.0 Authentication Required", RELAY, PAUSE, "EMAIL_HOST_USER and EMAIL_HOST_PASSWORD"),
    ("auth", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", M365, PAUSE, "XOAUTH2"),
    ("auth", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
     M365, PAUSE, "aka.ms/smtp_auth_disabled"),
    ("auth", "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.",
     M365, PAUSE, "Check the password"),
    ("auth", "535 5.7.3 Authentication unsuccessful", M365, PAUSE, "Check the password"),
    ("auth", "550 5.7.30 Basic authentication is not supported for Client Submission.",
     M365, PAUSE, "Graph, HVE or ACS"),
    ("mail", "530 5.7.57 Client not authenticated to send mail.", M365, PAUSE, "Log in first"),
    ("auth", "535 Authentication Credentials Invalid", SES, PAUSE, "*SMTP* credentials"),
    ("auth", "535 Authentication failed: Bad username / password", SENDGRID, PAUSE, "apikey"),
    ("dot", "554 Message rejected: Email address is not verified. The following identities failed",
     SES, PAUSE, "production access"),
    ("dot", "550 The from address does not match a verified Sender Identity.",
     SENDGRID, PAUSE, "Sender Authentication"),
    ("mail", "403 The from address does not match a verified Sender Identity", RELAY, PAUSE, "Sender Authentication"),
    ("dot", "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied",
     M365, PAUSE, "grant Send As"),
    ("dot", "550 5.2.252 SendAsDenied", M365, PAUSE, "Microsoft throttles"),
    ("dot", "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
     RELAY, PAUSE, "grant Send As"),
    ("rcpt", "554 5.7.1 <a@b.example>: Relay access denied", RELAY, PAUSE, "will not relay"),
    ("rcpt", "454 4.7.1 <a@b.example>: Relay access denied", RELAY, PAUSE, "will not relay"),
    ("rcpt", "550 5.7.1 Unable to relay", RELAY, PAUSE, "will not relay"),
    ("rcpt", "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", RELAY, PAUSE, "will not relay"),
    ("rcpt", "550 relay not permitted", RELAY, PAUSE, "will not relay"),
    ("rcpt", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", RELAY, PAUSE, "will not relay"),
    ("rcpt", "550 5.7.1 a@b.example... Relaying denied. Proper authentication required.",
     RELAY, PAUSE, "will not relay"),
    ("rcpt", "550 5.1.1 The email account that you tried to reach does not exist. gsmtp",
     GMAIL, NEVER, "correct it in the booking"),
    ("rcpt", "550 5.1.1 <a@b.example>: Recipient address rejected: User unknown",
     RELAY, NEVER, "correct it in the booking"),
    ("rcpt", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found",
     M365, NEVER, "correct it in the booking"),
    ("rcpt", "550 Requested action not taken: mailbox unavailable", RELAY, NEVER, "correct it in the booking"),
    ("rcpt", "511 sorry, no mailbox here by that name (#5.1.1 - chkuser)", RELAY, NEVER, "correct it in the booking"),
    ("rcpt", "550 Unrouteable address", RELAY, NEVER, "another address"),
    ("rcpt", "550 5.4.1 Recipient address rejected: Access denied.", M365, NEVER, "another one"),
    ("rcpt", "452 4.2.2 The email account that you tried to reach is over quota.", GMAIL, LATER, "phone them"),
    ("rcpt", "552 5.2.2 mailbox full", RELAY, NEVER, "phone them"),
    ("rcpt", "450 4.1.1 <a@b.example>: unverified address", RELAY, LATER, "tried again"),
    ("rcpt", "556 5.1.10 domain does not accept mail (nullMX)", RELAY, NEVER, "another address"),
    ("rcpt", "550 5.1.2 bad destination system address", RELAY, NEVER, "correct it in the booking"),
    ("rcpt", "551 user not local; please try <c@d.example>", RELAY, NEVER, "another address"),
    ("rcpt", "553 5.6.7 address not supported", RELAY, NEVER, "ASCII one"),
    ("dot", "421 4.7.28 Our system has detected an unusual rate of unsolicited mail. gsmtp",
     GMAIL, LATER, "Lower EMAIL_RATE"),
    ("banner", "421 4.7.0 unusual rate of unsolicited mail originating from your IP - gsmtp",
     GMAIL, LATER, "Lower EMAIL_RATE"),
    ("dot", "550 5.4.5 Daily user sending limit exceeded. gsmtp", GMAIL, LATER, "goes tomorrow"),
    ("mail", "550 5.4.5 Daily SMTP relay limit exceeded for user", GMAIL, LATER, "goes tomorrow"),
    ("mail", "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded: concurrent connections",
     M365, LATER, "3 or fewer"),
    ("dot", "554 5.2.0 SubmissionQuotaExceededException", M365, LATER, "tomorrow"),
    ("mail", "550 5.1.90 Your message can't be sent because you've reached your daily limit",
     M365, LATER, "tomorrow"),
    ("mail", "454 Throttling failure: Maximum sending rate exceeded.", SES, LATER, "Lower EMAIL_RATE"),
    ("mail", "454 Throttling failure: Daily message quota exceeded.", SES, LATER, "ask for quota"),
    ("banner", "421 Too many concurrent SMTP connections", SES, LATER, "Fewer workers"),
    ("dot", "550 5.7.26 This mail is unauthenticated: SPF and DKIM did not pass. gsmtp",
     GMAIL, PAUSE, "SPF and DKIM"),
    ("dot", "550 5.7.27 The sender's domain has no passing SPF. gsmtp", GMAIL, PAUSE, "SPF and DKIM"),
    ("dot", "550 5.7.30 The sender's domain has no passing DKIM. gsmtp", GMAIL, PAUSE, "SPF and DKIM"),
    ("dot", "550 5.7.1 Email rejected per DMARC policy for acme.in", RELAY, PAUSE, "SPF and DKIM"),
    ("dot", "554 5.7.9 Message not accepted for policy reasons", "smtp.mail.yahoo.com", PAUSE, "SPF and DKIM"),
    ("dot", "552 5.2.3 Message exceeds fixed maximum message size", RELAY, NEVER, "Shrink"),
    ("mail", "552 5.3.4 Message size exceeds fixed limit", RELAY, NEVER, "Shrink"),
    ("mail", "451 Authentication failed: Maximum credits exceeded", SENDGRID, PAUSE, "waiting does not help"),
    ("mail", "550 Unauthenticated senders not allowed", SENDGRID, PAUSE, "apikey"),
    ("auth", "535 Authentication Failed", "smtp.zoho.in", PAUSE, "application-specific"),
    ("auth", "535 Authentication Failed.", "smtp.zeptomail.in", PAUSE, "credits"),
    ("mail", "553 Relaying disallowed as ops@acme.in", "smtp.zoho.in", PAUSE, "DEFAULT_FROM_EMAIL"),
    ("dot", "550 5.4.6 Unusual sending activity detected.", "smtp.zoho.in", PAUSE, "Unblock"),
    ("auth", "535 5.7.0 (#AUTH005) Too many bad auth attempts.", "smtp.mail.yahoo.com", PAUSE, "app password"),
    ("mail", "421 4.7.0 [TSS04] Messages from 1.2.3.4 temporarily deferred",
     "smtp.mail.yahoo.com", LATER, "EMAIL_RATE"),
    ("mail", "421 4.7.1 [TS03] All messages from 1.2.3.4 will be permanently deferred",
     "x.yahoodns.net", PAUSE, "Waiting does not help"),
    ("auth", "535 5.7.8 Error: authentication failed", "smtp.mail.me.com", PAUSE, "app-specific"),
    ("mail", "550 5.7.0 From address is not one of your addresses.", "smtp.mail.me.com", PAUSE, "alias"),
    ("auth", "535 5.7.8 Too many connections per account", "live.smtp.mailtrap.io", LATER, "EMAIL_CONNECTIONS"),
    ("dot", "550 5.7.0 Requested action not taken: too many emails per second",
     "sandbox.smtp.mailtrap.io", LATER, "few mails a second"),
    ("auth", "535 Incorrect authentication data", "mail.smtp2go.com", PAUSE, "SMTP Users"),
    ("dot", "550 From header sender domain not verified (acme.in)", "mail.smtp2go.com", PAUSE, "Verified Senders"),
    ("rcpt", "550 Relay access denied - please authenticate", "mail.smtp2go.com", PAUSE, "will not relay"),
    ("dot", "421 Domain sandbox1.mailgun.org is not allowed to send: Sandbox subdomains are for test purposes only.",
     "smtp.mailgun.org", PAUSE, "your own domain"),
    ("dot", "550 The Sender Signature was not found", "smtp.postmarkapp.com", PAUSE, "Sender Signatures"),
    ("rcpt", "550 You tried to send to an inactive recipient", "smtp.postmarkapp.com", NEVER, "another address"),
    ("auth", "525 5.7.1 Unauthorized IP address", "smtp-relay.brevo.com", PAUSE, "Authorized IPs"),
    ("mail", "502 5.7.0 Your SMTP account is not yet activated", "smtp-relay.brevo.com", PAUSE, "activate"),
    ("dot", "550 5.7.1 Unconfigured Sending Domain <acme.in>", "smtp.sparkpostmail.com", PAUSE, "Verify"),
    ("rcpt", "450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted", RELAY, LATER, "tried again"),
    ("rcpt", "451 4.7.1 Please try again later", RELAY, LATER, "tried again"),
    ("rcpt", "553 5.7.1 <ops@acme.in>: Sender address rejected: not owned by user x",
     RELAY, PAUSE, "DEFAULT_FROM_EMAIL"),
    ("rcpt", "550 5.1.8 <ops@acme.in>: Sender address rejected: Domain not found",
     RELAY, PAUSE, "DEFAULT_FROM_EMAIL"),
    ("rcpt", "450 4.1.8 <ops@acme.in>: Sender address rejected: Domain not found", RELAY, LATER, "its DNS"),
    ("rcpt", "554 5.7.1 Service unavailable; Client host [1.2.3.4] blocked using zen.spamhaus.org",
     RELAY, PAUSE, "delisted"),
    ("rcpt", "550 5.7.25 Client host rejected: cannot find your hostname", RELAY, PAUSE, "PTR"),
    ("mail", "550 5.7.1 messages from [1.2.3.4] weren't sent; part of their network is on our block list (S3140).",
     "x.mail.protection.outlook.com", PAUSE, "delisting"),
    ("dot", "550 5.7.501 Access denied, spam abuse detected.", M365, PAUSE, "Restricted entities"),
    ("dot", "550 5.7.509 Access denied, sending domain does not pass DMARC", M365, PAUSE, "SPF and DKIM"),
    ("rcpt", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup", M365, NEVER, "another address"),
    ("rcpt", "451 4.7.500 Server busy. Please try again later", M365, LATER, "EMAIL_RATE"),
    ("dot", "452 4.3.1 Insufficient system resources", RELAY, LATER, "tried again"),
    ("dot", "554 5.7.1 Message rejected as spam by content filter", RELAY, NEVER, "text and links"),
    ("dot", "552 5.7.0 This message was blocked because its content presents a potential security issue. gsmtp",
     GMAIL, NEVER, "attachment"),
    ("rcpt", "451 Domain acme.in has exceeded the max emails per hour (150/150) allowed", RELAY, LATER, "EMAIL_RATE"),
    ("dot", "550 Too many messages. Try again in 92 seconds.", RELAY, LATER, "EMAIL_RATE"),
    ("dot", "550 Monthly sending quota exceeded", RELAY, PAUSE, "waiting does not help"),
    ("banner", "554 No SMTP service here", RELAY, PAUSE, "EMAIL_HOST"),
    ("ehlo", "421 4.3.2 Service shutting down", RELAY, LATER, "tried again"),
]  # fmt: skip

LINE = [
    ("connect", "tls", "WRONG_VERSION_NUMBER", {"security": "ssl"}, PAUSE, "EMAIL_USE_TLS=True, EMAIL_USE_SSL=False"),
    ("banner", "timeout", "", {"port": 465}, PAUSE, "EMAIL_USE_SSL=True, EMAIL_USE_TLS=False"),
    ("banner", "dropped", "", {"port": 465, "security": "plain"}, PAUSE, "EMAIL_USE_SSL=True, EMAIL_USE_TLS=False"),
    ("connect", "dns", "Name or service not known", {}, PAUSE, "check spelling and DNS"),
    ("connect", "dns", "Temporary failure in name resolution", {}, LATER, "DNS"),
    ("connect", "refused", "Connection refused", {"port": 2525}, LATER, f"{RELAY}:2525"),
    ("connect", "timeout", "", {"port": 25}, LATER, "use 587"),
    ("connect", "certificate",
     "self-signed certificate", {"security": "ssl"}, PAUSE, "Verification is NOT switched off"),
    ("starttls", "certificate", "certificate has expired", {}, PAUSE, "Verification is NOT switched off"),
    ("starttls", "no_starttls", "", {}, PAUSE, "465+SSL"),
    ("auth", "no_auth", "", {"security": "plain"}, PAUSE, "EMAIL_USE_TLS"),
    ("mail", "needs_smtputf8", "", {}, NEVER, "ASCII one"),
    ("mail", "too_big", "", {}, NEVER, "EHLO SIZE"),
    ("dot", "timeout", "", {}, UNKNOWN, "EMAIL_ON_UNKNOWN=hold"),
    ("dot", "dropped", "", {}, UNKNOWN, "may have been delivered"),
    ("dot", "protocol", "", {}, UNKNOWN, "may have been delivered"),
    ("data", "dropped", "", {}, LATER, "tried again"),
    ("rcpt", "timeout", "", {}, LATER, "tried again"),
    ("banner", "protocol", "not a reply: SSH-2.0", {}, PAUSE, "EMAIL_PORT"),
]  # fmt: skip


@pytest.mark.parametrize(("phase", "line", "host", "decision", "fix"), REPLIES, ids=[row[1][:60] for row in REPLIES])
def test_a_known_reply_gives_its_decision_and_the_line_for_ops(phase, line, host, decision, fix):
    verdict = classify(failed(phase, line=line, host=host))
    assert (verdict.decision, verdict.signature_id.startswith("phase.")) == (decision, False)
    assert fix in verdict.fix


@pytest.mark.parametrize(("phase", "kind", "text", "facts", "decision", "fix"), LINE)
def test_a_known_fault_of_the_line_gives_its_decision_and_the_line_for_ops(phase, kind, text, facts, decision, fix):
    verdict = classify(failed(phase, kind, text, **facts))
    assert verdict.decision == decision
    assert fix in verdict.fix


@pytest.mark.parametrize(
    ("line", "phase", "host", "least"),
    [
        ("454 4.7.0 Too many login attempts", "auth", GMAIL, 15 * 60),
        ("550 5.4.5 Daily user sending limit exceeded. gsmtp", "dot", GMAIL, DAY),
        ("454 Throttling failure: Maximum sending rate exceeded.", "mail", SES, 10 * 60),
        ("454 Throttling failure: Daily message quota exceeded.", "mail", SES, DAY),
    ],
)
def test_a_provider_that_names_a_wait_gets_it(line, phase, host, least):
    verdict = classify(failed(phase, line=line, host=host))
    assert verdict.pause_seconds == least
    assert retry_pause(1, verdict, lambda: 0.0) >= least


def test_the_same_code_means_different_things_at_different_providers():
    line = "550 5.7.30 Basic authentication is not supported for Client Submission."
    microsoft = classify(failed("auth", line=line, host=M365))
    google = classify(failed("dot", line="550 5.7.30 no passing DKIM. gsmtp", host=RELAY))
    assert (microsoft.signature_id, google.signature_id) == ("microsoft.basic_auth_retired", "google.unauthenticated")


@pytest.mark.parametrize(
    ("phase", "line", "decision"),
    [
        ("mail", "550 zzz", PAUSE),
        ("auth", "550 zzz", PAUSE),
        ("rcpt", "550 zzz", NEVER),
        ("rcpt", "550 5.7.1 policy zzz", NEVER),
        ("data", "554 zzz", NEVER),
        ("dot", "554 zzz", NEVER),
        ("starttls", "554 zzz", PAUSE),
        *[(phase, "451 zzz", LATER) for phase in ("banner", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot")],
        ("mail", "354 zzz", LATER),
        ("dot", "354 zzz", UNKNOWN),
    ],
)
def test_an_unknown_reply_is_decided_by_its_phase_and_first_digit(phase, line, decision):
    assert classify(failed(phase, line=line)).decision == decision


def test_a_host_name_that_worked_before_is_taken_to_come_back():
    gone = failed("connect", "dns", "Name or service not known")
    assert (classify(gone).decision, classify(gone, worked_before=True).decision) == (PAUSE, LATER)


def test_every_signature_says_what_to_do_in_one_line_and_has_a_stable_id():
    for signature in (*PROVIDER_REPLIES, *GENERAL_REPLIES, *LINE_FAULTS):
        assert re.fullmatch(r"[a-z0-9]+\.?[a-z0-9_]*", signature.id), signature
        assert signature.cause
        assert signature.fix.endswith((".", ":", "?")), signature
        assert "\n" not in signature.fix


@given(
    st.sampled_from(["banner", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot"]),
    st.integers(400, 599),
    st.text(max_size=80),
)
def test_any_refusal_gets_a_decision(phase, code, words):
    assert classify(failed(phase, line=f"{code} {words}")).decision in (LATER, NEVER, PAUSE)


@given(st.text(max_size=400))
def test_cleaned_words_are_short_printable_and_stay_so(text):
    once = cleaned(text)
    assert len(once) <= 300
    assert once.isprintable()
    assert cleaned(once) == once


@pytest.mark.parametrize("between", ["", "\n", "\r\n", "=\r\n", "\n5.7.1 "])
def test_a_session_key_in_a_reply_is_masked_even_when_wrapped(between):
    key = "k1" + "abcdefg2" * 6
    said = f"550 bad link https://x.example/?a={key[:23]}{between}{key[23:]} end"
    shown = cleaned(said)
    assert key[:23] not in shown
    assert key[23:] not in shown
    assert shown.endswith("end")


def test_an_address_in_a_reply_is_shortened():
    assert cleaned("<asha.rao@cand.example>: no such user") == "<a***@cand.example>: no such user"


def test_pauses_grow_with_jitter_up_to_four_hours():
    verdict = classify(failed("rcpt", line="451 zzz"))
    bare = [retry_pause(attempts, verdict, lambda: 0.0) for attempts in range(1, 12)]
    assert bare[:4] == [60, 120, 240, 480]
    assert bare[-1] == LONGEST_PAUSE
    jittered = {retry_pause(3, verdict, random.Random(seed).random) for seed in range(20)}
    assert len(jittered) == 20
    assert all(240 <= pause <= 360 for pause in jittered)


def test_later_ends_after_four_days_or_too_many_tries():
    assert not given_up(MAX_ATTEMPTS - 1, MAX_AGE - 1)
    assert given_up(MAX_ATTEMPTS, 0)
    assert given_up(1, MAX_AGE)


def test_the_tries_allowed_reach_over_the_age_allowed():
    verdict = classify(failed("rcpt", line="451 zzz"))
    assert sum(retry_pause(attempts, verdict, lambda: 0.0) for attempts in range(1, MAX_ATTEMPTS)) > MAX_AGE
