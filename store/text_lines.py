"""A file's bytes as physical lines: opened, limited, hashed, decoded. Knows nothing of cells and columns."""

import codecs
import csv
import hashlib
import re
import stat
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import BinaryIO

from store import places
from store.errors import FileRefused
from store.settings import Settings

LINE_BREAK = re.compile(r"\r\n|\r|\n")

_CHUNK = 1 << 16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # A UTF-32 mark begins with a UTF-16 one, so it is looked for first.
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_SAVE = "save the file as CSV UTF-8 and try again."


class RecordTooLong(Exception):
    """A record passed the limit of `limit` characters; whoever knows the quoting makes a FileRefused of it."""

    def __init__(self, limit: int):
        super().__init__(f"the record is longer than {limit} characters")
        self.limit = limit


def open_source(path: Path, limit: int) -> BinaryIO:
    """The file, opened for reading. Raises FileRefused if that cannot be, or if it has more than `limit` bytes."""
    name = places.shown(path)
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise FileRefused("file_is_folder", f"{name} is a folder.", "name the CSV file inside it.")
        if found.st_size > limit:
            raise _too_large(limit)
        if not stat.S_ISREG(found.st_mode):
            # It could be read only once, and whoever opens a pipe that nobody writes to waits for ever.
            text = f"{name} is a pipe or a device, and no file."
            raise FileRefused("file_unreadable", text, "name the CSV file itself.")
        return path.open("rb")
    except FileNotFoundError:
        text = f"{path.name} does not exist; it was looked for in {path.parent}."
        raise FileRefused("file_missing", text, "correct the file's name or folder.") from None
    except (OSError, ValueError) as error:
        text = f"{name} cannot be read: {getattr(error, 'strerror', None) or error}."
        raise FileRefused("file_unreadable", text, "check the name and that this user may read it.") from error


class TextLines:
    """The lines of a byte stream, their ends (LF, CRLF or CR, also mixed) kept, in bounded memory.

    `given` counts the lines handed out, `first_of_record` is the line that the current record begins on. Iterating
    raises FileRefused for bytes of another encoding, NUL and too many bytes, and RecordTooLong.
    """

    def __init__(self, source: BinaryIO, settings: Settings):
        self.given = 0
        self.first_of_record = 1
        self.ended = False
        self.sha256 = hashlib.sha256()
        self._record: list[str] = []
        self._chars = 0
        self._tail = ""
        self._source = source
        self._bytes = 0
        self._byte_limit = settings.candidates_file_bytes
        # A longer cell would meet the csv module's own limit, which belongs to the whole process.
        self._char_limit = min(settings.candidates_row_chars, csv.field_size_limit())

    def begin_record(self) -> None:
        """Says that the next line belongs to a new record."""
        self._record.clear()
        self._chars = 0
        self.first_of_record = self.given + 1

    def record_text(self) -> str:
        """What has been read of the current record."""
        return "".join(self._record)

    def __iter__(self) -> Iterator[str]:
        for text in self._texts():
            lines = StringIO(self._tail + text, newline="").readlines()
            # A line that ends in CR may go on with LF in the next chunk.
            self._tail = "" if lines[-1].endswith("\n") else lines.pop()
            for line in lines:
                yield self._counted(line)
            if self._chars + len(self._tail) > self._char_limit:
                self._counted(self._tail)
        last, self._tail, self.ended = self._tail, "", True
        if last:
            yield self._counted(last)

    def _counted(self, line: str) -> str:
        self._record.append(line)
        self.given += 1
        self._chars += len(line)
        if self._chars > self._char_limit:
            raise RecordTooLong(self._char_limit)
        return line

    def _texts(self) -> Iterator[str]:
        chunk = self._chunk()
        mark, self._encoding = next((known for known in _MARKS if chunk.startswith(known[0])), (b"", "utf-8"))
        self._mark_length = len(mark)
        if chunk.startswith(_WORKBOOKS):
            raise FileRefused("not_csv", "The file is a spreadsheet workbook, not a CSV file.", _SAVE)
        if self._encoding.startswith("utf-32"):
            raise FileRefused("encoding", "The file is in UTF-32.", _SAVE, "line 1, byte 0")
        decoder = codecs.getincrementaldecoder(self._encoding)()
        text = self._decoded(decoder, chunk[len(mark) :])
        while chunk:
            if text:
                yield text
            chunk = self._chunk()
            text = self._decoded(decoder, chunk)
        if text:
            yield text

    def _chunk(self) -> bytes:
        try:
            chunk = self._source.read(_CHUNK)
        except OSError as error:
            text = f"The file cannot be read: {error.strerror}."
            raise FileRefused("file_unreadable", text, "check the disk or network it lies on.") from error
        self.sha256.update(chunk)
        self._bytes += len(chunk)
        if self._bytes > self._byte_limit:
            raise _too_large(self._byte_limit)
        return chunk

    def _decoded(self, decoder: codecs.IncrementalDecoder, chunk: bytes) -> str:
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise self._undecodable(error) from None
        if "\0" in text:
            raise self._nul(text)
        return text

    def _undecodable(self, error: UnicodeDecodeError) -> FileRefused:
        before = error.object[: error.start].decode(self._encoding)
        offset = self._bytes - len(error.object) + error.start
        line, in_line = self._where(before)
        byte = error.object[error.start]
        text = (
            f"Line {line}: the byte 0x{byte:02X} is not {self._encoding.upper()} (byte {offset} of the file, "
            f"byte {in_line} of the line, counted from 0). The file may be in Windows-1252 or another encoding."
        )
        return FileRefused("encoding", text, _SAVE, f"line {line}, byte {offset}, byte {in_line} of the line")

    def _nul(self, text: str) -> FileRefused:
        line, in_line = self._where(text[: text.index("\0")])
        what = f"Line {line} holds a NUL character (byte {in_line} of the line, counted from 0)."
        if self._encoding == "utf-8":
            what += " The file may be in UTF-16 without a byte-order mark, or no text at all."
        return FileRefused("nul", what, _SAVE, f"line {line}, byte {in_line} of the line")

    def _where(self, before: str) -> tuple[int, int]:
        """Line and byte within it, of the place that `before` (not yet handed out) leads to."""
        before = self._tail + before
        ends = [found.end() for found in LINE_BREAK.finditer(before)]
        line = self.given + len(ends) + 1
        mark = self._mark_length if line == 1 else 0
        return line, mark + len(before[ends[-1] if ends else 0 :].encode(self._encoding))


def _too_large(limit: int) -> FileRefused:
    text = f"The file is larger than {limit:,} bytes."
    return FileRefused("file_too_large", text, "split the file, or raise CANDIDATES_FILE_BYTES.")
