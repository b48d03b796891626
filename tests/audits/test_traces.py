"""What a look at the portal leaves behind: no Referer anywhere, and nothing in the record but the visit."""

import http.server
import threading

import bottle
import portal_office
import pytest

import portal as program
from audits.browser import opened
from audits.stages import STAGES, address
from portal_site import Site
from store import times
from store.database import fetch

pytestmark = pytest.mark.audit

PARTS = {"<name>": "portal.css", "<number>": "1", "<take>": "a" * 16, "<id>": "1"}
"""What stands in an address for each of its parts."""
VISIT = {"portal_visit", "interview_session", "event"}
"""What the exchange of a link may touch: the visit, and the first time that it was opened."""


@pytest.mark.parametrize("stage", STAGES, ids=str)
def test_no_page_says_where_somebody_came_from(stage, portal, browser):
    sent = []
    with opened(browser) as page, elsewhere(sent) as other:
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        network.on("Network.requestWillBeSentExtraInfo", lambda event: sent.append(event["headers"].get("Referer")))
        stage.reach(page, portal)
        page.context.set_offline(False)
        page.evaluate("to => { document.body.innerHTML = `<a href='${to}'>Away</a>`; }", other)
        page.click("text=Away")
        page.wait_for_url(f"{other}/")
    assert len(sent) >= 4
    assert [sender for sender in sent if (sender or "").startswith(address(portal))] == []


class elsewhere:  # noqa: N801 - a context like a function's
    """Another site, which notes the Referer of each request in the list."""

    def __init__(self, sent):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                sent.append(self.headers["Referer"])
                self.send_response(204 if self.path == "/favicon.ico" else 200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://localhost:{self.server.server_port}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def dump(here):
    """Every row of every table."""
    return {table: sorted(map(repr, fetch(here.db, f"SELECT * FROM {table}"))) for table in here.db.get_tables()}


def changed(before, after):
    return {table for table in before if before[table] != after[table]}


def looks(here):
    """The address of every route that only shows something."""
    routes = program.Portal(Site(here.db, here.settings, here.ring, times.now)).routes().routes
    assert all(isinstance(route, bottle.Route) for route in routes)
    for route in routes:
        path = route.rule
        for part, value in PARTS.items():
            path = path.replace(part, value)
        if route.method == "GET":
            yield path


@pytest.fixture
def begun(here, open_now):
    headers = here.enter(open_now)
    here.send("POST", "/api/interview/start", headers)
    return headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_look_at_any_address_changes_nothing(method, here, begun):
    before = dump(here)
    paths = list(looks(here))
    statuses = {path: here.ask(method, path, begun | portal_office.OPS).status for path in paths}
    assert {path: status for path, status in statuses.items() if status >= 500} == {}
    assert len(paths) >= 12
    assert changed(before, dump(here)) == set()


def test_a_link_opened_leaves_a_visit_and_a_link_asked_for_leaves_nothing(here, open_now):
    before = dump(here)
    assert here.ask("HEAD", open_now.link).status == 303
    assert changed(before, dump(here)) == set()
    assert here.ask("GET", open_now.link).status == 303
    first = dump(here)
    assert changed(before, first) == VISIT
    assert here.ask("GET", open_now.link).status == 303
    assert changed(first, dump(here)) == {"portal_visit"}


@pytest.mark.parametrize("stage", ["/interview", "/nosuch", "/api/interview/state"])
def test_a_stranger_changes_nothing(stage, here):
    before = dump(here)
    here.ask("GET", stage)
    assert changed(before, dump(here)) == set()
