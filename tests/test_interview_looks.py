"""How the interview's page looks in a real Chromium: nothing moves under the hand, every text reads from its start."""

from datetime import timedelta

import page_office
import pytest
from page_office import ASKED, MINUTE, enter, reach, save, stand, write

from portal_words import languages
from store import answers, times
from store.database import execute
from store.questions import Question

here, book, begun, browser, device, page = (
    page_office.here, page_office.book, page_office.begun, page_office.browser, page_office.device, page_office.page,
)  # fmt: skip
LONG = Question("Describe a piece of work that you are proud of. " * 40)
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
SAFETY = ("saving", "saved", "kept", "not_kept", "too_long", "unsaved_conflict", "apart", "late", "over_long")
OF_ALL = 6
"""So many of them are also said with the number of a question, where all are shown."""
AGAIN = "That did not reach us. Press the button again when the connection is back."


def top(page, place):
    return page.evaluate("place => document.querySelector(place).getBoundingClientRect().top", place)


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("locale", ["en", "hi"])
def test_nothing_that_is_said_moves_the_field(begun, device, width, locale):
    page = device(viewport={"width": width, "height": 640}, locale=locale)
    enter(page, begun(ends_in=5 * MINUTE + timedelta(seconds=2)))
    write(page, "x")
    before = top(page, "[data-answer]")
    page.wait_for_selector("[data-warning]:not([hidden])")
    page.context.set_offline(True)
    write(page, "y")
    page.wait_for_selector("[data-saved=kept]")
    page.wait_for_selector("[data-notice]:not([hidden])")
    assert top(page, "[data-answer]") == before


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("locale", ["en", "hi"])
def test_the_bar_has_one_height_whatever_it_says(begun, device, width, locale):
    page = device(viewport={"width": width, "height": 640}, locale=locale)
    enter(page, begun())
    script = languages()[locale].texts
    said = [script[f"script.{name}"].format(n=12345, time="12:50 PM UTC+05:30") for name in SAFETY]
    said += [script["script.position_state"].format(n=12, state=text) for text in said[:OF_ALL]]
    heights = page.evaluate(
        """(said) => said.map((text) => { document.querySelector("[data-saved]").textContent = text;
        return document.querySelector("[data-bar]").offsetHeight; })""",
        ["", *said],
    )
    assert len(set(heights)) == 1


@pytest.mark.parametrize("height", [480, 800])
def test_a_long_question_is_read_from_its_start(begun, device, height):
    page = device(viewport={"width": 360, "height": height})
    enter(page, begun((Question("Who are you?"), LONG)))
    page.click("[data-next]")
    bar = page.evaluate("() => document.querySelector('[data-bar]').getBoundingClientRect().bottom")
    assert bar <= top(page, "h1") < bar + 60
    assert page.evaluate("() => document.activeElement.id") == "heading"


def test_a_page_that_is_opened_stays_at_its_top(begun, page):
    enter(page, begun())
    assert page.evaluate("() => scrollY + document.querySelector('.page').scrollTop") == 0


def test_a_long_question_takes_a_few_lines_of_the_review(begun, page):
    enter(page, begun((LONG, LONG)))
    page.locator("[data-answer]").fill("line\n" * 60)
    page.click("[data-list] [data-review]")
    heights = page.evaluate("""() => [...document.querySelectorAll(".review h2, .review .text")].map((part) =>
        part.offsetHeight / parseFloat(getComputedStyle(part).lineHeight))""")
    assert [round(lines) for lines in heights] == [3, 6, 3]


def test_the_review_cuts_no_sign_in_two_and_every_text_runs_its_own_way(begun, page):
    enter(page, begun())
    page.locator("[data-answer]").fill("x" * 159 + FAMILY + " and more")
    page.click("[data-list] [data-review]")
    assert page.locator(".review .text").inner_text() == "x" * 159 + FAMILY + "..."
    page.click("[data-review] [data-go='1']")
    page.locator("[data-answer]").fill("\u0645\u0631\u062d\u0628\u0627")
    page.click("[data-list] [data-review]")
    places = ".review .text, [data-answer], [data-mine], [data-theirs]"
    directions = page.evaluate("of => [...document.querySelectorAll(of)].map((part) => part.dir)", places)
    assert directions == ["auto"] * 4
    assert page.evaluate("() => getComputedStyle(document.querySelector('.review .text')).direction") == "rtl"


def test_times_are_those_of_the_booked_zone_on_any_device(here, begun, device):
    page = device(timezone_id="America/New_York", locale="en-US")
    enter(page, begun())
    save(page, "Me")
    assert page.locator("[data-saved]").inner_text() in {
        f"Saved {times.time_words(times.now() - ago, 'Asia/Kolkata')}" for ago in (0 * MINUTE, MINUTE)
    }


def test_a_button_that_needs_the_server_asks_to_be_pressed_again_until_the_connection_is_back(begun, page):
    enter(page, begun((Question("Quickly?", "text", 60), Question("Why?"))))
    page.context.set_offline(True)
    page.click("[data-open]")
    page.wait_for_selector(f"[data-remark]:text-is('{AGAIN}')")
    assert page.locator("[data-spoken]").inner_text() == AGAIN
    page.context.set_offline(False)
    page.wait_for_selector("[data-remark]", state="hidden")
    page.click("[data-open]")
    page.wait_for_selector("[data-answer]:visible")


