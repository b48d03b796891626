"""A running portal that tests look at with a real Chromium: fixtures for their modules, and looks at what is kept.

Pages are opened at localhost, which browsers take for secure, so that they may use a microphone. The browser has a false
microphone and camera; a page may use them where its context was granted them.
"""

import shutil
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from conftest import need
from portal_office import DAY, HOUR, MINUTE, running

from store import questions, sessions, times
from store.database import execute, fetch
from store.questions import Question

__all__ = ["ASKED", "DAY", "HOUR", "MINUTE", "PATIENCE"]

PATIENCE = 20_000
"""Milliseconds that a page may take to show what is waited for."""
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
"""The first is the same browser without windows, which costs half; only its answer to a request for a microphone differs."""
ARGUMENTS = ("--no-sandbox", "--use-fake-device-for-media-stream")
ASKED = (Question("Who are you?"), Question("Why nursing?"), Question("What next?"))


def launched(kind, arguments=ARGUMENTS, programs=PROGRAMS):
    chromium = next(filter(None, map(shutil.which, programs)), None)
    need(chromium, "no chromium on this machine")
    return kind.launch(executable_path=chromium, args=arguments)


@contextmanager
def browsing(arguments=ARGUMENTS, programs=PROGRAMS):
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        running_browser = launched(playwright.chromium, arguments, programs)
        yield running_browser
        running_browser.close()


@pytest.fixture(scope="module")
def here(tmp_path_factory, _sqlite_template):
    """An installation on SQLite with a portal serving it at `base`."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copy(_sqlite_template, folder / "record.db")
    recordings = folder / "recordings"
    settings = {"RECORDINGS_FOLDER": str(recordings), "RECORDING_BYTES": "150000", "PORTAL_PROCESSES": "1"}
    with running(f"sqlite:///{folder}/record.db", folder, **settings) as installation:
        installation.base, installation.recordings = f"http://localhost:{installation.port}", recordings
        yield installation


@pytest.fixture
def book(here):
    """Books an interview that starts so long from now; `asked` are its job's questions."""

    def made(starts_in, minutes=45, asked=()):
        booked = here.book(starts_in, minutes)
        booked.link = here.base + booked.link
        if asked:
            job = fetch(here.db, "SELECT job_id FROM interview WHERE id = ?", (booked.id,))[0][0]
            questions.replace(here.db, job, asked)
        return booked

    return made


@pytest.fixture
def begun(here, book):
    """An interview that has begun; it ends so long from now."""

    def made(asked=ASKED, ends_in=20 * MINUTE):
        booked = book(ends_in - 45 * MINUTE, 45, asked)
        sessions.begin(here.db, booked.session, booked.start)
        return booked

    return made


@pytest.fixture(scope="module")
def browser():
    with browsing() as running_browser:
        yield running_browser


@pytest.fixture
def device(browser):
    """Opens a page of another device each time; errors of a script and breaks of the policy fail the test."""
    contexts, errors = [], []

    def opened(link="", **options):
        context = browser.new_context(**({"viewport": {"width": 360, "height": 740}} | options))
        contexts.append(context)
        page = watched(context.new_page(), errors)
        if link:
            page.goto(link)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def page(device):
    """A phone's page."""
    return device()


def watched(page, errors):
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: "Content Security Policy" in line.text and errors.append(line.text))
    return page


def reach(page, state):
    page.wait_for_selector(f"main[data-state={state}]")


def stand(page, step):
    """Waits until the running interview shows this part of it."""
    page.wait_for_selector(f"[data-step={step}]:not([hidden])")


def enter(page, booked):
    """Opens a begun interview, and waits for its question."""
    page.goto(booked.link)
    stand(page, "question")


def heading(page):
    return page.locator("h1").inner_text().replace("\n", " ")


def write(page, text):
    """Types at the end of the answer on the page."""
    page.wait_for_selector("[data-answer]:visible")
    page.locator("[data-answer]").press_sequentially(text)


def paste(page, text):
    """Puts a text into the field, of whatever length."""
    script = "(field, text) => { field.value = text; field.dispatchEvent(new InputEvent('input', { bubbles: true })); }"
    page.locator("[data-answer]").evaluate(script, text)


def wait_saved(page):
    page.wait_for_selector("[data-saved=saved]")


def save(page, text):
    """Types, and leaves the field, which saves at once."""
    write(page, text)
    page.locator("[data-answer]").blur()
    wait_saved(page)


def lose_saves(page):
    """From now on no save reaches the server; gives what lets them through again."""
    page.route("**/api/interview/answers/*", lambda route: route.abort())
    return lambda: page.unroute("**/api/interview/answers/*")


def answers(here, booked):
    """The text of each answered question by its number."""
    return dict(
        fetch(here.db, "SELECT number, text FROM answer WHERE session_id = ? ORDER BY number", (booked.session,))
    )


def copies(here, booked):
    """(text, reason) of every text that was kept beside the answers, oldest first."""
    return fetch(here.db, "SELECT text, reason FROM answer_copy WHERE session_id = ? ORDER BY id", (booked.session,))


def takes(here, booked):
    """What is known of every recording, oldest first."""
    sql = "SELECT number, take, media_type, size, state FROM recording WHERE session_id = ? ORDER BY id"
    return [SimpleNamespace(**dict(zip(("number", "take", "type", "size", "state"), row, strict=True)))
            for row in fetch(here.db, sql, (booked.session,))]  # fmt: skip


def silence(here, booked, seconds):
    """Nothing was heard of the page that holds the interview for so long."""
    sql = "UPDATE interview_session SET held_at = ? WHERE id = ?"
    execute(here.db, sql, (times.epoch(times.now()) - seconds, booked.session))


def stored(page):
    """The names of all that the page's browser keeps."""
    return page.evaluate("() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)]")
