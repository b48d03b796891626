"""Reading back by IMAP: from a real Dovecot, and from servers that answer as none should."""

import itertools
import time
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import mail_servers_texts as texts
import pytest
from imap_server import ImapServer
from pydantic import SecretStr

from mailer.account import PLAIN, STARTTLS, ImapAccount
from mailer.imap_line import ImapLine
from mailer.imap_mailbox import ImapMailbox, ImapRefused
from mailer.mailbox import MailUnreadable
from mailer.smtp import Conversation, Letter
from mailer.tokens import Token, TokenSource
from store import times

pytest_plugins = ("mail_servers",)
SECRET = "Zebra-Quartz-55"
_numbers = itertools.count()


class Tokens:
    """A source that hands out the given tokens in turn."""

    identity = SecretStr("of the test")

    def __init__(self, *values):
        self.left = list(values)

    def fetch(self, now, timeout):
        return Token(SecretStr(self.left.pop(0)), now + 3600)


@pytest.fixture
def posted(mail_servers):
    """Sends a mail to the candidate by the port of that name; gives its Message-ID."""

    def posted(port="starttls", recipient=texts.CANDIDATE):
        message_id = f"<{next(_numbers)}.{time.time_ns()}@{texts.DOMAIN}>"
        account = replace(mail_servers.checked().usable(), port=mail_servers.ports[port])
        mail = f"From: {texts.OPS}\r\nTo: {recipient}\r\nMessage-ID: {message_id}\r\nSubject: x\r\n\r\nhello\r\n"
        with Conversation(account) as conversation:
            (outcome,) = conversation.send([Letter(1, texts.OPS, recipient, mail.encode())])
        assert outcome.accepted
        return message_id

    return posted


@pytest.fixture
def mailbox(mail_servers):
    """The candidate's mailbox, opened; what it asks is in its `trace`."""
    trace = []
    with ImapMailbox(mail_servers.checked().imap, trace=trace.append) as mailbox:
        mailbox.trace = trace
        yield mailbox


def found(mailbox, message_id):
    assert mailbox.wait_for([message_id], 10) == set()
    (mail,) = mailbox.find(message_id)
    return mail


def refusal(account, **given):
    with pytest.raises(ImapRefused) as refused, ImapMailbox(account, **given) as mailbox:
        mailbox.index()
    assert refused.value.fix
    return refused.value


def scripted(server, **changes):
    facts = {"timeout": 0.5, "security": PLAIN, "user": "ops", "password": SecretStr(SECRET)} | changes
    return ImapAccount("127.0.0.1", server.port, **facts)


def test_a_mail_is_found_with_when_and_where_it_arrived(mailbox, posted):
    mail = found(mailbox, posted())
    assert (mail.folder, mail.is_spam, mail.recipient_envelope) == ("INBOX", False, texts.CANDIDATE)
    assert abs(times.now() - mail.arrived_at) < timedelta(minutes=1)
    assert mail.sent.startswith(f"From: {texts.OPS}\r\nTo: {texts.CANDIDATE}\r\nMessage-ID: ".encode())
    assert mail.raw.startswith(b"Return-Path: <ops@")


def test_spam_is_known_by_the_mark_of_its_folder_whatever_its_name(mailbox, posted):
    mail = found(mailbox, posted("spam"))
    assert (mail.folder, mail.is_spam) == ("Bulk", True)


def test_what_the_receiving_server_found_of_the_sender_is_told(mailbox, posted):
    assert found(mailbox, posted("judged")).authentication == {"spf": "pass", "dkim": "pass", "dmarc": "fail"}


def test_an_address_with_a_tag_is_the_envelope_recipient(mailbox, posted):
    assert found(mailbox, posted(recipient=f"candidate+7@{texts.DOMAIN}")).recipient_envelope == (
        f"candidate+7@{texts.DOMAIN}"
    )


def test_reading_back_marks_nothing_as_read(mail_servers, mailbox, posted):
    assert found(mailbox, posted()).raw
    line = ImapLine(mail_servers.checked().imap)
    line.open()
    line.ask("opening", lambda box: box.folder.set("INBOX", readonly=True))
    seen = line.ask("search", lambda box: box.uids("SEEN", charset=None))
    line.close()
    assert seen == []


