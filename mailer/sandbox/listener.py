"""Where a sandbox listens: a port of this machine, reachable from nowhere else."""

import socket

from mailer.errors import MailerError

HOST = "127.0.0.1"
GRACE_SECONDS = 2.0
"""So long mails under way are waited for when a sandbox ends."""


class SandboxFailed(MailerError):
    """The sandbox could not be started."""


def listen(port: int) -> socket.socket:
    """Listens on loopback; port 0 takes a free one. Raises SandboxFailed."""
    try:
        listener = socket.create_server((HOST, port), backlog=128)
    except OSError as error:
        what = f"The sandbox cannot listen on {HOST} port {port} ({error.strerror})."
        raise SandboxFailed(what, "stop what uses that port, or leave --port away to get a free one.") from error
    # Handed on to its connections; asyncio sets it only where the protocol is named, and replies waited 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
