"""The running interview in a real Chromium: answers are saved and never lost, on whatever device, until the end."""

import re
from datetime import timedelta

import page_office
from page_office import (
    ASKED,
    MINUTE,
    answers,
    copies,
    enter,
    heading,
    lose_saves,
    reach,
    stand,
    stored,
    wait_saved,
    write,
)
from waiting import wait_until

from store import times
from store.database import execute, fetch
from store.questions import Question

here, book, begun, browser, device, page = (
    page_office.here, page_office.book, page_office.begun, page_office.browser, page_office.device, page_office.page,
)  # fmt: skip
SECOND = timedelta(seconds=1)
LIMITED = (Question("Who are you?"), Question("Quickly?", "text", 3), Question("What next?"))


def test_an_answer_is_saved_while_it_is_typed(here, begun, page):
    booked = begun()
    enter(page, booked)
    assert heading(page) == "Question 1 of 3 Who are you?"
    write(page, "I like people.")
    assert page.locator("[data-saved]").inner_text() == "Saving..."
    wait_saved(page)
    assert page.locator("[data-saved]").inner_text().startswith("Saved ")
    assert answers(here, booked) == {1: "I like people."}
    assert stored(page) == []


def test_going_to_another_question_saves_at_once_and_moves_the_focus_there(here, begun, page):
    booked = begun()
    enter(page, booked)
    write(page, "Me")
    with page.expect_response("**/answers/1"):
        page.click("[data-next]")
    assert (heading(page), answers(here, booked)) == ("Question 2 of 3 Why nursing?", {1: "Me"})
    assert page.evaluate("() => document.activeElement.id") == "heading"
    page.click("[data-list] [aria-label='Question 1: answered']")
    assert page.locator("[data-answer]").input_value() == "Me"


def test_an_answer_written_without_a_connection_is_kept_and_saved_when_it_is_back(here, begun, page):
    booked = begun()
    enter(page, booked)
    page.context.set_offline(True)
    page.wait_for_selector("[data-notice]:not([hidden])")
    write(page, "Written on a train")
    page.wait_for_selector("[data-saved=kept]")
    assert page.locator("[data-saved]").inner_text().startswith("Kept on this device")
    assert page.locator("[data-spoken]").inner_text().startswith("Kept on this device")
    page.context.set_offline(False)
    wait_saved(page)
    assert page.locator("[data-spoken]").inner_text() == "The connection is back. Your answer is saved."
    assert answers(here, booked) == {1: "Written on a train"}
    page.wait_for_selector("[data-notice]", state="hidden")


def test_a_reload_shows_what_was_not_saved_and_saves_it(here, begun, page):
    booked = begun()
    enter(page, booked)
    page.click("[data-next]")
    let_through = lose_saves(page)
    write(page, "Not saved yet")
    assert stored(page) == [f"answer IV-{booked.id} 2"]
    page.reload()
    stand(page, "question")
    assert heading(page) == "Question 2 of 3 Why nursing?"
    assert page.locator("[data-answer]").input_value() == "Not saved yet"
    let_through()
    wait_saved(page)
    assert answers(here, booked) == {2: "Not saved yet"}


def test_a_browser_that_keeps_nothing_still_saves_answers(here, begun, page):
    page.add_init_script(
        "for (const name of ['setItem', 'getItem', 'removeItem']) Storage.prototype[name] = () => { throw new Error() };"
    )
    booked = begun()
    enter(page, booked)
    page.context.set_offline(True)
    write(page, "In private")
    page.wait_for_selector("[data-saved=not_kept]")
    page.context.set_offline(False)
    wait_saved(page)
    assert answers(here, booked) == {1: "In private"}


