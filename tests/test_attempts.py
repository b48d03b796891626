"""What an attempt means for its row: sent, again later and when, failed for good, unknown, or the account paused."""

import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mailer import attempts
from mailer.account import PLAIN, SMTP, Account
from mailer.errors import Failure
from mailer.letters import Outcome
from mailer.messages import NotComposed
from mailer.signatures import FIRST_PAUSE, LONGEST_PAUSE, MAX_AGE, MAX_ATTEMPTS
from store.facts import HandOver
from store.outbox import OutboxMail

NOW = 1_795_000_000.0
ACCOUNT = Account(SMTP, "127.0.0.1", 25, PLAIN, "jobs@acme.example", hold=300)
MAIL = OutboxMail(
    7, 70, "invitation", "asha@example.com", "{}", "<m@x>", "ab" * 12, 0, None, None, NOW, "p" * 16, "1", 1
)
SENT_BEFORE = replace(
    MAIL, attempts=1, handed_over_at=NOW - 900,
    hand_over=HandOver(datetime(2026, 11, 20, tzinfo=UTC), "jobs@acme.example", "", "https://x.example"),
)  # fmt: skip


def failure(phase="rcpt", kind="reply", code=450, enhanced="", text="later"):
    return Failure(phase, kind, code if kind == "reply" else None, enhanced, text)


def settled(outcome_of, mail=MAIL, *, now=NOW, at_once=False, random=lambda: 0.0, dotted=False, account=ACCOUNT):
    outcome = outcome_of if isinstance(outcome_of, Outcome) else Outcome(7, False, outcome_of, dotted)
    return attempts.settled(mail, outcome, account, now=now, at_once=at_once, random=random)


def test_an_accepted_mail_is_sent_with_the_servers_reply():
    result, verdict = settled(Outcome(7, True, None, True, "250 2.0.0 queued"))
    assert (result.state, result.attempts, result.handed_over_at, result.reply) == ("sent", 1, NOW, "250 2.0.0 queued")
    assert verdict is None


@pytest.mark.parametrize(
    "outcome", [Outcome(7, False, None, False), Outcome(7, False, failure("mail", "dropped"), False)]
)
@pytest.mark.parametrize("mail", [MAIL, SENT_BEFORE])
def test_a_mail_whose_turn_did_not_come_goes_back_as_it_was(outcome, mail):
    result, verdict = settled(outcome, mail)
    assert (result.state, result.attempts, result.handed_over_at) == ("queued", mail.attempts, mail.handed_over_at)
    assert (result.due_at, result.signature, verdict) == (NOW, "", None)


def test_a_passing_refusal_is_tried_again_after_growing_pauses_up_to_four_hours():
    pauses = [settled(failure(), replace(MAIL, attempts=tries))[0].due_at - NOW for tries in range(12)]
    assert pauses[:4] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE


def test_pauses_are_spread_by_chance():
    pauses = [settled(failure(), random=lambda share=share: share)[0].due_at - NOW for share in (0.0, 0.5, 1.0)]
    assert pauses == [FIRST_PAUSE, 1.25 * FIRST_PAUSE, 1.5 * FIRST_PAUSE]


def test_a_mail_surely_not_sent_over_a_line_that_worked_goes_again_without_a_pause():
    result, _ = settled(failure("rcpt", "dropped"), at_once=True)
    assert (result.state, result.due_at, result.attempts, result.handed_over_at) == ("queued", NOW, 1, None)


def test_a_refusal_is_tried_again_only_after_a_pause_though_the_line_works():
    result, _ = settled(failure("rcpt", code=451), at_once=True)
    assert result.due_at == NOW + FIRST_PAUSE


def test_a_pause_that_the_server_asks_for_holds_even_on_a_line_that_worked():
    result, verdict = settled(failure(code=450, enhanced="4.2.1", text="greylisted, try again later"), at_once=True)
    assert verdict.pause_seconds > FIRST_PAUSE
    assert result.due_at >= NOW + verdict.pause_seconds


def test_a_refused_recipient_is_failed_and_not_tried_again():
    result, verdict = settled(failure(code=550, enhanced="5.1.1", text="no such user"))
    assert (result.state, result.attempts, result.handed_over_at) == ("failed", 1, None)
    assert result.fix == verdict.fix != ""


@pytest.mark.parametrize(
    ("mail", "now"), [(replace(MAIL, attempts=MAX_ATTEMPTS - 1), NOW), (MAIL, NOW + MAX_AGE)]
)  # fmt: skip
def test_a_mail_that_was_tried_long_enough_is_failed(mail, now):
    assert settled(failure(), mail, now=now)[0].state == "failed"
    assert settled(failure(), replace(mail, attempts=0), now=NOW)[0].state == "queued"