def test_only_headers_that_are_new_are_fetched(mailbox, posted):
    found(mailbox, posted())
    mailbox.trace.clear()
    mailbox.index()
    assert [line for line in mailbox.trace if "headers" in line] == []


def test_mails_from_before_the_day_are_left_out(mail_servers, posted):
    posted()
    later = times.now() + timedelta(days=3)
    with ImapMailbox(mail_servers.checked().imap, since=later) as mailbox:
        assert mailbox.index() == {}


def test_waiting_ends_when_the_time_is_over_with_growing_pauses_between(mail_servers):
    now, pauses = [0.0], []
    pause = lambda seconds: (pauses.append(seconds), now.__setitem__(0, now[0] + seconds))  # noqa: E731
    with ImapMailbox(mail_servers.checked().imap, clock=lambda: now[0], pause=pause) as mailbox:
        assert mailbox.wait_for(["<never@x>"], 60) == {"<never@x>"}
    assert now[0] == pytest.approx(60)
    assert pauses[:-1] == sorted(pauses[:-1])
    assert max(pauses) == 5.0


def test_a_mail_that_somebody_deleted_meanwhile_is_told(mail_servers, mailbox, posted):
    mail = found(mailbox, posted())
    line = ImapLine(mail_servers.checked().imap)
    line.open()
    line.ask("opening", lambda box: box.folder.set("INBOX"))
    line.ask("deletion", lambda box: box.delete(mail.path.name))
    line.close()
    with pytest.raises(MailUnreadable, match="is not there any more"):
        assert mail.raw


@pytest.mark.parametrize(("breakage", "kind", "fix"), [
    ("imap_wrong_password", "login", "IMAP_USER and IMAP_PASSWORD"),
    ("imap_wrong_port", "tls", "993 goes with ssl, 143 with starttls"),
    ("imap_down", "refused", "IMAP_HOST and IMAP_PORT"),
    ("imap_silent", "timeout", "firewall"),
    ("imap_no_folder", "folder", "Bulk, INBOX, Sent"),
])  # fmt: skip
def test_each_cause_has_its_fix(mail_servers, breakage, kind, fix):
    began = time.monotonic()
    refused = refusal(mail_servers.checked(breakage).imap)
    assert (refused.kind, fix in refused.fix) == (kind, True)
    assert time.monotonic() - began < 10


def test_a_certificate_that_is_not_trusted_is_refused(mail_servers):
    refused = refusal(replace(mail_servers.checked().imap, ca_file=None))
    assert refused.kind == "certificate"
    assert "Verification is not switched off" in refused.fix


def test_a_name_that_cannot_be_looked_up_is_told(mail_servers):
    assert refusal(replace(mail_servers.checked().imap, host="a..b")).kind == "dns"


def test_starttls_is_used_where_it_is_set(mail_servers):
    trace = []
    account = replace(mail_servers.checked().imap, security=STARTTLS, port=mail_servers.ports["imap"])
    with ImapMailbox(account, trace=trace.append) as mailbox:
        assert mailbox.folders
    assert "imap login: TLSv1.3, logged in" in trace


def test_a_token_that_is_refused_is_fetched_anew_once(mail_servers):
    good, expired = mail_servers.token(texts.CANDIDATE), mail_servers.token(texts.CANDIDATE, -30)
    account = replace(mail_servers.checked().imap, password=SecretStr(""), token=TokenSource(Tokens(expired, good)))
    with ImapMailbox(account) as mailbox:
        assert mailbox.folders
    account = replace(account, token=TokenSource(Tokens(expired, expired)))
    refused = refusal(account)
    assert (refused.kind, "IMAP_USER" in refused.fix) == ("login", True)
    assert expired not in "".join(traceback.format_exception(refused))


def test_a_server_that_drips_is_given_up_in_time():
    began = time.monotonic()
    with ImapServer({}, drip=0.1) as server:
        assert refusal(scripted(server, timeout=0.3)).kind == "timeout"
    assert time.monotonic() - began < 5


