"""The portal over HTTP, beside Flask and Django doing the same on the same tables, and nginx serving the page's file.

Three requests at 32 connections: the interview's page with a cookie, the exchange of a link for a cookie, an answer saved.
Each server has its own copy of one SQLite record. The page is measured once more while twelve clients have sent half a
request. Rounds are interleaved, so that all meet the same noise; medians are shown and judged.
"""

import html
import os
import re
import shutil
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

import peers
from engines import fresh

from portal_words import choose
from store import booking, database, places, session_keys, sessions, times, visits
from store.database import execute, fetch
from store.requests import BookingRequest
from store.settings import Settings

CONNECTIONS, SECONDS, ROUNDS = 32, 4, 3
WAITING, RUNNING = 2000, 256
KINDS = ("page", "exchange", "save")
OVER_DJANGO, OVER_FLASK, P99, MEMORY, STALLED = 5.0, 2.0, 15.0, 60.0, 0.8
"""Goals of the page: ratios of rates, milliseconds, MB a process, and what stalled clients must leave of its rate."""
MARKS = {"candidate_name": "Zcandidate", "job_title": "Zjob", "company": "Zcompany", "booking_notes": "Znotes",
         "reference": "Zreference"}  # fmt: skip


@dataclass
class Measured:
    """One run of wrk: requests a second, 99th percentile in ms, CPU of all processes in us a request, MB of the largest."""

    rate: float
    p99: float
    cpu: float
    memory: float


def book(url: str, folder: Path) -> None:
    """A record with interviews that wait for their start and some that run; their cookies and links as files."""
    settings = Settings(_env_file=None, database_url=url, session_key_ring=str(folder / "ring.json"))
    db, now = database.open_record(url), times.now().replace(microsecond=0)
    ring = session_keys.load_ring(db, str(folder / "ring.json"), now=now)
    lines: dict[str, list[str]] = defaultdict(list)
    with database.writing(db):
        for number in range(WAITING + RUNNING):
            is_running = number >= WAITING
            start = now + timedelta(minutes=-1 if is_running else 14)
            key, session = _booked(db, settings, ring, number, start)
            cookie = visits.exchange(db, session, visits.CANDIDATE, now)
            if is_running:
                sessions.begin(db, session.id, now)
                lines["save"].append(f"{cookie} {sessions.interview_code(session.interview_id)}")
            else:
                lines["page"].append(cookie)
                lines["exchange"].append(f"/?session_key={key}")
    execute(db, "PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    for kind, found in lines.items():
        (folder / kind).write_text("\n".join(found) + "\n")


def _booked(db, settings, ring, number, start) -> tuple[str, session_keys.SessionRow]:
    said = MARKS if number == 0 else {name: f"{mark}{number}" for name, mark in MARKS.items()}
    request = BookingRequest(
        candidate_name=said["candidate_name"], email=f"c{number}@example.com", address=f"c{number}@example.com",
        job_title=said["job_title"], company_name=said["company"], starts_at=start, ends_at=start + timedelta(hours=4),
        timezone="Asia/Kolkata", candidate_timezone="Europe/Berlin", reference=said["reference"],
        booking_notes=said["booking_notes"],
    )  # fmt: skip
    made = booking.book_slot(db, request, settings=settings, ring=ring, now=start - timedelta(days=1))
    found = "SELECT public FROM interview_session WHERE interview_id = ?"
    key = session_keys.session_key(fetch(db, found, (made.interview_id,))[0][0], ring.current, 1, ring)
    return key, session_keys.find(db, key, ring)


def template_of(page: str) -> str:
    """Our own page of the first interview as a template that Jinja and Django both read, so that all send the same."""
    instants = dict(re.findall(r'data-(server-time|opens-at|starts-at|closes-at|deadline)="([^"]+)"', page))
    start, end = (datetime.fromisoformat(instants[name]) for name in ("starts-at", "deadline"))
    if re.search("{{|{%|{#", page):
        raise SystemExit("the page holds a template's own signs")
    for name, mark in MARKS.items():
        page = page.replace(mark, f"{{{{ {name} }}}}")
    for name, zone in (("clock", "Asia/Kolkata"), ("other_clock", "Europe/Berlin")):
        shown = choose("").clocks(start, end, [zone])[0]
        for place, words in enumerate((shown.date, shown.start, shown.end, shown.zone)):
            page = page.replace(html.escape(words), f"{{{{ {name}.{place} }}}}")
    for name, instant in instants.items():
        page = page.replace(instant, f"{{{{ {name.replace('-', '_')} }}}}")
    return page.replace("IV-1<", "{{ code }}<")


@contextmanager
def portal(url: str, ring: Path) -> Iterator[tuple[int, int]]:
    """Port and process id of our own server, as `make portal` starts it."""
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": url, "SESSION_KEY_RING": str(ring), "PORTAL_PORT": "0",
                   "BACKEND_URL": "http://localhost:8000", "PORTAL_HOST": "127.0.0.1"}  # fmt: skip
    command = [sys.executable, str(places.ROOT / "portal.py")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline().rsplit(":", 1)[1]), process.pid
    finally:
        process.terminate()
        process.wait(15)
        process.stdout.close()


