"""Text made harmless: what is taken away, and what names in many scripts must keep."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from store.plain_text import lines, one_line, quoted


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Asha \t Rao  ", "Asha Rao"),
        ("Asha\r\nBcc: x@example.com", "Asha Bcc: x@example.com"),
        ("Asha\u2028Rao\u2029\u0085\u00a0Devi", "Asha Rao Devi"),
        ("Asha\u202eoaR\u202c \u2066x\u2069", "AshaoaR x"),
        ("\ufeffAsha\u200b Ra\u00ado\x00\x07\x1b[31m", "Asha Rao[31m"),
        ("Ad\u200cmin \u200dx\u200d", "Admin x"),
        ("Jose\u0301 e\u200b\u0301", "Jos\u00e9 \u00e9"),
        ("=?utf-8?q?=0D=0ABcc?=", "=?utf-8?q?=0D=0ABcc?="),
        ('=HYPERLINK("x")', '=HYPERLINK("x")'),
        ("\ud800Asha", "Asha"),
        ("\u200b \u202e", ""),
    ],
)
def test_one_line_takes_away_what_could_harm_and_nothing_else(typed, kept):
    assert one_line(typed) == kept


@pytest.mark.parametrize(
    "name",
    [
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",  # Persian, ZWNJ between letters
        "\u0930\u094d\u200d\u092f",  # Devanagari, ZWJ after a virama
        "\u0d15\u0d43\u0d37\u0d4d\u0d23\u0d28\u0d4d\u200d",  # Malayalam chillu at the end
        "\u09b0\u200d\u09cd\u09af\u09be\u099a\u09c7\u09b2",  # Bengali, ZWJ before a virama
        "\U0002ebf0\u9f98",  # a Han character newer than some Unicode tables
        "D\u2019Angelo O'Neil-\u00d3",
    ],
)
def test_letters_and_the_joiners_that_shape_them_are_kept(name):
    assert one_line(name) == name


@given(st.text(max_size=40))
def test_one_line_is_stable_and_holds_no_control_or_direction_character(text):
    clean = one_line(text)
    assert one_line(clean) == clean
    assert not [sign for sign in clean if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")]
    assert not set(clean) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\ufeff\u200b")


@given(st.text("\u0915\u094d\u200d\u200c\u0301\u0937a \u202e\u1100\u1161\n", max_size=8))
@example("\u0301\u094d\u200c")
def test_marks_and_joiners_in_any_order_come_out_the_same_when_cleaned_again(text):
    assert one_line(one_line(text)) == one_line(text)
    assert lines(lines(text)) == lines(text)


def test_lines_keep_their_breaks_as_line_feeds():
    assert lines("\r\n one\ttwo\r\n\rthree\u2028four\x07\n\n") == "one two\n\nthree\nfour"


def test_quoted_value_is_short_and_printable():
    shown = quoted("\u202e" + "x" * 100_000 + "\n")
    assert shown.isprintable()
    assert len(shown) < 80