def test_a_server_that_answers_again_clears_what_was_said(begun, device, page):
    booked = begun()
    enter(page, booked)
    page.click("[data-next]")
    other = device(booked.link)
    stand(other, "elsewhere")
    other.route("**/api/interview/*", lambda route: route.fulfill(status=503))
    other.click("[data-continue]")
    other.wait_for_selector(f"[data-remark]:text-is('{AGAIN}')")
    other.unroute("**/api/interview/*")
    other.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    other.wait_for_selector("[data-remark]", state="hidden")


def test_the_end_that_is_near_is_said_until_something_is_pressed_and_stays_marked(begun, page):
    enter(page, begun(ends_in=4 * MINUTE))
    page.wait_for_selector("[data-warning]:not([hidden])")
    page.click("[data-next]")
    assert page.locator("[data-warning]").is_hidden()
    assert page.locator("[data-bar].last").is_visible()


def test_the_end_that_has_come_is_not_said_to_be_near(begun, page):
    enter(page, begun(ends_in=timedelta(seconds=3)))
    page.wait_for_selector("[data-warning]:not([hidden])")
    page.route("**/finish", lambda route: route.abort())
    stand(page, "ending")
    page.wait_for_selector("[data-warning]", state="hidden")


def test_nothing_that_was_said_outlives_the_interview(here, begun, page):
    booked = begun(ends_in=4 * MINUTE)
    enter(page, booked)
    page.wait_for_selector("[data-warning]:not([hidden])")
    finished = (times.epoch(times.now()), booked.session)
    execute(here.db, "UPDATE interview_session SET finished_at = ? WHERE id = ?", finished)
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    reach(page, "done")
    assert page.locator(".messages").inner_text() == ""


@pytest.mark.parametrize(("asked", "words"), [
    (ASKED, "You can go back and change your answers until the end."),
    ((*ASKED, Question("Quickly?", "text", 60)), "Their answers can be changed until it is over"),
])  # fmt: skip
def test_the_waiting_room_says_how_long_answers_can_be_changed(book, page, asked, words):
    page.goto(book(5 * MINUTE, asked=asked).link)
    reach(page, "waiting")
    assert words in page.locator("main li").first.inner_text()
    assert "you need not send anything" in page.locator("main").inner_text()


def test_the_field_takes_as_much_as_the_server(begun, page):
    enter(page, begun())
    stand(page, "question")
    assert page.locator("[data-answer]").evaluate("field => field.maxLength") == answers.TEXT_LENGTH


@pytest.mark.parametrize(
    ("asked", "side"), [("Who are you?", "left"), ("\u0645\u0646 \u0623\u0646\u062a\u061f", "right")]
)
def test_a_question_begins_at_the_side_where_its_script_begins(begun, page, asked, side):
    enter(page, begun((Question(asked), Question("Why?"))))
    ends = page.evaluate("""(side) => { const range = document.createRange();
        range.selectNodeContents(document.querySelector("h1 .asked"));
        return [range, document.querySelector("h1")].map((of) => of.getBoundingClientRect()[side]); }""", side)  # fmt: skip
    assert abs(ends[0] - ends[1]) < 2


@pytest.mark.parametrize("width", [320, 360, 1280])
@pytest.mark.parametrize("locale", ["en", "hi"])
def test_no_button_lies_under_what_is_said(begun, device, width, locale):
    page = device(viewport={"width": width, "height": 568}, locale=locale)
    enter(page, begun(ends_in=4 * MINUTE))
    page.context.set_offline(True)
    page.wait_for_selector("[data-notice]:not([hidden])")
    say_all(page)
    assert page.evaluate("""() => { const foot = document.querySelector(".messages").getBoundingClientRect().top;
        return document.querySelector(".page").getBoundingClientRect().bottom <= foot; }""")  # fmt: skip
    hidden = page.evaluate("""() => [...document.querySelectorAll(".page button")].filter((one) => one.offsetParent)
        .filter((one) => { one.focus(); const { left, bottom } = one.getBoundingClientRect();
            return document.elementFromPoint(left + 20, bottom - 5) !== one; }).length""")  # fmt: skip
    assert hidden == 0


def say_all(page):
    """All that can be said at the foot of the screen at once."""
    page.evaluate("""() => { for (const name of ["warning", "remark", "notice"]) {
        const said = document.querySelector(`[data-${name}]`);
        said.hidden = false; said.textContent ||= "The time for question 2 is over. What you wrote is saved."; } }""")


def test_whoever_is_still_typing_when_the_time_is_over_does_not_scroll_the_page(begun, page):
    page.set_viewport_size({"width": 360, "height": 320})
    enter(page, begun((Question("Quickly?", "text", 2), LONG)))
    page.click("[data-open]")
    write(page, "I am")
    page.wait_for_selector("h1:has-text('Question 2 of 2')")
    place = page.evaluate("() => document.querySelector('.page').scrollTop")
    for _ in range(3):
        page.keyboard.press("Space")
    page.wait_for_timeout(400)
    assert page.evaluate("() => document.querySelector('.page').scrollTop") == place


def test_typing_goes_on_when_the_time_of_another_question_is_over(begun, page):
    enter(page, begun((Question("Quickly?", "text", 2), Question("Why?"))))
    page.click("[data-open]")
    page.click("[data-next]")
    write(page, "I ")
    page.wait_for_selector("[data-remark]:has-text('The time for question 1 is over.')")
    page.keyboard.type("am")
    assert page.locator("[data-answer]").input_value() == "I am"
