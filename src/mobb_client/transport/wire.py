"""What carries bytes to the other side and brings the answer: over TLS in earnest, inside the process in a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Response:
    """A whole HTTP answer, whatever its status.

    Args:
        status: 100 to 999, as they sent it.
        headers: by lower-case name; of a name that stands there twice the values joined with a comma.
        body: its octets, as they came.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        """Measure the body, quote nothing of it."""
        return f"Response({self.status}, {len(self.body)} octets)"


class HttpAnswer(Protocol):
    """An HTTP answer, whoever made it: `Response`, or that of a wire inside the process."""

    @property
    def status(self) -> int:
        """100 to 999."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """By lower-case name."""
        ...

    @property
    def body(self) -> bytes:
        """Octets."""
        ...


class Wire(Protocol):
    """Carries one message and brings the answer; implemented structurally."""

    def post(self, url: str, headers: Mapping[str, str], body: BinaryIO, size: int) -> HttpAnswer:
        """POST `size` octets of `body`, from where it stands, and return the answer.

        Every answer is returned, whatever its status: what it means is `outcome_of`'s to say.

        Raises:
            TransportError: there was no usable answer.
            OutboxError: `body` cannot be read, or ends too early.
        """
        ...
