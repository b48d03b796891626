"""The record: what was booked, for whom, with which link and mail. No mail server, no web.

Start at `booking` (one interview), `batches` (a file of them), `sessions` (who is let in when), `outbox` (mails as data).
"""
