"""A sender binds what must never be mixed up: the OINs of the letters, the CPA, and the key with its certificate.

From letters to messages in one step, without network: `Sender.messages` gives one `Outgoing` a batch, and
`Outgoing.write` writes it, once, into whatever file it is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO, Final
from uuid import UUID, uuid4

from mobb_client.berichtenbox.abonnementregels import Abonnementregels
from mobb_client.berichtenbox.batch import batches
from mobb_client.berichtenbox.bericht import Batch, Bericht
from mobb_client.berichtenbox.globe import Document, write_berichten
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.regels import Regels
from mobb_client.ebms import agreement, mime, packet
from mobb_client.ebms.cpa import CPA, Route
from mobb_client.ebms.message import UserMessage
from mobb_client.errors import BerichtError, ConfigurationError, FieldError, Finding
from mobb_client.pki.certificate import Certificate
from mobb_client.pki.identity import Identity

ACTION: Final = "GLOBE-R-BV-Request"
RESULT_ACTION: Final = "GLOBE-R-BV-Result"
PAYLOAD_TYPE: Final = "text/xml; charset=UTF-8"
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+(?:; [ -~]{1,100})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
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
        result_action: the action of the results in the CPA.
        anchors: whom to trust on the wire; only these, never the machine's own.
        tls: key and certificate of the connection, where they are not those of the signature (G4).
        peers: OINs of the TLS client certificates that may deliver at our endpoint; empty when whoever ends TLS there
            decides alone.
        abonnementen: whether citizens must be subscribed, and how that is known.

    Raises:
        FieldError: no OIN, an OIN that is none, or a media type that is none.
    """

    oin: OIN | str | Sequence[OIN | str]
    cpa: CPA
    identity: Identity | None = None
    regels: Regels = field(default_factory=Regels)
    action: str = ACTION
    party: str | None = None
    payload_type: str = PAYLOAD_TYPE
    result_action: str = RESULT_ACTION
    anchors: Sequence[Certificate] = ()
    tls: Identity | None = None
    peers: Sequence[str] = ()
    abonnementen: Abonnementregels = field(default_factory=Abonnementregels)
    oins: tuple[OIN, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Check the OINs and the media type; `oins` are all OINs whose letters this sender may send."""
        given = (self.oin,) if isinstance(self.oin, str | OIN) else tuple(self.oin)
        oins = tuple(dict.fromkeys(one if isinstance(one, OIN) else OIN(one) for one in given))
        if not oins:
            raise FieldError("sender.oin-none", field="oin", measure="none")
        if not _MEDIA_TYPE.fullmatch(self.payload_type):
            measure = f"{len(self.payload_type)} characters"
            raise FieldError("sender.payload-type", field="payload_type", measure=measure)
        object.__setattr__(self, "oins", oins)

    def admits(self, peer: Certificate | None) -> bool:
        """Tell whether a TLS client may deliver at our endpoint. Source: `digikoppeling-ebms2` f.4 rule 8."""
        return not self.peers or (peer is not None and peer.oin in self.peers)

    def route(self, now: datetime, action: str | None = None) -> Route:
        """Return the route of the batches, or of another action, at one aware moment.

        Raises:
            ConfigurationError: what in the CPA, the key or the certificate forbids sending, all of it.
        """
        found = self.cpa.resolve(action or self.action, party=self.party, now=now)
        keys = self._key_findings(found.route, now) if found.route else ()
        forbidding = [finding for finding in (*found.errors, *keys) if finding.severity == "error"]
        if found.route is None or forbidding:
            raise ConfigurationError(*forbidding)
        return found.route

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
            yield Outgoing(sender=self, batch=batch, message=self.compose(route, now, new_id), route=route)

    def compose(self, route: Route, now: datetime, new_id: Callable[[], UUID]) -> UserMessage:
        """Return what the envelope of a message with one payload says, ``1.<MessageId>`` by its Content-ID."""
        message_id = f"{new_id()}@{route.our_host}"
        return agreement.compose(
            route,
            content_ids=[f"1.{message_id}"],
            message_id=message_id,
            conversation_id=str(new_id()),
            timestamp=now,
        )

    def signer(self, route: Route) -> packet.Signer | None:
        """Return who signs, exactly when the CPA asks for it: what should be signed is never written unsigned.

        Raises:
            ConfigurationError: there is no key.
        """
        if route.signing is None:
            return None
        if self.identity is None:
            raise ConfigurationError(_KEY_NEEDED)
        return packet.Signer(self.identity, route.signing)

    def _key_findings(self, route: Route, now: datetime) -> Iterable[Finding]:
        if route.signing is None:
            return ()
        if self.identity is None:
            return (_KEY_NEEDED,)
        return self.identity.findings(
            at=now, own_certificate=route.signing.certificate, partner_certificate=self._partner_certificate(route)
        )

    def _partner_certificate(self, route: Route) -> Certificate | None:
        """Return what the other side signs with, so that a mix-up of the two can be called that (B35)."""
        try:
            signing = self.cpa.signals(sender=route.receiver).signing
        except ConfigurationError:
            return None
        return signing.certificate if signing else None

    def __repr__(self) -> str:
        """Return the OINs and the id of the CPA."""
        return f"Sender({', '.join(map(str, self.oins))}, under {self.cpa.cpa_id!r})"


_KEY_NEEDED: Final = Finding("key.needed", field="key", measure="no key")


def check_owners(senders: Iterable[Sender]) -> None:
    """Check that every OIN belongs to one sender.

    Raises:
        ConfigurationError: those that belong to more.
    """
    owned = [oin for sender in senders for oin in sender.oins]
    if doubled := sorted({str(oin) for oin in owned if owned.count(oin) > 1}):
        raise ConfigurationError(*(Finding("sender.oin-twice", "oin", f"OIN {oin}") for oin in doubled))


class Intake:
    """Decides which of several senders takes a letter, at one moment, or why none of them may.

    Args:
        senders: no OIN belongs to two of them.
        now: an aware datetime, against which the letters' dates are judged; None leaves that to `Client.enqueue`,
            which knows which letters it has had before.

    Raises:
        ConfigurationError: an OIN of two senders.
    """

    def __init__(self, senders: Sequence[Sender], now: datetime | None) -> None:
        self._senders = tuple(senders)
        self._now = now
        self._taken: dict[tuple[OIN, str], Bericht] = {}
        check_owners(self._senders)

    def take(self, bericht: Bericht) -> Sender | None:
        """Return the letter's sender; None for a repeat of a letter that was taken before, the same to the last octet.

        A letter that is refused was not taken: its kenmerk may come again.

        Raises:
            BerichtError: no sender has its OIN, its dates do not fit, or its kenmerk was given to another letter; all
                of it at once.

        Source: `berichtenbox` g.6, h.4; `design.md` section 3.
        """
        sender = self.owner(bericht)
        key = (bericht.oin or sender.oins[0], bericht.kenmerk)
        earlier = self._taken.get(key)
        dates = bericht.date_errors(self._now, sender.regels) if self._now else ()
        errors = [*dates, *(reused(earlier, bericht) if earlier else ())]
        if errors:
            raise BerichtError(bericht.kenmerk, errors)
        self._taken.setdefault(key, bericht)
        return sender if earlier is None else None

    def owner(self, bericht: Bericht) -> Sender:
        """Return the sender that has the letter's OIN, or the only one when the letter names none.

        Raises:
            BerichtError: there is none.
        """
        own = [one for one in self._senders if bericht.oin in one.oins] if bericht.oin else list(self._senders)
        if len(own) != 1:
            measure = f"OIN {bericht.oin}" if bericht.oin else f"no OIN, and {len(self._senders)} senders"
            raise BerichtError(bericht.kenmerk, [FieldError("sender.oin-unknown", field="oin", measure=measure)])
        return own[0]


def reused(earlier: Bericht, bericht: Bericht) -> Iterator[FieldError]:
    """Give what is wrong when a kenmerk comes again; an OIN that the other letter left out is the same OIN.

    Nothing when it is the same letter; else ``kenmerk.reused`` with the fields that differ, or what is wrong with an
    attachment that can no longer be read, so that nobody knows.
    """
    try:
        different = [name for name in earlier.differences(bericht) if name != "oin"]
    except FieldError as error:
        yield error
        return
    if different:
        yield FieldError("kenmerk.reused", field="kenmerk", measure=f"another {', '.join(different)}")


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
            BerichtError: of one letter, whose attachment is no longer what it was (`changed` says of which others as
                well); `without` them the rest can go.
            FieldError: the document is larger than 100 MB.
            ConfigurationError: the CPA asks for a signature, and there is no key.
            OSError: the file took less than it was given.

        Whatever is raised, what stands in the file is no message and is to be thrown away.
        """
        documents: list[Document] = []
        payload = packet.Payload(
            content_id=f"1.{self.message.header.message_id}",
            write=lambda pass_on: documents.append(write_berichten(self.batch, pass_on)),
            content_type=self.sender.payload_type,
        )
        written = packet.write(self.message, [payload], sink, self.sender.signer(self.route))
        return Written(packet=written, document=documents[0])

    def changed(self) -> dict[str, FieldError]:
        """Return kenmerk -> error for each letter with an attachment that is no longer what it was."""
        return {bericht.kenmerk: error for bericht in self.batch.berichten if (error := _changed(bericht))}

    def without(self, kenmerken: Collection[str]) -> Outgoing | None:
        """Return the same message without some of its letters, or None when no letter is left."""
        kept = tuple(bericht for bericht in self.batch.berichten if bericht.kenmerk not in kenmerken)
        return replace(self, batch=replace(self.batch, berichten=kept)) if kept else None


def _changed(bericht: Bericht) -> FieldError | None:
    try:
        for bijlage in bericht.bijlagen:
            next(bijlage.blocks(), None)  # the file is compared when it is opened
    except FieldError as error:
        return error
    return None


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the packet around the document, and the document with the digests of its attachments."""

    packet: packet.Packet
    document: Document
