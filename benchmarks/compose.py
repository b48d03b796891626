"""Composing and sealing a mail, beside `EmailMessage` of the same content in the same run; both read back."""

import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from statistics import median
from time import perf_counter

from mailer.calendar import method
from mailer.messages import compose, contents
from mailer.seal import seal
from store import session_keys
from store.facts import INVITATION, Facts, HandOver

GOAL = 10.0
ROUNDS, OURS, THEIRS = 7, 1500, 100
START = datetime(2026, 11, 30, 3, 30, tzinfo=UTC)
HAND_OVER = HandOver(START - timedelta(days=3), "jobs@example.com", "Example Jobs", "https://interviews.example.com")
HEADERS = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted")
NAMES = {
    "ASCII": ("Asha Rao", "Ben Okafor", "Chloe Martin"),
    "non-ASCII": ("आशा राव", "Zoë Müller", "陈小明"),
}
Mail = tuple[Facts, str, str, str]


def mails(names: tuple[str, ...], count: int = 300) -> list[Mail]:
    """Interviews of a day's batch: facts, token, Message-ID and link of each; the same in every run."""
    source = random.Random(7)
    return [_mail(number, names[number % len(names)], source) for number in range(count)]


def _mail(number: int, name: str, source: random.Random) -> Mail:
    start = START + timedelta(minutes=45 * (number % 12), days=number // 12)
    facts = Facts(
        kind=INVITATION, candidate_name=name, recipient=f"candidate{number}@example.org",
        job_title=("Data Engineer", "Site Reliability Engineer", "Designer")[number % 3],
        company_name="Example Labs", starts_at=start, ends_at=start + timedelta(minutes=45),
        timezone="Asia/Kolkata", candidate_timezone=("", "Europe/Berlin")[number % 2], opens_before=15,
        closes_after=15, booking_notes="Bring a photo ID.", reference=f"R-{number}", round=1,
        calendar_uid=f"interview-{number}@interviews.example.com", sequence=0,
    )  # fmt: skip
    token = f"{source.getrandbits(128):032x}"
    key = "k1" + "".join(source.choices("abcdefghijklmnopqrstuvwxyz234567", k=48))
    return facts, token, f"<{token}@interviews.example.com>", session_keys.link(HAND_OVER.backend_url, key)


def ours(mail: Mail) -> bytes:
    """Our finished, sealed message."""
    facts, token, message_id, link = mail
    message = compose(facts, HAND_OVER, message_id=message_id, token=token, link=link)
    seal(message, recipient=facts.recipient, sender=HAND_OVER.from_address, link=link)
    return message


def theirs(mail: Mail) -> bytes:
    """The same words, put together by the standard library."""
    facts, _, message_id, link = mail
    said = contents(facts, HAND_OVER, link)
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address(HAND_OVER.from_name, addr_spec=HAND_OVER.from_address)
    message["To"], message["Subject"], message["Date"] = facts.recipient, said.subject, HAND_OVER.date
    message["Message-ID"], message["MIME-Version"], message["Auto-Submitted"] = (
        message_id,
        "1.0",
        "auto-generated",
    )
    message.set_content(said.text)
    message.add_alternative(said.html, subtype="html")
    message.add_alternative(said.calendar, subtype="calendar", params={"method": method(facts)})
    return bytes(message)


def read(message: bytes) -> tuple[list[str], list[tuple[str, str]]]:
    """What `email` reads: headers, and each part's type and content with one kind of line end."""
    parsed = message_from_bytes(message, policy=policy.default)
    parts = list(parsed.iter_parts())
    if parsed.defects or any(part.defects for part in parts):
        raise ValueError("a message does not parse cleanly")
    said = [(part.get_content_type(), part.get_content().replace("\r\n", "\n")) for part in parts]
    return [str(parsed[name]) for name in HEADERS], said


def rate(work: Callable[[Mail], object], batch: list[Mail], count: int) -> float:
    """Calls per second over `count` mails of the batch."""
    started = perf_counter()
    for number in range(count):
        work(batch[number % len(batch)])
    return count / (perf_counter() - started)


def sealing(batch: list[Mail]) -> Callable[[Mail], object]:
    """The seal alone, over messages made beforehand."""
    made = {mail[1]: ours(mail) for mail in batch}
    sender = HAND_OVER.from_address
    return lambda mail: seal(made[mail[1]], recipient=mail[0].recipient, sender=sender, link=mail[3])


def measure(names: tuple[str, ...]) -> tuple[float, float, float]:
    """Medians per second of interleaved rounds: ours with its seal, the library's, our seal alone."""
    batch = mails(names)
    sealed = sealing(batch)
    rounds = [(rate(ours, batch, OURS), rate(theirs, batch, THEIRS), rate(sealed, batch, OURS)) for _ in range(ROUNDS)]
    return tuple(median(column) for column in zip(*rounds, strict=True))


def main() -> int:
    """Prints the table; 1 if a mail of ours reads back differently from the library's."""
    batch = [mail for names in NAMES.values() for mail in mails(names, 60)]
    differing = [mail for mail in batch if read(ours(mail)) != read(theirs(mail))]
    columns = f"{'ours/s':>9}{'EmailMessage/s':>16}{'ratio':>8}{'seal/s':>9}"
    print(f"{'mails of text, HTML and calendar':34}{columns}")
    for label, names in NAMES.items():
        mine, library, sealed = measure(names)
        verdict = f"goal {GOAL:.0f}x {'met' if mine >= GOAL * library else 'missed'}"
        print(f"{label:34}{mine:9,.0f}{library:16,.0f}{mine / library:8.1f}{sealed:9,.0f}  {verdict}")
    print(f"read back by email: {len(differing)} of {len(batch)} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
