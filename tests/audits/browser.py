"""A real browser and one page of it, as audits and screenshots need them: a language, a width, a theme."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

THEMES = ("light", "dark")
PATIENCE = 10_000
"""Milliseconds that a page may take to show what is waited for."""
ARGUMENTS = ("--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@contextmanager
def launched(program: str) -> Iterator[Browser]:
    """Chromium without a window, with a camera and a microphone that are no real ones."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield running
        running.close()


@contextmanager
def opened(browser: Browser, language: str = "en", *, width: int = 320) -> Iterator[Page]:
    """A page of a new visitor. Raises AssertionError in the end if its script broke, or its policy was broken."""
    context = browser.new_context(viewport={"width": width, "height": 800}, locale=language, reduced_motion="reduce")
    page, said = context.new_page(), []
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: "Content Security Policy" in line.text and said.append(line.text))
    yield page
    context.close()
    assert said == []
