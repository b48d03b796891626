"""A light SMTP sink on loopback for measuring delivery: it answers, counts and keeps nothing.

Run as a child process: prints `READY 127.0.0.1 PORT`, ends when its standard input closes or on SIGTERM, and
then prints `COUNT n`. With `--message-ids FILE` it writes the Message-ID of each mail it took to that file at the
end, one a line, in the order of its answers.
"""

import argparse
import re
import signal
import socket
import sys
import threading
from pathlib import Path

COMMAND_LIMIT = 2048
MESSAGE_LIMIT = 10 * 1024 * 1024
HEADER_LIMIT = 65_536
CHUNK = 262_144
_GREETING = b"220 sink.localhost ESMTP\r\n"
_EXTENSIONS = (b"PIPELINING", b"SIZE %d" % MESSAGE_LIMIT, b"8BITMIME", b"SMTPUTF8", b"ENHANCEDSTATUSCODES")
_EHLO = b"250-sink.localhost\r\n" + b"\r\n".join(b"250-" + name for name in _EXTENSIONS[:-1])
_EHLO += b"\r\n250 " + _EXTENSIONS[-1] + b"\r\n"
_OK = b"250 2.0.0 OK\r\n"
_GO_AHEAD = b"354 End data with <CR><LF>.<CR><LF>\r\n"
_OUT_OF_ORDER = b"503 5.5.1 Bad sequence of commands\r\n"
_UNKNOWN = b"500 5.5.2 Command not recognised\r\n"
_TOO_LONG = b"500 5.5.2 Line too long\r\n"
_TOO_BIG = b"552 5.3.4 Message too big\r\n"
_END_OF_DATA = b"\r\n.\r\n"
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^\r\n]*>)", re.IGNORECASE | re.MULTILINE)


class Tally:
    """What the sink has taken, over all its connections."""

    def __init__(self, wants_ids: bool):
        self.count, self.lock = 0, threading.Lock()
        self.message_ids: list[bytes] | None = [] if wants_ids else None


class Line:
    """One connection: the state machine of RFC 5321, with pipelined commands answered in their order."""

    def __init__(self, tally: Tally):
        self._tally = tally
        self._buffer = bytearray()
        self._replies: list[bytes] = []
        self._in_data = False
        self._greeted = self._sender = self._recipients = False
        self._size = 0
        self._header = b""
        self.ended = False

    def serve(self, connection: socket.socket) -> None:
        """Answers until the client goes away."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(_GREETING)
        while not self.ended and (data := connection.recv(CHUNK)):
            if replies := self._answers(data):
                connection.sendall(replies)

    def _answers(self, data: bytes) -> bytes:
        self._buffer += data
        while self._message() if self._in_data else self._command():
            pass
        replies = b"".join(self._replies)
        self._replies.clear()
        return replies

    def _command(self) -> bool:
        """Obeys the next command in the buffer; False if there is no whole one."""
        end = self._buffer.find(b"\r\n")
        if (len(self._buffer) if end < 0 else end) > COMMAND_LIMIT:
            self._hang_up(_TOO_LONG)
            return False
        if end < 0:
            return False
        self._obey(bytes(self._buffer[:end]))
        # The line end before the data stays: it belongs to the end of data when the message is empty.
        del self._buffer[: end if self._in_data else end + 2]
        return True

    def _obey(self, line: bytes) -> None:
        verb, reply = line[:4].upper(), _OK
        if verb == b"MAIL":
            reply = self._mail(line)
        elif verb == b"RCPT":
            reply = self._rcpt(line)
        elif verb == b"DATA":
            reply = self._data()
        elif verb in (b"EHLO", b"HELO"):
            self._greeted = True
            self._forget()
            reply = _EHLO if verb == b"EHLO" else b"250 sink.localhost\r\n"
        elif verb == b"RSET":
            self._forget()
        elif verb == b"QUIT":
            self._hang_up(b"221 2.0.0 Bye\r\n")
            return
        elif verb != b"NOOP":
            reply = _UNKNOWN
        self._replies.append(reply)

    def _mail(self, line: bytes) -> bytes:
        if line[4:10].upper() != b" FROM:":
            return b"501 5.5.4 Syntax: MAIL FROM:<address>\r\n"
        if not self._greeted or self._sender:
            return _OUT_OF_ORDER
        self._sender = True
        return _OK

    def _rcpt(self, line: bytes) -> bytes:
        if line[4:8].upper() != b" TO:":
            return b"501 5.5.4 Syntax: RCPT TO:<address>\r\n"
        if not self._sender:
            return _OUT_OF_ORDER
        self._recipients = True
        return _OK

    def _data(self) -> bytes:
        if not self._recipients:
            return _OUT_OF_ORDER
        self._in_data, self._size, self._header = True, 0, b""
        return _GO_AHEAD

    def _message(self) -> bool:
        """Takes the message up to its final dot, which no stuffed dot looks like; False if that has not come."""
        end = self._buffer.find(_END_OF_DATA)
        # What may be the beginning of the final dot stays in the buffer until the rest comes.
        taken = end if end >= 0 else max(0, len(self._buffer) - len(_END_OF_DATA) + 1)
        if self._tally.message_ids is not None and len(self._header) < HEADER_LIMIT:
            self._header += self._buffer[: min(taken, HEADER_LIMIT)]
        self._size += taken
        del self._buffer[: taken if end < 0 else end + len(_END_OF_DATA)]
        if end < 0:
            return False
        self._in_data = False
        self._forget()
        self._replies.append(self._count())
        return True

    def _count(self) -> bytes:
        if self._size > MESSAGE_LIMIT:
            return _TOO_BIG
        with self._tally.lock:
            self._tally.count += 1
            if self._tally.message_ids is not None:
                header = self._header.partition(b"\r\n\r\n")[0]
                found = _MESSAGE_ID.search(header)
                self._tally.message_ids.append(found[1] if found else b"")
        return _OK

    def _forget(self) -> None:
        self._sender = self._recipients = False

    def _hang_up(self, reply: bytes) -> None:
        self._replies.append(reply)
        self._buffer.clear()
        self.ended = True


def _serve(connection: socket.socket, tally: Tally) -> None:
    with connection:
        try:
            Line(tally).serve(connection)
        except ConnectionError as error:
            print(f"sink: a client broke off ({error.strerror})", file=sys.stderr)


def _accept(listener: socket.socket, tally: Tally) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(connection, tally), daemon=True).start()


def run(tally: Tally) -> None:
    """Serves, each connection in a thread of its own, until standard input closes or SIGTERM comes."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    threading.Thread(target=_accept, args=(listener, tally), daemon=True).start()
    try:
        print("READY", *listener.getsockname(), flush=True)
        sys.stdin.buffer.read()
    except _Ended:
        print("sink: stopped by a signal", file=sys.stderr)


class _Ended(Exception):
    """SIGTERM or SIGINT."""


def _end(*_: object) -> None:
    raise _Ended


def main() -> None:
    parser = argparse.ArgumentParser(description="Counts the mails it is sent and keeps nothing.")
    parser.add_argument("--message-ids", type=Path, help="a file for the Message-IDs taken, one a line")
    options = parser.parse_args()
    tally = Tally(options.message_ids is not None)
    run(tally)
    if tally.message_ids is not None:
        options.message_ids.write_bytes(b"".join(value + b"\n" for value in tally.message_ids))
    print("COUNT", tally.count, flush=True)


if __name__ == "__main__":
    main()
