"""Sends letters over one conversation and tells what became of each. Opening is in `session`."""

from collections.abc import Iterable, Iterator

from mailer.errors import Failure, Refused
from mailer.letters import Letter, Outcome
from mailer.replies import Reply
from mailer.session import Session

__all__ = ["Conversation", "Letter", "Outcome"]

_CLOSING = 421
_LONE_DOT = b".\r\n"


class _Flight:
    """A letter on its way. `steps` are phase, command and the first digit of the reply that is wanted."""

    __slots__ = ("dotted", "ends_at", "letter", "steps", "written")

    def __init__(self, letter: Letter, ends_at: float, steps: list[tuple[str, bytes, int]]):
        self.letter, self.ends_at, self.steps = letter, ends_at, steps
        self.written = self.dotted = False

    def commands(self) -> bytes:
        return b"".join(command for _, command, _ in self.steps)


class Conversation(Session):
    """A session that letters are sent over."""

    _dirty = False  # whether a transaction was begun and refused, so that RSET must come before the next one

    def send(self, letters: Iterable[Letter]) -> Iterator[Outcome]:
        """Sends letters in order and yields one outcome each.

        A letter that the server refuses does not stop the others. When the connection breaks, the letters after it
        come back as dropped, without having been tried: open a new conversation for them. With PIPELINING the next
        letter is fetched just before the final dot of the one before it is written, so `letters` must not wait.
        """
        waiting, flight = iter(letters), None
        try:
            while self.alive:
                if flight is None:
                    flight, stopped = self._take(waiting)
                    if flight is None and stopped is None:
                        return
                else:
                    outcome, flight, stopped = self._carry(flight, waiting)
                    yield outcome
                if stopped is not None:
                    yield stopped
            lost, flight = flight, None
            if lost is not None:
                yield self._never_sent(lost.letter)
            for letter in waiting:
                # One that was not to go anyway lost nothing by the line.
                yield self._stopped(letter) or self._never_sent(letter)
        finally:
            if flight is not None:
                # The caller went away while a DATA was open: closed without its dot, nothing of it is sent.
                self._drop()

    def _take(self, waiting: Iterator[Letter]) -> tuple[_Flight | None, Outcome | None]:
        """The next letter made ready, or the outcome of one that must not go; two Nones at the end."""
        letter = next(waiting, None)
        if letter is None:
            return None, None
        # Counted from before the question: the answer holds for so long only.
        ends_at = self._clock() + self._account.deadline
        stopped = self._stopped(letter)
        return (None, stopped) if stopped is not None else (_Flight(letter, ends_at, self._steps(letter)), None)

    def _stopped(self, letter: Letter) -> Outcome | None:
        if self.size_limit and len(letter.data) > self.size_limit:
            text = f"{len(letter.data)} bytes, and the server takes {self.size_limit}"
            return Outcome(letter.id, False, self._failure("mail", "too_big", text=text), False)
        if not self.smtputf8 and not letter.recipient.isascii():
            return Outcome(letter.id, False, self._failure("mail", "needs_smtputf8"), False)
        if letter.before_dot is not None and not letter.before_dot():
            return Outcome(letter.id, False, None, False)
        return None

    def _steps(self, letter: Letter) -> list[tuple[str, bytes, int]]:
        size = f" SIZE={len(letter.data)}" if "SIZE" in self._offers else ""
        unicode = "" if letter.recipient.isascii() else " BODY=8BITMIME SMTPUTF8"
        steps = [
            ("mail", f"MAIL FROM:<{letter.sender}>{size}{unicode}\r\n".encode(), 2),
            ("rcpt", f"RCPT TO:<{letter.recipient}>\r\n".encode(), 2),
            ("data", b"DATA\r\n", 3),
        ]
        if self._dirty:
            steps.insert(0, ("reset", b"RSET\r\n", 2))
            self._dirty = False
        return steps

    def _carry(self, flight: _Flight, waiting: Iterator[Letter]) -> tuple[Outcome, _Flight | None, Outcome | None]:
        """One letter to its end; with PIPELINING the next one's envelope goes out with its final dot (RFC 2920)."""
        upcoming, stopped = None, None
        try:
            failure = self._envelope(flight)
            if failure is not None:
                return Outcome(flight.letter.id, False, failure, False), None, None
            if self.pipelining:
                upcoming, stopped = self._take(waiting)
            self._write_body(flight, upcoming)
            reply = self._read("dot", flight.ends_at)
        except Refused as refused:
            self._drop()
            return Outcome(flight.letter.id, False, refused.failure, flight.dotted), upcoming, stopped
        if reply.code == _CLOSING:
            self._drop()
        return self._answered(flight, reply), upcoming, stopped

    def _answered(self, flight: _Flight, reply: Reply) -> Outcome:
        accepted = reply.code // 100 == 2
        failure = None if accepted else self._replied("dot", reply)
        return Outcome(flight.letter.id, accepted, failure, True, reply.line)

    def _envelope(self, flight: _Flight) -> Failure | None:
        """The first refusal in the envelope, None if the mail may follow. Raises Refused if the line is lost."""
        if self.pipelining and not flight.written:
            self._write("mail", flight.commands(), flight.ends_at)
        failure, reply = None, None
        for phase, command, wanted in flight.steps:
            if not self.pipelining:
                self._write(phase, command, flight.ends_at)
            try:
                reply = self._read(phase, flight.ends_at)
            except Refused as lost:
                raise Refused(failure or lost.failure) from lost
            if reply.code // 100 != wanted:
                failure = failure or self._replied(phase, reply)
                if reply.code == _CLOSING or phase == "reset":
                    raise Refused(failure)
                if not self.pipelining:
                    break
        if failure is not None:
            self._recover(failure, reply, flight)
        return failure

    def _recover(self, failure: Failure, last: Reply, flight: _Flight) -> None:
        """Brings the line back to where a new letter can begin."""
        self._dirty = True
        if last.code // 100 != 3:
            return
        if failure.phase != "rcpt":
            # A recipient may have been taken: the dot would send an empty mail.
            raise Refused(failure)
        try:
            # RFC 2920 section 3.1: a server that asks for the mail without a recipient gets a lone dot.
            self._write("rcpt", _LONE_DOT, flight.ends_at)
            closing = self._read("rcpt", flight.ends_at).code == _CLOSING
        except Refused as lost:
            raise Refused(failure) from lost
        if closing:
            raise Refused(failure)

    def _write_body(self, flight: _Flight, upcoming: _Flight | None) -> None:
        body = flight.letter.payload()
        following = upcoming.commands() if upcoming is not None else b""
        try:
            self._write("data", body + following, flight.ends_at)
        except Refused:
            flight.dotted = self._wire.begun > len(body) - len(_LONE_DOT)
            raise
        flight.dotted = True
        if upcoming is not None:
            upcoming.written = True

    def _never_sent(self, letter: Letter) -> Outcome:
        return Outcome(letter.id, False, self._failure("mail", "dropped", text="the connection was lost before"), False)
