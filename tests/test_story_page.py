"""One candidate's way in a real Chromium, from the early link to the closed interview, and what else may be met on it."""

from datetime import timedelta

import page_office
from page_office import ASKED, DAY, HOUR, MINUTE, answers, enter, heading, reach, stand, wait_saved, write

from store import booking, times
from store.database import execute

here, book, begun, browser, device, page = (
    page_office.here, page_office.book, page_office.begun, page_office.browser, page_office.device, page_office.page,
)  # fmt: skip
SECOND = timedelta(seconds=1)
LOOK = "document.dispatchEvent(new Event('visibilitychange'))"


def bring_forward(here, booked, seconds):
    """Lets the start come nearer; the test has no 15 minutes."""
    start = times.epoch(times.now()) + seconds
    execute(here.db, "UPDATE interview SET started_at = ? WHERE id = ?", (start, booked.id))


def test_from_the_early_link_over_lost_connections_and_a_second_device_to_the_closed_interview(
    here, book, device, page
):
    booked = book(15 * MINUTE + 3 * SECOND, asked=ASKED)
    page.goto(booked.link)
    assert heading(page) == "Your interview is booked"
    reach(page, "waiting")
    bring_forward(here, booked, 2)
    page.evaluate(LOOK)
    stand(page, "question")
    write(page, "I am Asha.")
    wait_saved(page)
    page.context.set_offline(True)
    page.wait_for_selector("[data-notice]:not([hidden])")
    write(page, " A nurse.")
    page.wait_for_selector("[data-saved=kept]")
    page.context.set_offline(False)
    wait_saved(page)
    page.reload()
    stand(page, "question")
    assert page.locator("[data-answer]").input_value() == "I am Asha. A nurse."

    phone = device(booked.link)
    stand(phone, "elsewhere")
    phone.click("[data-continue]")
    stand(phone, "question")
    phone.click("[data-next]")
    write(phone, "I like to help.")
    wait_saved(phone)
    page.evaluate(LOOK)
    stand(page, "elsewhere")
    phone.click("[data-list] [data-review]")
    phone.click("[data-finish]")
    phone.click("[data-sure]")
    reach(phone, "done")
    page.evaluate(LOOK)
    reach(page, "done")
    assert answers(here, booked) == {1: "I am Asha. A nurse.", 2: "I like to help."}
    assert "2 of 3 questions are answered" in phone.locator("main").inner_text()
    page.goto(booked.link)
    assert heading(page) == "Your interview is finished"


def test_a_scanner_first_and_the_person_afterwards_has_the_whole_interview(here, book, browser, page):
    booked = book(-MINUTE, asked=ASKED)
    scanner = browser.new_context().new_page()
    scanner.goto(booked.link)
    stand(scanner, "question")
    scanner.context.close()
    assert here.session(booked, "engaged_at") is None
    enter(page, booked)
    write(page, "It is me.")
    wait_saved(page)
    assert answers(here, booked) == {1: "It is me."}
    assert here.session(booked, "engaged_at") is not None


def test_a_moved_interview_is_shown_with_its_new_time_on_the_open_page(here, book, page):
    booked = book(HOUR)
    page.goto(booked.link)
    later = times.now().replace(microsecond=0) + 2 * DAY
    booking.move(here.db, booked.id, starts_at=later, ends_at=later + HOUR, settings=here.settings, ring=here.ring,
                 now=times.now())  # fmt: skip
    page.evaluate(LOOK)
    page.wait_for_selector(f"time[data-start][datetime='{times.iso(later)}']")
    assert page.locator("time[data-start]").inner_text() == times.time_words(later, "Asia/Kolkata")


def test_who_comes_too_late_is_told_until_when_and_whom_to_ask(book, page):
    page.goto(book(-20 * MINUTE).link)
    assert heading(page) == "The time to begin has passed"
    assert "reply to the mail with your link" in page.locator("main").inner_text()
    assert page.locator("button").count() == 0


def test_the_entry_closes_on_a_page_that_is_not_looked_at(here, book, page):
    hidden = "Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' });"
    page.add_init_script(hidden)
    booked = book(-15 * MINUTE + 2 * SECOND)
    page.goto(booked.link)
    reach(page, "open")
    reach(page, "late")
    assert here.session(booked, "begun_at") is None