def test_a_password_that_the_server_repeats_is_not_shown():
    with ImapServer({"LOGIN": lambda line: b"%s NO I do not know " + line}) as server:
        refused = refusal(scripted(server))
    assert refused.kind == "login"
    assert SECRET not in "".join(traceback.format_exception(refused))


def test_words_slipped_in_before_encryption_are_refused():
    capable = b"* CAPABILITY IMAP4rev1 STARTTLS\r\n%s OK done\r\n"
    injected = b"%s OK begin\r\n* PREAUTH welcome\r\n"
    with ImapServer({"CAPABILITY": capable, "STARTTLS": injected}) as server:
        refused = refusal(scripted(server, security=STARTTLS))
        assert refused.kind == "protocol"
        assert not any(b"LOGIN" in line for line in server.commands)


@pytest.mark.parametrize(("greeting", "offer"), [
    (b"* OK ready\r\n", b""), (b"* PREAUTH welcome\r\n", b""), (b"* PREAUTH welcome\r\n", b" STARTTLS"),
])  # fmt: skip
def test_without_starttls_nothing_secret_is_sent(greeting, offer):
    offered = b"* CAPABILITY IMAP4rev1%b\r\n" % offer
    with ImapServer({"CAPABILITY": offered + b"%s OK done\r\n"}, greeting=greeting) as server:
        assert refusal(scripted(server, security=STARTTLS)).kind == "no_starttls"
        assert not any(b"LOGIN" in line for line in server.commands)


