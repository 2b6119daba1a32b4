"""Codes of keys and certificates."""

from mobb_client._catalogue._entry import Entry

KEYS: dict[str, Entry] = {}
