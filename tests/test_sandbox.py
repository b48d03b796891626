"""The sandbox receives: real SMTP conversations, mail kept to the byte, and what is too large refused."""

import contextlib
import os
import resource
import smtplib
import threading
from mailbox import Maildir

import pytest
import sandbox_room
from sandbox_room import ASHA, ENVELOPE, OPS, Line, content, sent_of

from mailer.mailbox import Mailbox

shared, server, mortal, folder = sandbox_room.shared, sandbox_room.server, sandbox_room.mortal, sandbox_room.folder
client, line = sandbox_room.client, sandbox_room.line


def test_mail_is_kept_as_it_was_sent_with_its_envelope(folder, client):
    client.sendmail(OPS, [ASHA], content())
    (mail,) = Mailbox(folder).find("<1@x.example>")
    assert mail.sent == content()
    assert mail.recipient_envelope == ASHA
    assert Maildir(folder, create=False).popitem()[1]["Return-Path"] == f"<{OPS}>"


def test_lines_of_dots_arrive_as_they_were_written(folder, client):
    body = ".\r\n..\r\n.hidden\r\nmiddle.\r\n\r\n...\r\n"
    client.sendmail(OPS, [ASHA], content(1, body))
    assert sent_of(folder) == content(1, body)


def test_eight_bit_bytes_and_bare_line_feeds_are_not_touched(folder, line):
    body = b"Message-ID: <1@x.example>\r\n\r\n\xff\xfe\x00 gr\xc3\xbc\xc3\x9fe\n.\nstill the same mail\r\n"
    line.say(ENVELOPE + body + b".\r\n")
    assert line.hear(4) == [250, 250, 354, 250]
    assert sent_of(folder) == body


def test_extensions_that_delivery_uses_are_offered(client):
    assert {"pipelining", "8bitmime", "smtputf8"} <= client.esmtp_features.keys()
    assert client.esmtp_features["size"] == str(10 * 1024 * 1024)


def test_pipelined_mails_are_answered_in_order(folder, line):
    mails = [ENVELOPE + content(number) + b".\r\n" for number in range(5)]
    line.say(b"".join(mails) + b"RCPT TO:<late@example.com>\r\nNOOP\r\nQUIT\r\n")
    assert line.hear(23) == [250, 250, 354, 250] * 5 + [503, 250, 221]
    assert sorted(Mailbox(folder).index()) == [f"<{number}@x.example>" for number in range(5)]


def test_each_recipient_gets_their_own_copy_and_the_same_one_only_once(folder, client):
    client.sendmail(OPS, [ASHA, "b@example.com", ASHA], content())
    found = Mailbox(folder).find("<1@x.example>")
    assert [mail.recipient_envelope for mail in found] == [ASHA, "b@example.com"]


def test_non_ascii_recipient_needs_smtputf8(folder, line):
    line.say(b"MAIL FROM:<ops@example.com>\r\n" + "RCPT TO:<ü@example.com>\r\n".encode())
    assert line.hear(2) == [250, 553]
    line.say(b"RSET\r\nMAIL FROM:<ops@example.com> SMTPUTF8\r\n" + "RCPT TO:<ü@example.com>\r\n".encode())
    line.say(b"DATA\r\n" + content() + b".\r\n")
    assert line.hear(5) == [250, 250, 250, 354, 250]
    assert [mail.recipient_envelope for mail in Mailbox(folder).find("1@x.example")] == ["ü@example.com"]


@pytest.mark.parametrize("address", [b'"a\rX-Evil: 1"@x.example', b'"a\x00b"@x.example', b'"\xff"@x.example'])
def test_address_with_control_characters_is_refused(line, address):
    line.say(b"MAIL FROM:<ops@example.com> SMTPUTF8\r\nRCPT TO:<" + address + b">\r\n")
    accepted, refused = line.hear(2)
    assert accepted == 250
    assert 500 <= refused < 600


def test_four_connections_at_once_lose_nothing(folder, server):
    def send(worker: int) -> None:
        with smtplib.SMTP(server.host, server.port, timeout=20) as connection:
            for number in range(50):
                connection.sendmail(OPS, [ASHA], content(f"{worker}.{number}"))

    workers = [threading.Thread(target=send, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    index = Mailbox(folder).index()
    assert index.keys() == {f"<{worker}.{number}@x.example>" for worker in range(4) for number in range(50)}
    assert all(mail.sent == content(mail_id[1:].split("@")[0]) for mail_id, (mail,) in index.items())


# Limits


def test_mail_announced_over_ten_megabytes_is_refused_at_once(line):
    line.say(b"MAIL FROM:<ops@example.com> SIZE=10485761\r\nMAIL FROM:<ops@example.com> SIZE=10485760\r\n")
    assert line.hear(2) == [552, 250]


def test_mail_that_grows_over_ten_megabytes_is_refused_and_the_conversation_goes_on(folder, line):
    line.say(ENVELOPE + b"x" * 900 + b"\r\n")
    line.say((b"y" * 998 + b"\r\n") * 10_486 + b".\r\n")
    assert line.hear(4) == [250, 250, 354, 552]
    line.say(ENVELOPE + content() + b".\r\n")
    assert line.hear(4) == [250, 250, 354, 250]
    assert list(Mailbox(folder).index()) == ["<1@x.example>"]


def test_mail_just_under_ten_megabytes_is_kept_whole(folder, line):
    body = content() + (b"y" * 998 + b"\r\n") * 10_485
    line.say(ENVELOPE + body + b".\r\n")
    assert line.hear(4) == [250, 250, 354, 250]
    assert sent_of(folder) == body


def test_full_disk_refuses_for_now_and_half_keeps_nothing(folder, server, client):
    limits = resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        client.sendmail(OPS, [ASHA, "b@example.com"], content(1, "x" * 70 + "\r\n" * 5000))
    assert refusal.value.smtp_code == 452
    assert refusal.value.smtp_error.startswith(b"4.3.1")
    assert os.listdir(folder / "new") == os.listdir(folder / "tmp") == []
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, limits)
    client.sendmail(OPS, [ASHA], content(2, "x\r\n" * 5000))
    assert sent_of(folder, 2) == content(2, "x\r\n" * 5000)


def test_mail_that_does_not_fit_is_refused_alone_among_those_that_came_with_it(folder, mortal):
    resource.prlimit(mortal.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    with contextlib.ExitStack() as opened:
        lines = [opened.enter_context(Line(mortal.port)) for _ in range(5)]
        for number, line in enumerate(lines):
            line.say(ENVELOPE + content(number, "x\r\n" * (5000 if number % 2 else 5)))
            line.hear(3)
        for line in lines:
            line.say(b".\r\n")
        assert [line.hear(1) for line in lines] == [[250], [452], [250], [452], [250]]
    assert sorted(Mailbox(folder).index()) == ["<0@x.example>", "<2@x.example>", "<4@x.example>"]