@pytest.mark.parametrize("garbage", [b"220 smtp.example ESMTP\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_server_of_another_kind_is_told(garbage):
    with ImapServer({}, greeting=garbage) as server:
        refused = refusal(scripted(server))
    assert refused.kind in ("server", "protocol")
    assert "IMAP_PORT" in refused.fix


HEADER = b"Message-ID: <1@x>\r\nTo: a@x.example\r\nDelivered-To: a@x.example\r\n\r\n"


@pytest.mark.parametrize("answer", [
    b'* 1 FETCH (UID 1 INTERNALDATE "17-Jul-2026 02:44:25 +0530" BODY[HEADER.FIELDS (TO)] {%d}\r\n%b)\r\n',
    b'* 1 FETCH (BODY[HEADER.FIELDS (TO)] {%d}\r\n%b INTERNALDATE " 17-Jul-2026 02:44:25 +0530" UID 1)\r\n',
])  # fmt: skip
def test_facts_are_read_on_either_side_of_the_header(answer):
    said = answer % (len(HEADER), HEADER) + b"\0 OK done\r\n"
    with ImapServer({"UID FETCH": said.replace(b"\0", b"%s")}) as server, ImapMailbox(scripted(server)) as mailbox:
        (mail,) = mailbox.index()["<1@x>"]
    assert mail.arrived_at == datetime(2026, 7, 16, 21, 14, 25, tzinfo=UTC)
    assert mail.recipient_envelope == "a@x.example"


def test_only_commands_that_change_nothing_are_used():
    with ImapServer({"UID FETCH": fetched(HEADER)}) as server, ImapMailbox(scripted(server)) as mailbox:
        (mail,) = mailbox.find("1@x")
        assert mail.raw == HEADER
        said = [command.split(b" ", 1)[1] for command in server.commands]
    assert {command.split()[0] for command in said} <= {b"CAPABILITY", b"LOGIN", b"LIST", b"EXAMINE", b"UID"}
    assert all(b"BODY.PEEK[" in command for command in said if b"FETCH" in command)


@pytest.mark.parametrize("mark", [b"\\All", b"\\Flagged", b"\\Important"])
def test_a_mail_that_a_provider_shows_in_a_second_place_counts_once(mark):
    folders = b'* LIST (%b) "/" "[Gmail]/Again"\r\n* LIST () "/" INBOX\r\n* LIST (\\Sent) "/" S\r\n' % mark
    script = {"LIST": folders + b"%s OK done\r\n", "UID FETCH": fetched(HEADER)}
    with ImapServer(script) as server, ImapMailbox(scripted(server)) as mailbox:
        assert [mail.folder for mail in mailbox.index()["<1@x>"]] == ["INBOX"]


@pytest.mark.parametrize("name", ["Spam", "INBOX/Junk E-Mail", "[Gmail]/Spam", "Courrier ind&AOk-sirable"])
def test_spam_is_known_by_name_where_no_mark_is(name):
    folders = f'* LIST () "/" "{name}"\r\n* LIST () "/" INBOX\r\n%s OK done\r\n'.encode()
    with ImapServer({"LIST": folders}) as server, ImapMailbox(scripted(server)) as mailbox:
        assert [folder.is_spam for folder in mailbox.folders] == [True, False]


def fetched(*headers):
    """The answer that holds these headers."""
    said = b"".join(b'* %d FETCH (UID %d INTERNALDATE "17-Jul-2026 02:44:25 +0530" BODY[] {%d}\r\n%b)\r\n'
                    % (n, n, len(header), header) for n, header in enumerate(headers, 1))  # fmt: skip
    return lambda line: said + line.split()[0] + b" OK done\r\n"


@pytest.mark.parametrize(("seen", "receives"), [(0, False), (4, False), (5, True)])
def test_a_mailbox_that_gets_many_addresses_of_a_domain_gets_all_of_them(seen, receives):
    headers = [b"Message-ID: <%d@x>\r\nDelivered-To: c%d@caught.example\r\n\r\n" % (n, n) for n in range(seen)]
    script = {"UID SEARCH": b"* SEARCH 1 2 3 4 5\r\n%s OK done\r\n", "UID FETCH": fetched(*headers)}
    with ImapServer(script) as server, ImapMailbox(scripted(server, user="ops@own.example")) as mailbox:
        assert mailbox.receives("another@caught.example") is receives
        assert mailbox.receives("OPS+tag@own.example")
        assert not mailbox.receives("someone@own.example")


@pytest.mark.parametrize(("folder", "is_fatal"), [("Shared/Others", False), ("INBOX", True)])
def test_a_folder_that_cannot_be_opened_is_a_fault_unless_it_is_the_inbox(folder, is_fatal):
    folders = b'* LIST () "/" INBOX\r\n* LIST () "/" Shared/Others\r\n%s OK done\r\n'
    examine = lambda line: (b"%s NO [NOPERM] no" if folder.encode() in line else b"%s OK done") + b"\r\n"  # noqa: E731
    script = {"LIST": folders, "EXAMINE": examine, "UID FETCH": fetched(HEADER)}
    with ImapServer(script) as server:
        if is_fatal:
            assert refusal(scripted(server)).kind == "server"
            return
        with ImapMailbox(scripted(server)) as mailbox:
            assert list(mailbox.index()) == ["<1@x>"]
            assert "NOPERM" in mailbox.faults[0].what


def test_a_server_that_is_slow_at_every_step_is_given_up_as_a_whole():
    now = [0.0]
    search = lambda line: (now.__setitem__(0, now[0] + 4.9), b"* SEARCH\r\n%s OK done\r\n")[1]  # noqa: E731
    folders = b"".join(b'* LIST () "/" F%d\r\n' % n for n in range(30)) + b"%s OK done\r\n"
    with (
        ImapServer({"LIST": folders, "UID SEARCH": search}) as server,
        ImapMailbox(scripted(server, timeout=5), clock=lambda: now[0]) as mailbox,
        pytest.raises(ImapRefused) as refused,
    ):
        mailbox.index()
    assert refused.value.kind == "timeout"
    assert now[0] <= 55


def test_a_mail_without_a_message_id_is_a_fault_and_stops_nothing():
    said = b'* 1 FETCH (UID 1 INTERNALDATE "17-Jul-2026 02:44:25 +0530" BODY[] {2}\r\n\r\n)\r\n%s OK done\r\n'
    with ImapServer({"UID FETCH": said}) as server, ImapMailbox(scripted(server)) as mailbox:
        assert mailbox.index() == {}
        assert [fault.what for fault in mailbox.faults] == ["has no Message-ID"]
