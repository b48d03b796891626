"""What a program writes into one of its pipes, read aside so that nobody waits for it. Starting programs is not here."""

import threading
from typing import BinaryIO


class ProgramOutput:
    """Reads a pipe until it ends, as long as it takes. Of the bytes it keeps `kept` and counts the rest.

    Where some are to be kept and more come, it hangs up (`is_too_long`). The pipe is its own to close.
    """

    def __init__(self, pipe: BinaryIO, kept: int = 0):
        self._pipe, self._kept, self._bytes = pipe, kept, bytearray()
        self.size, self.is_too_long = 0, False
        self._enough = threading.Event()
        threading.Thread(target=self._read, name="output of a program", daemon=True).start()

    @property
    def text(self) -> str:
        """What was kept so far."""
        return self._bytes.decode("utf-8", "replace")

    def wait(self, seconds: float) -> None:
        """Returns when its first line is whole, when nothing more can come, or when the seconds are over."""
        self._enough.wait(seconds)

    def _read(self) -> None:
        with self._pipe:
            while chunk := self._pipe.read(65536):
                self.size += len(chunk)
                self._bytes += chunk[: max(self._kept - len(self._bytes), 0)]
                self.is_too_long = 0 < self._kept < self.size
                if b"\n" in self._bytes:
                    self._enough.set()
                if self.is_too_long:
                    break
        self._enough.set()
