"""The quality of mails: all of ours pass, each rule fails on a mail that breaks it, and a browser shows them whole."""

import os
from dataclasses import replace

import pytest
from audits import mail_screenshots, tools
from audits.browser import THEMES, launched, opened
from conftest import need
from test_seal import INVITED, made

from mailer import quality
from mailer.quality import check_message, html_rules, spamassassin
from mailer.quality.html_page import Page
from mailer.quality.html_rules import contrast
from store.facts import CANCELLED

MAIL, CALLED_OFF = made(), made(replace(INVITED, kind=CANCELLED, sequence=1))
TARGET, DIV = b"<h1 style=", b'<div style="max-width:36em;'
END = b"</h1>\r\n"


def ids(message):
    return [finding.id for finding in check_message(message, spam=None)]


def changed(old, new, message=MAIL):
    assert old in message
    return message.replace(old, new)


def with_html(markup):
    """The mail with something more after its heading."""
    return changed(END, END + markup + b"\r\n")


@pytest.mark.parametrize("name", mail_screenshots.MAILS)
def test_our_mails_break_no_rule(name):
    message = mail_screenshots.made(name)
    assert ids(message) == (["subject_length"] if name == "long-words" else [])


BROKEN = [
    ("html_language", changed(b'<html lang="en">', b"<html>")),
    ("html_head", changed(b'<meta charset="utf-8">', b"")),
    ("html_head", changed(b'name="viewport"', b'name="other"')),
    ("html_head", changed(b'name="color-scheme"', b'name="other"')),
    ("html_style_block", changed(b"</head>", b"<style>.a{color:#000}</style></head>")),
    ("html_style_block", changed(b"</head>", b'<link rel="stylesheet" href="a.css"></head>')),
    ("html_active", with_html(b"<script>1</script>")),
    ("html_active", with_html(b"<form></form>")),
    ("html_active", changed(TARGET, b'<h1 onclick="x()" style=')),
    ("remote_content", with_html(b'<img src="cid:logo" alt="Logo">')),
    ("remote_content", changed(TARGET, b'<h1 background="a.png" style=')),
    ("remote_content", changed(b"font-size:22px", b"list-style:url(a.png)")),
    ("html_alt", with_html(b'<img src="cid:logo">')),
    ("html_css", changed(b"font-size:22px", b"position:absolute")),
    ("html_css", changed(b"font-size:22px", b"display: flex")),
    ("html_css", changed(b"font-size:22px", b"display:grid")),
    ("html_css", changed(b"font-size:22px", b"float:left")),
    ("html_css", changed(b"font-size:22px", b"font-size:calc(1px + 2em)")),
    ("html_width", changed(b"max-width:36em", b"max-width:640px")),
    ("html_width", changed(b"max-width:36em", b"max-width:38em")),
    ("html_width", changed(b'role="presentation"', b'role="presentation" width="700"')),
    ("html_width", changed(b"font-size:22px", b"min-width:400px")),
    ("html_table_role", changed(b' role="presentation"', b"")),
    ("html_padding", changed(b";mso-padding-alt:12px 20px", b"")),
    ("html_font", changed(b"1.5 Arial,Helvetica,sans-serif;", b"1.5 sans-serif;")),
    ("html_font", changed(b"font-size:22px", b"font-family:'Fancy Font'")),
    ("html_font", changed(b"Arial,Helvetica,sans-serif", b"Arial")),
    ("html_hidden", with_html(b'<p style="display:none">more</p>')),
    ("html_hidden", with_html(b'<p style="font-size:0">more</p>')),
    ("html_hidden", with_html(b"<p hidden>more</p>")),
    ("html_preview", changed(b'<p dir="auto">Hello', b'<p><a href="#">See it here</a></p><p>Hello')),
    ("html_contrast", changed(b"color:#ffffff", b"color:#5588bb")),
    ("html_contrast", changed(b"font-size:22px", b"color:#333333")),
    ("html_contrast", changed(b"font-size:22px", b"color:#eeeeee")),
    ("html_contrast", changed(b"font-size:22px", b"background:#ffffff")),
    ("html_contrast", changed(b"font-size:22px", b"color:papayawhip;background:#000")),
    ("html_contrast", changed(TARGET, b'<h1 bgcolor="#ffffff" style=')),
    ("size", changed(b"<p>Your", b"<p>" + b"x y" * 35_000)),
    ("line_length", with_html(b"<p>" + b"x" * 999 + b"</p>")),
    ("line_ends", changed(END, b"</h1>\n")),
    ("line_ends", changed(END, b"</h1>\r\r\n")),
    ("auto_submitted", changed(b"Auto-Submitted: auto-generated\r\n", b"")),
    ("auto_submitted", changed(b"Auto-Submitted: auto-generated", b"Auto-Submitted: no")),
    ("list_headers", b"List-Unsubscribe: <mailto:leave@example.com>\r\n" + MAIL),
    ("list_headers", b"Precedence: bulk\r\n" + MAIL),
    ("subject_length", changed(b"Subject: Interview Scheduled", b"Subject: " + b"Very long " * 9)),
    ("headers", b"Date: Fri, 27 Nov 2026 07:20:00 +0000\r\n" + MAIL),
    ("parts", changed(b"Content-Type: text/plain", b"Content-Type: text/enriched")),
    ("parts", changed(b"multipart/alternative", b"multipart/mixed")),
    ("one_link", with_html(b'<p><a href="https://other.example/">Other</a></p>')),
    ("one_link", changed(b"Your personal link:", b"https://other.example/")),
    ("one_link", changed(b"<a href=", b"<a title=")),
    ("one_link", changed(b"METHOD:REQUEST", b"METHOD:CANCEL")),
    ("text_incomplete", with_html(b"<p>Come by train.</p>")),
    ("text_incomplete", changed(b"- Time: 12:50", b"- Time: 12:40")),
    ("text_incomplete", changed(b"\r\nBring your ID.\r\n\r\n", b"\r\n\r\n")),
    ("unreadable", changed(b"charset=utf-8", b"charset=no-such-charset")),
]


