"""PEM as the field has it: any line ends, text around the blocks, base64 on one line, UTF-16, no last newline."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CERTIFICATES: Final = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
BUNDLES: Final = frozenset({"PKCS7", "PKCS #7 SIGNED DATA", "CMS"})
KEYS: Final = frozenset(
    {"PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY"}
)

_BEGIN: Final = "-----BEGIN "


@dataclass(frozen=True, slots=True, repr=False)
class Block:
    """One block: its label, the header lines that an old encrypted key has, and its octets. Never shows itself."""

    label: str
    headers: tuple[str, ...]
    der: bytes

    def __repr__(self) -> str:
        """Return the label only, since the octets may be a private key."""
        return f"Block({self.label})"

    @property
    def encrypted(self) -> bool:
        """Whether a passphrase is needed to read it."""
        return self.label.startswith("ENCRYPTED") or any("ENCRYPTED" in header for header in self.headers)

    def rewritten(self) -> bytes:
        """Return the block as RFC 7468 and RFC 1421 want it, for readers that are stricter than this one."""
        head = [*self.headers, ""] if self.headers else []
        lines = [
            f"-----BEGIN {self.label}-----",
            *head,
            base64.b64encode(self.der).decode(),
            f"-----END {self.label}-----",
        ]
        return "\n".join([*lines, ""]).encode()


def is_pem(data: bytes) -> bool:
    """Tell whether there is the beginning of a block anywhere in `data`."""
    return _BEGIN in _text(data)


def blocks(data: bytes) -> list[Block]:
    """Return every block of a PEM file.

    Raises:
        ValueError: a block without an end, or with something else than base64 in it; nothing of it is quoted.
    """
    return [_block(piece) for piece in _text(data).split(_BEGIN)[1:]]


def bare_base64(data: bytes) -> bytes | None:
    """Return the octets of a file that holds base64 of DER without any marker, or None."""
    try:
        found = _decoded(_text(data))
    except ValueError:
        return None
    return found if found.startswith(b"\x30") else None


def _text(data: bytes) -> str:
    """Return the file as text; UTF-16 becomes readable by leaving out its mark and its zero octets, in either order."""
    return data.lstrip(b"\xef\xbb\xbf\xff\xfe").replace(b"\0", b"").decode("latin-1")


def _block(piece: str) -> Block:
    label, _, rest = piece.partition("-----")
    body, end, _ = rest.partition(f"-----END {label}-----")
    if not end:
        raise ValueError(f"a {_known(label)} block without its END line")
    headers, body = _split(body.strip().splitlines())
    try:
        return Block(label, tuple(headers), _decoded(body))
    except ValueError:
        raise ValueError(f"a {_known(label)} block that is not base64") from None


def _split(lines: Sequence[str]) -> tuple[list[str], str]:
    """Divide the lines into headers (``Name: value``, continued by a blank) and base64."""
    count = 0
    while count < len(lines) and (":" in lines[count] or (count and lines[count].startswith((" ", "\t")))):
        count += 1
    return [line.strip() for line in lines[:count]], "".join(lines[count:])


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None


def _known(label: str) -> str:
    """Name a label only when it is a real one: what stands there otherwise may be part of a key."""
    return label if label in CERTIFICATES | BUNDLES | KEYS else "PEM"
