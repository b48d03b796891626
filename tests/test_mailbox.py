"""The Maildir: mails are kept whole or not at all, and read back whatever else lies beside them."""

import os
import resource
import stat
from email.message import EmailMessage
from email.policy import SMTP
from mailbox import Maildir

import pytest

from mailer import mailbox
from mailer.mailbox import Mail, Mailbox, MailboxUnusable, MailUnreadable, calendar_of, html_of, text_of

CONTENT = b"Message-ID: <1@x.example>\r\nSubject: Hello\r\n\r\nOne line\r\n"
CALENDAR = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nSUMMARY:Gespräch\r\nEND:VCALENDAR\r\n"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "mailbox"
    mailbox.prepare(path)
    return path


def content(number: object) -> bytes:
    return CONTENT.replace(b"<1@", f"<{number}@".encode())


def keep(folder, number=1, recipients=("asha@example.com",)):
    assert mailbox.keep(folder, [Mail("ops@example.com", recipients, content(number))]) == [None]


def an_invitation() -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["Message-ID"] = "<rich@x.example>"
    message["Subject"] = "Gespräch"
    message.set_content("Grüße, 12:50 PM IST\n", cte="quoted-printable")
    message.add_alternative("<p>Grüße, 12:50 PM IST</p>\n", subtype="html", cte="base64")
    message.add_alternative(CALENDAR.encode(), "text", "calendar", params={"method": "REQUEST", "charset": "utf-8"})
    return message


def test_kept_mail_is_readable_by_ordinary_mail_tools(folder):
    keep(folder)
    (message,) = Maildir(folder, create=False)
    assert message["Subject"] == "Hello"
    assert message["Delivered-To"] == "asha@example.com"
    assert message["Return-Path"] == "<ops@example.com>"


def test_only_trace_lines_are_added_to_the_bytes(folder):
    keep(folder)
    (mail,) = Mailbox(folder).find("<1@x.example>")
    assert mail.raw == b"Return-Path: <ops@example.com>\r\nDelivered-To: asha@example.com\r\n" + CONTENT
    assert mail.sent == CONTENT


def test_each_recipient_gets_a_copy_with_their_own_envelope(folder):
    keep(folder, recipients=("a@example.com", "ü@example.com"))
    found = Mailbox(folder).find("<1@x.example>")
    assert [mail.recipient_envelope for mail in found] == ["a@example.com", "ü@example.com"]


def test_mailbox_is_for_its_owner_only_since_mails_carry_links(folder):
    keep(folder)
    (mail,) = Mailbox(folder).find("<1@x.example>")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE(mail.path.stat().st_mode) == 0o600


@pytest.fixture
def small_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
def test_mail_that_does_not_fit_leaves_nothing_and_takes_no_other_with_it(folder):
    big = Mail("ops@example.com", ("a@example.com", "b@example.com"), content(2) + b"x" * 10_000)
    small = Mail("ops@example.com", ("a@example.com",), content(1))
    refused, kept = mailbox.keep(folder, [big, small])
    assert isinstance(refused, OSError)
    assert kept is None
    assert os.listdir(folder / "tmp") == []
    assert list(Mailbox(folder).index()) == ["<1@x.example>"]


def test_a_second_preparation_keeps_what_is_there(folder):
    keep(folder)
    mailbox.prepare(folder)
    assert len(Mailbox(folder).find("<1@x.example>")) == 1


@pytest.mark.parametrize("in_the_way", ["mailbox", "mailbox/new"])
def test_file_where_a_folder_should_be_is_refused_with_its_name(tmp_path, in_the_way):
    path = tmp_path / in_the_way
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    with pytest.raises(MailboxUnusable, match=f"a file is in its way at .*{in_the_way}") as refusal:
        mailbox.prepare(tmp_path / "mailbox")
    assert "SANDBOX_MAILBOX" in refusal.value.fix


def test_unwritable_place_is_refused_with_a_fix():
    with pytest.raises(MailboxUnusable, match="cannot be written") as refusal:
        mailbox.prepare(mailbox.Path("/proc/no-such-place/mailbox"))
    assert "writable" in refusal.value.fix


def test_missing_mailbox_is_an_error_and_not_an_empty_mailbox(tmp_path):
    with pytest.raises(MailboxUnusable, match="is no mailbox") as refusal:
        Mailbox(tmp_path / "none").find("<1@x.example>")
    assert "python -m mailer sandbox" in refusal.value.fix


def test_mail_already_shown_by_a_mail_program_is_found(folder):
    keep(folder)
    reader = Maildir(folder, create=False)
    (key,) = reader.keys()
    message = reader[key]
    message.set_subdir("cur")
    message.add_flag("S")
    reader[key] = message
    assert len(Mailbox(folder).find("<1@x.example>")) == 1


def test_mail_met_on_its_way_from_new_to_cur_is_one_mail(folder):
    keep(folder)
    (mail,) = Mailbox(folder).find("<1@x.example>")
    (folder / "cur" / f"{mail.path.name}:2,S").hardlink_to(mail.path)
    assert len(Mailbox(folder).find("<1@x.example>")) == 1


