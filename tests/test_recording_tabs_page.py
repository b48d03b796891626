"""Recorded answers whose page is closed, or not the only one, in a real Chromium: another page goes on with them."""

import page_office
import recording_device
from page_office import PATIENCE, enter, reach, stand, takes
from recording_device import asked_before_leaving, begin_recording, file_of, record, record_unsent, recorded, wait_sent
from waiting import wait_until

from store.questions import Question

here, book, begun, browser, device = (
    page_office.here, page_office.book, page_office.begun, recording_device.browser, page_office.device,
)  # fmt: skip
page = recording_device.page

SPOKEN_TWICE = (Question("Say who you are.", "audio"), Question("And why?", "audio"))


def states(here, booked):
    return [take.state for take in takes(here, booked)]


def another_tab(context, booked):
    """Opens the link in a new tab of the same browser."""
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE)
    tab.goto(booked.link)
    return tab


def go_on(tab):
    """Takes the interview over from the page that holds it."""
    tab.click("[data-continue]")
    stand(tab, "question")


def test_a_recording_that_was_not_sent_outlives_its_tab(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    enter(page, booked)
    record_unsent(page)
    kept = recorded(page, booked)
    page.close()
    tab = another_tab(page.context, booked)
    stand(tab, "question")
    wait_sent(tab)
    assert file_of(here, booked, takes(here, booked)[0]) == kept


def test_a_recording_that_another_tab_could_not_send_goes_on_in_this_one(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    enter(page, booked)
    record_unsent(page)
    tab = another_tab(page.context, booked)
    go_on(tab)
    wait_sent(tab)
    assert states(here, booked) == ["complete"]
    assert tab.locator("[data-step=question]").is_visible()


def test_a_recording_outlives_a_tab_that_was_closed_while_it_ran(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    enter(page, booked)
    begin_recording(page)
    page.wait_for_selector("[data-recorded]:has-text('Recording: 00:03')")
    page.close()
    tab = another_tab(page.context, booked)
    stand(tab, "question")
    wait_sent(tab)
    assert file_of(here, booked, takes(here, booked)[0]) == recorded(tab, booked)


def test_a_tab_that_takes_over_gets_the_running_recording_whole(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    enter(page, booked)
    begin_recording(page)
    page.wait_for_selector("[data-recorded]:has-text('Recording: 00:02')")
    tab = another_tab(page.context, booked)
    go_on(tab)
    stand(page, "elsewhere")
    wait_sent(tab)
    wait_until(lambda: states(here, booked) == ["complete"])
    kept = recorded(tab, booked)
    assert (len(kept) > 1000, file_of(here, booked, takes(here, booked)[0])) == (True, kept)


def test_a_running_recording_is_left_to_its_tab_until_that_hears_of_the_other(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    enter(page, booked)
    begin_recording(page)
    page.wait_for_selector("[data-recorded]:has-text('Recording: 00:02')")
    page.route("**/heartbeat", lambda route: route.abort())
    tab = another_tab(page.context, booked)
    go_on(tab)
    tab.wait_for_selector("[data-recorded]:has-text('still being recorded on another page')")
    assert page.locator("[data-recorded]").inner_text().startswith("Recording:")
    page.unroute("**/heartbeat")
    wait_sent(tab)
    wait_until(lambda: file_of(here, booked, takes(here, booked)[0]) == recorded(tab, booked))


def test_a_new_recording_that_another_tab_ends_does_not_replace_a_longer_one(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    enter(page, booked)
    record(page, 2)
    wait_sent(page)
    begin_recording(page)
    tab = another_tab(page.context, booked)
    go_on(tab)
    tab.wait_for_selector("[data-trouble]:has-text('The one before stays your answer (')")
    assert states(here, booked)[0] == "complete"


def test_the_end_waits_for_what_another_tab_still_records(here, begun, page):
    booked = begun(SPOKEN_TWICE)
    enter(page, booked)
    begin_recording(page)
    page.wait_for_selector("[data-recorded]:has-text('Recording: 00:02')")
    tab = another_tab(page.context, booked)
    go_on(tab)
    tab.click("[data-list] [data-review]")
    tab.click("[data-finish]")
    tab.click("[data-sure]")
    reach(tab, "done")
    tab.wait_for_selector("[data-counts]:has-text('1 of 2')")
    assert states(here, booked) == ["complete"]


def test_a_page_with_a_recording_that_was_not_sent_asks_before_it_is_closed(begun, page):
    enter(page, begun(SPOKEN_TWICE))
    record_unsent(page)
    assert asked_before_leaving(page)


def test_a_page_that_records_asks_before_it_is_closed(begun, page):
    enter(page, begun(SPOKEN_TWICE))
    begin_recording(page)
    assert asked_before_leaving(page)


def test_a_page_whose_recording_is_saved_is_closed_without_a_question(begun, page):
    enter(page, begun(SPOKEN_TWICE))
    record(page)
    wait_sent(page)
    assert not asked_before_leaving(page)
