"""Reading back for a proof: a mailbox that refuses is a reason beside each mail, and everything else goes on."""

import pytest
from imap_server import ImapServer
from pydantic import SecretStr

from mailer import mailboxes
from mailer.account import PLAIN, ImapAccount
from mailer.config import Checked
from mailer.imap_mailbox import ImapMailbox
from mailer.proof import FAILED, NOT_CHECKED

pytest_plugins = ("proof_office",)
WRONG_PASSWORD = {"LOGIN": b"%s NO [AUTHENTICATIONFAILED] wrong\r\n"}
BREAKS = {"UID SEARCH": b"%s NO the disk is full\r\n"}


def mailbox_at(server):
    return ImapAccount("127.0.0.1", server.port, PLAIN, "ops@acme.org", SecretStr("wrong-password-1"), timeout=5)


@pytest.fixture
def refused():
    """What opening a mailbox with a wrong password gives."""
    with ImapServer(WRONG_PASSWORD) as server:
        checked = Checked(None, (), (), (), imap=mailbox_at(server))
        with mailboxes.opened_or_refused(checked, None) as given:
            return given


def test_with_a_wrong_imap_password_the_mails_are_not_checked_and_the_links_opened(office, sent, refused):
    report = office.prove(sent, mailbox=refused)
    [row] = report.rows
    assert (row.verdict, row.link, row.delivered) == (NOT_CHECKED, "early", "delivery not checked")
    assert row.problems[0].startswith("It was sent, but not read back: ")
    assert "IMAP_PASSWORD" in row.fix
    assert "IMAP_PASSWORD" in report.not_read_back
    assert not report.is_proven


def test_a_mail_that_was_not_sent_stays_failed_and_lacks_no_mailbox(office, refused):
    report = office.prove(office.book(), mailbox=refused)
    assert ([row.verdict for row in report.rows], report.not_read_back) == ([FAILED], "")


def test_a_mailbox_that_breaks_while_it_is_read_is_told_and_asked_no_more(office, sent):
    other = office.book()
    office.send()
    with ImapServer(BREAKS) as server, ImapMailbox(mailbox_at(server)) as mailbox:
        report = office.prove(sent, other, mailbox=mailbox)
    assert [(row.verdict, row.link) for row in report.rows] == [(NOT_CHECKED, "early")] * 2
    assert "the disk is full" in report.not_read_back
    assert sum(b"SEARCH" in line for line in server.commands) == 1


def test_a_mailbox_that_is_no_folder_any_more_is_told(office, sent, tmp_path):
    report = office.prove(sent, mailbox=tmp_path / "nowhere")
    assert [row.verdict for row in report.rows] == [NOT_CHECKED]
    assert "is no mailbox that can be read" in report.not_read_back


def test_a_mailbox_that_is_read_leaves_nothing_to_say(office, sent):
    assert office.prove(sent).not_read_back == ""
