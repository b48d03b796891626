"""Two interviews in one browser, in a real Chromium: what is written in one never reaches the other."""

import page_office
from page_office import answers, enter, save, stored, wait_saved, write

here, book, begun, browser, device, page = (
    page_office.here, page_office.book, page_office.begun, page_office.browser, page_office.device, page_office.page,
)  # fmt: skip


def open_beside(page, booked):
    """Opens the link of another interview in a second tab of the same browser, and closes it again."""
    tab = page.context.new_page()
    enter(tab, booked)
    tab.close()


def test_an_answer_is_not_saved_into_another_interview_that_this_browser_opened(here, begun, page):
    booked, other = begun(), begun()
    enter(page, booked)
    save(page, "For the first.")
    open_beside(page, other)
    write(page, " More.")
    page.locator("[data-answer]").blur()
    page.wait_for_selector("[data-notice]:has-text('Another interview was opened in this browser')")
    assert answers(here, booked) == {1: "For the first."}
    assert answers(here, other) == {}
    assert page.locator("[data-answer]").input_value() == "For the first. More."


def test_the_first_interview_goes_on_with_all_that_was_written_once_its_link_is_opened_again(here, begun, page):
    booked, other = begun(), begun()
    enter(page, booked)
    open_beside(page, other)
    write(page, "Not lost.")
    page.locator("[data-answer]").blur()
    page.wait_for_selector("[data-saved=kept]")
    enter(page, booked)
    wait_saved(page)
    assert answers(here, booked) == {1: "Not lost."}
    assert answers(here, other) == {}
    assert stored(page) == []


def test_a_waiting_page_does_not_turn_into_the_other_interview(book, page):
    first, other = book(5 * page_office.MINUTE), book(10 * page_office.MINUTE)
    page.goto(first.link)
    tab = page.context.new_page()
    tab.goto(other.link)
    tab.close()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("[data-notice]:has-text('Another interview was opened in this browser')")
    assert page.locator("[data-reference]").inner_text() == f"IV-{first.id}"
