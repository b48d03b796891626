"""What reaches the server only after the end, in a real Chromium: it is handed in whole, and nobody is told otherwise."""

import page_office
import pytest
from page_office import answers, copies, enter, paste, reach, save, stored
from waiting import wait_until

from store import drafts, times
from store.answers import BLANK, TEXT_LENGTH
from store.database import execute
from store.questions import Question

here, book, begun, browser, device, page = (
    page_office.here, page_office.book, page_office.begun, page_office.browser, page_office.device, page_office.page,
)  # fmt: skip
SMILES = "\U0001f600" * (TEXT_LENGTH + 1)
PARTS = [("\U0001f600" * (TEXT_LENGTH // 2 + 1), "late"), ("\U0001f600" * (TEXT_LENGTH // 2), "late")]


def end(here, booked, page):
    """The interview's time was over half a minute ago, and its page hears of it."""
    ended = (times.epoch(times.now()) - 31, booked.id)
    execute(here.db, "UPDATE interview SET ended_at = ? WHERE id = ?", ended)
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    reach(page, "done")


def said(page):
    return page.locator("main section").first.inner_text()


@pytest.fixture
def too_long(begun, page):
    """An interview with a text that is too long by one sign."""
    booked = begun()
    enter(page, booked)
    paste(page, SMILES)
    page.wait_for_selector("[data-saved=too_long]")
    return booked


def test_a_text_that_is_too_long_is_handed_in_in_parts(here, too_long, page):
    end(here, too_long, page)
    page.wait_for_selector("[data-late]:not([hidden])")
    assert (answers(here, too_long), copies(here, too_long)) == ({}, PARTS)
    wait_until(lambda: stored(page) == [])


def test_parts_that_were_sent_before_are_not_kept_twice(here, too_long, page):
    seen = []
    page.route("**/answers/1", lambda route: (seen.append(1), route.abort() if len(seen) == 2 else route.continue_()))
    end(here, too_long, page)
    page.wait_for_selector("[data-loading]:has-text('cannot be reached')")
    assert len(copies(here, too_long)) == 1
    page.evaluate("() => dispatchEvent(new Event('online'))")
    page.wait_for_selector("[data-late]:not([hidden])")
    assert copies(here, too_long) == PARTS


def test_a_text_that_came_late_is_said_to_be_written_in_time(here, begun, page):
    booked = begun()
    enter(page, booked)
    page.route("**/answers/1", lambda route: route.abort())
    paste(page, "Written in the tunnel")
    page.wait_for_selector("[data-saved=kept]")
    page.unroute("**/answers/1")
    end(here, booked, page)
    page.wait_for_selector("[data-late]:text-is('What you wrote last was written in time, but reached us only after the end."
                           " The team sees it apart from your answers.')")  # fmt: skip
    page.wait_for_selector("main:has-text('No answer arrived before the end.')")
    assert copies(here, booked) == [("Written in the tunnel", "late")]


def test_a_text_that_is_too_long_when_its_questions_time_is_over_is_told_as_such_and_handed_in(here, begun, page):
    booked = begun((Question("Quickly?", "text", 2), Question("Why?")))
    enter(page, booked)
    page.click("[data-open]")
    save(page, "short")
    paste(page, SMILES)
    page.wait_for_selector("[data-remark]:has-text('too long to be your answer. At the end it goes to the team')")
    page.click("[data-back]")
    assert (
        page.locator("[data-saved]").inner_text()
        == f"Too long by {TEXT_LENGTH + 2} characters. The team gets it apart."
    )
    end(here, booked, page)
    page.wait_for_selector("[data-late]:not([hidden])")
    assert (answers(here, booked), copies(here, booked)) == ({1: "short"}, PARTS)


def test_the_page_and_the_record_take_the_same_texts_for_blank(page):
    blank = page.evaluate("() => [...Array(0x10000).keys()].filter((code) => !String.fromCharCode(code).trim())")
    stored_as = {drafts.ready(chr(code)) for code in blank if not 0xD800 <= code < 0xE000}
    assert stored_as - {""} == set(BLANK)


def test_an_answer_of_blanks_alone_is_counted_nowhere(here, begun, page):
    booked = begun()
    enter(page, booked)
    page.locator("[data-answer]").fill("\u00a0\u3000\ufeff")
    page.locator("[data-answer]").blur()
    page.wait_for_selector("[data-saved=saved]")
    assert page.locator("[data-list] .answered").count() == 0
    end(here, booked, page)
    page.wait_for_selector("[data-counts]:has-text('No answer arrived before the end.')")
