"""The states of the waiting room's device check and of the running interview, and how a browser comes to each."""

from portal_office import MINUTE

from store import answers, questions, sessions, times
from store.database import execute, fetch
from store.questions import Question

ASKED = (
    Question("Please introduce yourself: what do you do now, and what led you to apply for this role?"),
    Question("Name three things that you check first when a number looks wrong.", "text", 120),
    Question("Explain in your own words what an average can hide.", "audio"),
    Question("Show us something that you are proud of.", "video"),
)
TEXT = "I have been a nurse for six years.\n\nBefore that I worked in a pharmacy, where I learnt to listen."
ELSEWHERE = "another-page-0123456"


def _asked(portal, booked) -> None:
    job = fetch(portal.db, "SELECT job_id FROM interview WHERE id = ?", (booked.id,))[0][0]
    questions.replace(portal.db, job, ASKED)


def _begun(page, portal, *, elapsed=10 * MINUTE):
    """A begun interview whose first answer is saved; it ends 45 minutes after its start."""
    booked = portal.book(-elapsed, 45)
    _asked(portal, booked)
    sessions.begin(portal.db, booked.session, booked.start)
    answers.save(portal.db, booked.session, 1, page=ELSEWHERE, sequence=1, base_revision=0, text=TEXT, now=times.now())
    answers.release(portal.db, booked.session, page=ELSEWHERE, now=times.now())
    return booked


def _go(page, portal, booked, step: str = "question") -> None:
    page.goto(f"http://localhost:{portal.port}{booked.link}")
    page.wait_for_selector(f"[data-step={step}]:not([hidden])")


def _number(page, number: int) -> None:
    page.locator("[data-list] button").nth(number - 1).click()
    page.wait_for_selector(f"[data-list] li:nth-child({number}) [aria-current]")


def devices(page, portal):
    booked = portal.book(10 * MINUTE)
    _asked(portal, booked)
    page.goto(f"http://localhost:{portal.port}{booked.link}")
    page.wait_for_selector("[data-check-devices]:visible")
    page.click("[data-check-devices]")
    page.wait_for_selector("[data-preview]:visible")


def question(page, portal):
    _go(page, portal, _begun(page, portal))


def limited(page, portal):
    question(page, portal)
    _number(page, 2)


def limit_runs(page, portal):
    limited(page, portal)
    page.click("[data-open]")
    page.wait_for_selector("[data-own]:visible")


def audio(page, portal):
    question(page, portal)
    _number(page, 3)


def recorded(page, portal):
    audio(page, portal)
    page.click("[data-record]")
    page.wait_for_timeout(1500)
    page.click("[data-stop]")
    page.wait_for_selector("audio:visible")


def video(page, portal):
    question(page, portal)
    _number(page, 4)


def kept_here(page, portal):
    question(page, portal)
    page.context.set_offline(True)
    page.locator("[data-answer]").press_sequentially(" And")
    page.wait_for_selector("[data-saved=kept]")


def conflict(page, portal):
    booked = _begun(page, portal)
    _go(page, portal, booked)
    taken = {"page": ELSEWHERE, "now": times.now()}
    answers.take_over(portal.db, booked.session, **taken)
    answers.save(portal.db, booked.session, 1, sequence=2, base_revision=1, text="Written on the phone.", **taken)
    execute(portal.db, "UPDATE interview_session SET held_at = 0 WHERE id = ?", (booked.session,))
    page.locator("[data-answer]").press_sequentially(" And at the desk.")
    page.locator("[data-answer]").blur()
    page.wait_for_selector("[data-conflict]:visible")


def elsewhere(page, portal):
    booked = _begun(page, portal)
    answers.take_over(portal.db, booked.session, page=ELSEWHERE, now=times.now())
    _go(page, portal, booked, "elsewhere")


def review(page, portal):
    question(page, portal)
    page.click("[data-list] [data-review]")
    page.wait_for_selector("[data-step=review]:not([hidden])")


def confirm(page, portal):
    review(page, portal)
    page.click("[data-finish]")
    page.wait_for_selector("dialog[open]")


def last_minutes(page, portal):
    _go(page, portal, _begun(page, portal, elapsed=41 * MINUTE))
    page.wait_for_selector("[data-warning]:visible")


def handed_in(page, portal):
    booked = _begun(page, portal)
    answers.finish(portal.db, booked.session, page=ELSEWHERE, now=times.now())
    page.goto(f"http://localhost:{portal.port}{booked.link}")
    page.wait_for_selector("main[data-state=done]")


REACHED = (devices, question, limited, limit_runs, audio, recorded, video, kept_here, conflict, elsewhere, review, confirm,
           last_minutes, handed_in)  # fmt: skip
