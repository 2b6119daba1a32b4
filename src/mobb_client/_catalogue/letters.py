"""Codes of letters, their attachments, batches and the rows they are read from."""

from mobb_client._catalogue._entry import Entry

LETTERS: dict[str, Entry] = {}
