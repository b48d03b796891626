"""Recorded answers that are recorded again, cut off or refused, in a real Chromium: none is lost, and all is said."""

import re

import page_office
import recording_device
from page_office import enter, heading, stand, takes
from recording_device import RECORDINGS, begin_recording, record, record_unsent, recorded, wait_sent
from waiting import wait_until

from store.database import execute
from store.questions import Question

here, book, begun, browser, device = (
    page_office.here, page_office.book, page_office.begun, recording_device.browser, page_office.device,
)  # fmt: skip
page = recording_device.page

SPOKEN_TWICE = (Question("Say who you are.", "audio"), Question("And why?", "audio"))
SHORT_OF_TIME = (Question("Quickly!", "audio", 3), Question("And why?", "audio"))
CUT_OFF = "The new recording was cut off and is not kept"
SMALL_SLICES = """{ const start = MediaRecorder.prototype.start;
    MediaRecorder.prototype.start = function () { start.call(this, 200); }; }"""
"""A first piece is there long before a recording is as long as the one before."""
NOT_SENT = "This recording could not be saved, since the time for its question is over."


def states(here, booked):
    return [take.state for take in takes(here, booked)]


def shown(page, name):
    return page.locator(f"[data-{name}]").inner_text()


def answered(page, booked, seconds=0.9):
    """Enters, and answers the first question by speaking."""
    enter(page, booked)
    record(page, seconds)
    wait_sent(page)
    return recorded(page, booked)


def record_until(page, clock):
    begin_recording(page)
    page.wait_for_selector(f"[data-recorded]:has-text('Recording: {clock}')")


