"""Microphone and camera in a real Chromium: the check of the device, and recorded answers until they are saved."""

import page_office
import pytest
import recording_device
from page_office import MINUTE, answers, enter, heading, reach, save, stand, takes
from recording_device import RECORDINGS, SEEN, SPOKEN, file_of, live, record, recorded, until_sent, wait_sent
from waiting import wait_until

from store import times
from store.database import execute
from store.questions import Question

here, book, begun, browser, device = (
    page_office.here, page_office.book, page_office.begun, recording_device.browser, page_office.device,
)  # fmt: skip
page = recording_device.page

RECORDING = {"recorder", "recorderview", "shelf", "media"}


@pytest.mark.parametrize(("asked", "words", "sources"), [
    (SPOKEN, "Your microphone works.", 1), (SEEN, "Your camera and microphone work.", 2),
])  # fmt: skip
def test_the_waiting_room_tries_the_devices_that_the_questions_need(book, page, asked, words, sources):
    page.goto(book(5 * MINUTE, asked=asked).link)
    page.click("[data-check-devices]")
    page.wait_for_selector(f"[data-found]:has-text('{words}')")
    page.wait_for_function("() => document.querySelector('meter').value > 0")
    assert live(page) == sources
    assert page.locator("[data-preview]:visible").count() == sources - 1


def test_the_devices_are_let_go_when_the_page_turns(here, book, page):
    booked = book(5 * MINUTE, asked=SPOKEN)
    page.goto(booked.link)
    page.click("[data-check-devices]")
    page.wait_for_selector("[data-hearing]:not([hidden])")
    execute(here.db, "UPDATE interview SET started_at = ? WHERE id = ?", (times.epoch(times.now()) - 1, booked.id))
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    stand(page, "question")
    assert live(page) == 0


def test_a_waiting_room_without_recorded_questions_asks_for_no_device(book, page):
    page.goto(book(5 * MINUTE).link)
    page.wait_for_selector("[data-connection]:has-text('Connection: good')")
    assert page.locator("[data-check-devices]").count() == 0


@pytest.mark.parametrize(("asked", "ahead"), [((), set()), (SPOKEN, RECORDING)])
def test_what_recording_needs_is_there_before_the_interview_begins(book, page, asked, ahead):
    seen = set()
    page.on("requestfinished", lambda request: seen.add(request.url.rpartition("/")[2].partition(".")[0]))
    page.goto(book(0.75 * MINUTE, asked=asked).link)
    page.wait_for_function("() => performance.getEntriesByType('resource').some(({ name }) => name.includes('drafts'))")
    page.wait_for_timeout(200)
    assert {"room", "view", "drafts"} <= seen
    assert seen & RECORDING == ahead


def test_a_recorded_answer_is_saved_to_its_last_byte_and_can_be_listened_to(here, begun, page):
    booked = begun(SPOKEN)
    enter(page, booked)
    record(page)
    wait_sent(page)
    take = takes(here, booked)[0]
    assert (take.number, take.type, take.state) == (1, "audio/webm", "complete")
    assert len(file_of(here, booked, take)) == take.size > 1000
    assert file_of(here, booked, take) == recorded(page, booked)
    page.wait_for_function("() => document.querySelector('audio').readyState > 0")
    assert (live(page), page.locator("[data-list] .answered").count()) == (0, 1)


def test_a_video_answer_is_recorded_with_sound_and_picture(here, begun, page):
    booked = begun(SEEN)
    enter(page, booked)
    page.click("[data-record]")
    page.wait_for_selector("[data-preview]:visible")
    page.wait_for_function("() => document.querySelector('[data-preview]').videoWidth > 0")
    page.wait_for_timeout(800)
    page.click("[data-stop]")
    wait_sent(page)
    assert (takes(here, booked)[0].type, takes(here, booked)[0].state) == ("video/webm", "complete")
    assert page.locator("[data-played-video]").is_visible()


def test_a_recording_interrupted_without_a_connection_goes_on_where_it_was(here, begun, page):
    booked = begun(SPOKEN)
    enter(page, booked)
    page.click("[data-record]")
    until_sent(here, booked, page)
    page.context.set_offline(True)
    page.wait_for_timeout(1000)
    page.click("[data-stop]")
    page.wait_for_selector("[data-sent]:has-text('Uploaded')")
    assert takes(here, booked)[0].state == "uploading"
    page.context.set_offline(False)
    wait_sent(page)
    take = takes(here, booked)[0]
    assert take.state == "complete"
    assert file_of(here, booked, take) == recorded(page, booked)


