"""A sender binds what must never be mixed up: the OINs of the letters, the CPA, and the key with its certificate.

From letters to messages in one step, without network: `Sender.messages` gives one `Outgoing` a batch, and
`Outgoing.write` writes it, once, into whatever file it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Final
from uuid import UUID, uuid4

from mobb_client.berichtenbox.batch import batches
from mobb_client.berichtenbox.bericht import Batch, Bericht
from mobb_client.berichtenbox.globe import Document, write_berichten
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.regels import Regels
from mobb_client.ebms import agreement, mime, packet
from mobb_client.ebms.cpa import CPA, Route
from mobb_client.ebms.message import UserMessage
from mobb_client.errors import BerichtError, ConfigurationError, FieldError, Finding
from mobb_client.pki.identity import Identity

ACTION: Final = "GLOBE-R-BV-Request"
PAYLOAD_TYPE: Final = "text/xml; charset=UTF-8"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sender:
    """Whose letters these are, under which CPA, and with which key.

    Args:
        oin: the OIN of the letters, or several for an intermediary; the first is that of letters that name none.
        cpa: the agreement with the Berichtenbox; everything on the wire follows from it.
        identity: the key and its certificate; needed when the CPA asks for signatures.
        regels: limits and choices that the sources leave open.
        action: the action of the batches in the CPA.
        party: which party of the CPA is the sender, when both may send the action.
        payload_type: media type of the batch (open question k.27 of the interface).

    Raises:
        FieldError: an OIN that is none.
    """

    oin: OIN | str | tuple[OIN | str, ...]
    cpa: CPA
    identity: Identity | None = None
    regels: Regels = field(default_factory=Regels)
    action: str = ACTION
    party: str | None = None
    payload_type: str = PAYLOAD_TYPE

    def __post_init__(self) -> None:
        """Check the OINs."""
        given = self.oin if isinstance(self.oin, tuple) else (self.oin,)
        object.__setattr__(self, "oin", tuple(one if isinstance(one, OIN) else OIN(one) for one in given))

    @property
    def oins(self) -> tuple[OIN, ...]:
        """The OINs whose letters this sender may send."""
        return tuple(one for one in self.oin if isinstance(one, OIN)) if isinstance(self.oin, tuple) else ()

    def route(self, now: datetime) -> Route:
        """Return the route of the batches at one aware moment.

        Raises:
            ConfigurationError: what in the CPA, the key or the certificate forbids sending, all of it.
        """
        route = self.cpa.route(self.action, party=self.party, now=now)
        forbidding = [finding for finding in self._key_findings(route, now) if finding.severity == "error"]
        if forbidding:
            raise ConfigurationError(*forbidding)
        return route

    def messages(
        self, berichten: Iterable[Bericht], *, now: datetime, new_id: Callable[[], UUID] = uuid4
    ) -> Iterator[Outgoing]:
        """Give one message a batch, ready to be written, as the letters come in.

        Args:
            berichten: the letters, each already checked by itself; read as a stream.
            now: an aware datetime: the AanmaakDatum of the batches and the Timestamp of the messages.
            new_id: where BatchID, ConversationId and MessageId come from.

        Raises:
            ConfigurationError: the route is forbidden; nothing was read.
            BerichtError: a letter that an `Intake` would have refused.
        """
        route = self.route(now)
        intake = Intake((self,), now)
        accepted = (bericht for bericht in berichten if intake.take(bericht))
        for batch in batches(accepted, oin=self.oins[0], aanmaakdatum=now, new_id=new_id, regels=self.regels):
            yield Outgoing(sender=self, batch=batch, message=self._compose(route, now, new_id), route=route)

    def _compose(self, route: Route, now: datetime, new_id: Callable[[], UUID]) -> UserMessage:
        message_id = f"{new_id()}@{route.our_host}"
        return agreement.compose(
            route,
            content_ids=[f"1.{message_id}"],
            message_id=message_id,
            conversation_id=str(new_id()),
            timestamp=now,
        )

    def _key_findings(self, route: Route, now: datetime) -> Iterable[Finding]:
        if route.signing is None:
            return ()
        if self.identity is None:
            return [Finding("key.needed", field="key", measure="no key")]
        return self.identity.findings(at=now, own_certificate=route.signing.certificate)


class Intake:
    """Decides which of several senders takes a letter, at one moment, or why none of them may.

    Args:
        senders: no OIN belongs to two of them.
        now: an aware datetime, against which the letters' dates are judged.

    Raises:
        ConfigurationError: an OIN of two senders.
    """

    def __init__(self, senders: tuple[Sender, ...], now: datetime) -> None:
        self._senders = senders
        self._now = now
        self._seen: dict[tuple[OIN, str], Bericht] = {}
        owned = [oin for sender in senders for oin in sender.oins]
        if doubled := {oin for oin in owned if owned.count(oin) > 1}:
            raise ConfigurationError(
                *(Finding("sender.oin-twice", "oin", f"OIN {oin}") for oin in sorted(map(str, doubled)))
            )

    def take(self, bericht: Bericht) -> Sender | None:
        """Return the letter's sender; None for a repeat of a letter that was taken before, the same to the last octet.

        Raises:
            BerichtError: no sender has its OIN, its dates do not fit, or its kenmerk was given to another letter; all
                of it at once.

        Source: `berichtenbox` g.6, h.4; `design.md` section 3.
        """
        sender = self._owner(bericht)
        if sender is None:
            measure = f"OIN {bericht.oin}" if bericht.oin else f"no OIN, and {len(self._senders)} senders"
            raise BerichtError(bericht.kenmerk, [FieldError("sender.oin-unknown", field="oin", measure=measure)])
        key = (bericht.oin or sender.oins[0], bericht.kenmerk)
        earlier = self._seen.setdefault(key, bericht)
        errors = list(bericht.date_errors(self._now, sender.regels))
        if earlier is not bericht and (different := earlier.differences(bericht)):
            errors.append(FieldError("kenmerk.reused", field="kenmerk", measure=f"other {', '.join(different)}"))
        if errors:
            raise BerichtError(bericht.kenmerk, errors)
        return sender if earlier is bericht else None

    def _owner(self, bericht: Bericht) -> Sender | None:
        if bericht.oin is None:
            return self._senders[0] if len(self._senders) == 1 else None
        return next((sender for sender in self._senders if bericht.oin in sender.oins), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message that is ready to be written: its batch of letters, and what its envelope says."""

    sender: Sender
    batch: Batch
    message: UserMessage
    route: Route

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers that go with the body."""
        return mime.http_headers(self.message.header.message_id, multipart=True)

    def write(self, sink: BinaryIO) -> Written:
        """Write the HTTP body into a seekable binary file, in one pass over the letters and their attachments.

        Raises:
            BerichtError: an attachment changed since its letter was made; what stands in the file is to be thrown away.
        """
        documents: list[Document] = []
        payload = packet.Payload(
            content_id=f"1.{self.message.header.message_id}",
            write=lambda pass_on: documents.append(write_berichten(self.batch, pass_on)),
            content_type=self.sender.payload_type,
        )
        written = packet.write(self.message, [payload], sink, self._signer())
        return Written(packet=written, document=documents[0])

    def _signer(self) -> packet.Signer | None:
        """Sign exactly when the CPA asks for it."""
        if self.route.signing is None or self.sender.identity is None:
            return None
        return packet.Signer(self.sender.identity, self.route.signing)


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the packet around the document, and the document with the digests of its attachments."""

    packet: packet.Packet
    document: Document
