"""This checkout as an installation in a folder of a test's own: the code is this one's, all that is written lies there."""

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import job_office

from store import places

_CODE = ("notebooks", "store", "mailer", "views", "static", "deploy")


@dataclass(frozen=True, slots=True)
class InstalledHere:
    """The folder, and the variables that its settings' file would hold."""

    folder: Path
    environment: dict[str, str]

    @staticmethod
    def catches_sigterm(number: int) -> bool:
        """Whether a process has said what it does when it is asked to end."""
        lines = Path(f"/proc/{number}/status").read_text().splitlines()
        caught = next(line.split()[1] for line in lines if line.startswith("SigCgt:"))
        return bool(int(caught, 16) & 1 << 14)


def make(folder: Path, url: str) -> InstalledHere:
    """An installation there, with a sandbox for a mail server and a free port for its portal."""
    root = folder / "opt"
    root.mkdir()
    for name in (*_CODE, *(path.name for path in places.ROOT.glob("portal*.py"))):
        (root / name).symlink_to(places.ROOT / name)
    (root / ".venv").symlink_to(sys.prefix)
    for name in ("var", "runs", "secrets"):
        (root / name).mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"PORTAL_PORT": str(port), "BACKEND_URL": f"http://localhost:{port}", "HOME": str(folder),
           "DEFAULT_FROM_EMAIL": "Interviews <interviews@example.com>", "PORTAL_PROCESSES": "1"}  # fmt: skip
    settings = job_office.environment_of(folder, url)
    kept = {name: text for name, text in settings.items() if name not in os.environ or name in ("PATH", "LANG")}
    return InstalledHere(root, {**kept, **own})