@pytest.mark.parametrize(("rule", "message"), BROKEN, ids=[f"{rule}-{at}" for at, (rule, _) in enumerate(BROKEN)])
def test_broken_mail_is_found_by_its_rule(rule, message):
    found = {finding.id: finding for finding in check_message(message, spam=None)}
    assert rule in found
    assert found[rule].what
    assert found[rule].fix


def test_every_rule_of_the_html_has_a_broken_mail_and_a_fix():
    names = {rule.__name__ for rule in html_rules.RULES}
    assert names == html_rules.FIXES.keys()
    assert names <= {rule for rule, _ in BROKEN}


def test_link_may_be_said_as_a_button_in_html_and_bare_in_the_text():
    assert "Open your interview" in [block.words for block in Page(MAIL.decode().partition("<!DOCTYPE")[2]).blocks]
    assert "text_incomplete" in ids(changed(b"\r\nhttps://interviews", b"\r\nother://interviews"))


def test_link_in_a_cancellation_is_one_too_many():
    assert "one_link" in ids(changed(END, END + b'<p><a href="https://a.example/">A</a></p>\r\n', CALLED_OFF))


@pytest.mark.parametrize(
    ("one", "other", "ratio"), [("#000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#fff", "#fff", 1)]
)
def test_contrast_is_that_of_wcag(one, other, ratio):
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.01)


def test_octets_that_are_no_mail_are_findings_and_no_breakdown():
    for octets in (b"", b"\0\xff\r\n\r\n", b"Content-Type: multipart/alternative\r\n\r\n--x"):
        assert "parts" in ids(octets)


# In a browser.


@pytest.fixture(scope="module")
def browser():
    with launched(tools.chromium()) as running:
        yield running


@pytest.mark.parametrize("name", ["invitation", "long-words"])
def test_mail_fits_a_phone_and_its_button_a_thumb(browser, name):
    with opened(browser) as page:
        for theme in THEMES:
            mail_screenshots.draw(page, mail_screenshots.made(name), 360, theme)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            box = page.locator("a").bounding_box()
            assert box["height"] >= 44
            assert box["width"] >= 120


def test_dark_mail_is_light_on_dark_and_wide_one_keeps_short_lines(browser):
    with opened(browser) as page:
        mail_screenshots.draw(page, MAIL, 1024, "dark")
        colour = page.evaluate("getComputedStyle(document.querySelector('h1')).color")
        width = page.locator("h1").bounding_box()["width"]
    assert colour == "rgb(255, 255, 255)"
    assert 400 < width <= html_rules.WIDEST


# SpamAssassin.


@pytest.fixture(scope="module")
def rated():
    """What SpamAssassin says of our invitation, and of a mail that asks for it."""
    need(spamassassin.installed(), "SpamAssassin is not installed (apt install spamassassin)")
    # A sign that SpamAssassin itself has for tests (GTUBE).
    sign = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
    return {"ours": spamassassin.score(MAIL), "spam": check_message(with_html(b"<p>" + sign + b"</p>"))}


def test_our_mail_is_far_from_spam(rated):
    assert rated["ours"].points < 1
    assert "HTML_MESSAGE" in dict(rated["ours"].rules)


def test_spam_is_a_finding_with_the_rules_as_evidence(rated):
    finding = rated["spam"][-1]
    assert finding.id == "spam_score"
    assert "GTUBE 1000" in finding.what


def program(folder, text):
    """A program named spamassassin that does something else."""
    file = folder / "spamassassin"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("exec sleep 20", "within 0.3 s"),
        ("exit 3", "cannot be run"),
        ("cat", "has no score"),
        ("exit 0", "has no score"),
    ],
)
def test_program_that_gives_no_score_is_a_finding_in_time(tmp_path, monkeypatch, text, words):
    program(tmp_path, text)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = spamassassin.findings(MAIL, seconds=0.3)
    assert [finding.id for finding in found] == ["spam_not_rated"]
    assert words in found[0].what


def test_without_the_program_nothing_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert spamassassin.findings(MAIL) == []
    assert quality.check_message(MAIL) == []


def test_network_and_personal_files_are_never_used(tmp_path):
    file = program(
        tmp_path, f'echo "$@" "$HOME" > {tmp_path}/asked; echo "X-Spam-Points: 1.5"; echo "X-Spam-Rules: A=1.5"'
    )
    assert str(spamassassin.score(MAIL, program=file)) == "1.5 points (A 1.5)"
    asked = (tmp_path / "asked").read_text()
    assert "--local" in asked
    assert "use_bayes 0" in asked
    assert os.path.expanduser("~") not in asked.split()
