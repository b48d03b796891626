"""Pictures of the mails as Chromium draws their HTML, on a phone and a desktop, beside those of the pages."""

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

from facts_of_mails import INVITED, START
from playwright.sync_api import Browser, Page

from audits import tools
from audits.browser import THEMES, launched, opened
from audits.screenshots import FOLDER
from mailer.messages import compose
from store import places
from store.facts import CANCELLED, RESCHEDULED, HandOver

WIDTHS = (360, 1024)
TOKEN, SITE = "0123456789abcdef0123", "https://interviews.example.com"
LINK = f"{SITE}/?session_key=k1{'abcdefgh234567qz' * 3}"
FULL = replace(INVITED, booking_notes="Bring your ID.\nAsk for the second floor.", reference="R-17", round=2,
               candidate_timezone="America/New_York")  # fmt: skip
MAILS = {
    "invitation": FULL,
    "hindi": replace(INVITED, candidate_name="आशा राव", job_title="डेटा इंजीनियर", company_name="उदाहरण लैब्स"),
    "long-words": replace(INVITED, job_title="W" * 60, company_name="Donaudampfschifffahrtsgesellschaft" * 2),
    "rescheduled": replace(FULL, kind=RESCHEDULED, sequence=1, previous_starts_at=START - timedelta(days=1)),
    "cancelled": replace(FULL, kind=CANCELLED, sequence=2),
}


def made(name: str) -> bytes:
    """The finished mail of that name."""
    hand_over = HandOver(START - timedelta(days=3), "jobs@example.com", "Example Jobs", SITE)
    return compose(MAILS[name], hand_over, message_id=f"<{TOKEN}@interviews.example.com>", token=TOKEN, link=LINK)


def draw(page: Page, message: bytes, width: int, theme: str) -> None:
    """Shows a mail's HTML in a window of this width, in light or dark."""
    page.set_viewport_size({"width": width, "height": 640})
    page.emulate_media(color_scheme=theme)
    html = message_from_bytes(message, policy=policy.default).get_body(("html",))
    page.set_content(html.get_content())


def take(name: str, browser: Browser, folder: Path) -> list[Path]:
    """A picture for each width and theme, named `mail-invitation-360-dark.png`."""
    taken = []
    with opened(browser) as page:
        for width in WIDTHS:
            for theme in THEMES:
                draw(page, made(name), width, theme)
                taken.append(folder / f"mail-{name}-{width}-{theme}.png")
                page.screenshot(path=taken[-1], full_page=True)
    return taken


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with launched(tools.chromium()) as browser:
        taken = [take(name, browser, FOLDER) for name in MAILS]
    print(f"{sum(map(len, taken))} pictures of mails in {places.shown(FOLDER)}")


if __name__ == "__main__":
    main()
