"""What the simulator finds wrong with what it is sent, and how it answers it."""

from __future__ import annotations

from dataclasses import dataclass

EMPTY = "empty"
"""The refusal that is a 500 without body: what cannot be read, or is not valid."""
SOAP_FAULT = "fault"
"""The refusal that is a 500 with a SOAP Fault: what belongs to no agreement."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a partner could object to.

    Args:
        code: stable, such as ``http.soap-action``.
        sentence: what is wrong; never any content of a letter.
        refusal: how the message is answered because of it: an ebMS errorCode, `EMPTY` or `SOAP_FAULT`; nothing when the
            partner would take the message all the same.
        location: of the ebMS error.
    """

    code: str
    sentence: str
    refusal: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A `Fault` of one request: which message it was in, as far as that could be read."""

    code: str
    sentence: str
    message_id: str = ""

    def __str__(self) -> str:
        """Return all of it in one line."""
        return f"{self.code}: {self.sentence}" + (f" [{self.message_id}]" if self.message_id else "")


class UnreadableError(Exception):
    """What came in cannot be read any further; `fault` says why and how it is answered."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.sentence)
        self.fault = fault


def unreadable(code: str, sentence: str) -> UnreadableError:
    """Return the error for what a partner answers with an empty 500."""
    return UnreadableError(Fault(code, sentence, EMPTY))
