"""wapiti against the running portal with a candidate's cookie: nothing of medium gravity or above."""

import http.server
import json
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from portal_office import MINUTE

from audits import tools
from audits.conftest import complaints
from audits.stages import address
from store import sessions, times

pytestmark = pytest.mark.audit

MODULES = ("backup", "buster", "cookieflags", "crlf", "csp", "csrf", "exec", "file", "htaccess", "http_headers", "ldap",
           "methods", "permanentxss", "redirect", "shellshock", "sql", "timesql", "upload", "xss")  # fmt: skip
"""All that attack from here. Left out: those that need a server or a list of their makers (ssrf, xxe, log4shell, nikto,
wapp, htp, cms, wp_enum, takeover), TLS (ssl, https_redirect), a login form (brute_login_form), a router
(network_device), and spring4shell, which takes the page for an unknown link for a crash of Java.
"""
MEDIUM = 2
MODULE_SECONDS, SECONDS = 30, 300
STARTS = ("/interview", "/?session_key=k1" + "a" * 48, "/api/interview/state", "/api/interview/questions",
          "/api/interview/answers/1/recordings/aaaaaaaaaaaaaaaa?page=aaaaaaaaaaaaaaaa&offset=0", "/healthz", "/readyz",
          "/api/evaluation/crud/?candidate_id=1&after=0&limit=10", "/api/recordings/1")  # fmt: skip
"""What no page links to."""


def attacked(site, folder, modules, *more):
    """The report: all that was found, by gravity (0 to 4), and the number of addresses that were tried."""
    report = folder / "report.json"
    done = tools.python(
        "wapiti", "--url", site, "--scope", "folder", "--module", ",".join(modules), "--level", 1, *more,
        "--max-scan-time", SECONDS, "--max-attack-time", MODULE_SECONDS, "--format", "json", "--output", report,
        "--store-session", folder / "session", "--store-config", folder / "config", "--no-bugreport", "--verbose", 0,
        seconds=SECONDS * 2, cwd=folder,
    )  # fmt: skip
    assert report.is_file(), done.stderr
    said = json.loads(report.read_text(encoding="utf-8"))
    kinds = said["vulnerabilities"] | said["anomalies"]
    found = [(one["level"], kind, one["path"], one["info"]) for kind, ones in kinds.items() for one in ones]
    return found, said["infos"]["crawled_pages_nbr"]


def test_no_attack_on_the_portal_finds_anything_of_medium_gravity(portal, tmp_path):
    booked = portal.book(-MINUTE)
    cookie = portal.enter(booked)["Cookie"]
    sessions.begin(portal.db, booked.session, times.now())
    starts = [part for path in STARTS for part in ("--start", address(portal, path))]
    mine = ("--cookie-value", cookie, "--drop-set-cookie", "--header", f"X-Interview: IV-{booked.id}")
    found, tried = attacked(address(portal), tmp_path, MODULES, *starts, *mine)
    assert [one for one in found if one[0] >= MEDIUM] == []
    assert tried >= len(STARTS)
    assert complaints(portal) == []


class Leaky(http.server.BaseHTTPRequestHandler):
    """A site that shows what it was asked for."""

    def do_GET(self):
        asked = parse_qs(urlsplit(self.path).query).get("name", ["nobody"])[0]
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f"<html><body><p>{asked}</p></body></html>".encode())

    def log_message(self, *_):
        pass


def test_a_site_that_shows_what_it_was_asked_for_is_found(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Leaky) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site = f"http://127.0.0.1:{server.server_port}/"
        found, _ = attacked(site, tmp_path, ("xss",), "--start", f"{site}?name=x")
        server.shutdown()
    assert max(one[0] for one in found) >= MEDIUM
