"""Sending letters over real sockets: what reaches the wire, and what becomes of each letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smtp_server import BODY, DROP, EXTENSIONS, FROM, SILENCE, SmtpServer, account, letters, sent

from mailer.signatures import LATER, NEVER, PAUSE, UNKNOWN, classify
from mailer.smtp import Conversation, Letter

NO_PIPELINING = ("SIZE 100000", "8BITMIME", "SMTPUTF8")
BOTH_WAYS = pytest.mark.parametrize("extensions", [EXTENSIONS, NO_PIPELINING], ids=["pipelined", "stepwise"])


def told(outcome):
    """What of an outcome must not depend on pipelining."""
    failure = outcome.failure and (outcome.failure.phase, outcome.failure.kind, outcome.failure.code)
    return outcome.letter_id, outcome.accepted, outcome.dotted, failure


@BOTH_WAYS
@pytest.mark.parametrize(
    "data",
    [
        BODY,
        b".\r\n",
        b"",
        b"..\r\n.a\r\n.\r\nb\r\n",
        b"a\r\n.\r\nQUIT\r\n",
        b"no line end",
        b"x" * 70000 + b"\r\n.\r\n",
    ],
)
def test_every_body_arrives_as_it_was(extensions, data):
    with SmtpServer(extensions=extensions) as server, Conversation(account(server)) as conversation:
        outcomes = list(conversation.send(letters("asha", "ben", data=data)))
    expected = data if not data or data.endswith(b"\r\n") else data + b"\r\n"
    assert [outcome.accepted for outcome in outcomes] == [True, True]
    assert [kept for *_, kept in server.delivered] == [expected, expected]


def test_with_pipelining_a_final_dot_travels_with_the_next_envelope():
    with SmtpServer() as server:
        sent(server, "asha", "ben")
    (combined,) = [chunk for chunk in server.reads[1] if b"asha" not in chunk and b"RCPT" in chunk]
    assert combined.startswith(BODY + b".\r\nMAIL FROM:<")
    assert combined.endswith(b"RCPT TO:<ben@cand.example>\r\nDATA\r\n")


def test_pipelined_and_stepwise_give_identical_outcomes():
    script = {
        "MAIL": lambda _, count: "451 4.3.0 later" if count == 2 else None,
        "RCPT": lambda argument, _: "550 5.1.1 no such user" if "cleo" in argument else None,
        ".": lambda recipient, _: "554 5.7.1 spam" if "dev" in recipient else None,
    }
    batch = [
        *letters("asha", "ben", "cleo", "dev", "eva"),
        *letters("held", before_dot=lambda: False),
        *letters("big", data=b"x" * 100_001),
        *letters("fay", before_dot=lambda: True),
    ]
    seen = []
    for extensions in (EXTENSIONS, NO_PIPELINING):
        with SmtpServer(script, extensions=extensions) as server, Conversation(account(server)) as conversation:
            seen.append(([told(outcome) for outcome in conversation.send(batch)], server.recipients()))
    assert seen[0] == seen[1]
    outcomes, arrived = seen[0]
    assert [name for name, accepted, *_ in outcomes if accepted] == ["asha", "eva", "fay"]
    assert [box.partition("@")[0] for box in arrived] == ["asha", "eva", "fay"]


@BOTH_WAYS
def test_a_refused_recipient_is_never_told_as_sent_and_does_not_stop_the_others(extensions):
    script = {"RCPT": lambda argument, _: "550 5.1.1 no such user" if "ben" in argument else None}
    with SmtpServer(script, extensions=extensions) as server:
        asha, ben, cleo = sent(server, "asha", "ben", "cleo")
    assert (asha.accepted, ben.accepted, cleo.accepted) == (True, False, True)
    assert (ben.dotted, ben.failure.phase, classify(ben.failure).decision) == (False, "rcpt", NEVER)
    assert server.recipients() == ["asha@cand.example", "cleo@cand.example"]
    assert len(server.connections) == 1


def test_a_server_that_asks_for_a_mail_without_a_recipient_gets_a_lone_dot():
    script = {
        "RCPT": lambda argument, _: "550 5.1.1 no" if "ben" in argument else None,
        "DATA": "354 go on",
        ".": lambda recipient, _: None if recipient else "554 5.5.1 no valid recipients",
    }
    with SmtpServer(script) as server:
        outcomes = sent(server, "asha", "ben", "cleo")
    assert [told(outcome)[1:3] for outcome in outcomes] == [(True, True), (False, False), (True, True)]
    assert outcomes[1].failure.phase == "rcpt"
    assert [kept for *_, kept in server.delivered] == [BODY, BODY]


def test_a_mail_without_a_taken_sender_but_with_a_recipient_is_not_dotted():
    with SmtpServer({"MAIL": "550 5.7.1 not you", "RCPT": "250 ok", "DATA": "354 go on"}) as server:
        (outcome,) = sent(server, "asha")
    assert (outcome.failure.phase, outcome.failure.code, outcome.dotted) == ("mail", 550, False)
    assert server.delivered == []


def test_a_caller_that_stops_at_the_first_refused_sender_lets_no_second_letter_try():
    needs_login = {"MAIL": "530 5.7.0 Authentication Required"}
    with SmtpServer(needs_login) as server, Conversation(account(server)) as conversation:
        first = next(conversation.send(letters("asha", "ben", "cleo")))
    assert classify(first.failure).decision == PAUSE
    assert sum(command.startswith("MAIL") for command in server.commands) == 1


def test_an_unverified_sender_refused_after_the_mail_pauses_the_account():
    with SmtpServer({".": "554 Message rejected: Email address is not verified."}) as server:
        (outcome,) = sent(server, "asha")
    assert outcome.dotted
    assert classify(outcome.failure).decision == PAUSE


@BOTH_WAYS
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_421_in_the_middle_of_a_batch_goes_on_where_it_stopped_and_nothing_twice(extensions, verb):
    names = ("asha", "ben", "cleo", "dev")
    script = {verb: lambda _, count: "421 4.3.2 closing" if count == 3 else None}
    with SmtpServer(script, extensions=extensions) as server:
        first = sent(server, *names)
        again = sent(server, *[outcome.letter_id for outcome in first if not outcome.accepted])
    assert [told(outcome)[:3] for outcome in first] == [
        ("asha", True, True),
        ("ben", True, True),
        ("cleo", False, False),
        ("dev", False, False),
    ]
    assert [first[2].failure.code, first[3].failure.kind] == [421, "dropped"]
    assert all(outcome.accepted for outcome in again)
    assert server.recipients() == [f"{name}@cand.example" for name in names]


@BOTH_WAYS
def test_421_as_the_answer_to_the_final_dot_is_not_sent_and_comes_later(extensions):
    with SmtpServer({".": "421 4.3.0 closing"}, extensions=extensions) as server:
        first, second = sent(server, "asha", "ben")
    assert (first.accepted, first.failure.code, classify(first.failure).decision) == (False, 421, LATER)
    assert (second.dotted, second.failure.kind) == (False, "dropped")


@BOTH_WAYS
@pytest.mark.parametrize(("answer", "kind"), [(DROP, "dropped"), (SILENCE, "timeout"), ("what?", "protocol")])
def test_a_line_lost_after_the_final_dot_leaves_the_outcome_unknown(extensions, answer, kind):
    script = {".": lambda recipient, _: answer if "ben" in recipient else None}
    with SmtpServer(script, extensions=extensions) as server:
        asha, ben, cleo = sent(server, "asha", "ben", "cleo", timeout=0.2, deadline=0.5)
    assert asha.accepted
    assert (ben.dotted, ben.failure.phase, ben.failure.kind) == (True, "dot", kind)
    assert classify(ben.failure).decision == UNKNOWN
    assert (cleo.dotted, classify(cleo.failure).decision) == (False, LATER)


@BOTH_WAYS
def test_a_line_lost_before_the_final_dot_is_surely_not_sent(extensions):
    with SmtpServer({"DATA": DROP}, extensions=extensions) as server:
        (outcome,) = sent(server, "asha")
    assert (outcome.dotted, outcome.failure.phase, outcome.failure.kind) == (False, "data", "dropped")
    assert server.delivered == []


@BOTH_WAYS
def test_a_withheld_letter_never_touches_the_wire_and_costs_no_connection(extensions):
    with SmtpServer(extensions=extensions) as server, Conversation(account(server)) as conversation:
        batch = letters("asha") + letters("held", before_dot=lambda: False) + letters("cleo")
        asha, held, cleo = conversation.send(batch)
    assert (asha.accepted, cleo.accepted) == (True, True)
    assert held.withheld
    assert not held.dotted
    assert b"held@" not in b"".join(server.reads[1])
    assert len(server.connections) == 1


def test_a_caller_that_goes_away_leaves_no_half_sent_letter_behind():
    with SmtpServer() as server:
        conversation = Conversation(account(server)).open()
        outcomes = conversation.send(letters("asha", "ben"))
        assert next(outcomes).accepted
        outcomes.close()
        assert not conversation.alive
    assert server.recipients() == ["asha@cand.example"]


def test_an_error_of_the_caller_before_the_dot_sends_nothing_of_either_letter():
    def fails():
        raise LookupError("database gone")

    with SmtpServer() as server:
        conversation = Conversation(account(server)).open()
        with pytest.raises(LookupError):
            list(conversation.send(letters("asha") + letters("ben", before_dot=fails)))
        assert not conversation.alive
    assert server.delivered == []


def test_a_letter_above_the_servers_size_is_not_offered():
    with SmtpServer() as server, Conversation(account(server)) as conversation:
        assert conversation.size_limit == 100_000
        (outcome,) = conversation.send(letters("asha", data=b"x" * 100_001))
    assert (outcome.failure.kind, classify(outcome.failure).decision) == ("too_big", NEVER)
    assert not any(command.startswith("MAIL") for command in server.commands)


def test_a_non_ascii_address_goes_with_smtputf8():
    with SmtpServer() as server, Conversation(account(server)) as conversation:
        (outcome,) = conversation.send([Letter(1, FROM, "\u00fcnal@cand.example", BODY)])
    assert outcome.accepted
    assert server.commands[1].endswith("SMTPUTF8")
    assert server.recipients() == ["\u00fcnal@cand.example"]


def test_a_non_ascii_address_is_refused_without_talking_if_the_server_lacks_smtputf8():
    with SmtpServer(extensions=("PIPELINING",)) as server, Conversation(account(server)) as conversation:
        (outcome,) = conversation.send([Letter(1, FROM, "\u00fcnal@cand.example", BODY)])
    assert (outcome.failure.kind, classify(outcome.failure).decision) == ("needs_smtputf8", NEVER)
    assert [command.split()[0] for command in server.commands] == ["EHLO", "QUIT"]


INJECTIONS = [
    "a@b.example>\r\nRCPT TO:<evil@c.example",
    "a@b.example\nDATA",
    "a@b.example> SIZE=1",
    "<a@b.example",
    "a b@c.example",
    "a@b.example,evil@c.example",
    '"a b"@c.example',
    "a(c)@b.example",
    "a@b@c.example",
    "a@b.example\u2028x",
    "a@[127.0.0.1]",
    "\u202ea@b.example",
    "a\x00@b.example",
    "@b.example",
    "a@",
    "",
    "a" * 65 + "@b.example",
    "a@" + "b" * 253 + ".example",
]


@pytest.mark.parametrize("address", INJECTIONS)
def test_an_unsafe_address_never_becomes_a_letter(address):
    with pytest.raises(ValueError, match="envelope address"):
        Letter(1, FROM, address, BODY)
    with pytest.raises(ValueError, match="envelope address"):
        Letter(1, address, "asha@cand.example", BODY)


@given(st.text(max_size=20), st.sampled_from("\r\n\x00 <>\t\x0b\x85\u2028"), st.text(max_size=20))
def test_no_address_with_a_breaking_character_becomes_a_letter(before, breaking, after):
    with pytest.raises(ValueError, match="envelope address"):
        Letter(1, FROM, f"{before}{breaking}{after}@cand.example", BODY)


@pytest.mark.parametrize("data", [b"a\n.\r\nMAIL FROM:<x@y.example>\r\n", b"a\r.\r\n", b"a\n", b"\r"])
def test_a_body_with_a_bare_line_break_never_becomes_a_letter(data):
    with pytest.raises(ValueError, match="bare CR or LF"):
        Letter(1, FROM, "asha@cand.example", data)


def test_a_conversation_can_send_again_after_a_finished_batch():
    script = {"RCPT": lambda _, count: "550 5.1.1 no" if count == 1 else None}
    with SmtpServer(script) as server, Conversation(account(server)) as conversation:
        outcomes = [*conversation.send(letters("asha")), *conversation.send(letters("ben"))]
    assert [outcome.accepted for outcome in outcomes] == [False, True]
    assert server.recipients() == ["ben@cand.example"]
