"""A question's own time runs out in a real Chromium: what is said of its answer is true, and what was written stays."""

import page_office
import pytest
import recording_device
from page_office import answers, copies, enter, heading, paste, reach, save, stand, stored, takes, write
from waiting import wait_until

from store.database import execute
from store.questions import Question

here, book, begun, browser, device, page = (
    page_office.here, page_office.book, page_office.begun, recording_device.browser, page_office.device, page_office.page,
)  # fmt: skip
LIMITED = (Question("Who are you?"), Question("Quickly?", "text", 2), Question("What next?"))
OVER = "The time for question 2 is over."


@pytest.fixture
def opened(begun, page):
    """An interview whose second question, of two seconds, was just opened."""
    booked = begun(LIMITED)
    enter(page, booked)
    open_limited(page)
    return booked


@pytest.fixture
def too_late(here, opened, page):
    """The same, when what was written without a connection reaches the server only after the question's time."""
    page.context.set_offline(True)
    write(page, "On a train")
    page.wait_for_selector("h1:has-text('Question 3 of 3')")
    assert remark(page) == f"{OVER} What you wrote is kept on this device and sent when the connection is back."
    execute(here.db, "UPDATE session_question SET opened_at = opened_at - 100 WHERE number = 2", ())
    page.context.set_offline(False)
    page.wait_for_selector("[data-remark]:has-text('apart from your answers')")
    return opened


def open_limited(page):
    page.click("[data-next]")
    page.click("[data-open]")
    page.wait_for_selector("[data-answering]:visible")


def remark(page):
    page.wait_for_selector("[data-remark]:not([hidden])")
    return page.locator("[data-remark]").inner_text()


def test_what_comes_too_late_is_said_to_be_apart_and_stays_to_be_read(here, too_late, page):
    words = f"{OVER} What you wrote last came too late. It is kept for the team, apart from your answers."
    assert (remark(page), page.locator("[data-spoken]").inner_text()) == (words, words)
    assert (answers(here, too_late), copies(here, too_late)) == ({}, [("On a train", "late")])
    page.click("[data-back]")
    assert page.locator("[data-remark]").is_hidden()
    assert page.locator("[data-answer]").input_value() == "On a train"
    assert page.locator("[data-answer]").get_attribute("readonly") is not None
    assert page.locator("[data-saved]").inner_text() == "Came too late. Kept for the team, apart from your answers."


def test_what_came_too_late_is_not_counted_as_an_answer_and_leaves_nothing_behind(here, too_late, page):
    page.reload()
    stand(page, "question")
    page.click("[data-list] [data-review]")
    row = page.locator("[data-review] > li").nth(1)
    late = "Came too late. Kept for the team, apart from your answers."
    assert row.locator("p").all_inner_texts() == ["On a train", late, "time over"]
    page.click("[data-finish]")
    assert page.locator("[data-missing]").inner_text() == "Questions without an answer: 3 of 3."
    page.click("[data-sure]")
    reach(page, "done")
    wait_until(lambda: stored(page) == [])
    assert copies(here, too_late) == [("On a train", "late")]


def test_a_save_whose_reply_was_lost_is_not_said_to_be_late(here, opened, page):
    page.route("**/answers/2", lambda route: (route.fetch(), route.abort()))
    write(page, "In time")
    page.wait_for_selector("h1:has-text('Question 3 of 3')")
    wait_until(lambda: answers(here, opened) == {2: "In time"})
    execute(here.db, "UPDATE session_question SET opened_at = opened_at - 100 WHERE number = 2", ())
    # A save that is being lost at this moment is so first.
    page.unroute_all(behavior="wait")
    page.wait_for_selector(f"[data-remark]:text-is('{OVER} What you wrote is saved.')")
    assert copies(here, opened) == []


def test_of_a_question_without_an_answer_only_its_time_is_said(opened, page):
    page.wait_for_selector("h1:has-text('Question 3 of 3')")
    assert remark(page) == OVER


def test_an_answer_that_was_spoken_is_not_said_to_be_written(here, begun, device):
    page = device(permissions=["microphone"])
    booked = begun((Question("Say it.", "audio", 4), Question("And then?")))
    page.goto(booked.link)
    stand(page, "question")
    page.click("[data-open]")
    page.click("[data-record]")
    page.wait_for_selector("h1:has-text('Question 2 of 2')")
    page.wait_for_selector("[data-remark]:text-is('The time for question 1 is over. Your recording is saved.')")
    assert [take.state for take in takes(here, booked)] == ["complete"]


