"""Codes of CPAs, routes and settings."""

from mobb_client._catalogue._entry import Entry

AGREEMENTS: dict[str, Entry] = {}
