"""What each known failure means: the vendors' replies that the product promises to know, and the fallbacks."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reply_samples import GMAIL, M365, RELAY, REPLIES, SES

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

HOUR, DAY = 3600, 86400


def failed(phase, kind="reply", line="", host=RELAY, port=587, security="starttls"):
    words = "\n".join(part[4:] for part in line.split("\r\n"))
    code, words = (int(line[:3]), words) if kind == "reply" else (None, line)
    reply = Reply(code or 599, words)
    return Failure(phase, kind, code, reply.enhanced, reply.text, host, port, security)


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
    ("mail", "too_big", "", {}, NEVER, "names it as SIZE"),
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
    assert (verdict.decision, verdict.signature_id.startswith(("phase.", "subject."))) == (decision, False)
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


@pytest.mark.parametrize(
    ("phase", "line", "decision", "signature_id"),
    [
        ("rcpt", "553 5.1.4 zzz", NEVER, "subject.address"),
        ("dot", "554 5.2.9 zzz", NEVER, "subject.mailbox"),
        ("rcpt", "554 5.3.5 zzz", PAUSE, "subject.system"),
        ("rcpt", "550 5.4.4 zzz", NEVER, "subject.network"),
        ("dot", "554 5.5.2 zzz", NEVER, "subject.protocol"),
        ("dot", "554 5.6.3 zzz", NEVER, "subject.content"),
        ("mail", "554 5.6.3 zzz", NEVER, "subject.content"),
        ("dot", "554 5.7.8 zzz", NEVER, "subject.policy"),
        ("rcpt", "450 4.1.2 zzz", LATER, "subject.address_now"),
        ("rcpt", "450 4.2.9 zzz", LATER, "subject.mailbox_now"),
        ("mail", "451 4.3.5 zzz", LATER, "subject.system_now"),
        ("dot", "451 4.4.2 zzz", LATER, "subject.network_now"),
        ("mail", "451 4.7.9 zzz", LATER, "subject.policy_now"),
        ("mail", "550 5.1.4 zzz", PAUSE, "phase.sender"),
        ("auth", "550 5.7.8 zzz", PAUSE, "phase.login"),
        ("rcpt", "550 4.1.2 zzz", NEVER, "phase.recipient"),
        ("dot", "554 5.0.0 zzz", NEVER, "phase.content"),
        ("mail", "451 4.5.9 zzz", LATER, "phase.passing"),
    ],
)
def test_an_unknown_reply_is_decided_by_class_and_subject_and_then_by_its_phase(phase, line, decision, signature_id):
    verdict = classify(failed(phase, line=line))
    assert (verdict.decision, verdict.signature_id) == (decision, signature_id)


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
