"""What the portal is measured beside: Flask and Django under gunicorn, and nginx with a file. Starts and ends them."""

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server

from portal_server import HEADERS
from store import places

HERE = Path(__file__).parent
VENV = places.ROOT / ".venv-bench"
PACKAGES = ("flask>=3,<4", "django>=5.2,<6", "gunicorn>=23")
NAMES = ("flask", "django")
NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{ access_log off; server_tokens off; keepalive_requests 100000000;
  server {{ listen 127.0.0.1:{port}; location = /interview {{ default_type text/html; alias {page}; }} }} }}
"""


class Missing(Exception):
    """A peer cannot be measured here; the message says why."""


def installed() -> Path:
    """The peers' own Python, made at the first time. Raises Missing."""
    python = VENV / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True, capture_output=True)
        quiet = ["install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([str(python), "-m", "pip", *quiet, *PACKAGES], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        raise Missing(f"pip could not install {', '.join(PACKAGES)}: {error.stderr.decode()[-200:]}") from error
    return python


@contextmanager
def peer(name: str, database: Path, ring: Path, template: Path) -> Iterator[tuple[int, int]]:
    """Port and process id of a peer that serves this record with two gunicorn workers."""
    python, port = installed(), free_port()
    environment = {"PEER_DATABASE": str(database), "PEER_RING": str(ring), "PEER_TEMPLATE": str(template),
                   "PEER_HEADERS": json.dumps(HEADERS), "PATH": "/usr/bin:/bin"}  # fmt: skip
    command = [str(python), "-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "--log-level", "error",
               "--chdir", str(HERE), f"peers_{name}:app"]  # fmt: skip
    with _running(command, port, environment) as pid:
        yield port, pid


@contextmanager
def nginx(folder: Path, page: Path) -> Iterator[tuple[int, int]]:
    """Port and process id of an nginx with one worker that serves this file. Raises Missing."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise Missing("nginx is not installed (apt install nginx-light)")
    port, place = free_port(), folder / "nginx"
    place.mkdir()
    # Its worker is another user where the benchmark is run as root.
    for one in (page, *page.parents[: page.parents.index(Path("/"))]):
        one.chmod(one.stat().st_mode | 0o005)
    (place / "conf").write_text(NGINX.format(folder=place, port=port, page=page))
    with _running([program, "-p", str(place), "-e", f"{place}/error.log", "-c", str(place / "conf")], port) as pid:
        yield port, pid


@contextmanager
def _running(command: list[str], port: int, environment: dict[str, str] | None = None) -> Iterator[int]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        for _ in range(100):
            if process.poll() is not None:
                raise Missing(f"{Path(command[0]).name} ended at once: {process.stderr.read().decode()[-400:]}")
            if _answers(port):
                break
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)
        process.stderr.close()


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/interview", timeout=2).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
