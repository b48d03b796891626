"""From the booking to the mailbox of a real server and back: mails sent by Postfix, read from Dovecot, and proven."""

from dataclasses import replace
from datetime import timedelta

import mail_servers_texts as texts
import pytest

from mailer.delivery import deliver
from mailer.imap_mailbox import ImapMailbox
from mailer.proof import FAILED, NOT_CHECKED, PROVEN
from store import booking, times

pytest_plugins = ("mail_servers", "proof_office")
DAY = timedelta(days=1)


class Sender:
    """Books interviews, mails them by the servers as one breakage has them, and proves what can be read back."""

    def __init__(self, office, servers):
        self.office, self.servers, self.trace = office, servers, []

    def mail(self, *recipients, breakage=""):
        account = self.servers.checked(breakage).usable()
        given = {"settings": self.office.settings, "ring": self.office.ring}
        booked = []
        for recipient in recipients:
            # At a time of its own: nobody has two interviews at once.
            asked = replace(self.office.request((self.office.booked + 1) * DAY), email=recipient, address=recipient)
            booked.append(booking.book_slot(self.office.db, asked, now=times.now(), **given))
        report = deliver(self.office.db, account=account, **given)
        assert report.sent == len(recipients)
        return booked

    def prove(self, booked, *, patience=10.0, **changes):
        with ImapMailbox(self.servers.checked(**changes).imap, trace=self.trace.append) as mailbox:
            return self.office.prove(*booked, mailbox=mailbox, patience=patience)


@pytest.fixture
def sender(office, mail_servers):
    return Sender(office, mail_servers)


def test_a_mail_sent_by_a_real_server_is_read_back_and_proven(sender):
    report = sender.prove(sender.mail(texts.CANDIDATE))
    row = report.rows[0]
    assert (row.verdict, row.delivered, row.problems) == (PROVEN, "1 copy", ())
    assert report.is_proven


def test_a_batch_is_proven_with_one_look_at_the_headers_of_each_folder(sender):
    booked = sender.mail(*(f"candidate+{number}@{texts.DOMAIN}" for number in range(12)))
    assert sender.prove(booked).counts == {PROVEN: 12}
    sender.trace.clear()
    assert sender.prove(booked).is_proven
    looks = [line for line in sender.trace if line.startswith("imap headers")]
    assert 0 < len(looks) <= 2


def test_a_mail_in_the_spam_folder_is_delivered_and_told(sender):
    row = sender.prove(sender.mail(texts.CANDIDATE, breakage="spam")).rows[0]
    assert (row.verdict, row.delivered) == (FAILED, "1 copy, in spam")
    assert row.problems == ("It arrived in the spam folder (Bulk).",)
    assert "SPF, DKIM and DMARC" in row.fix


def test_a_link_that_was_rewritten_on_the_way_is_told_as_click_tracking(sender):
    row = sender.prove(sender.mail(texts.CANDIDATE, breakage="tracked")).rows[0]
    assert row.verdict == FAILED
    assert any("Click tracking" in problem and "click.tracker.example" in problem for problem in row.problems)


def test_a_mail_that_was_lost_is_missing(sender):
    row = sender.prove(sender.mail(texts.CANDIDATE, breakage="lost"), patience=0.3).rows[0]
    assert (row.verdict, row.delivered) == (FAILED, "missing")
    assert "mail server's log" in row.fix


def test_a_mail_that_comes_late_is_waited_for(sender):
    booked = sender.mail(texts.CANDIDATE, breakage="held")
    assert sender.prove(booked, patience=0.3).rows[0].delivered == "missing"
    sender.servers.release()
    assert sender.prove(booked).is_proven


def test_a_mail_to_somebody_elses_mailbox_is_not_called_lost(sender):
    row = sender.prove(sender.mail(texts.OUTSIDER), patience=0.3).rows[0]
    assert (row.verdict, row.delivered) == (NOT_CHECKED, "delivery not checked")
    assert row.problems == ("It was sent, but not to the mailbox that is read back.",)
