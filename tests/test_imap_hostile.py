"""Reading back by IMAP from servers that answer as none should: bounded, in plain words, and without what was sent."""

import base64
import time
import traceback

import pytest
from imap_server import ImapServer
from pydantic import SecretStr

from mailer.account import PLAIN, ImapAccount
from mailer.imap_line import ImapLine
from mailer.imap_mailbox import ImapMailbox, ImapRefused

pytest_plugins = ("mail_servers",)
SECRET = "Zebra-Quartz-55"
LOGIN = b"\0ops\0" + SECRET.encode()
FORMS = (
    SECRET.encode(), SECRET.encode().hex().encode(), SECRET.upper().encode(), b"%b" % base64.b64encode(LOGIN),
    base64.b64encode(SECRET.encode()), " ".join(SECRET).encode(), SECRET.encode().replace(b"-", b"\x1b[0m-"),
)  # fmt: skip


def account(server, **changes):
    facts = {"timeout": 0.5, "security": PLAIN, "user": "ops", "password": SecretStr(SECRET)} | changes
    return ImapAccount("127.0.0.1", server.port, **facts)


def refusal(script, **given):
    with (
        ImapServer(script, **given) as server,
        pytest.raises(ImapRefused) as refused,
        ImapMailbox(account(server)) as mailbox,
    ):
        mailbox.index()
    assert refused.value.fix
    return refused.value


def fetched(date="20-Nov-2026 10:00:00 +0000", uid="1", size="23"):
    facts = f'* 1 FETCH (UID {uid} INTERNALDATE "{date}" BODY[] {{{size}}}\r\n'
    return facts.encode() + b"Message-ID: <a@b.c>\r\n\r\n)\r\n%s OK done\r\n"


@pytest.mark.parametrize("date", [
    "31-Dec-9999 23:59:59 -1200", "20-Nov-2026 10:00:00 +99999999999999", "20-Nov-2026 10:00:00 +9999", "junk",
    "00-Jan-0000 00:00:00 +0000",
])  # fmt: skip
def test_a_mail_that_arrived_at_no_time_is_a_fault_and_stops_nothing(date):
    with ImapServer({"UID FETCH": fetched(date)}) as server, ImapMailbox(account(server)) as mailbox:
        assert mailbox.index() == {}
        assert [fault.what for fault in mailbox.faults] == ["has no time of arrival that can be read"]


@pytest.mark.parametrize("script", [
    {"UID SEARCH": b"* SEARCH abc\r\n%s OK done\r\n"},
    {"UID SEARCH": b"* SEARCH " + b"9" * 5000 + b"\r\n%s OK done\r\n"},
    {"UID SEARCH": b"* SEARCH \xb2\r\n%s OK done\r\n"}, {"UID FETCH": fetched(size="9" * 5000)},
    {"UID FETCH": fetched(size="9" * 12)}, {"LIST": b'* LIST () "/" {' + b"9" * 5000 + b"}\r\n"},
    {"LIST": b'* LIST () "/" {4}\r\na\r\nb\r\n%s OK done\r\n'},
], ids=["word", "long number", "odd digit", "long size", "great size", "long name", "broken name"])  # fmt: skip
def test_an_answer_that_is_none_is_told_as_such(script):
    refused = refusal(script)
    assert (refused.kind, "the login is good" in refused.fix) == ("protocol", True)
    assert len(str(refused)) < 400


def test_a_mail_with_an_endless_number_is_none():
    with ImapServer({"UID FETCH": fetched(uid="9" * 5000)}) as server, ImapMailbox(account(server)) as mailbox:
        assert mailbox.index() == {}


@pytest.mark.parametrize("part", [
    b"* 1 FETCH (UID 1 BODY[] {60000}\r\n" + b"x" * 60000 + b")\r\n", b"* OK still here\r\n" * 4000, b"x" * 60000,
], ids=["literals", "lines", "one line"])  # fmt: skip
def test_an_answer_without_end_is_cut_off_before_it_fills_the_memory(monkeypatch, part):
    monkeypatch.setattr("mailer.imap_line._ANSWER_BYTES", 500_000)
    refused = refusal({"UID FETCH": part * 100})
    assert (refused.kind, "the answer has more than" in str(refused)) == ("protocol", True)


def test_a_server_that_asks_for_no_login_is_told_in_its_own_words():
    refused = refusal({}, greeting=b"* PREAUTH welcome\r\n")
    assert refused.kind == "preauth"
    assert "without a login" in str(refused)
    assert "a login is asked for" in refused.fix


def test_a_search_that_is_slow_after_a_good_login_is_not_blamed_on_the_port():
    refused = refusal({"UID SEARCH": lambda line: (time.sleep(0.7), b"")[1]})
    assert (refused.kind, "EMAIL_TIMEOUT" in refused.fix, "IMAP_PORT" in refused.fix) == ("timeout", True, False)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("step", ["LOGIN", "LIST", "EXAMINE", "UID SEARCH", "UID FETCH"])
def test_a_password_that_the_server_repeats_in_any_form_is_not_shown(step, form):
    said = traceback.format_exception(refusal({step: b"%s NO no " + form + b" here\r\n"}))
    assert form[:9] not in "".join(said).encode()


def test_a_password_in_a_folders_name_is_in_no_trace():
    folders = f'* LIST () "/" "{SECRET.encode().hex()}"\r\n* LIST () "/" INBOX\r\n%s OK done\r\n'.encode()
    trace = []
    script = {"LIST": folders, "UID FETCH": fetched()}
    with ImapServer(script) as server, ImapMailbox(account(server), trace=trace.append) as mailbox:
        mailbox.index()
    assert "imap opening of ***" in trace


@pytest.mark.parametrize(("spelled", "name", "wire"), [
    (b'"back\\\\slash"', "back\\slash", b'"back\\\\slash"'),
    (b"{10}\r\nback\\slash", "back\\slash", b'"back\\\\slash"'),
    (b'"a \\"b\\""', 'a "b"', b'"a \\"b\\""'), (b'"&AOk-t&AOk-"', "\u00e9t\u00e9", b'"&AOk-t&AOk-"'),
    (b'"end\\\\"', "end\\", b'"end\\\\"'), (b"Plain", "Plain", b'"Plain"'), (b'"&!!!-"', "&!!!-", b'"&!!!-"'),
])  # fmt: skip
def test_a_folder_is_opened_by_the_name_that_the_server_gave_it(spelled, name, wire):
    folders = b'* LIST (\\HasNoChildren) "/" ' + spelled + b"\r\n%s OK done\r\n"
    with (
        ImapServer({"LIST": folders, "UID SEARCH": b"%s OK none\r\n"}) as server,
        ImapMailbox(account(server)) as mailbox,
    ):
        mailbox.index()
        assert [folder.name for folder in mailbox.folders] == [name]
        assert [line.split(b" ", 2)[2] for line in server.commands if b"EXAMINE" in line] == [wire + b"\r\n"]


def test_a_folder_with_a_backslash_is_opened_at_a_real_server(mail_servers):
    line = ImapLine(mail_servers.checked().imap)
    line.open()
    assert line.ask("making", lambda box: box.client.create(b'"Back\\\\slash"'))[0] == "OK"
    try:
        with ImapMailbox(mail_servers.checked().imap) as mailbox:
            mailbox.index()
        assert "Back\\slash" in [folder.name for folder in mailbox.folders]
        assert mailbox.faults == []
    finally:
        line.ask("removal", lambda box: box.client.delete(b'"Back\\\\slash"'))
        line.close()
