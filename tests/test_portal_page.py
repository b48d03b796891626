"""The portal's pages in a real Chromium: they count, turn and begin by themselves, by the server's clock."""

import re
import time
from datetime import timedelta

import page_office
import pytest
from page_office import HOUR, MINUTE, reach

from store import booking, times
from store.database import execute, fetch

here, book, browser, device, page = (
    page_office.here, page_office.book, page_office.browser, page_office.device, page_office.page,
)  # fmt: skip
SECOND = timedelta(seconds=1)
DEVICE_CLOCK_IS_WRONG = "Date.now = () => 1000000000000; Date = class extends Date { constructor() { super(1e12); } };"


def begun_at(here, booked):
    return fetch(here.db, "SELECT begun_at FROM interview_session WHERE id = ?", (booked.session,))[0][0]


def test_the_interview_begins_by_itself_without_a_reload(here, book, page):
    booked = book(2 * SECOND)
    page.goto(booked.link)
    page.evaluate("window.kept = 'this page was never left'")
    assert page.get_attribute("main", "data-state") == "waiting"
    reach(page, "running")
    assert page.evaluate("window.kept") == "this page was never left"
    page.wait_for_selector("h1:has-text('Question 1 of 5')")
    assert page.url == f"{here.base}/interview"
    assert begun_at(here, booked) >= times.epoch(booked.start)


def test_an_early_page_becomes_the_waiting_room_by_itself(book, page):
    page.goto(book(15 * MINUTE + 2 * SECOND).link)
    assert page.get_attribute("meta[name=interview-state]", "content") == "early"
    reach(page, "waiting")
    assert page.get_attribute("meta[name=interview-state]", "content") == "waiting"
    assert page.locator("h1").inner_text() == "You are in the right place"


def test_the_countdown_follows_the_server_when_the_device_is_years_off(book, page):
    page.add_init_script(DEVICE_CLOCK_IS_WRONG)
    page.goto(book(10 * MINUTE).link)
    page.wait_for_selector("[data-clock]:not(:empty)")
    assert re.fullmatch(r"0?9:5\d|10:00", page.locator("[data-clock]").inner_text())


def test_the_countdown_runs(book, page):
    page.goto(book(10 * MINUTE).link)
    page.wait_for_selector("[data-clock]:not(:empty)")
    first = page.locator("[data-clock]").inner_text()
    page.wait_for_function("first => document.querySelector('[data-clock]').textContent !== first", arg=first)
    assert page.locator("[data-clock]").inner_text() < first


def test_screen_readers_hear_the_countdown_once_and_not_each_second(book, page):
    page.goto(book(4 * MINUTE + 30 * SECOND).link)
    spoken = page.locator("[data-spoken]")
    page.wait_for_selector("[data-clock]:not(:empty)")
    heard = spoken.inner_text()
    page.wait_for_timeout(1100)
    assert heard == spoken.inner_text()
    assert re.fullmatch(r"Your interview starts in: 4 minutes \d\d? seconds?", heard)
    assert page.get_attribute("[data-clock]", "aria-live") == "off"


def test_screen_readers_hear_a_minute_when_it_is_reached(book, page):
    page.goto(book(4 * MINUTE + 5 * SECOND).link)
    heard = "() => /: (4 minutes|3 minutes 5[0-9] seconds)$/.test(document.querySelector('[data-spoken]').textContent)"
    page.wait_for_function(heard)


def test_a_hidden_page_begins_only_when_it_is_looked_at(here, book, page):
    hidden = "Object.defineProperty(document, 'visibilityState', { get: () => window.seen ? 'visible' : 'hidden' });"
    page.add_init_script(hidden)
    booked = book(-MINUTE)
    page.goto(booked.link)
    page.wait_for_timeout(800)
    assert (begun_at(here, booked), page.get_attribute("main", "data-state")) == (None, "open")
    page.evaluate("window.seen = true; document.dispatchEvent(new Event('visibilitychange'))")
    reach(page, "running")
    assert begun_at(here, booked) is not None


def test_a_lost_connection_is_said_and_the_start_happens_when_it_is_back(book, page):
    page.goto(book(3 * SECOND).link)
    page.context.set_offline(True)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("[data-notice]:not([hidden])")
    assert "We keep trying" in page.locator("[data-notice]").inner_text()
    page.context.set_offline(False)
    reach(page, "running")
    page.wait_for_selector("[data-notice]", state="hidden")


def test_the_start_button_works_when_the_first_try_failed(book, page):
    failed = []

    def fail_once(route):
        failed.append(route.request.url)
        return route.abort() if len(failed) == 1 else route.continue_()

    page.route("**/api/interview/start", fail_once)
    page.goto(book(-MINUTE).link)
    page.click("[data-start-now]")
    reach(page, "running")
    assert len(failed) >= 2


def test_a_crash_or_another_device_goes_on_after_the_entry_window_closed(here, book, browser):
    booked = book(-20 * MINUTE)
    execute(here.db, "UPDATE interview_session SET begun_at = ? WHERE id = ?",
            (times.epoch(times.now() - 19 * MINUTE), booked.session))  # fmt: skip
    for _ in range(2):
        device = browser.new_context().new_page()
        device.goto(booked.link)
        device.reload()
        assert device.get_attribute("main", "data-state") == "running"
        device.context.close()


def test_a_headless_scanner_with_scripts_costs_the_candidate_nothing(here, book, browser, page):
    booked = book(10 * MINUTE)
    scanner = browser.new_context().new_page()
    scanner.goto(booked.link)
    scanner.wait_for_selector("[data-clock]:not(:empty)")
    scanner.context.close()
    assert begun_at(here, booked) is None
    page.goto(booked.link)
    assert page.get_attribute("main", "data-state") == "waiting"
    assert page.locator("[data-reference]").inner_text() == f"IV-{booked.id}"


