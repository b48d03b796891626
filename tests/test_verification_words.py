"""What a failure is called while mail is verified: nobody tries again by itself, and the recipient is no candidate."""

import re

import pytest

from mailer.errors import Failure
from mailer.signatures import SIGNATURES, classify, lifting
from mailer.verification import advice

NOT_IN_A_TEST = re.compile(r"candidate|booking|book again|nothing to do|tried again|phone|resumes", re.IGNORECASE)


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda signature: signature.id)
def test_no_fix_of_a_test_speaks_of_candidates_or_waits_for_itself(signature):
    assert not NOT_IN_A_TEST.search(advice.fix_of(signature.id, signature.fix, signature.pause))
    assert not NOT_IN_A_TEST.search(signature.cause)


def test_a_passing_refusal_says_when_to_verify_again_and_what_if_it_stays():
    fix = advice.fix_of("grey", "Nothing to do: it is tried again.", 900)
    assert fix == "Verify again in 15 minutes; if it stays so, show the server's words to whoever runs the mail server."
    fix = advice.fix_of("x", "Nothing to do: it is tried again. If it stays so, lower EMAIL_RATE.", 0)
    assert fix == "Verify again in 5 minutes; if it stays so, lower EMAIL_RATE."


def test_a_fix_that_is_something_to_do_keeps_its_words_and_gets_the_wait():
    assert advice.fix_of("limit.rate", "Lower EMAIL_RATE.", 300) == "Lower EMAIL_RATE. Verify again after 5 minutes."
    assert advice.fix_of("auth.wrong", "Correct it.") == "Correct it."


@pytest.mark.parametrize(
    ("failure", "shown"),
    [
        (Failure("auth", "reply", 535, "5.7.8", "no"), "why (535 5.7.8 no)"),
        (Failure("auth", "no_auth", text="password; offered: nothing"), "why (offered: nothing)"),
        (Failure("banner", "timeout"), "why"),
        (Failure("connect", "tls", text="WRONG_VERSION_NUMBER"), "why (WRONG_VERSION_NUMBER)"),
    ],
)
def test_evidence_is_the_cause_in_words_and_then_what_was_said(failure, shown):
    assert advice.evidence("", str(failure), "why") == shown


def test_a_stored_failure_gets_its_cause_by_its_signature():
    assert advice.evidence("auth.wrong", "reply at auth: 535 no") == "user or password is wrong (535 no)"
    assert advice.evidence("", "") == ""


@pytest.mark.parametrize(
    ("text", "security", "fix"),
    [
        ("password; offered: nothing", "plain", "Turn EMAIL_USE_TLS on"),
        ("password; offered: nothing", "starttls", "Check EMAIL_HOST and EMAIL_PORT"),
        ("password; offered: GSSAPI NTLM", "starttls", "PLAIN or LOGIN"),
        ("password; offered: XOAUTH2", "starttls", "EMAIL_AUTH=xoauth2"),
    ],
)
def test_a_login_that_is_not_offered_is_told_by_what_the_line_is(text, security, fix):
    verdict = classify(Failure("auth", "no_auth", text=text, host="mail.acme.in", port=587, security=security))
    assert fix in verdict.fix
    assert ("EMAIL_USE_TLS" in verdict.fix) == (security == "plain")


def test_only_microsoft_is_called_microsoft_when_a_token_is_refused():
    refused = Failure("auth", "reply", 535, "5.7.3", "(XOAUTH2) Authentication unsuccessful", "mail.acme.in", 587)
    assert classify(refused).signature_id == "auth.token_refused"


def test_a_pause_that_a_renewed_token_does_not_lift_names_the_command_that_does():
    fix = lifting(classify(Failure("auth", "token", fix="renew the file.")))
    assert fix == "renew the file. Then run `python -m mailer resume` (a changed setting lifts the pause by itself)."
