"""The steps of book_interview.ipynb, one function a cell: book one interview, send its mail, see mail and page."""

import html
import re
from collections.abc import Mapping
from datetime import timedelta

from IPython.display import HTML

from mailer import portal_process
from mailer.delivery import DeliveryReport
from mailer.messages import contents
from mailer.notifications import send_candidate_interview_scheduled_notification
from mailer.portal_client import PortalClient
from notebooks import tables
from notebooks.colours import IDLE
from notebooks.opened_run import Run
from notebooks.stopping import JobFailed, telling
from store import database, places, session_keys, times
from store.booking import Booking, book_slot, find_interview
from store.candidate_rows import request_from
from store.facts import Facts, HandOver
from store.models import Notification
from store.redaction import redact
from store.requests import BookingRequest

_STYLESHEET = re.compile(r'<link rel="stylesheet"[^>]*>')
# Scripts do not run in a notebook, and a candidate's browser does not say so.
_OUTSIDE = re.compile(r"<(?:script|link|img)\b[^>]*>(?:</script>)?|<noscript\b.*?</noscript>", re.DOTALL)


@telling
def request(run: Run, values: Mapping[str, object]) -> BookingRequest:
    """The booking that the parameters ask for; an empty date is tomorrow. Raises SettingsWrong, which names the parameters."""
    texts = {name: str(value) for name, value in values.items()}
    zone = texts.get("timezone") or run.settings.interview_timezone
    texts["slot_date"] = texts.get("slot_date") or _tomorrow(zone)
    return request_from(texts, run.settings)


def _tomorrow(zone: str) -> str:
    tomorrow = times.now() + timedelta(days=1)
    try:
        return times.iso_date(tomorrow, zone)
    except ValueError:
        # A zone that is wrong is refused with the other parameters.
        return times.iso_date(tomorrow, "UTC")


@telling
def book(run: Run, asked: BookingRequest) -> Booking:
    """Books it, with its session and its queued mail, in one transaction. Raises BookingRefused."""
    return book_slot(run.db, asked, settings=run.settings, ring=run.ring, now=times.now())


@telling
def send(run: Run, booking: Booking) -> DeliveryReport:
    """Sends the interview's queued mail now."""
    interview = find_interview(booking.interview_id)
    return send_candidate_interview_scheduled_notification(interview, mail=run.mail, shared=run.settings, ring=run.ring)


def _link(run: Run, booking: Booking) -> tuple[str, str]:
    session = find_interview(booking.interview_id).sessions.get()
    key = session_keys.session_key(session.public, session.key_id, session.generation, run.ring)
    proof = session_keys.proof_token(session.public, session.key_id, run.ring)
    return session_keys.link(run.settings.backend_url, key), proof


@telling
def mail_as_seen(run: Run, booking: Booking) -> HTML:
    """The interview's newest mail as the candidate sees it, made from the outbox as it was sent; its key is masked."""
    mail = (
        Notification.select()
        .where(Notification.interview == booking.interview_id)
        .order_by(Notification.id.desc())
        .get()
    )
    facts, now = Facts.from_json(mail.facts), times.now()
    account = run.checked_mail.account
    sender = (account.from_address, account.from_name) if account else ("interviews@example.com", "")
    sent = HandOver.from_json(mail.hand_over) if mail.hand_over else HandOver(now, *sender, run.settings.backend_url)
    said = contents(facts, sent, _link(run, booking)[0])
    rows = (("From", f"{sent.from_name} <{sent.from_address}>"), ("To", facts.recipient), ("Subject", said.subject))
    head = "".join(f"<tr><th>{name}</th><td>{html.escape(redact(value))}</td></tr>" for name, value in rows)
    table = f'{tables.LEFT}<table class="interviews">{head}</table>'
    return HTML(f"{table}{_frame(redact(said.html), 620)}")


@telling
def page_as_seen(run: Run, booking: Booking) -> HTML:
    """The page that the link opens now, from a portal of this run's own; the visit is recorded as a proof's."""
    link, proof = _link(run, booking)
    with portal_process.running(run.environment) as address, PortalClient(address, run.settings.backend_host) as portal:
        portal.check(database.database_id(run.db))
        page = portal.open(link, proof)
    style = (places.ROOT / "static" / "portal.css").read_text(encoding="utf-8")
    shown = _STYLESHEET.sub(lambda _: f"<style>{style} * {{ animation: none !important }}</style>", page.html)
    return HTML(
        f"<p>State of the page: <b>{html.escape(page.state)}</b></p>{_frame(_OUTSIDE.sub('', redact(shown)), 560)}"
    )


def _frame(page: str, height: int) -> str:
    # Without any right: no script, no form, no navigation.
    style = f"width: 100%; max-width: 44em; height: {height}px; border: 1px solid {IDLE}; box-sizing: border-box"
    return f'<iframe sandbox="" srcdoc="{html.escape(page, quote=True)}" style="{style}"></iframe>'


def verdict(booking: Booking, sent: DeliveryReport) -> str:
    """One sentence for an interview that is booked and mailed. Raises JobFailed if its mail did not go."""
    if not sent.is_clean:
        raise JobFailed(f"The interview is booked, but its mail did not go: {sent.sentence()}")
    mailed = "its mail is sent" if sent.sent else "its mail was sent before"
    return f"Done: interview {booking.interview_id}: {booking.action}; {mailed}."