def test_a_limited_question_is_announced_and_runs_only_once_it_is_opened(here, begun, page):
    booked = begun(LIMITED)
    enter(page, booked)
    page.click("[data-next]")
    assert heading(page) == "Question 2 of 3"
    assert page.locator("[data-limit]").inner_text() == "You have 3 seconds for this question once you open it."
    assert page.locator("[data-answer]").is_hidden()
    assert opened_at(here, booked, 2) is None
    page.click("[data-open]")
    page.wait_for_selector("[data-answer]:visible")
    assert heading(page) == "Question 2 of 3 Quickly?"
    assert page.locator("[data-own]").inner_text().startswith("Time left for this question: 00:0")
    assert opened_at(here, booked, 2) is not None


def opened_at(here, booked, number):
    sql = "SELECT opened_at FROM session_question WHERE session_id = ? AND number = ?"
    return fetch(here.db, sql, (booked.session, number))[0][0]


def test_when_a_questions_time_is_over_its_text_is_saved_and_the_next_one_is_shown(here, begun, page):
    booked = begun(LIMITED)
    enter(page, booked)
    page.click("[data-next]")
    page.click("[data-open]")
    write(page, "As fast as I can")
    page.wait_for_selector("h1:has-text('Question 3 of 3')")
    page.wait_for_selector("[data-remark]:text-is('The time for question 2 is over. What you wrote is saved.')")
    page.click("[data-back]")
    assert page.locator("[data-answer]").get_attribute("readonly") is not None
    assert page.locator("[data-answer]").input_value() == "As fast as I can"
    assert answers(here, booked) == {2: "As fast as I can"}


def test_on_the_last_question_no_two_buttons_have_the_same_words(begun, page):
    enter(page, begun())
    page.click("[data-list] [data-go='3']")
    page.wait_for_selector("h1:has-text('Question 3 of 3')")
    words = page.locator("button:visible").all_inner_texts()
    assert "Check answers" in words
    assert len(set(words)) == len(words)


def test_every_answer_can_be_read_and_changed_before_the_end(here, begun, page):
    booked = begun()
    enter(page, booked)
    write(page, "Me")
    page.click("[data-list] [data-review]")
    assert heading(page) == "Check your answers"
    page.wait_for_selector("[data-review] .mark.answered")
    assert page.locator(".mark").all_inner_texts() == ["answered", "not answered", "not answered"]
    page.get_by_role("button", name="Answer: Question 2 of 3").click()
    write(page, "Care")
    wait_saved(page)
    assert answers(here, booked) == {1: "Me", 2: "Care"}


def test_the_finish_is_asked_for_once_more_and_ends_the_interview(here, begun, page):
    booked = begun()
    enter(page, booked)
    write(page, "All I have to say")
    page.click("[data-list] [data-review]")
    page.click("[data-finish]")
    assert page.locator("[data-missing]").inner_text() == "Questions without an answer: 2 of 3."
    page.click("[data-cancel]")
    assert here.session(booked, "finished_at") is None
    page.click("[data-finish]")
    page.click("[data-sure]")
    reach(page, "done")
    assert page.locator(".kept").inner_text() == "Your answers are saved: 1 of 3 questions are answered."
    assert (answers(here, booked), stored(page)) == ({1: "All I have to say"}, [])
    assert here.session(booked, "finished_at") is not None


def test_a_finish_without_a_connection_waits_for_the_answers(here, begun, page):
    booked = begun()
    enter(page, booked)
    page.context.set_offline(True)
    page.wait_for_selector("[data-notice]:not([hidden])")
    write(page, "The last words")
    page.click("[data-list] [data-review]")
    page.click("[data-finish]")
    page.click("[data-sure]")
    page.wait_for_selector("[data-unsaved]:has-text('There is no connection')")
    page.context.set_offline(False)
    reach(page, "done")
    assert answers(here, booked) == {1: "The last words"}


def test_at_the_deadline_what_is_being_typed_is_saved_and_handed_in(here, begun, page):
    booked = begun(ends_in=4 * SECOND)
    enter(page, booked)
    assert page.locator("[data-warning]").inner_text().startswith("Less than 1 minute left.")
    page.route("**/finish", lambda route: route.abort(), times=1)
    write(page, "Still typing when ")
    stand(page, "ending")
    assert heading(page) == "Time is up"
    reach(page, "done")
    assert "the interview ended by itself" in page.locator("main").inner_text()
    assert answers(here, booked) == {1: "Still typing when "}
    end = times.epoch(booked.start + 45 * MINUTE)
    assert end <= here.session(booked, "finished_at") < end + 10


