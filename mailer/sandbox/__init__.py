"""Mail servers on loopback that pass nothing on: the plain sandbox as a child process, and a scripted one.

`start` and `Sandbox` are for whoever needs a sandbox; the command is in `child`. The plain server is in `server`; the one
that misbehaves as asked is in `scripted`, its rules in `rules`, and what it plays in `scenarios`.
"""

from mailer.sandbox.listener import HOST, SandboxFailed
from mailer.sandbox.parent import Sandbox, start

__all__ = ["HOST", "Sandbox", "SandboxFailed", "start"]
