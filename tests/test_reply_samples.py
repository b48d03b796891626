"""Every reply that is known by a signature, said by the scripted server in a real conversation at its phase."""

from dataclasses import replace

import pytest
from pydantic import SecretStr
from reply_samples import REPLIES, TOKEN_REPLIES
from smtp_server import SmtpServer, account, letters

from mailer.account import PASSWORD, XOAUTH2
from mailer.errors import Refused
from mailer.general_replies import GENERAL_REPLIES
from mailer.provider_replies import PROVIDER_REPLIES
from mailer.providers import recognised
from mailer.signatures import classify
from mailer.smtp import Conversation
from mailer.tokens import Token, TokenSource

TABLE = (*PROVIDER_REPLIES, *GENERAL_REPLIES)
STEPS = {"banner": "BANNER", "ehlo": "EHLO", "auth": "AUTH", "mail": "MAIL", "rcpt": "RCPT", "data": "DATA", "dot": "."}
SAMPLES = [("auth", *sample, XOAUTH2) for sample in TOKEN_REPLIES] + [(*sample, PASSWORD) for sample in REPLIES]


class OneToken:
    """A source that has the same token every time."""

    identity = SecretStr("one token")

    def fetch(self, now, *_):
        return Token(SecretStr("a-token-that-is-refused"), now + 3600)


@pytest.fixture(scope="module")
def replayed():
    """Gives the failure that a sample ends a conversation with; each is replayed once."""
    kept = {}
    with SmtpServer(mechanisms="PLAIN XOAUTH2") as server:

        def replay(sample):
            if sample not in kept:
                kept[sample] = _failure(server, *sample)
            return kept[sample]

        yield replay


def _failure(server, phase, line, host, _, __, auth):
    server.script = {STEPS[phase]: line}
    given = {"user": "ops@acme.example", "auth": auth} if phase == "auth" else {}
    given |= {"token": TokenSource(OneToken())} if auth == XOAUTH2 else {"password": SecretStr("x9-unsaid")}
    try:
        with Conversation(account(server, **given)) as conversation:
            (outcome,) = conversation.send(letters("asha"))
        failure = outcome.failure
    except Refused as refused:
        failure = refused.failure
    # The server is on this machine; who answers is told by the host's name.
    return replace(failure, host=host)


def signature_of(failure):
    provider = recognised(failure.host, failure.text).name
    return next((signature for signature in TABLE if signature.matches(failure, provider)), None)


@pytest.mark.parametrize("sample", SAMPLES, ids=[f"{sample[1][:50]} {sample[2]}" for sample in SAMPLES])
def test_a_reply_met_in_a_conversation_gives_its_decision_and_the_line_for_ops(replayed, sample):
    phase, line, _, decision, fix, _ = sample
    failure = replayed(sample)
    verdict = classify(failure)
    assert (failure.phase, failure.kind, failure.code) == (phase, "reply", int(line[:3]))
    assert (verdict.decision, fix in verdict.fix) == (decision, True), verdict


@pytest.mark.parametrize("position", range(len(TABLE)), ids=lambda position: f"{position}-{TABLE[position].id}")
def test_every_signature_is_met_by_a_reply_that_nothing_before_it_takes(replayed, position):
    met = [sample[1] for sample in SAMPLES if signature_of(replayed(sample)) is TABLE[position]]
    assert met, f"{TABLE[position]} has no sample in reply_samples.py"


def test_more_than_seventy_causes_are_known():
    assert len({signature.id for signature in TABLE}) >= 110
