"""The ready-made scenarios: each one played in a real conversation, in this process and as the sandbox's child."""

import subprocess
import sys

import pytest
from pydantic import SecretStr
from smtp_server import account, letters, sent

from mailer import sandbox
from mailer.errors import Refused
from mailer.mailbox import Mailbox
from mailer.sandbox.scenarios import SCENARIOS, named
from mailer.sandbox.scripted import ScriptedServer
from mailer.signatures import LATER, NEVER, PAUSE, UNKNOWN, classify
from mailer.smtp import Conversation

# What becomes of thirty mails at the same moment: the decisions in their order, without repeats, and the first cause.
EXPECTED = {
    "good": ([], ""),
    "gmail-throttles": ([LATER], "google.rate"),
    "gmail-daily-limit": ([], ""),
    "m365-concurrency": ([], ""),
    "m365-rate": ([], ""),
    "ses-throttling": ([LATER], "ses.rate"),
    "ses-daily-quota": ([], ""),
    "ses-sandbox": ([PAUSE], "ses.not_verified"),
    "short-connections": ([LATER], "server.closing"),
    "few-connections": ([], ""),
    "greylisting": ([LATER], "grey"),
    "slow": ([], ""),
    "down-for-an-hour": ([LATER], "server.closing"),
    "drops-before-dot": ([LATER], "line.dropped"),
    "drops-after-dot": ([UNKNOWN, LATER], "line.outcome_unknown"),
    "loses-after-dot": ([UNKNOWN, LATER], "line.outcome_unknown"),
    "out-of-disk": ([LATER], "server.storage"),
    "full-mailboxes": ([LATER], "recipient.full"),
    "unknown-recipients": ([NEVER], "recipient.unknown"),
    "spam-filter": ([NEVER], "content.spam"),
    "wrong-password": ([PAUSE], "google.wrong_password"),
    "m365-basic-auth-off": ([PAUSE], "microsoft.basic_auth_disabled"),
    "relay-denied": ([PAUSE], "relay.denied"),
    "sender-not-verified": ([PAUSE], "sender.not_verified"),
    "blocklisted": ([PAUSE], "address.blocklist"),
    "no-mail-server": ([PAUSE], "line.no_mail_server"),
    "starttls": ([], ""),
    "expired-certificate": ([PAUSE], "tls.certificate_expired"),
    "self-signed-certificate": ([PAUSE], "tls.certificate_self_signed"),
    "certificate-of-another": ([PAUSE], "tls.certificate_name"),
    "broken-tls": ([PAUSE], "tls.failed"),
    "injected-words": ([PAUSE], "tls.injected"),
}
THIRTY = [f"c{number}" for number in range(30)]


class Still:
    """A clock that stands: thirty mails come at one moment, and waiting costs nothing."""

    def __call__(self) -> float:
        return 0.0

    def pause(self, seconds: float) -> None:
        pass


def playing(name):
    still = Still()
    return ScriptedServer(named(name), clock=still, pause=still.pause)


def mailed(server, scenario, names=THIRTY):
    """The failures of sending to these names as the scenario wants its clients to come."""
    changes = {"security": scenario.security, "timeout": 5.0}
    if scenario.certificate != "self_signed":
        changes["ca_file"] = server.authority
    if scenario.mechanisms:
        changes |= {"user": "ops@acme.example", "password": SecretStr("x")}
    try:
        return [outcome.failure for outcome in sent(server, *names, **changes) if not outcome.accepted]
    except Refused as refused:
        return [refused.failure]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_each_scenario_leads_to_what_it_says(scenario):
    with playing(scenario.name) as server:
        verdicts = [classify(failure) for failure in mailed(server, scenario)]
    decisions, cause = EXPECTED[scenario.name]
    assert list(dict.fromkeys(verdict.decision for verdict in verdicts)) == decisions
    assert (verdicts[0].signature_id if verdicts else "") == cause


@pytest.mark.parametrize(
    ("name", "mails", "taken", "cause"),
    [
        ("gmail-throttles", 30, 20, "google.rate"),
        ("gmail-daily-limit", 130, 100, "google.daily_limit"),
        ("m365-rate", 40, 30, "microsoft.throttled"),
        ("ses-daily-quota", 60, 50, "ses.daily_quota"),
        ("full-mailboxes", 30, 27, "recipient.full"),
    ],
)
def test_limits_are_where_the_scenario_says(name, mails, taken, cause):
    with playing(name) as server:
        failures = mailed(server, named(name), [f"c{number}" for number in range(mails)])
    assert len(server.delivered) == taken
    assert classify(failures[0]).signature_id == cause


def test_a_fourth_connection_to_microsoft_sends_nothing_while_three_do():
    with playing("m365-concurrency") as server:
        lines = [Conversation(account(server)).open() for _ in range(4)]
        outcomes = [next(line.send(letters("asha"))) for line in lines]
        for line in lines:
            line.close()
    assert [outcome.accepted for outcome in outcomes] == [True, True, True, False]
    assert classify(outcomes[3].failure).signature_id == "microsoft.connections"


def test_a_third_connection_is_turned_away_where_two_are_allowed():
    with playing("few-connections") as server:
        lines = [Conversation(account(server)).open() for _ in range(2)]
        with pytest.raises(Refused) as refused:
            Conversation(account(server)).open()
        for line in lines:
            line.close()
    assert classify(refused.value.failure).signature_id == "ses.connections"


def test_every_scenario_has_a_name_a_sentence_and_an_expectation():
    assert {scenario.name for scenario in SCENARIOS} == EXPECTED.keys()
    assert len(EXPECTED) == len(SCENARIOS)
    assert [scenario.name for scenario in SCENARIOS if not scenario.about.endswith(".")] == []


# As a child process


def test_the_sandbox_plays_a_scenario_and_keeps_what_it_takes(tmp_path):
    with sandbox.start(tmp_path / "box", scenario="unknown-recipients") as server:
        batch = [
            letter for name in THIRTY[:10] for letter in letters(name, data=f"Message-ID: <{name}@x>\r\n".encode())
        ]
        with Conversation(account(server)) as conversation:
            outcomes = list(conversation.send(batch))
    assert [outcome.accepted for outcome in outcomes] == [True] * 9 + [False]
    assert sorted(Mailbox(tmp_path / "box").index()) == [f"<c{number}@x>" for number in range(9)]


def test_the_sandbox_says_which_authority_its_clients_must_trust_and_removes_it_at_its_end(tmp_path):
    with sandbox.start(tmp_path / "box", scenario="starttls") as server:
        (outcome,) = sent(server, "asha", security="starttls", ca_file=server.authority)
    assert outcome.accepted
    assert not server.authority.parent.exists()


def test_an_unknown_scenario_is_one_clear_line_with_a_fix(tmp_path):
    with pytest.raises(sandbox.SandboxFailed, match="no scenario 'gmail-throttle'") as refusal:
        sandbox.start(tmp_path / "box", scenario="gmail-throttle")
    assert "did you mean gmail-throttles?" in refusal.value.fix


def test_the_command_lists_the_scenarios():
    command = [sys.executable, "-m", "mailer", "sandbox", "--list-scenarios"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()
    assert [line.split()[0] for line in listed] == [scenario.name for scenario in SCENARIOS]
