"""Faults on demand: what the Berichtenbox is told to do wrong next, each once."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

from mobb_client.simulator._complaints import Fault
from mobb_client.simulator._templates import soap_fault

Spoilt = Literal["value", "key", "missing", "references"]
"""How a signature is wrong: its value, the key, the whole signature gone, or the references of an acknowledgment."""
Severity = Literal["Warning", "Error"]
Kind = Literal["acknowledgment", "result"]

_XML: Final = {"Content-Type": "text/xml; charset=UTF-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """An HTTP answer that is given whatever came in; `accepted` when the message is taken all the same."""

    status: int
    body: bytes = b""
    content_type: str = ""
    accepted: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers of the answer."""
        return {"Content-Type": self.content_type} if self.content_type else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A MessageError that is given whatever the message says."""

    code: str
    severity: Severity
    location: str
    description: str

    @classmethod
    def because(cls, fault: Fault) -> Refused:
        """Return the refusal of a message with this fault."""
        return cls(code=fault.refusal, severity="Error", location=fault.location, description=fault.sentence)


@dataclass(slots=True)
class Pending:
    """What is still to go wrong, first come first served."""

    presets: deque[Preset] = field(default_factory=deque)
    refusals: deque[Refused] = field(default_factory=deque)
    lost: deque[bool] = field(default_factory=deque)
    early: deque[bool] = field(default_factory=deque)
    reversed: deque[bool] = field(default_factory=deque)
    repeated: deque[bool] = field(default_factory=deque)
    strangers: deque[bool] = field(default_factory=deque)
    resets: deque[int] = field(default_factory=deque)
    stalls: deque[float] = field(default_factory=deque)
    spoilt: dict[Kind, deque[Spoilt]] = field(default_factory=lambda: {"acknowledgment": deque(), "result": deque()})


class Faults:
    """What can be made to go wrong. Each call is for one next time; calls add up."""

    def __init__(self) -> None:
        """Begin without faults."""
        self._pending = Pending()

    def lose_next_acknowledgment(self) -> None:
        """Keep the next acknowledgment back: made and stored, and never seen by the sender (B46)."""
        self._pending.lost.append(True)

    def answer_next(self, status: int, body: bytes = b"", *, content_type: str = "", accepted: bool = False) -> None:
        """Answer the next request with this status and body.

        Args:
            status: of the HTTP answer.
            body: of the HTTP answer.
            content_type: of the body, when there is one.
            accepted: whether the message is taken nevertheless; else it is not even read.
        """
        preset = Preset(status=status, body=body, content_type=content_type, accepted=accepted)
        self._pending.presets.append(preset)

    def answer_next_with_fault(self, sentence: str = "internal error") -> None:
        """Answer the next request with a SOAP Fault, status 500."""
        self.answer_next(500, soap_fault(sentence), content_type=_XML["Content-Type"])

    def answer_next_with_html(self, *, accepted: bool = True) -> None:
        """Answer the next request with a web page, status 200, as a proxy may (B09)."""
        page = b"<!DOCTYPE html><html><body><p>Even geduld a.u.b.<br></p></body></html>"
        self.answer_next(200, page, content_type="text/html; charset=utf-8", accepted=accepted)

    def refuse_next(
        self, code: str, *, severity: Severity = "Error", location: str = "", description: str = "On demand."
    ) -> None:
        """Answer the next message of letters with a MessageError.

        With severity Error the message is not taken. With Warning it is: the warning comes in the place of the
        acknowledgment, which a repeat of the message will get.
        """
        refused = Refused(code=code, severity=severity, location=location, description=description)
        self._pending.refusals.append(refused)

    def reset_next(self, after: int = 1000) -> None:
        """Reset the next connection when so many octets of the body have come in; the message is not taken."""
        self._pending.resets.append(after)

    def stall_next(self, seconds: float) -> None:
        """Take the next message, and answer it so much later."""
        self._pending.stalls.append(seconds)

    def spoil_next(self, what: Kind, how: Spoilt = "value") -> None:
        """Make the signature of the next acknowledgment or result wrong.

        Args:
            what: ``acknowledgment`` or ``result``; those of a profile without signatures stay as they are.
            how: ``value``, ``key`` (of somebody else), ``missing``, or ``references`` (of an acknowledgment).
        """
        self._pending.spoilt[what].append(how)

    def come_as_a_stranger(self) -> None:
        """Make the next delivery to the sender with a certificate that is in no CPA."""
        self._pending.strangers.append(True)

    def repeat_next_result(self) -> None:
        """Send the next result twice, octet for octet, although it was acknowledged."""
        self._pending.repeated.append(True)

    def send_next_result_first(self) -> None:
        """Send the result of the next message before its acknowledgment (asynchronous CPAs)."""
        self._pending.reversed.append(True)

    def acknowledge_next_early(self) -> None:
        """Deliver the next acknowledgment before the request that it is for is answered (asynchronous CPAs; B43)."""
        self._pending.early.append(True)
