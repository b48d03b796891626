"""The page after the end, in a real Chromium: what still has to arrive is sent and said, and the count is true."""

import page_office
import recording_device
from page_office import MINUTE, answers, enter, lose_saves, reach, stored, takes, write
from recording_device import SPOKEN, file_of, lose_recordings, record_unsent, recorded
from waiting import wait_until

from store import times
from store.database import execute

here, book, begun, browser, device = (
    page_office.here, page_office.book, page_office.begun, recording_device.browser, page_office.device,
)  # fmt: skip
page = recording_device.page


def finish(here, booked, ago=0):
    """The interview was finished so many seconds ago."""
    finished = (times.epoch(times.now()) - ago, booked.session)
    execute(here.db, "UPDATE interview_session SET finished_at = ? WHERE id = ?", finished)


def end(here, booked, page, ago=0):
    """The same, and its page hears of it."""
    finish(here, booked, ago)
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    reach(page, "done")


def said(page):
    return page.locator("main section").first.inner_text()


def test_a_recording_of_which_nothing_had_arrived_arrives_after_the_end(here, begun, page):
    booked = begun(SPOKEN)
    enter(page, booked)
    let_through = record_unsent(page)
    kept = recorded(page, booked)
    end(here, booked, page)
    page.wait_for_selector("[data-loading]:has-text('cannot be reached')")
    assert "Please keep this page open" in said(page)
    assert ("No answer arrived" in said(page), "close this page" in said(page)) == (False, False)
    let_through()
    page.wait_for_selector("[data-counts]:has-text('1 of 2 questions are answered')")
    assert ("keep this page open" in said(page), "You can close this page now." in said(page)) == (False, True)
    assert file_of(here, booked, takes(here, booked)[0]) == kept
    wait_until(lambda: page.evaluate("() => indexedDB.databases()") == [])


def test_how_far_a_recording_is_sent_is_said(here, begun, page):
    booked = begun(SPOKEN)
    enter(page, booked)
    # No piece is answered; where the server is with the take, is.
    page.route(recording_device.RECORDINGS, lambda route: route.request.method == "GET" and route.continue_())
    recording_device.record(page)
    end(here, booked, page)
    page.wait_for_selector("[data-loading]:has-text('A recording is still being sent: 0 kB of')")


def test_a_recording_that_comes_too_late_stays_in_the_browser_and_is_said(here, begun, page):
    booked = begun(SPOKEN)
    enter(page, booked)
    let_through = record_unsent(page)
    kept = recorded(page, booked)
    # Before anything is let through, for a piece may be on its way at any moment.
    finish(here, booked, ago=601)
    let_through()
    end(here, booked, page, ago=601)
    page.wait_for_selector("[data-kept]:has-text('reply to the mail')")
    assert "No answer arrived" in said(page)
    assert (recorded(page, booked), takes(here, booked)) == (kept, [])


def test_a_new_recording_that_was_cut_off_by_the_end_is_not_sent(here, begun, page):
    booked = begun(SPOKEN)
    enter(page, booked)
    recording_device.record(page, 2)
    recording_device.wait_sent(page)
    lose_recordings(page)
    recording_device.begin_recording(page)
    page.wait_for_timeout(300)
    page.goto(here.base)
    finish(here, booked)
    page.unroute(recording_device.RECORDINGS)
    page.goto(booked.link)
    page.wait_for_selector("[data-kept]:has-text('The one before stays your answer (')")
    assert [take.state for take in takes(here, booked)] == ["complete"]


def test_the_browser_asks_before_a_recording_is_left_that_was_not_sent(here, begun, page):
    booked = begun(SPOKEN)
    enter(page, booked)
    record_unsent(page)
    end(here, booked, page)
    page.wait_for_selector("[data-loading]:has-text('cannot be reached')")
    assert recording_device.asked_before_leaving(page)


def test_a_new_recording_that_the_end_cut_off_leaves_the_longer_one_before(here, begun, page):
    booked = begun(SPOKEN)
    enter(page, booked)
    recording_device.record(page, 3)
    recording_device.wait_sent(page)
    recording_device.begin_recording(page)
    page.wait_for_timeout(1000)
    end(here, booked, page)
    page.wait_for_selector("[data-kept]:has-text('The one before stays your answer (')")
    assert [take.state for take in takes(here, booked)] == ["complete"]


def test_a_longer_recording_that_the_deadline_cut_off_is_the_answer(here, begun, page):
    booked = begun(SPOKEN, ends_in=MINUTE / 5)
    enter(page, booked)
    recording_device.record(page)
    recording_device.wait_sent(page)
    recording_device.begin_recording(page)
    page.wait_for_selector("main[data-state=done]", timeout=15_000)
    page.wait_for_selector("[data-kept]:has-text('Question 1: The new recording was cut off, but is longer')")
    assert [take.state for take in takes(here, booked)] == ["discarded", "complete"]


def test_a_text_that_arrives_after_the_end_is_counted(here, begun, page):
    booked = begun()
    enter(page, booked)
    let_through = lose_saves(page)
    write(page, "In time")
    end(here, booked, page)
    page.wait_for_selector("[data-loading]:has-text('cannot be reached')")
    assert "No answer arrived" not in said(page)
    let_through()
    page.wait_for_selector("[data-counts]:has-text('1 of 3 questions are answered')")
    assert (answers(here, booked), stored(page)) == ({1: "In time"}, [])


def test_a_page_with_nothing_to_send_says_at_once_what_was_answered(here, begun, device):
    booked = begun()
    finish(here, booked)
    page = device(booked.link)
    page.wait_for_selector("[data-counts]:has-text('No answer arrived')")
    assert page.locator("[data-loading]").is_hidden()
    assert page.evaluate("() => indexedDB.databases()") == []