def test_a_choice_between_two_texts_ends_with_the_questions_time(here, opened, page):
    execute(here.db, "INSERT INTO answer (session_id, number, revision, text, page, sequence, saved_at)"
            " VALUES (?, 2, 1, 'From the phone', 'another-page-0123456', 1, 1e9)", (opened.session,))  # fmt: skip
    write(page, "At the desk")
    page.locator("[data-answer]").blur()
    page.wait_for_selector("[data-conflict]:visible")
    page.wait_for_selector("h1:has-text('Question 3 of 3')")
    execute(here.db, "UPDATE session_question SET opened_at = opened_at - 100 WHERE number = 2", ())
    page.wait_for_selector("[data-remark]:has-text('apart from your answers')")
    assert answers(here, opened) == {2: "From the phone"}
    assert ("At the desk", "conflict") in copies(here, opened)


def test_the_review_is_drawn_again_when_a_time_runs_out_and_nothing_jumps(opened, page):
    page.click("[data-list] [data-review]")
    page.set_viewport_size({"width": 360, "height": 320})
    page.locator("[data-review] [data-go='2']").focus()
    page.evaluate("() => document.querySelector('.page').scrollTo(0, 150)")
    page.wait_for_selector("[data-review] .time_over")
    place = page.evaluate("() => [document.querySelector('.page').scrollTop, document.activeElement.dataset.go]")
    assert place == [150, "2"]
    assert page.locator("[data-review] [data-go='2']").inner_text() == "Read"
    assert remark(page) == OVER


def test_the_review_is_drawn_again_when_a_recording_has_arrived(begun, device):
    page = device(permissions=["microphone"])
    enter(page, begun((Question("Say it.", "audio"), Question("And why?"))))
    page.route("**/recordings/*", lambda route: route.abort())
    page.click("[data-record]")
    page.wait_for_timeout(900)
    page.click("[data-stop]")
    page.click("[data-list] [data-review]")
    page.wait_for_selector("[data-review] .mark.sending")
    page.unroute("**/recordings/*")
    page.wait_for_selector("[data-review] .mark.answered")
    assert page.locator("[data-review] .text").inner_text() == "Recorded answer"


def test_an_answer_that_is_too_long_is_shown_before_the_interview_ends(here, begun, page):
    booked = begun((Question("Who are you?"), Question("Why?")))
    enter(page, booked)
    save(page, "a" * 10)
    paste(page, "b" * 20_003)
    page.click("[data-list] [data-review]")
    words = "Question 1: Not saved. Please shorten it by 3 characters."
    assert page.locator("[data-saved]").inner_text() == words
    assert page.locator("[data-review] .mark").first.inner_text() == "too long"
    page.click("[data-finish]")
    page.click("[data-sure]")
    stand(page, "question")
    assert remark(page) == words
    assert here.session(booked, "finished_at") is None
    page.locator("[data-answer]").fill("short")
    page.wait_for_selector("[data-remark]", state="hidden")


@pytest.fixture
def unopened(begun, page):
    """An interview that stands before its first question, of a minute, which is not opened yet."""
    booked = begun((Question("Quickly?", "text", 60), Question("Why?")))
    enter(page, booked)
    return booked


def test_a_question_whose_opening_was_not_answered_is_looked_for_until_it_is_known(unopened, page):
    page.route("**/api/interview/questions", lambda route: route.abort())
    page.route("**/heartbeat", lambda route: (route.fetch(), route.abort()))
    page.click("[data-open]")
    page.wait_for_selector("[data-remark]:has-text('We do not know whether that reached us.')")
    page.unroute("**/api/interview/questions")
    page.wait_for_selector("[data-answer]:visible")
    assert heading(page) == "Question 1 of 2 Quickly?"
    assert page.locator("[data-own]").inner_text().startswith("Time left for this question: 00:5")
    assert page.locator("[data-remark]").is_hidden()


def test_a_question_that_was_not_opened_is_asked_for_again(here, unopened, page):
    page.route("**/heartbeat", lambda route: route.fulfill(status=503))
    page.click("[data-open]")
    page.wait_for_selector("[data-remark]:text-is('That did not reach us. Please press the button again.')")
    page.unroute("**/heartbeat")
    page.click("[data-open]")
    page.wait_for_selector("[data-answer]:visible")


def test_the_time_of_a_question_that_was_left_while_it_was_looked_for_is_said(unopened, page):
    page.route("**/api/interview/questions", lambda route: route.abort())
    page.route("**/heartbeat", lambda route: (route.fetch(), route.abort()))
    page.click("[data-open]")
    page.wait_for_selector("[data-remark]:has-text('We do not know whether that reached us.')")
    page.click("[data-next]")
    page.unroute("**/api/interview/questions")
    page.wait_for_selector("[data-remark]:has-text('Question 1: Time left for this question: 5')")
    assert heading(page) == "Question 2 of 2 Why?"
