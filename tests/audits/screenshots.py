"""Pictures of every state of the pages, for people to look at: `make screenshots` puts them into var/screenshots/."""

import tempfile
from pathlib import Path

import portal_office
from playwright.sync_api import Browser

import portal_words
from audits import tools
from audits.browser import THEMES, launched, opened
from audits.stages import STAGES, Stage
from store import places

FOLDER = places.ROOT / "var" / "screenshots"
WIDTHS = (320, 390, 1280)


def take(stage: Stage, language: str, browser: Browser, portal: portal_office.Installation, folder: Path) -> list[Path]:
    """A picture of the whole page for each width and theme, named `early-en-320-dark.png`."""
    taken = []
    with opened(browser, language) as page:
        stage.reach(page, portal)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            for theme in THEMES:
                page.emulate_media(color_scheme=theme)
                taken.append(folder / f"{stage}-{language}-{width}-{theme}.png")
                page.screenshot(path=taken[-1], full_page=True)
    return taken


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        record = f"sqlite:///{folder}/record.db"
        with portal_office.running(record, Path(folder)) as portal, launched(tools.chromium()) as browser:
            taken = [take(stage, language, browser, portal, FOLDER)
                     for language in portal_words.languages() for stage in STAGES]  # fmt: skip
    print(f"{sum(map(len, taken))} pictures in {places.shown(FOLDER)}")


if __name__ == "__main__":
    main()
