"""Mails of the record: settings and their check, composing, SMTP, delivery, what servers say, the sandbox, and the proof.

Start at `notifications` (one interview's mail), `delivery` (all that is due), `config` (what is wrong with the settings),
`verification` (does mail work?), `rehearsal` (what would happen with another server).
"""