def test_a_cancelled_interview_is_said_on_the_open_page(here, book, page):
    booked = book(HOUR)
    page.goto(booked.link)
    booking.cancel(here.db, booked.id, settings=here.settings, now=times.now())
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    reach(page, "cancelled")
    assert page.locator("h1").inner_text() == "This interview was cancelled"


def test_a_lost_cookie_asks_for_the_link_of_the_mail(book, page):
    page.goto(book(HOUR).link)
    page.context.clear_cookies()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("meta[name=interview-state][content=no_visit]", state="attached")
    assert page.locator("h1").inner_text() == "Please open the link in your mail again"


@pytest.mark.parametrize("state", ["early", "waiting", "open"])
def test_without_scripts_the_page_says_so(browser, book, state):
    starts_in = {"early": HOUR, "waiting": 5 * MINUTE, "open": -MINUTE}[state]
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(book(starts_in).link)
    assert plain.locator("noscript").inner_text().startswith("Your browser does not run this page's script")
    assert plain.locator("[data-clock]").count() == 0 or not plain.locator("[data-clock]").is_visible()
    context.close()


@pytest.mark.parametrize("width", [320, 1920])
def test_nothing_is_cut_off_on_a_small_phone_or_a_large_screen(book, page, width):
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(book(HOUR).link)
    page.wait_for_selector("[data-clock]:not(:empty)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("main .card").first.bounding_box()["width"] <= min(width, 700)


def test_a_page_asks_nobody_but_the_portal_and_keeps_its_own_policy(here, book, page):
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(book(HOUR).link, wait_until="networkidle")
    assert len(asked) >= 4
    assert all(address.startswith(here.base) for address in asked)
    assert said == []


@pytest.mark.parametrize(("minutes", "words"), [(7, "7 minutes ahead"), (-90, "2 hours behind")])
def test_a_device_clock_that_is_wrong_is_said_and_changes_nothing(book, page, minutes, words):
    page.add_init_script(f"{{ const now = Date.now; Date.now = () => now() + {minutes} * 60000; }}")
    page.goto(book(10 * MINUTE).link)
    page.wait_for_selector("[data-skew]:not([hidden])")
    assert page.locator("[data-skew]").inner_text().startswith(f"Your device's clock is {words}.")
    assert re.fullmatch(r"09:5\d|10:00", page.locator("[data-clock]").inner_text())


def test_a_device_clock_that_is_right_is_not_mentioned(book, page):
    page.goto(book(10 * MINUTE).link, wait_until="networkidle")
    assert page.locator("[data-skew]").is_hidden()


@pytest.mark.parametrize(
    ("zone", "shown"), [("America/New_York", True), ("Asia/Kolkata", False), ("Europe/Rome", False)]
)
def test_a_device_on_another_clock_is_shown_its_own_time_too(book, device, zone, shown):
    booked = book(HOUR)
    page = device(booked.link, timezone_id=zone)
    page.wait_for_selector("[data-clock]:not(:empty)")
    row = page.locator("[data-device]")
    assert row.is_visible() is shown
    local = times.in_zone(booked.start, zone)
    assert f"{local.hour % 12 or 12}:{local:%M %p}" in (row.inner_text() if shown else f"{local:%-I:%M %p}")


def test_the_waiting_room_says_how_good_the_connection_is(book, page):
    page.goto(book(10 * MINUTE).link)
    page.wait_for_selector("[data-connection]:has-text('Connection: good (')")
    page.context.set_offline(True)
    page.wait_for_selector("[data-connection]:has-text('Connection: none')")
    page.route("**/api/interview/state", slowly)
    page.context.set_offline(False)
    page.wait_for_selector("[data-connection]:has-text('Connection: slow')")


def slowly(route):
    time.sleep(0.45)
    route.continue_()


def test_the_interviews_scripts_are_there_before_it_starts(book, page):
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2].partition(".")[0]))
    page.goto(book(10 * MINUTE).link, wait_until="networkidle")
    assert set(asked) & {"room", "view", "drafts"} == set()
    page.goto(book(MINUTE - SECOND).link, wait_until="networkidle")
    assert set(asked) >= {"room", "view", "drafts"}


def test_a_hindi_browser_reads_hindi(book, device):
    page = device(book(10 * MINUTE).link, locale="hi-IN")
    page.wait_for_selector("[data-connection]:has-text('कनेक्शन: अच्छा')")
    assert page.get_attribute("html", "lang") == "hi"
    assert page.locator("h1").inner_text() == "आप सही जगह पर हैं"
    words = page.locator("[data-spoken]").inner_text()
    assert re.fullmatch(r"आपका इंटरव्यू शुरू होने में समय: (10 मिनट|9 मिनट \d+ सेकंड)", words), words


@pytest.mark.parametrize(("language", "most"), [("en", 40_000), ("hi", 50_000)])
def test_the_whole_first_page_is_small(book, device, language, most):
    sizes, page = [], device(locale=language)
    page.on("response", lambda response: response.status == 200 and sizes.append(len(response.body())))
    page.goto(book(10 * MINUTE).link, wait_until="networkidle")
    assert len(sizes) >= 5
    assert sum(sizes) < most


def test_a_page_of_an_older_portal_is_loaded_anew_when_it_turns(book, page):
    page.goto(book(3 * SECOND).link)
    page.evaluate(
        "window.kept = true; document.querySelector('script[src]').setAttribute('src', '/static/portal.old.js')"
    )
    reach(page, "running")
    page.wait_for_selector("h1:has-text('Question 1 of 5')")
    assert page.evaluate("() => window.kept") is None
