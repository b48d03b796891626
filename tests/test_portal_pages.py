"""The pages' templates: what is written into them beforehand changes nothing of what candidates see."""

import functools
import io
from datetime import timedelta

import bottle
import pytest

import portal
import portal_pages
from portal_words import languages
from store import session_keys, sessions, visits
from store.database import fetch


@pytest.fixture
def record_url(sqlite_url):
    """One engine is enough for what is only shown."""
    return sqlite_url


@pytest.fixture
def ask(db, settings, ring, booked, tomorrow):
    """Asks for a page in a language, `after` the interview's start."""
    key = session_keys.session_key(fetch(db, "SELECT public FROM interview_session")[0][0], "1", 1, ring)
    cookie = visits.exchange(db, session_keys.find(db, key, ring), visits.CANDIDATE, tomorrow)

    def ask(path, after=timedelta(0), language="en"):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": "interviews.example.com", "SERVER_PORT": "80",
                   "QUERY_STRING": "", "HTTP_COOKIE": f"__Host-iv={cookie}", "HTTP_ACCEPT_LANGUAGE": language,
                   "wsgi.errors": io.StringIO(), "wsgi.input": io.BytesIO()}  # fmt: skip
        app = portal.make_app(db, settings, ring, lambda: tomorrow + after)
        return b"".join(app(environ, lambda *answer: None)).decode()

    return ask


def as_bottle_does(words, name):
    return bottle.SimpleTemplate(name=f"{name}.tpl", lookup=[str(portal_pages.VIEWS)])


@pytest.mark.parametrize("has_begun", [False, True])
@pytest.mark.parametrize("language", languages())
def test_every_page_is_what_bottle_makes_of_its_template(ask, db, tomorrow, language, has_begun, monkeypatch):
    if has_begun:
        sessions.begin(db, fetch(db, "SELECT id FROM interview_session")[0][0], tomorrow)

    def pages():
        asked = [("/interview", timedelta(minutes=minutes)) for minutes in (-600, -5, 0, 30, 90)]
        return [ask(path, after, language) for path, after in [*asked, ("/", timedelta(0)), ("/nothing", timedelta(0))]]

    own = pages()
    monkeypatch.setattr(portal_pages, "_template", as_bottle_does)
    assert own == pages()
    assert len(set(own)) >= 4


def test_a_page_holds_nothing_of_the_language_asked_for_before(ask):
    pages = {name: ask("/", language=name) for name in languages()}
    for name, words in languages().items():
        assert f'<html lang="{name}">' in pages[name]
        assert bottle.html_escape(words("home.heading")) in pages[name]
        assert pages[name] == ask("/", language=name)


@pytest.mark.parametrize("text", ["{{1 + 1}}", "100 %", "a\\b", "<b>", "line\n% raise ValueError"])
def test_signs_of_the_template_language_in_a_text_are_only_text(text, tmp_path, monkeypatch):
    (tmp_path / "x.tpl").write_text("{{t('said')}}")
    monkeypatch.setattr(portal_pages, "VIEWS", tmp_path)
    words = functools.partial({"said": text}.__getitem__)
    assert portal_pages._template(words, "x").render(t=words) == bottle.html_escape(text)
