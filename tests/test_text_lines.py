"""Bytes to lines: line ends across chunks, encodings and their faults, limits."""

import hashlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from store.errors import FileRefused
from store.settings import Settings
from store.text_lines import RecordTooLong, TextLines

TEXTS = st.text("a\u00e9\u0905\U0001f600\r\n\u2028\x0b", max_size=40)


class Dribble(BytesIO):
    """A stream that gives a few bytes at each read, as chunks that end anywhere do."""

    def __init__(self, content: bytes, step: int):
        super().__init__(content)
        self._step = step

    def read(self, size=-1):
        return super().read(self._step)


def lines_of(content: bytes, step: int = 1 << 16, **limits: int) -> list[str]:
    lines, found = TextLines(Dribble(content, step), Settings(**limits)), []
    for line in lines:
        found.append(line)
        lines.begin_record()
    return found


@hypothesis_settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(4, 9), st.sampled_from(["utf-8", "utf-16"]))
def test_lines_are_the_same_wherever_a_chunk_ends(text, step, encoding):
    found = lines_of(text.encode(encoding), step)
    assert "".join(found) == text
    assert not [line for line in found if not line or set(line[:-2]) & {"\r", "\n"}]


def test_lf_crlf_and_cr_end_a_line_and_nothing_else_does():
    content = "a\nb\r\nc\rd\r\r\n\u2028e\x0bf\x85\x1cg".encode()
    assert lines_of(content, 1) == ["a\n", "b\r\n", "c\r", "d\r", "\r\n", "\u2028e\x0bf\x85\x1cg"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_mark_is_dropped(encoding):
    assert lines_of("n\u00e4me\nx".encode(encoding)) == ["n\u00e4me\n", "x"]


def test_utf_16_is_read_in_both_byte_orders():
    text = "\u0905\u0936\u093e,1\r\n"
    assert lines_of(b"\xfe\xff" + text.encode("utf-16-be")) == [text]
    assert lines_of(b"\xff\xfe" + text.encode("utf-16-le")) == [text]


@pytest.mark.parametrize("step", [5, 1 << 16])
def test_windows_1252_is_refused_with_line_and_byte_in_file_and_line(step):
    content = b"first line\r\nsecond\rcaf\xe9 here\n"
    with pytest.raises(FileRefused) as refusal:
        lines_of(content, step)
    assert refusal.value.code == "encoding"
    assert refusal.value.place == f"line 3, byte {content.index(0xE9)}, byte 3 of the line"
    assert "0xE9" in str(refusal.value)
    assert "CSV UTF-8" in refusal.value.fix


def test_byte_in_the_first_line_is_counted_with_the_byte_order_mark():
    with pytest.raises(FileRefused) as refusal:
        lines_of(b"\xef\xbb\xbfab\xff")
    assert refusal.value.place == "line 1, byte 5, byte 5 of the line"


def test_file_that_ends_inside_a_character_is_refused_there():
    with pytest.raises(FileRefused) as refusal:
        lines_of("ab\nc\u00e9".encode()[:-1])
    assert refusal.value.place == "line 2, byte 4, byte 1 of the line"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"a,b\n1,\x00\n", "nul"),
        ("a,b\n".encode("utf-16-le"), "nul"),
        ("a,b\n".encode("utf-32"), "encoding"),
        (b"PK\x03\x04rest of a workbook", "not_csv"),
        (b"\xd0\xcf\x11\xe0rest of an old workbook", "not_csv"),
        (b"\xff\xfe\x00\xd8a\x00", "encoding"),
    ],
)
def test_what_is_no_text_is_refused_with_what_to_do(content, code):
    with pytest.raises(FileRefused) as refusal:
        lines_of(content)
    assert refusal.value.code == code
    assert "CSV UTF-8" in refusal.value.fix


def test_stream_longer_than_its_limit_is_refused_while_it_is_read():
    with pytest.raises(FileRefused) as refusal:
        lines_of(b"a\n" * 600, 10, candidates_file_bytes=1000)
    assert refusal.value.code == "file_too_large"


@pytest.mark.parametrize("content", [b"a" * 300, b"a" * 300 + b"\n", b"aaa\n" * 100])
def test_record_longer_than_its_limit_stops_the_reading(content):
    lines = TextLines(Dribble(content, 32), Settings(candidates_row_chars=100))
    with pytest.raises(RecordTooLong):
        list(lines)
    assert len(lines.record_text()) <= 100 + 32


def test_checksum_is_that_of_all_bytes_with_the_mark():
    content = b"\xef\xbb\xbfa\r\n" * 10
    lines = TextLines(Dribble(content, 7), Settings())
    list(lines)
    assert lines.sha256.digest() == hashlib.sha256(content).digest()
