"""The tools of the audits: where `make audit` installs them, and one run of each. What is missing skips the test."""

import os
import shutil
import subprocess
from pathlib import Path

from conftest import need

from store import places

HERE = Path(__file__).parent
NODE_MODULES = HERE / "node_modules"
PATH = os.environ["PATH"]
ENVIRONMENTS = places.ROOT / ".venv-audit"
"""One virtual environment for each Python tool: they do not agree on their libraries."""


def package(path: str) -> Path:
    """A file of an npm package."""
    need((NODE_MODULES / path).is_file(), f"{path.partition('/')[0]} is not installed (run `make audit`)")
    return NODE_MODULES / path


def node(script: Path, *arguments: object, seconds: float, **more) -> subprocess.CompletedProcess[str]:
    """Runs a Node.js script in this folder for at most so many seconds."""
    program = shutil.which("node")
    need(program, "no Node.js on this machine (apt install nodejs npm)")
    return _run([program, script, *arguments], seconds, **more)


def python(name: str, *arguments: object, seconds: float, **more) -> subprocess.CompletedProcess[str]:
    """Runs a Python tool, named like its environment, for at most so many seconds."""
    program = ENVIRONMENTS / name / "bin" / name
    need(program.is_file(), f"{name} is not installed (run `make audit`)")
    return _run([program, *arguments], seconds, **more)


def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    need(found, "no chromium on this machine (apt install chromium)")
    return found


def _run(command: list[object], seconds: float, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=seconds, **({"cwd": HERE} | more)
    )
