"""How the interview ends, in a real Chromium: never without what can still be saved, and it is said how it stands."""

from datetime import timedelta

import page_office
import pytest
import recording_device
from page_office import MINUTE, answers, enter, lose_saves, paste, reach, save, write
from recording_device import RECORDINGS, SPOKEN, record_unsent

here, book, begun, browser, device = (
    page_office.here, page_office.book, page_office.begun, recording_device.browser, page_office.device,
)  # fmt: skip
page = recording_device.page
NOT_SENT = "Question 1: This recording could not be saved. Please record again, or answer in writing."


def press_finish(page):
    page.click("[data-list] [data-review]")
    page.click("[data-finish]")
    page.click("[data-sure]")


def refuse(route):
    if route.request.method == "GET":
        return route.continue_()
    return route.fulfill(status=415, content_type="application/json", body='{"error": "recording_type"}')


@pytest.fixture
def refused(begun, page):
    """An interview that was to be finished when the recording still under way was refused."""
    booked = begun(SPOKEN)
    enter(page, booked)
    record_unsent(page)
    press_finish(page)
    page.wait_for_selector("[data-unsaved]:has-text('still being saved')")
    page.route(RECORDINGS, refuse)
    return booked


def test_a_recording_that_is_refused_meanwhile_is_shown_instead_of_the_end(here, refused, page):
    page.wait_for_selector("h1:has-text('Question 1 of 2')")
    assert page.locator("[data-remark]").inner_text() == NOT_SENT
    assert here.session(refused, "finished_at") is None
    assert page.locator("[data-list] .not_saved").count() == 1


def test_whoever_was_told_of_a_refused_recording_may_finish_without_it(here, refused, page):
    page.wait_for_selector("h1:has-text('Question 1 of 2')")
    page.click("[data-list] [data-review]")
    page.click("[data-finish]")
    assert page.locator("[data-missing]").inner_text() == "Questions without an answer: 2 of 2."
    page.click("[data-sure]")
    reach(page, "done")


def test_a_finish_that_is_not_answered_says_so_and_goes_on_by_itself(begun, page):
    enter(page, begun())
    page.route("**/finish", lambda route: route.abort())
    press_finish(page)
    page.wait_for_selector("[data-unsaved]:has-text('There is no connection to the portal.')")
    page.unroute("**/finish")
    reach(page, "done")


def test_a_finish_that_is_under_way_says_so(begun, page):
    enter(page, begun())
    page.route("**/finish", lambda route: None)
    press_finish(page)
    page.wait_for_selector("[data-unsaved]:has-text('The interview is being finished...')")


def test_the_warning_before_the_end_promises_only_what_is_so(begun, page):
    enter(page, begun(ends_in=4 * MINUTE))
    last = "Less than 5 minutes left."
    page.wait_for_selector(f"[data-warning]:text-is('{last} Everything is saved and handed in by itself at the end.')")
    paste(page, "b" * 20_001)
    page.wait_for_selector(f"[data-warning]:text-is('{last} Question 1 is not saved yet. Please see to it now.')")
    page.locator("[data-answer]").fill("short")
    page.context.set_offline(True)
    page.wait_for_selector(f"[data-warning]:has-text('{last} What you answered is kept on this device.')")


def test_an_end_without_a_connection_says_what_becomes_of_what_was_written(begun, page):
    page.clock.install()
    enter(page, begun(ends_in=timedelta(seconds=3)))
    page.context.set_offline(True)
    write(page, "On a train")
    page.wait_for_selector("[data-ending]:has-text('What is not saved yet is kept in this browser')")
    page.clock.fast_forward(31_000)
    page.wait_for_selector("[data-ending]:has-text('What you wrote comes late then: the team sees it apart')")
    said = page.locator("body").inner_text()
    assert ("lose nothing" in said, "for a moment" in said) == (False, False)


def test_an_end_without_a_connection_says_so_when_all_is_saved(begun, page):
    enter(page, begun(ends_in=timedelta(seconds=4)))
    save(page, "In time")
    page.context.set_offline(True)
    page.wait_for_selector("[data-ending]:has-text('all that you answered is saved')")


def test_the_review_and_the_bar_name_what_is_not_saved(here, begun, page):
    booked = begun()
    enter(page, booked)
    lose_saves(page)
    write(page, "Kept here")
    page.click("[data-list] [data-review]")
    page.wait_for_selector("[data-review] .mark.unsaved:text-is('not saved yet')")
    assert page.locator("[data-saved]").inner_text() == "Question 1: Kept on this device until the connection is back"
    assert page.get_by_role("button", name="Change: Question 1 of 3").is_visible()
    page.click("[data-finish]")
    assert page.locator("[data-missing]").inner_text() == "Questions without an answer: 2 of 3."
    assert answers(here, booked) == {}
