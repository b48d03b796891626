"""Audits of the running portal by tools of others, a package so that its files may be named like those of the tests."""
