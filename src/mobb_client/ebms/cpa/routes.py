"""What a CPA comes down to for one message: a route for a business message, and one for a signal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

from mobb_client.ebms.message import Party, Service
from mobb_client.errors import Finding
from mobb_client.pki.certificate import Certificate

Choice = Literal["ack", "ack_signature", "duplicate_elimination"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """How one side signs on one channel: digest and signature algorithm as URIs, and the certificate that verifies."""

    hash_function: str
    signature_algorithm: str
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When a reliable message is sent again, and until when.

    Args:
        retries: sends after the first one, at least 0.
        interval: from one send to the next, more than nothing.
        persist: how long the receiver remembers the message; no send may come later. None when the CPA does not say.

    Source: `digikoppeling-ebms2` f.1 and f.2; B22.
    """

    retries: int
    interval: timedelta
    persist: timedelta | None = None

    @property
    def time_to_live(self) -> timedelta:
        """From the message's Timestamp to its TimeToLive: (retries + 1) x interval."""
        return (self.retries + 1) * self.interval

    def sends(self, first: datetime) -> tuple[datetime, ...]:
        """Return the planned moment of every send, the first included, in UTC.

        All lie before the time to live, and none after the receiver may have forgotten the message (h-12).
        """
        start = first.astimezone(UTC)  # a night on which the clock is put back is an hour longer (B23)
        offsets = (attempt * self.interval for attempt in range(self.retries + 1))
        return tuple(start + offset for offset in offsets if self.persist is None or offset <= self.persist)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Everything that the CPA says about one action from sender to receiver.

    Args:
        cpa_id: eb:CPAId, as every message of the route must carry it.
        sender: eb:From, with all PartyIds of the CPA and the role.
        receiver: eb:To, likewise.
        service: eb:Service.
        action: eb:Action.
        endpoint: the receiver's URL for user messages.
        our_endpoint: the sender's own URL, where acknowledgments come and whose host a MessageId bears.
        profile: ``osb-rm-s`` and so on, worked out from the values as in `digikoppeling-ebms2` a.1.
        sync_reply: whether the answer comes in the HTTP response.
        ack_requested: whether the message is reliable: an acknowledgment is asked for.
        ack_signed: whether that acknowledgment must be signed.
        duplicate_elimination: whether eb:DuplicateElimination is sent.
        retry: when to send again; None when the message is not reliable.
        signing: how the message is signed; None when it is not.
        encrypted: whether the payload must be encrypted; such a message never goes out in clear.
        per_message: what the CPA leaves to the sender of each message.
    """

    cpa_id: str
    sender: Party
    receiver: Party
    service: Service
    action: str
    endpoint: str
    our_endpoint: str
    profile: str
    sync_reply: bool = False
    ack_requested: bool = False
    ack_signed: bool = False
    duplicate_elimination: bool = False
    retry: RetryPolicy | None = None
    signing: Signing | None = None
    encrypted: bool = False
    per_message: frozenset[Choice] = frozenset()

    @property
    def our_host(self) -> str:
        """The host of `our_endpoint`, for the right-hand side of a MessageId; ``localhost`` when it has none."""
        try:
            return urlsplit(self.our_endpoint).hostname or "localhost"
        except ValueError:
            return "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRoute:
    """How an Acknowledgment, MessageError, Ping, Pong, StatusRequest or StatusResponse travels.

    Args:
        cpa_id: eb:CPAId.
        sender: the party that sends the signal; no role, as signals carry none (`digikoppeling-ebms2` h-35).
        receiver: the other party.
        endpoint: where the signal goes when it does not go in an HTTP response.
        signing: how it is signed when it must be; None when its channel cannot sign.
        sync: whether the asker's signal channel wants answers in the HTTP response (`digikoppeling-ebms2` c.2 and
            h-62). For an answer to a user message the `sync_reply` of that message's route decides.
    """

    cpa_id: str
    sender: Party
    receiver: Party
    endpoint: str
    signing: Signing | None = None
    sync: bool = False


@dataclass(frozen=True, slots=True)
class Resolution:
    """What became of a question for a route: the route as far as there is one, and everything found on the way.

    A route with findings of severity error must not be sent by; it is here to be explained.
    """

    route: Route | None
    findings: tuple[Finding, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that forbid sending."""
        return tuple(finding for finding in self.findings if finding.severity == "error")
