"""What the engine takes, gives and remembers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mobb_client.simulator._body import Body, Part
from mobb_client.simulator._complaints import Fault
from mobb_client.simulator._cpa import Agreement
from mobb_client.simulator._envelope import Envelope
from mobb_client.simulator._writer import Asked, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One POST to the sender.

    Args:
        url: of the sender's endpoint.
        headers: of HTTP.
        body: of HTTP.
        kind: the action of the message.
        message_id: of the message.
        about: the MessageId of the message that it answers; empty for a question.
        agreement: the CPA.
        synchronous: whether its answer comes in the HTTP response.
        stranger: whether it comes with a certificate of no CPA.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    kind: str
    message_id: str
    about: str
    agreement: Agreement = field(repr=False)
    synchronous: bool = False
    stranger: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The HTTP answer to a request.

    Args:
        status: of HTTP.
        headers: of HTTP.
        body: empty, or a signal.
        lost: the connection ends without it.
        first: what is to be delivered before it is given.
        after: seconds that it takes.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    lost: bool = False
    first: tuple[Outgoing, ...] = ()
    after: float = 0.0


class Request:
    """One request as it came in.

    Attributes:
        headers: as given.
        received: when.
        size: octets of the body.
        sha256: of the body, in hexadecimal.
        message_id: empty when it could not be read.
        action: of the message; empty when it could not be read.
    """

    def __init__(self, headers: Mapping[str, str], body: Body, received: datetime) -> None:
        self.headers = dict(headers)
        self.received = received
        self.size, self.sha256 = body.size, body.sha256
        self.message_id = self.action = ""
        self._body: Body | None = body

    @property
    def content(self) -> Body:
        """The body where it lies.

        Raises:
            LookupError: it was large, and so many large ones came after it that it is no longer kept.
        """
        if self._body is None:
            raise LookupError("the body of this request is no longer kept")
        return self._body

    @property
    def body(self) -> bytes:
        """The octets of the body. Raises LookupError as `content` does."""
        return bytes(self.content)

    def forget(self) -> None:
        """Let the body go."""
        self._body = None

    def __repr__(self) -> str:
        """Return what it is, without any of its content."""
        return f"Request({self.action or 'unread'}, {self.size} octets, {self.message_id!r})"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was sent to the sender, and the status with which it was answered; 0 when there was no answer."""

    outgoing: Outgoing
    status: int


@dataclass(slots=True)
class Exchange:
    """One message of the sender: what is needed when it comes again.

    `answer` is the stored signal and `kind` its action; `sound` when nothing was made wrong in it on demand;
    `acknowledged` once the sender took its acknowledgment.
    """

    agreement: Agreement
    sha256: str
    content_type: str
    received: datetime
    answer: Written | None = None
    kind: str = ""
    sound: bool = True
    sends: int = 1
    acknowledged: bool = False


@dataclass(slots=True)
class Sent:
    """One result of ours: until when it is sent again."""

    written: Written
    agreement: Agreement
    attempts: int = 0
    settled: bool = False
    ack_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Came:
    """A message that could be read: what it says, what is wrong with it, and whether it came in an HTTP response."""

    sha256: str
    content_type: str
    asked: Asked
    payloads: Mapping[str, Part]
    faults: list[Fault]
    synchronous: bool = False

    @property
    def envelope(self) -> Envelope:
        """What it says."""
        return self.asked.envelope

    @property
    def agreement(self) -> Agreement:
        """Its CPA."""
        return self.asked.agreement

    @property
    def refusal(self) -> Fault | None:
        """The first fault that is a reason not to take it: of its form before what it says."""
        return next((fault for fault in self.faults if fault.refusal), None)
