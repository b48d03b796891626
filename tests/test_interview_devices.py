"""One interview on several pages in a real Chromium: a crash, a second tab, another device; no text is mixed or lost."""

import contextlib

import page_office
import pytest
from page_office import answers, copies, enter, heading, lose_saves, save, silence, stand, wait_saved, write
from waiting import wait_until

from store import times

here, book, begun, browser, device, page = (
    page_office.here, page_office.book, page_office.begun, page_office.browser, page_office.device, page_office.page,
)  # fmt: skip


@pytest.fixture
def two(here, begun, device, page):
    """An interview that goes on on a second device, while the first holds a text that was not saved."""
    booked = begun()
    enter(page, booked)
    save(page, "first")
    let_through = lose_saves(page)
    write(page, " and more")
    second = device(booked.link)
    stand(second, "elsewhere")
    second.click("[data-continue]")
    stand(second, "question")
    save(second, ", then second")
    let_through()
    return booked, page, second


def test_a_crash_loses_no_key_and_the_interview_goes_on_by_asking(here, begun, page):
    booked = begun()
    enter(page, booked)
    lose_saves(page)
    write(page, "Just before the crash")
    wait_until(lambda: here.session(booked, "engaged_at"))
    crash(page)
    again = page.context.new_page()
    again.goto(booked.link)
    stand(again, "elsewhere")
    again.click("[data-continue]")
    stand(again, "question")
    wait_saved(again)
    assert again.locator("[data-answer]").input_value() == "Just before the crash"
    assert answers(here, booked) == {1: "Just before the crash"}


def crash(page):
    """Ends the page's process; it can say nothing any more."""
    with page.expect_event("crash"), contextlib.suppress(Exception):
        page.goto("chrome://crash", timeout=2000)


def test_a_page_that_was_silent_for_long_is_replaced_without_a_question(here, begun, device, page):
    booked = begun()
    enter(page, booked)
    save(page, "On the first")
    page.context.set_offline(True)
    silence(here, booked, 31)
    second = device()
    enter(second, booked)
    assert second.locator("[data-answer]").input_value() == "On the first"


def test_a_closed_page_saves_and_gives_the_interview_back_at_once(here, begun, device, page):
    booked = begun()
    enter(page, booked)
    write(page, "Closed while typing")
    page.goto("about:blank")
    wait_until(lambda: here.session(booked, "held_at") < times.epoch(times.now()) - 30)
    wait_until(lambda: answers(here, booked) == {1: "Closed while typing"})
    enter(device(), booked)


def test_a_second_device_asks_and_the_first_is_told(here, two):
    booked, first, second = two
    stand(first, "elsewhere")
    assert heading(first) == "Your interview is open elsewhere"
    assert first.locator("[data-elsewhere]").inner_text() == "Your interview continues on another page or device."
    assert answers(here, booked) == {1: "first, then second"}
    assert second.locator("[data-answer]").input_value() == "first, then second"


@pytest.mark.parametrize(("choice", "left"), [
    ("mine", "first and more"), ("theirs", "first, then second"), ("both", "first, then second\n\nfirst and more"),
])  # fmt: skip
def test_two_texts_of_one_answer_are_shown_side_by_side_and_none_is_lost(here, two, choice, left):
    booked, first, _ = two
    stand(first, "elsewhere")
    first.click("[data-continue]")
    first.wait_for_selector("[data-conflict]:not([hidden])")
    assert first.locator("[data-mine]").inner_text() == "first and more"
    assert first.locator("[data-theirs]").inner_text() == "first, then second"
    first.click(f"[data-keep={choice}]")
    wait_saved(first)
    assert answers(here, booked) == {1: left}
    assert {"first and more", "first, then second"} <= {left, *(text for text, _ in copies(here, booked))} | set(
        left.split("\n\n")
    )


def test_a_duplicated_tab_is_another_page(here, begun, page):
    booked = begun()
    enter(page, booked)
    page.locator("[data-answer]").click()
    wait_until(lambda: here.session(booked, "engaged_at"))
    page.reload()
    stand(page, "question")
    with page.expect_popup() as opened:
        page.evaluate("() => { window.open(location.href); }")
    stand(opened.value, "elsewhere")
    assert heading(opened.value) == "Your interview is open elsewhere"


@pytest.fixture
def scanned(begun, device, page):
    """A page that nobody has touched yet, and a mail scanner's, which took the interview from it."""
    booked = begun()
    page.clock.install()
    enter(page, booked)
    scanner = device()
    scanner.clock.install()
    enter(scanner, booked)
    look(page)
    stand(page, "elsewhere")
    return page, scanner


def look(page):
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")


def test_an_untouched_page_takes_the_interview_back_from_one_that_nobody_touched_either(scanned):
    page, _ = scanned
    page.clock.fast_forward(30_000)
    stand(page, "question")


def test_an_untouched_page_takes_nothing_back_from_a_person(scanned):
    page, scanner = scanned
    page.click("[data-continue]")
    stand(page, "question")
    look(scanner)
    stand(scanner, "elsewhere")
    with scanner.expect_response("**/heartbeat"):
        scanner.clock.fast_forward(31_000)
    stand(scanner, "elsewhere")
    scanner.clock.fast_forward(31_000)
    look(scanner)
    assert heading(scanner) == "Your interview is open elsewhere"
    look(page)
    stand(page, "question")


@pytest.mark.parametrize("width", [320, 1920])
def test_no_part_of_the_interview_is_wider_than_the_screen(two, width):
    _, page, second = two
    for one in (page, second):
        one.set_viewport_size({"width": width, "height": 600})
    stand(page, "elsewhere")
    assert fits(page)
    page.click("[data-continue]")
    page.wait_for_selector("[data-conflict]:not([hidden])")
    assert fits(page)
    page.click("[data-keep=both]")
    assert fits(page)
    page.click("[data-list] [data-review]")
    assert fits(page)


def fits(page):
    small = page.evaluate("""() => [...document.querySelectorAll("button")].filter((button) => button.offsetParent &&
        (button.offsetHeight < 44 || button.offsetWidth < 44)).length""")
    wide = "of => of.scrollWidth > of.clientWidth"
    return small == 0 and not page.locator(".page").evaluate(wide) and not page.locator("html").evaluate(wide)
