"""A server that gives back what it was told: no login and no session_key is seen in any answer, in whatever form."""

import base64

import pytest
from pydantic import SecretStr
from smtp_server import SmtpServer, account, letters
from token_sources import NOW, Given

from mailer.account import XOAUTH2
from mailer.errors import Refused
from mailer.replies import cleaned
from mailer.smtp import Conversation
from mailer.tokens import TokenSource

USER, PASSWORD, TOKEN = "ops@acme.in", "Zq9-hunter-SECRET-77", "ya29.Zq9-hunter-SECRET-77"
KEY = "k1abcdefgh2jklmnop" + "qrs7tuvw" * 4
FORMS = {
    "as it is": lambda word: word,
    "base64": lambda word: base64.b64encode(word.encode()).decode(),
    "login": lambda word: base64.b64encode(f"\0{USER}\0{word}".encode()).decode(),
    "token login": lambda word: base64.b64encode(f"user={USER}\1auth=Bearer {word}\1\1".encode()).decode(),
    "hex": lambda word: word.encode().hex(),
    "percent": lambda word: "".join(f"%{octet:02X}" for octet in word.encode()),
    "capitals": str.upper,
    "backwards": lambda word: word[::-1],
    "spaced": " ".join,
    "halves": lambda word: f"{word[: len(word) // 2]} -- {word[len(word) // 2 :]}",
    "escape": lambda word: f"{word[:5]}\x1b[0m{word[5:]}",
    "nul": lambda word: f"{word[:5]}\0{word[5:]}",
    "invisible": lambda word: f"{word[:5]}\u200b{word[5:]}",
}
FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def assert_hidden(everything, word, form):
    given = form(word)
    assert given[-16:-4] not in everything
    assert word[:9].lower() not in everything.lower()
    for shift in range(3):
        assert base64.b64encode(word[shift:].encode()).decode()[:12] not in everything


def echoing(given):
    """Says it after everything, in the greeting and the offers too."""
    said = dict.fromkeys(("MAIL", "RCPT", ".", "QUIT"), f"250 2.0.0 ok {given}")
    return said | {"BANNER": f"220 hi {given}", "EHLO": f"250-hi\r\n250-X{given.replace(' ', '')}\r\n250 AUTH PLAIN"}


def conversed(server, **login):
    """All that a conversation gives out."""
    said = []
    with Conversation(account(server, user=USER, **login), trace=said.append, transcript=said.append) as session:
        (outcome,) = session.send(letters("asha"))
        said += [session.banner, *session.features, repr(outcome)]
    return "\n".join(said)


@FORM
def test_a_password_is_in_no_answer_whatever_it_is_the_answer_to(form):
    with SmtpServer(echoing(form(PASSWORD)), mechanisms="PLAIN") as server:
        everything = conversed(server, password=SecretStr(PASSWORD))
    assert_hidden(everything, PASSWORD, form)
    assert "***" in everything


@FORM
def test_a_token_is_in_no_answer_whatever_it_is_the_answer_to(form):
    script = echoing(form(TOKEN)) | {"BANNER": "220 hi", "EHLO": "250-hi\r\n250 AUTH XOAUTH2"}
    with SmtpServer(script, mechanisms="XOAUTH2") as server:
        everything = conversed(server, auth=XOAUTH2, token=TokenSource(Given((TOKEN,), NOW * 2)))
    assert_hidden(everything, TOKEN, form)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "."])
def test_a_refusal_shows_no_part_of_the_password(step):
    with SmtpServer({step: f"550 5.7.1 no {PASSWORD[:9]} here"}, mechanisms="PLAIN") as server:
        everything = conversed(server, password=SecretStr(PASSWORD))
    assert PASSWORD[:9] not in everything
    assert "550 5.7.1 no *** here" in everything


def test_what_is_no_reply_at_all_shows_no_password():
    with SmtpServer({"MAIL": f"hello {PASSWORD}"}, mechanisms="PLAIN") as server:
        everything = conversed(server, password=SecretStr(PASSWORD))
    assert "not a reply: hello ***" in everything


@FORM
def test_a_session_key_is_in_no_answer(form):
    with SmtpServer(echoing(form(KEY))) as server, Conversation(account(server)) as session:
        (outcome,) = session.send(letters("asha"))
    assert outcome.accepted
    assert_hidden(repr(outcome) + session.banner + " ".join(session.features), KEY, form)


@pytest.mark.parametrize("ordinary", [
    "OK 010001967c2f3a4b-5d6e7f80-1234-4abc-8def-0123456789ab-000000", "Ok: queued as 4WxYz1234kLmN",
    "OK 1732812345 41be03b00d2f7-7fbcbfc0f5fsm4567890a12.21 - gsmtp",
    "ok: queued as donaudampfschifffahrtsgesellschaft",
])  # fmt: skip
def test_the_name_that_a_server_gives_a_mail_is_kept(ordinary):
    assert cleaned(ordinary) == ordinary


@pytest.mark.parametrize("limit", ["9" * 5000, "9" * 21, "\u0661", "-1", "1e9"])
def test_a_limit_that_is_no_number_is_no_limit(limit):
    with SmtpServer({"EHLO": f"250-hi\r\n250-SIZE {limit}\r\n250 8BITMIME"}) as server:
        with Conversation(account(server)) as session:
            (outcome,) = session.send(letters("asha"))
        assert (session.size_limit, outcome.accepted) == (0, True)


def test_a_refused_login_shows_nothing_that_was_sent():
    echo = {"AUTH": lambda argument, _: f"535 5.7.8 no {argument.split()[-1][3:60]} {PASSWORD.encode().hex()}"}
    with SmtpServer(echo, mechanisms="PLAIN") as server, pytest.raises(Refused) as refused:
        conversed(server, password=SecretStr(PASSWORD))
    assert set(refused.value.failure.text) == set("no *")
