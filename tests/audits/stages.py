"""The states that the portal's pages can be in, and how a browser comes to each: all audits and pictures use this list.

Another state is one more function and one more line in STAGES.
"""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page
from portal_office import DAY, MINUTE, Installation

from audits import interview_stages
from store import booking, sessions, times
from store.database import execute

NOT_LOOKED_AT = "Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' });"
"""For a page that would go on by itself as soon as somebody sees it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A state by its name, and what brings a new page there."""

    name: str
    reach: Callable[[Page, Installation], None]

    def __str__(self) -> str:
        return self.name


def address(portal: Installation, path: str = "/") -> str:
    return f"http://127.0.0.1:{portal.port}{path}"


def _go(page: Page, portal: Installation, path: str, state: str) -> None:
    page.goto(address(portal, path))
    page.wait_for_selector(f"meta[name=interview-state][content={state}]", state="attached")


def _shown(page: Page, portal: Installation, booked, state: str) -> None:
    _go(page, portal, booked.link, state)
    # A countdown is empty until the script fills it.
    page.wait_for_function("[...document.querySelectorAll('[data-clock]')].every((clock) => clock.textContent)")


def _begun(portal: Installation, starts_in=-MINUTE, minutes: int = 45):
    booked = portal.book(starts_in, minutes)
    sessions.begin(portal.db, booked.session, max(booked.start, times.now() - 10 * MINUTE))
    return booked


def _home(page, portal):
    _go(page, portal, "/", "home")


def _no_visit(page, portal):
    _go(page, portal, "/interview", "no_visit")


def _unknown_link(page, portal):
    _go(page, portal, "/?session_key=k1" + "a" * 48, "unknown_link")


def _error(page, portal):
    _go(page, portal, "/nosuch", "error")


def _early(page, portal):
    _shown(page, portal, portal.book(3 * DAY), "early")


def _waiting(page, portal):
    _shown(page, portal, portal.book(10 * MINUTE), "waiting")


def _offline(page, portal):
    _waiting(page, portal)
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_selector("[data-notice]:not([hidden])")


def _open(page, portal):
    page.add_init_script(NOT_LOOKED_AT)
    _go(page, portal, portal.book(-MINUTE).link, "open")
    page.wait_for_selector("[data-start-now]:enabled")


def _running(page, portal):
    _shown(page, portal, _begun(portal), "running")


def _late(page, portal):
    _shown(page, portal, portal.book(-20 * MINUTE), "late")


def _done(page, portal):
    booked = _begun(portal)
    execute(portal.db, "UPDATE interview_session SET finished_at = ? WHERE id = ?",
            (times.epoch(times.now()), booked.session))  # fmt: skip
    _shown(page, portal, booked, "done")


def _cancelled(page, portal):
    booked = portal.book(DAY)
    booking.cancel(portal.db, booked.id, settings=portal.settings, now=times.now())
    _shown(page, portal, booked, "cancelled")


def _without_scripts(page, portal):
    # Not by the context's option: in the page that was read without scripts, the audits' own must run.
    switch = page.context.new_cdp_session(page)
    switch.send("Emulation.setScriptExecutionDisabled", {"value": True})
    page.goto(address(portal, portal.book(10 * MINUTE).link))
    switch.send("Emulation.setScriptExecutionDisabled", {"value": False})
    page.wait_for_selector("noscript .hint")


STAGES = (
    Stage("home", _home),
    Stage("no_visit", _no_visit),
    Stage("unknown_link", _unknown_link),
    Stage("error", _error),
    Stage("early", _early),
    Stage("waiting", _waiting),
    Stage("offline", _offline),
    Stage("open", _open),
    Stage("running", _running),
    Stage("late", _late),
    Stage("done", _done),
    Stage("cancelled", _cancelled),
    Stage("without_scripts", _without_scripts),
    *(Stage(reach.__name__, reach) for reach in interview_stages.REACHED),
)
