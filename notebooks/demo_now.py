"""`make demo-now`: books one candidate minutes ahead and serves the portal, to watch the wait and the start happen."""

import os
import socket
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from mailer import portal_process
from mailer.config import MailSettings
from mailer.notifications import send_candidate_interview_scheduled_notification
from notebooks.demo import ENVIRONMENT
from store import addresses, database, session_keys, times
from store.booking import book_slot, find_interview
from store.errors import Refusal
from store.requests import BookingRequest
from store.settings import Settings

HOST, PORT = "127.0.0.1", 8000
MINUTES_AHEAD = 2


def main(port: int = PORT, environment: Mapping[str, str] = ENVIRONMENT) -> int:
    """Books, mails, prints the link to a terminal and serves until Ctrl-C; gives the exit code.

    The portal is at `port`, or at a free one if another program has it.
    """
    if not sys.stdout.isatty():
        print(
            "demo-now: a personal link is printed to a terminal only. To fix: run make demo-now in one.",
            file=sys.stderr,
        )
        return 2
    try:
        _serve(environment, _free_port(port))
    except KeyboardInterrupt:
        return 0
    except Refusal as refused:
        print(f"demo-now: {refused.line()}", file=sys.stderr)
        return 2


def _serve(environment: Mapping[str, str], port: int) -> None:
    # An address, for localhost may lead to another program on ::1.
    os.environ.update(environment | {"BACKEND_URL": f"http://{HOST}:{port}"})
    with portal_process.running(port=port) as address:
        asked = _request(times.now())
        link = _book(asked)
        start = times.time_words(asked.starts_at, asked.timezone)
        print(f"The interview starts at {start}. Open this link now, and watch it wait and start:")
        print(f"\n  {link}\n")
        print(f"The portal runs at {address}. Ctrl-C ends it.")
        while True:
            time.sleep(3600)


def _free_port(wanted: int) -> int:
    """The wanted port, or a free one while another program has it."""
    try:
        return _bindable(wanted)
    except OSError:
        free = _bindable(0)
        print(f"Another program has port {wanted}, so the portal takes {free}.")
        return free


def _bindable(port: int) -> int:
    with socket.socket() as tried:
        # As the portal does, so that one that has just ended is not in the way.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind((HOST, port))
        return tried.getsockname()[1]


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
