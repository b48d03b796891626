"""Recorded answers where the microphone is refused or missing, in a real Chromium that can ask: what helps is said."""

import page_office
import pytest
from page_office import ARGUMENTS, MINUTE, PROGRAMS, browsing, enter, launched
from recording_device import SPOKEN

here, book, begun, device = page_office.here, page_office.book, page_office.begun, page_office.device
WITH_WINDOWS = PROGRAMS[1:]


@pytest.fixture(scope="module")
def browser():
    with browsing(programs=WITH_WINDOWS) as running_browser:
        yield running_browser


def test_a_microphone_that_is_not_allowed_is_said_with_what_helps(book, device):
    plain = device(book(5 * MINUTE, asked=SPOKEN).link)
    plain.click("[data-check-devices]")
    plain.wait_for_selector("[data-found].hint")
    assert plain.locator("[data-found]").inner_text().startswith("This page is not allowed to use the microphone.")
    assert "camera" not in plain.locator("[data-checks]").inner_text().lower()
    assert plain.locator("[data-check-devices]").inner_text() == "Check again"


def test_a_device_without_a_microphone_is_said(book, browser):
    bare = launched(browser.browser_type, ARGUMENTS[:1], WITH_WINDOWS)
    page = bare.new_context(permissions=["microphone"]).new_page()
    page.goto(book(5 * MINUTE, asked=SPOKEN).link)
    page.click("[data-check-devices]")
    page.wait_for_selector("[data-found].hint")
    assert page.locator("[data-found]").inner_text().startswith("No microphone was found.")
    bare.close()


def test_where_recording_is_not_allowed_writing_is_offered(begun, device):
    page = device()
    enter(page, begun(SPOKEN))
    page.click("[data-record]")
    page.wait_for_selector("[data-trouble]:has-text('not allowed')")
    assert page.locator("[data-write]").is_visible()
