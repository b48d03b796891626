"""A phone's page that records: its microphone and camera, what it keeps of a take, and what arrived of it."""

import pytest
from page_office import ARGUMENTS, browsing, takes

from store.questions import Question

SPOKEN = (Question("Say who you are.", "audio"), Question("And why?"))
SEEN = (Question("Show yourself.", "video"),)
RECORDINGS = "**/recordings/*"
ALLOWED = "--use-fake-ui-for-media-stream"
"""Without windows nobody could be asked whether a page may use the microphone, not even where it is allowed."""


@pytest.fixture(scope="module")
def browser():
    """A browser that lets every page use its false microphone and camera."""
    with browsing((*ARGUMENTS, ALLOWED)) as running_browser:
        yield running_browser


@pytest.fixture
def page(device):
    """A phone's page that may use the microphone and the camera, and whose sources of sound and picture are counted."""
    opened = device(permissions=["microphone", "camera"])
    opened.add_init_script("""{ window.tracks = []; const open = MediaDevices.prototype.getUserMedia;
        MediaDevices.prototype.getUserMedia = async function (...asked) {
            const stream = await open.apply(this, asked); tracks.push(...stream.getTracks()); return stream; }; }""")
    return opened


def live(page):
    """How many sources are in use."""
    return page.evaluate("() => tracks.filter((track) => track.readyState === 'live').length")


def begin_recording(page):
    page.click("[data-record]")
    page.wait_for_selector("[data-stop]:visible")


def record(page, seconds=0.9):
    begin_recording(page)
    page.wait_for_timeout(1000 * seconds)
    page.click("[data-stop]")


def lose_recordings(page):
    """From now on no piece reaches the server; gives what lets them through again."""
    page.route(RECORDINGS, lambda route: route.abort())
    return lambda: page.unroute(RECORDINGS)


def record_unsent(page):
    """Records what no piece of reaches the server; gives what lets it through."""
    let_through = lose_recordings(page)
    record(page)
    page.wait_for_selector("[data-sent]:has-text('Uploaded 0 kB of')")
    return let_through


def asked_before_leaving(page):
    """Closes the page; whether the browser asked first."""
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    return asked == ["beforeunload"]


def wait_sent(page):
    page.wait_for_selector("[data-sent]:has-text('Your recording is saved')")


def until_sent(here, booked, page):
    """Waits for the first piece of a recording."""
    for _ in range(200):
        page.wait_for_timeout(100)
        if takes(here, booked):
            return
    raise AssertionError("nothing was uploaded")


KEPT = """(code) => new Promise((resolve) => {
    const asked = indexedDB.open(`takes ${code}`);
    asked.onsuccess = () => {
        const pieces = asked.result.transaction("pieces").objectStore("pieces").getAll();
        pieces.onsuccess = () => {
            asked.result.close();
            resolve(pieces.result.flatMap((piece) => [...new Uint8Array(piece)]));
        };
    };
})"""


def recorded(page, booked):
    """The bytes that the browser has recorded."""
    return bytes(page.evaluate(KEPT, f"IV-{booked.id}"))


def file_of(here, booked, take):
    return (here.recordings / str(booked.session) / f"{take.number}-{take.take}.webm").read_bytes()
