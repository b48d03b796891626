"""`make demo-now`: books one candidate minutes ahead and serves the portal, to watch the wait and the start happen."""

import os
import sys
import time
from datetime import datetime, timedelta

from mailer.config import MailSettings
from mailer.notifications import send_candidate_interview_scheduled_notification
from notebooks import portal_process
from notebooks.demo import ENVIRONMENT
from store import addresses, database, session_keys, times
from store.booking import book_slot, find_interview
from store.errors import Refusal
from store.requests import BookingRequest
from store.settings import Settings

MINUTES_AHEAD = 2


def main() -> int:
    """Books, mails, prints the link to a terminal and serves until Ctrl-C; gives the exit code."""
    if not sys.stdout.isatty():
        print(
            "demo-now: a personal link is printed to a terminal only. To fix: run make demo-now in one.",
            file=sys.stderr,
        )
        return 2
    os.environ.update(ENVIRONMENT)
    try:
        with portal_process.running(port=8000) as address:
            asked = _request(times.now())
            link = _book(asked)
            start = times.time_words(asked.starts_at, asked.timezone)
            print(f"The interview starts at {start}. Open this link now, and watch it wait and start:")
            print(f"\n  {link}\n")
            print(f"The portal runs at {address}. Ctrl-C ends it.")
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        return 0
    except Refusal as refused:
        print(f"demo-now: {refused.line()}", file=sys.stderr)
        return 2


def _book(asked: BookingRequest) -> str:
    settings = Settings.load()
    db = database.open_record(settings.database_url.get_secret_value())
    now = times.now()
    ring = session_keys.load_ring(db, settings.session_key_ring.get_secret_value(), now=now)
    interview = find_interview(book_slot(db, asked, settings=settings, ring=ring, now=now).interview_id)
    send_candidate_interview_scheduled_notification(interview, mail=MailSettings.load(), shared=settings, ring=ring)
    session = interview.sessions.get()
    key = session_keys.session_key(session.public, session.key_id, session.generation, ring)
    return session_keys.link(settings.backend_url, key)


def _request(now: datetime) -> BookingRequest:
    starts_at = now.replace(second=0, microsecond=0) + timedelta(minutes=MINUTES_AHEAD + 1)
    email = f"newcomer-{now:%Y%m%d%H%M%S}@example.com"
    return BookingRequest(
        candidate_name="Asha Rao", email=email, address=addresses.identity(email), job_title="Data Engineer",
        company_name="Example Labs", starts_at=starts_at, ends_at=starts_at + timedelta(minutes=15), timezone="Asia/Kolkata",
        booking_notes="This is a demonstration.",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