def test_mail_that_moves_after_it_was_indexed_is_still_read(folder):
    keep(folder)
    (mail,) = Mailbox(folder).find("<1@x.example>")
    mail.path.rename(folder / "cur" / f"{mail.path.name}:2,S")
    assert mail.sent == CONTENT


def test_mail_that_was_deleted_is_unreadable_and_named(folder):
    keep(folder)
    (mail,) = Mailbox(folder).find("<1@x.example>")
    mail.path.unlink()
    with pytest.raises(MailUnreadable, match=mail.path.name):
        _ = mail.raw


def test_index_shows_later_mails_and_duplicates_in_order_of_delivery(folder):
    box = Mailbox(folder)
    keep(folder, "first", ("a@example.com",))
    assert box.find("first@x.example")
    keep(folder, "first", ("b@example.com",))
    keep(folder, "second")
    assert not box.find("<second@x.example>")
    assert [mail.recipient_envelope for mail in box.index()["<first@x.example>"]] == ["a@example.com", "b@example.com"]
    assert box.find("<second@x.example>")


GARBAGE = {
    "empty": b"",
    "binary": bytes(range(256)) * 40,
    "no-id": b"Subject: x\r\n\r\nMessage-ID: <in-the-body@x>\r\n",
    "two-ids": b"Message-ID: <1@x>\r\nMessage-ID: <2@x>\r\n\r\n",
    "blank-id": b"Message-ID: \r\n\r\n",
    "endless": b"Message-ID: <e@x>\r\n" + b"X-Pad: " + b"x" * 600_000,
}


def test_garbage_becomes_a_fault_with_its_path_and_the_rest_is_indexed(folder):
    keep(folder)
    for name, data in GARBAGE.items():
        (folder / "new" / name).write_bytes(data)
    (folder / "new" / "folder").mkdir()
    os.mkfifo(folder / "cur" / "fifo")
    (folder / "new" / "dangling").symlink_to(folder / "nothing")
    box = Mailbox(folder)
    assert list(box.index()) == ["<1@x.example>"]
    assert {fault.path.name for fault in box.faults} == {*GARBAGE, "folder", "fifo", "dangling"}


def test_folded_id_mixed_case_and_bare_newlines_are_read(folder):
    (folder / "new" / "foreign").write_bytes(b"message-id:\n <folded@x>\nX-Envelope-To: c@d\n\nbody\n")
    (mail,) = Mailbox(folder).find("<folded@x>")
    assert mail.recipient_envelope == "c@d"
    assert mail.sent == mail.raw


def test_half_written_mail_is_not_delivered_mail(folder):
    (folder / "tmp" / "half").write_bytes(CONTENT)
    assert Mailbox(folder).index() == {}


def test_parts_are_read_as_the_candidate_sees_them(folder):
    sent = an_invitation().as_bytes()
    mailbox.keep(folder, [Mail("ops@example.com", ("a@example.com",), sent)])
    (mail,) = Mailbox(folder).find("<rich@x.example>")
    assert text_of(mail.message) == "Grüße, 12:50 PM IST\n"
    assert html_of(mail.message) == "<p>Grüße, 12:50 PM IST</p>\n"
    assert calendar_of(mail.message) == CALENDAR
    assert mail.message["Subject"] == "Gespräch"


def test_part_that_is_not_there_is_none_and_an_attached_file_is_no_part(folder):
    message = EmailMessage()
    message.set_content("text")
    message.add_attachment(CALENDAR, subtype="calendar", filename="invite.ics")
    assert html_of(message) is None
    assert calendar_of(message) is None


@pytest.mark.parametrize("broken", [b"charset=no-such\r\n\r\nx", b"charset=utf-8\r\n\r\n\xff\xfe"])
def test_part_that_cannot_be_decoded_is_said_and_not_guessed(folder, broken):
    sent = b"Message-ID: <b@x>\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: text/plain; " + broken
    mailbox.keep(folder, [Mail("ops@example.com", ("a@example.com",), sent)])
    (mail,) = Mailbox(folder).find("<b@x>")
    with pytest.raises(MailUnreadable, match="text/plain"):
        text_of(mail.message)


def test_addresses_and_bytes_stay_out_of_representations(folder):
    keep(folder)
    (mail,) = Mailbox(folder).find("<1@x.example>")
    assert "asha" not in repr(mail)
    assert "asha" not in repr(Mail("asha@example.com", ("asha@example.com",), b"asha"))


def test_thousands_of_mails_are_indexed(folder):
    for number in range(2_000):
        (folder / "new" / f"{number:04}.M1P1Q1.host").write_bytes(content(number))
    box = Mailbox(folder)
    assert len(box.index()) == 2_000
    assert box.faults == []
    assert box.find("<1999@x.example>")[0].path.name.startswith("1999.")