def test_a_refused_sender_pauses_the_account_and_leaves_the_mail_queued():
    result, verdict = settled(failure("mail", code=530, enhanced="5.7.0", text="Authentication required"))
    assert (result.state, result.due_at, verdict.decision) == ("queued", NOW, "pause")


def test_a_refused_older_sender_fails_its_mail_alone():
    corrected = replace(ACCOUNT, from_address="hr@acme.example")
    refused = failure("mail", code=550, text="sender not verified")
    assert settled(refused, SENT_BEFORE)[1].decision == "pause"
    result, verdict = settled(refused, SENT_BEFORE, account=corrected)
    assert (result.state, verdict.decision) == ("failed", "never")
    assert "move the interview" in result.fix


@pytest.mark.parametrize("broken", [failure("dot", "timeout"), failure("dot", "dropped"), failure("data", "dropped")])
def test_a_line_lost_after_the_final_dot_leaves_the_outcome_unknown_for_the_hold(broken):
    result, verdict = settled(broken, dotted=True)
    assert (result.state, result.due_at, result.handed_over_at) == ("unknown", NOW + 300, NOW)
    assert (verdict.decision, result.attempts) == ("unknown", 1)
    assert "python -m mailer resend 7 " in result.fix


def test_a_senseless_reply_to_the_final_dot_leaves_the_outcome_unknown():
    result, _ = settled(failure("dot", code=354, text="go ahead"), dotted=True)
    assert (result.state, result.handed_over_at) == ("unknown", NOW)
    assert "python -m mailer resend 7 " in result.fix


def test_a_line_lost_before_the_final_dot_leaves_the_mail_surely_unsent():
    result, _ = settled(failure("data", "dropped"))
    assert (result.state, result.handed_over_at, result.attempts) == ("queued", None, 1)


@pytest.mark.parametrize("code", [450, 530, 550])
def test_a_refusal_does_not_undo_that_an_earlier_copy_may_have_arrived(code):
    result, _ = settled(failure("dot", code=code), SENT_BEFORE, dotted=True)
    assert result.handed_over_at == SENT_BEFORE.handed_over_at


def test_an_interrupted_mail_may_have_arrived():
    result = attempts.interrupted(MAIL, ACCOUNT, NOW)
    assert (result.state, result.due_at, result.handed_over_at) == ("unknown", NOW + 300, NOW)


def test_a_mail_that_cannot_be_made_says_what_to_correct():
    refused = attempts.not_composed(MAIL, NotComposed("x", "The words are missing.", "write them."), NOW)
    strange = attempts.not_composed(MAIL, KeyError("starts_at"), NOW)
    assert (refused.state, refused.reply, refused.fix) == ("failed", "The words are missing.", "write them.")
    assert "KeyError: 'starts_at'" in strange.reply
    assert "python -m mailer resend 7" in strange.fix
    assert (strange.state, strange.attempts) == ("failed", 0)


def test_the_reason_of_a_mail_that_cannot_be_made_carries_no_key_and_no_address():
    key = f"k1{'a' * 48}"
    said = attempts.not_composed(MAIL, ValueError(f"bad: {key} asha.rao@example.com\nsecond"), NOW).reply
    assert key not in said
    assert "asha.rao@" not in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("outcome", "level", "beginning"),
    [
        (
            Outcome(7, True, None, True, "250 ok"),
            logging.INFO,
            "[SUCCESS] Interview notification email sent successfully!",
        ),
        (Outcome(7, False, failure(code=550), False), logging.ERROR, "[EMAIL FAILED] interview 70: reply at rcpt: 550"),
        (
            Outcome(7, False, failure("dot", "timeout"), True),
            logging.WARNING,
            "[EMAIL UNKNOWN] interview 70: timeout at dot",
        ),
    ],
)
def test_the_last_line_of_a_mail_has_its_tag_and_its_interview(outcome, level, beginning, caplog):
    caplog.set_level("INFO")
    result, verdict = settled(outcome)
    attempts.log_result(MAIL, result, verdict)
    assert [(record.levelno, record.getMessage().startswith(beginning)) for record in caplog.records] == [(level, True)]
    assert "70" in caplog.messages[0]


def test_a_failed_attempt_says_when_it_is_tried_again_unless_the_account_is_paused(caplog):
    for code, phase in ((450, "rcpt"), (530, "mail")):
        attempts.log_result(MAIL, *settled(failure(phase, code=code)))
    later, paused = caplog.messages
    assert "It is tried again after 20" in later
    assert "tried again" not in paused