def test_a_new_recording_cut_off_by_moving_on_leaves_the_longer_one_before(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    before = answered(page, booked, 4)
    record_until(page, "00:02")
    page.wait_for_timeout(700)
    page.click("[data-next]")
    page.wait_for_selector(f"[data-remark]:has-text('Question 1: {CUT_OFF} (')")
    assert (recorded(page, booked), states(here, booked)) == (before, ["complete"])
    page.click("[data-back]")
    lengths = re.findall(r"\d second", shown(page, "trouble"))
    assert (lengths[0] < lengths[1], shown(page, "record")) == (True, "Record again")
    assert page.locator("audio").is_visible()


def test_a_new_recording_cut_off_by_moving_on_is_the_answer_if_it_is_longer(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    answered(page, booked)
    record_until(page, "00:03")
    page.click("[data-next]")
    page.wait_for_selector("[data-remark]:has-text('Question 1: The new recording was cut off, but is longer (')")
    wait_until(lambda: states(here, booked) == ["discarded", "complete"])


def test_a_shorter_recording_that_the_candidate_stopped_is_the_answer(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    answered(page, booked, 2)
    record(page)
    wait_until(lambda: states(here, booked) == ["discarded", "complete"])


def test_a_new_recording_cut_off_by_a_reload_leaves_the_longer_one_before(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    before = answered(page, booked, 2.5)
    record_until(page, "00:02")
    page.reload()
    stand(page, "question")
    page.wait_for_selector(f"[data-trouble]:has-text('{CUT_OFF}')")
    wait_until(lambda: recorded(page, booked) == before)
    assert states(here, booked)[0] == "complete"


def test_a_longer_recording_that_a_reload_ended_is_the_answer(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    answered(page, booked)
    record_until(page, "00:04")
    page.reload()
    page.wait_for_selector("[data-trouble]:has-text('It is your answer now.')")
    wait_until(lambda: states(here, booked) == ["discarded", "complete"])
    # The page learns it from the answer, a moment after the record has it.
    wait_until(lambda: re.fullmatch(r"Your recording is saved \([2-6] seconds\)\.", shown(page, "sent")))


def test_a_new_recording_cut_off_by_its_questions_limit_leaves_the_longer_one_before(here, begun, page):
    booked = begun((Question("Quickly!", "audio", 4), Question("And why?", "audio")))
    page.goto(booked.link)
    page.click("[data-open]")
    record(page, 2.2)
    wait_sent(page)
    begin_recording(page)
    page.wait_for_selector("h1:has-text('Question 2 of 2')")
    page.wait_for_selector(f"[data-remark]:has-text('{CUT_OFF}')")
    assert states(here, booked)[0] == "complete"


def test_pieces_of_a_new_recording_that_is_cut_off_do_not_make_it_the_answer(here, begun, page):
    booked = begun((Question("Show yourself.", "video"), Question("And why?")))
    page.add_init_script(SMALL_SLICES)
    before = answered(page, booked, 1.8)
    begin_recording(page)
    wait_until(lambda: len(states(here, booked)) == 2)
    page.reload()
    stand(page, "question")
    page.wait_for_selector(f"[data-trouble]:has-text('{CUT_OFF}')")
    page.wait_for_timeout(500)
    assert (recorded(page, booked), states(here, booked)) == (before, ["complete", "uploading"])
    assert page.locator("[data-list] .answered").count() == 1


def test_a_recording_that_is_not_sent_yet_stays_when_a_new_one_is_cut_off(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    enter(page, booked)
    let_through = record_unsent(page)
    before = recorded(page, booked)
    begin_recording(page)
    page.click("[data-next]")
    page.wait_for_selector(f"[data-remark]:has-text('{CUT_OFF}')")
    let_through()
    wait_until(lambda: states(here, booked) == ["complete"])
    assert recorded(page, booked) == before


def test_a_first_recording_that_is_cut_off_is_better_than_none(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    enter(page, booked)
    begin_recording(page)
    page.wait_for_timeout(900)
    page.click("[data-next]")
    wait_until(lambda: states(here, booked) == ["complete"])


def refused_late(here, begun, page):
    """The first question's recording was not sent, and is refused when its question is long closed."""
    booked = begun(SHORT_OF_TIME)
    page.goto(booked.link)
    page.click("[data-open]")
    let_through = record_unsent(page)
    execute(here.db, "UPDATE session_question SET opened_at = opened_at - 800 WHERE session_id = ?", (booked.session,))
    page.wait_for_selector("h1:has-text('Question 2 of 2')")
    let_through()
    page.wait_for_selector(f"[data-remark]:has-text('Question 1: {NOT_SENT}')")
    return booked


def test_a_refused_recording_is_said_with_its_question_and_not_with_another(here, begun, page):
    booked = refused_late(here, begun, page)
    assert (heading(page), page.locator("[data-trouble]").is_visible()) == ("Question 2 of 2 And why?", False)
    page.click("[data-back]")
    assert NOT_SENT in shown(page, "trouble")
    assert "reply to the mail" in shown(page, "trouble")
    assert (page.locator("[data-record]").is_visible(), page.locator("audio").is_visible()) == (False, True)
    assert (len(recorded(page, booked)) > 0, takes(here, booked)) == (True, [])


def test_a_refused_recording_is_marked_in_the_review(here, begun, page):
    refused_late(here, begun, page)
    page.click("[data-list] [data-review]")
    assert page.locator(".review .mark").all_inner_texts() == ["recording not saved", "not answered"]


def test_an_open_question_whose_recording_is_refused_can_be_recorded_again(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    enter(page, booked)
    let_through = record_unsent(page)
    kind = "UPDATE session_question SET kind = ? WHERE session_id = ?"
    execute(here.db, kind, ("text", booked.session))
    let_through()
    page.wait_for_selector("[data-trouble]:has-text('Please record again, or answer in writing.')")
    execute(here.db, kind, ("audio", booked.session))
    record(page)
    wait_sent(page)
    assert (page.locator("[data-trouble]").is_visible(), states(here, booked)) == (False, ["complete"])


def refuse_pieces(page):
    """From now on the server finds every piece too large."""
    body = {"status": 413, "content_type": "application/json", "body": '{"error": "recording_too_large"}'}
    # Put before what the route does now, and not in its place: meanwhile a piece would get through.
    page.route(RECORDINGS, lambda route: route.fulfill(**body))


def test_a_recording_refused_while_the_interview_is_being_finished_is_led_to(here, begun, page):
    booked = begun((Question("Say who you are.", "audio"), Question("And why?")))
    enter(page, booked)
    record_unsent(page)
    for button in ("[data-list] [data-review]", "[data-finish]", "[data-sure]"):
        page.click(button)
    page.wait_for_selector("[data-unsaved]:visible")
    refuse_pieces(page)
    page.wait_for_selector("h1:has-text('Question 1 of 2')")
    page.wait_for_selector("dialog", state="hidden")
    assert here.session(booked, "finished_at") is None


def test_a_recording_that_comes_late_begins_late_when_it_was_made_in_time(here, begun, page):
    booked = begun(SHORT_OF_TIME)
    page.goto(booked.link)
    page.click("[data-open]")
    let_through = record_unsent(page)
    page.wait_for_selector("h1:has-text('Question 2 of 2')")
    # As if the 15 seconds of grace had been over 2 seconds after the question was opened.
    execute(here.db, "UPDATE session_question SET opened_at = opened_at - 16 WHERE session_id = ?", (booked.session,))
    let_through()
    wait_until(lambda: states(here, booked) == ["complete"])


def test_what_is_recorded_is_told_by_its_length(begun, page):
    enter(page, begun(SPOKEN_TWICE))
    assert shown(page, "recorded") == "You can record up to 10 minutes."
    record(page)
    wait_sent(page)
    assert shown(page, "sent") == "Your recording is saved (1 second)."


def test_a_recording_may_be_no_longer_than_the_interview(begun, page):
    # Not a whole number of minutes: how long the page took to open must not decide what it shows.
    enter(page, begun(SPOKEN_TWICE, ends_in=4.9 * page_office.MINUTE))
    assert shown(page, "recorded") == "You can record up to 4 minutes."
    begin_recording(page)
    page.wait_for_selector("[data-recorded]:has-text(' of 04:5')")
