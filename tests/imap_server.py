"""A scripted IMAP server for tests, misbehaving as asked on a loopback socket."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Self

GREETING = b"* OK [CAPABILITY IMAP4rev1] ready\r\n"
GOOD = {
    "CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n%s OK done\r\n",
    "LOGIN": b"%s OK welcome\r\n",
    "LIST": b'* LIST () "/" INBOX\r\n%s OK done\r\n',
    "EXAMINE": b"* OK [UIDVALIDITY 7] ok\r\n%s OK [READ-ONLY] done\r\n",
    "UID SEARCH": b"* SEARCH 1\r\n%s OK done\r\n",
    "LOGOUT": b"* BYE\r\n%s OK bye\r\n",
}


class ImapServer:
    """Answers each command as `script` says, and else as a good server does; %s is the command's tag.

    An answer may be a function of the whole command line. `drip` is seconds between the bytes of the greeting.
    """

    def __init__(self, script: dict[str, bytes | Callable[[bytes], bytes]], *, greeting=GREETING, drip=0.0):
        self.script, self.greeting, self.drip = GOOD | script, greeting, drip
        self.commands: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Whoever waits in accept is woken by this.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        # The client may hang up whenever it likes.
        with contextlib.suppress(OSError):
            client, _ = self._listener.accept()
            with client, client.makefile("rb") as lines:
                self._greet(client)
                for line in lines:
                    self.commands.append(line)
                    client.sendall(self._answer(line))

    def _greet(self, client: socket.socket) -> None:
        if not self.drip:
            client.sendall(self.greeting)
            return
        for octet in self.greeting:
            client.sendall(bytes((octet,)))
            time.sleep(self.drip)

    def _answer(self, line: bytes) -> bytes:
        tag, _, command = line.partition(b" ")
        words = command.decode("latin-1").upper().split()
        verb = " ".join(words[:2]) if words[0] == "UID" else words[0]
        answer = self.script.get(verb, b"%s BAD unknown\r\n")
        answer = answer(line) if callable(answer) else answer
        return answer.replace(b"%s", tag)