def test_what_could_not_be_sent_before_the_end_is_kept_apart_and_said(here, begun, page):
    booked = begun()
    enter(page, booked)
    page.context.set_offline(True)
    write(page, "Too late")
    ended = (times.epoch(times.now()) - 31, booked.id)
    execute(here.db, "UPDATE interview SET ended_at = ? WHERE id = ?", ended)
    page.context.set_offline(False)
    reach(page, "done")
    page.wait_for_selector("[data-late]:not([hidden])")
    assert (answers(here, booked), copies(here, booked)) == ({}, [("Too late", "late")])
    assert stored(page) == []


def test_five_minutes_before_the_end_it_is_said_without_getting_in_the_way(begun, page):
    enter(page, begun(ends_in=4 * MINUTE))
    page.wait_for_selector("[data-warning]:not([hidden])")
    assert page.locator("[data-warning]").inner_text().startswith("Less than 5 minutes left.")
    assert re.fullmatch(r"Time left: (4 minutes|3 minutes \d+ seconds?)", page.locator("[data-spoken]").inner_text())
    assert page.locator("dialog[open], [role=alert]:visible").count() == 0
    assert page.locator("[data-answer]").is_editable()


def test_the_interview_can_be_done_with_the_keyboard_alone(here, begun, page):
    booked = begun()
    enter(page, booked)
    for text in ("one", "two", "three"):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
        tab_to(page, "data-next")
        page.keyboard.press("Enter")
    tab_to(page, "data-finish")
    page.keyboard.press("Enter")
    tab_to(page, "data-sure")
    page.keyboard.press("Enter")
    reach(page, "done")
    assert answers(here, booked) == {1: "one", 2: "two", 3: "three"}
    assert here.session(booked, "finished_at") is not None


def tab_to(page, attribute):
    for _ in range(20):
        if page.evaluate("name => document.activeElement.hasAttribute(name)", attribute):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way to {attribute} by the keyboard")


def test_a_page_is_taken_for_a_persons_only_once_somebody_touched_it(here, begun, page):
    booked = begun()
    # Nothing is asked of the page meanwhile, since every look by the test counts as a touch.
    page.goto(booked.link)
    wait_until(lambda: here.session(booked, "at_question") == 1)
    assert here.session(booked, "engaged_at") is None
    page.click("[data-next]")
    wait_until(lambda: here.session(booked, "at_question") == 2)
    assert here.session(booked, "engaged_at") is not None


def test_typing_is_not_read_out(begun, page):
    enter(page, begun())
    page.wait_for_timeout(300)
    page.evaluate("""() => { window.heard = []; new MutationObserver(() => heard.push(document.querySelector("[data-spoken]")
        .textContent)).observe(document.querySelector("[data-spoken]"), { childList: true }); }""")
    write(page, "Nobody wants to hear this twice")
    wait_saved(page)
    assert page.evaluate("() => heard") == []


def test_without_scripts_the_running_page_says_so(begun, device):
    plain = device(begun().link, java_script_enabled=False)
    assert plain.locator("noscript").inner_text().startswith("Your browser does not run this page's script")
    assert not plain.locator("[data-answer]").is_visible()


def test_a_whole_interview_asks_nobody_else_and_ends_without_a_complaint(here, book, page):
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda line: said.append(f"{line.text} {line.location['url']}"))
    page.goto(book(SECOND, 45, ASKED).link)
    stand(page, "question")
    write(page, "Hello")
    for _ in ASKED:
        page.click("[data-next]")
    # A look at the server that is under way when the interview ends is refused, which browsers complain of.
    page.wait_for_load_state("networkidle")
    page.click("[data-finish]")
    page.click("[data-sure]")
    reach(page, "done")
    assert all(address.startswith(here.base) for address in asked)
    assert said == []
