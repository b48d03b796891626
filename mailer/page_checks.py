"""The page behind a mailed link: opened at the portal, and held to the record. The request itself is `portal_client`'s."""

from collections.abc import Callable
from datetime import datetime, timedelta

from mailer.portal_client import Page, PortalClient
from mailer.proof_cases import Case
from mailer.proof_checks import Booked, Problem
from store import session_keys, sessions, times
from store.database import Database
from store.facts import CANCELLED
from store.session_keys import KeyRing
from store.sessions import SessionView

NEIGHBOURS = timedelta(seconds=2)
"""How far the portal's clock and this one may be apart where the access window turns."""
_PAGE = "look at the interview in the record and at the portal's log, then prove again."


def visit(
    db: Database, case: Case, booked: Booked, *, portal: PortalClient, ring: KeyRing, clock: Callable[[], datetime]
) -> tuple[Page, list[Problem]]:
    """Opens the booked link; gives the page, and everything on it that is not as the record has it.

    The visit is marked as a proof's. `clock` gives aware UTC. Raises NotOpened and PortalUnusable.
    """
    page, problems = _visited(case, booked, case.view, portal, ring, clock)
    if problems and (view := sessions.load(db, case.view.session_id)) != case.view:
        # The candidate began, or ops moved the interview, between the reading and the visit.
        page, problems = _visited(case, booked, view, portal, ring, clock)
    return page, problems


def _visited(
    case: Case, booked: Booked, view: SessionView, portal: PortalClient, ring: KeyRing, clock: Callable[[], datetime]
) -> tuple[Page, list[Problem]]:
    before = clock()
    page = portal.open(booked.link, session_keys.proof_token(case.public, case.key_id, ring))
    allowed = {view.access(moment).state for moment in (before - NEIGHBOURS, before, clock() + NEIGHBOURS)}
    if case.is_newest and case.kind == CANCELLED:
        allowed = {sessions.CANCELLED}
    return page, _page_problems(page, view, allowed)


def _page_problems(page: Page, view: SessionView, allowed: set[str]) -> list[Problem]:
    if page.state not in sessions.STATES:
        return [Problem("page", f"The link leads to the page {page.state!r} instead of an interview's.", _PAGE)]
    problems = []
    if page.references != (view.code,):
        problems.append(f"The link opens {' and '.join(page.references) or 'nobody'}'s page instead of {view.code}'s.")
    if page.candidates != (" ".join(view.candidate_name.split()),):
        problems.append("The page names another candidate.")
    for name, shown, moment in (("start", page.starts, view.started_at), ("end", page.ends, view.ended_at)):
        if shown != (times.iso(moment),):
            problems.append(f"The page shows {' and '.join(shown) or 'nothing'} as {name}, not {times.iso(moment)}.")
    if page.state not in allowed:
        problems.append(f"The page says {page.state}, the access window says {' or '.join(sorted(allowed))}.")
    return [Problem("page", what, _PAGE) for what in problems]