def ask(port: int, path: str, cookie: str = "") -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Cookie": f"iv={cookie}"} if cookie else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def run(kind: str, port: int, pid: int, lines: Path) -> Measured:
    """One measurement; exits if an answer was no success."""
    before = _cpu(pid)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", "--latency", "-s", str(peers.HERE / "portal.lua"),
               f"http://127.0.0.1:{port}/", "--", kind, str(lines)]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"{kind} at port {port} did not always succeed:\n{said}")
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)\s", said).groups()
    requests = int(re.search(r"(\d+) requests in", said)[1])
    p99 = float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    return Measured(rate, p99, (_cpu(pid) - before) / requests * 1e6, _memory(pid))


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def _cpu(pid: int) -> float:
    ticks = 0
    for one in _family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    texts = [Path(f"/proc/{one}/status").read_text() for one in _family(pid)]
    return max(int(re.search(r"VmRSS:\s+(\d+)", text)[1]) for text in texts) / 1024


@contextmanager
def stalled(port: int, clients: int = 12) -> Iterator[None]:
    """Twelve clients that have sent half a request, every other one half of its body."""
    head = b"GET /interview HTTP/1.1\r\nHost: 127."
    body = b"PUT /api/interview/answers/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{"
    with ExitStack() as stack:
        for number in range(clients):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.sendall(head if number % 2 else body)
        yield


def measure(folder: Path, database_file: Path) -> dict[tuple[str, str], list[Measured]]:
    """All servers side by side, ROUNDS times."""
    results: dict[tuple[str, str], list[Measured]] = defaultdict(list)
    ring, cookie = folder / "ring.json", (folder / "page").read_text().split()[0]

    def copy(name: str) -> Path:
        return Path(shutil.copy(database_file, folder / f"{name}.db"))

    with ExitStack() as stack:
        servers = {"portal": stack.enter_context(portal(f"sqlite:///{copy('portal')}", ring))}
        page = ask(servers["portal"][0], "/interview", cookie)[1]
        (folder / "page.html").write_text(page)
        (folder / "peer.html").write_text(template_of(page))
        for name in peers.NAMES:
            servers[name] = stack.enter_context(peers.peer(name, copy(name), ring, folder / "peer.html"))
            _check(name, servers[name][0], page, cookie)
        try:
            servers["nginx"] = stack.enter_context(peers.nginx(folder, folder / "page.html"))
        except peers.Missing as missing:
            print(f"The limit is not measured: {missing}.")
        for _ in range(ROUNDS):
            for kind in KINDS:
                for name, (port, pid) in servers.items():
                    if kind == "page" or name != "nginx":
                        results[kind, name].append(run(kind, port, pid, folder / kind))
            port, pid = servers["portal"]
            with stalled(port):
                results["page", "portal, 12 stalled"].append(run("page", port, pid, folder / "page"))
    return results


def _check(name: str, port: int, page: str, cookie: str) -> None:
    """A peer must say what we say, but for the server's time."""
    status, said = ask(port, "/interview", cookie)
    own, other = (re.sub(r'data-server-time="[^"]+"|\s|&#(?:0?39|x27);', "", text) for text in (page, said))
    if status != 200 or own != other:
        raise SystemExit(f"the page of {name} is another one: {status}\n{said[:2000]}")


def main() -> int:
    """Prints the table; exit code 1 if a goal is missed."""
    if shutil.which("wrk") is None:
        print("The portal is not measured: wrk is not installed (apt install wrk).")
        return 0
    try:
        peers.installed()
    except peers.Missing as missing:
        print(f"The portal is not measured: {missing}")
        return 0
    with fresh("sqlite", 1) as (url,):
        database_file = Path(url.removeprefix("sqlite:///"))
        book(url, database_file.parent)
        results = measure(database_file.parent, database_file)
    print(f"{'request':<10}{'server':<20}{'per s':>8}{'p99 ms':>8}{'CPU us':>8}{'MB':>5}{'  portal is':>12}")
    middle = {}
    for (kind, name), rounds in results.items():
        columns = zip(*((one.rate, one.p99, one.cpu, one.memory) for one in rounds), strict=True)
        middle[kind, name] = Measured(*map(median, columns))
    for (kind, name), one in sorted(middle.items(), key=lambda item: (KINDS.index(item[0][0]), -item[1].rate)):
        times_as_fast = _ratio(results[kind, "portal"], results[kind, name])
        print(
            f"{kind:<10}{name:<20}{one.rate:>8.0f}{one.p99:>8.1f}{one.cpu:>8.0f}{one.memory:>5.0f}{times_as_fast:>11.1f}x"
        )
    return _judged(results, middle)


def _ratio(mine: list[Measured], theirs: list[Measured]) -> float:
    return median(own.rate / other.rate for own, other in zip(mine, theirs, strict=True))


def _judged(results: dict[tuple[str, str], list[Measured]], middle: dict[tuple[str, str], Measured]) -> int:
    pages, slowed = results["page", "portal"], "portal, 12 stalled"
    missed = {
        f"{OVER_DJANGO:g} times Django": _ratio(pages, results["page", "django"]) < OVER_DJANGO,
        f"{OVER_FLASK:g} times Flask": _ratio(pages, results["page", "flask"]) < OVER_FLASK,
        f"p99 of {P99:g} ms": max(middle["page", name].p99 for name in ("portal", slowed)) > P99,
        f"{MEMORY:g} MB a process": max(one.memory for (_, name), one in middle.items() if name == "portal") > MEMORY,
        "twelve stalled clients do no harm": _ratio(results["page", slowed], pages) < STALLED,
    }
    print(
        "Goals: " + "; ".join(f"{goal} {'missed' if is_missed else 'met'}" for goal, is_missed in missed.items()) + "."
    )
    return int(any(missed.values()))


if __name__ == "__main__":
    sys.exit(main())
