"""Pictures of every executed notebook as its page is drawn at a desktop's width, in light and dark, for people to look at.

Each is run as a scheduler runs it, in an installation of its own with secrets in its settings, which may turn up nowhere.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import booking_desk
import interview_room
import job_office
import job_past
import page_contrast
from playwright.sync_api import Browser

from audits import tools
from audits.browser import THEMES, launched
from audits.screenshots import FOLDER as PICTURES
from mailer import portal_process
from notebooks import jobs
from store import database, evaluations, places, sample, session_keys, times
from store.settings import Settings

FOLDER = PICTURES / "notebooks"
WIDTH = 1280
CANARIES = {"EMAIL_HOST_PASSWORD": "correct-horse-battery-canary", "OPS_TOKEN": "an-ops-token-canary-0123456789"}


@dataclass(frozen=True, slots=True)
class Sitting:
    """One run to take pictures of: a notebook, its parameters, and the exit code that is right."""

    notebook: str
    name: str = ""
    parameters: dict[str, object] = field(default_factory=dict)
    exit_code: int = 0

    @property
    def title(self) -> str:
        return f"{self.notebook}{'-' if self.name else ''}{self.name}"


def sittings(folder: Path, portal: str) -> list[Sitting]:
    """Every notebook at least once, those with several faces several times."""
    today = times.now().date()
    good, faulty, questions = folder / "candidates.csv", folder / "faults.csv", folder / "questions.csv"
    sample.write_sample(Path("notebooks/data/candidates_sample.csv"), good, today)
    sample.write_sample(Path("notebooks/data/candidates_faults.csv"), faulty, today)
    questions.write_text("job_title,company_name,position,question,kind\nCook,Acme,1,Why?,\nCook,Acme,1,How?,smoke\n")
    chosen = [
        Sitting("rehearsal", "all", {"batch_csv": good, "scenario": "all", "most_mails": 40}),
        Sitting("rehearsal", "refused", {"batch_csv": good, "scenario": "wrong-password"}),
        Sitting("booking_batch", "plan"),
        Sitting("booking_batch", "booked", {"batch_csv": good, "dry_run": False, "portal_url": portal}),
        Sitting("booking_batch", "faults", {"batch_csv": faulty, "dry_run": False, "portal_url": portal}, 1),
        Sitting("cancel_interviews", "dry-run", {"cancel_csv": good}),
        Sitting("load_questions", "faults", {"questions_csv": questions}, 1),
        Sitting("review", "rated", {"interview_id": 1, "overall_score": 8, "traits": "clarity=7.5, pace=6"}),
        Sitting("job_history", "failures", {"days": 7, "outcome": "not done"}),
    ]
    return [*chosen, *(Sitting(name) for name in jobs.names() if name != "booking_batch")]


def furnish(environment: dict[str, str]) -> list[str]:
    """Fills the record with completed interviews and a past of runs; gives the keys that open the interviews."""
    now = times.now()
    db = database.open_record(environment["DATABASE_URL"])
    ring = session_keys.load_ring(db, environment["SESSION_KEY_RING"], now=now)
    desk = booking_desk.Desk(db, Settings(), ring, now - timedelta(days=2))
    for number, name in enumerate(("Asha Rao", "Bela Bok", "Chen Wei", "Dinesh Patil", "Esther Okoro")):
        _interviewed(desk, name, number)
    job_past.write(db, a_day=len(job_past.NIGHTLY))
    # Their invitations went out long ago.
    desk.change("DELETE FROM notification")
    rows = desk.rows("SELECT public, key_id, generation FROM interview_session")
    db.close()
    return [session_keys.session_key(*row, ring) for row in rows]


def _interviewed(desk: booking_desk.Desk, name: str, number: int) -> None:
    email = f"{name.partition(' ')[0].lower()}@example.com"
    asked = booking_desk.request(desk.now + timedelta(hours=2 + 2 * number), email=email, candidate_name=name)
    booked = desk.book(asked, job_title=("Nurse", "Data Engineer")[number % 2])
    room = interview_room.room_of(desk, booked.interview_id).later(60)
    room.begin()
    room.beat(question=1)
    said = "I looked after a ward of twelve for six years. A double shift taught me to hand over in writing."
    room.later(95 + 20 * number).save(f"{said} Ask me at {email}. " * (number + 1))
    room.later(30).save(f"In short: {said}", sequence=2)
    room.beat(question=2)
    room.later(20 + 5 * number).save("No." if number else "", sequence=3, number=2)
    room.later(60).finish()
    if number in (1, 3):
        evaluations.create(desk.db, {"interview_id": booked.interview_id, "overall_score": 6.5 + number}, desk.now)


def run(sitting: Sitting, environment: dict[str, str]) -> Path:
    """Runs it; gives its page. Raises AssertionError if it ends otherwise than it should."""
    given = [f"{name}={_text(value)}" for name, value in sitting.parameters.items()]
    command = [sys.executable, "-m", "notebooks", "run", sitting.notebook, *given]
    done = subprocess.run(command, cwd=places.ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == sitting.exit_code, f"{sitting.title}: {done.returncode}\n{done.stdout}{done.stderr}"
    pages = Path(environment["RUNS_FOLDER"]).joinpath(sitting.notebook).glob("*.html")
    return max(pages, key=lambda path: path.stat().st_mtime_ns)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def take(page_path: Path, title: str, browser: Browser, folder: Path) -> list[Path]:
    """A picture of the whole page for each theme, named `review-1280-dark.png`; no request may leave the file."""
    taken, asked = [], []
    for theme in THEMES:
        context = browser.new_context(viewport={"width": WIDTH, "height": 900}, color_scheme=theme)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_path.as_uri())
        # Frames that were never in sight are not drawn.
        page.set_viewport_size({"width": WIDTH, "height": page.evaluate("document.documentElement.scrollHeight")})
        taken.append(folder / f"{title}-{WIDTH}-{theme}.png")
        page.screenshot(path=taken[-1], full_page=True)
        assert page_contrast.faint(page) == [], f"{title}, {theme}"
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH, f"{title} is too wide"
        context.close()
    outside = {url[:80] for url in asked if not url.startswith(("file:", "data:", "about:"))}
    assert outside == set(), f"{title}: {outside}"
    return taken


def told_secrets(folder: Path, secrets: list[str]) -> list[str]:
    """The files of the runs in which a secret stands."""
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in folder.rglob("*") if path.is_file()}
    return [path.name for path, text in texts.items() if any(secret in text for secret in secrets)]


def main(wanted: list[str]) -> None:
    """Pictures of all sittings, or of those whose title begins with one of these."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = job_office.environment_of(folder, f"sqlite:///{folder}/interviews.db") | CANARIES
        environment |= {"BACKEND_URL": "https://interviews.example.com", "RECORDINGS_FOLDER": f"{folder}/recordings"}
        os.environ.update(environment)
        keys = furnish(environment)
        with portal_process.running(environment) as portal, launched(tools.chromium()) as browser:
            chosen = [one for one in sittings(folder, portal) if not wanted or one.title.startswith(tuple(wanted))]
            for old in (path for one in chosen for path in FOLDER.glob(f"{one.title}-{WIDTH}-*.png")):
                old.unlink()
            taken = [take(run(one, environment), one.title, browser, FOLDER) for one in chosen]
        ring = json.loads((folder / "key_ring.json").read_text(encoding="utf-8"))["keys"].values()
        assert told_secrets(folder / "runs", [*keys, *ring, *CANARIES.values()]) == []
    print(f"{sum(map(len, taken))} pictures of notebooks in {places.shown(FOLDER)}; no secret in what the runs wrote")


if __name__ == "__main__":
    main(sys.argv[1:])
