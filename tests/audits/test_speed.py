"""How soon the first page is there, on a phone and on a slow network: Lighthouse, and a measured slow 3G."""

import json

import pytest

from audits import tools
from audits.browser import opened
from audits.stages import MINUTE, address

pytestmark = pytest.mark.audit

CATEGORIES = ("performance", "accessibility", "best-practices")
"""Not SEO: no search engine is to know the portal."""
LEAST_SCORE = 0.95
TRIES = 6
FIRST_PAGE_BYTES = 60_000
SLOW_3G = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
"""Milliseconds, and bytes a second: 400 kbit/s."""
FIRST_CONTENT, READY = 4_000, 6_000
"""Milliseconds on slow 3G, from the tap on the link to the first words, and to the running countdown."""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def test_the_first_page_scores_on_a_phone(portal, tmp_path):
    link = address(portal, portal.book(10 * MINUTE).link)
    # A busy machine lowers the score, and now and then the browser leaves a trace that tells none: neither is the page's.
    for _ in range(TRIES):
        said = measured(link, tmp_path)
        low = {name: part["score"] for name, part in said["categories"].items() if (part["score"] or 0) < LEAST_SCORE}
        if not low:
            break
    assert said["finalDisplayedUrl"] == address(portal, "/interview")
    assert (low, set(said["categories"])) == ({}, set(CATEGORIES)), weak(said)


def measured(link, folder):
    """Lighthouse's report on a link."""
    report = folder / "report.json"
    script = tools.package("lighthouse/cli/index.js")
    done = tools.node(
        script, link, "--output=json", f"--output-path={report}", "--quiet", "--no-enable-error-reporting",
        f"--only-categories={','.join(CATEGORIES)}", "--chrome-flags=--headless=new --no-sandbox", seconds=90,
        env={"CHROME_PATH": tools.chromium(), "HOME": str(folder), "PATH": tools.PATH},
    )  # fmt: skip
    assert report.is_file(), done.stderr
    return json.loads(report.read_text(encoding="utf-8"))


def weak(said):
    return sorted(
        name for name, audit in said["audits"].items() if (audit["score"] or 0) < 0.9 and audit["score"] is not None
    )


@pytest.fixture
def slowly(portal, browser):
    """The first page, opened by its link on slow 3G; gives the page and the bytes that each answer took."""
    with opened(browser, width=360) as page:
        network, sizes = page.context.new_cdp_session(page), []
        network.send("Network.enable")
        network.send("Network.emulateNetworkConditions", SLOW_3G)
        network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        page.goto(address(portal, portal.book(10 * MINUTE).link))
        page.wait_for_selector("[data-clock]:not(:empty)")
        yield page, sizes


def test_the_first_page_is_small(slowly):
    page, sizes = slowly
    page.wait_for_load_state("networkidle")
    assert len(sizes) >= 3
    assert sum(sizes) < FIRST_PAGE_BYTES


def test_the_first_page_is_there_in_seconds_on_slow_3g(slowly):
    page, _ = slowly
    assert SLOW_3G["latency"] < page.evaluate(FIRST_PAINT) < FIRST_CONTENT
    assert page.evaluate("performance.now()") < READY
