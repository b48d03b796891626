"""Recorded answers on a slow line, in a real Chromium: they arrive in smaller pieces, and that is said."""

import page_office
import recording_device
from page_office import PATIENCE, enter, takes
from recording_device import SPOKEN, begin_recording, file_of, lose_recordings, recorded
from waiting import wait_until

here, book, begun, browser, device = (
    page_office.here, page_office.book, page_office.begun, recording_device.browser, page_office.device,
)  # fmt: skip
page = recording_device.page

QUICK_CLOCK = (
    """{ const after = AbortSignal.timeout; AbortSignal.timeout = (time) => after.call(AbortSignal, time / 30); }"""
)
"""A page waits a thirtieth as long for an answer."""
ENOUGH = 16_000
"""Bytes; a recording of fewer might arrive within the time that a piece may take."""


def slow_down(page, bytes_a_second):
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", {
        "offline": False, "latency": 50, "downloadThroughput": 1_000_000, "uploadThroughput": bytes_a_second,
    })  # fmt: skip


def test_a_line_too_slow_for_a_piece_carries_smaller_ones(here, begun, page):
    page.add_init_script(QUICK_CLOCK)
    booked = begun(SPOKEN)
    enter(page, booked)
    let_through = lose_recordings(page)
    begin_recording(page)
    wait_until(lambda: len(recorded(page, booked)) > ENOUGH)
    page.click("[data-stop]")
    # The first piece takes twice as long as it may, a quarter of it half as long.
    slow_down(page, min(len(recorded(page, booked)), 65_536) // 2)
    let_through()
    page.wait_for_selector("[data-sent]:has-text('Slow connection, still sending:')")
    page.wait_for_selector("[data-sent]:has-text('Your recording is saved')", timeout=2 * PATIENCE)
    assert file_of(here, booked, takes(here, booked)[0]) == recorded(page, booked)