def test_a_piece_whose_reply_was_lost_is_not_in_the_recording_twice(here, begun, page):
    booked = begun(SEEN)
    enter(page, booked)
    page.route(RECORDINGS, lose_reply, times=1)
    record(page, seconds=2.2)
    wait_sent(page)
    assert file_of(here, booked, takes(here, booked)[0]) == recorded(page, booked)


def lose_reply(route):
    route.fetch()
    route.abort()


def test_a_recording_that_was_not_sent_outlives_a_reload(here, begun, page):
    booked = begun(SPOKEN)
    enter(page, booked)
    page.route(RECORDINGS, lambda route: route.abort())
    record(page)
    page.wait_for_selector("[data-sent]:has-text('Uploaded 0 kB of')")
    page.reload()
    stand(page, "question")
    page.unroute(RECORDINGS)
    wait_sent(page)
    assert page.locator("audio").is_visible()
    assert [take.state for take in takes(here, booked)] == ["complete"]


def test_a_new_recording_replaces_the_one_before(here, begun, page):
    booked = begun(SPOKEN)
    enter(page, booked)
    record(page)
    wait_sent(page)
    assert page.locator("[data-record]").inner_text() == "Record again"
    record(page)
    wait_until(lambda: [take.state for take in takes(here, booked)] == ["discarded", "complete"])
    wait_sent(page)


def test_a_recording_as_long_as_the_server_takes_is_stopped_and_kept(here, begun, page):
    booked = begun((Question("Show yourself.", "video"),))
    enter(page, booked)
    page.click("[data-record]")
    page.wait_for_selector("[data-trouble]:has-text('largest size')")
    wait_sent(page)
    assert (takes(here, booked)[0].state, takes(here, booked)[0].size <= 150_000) == ("complete", True)
    assert live(page) == 0


def test_a_spoken_question_can_be_answered_in_writing(here, begun, page):
    booked = begun(SPOKEN)
    enter(page, booked)
    assert page.locator("[data-answer]").is_hidden()
    page.click("[data-write]")
    save(page, "I would rather write")
    assert answers(here, booked) == {1: "I would rather write"}
    page.reload()
    stand(page, "question")
    assert page.locator("[data-answer]").input_value() == "I would rather write"


def test_a_recording_stops_when_its_questions_time_is_over(here, begun, page):
    booked = begun((Question("Quickly!", "audio", 3), Question("And then?")))
    page.goto(booked.link)
    stand(page, "question")
    page.click("[data-open]")
    page.click("[data-record]")
    page.wait_for_selector("h1:has-text('Question 2 of 2')")
    wait_until(lambda: [take.state for take in takes(here, booked)] == ["complete"])
    assert (live(page), heading(page)) == (0, "Question 2 of 2 And then?")


def test_the_finish_waits_for_a_recording(here, begun, page):
    booked = begun(SPOKEN)
    enter(page, booked)
    page.route(RECORDINGS, lambda route: route.abort())
    record(page)
    page.click("[data-list] [data-review]")
    page.click("[data-finish]")
    page.click("[data-sure]")
    page.wait_for_selector("[data-unsaved]:visible")
    assert here.session(booked, "finished_at") is None
    page.unroute(RECORDINGS)
    reach(page, "done")
    assert [take.state for take in takes(here, booked)] == ["complete"]
    # The page asks for that and waits for nothing any more.
    wait_until(lambda: page.evaluate("() => indexedDB.databases()") == [])


def test_the_rest_of_a_recording_arrives_after_the_end(here, begun, page):
    booked = begun(SPOKEN)
    enter(page, booked)
    page.click("[data-record]")
    until_sent(here, booked, page)
    page.route(RECORDINGS, lambda route: route.abort())
    page.wait_for_timeout(1000)
    page.click("[data-stop]")
    page.wait_for_selector("[data-sent]:has-text('Uploaded')")
    kept = recorded(page, booked)
    execute(
        here.db, "UPDATE interview_session SET finished_at = ? WHERE id = ?", (times.epoch(times.now()), booked.session)
    )
    page.unroute(RECORDINGS)
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    reach(page, "done")
    wait_until(lambda: takes(here, booked)[0].state == "complete")
    assert file_of(here, booked, takes(here, booked)[0]) == kept
