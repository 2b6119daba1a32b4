"""The other side, for tests of the client.

A wire that keeps what is posted and answers as a test says, and messages of theirs, written by the library's own hand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import BytesIO
from itertools import count
from typing import Any, BinaryIO
from uuid import UUID

from lxml import etree
from tests import letters
from tests.keys import Holder
from tests.material import MOMENT
from tests.outgoing import cpa, holder, sender

from mobb_client.berichtenbox.aflevering import Aflevering, State
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.client import Client
from mobb_client.ebms import agreement, packet
from mobb_client.ebms.cpa import CPA, Route, SignalRoute
from mobb_client.ebms.message import (
    Acknowledgment,
    EbmsError,
    Message,
    MessageError,
    MessageHeader,
    Ping,
    UserMessage,
)
from mobb_client.errors import FormatError
from mobb_client.outbox.contract import Event, Outbox
from mobb_client.outbox.memory import MemoryOutbox
from mobb_client.sender import Sender
from mobb_client.simulator.material import Profile
from mobb_client.transport.endpoint import Reply
from mobb_client.transport.wire import Response

NOTHING = Response(204, {}, b"")
INTERVAL = timedelta(hours=3)
TIME_TO_LIVE = timedelta(hours=27)
DAY = timedelta(days=1)
Answer = Response | Exception


class Clock:
    """A clock that a test moves, back as well."""

    def __init__(self, start: datetime = MOMENT) -> None:
        self.moment = start

    def __call__(self) -> datetime:
        """Return the moment."""
        return self.moment

    def move(self, by: timedelta) -> None:
        """Move it."""
        self.moment += by


@dataclass(frozen=True)
class Post:
    """One POST that came in."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def received(self) -> packet.Received:
        """As the other side reads it."""
        return packet.read(self.headers["Content-Type"], self.body)

    @property
    def message(self) -> Message:
        """What its envelope says."""
        return self.received.message

    @property
    def header(self) -> MessageHeader:
        """Of the message."""
        return self.message.header

    @property
    def message_id(self) -> str:
        """Of the message."""
        return self.header.message_id

    @property
    def document(self) -> etree._Element:
        """The Berichten in it."""
        (part,) = self.received.parts
        return etree.fromstring(part.octets)

    @property
    def batch_id(self) -> UUID:
        """Of the batch in it."""
        return UUID(self._texts("BatchInformatie/*[local-name()='BatchID']")[0])

    @property
    def bericht_ids(self) -> list[UUID]:
        """Of the letters in it."""
        return [UUID(text) for text in self._texts("BerichtInformatie/*[local-name()='BerichtID']")]

    def _texts(self, path: str) -> list[str]:
        first, rest = path.split("/")
        found = self.document.xpath(f"//*[local-name()='{first}']/{rest}/text()")
        assert isinstance(found, list)
        return [str(one) for one in found]


@dataclass(frozen=True)
class Sent:
    """A message of the other side: headers and body of its POST or of its response."""

    message: Message
    headers: Mapping[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        """Of the message."""
        return self.message.header.message_id

    @property
    def response(self) -> Response:
        """As the answer to a POST of ours."""
        return Response(200, {name.lower(): value for name, value in self.headers.items()}, self.body)

    def to(self, client: Client) -> Reply:
        """Post it to a client's endpoint."""
        return client.receive(self.headers, self.body)

    def edited(self, old: str, new: str) -> Sent:
        """Return it with one place of its octets changed."""
        assert self.body.count(old.encode()) == 1, self.body.count(old.encode())
        return replace(self, body=self.body.replace(old.encode(), new.encode()))


@dataclass(slots=True, kw_only=True)
class Partner:
    """The other side under one CPA. `script` holds the answers to come; `reply` gives them when it is empty."""

    profile: Profile = "osb-rm"
    sync: bool = False
    clock: Clock = field(default_factory=Clock)
    posts: list[Post] = field(default_factory=list)
    script: deque[Answer | Callable[[Post], Answer]] = field(default_factory=deque)
    reply: Callable[[Post], Answer] = lambda _: NOTHING

    # The wire

    def post(self, url: str, headers: Mapping[str, str], body: BinaryIO, size: int) -> Response:
        """Keep what is posted and answer from the script."""
        octets = body.read()
        assert len(octets) == size
        self.posts.append(Post(url, dict(headers), octets))
        answer = self.script.popleft() if self.script else self.reply
        if callable(answer):
            answer = answer(self.posts[-1])
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def batches(self) -> list[Post]:
        """The posts that held letters."""
        return [post for post in self.posts if isinstance(post.message, UserMessage)]

    @property
    def signals(self) -> list[Post]:
        """The other posts."""
        return [post for post in self.posts if not isinstance(post.message, UserMessage)]

    # What it says

    def acknowledgment(self, post: Post, *, signed: bool | None = None, by: Holder | None = None, **more: Any) -> Sent:
        """Return the acknowledgment of a post: signed when it asks for that, unless told otherwise.

        `more` changes fields of the acknowledgment, or of its header.
        """
        message = post.message
        assert isinstance(message, UserMessage)
        asked = message.ack_requested is not None and message.ack_requested.signed
        claimed = post.received.signature
        own = claimed.references if claimed is not None and asked else ()
        ack = agreement.acknowledge(message, own, message_id=self.new_id(), timestamp=self.clock())
        fields = {name: value for name, value in more.items() if hasattr(ack, name)}
        header = replace(ack.header, **{name: value for name, value in more.items() if name not in fields})
        changed: Acknowledgment = replace(ack, header=header, **fields)
        return self.write(changed, signed=asked if signed is None else signed, by=by)

    def error(self, post: Post, code: str = "Inconsistent", severity: Any = "Error", **header: Any) -> Sent:
        """Return a MessageError about a post, unsigned as partners send it; its text holds a BSN."""
        made = agreement.refuse(post.header, FormatError("x", "x"), message_id=self.new_id(), timestamp=self.clock())
        told = (EbmsError(code, severity, "//Header", f"text with {letters.BSN}"),)
        return self.write(MessageError(header=replace(made.header, **header), errors=told, highest_severity=severity))

    def result(
        self,
        post: Post,
        *verdicts: str,
        batch_id: UUID | str | None = None,
        documents: Sequence[bytes] | None = None,
        signed: bool | None = None,
        by: Holder | None = None,
        **header: Any,
    ) -> Sent:
        """Return a result about a post: of its batch, with these verdicts, in its conversation."""
        parts = documents
        if parts is None:
            counts = (len(verdicts), len(verdicts), 0, 0, 0, 0, 0)
            parts = [letters.answer(*verdicts, batch_id=batch_id or post.batch_id, counts=counts)]
        message = self.business(len(parts), post, **header)
        route = self.result_route
        return self.write(message, parts, signed=route.signing is not None if signed is None else signed, by=by)

    def verdict(self, post: Post, code: str = "Verwerkt", **more: Any) -> Sent:
        """Return a result with the same verdict on every letter of a post."""
        return self.result(post, *(letters.verdict(one, code) for one in post.bericht_ids), **more)

    def business(self, parts: int, post: Post, **header: Any) -> UserMessage:
        """Return the envelope of a result about a post."""
        message_id = header.pop("message_id", None) or self.new_id()
        message = agreement.compose(
            self.result_route,
            content_ids=[f"{number}.{message_id}" for number in range(parts)],
            message_id=message_id,
            conversation_id=post.header.conversation_id,
            timestamp=self.clock(),
            ref_to_message_id=post.message_id,
        )
        return replace(message, header=replace(message.header, **header))

    def ping(self) -> Sent:
        """Return a Ping of the other side."""
        asked = agreement.ping(
            self.signals_route("Ping"), message_id=self.new_id(), conversation_id="ping", timestamp=self.clock()
        )
        return self.write(asked)

    def status_request(self, message_id: str) -> Sent:
        """Return the question what became of a message of theirs."""
        route = self.signals_route("StatusRequest")
        ids = {"message_id": self.new_id(), "conversation_id": "status"}
        return self.write(agreement.status_request(route, message_id, timestamp=self.clock(), **ids))

    def pong(self, post: Post) -> Sent:
        """Return the answer to a Ping of ours."""
        assert isinstance(post.message, Ping)
        return self.write(agreement.pong(post.message, message_id=self.new_id(), timestamp=self.clock()))

    def write(
        self, message: Message, parts: Sequence[bytes] = (), *, signed: bool = False, by: Holder | None = None
    ) -> Sent:
        """Return a message as it travels, its parts named as the Manifest of `business` names them."""
        payloads = [_payload(f"{number}.{message.header.message_id}", octets) for number, octets in enumerate(parts)]
        signing = (
            self.signals_route("Acknowledgment").signing or _SIGNED.signals(sender=self.result_route.sender).signing
        )
        assert signing is not None
        signer = packet.Signer((by or holder("receiver")).identity, signing) if signed else None
        sink = BytesIO()
        written = packet.write(message, payloads, sink, signer)
        return Sent(message, written.headers, sink.getvalue())

    @staticmethod
    def new_id() -> str:
        """Return a new MessageId of the other side."""
        return f"{new_id()}@partner.example"

    @property
    def cpa(self) -> CPA:
        """The CPA."""
        return cpa(self.profile, sync=self.sync)

    @property
    def result_route(self) -> Route:
        """How results travel."""
        route = self.cpa.resolve("GLOBE-R-BV-Result", now=MOMENT).route
        assert route is not None
        return route

    def signals_route(self, action: str) -> SignalRoute:
        """Return how a signal of the other side travels."""
        return self.cpa.signals(sender=self.result_route.sender, action=action)

    # Our side

    def sender(self, **more: Any) -> Sender:
        """Return our sender under this CPA, changed here and there."""
        made = sender(self.profile, sync=self.sync)
        given: dict[str, Any] = {"oin": made.oin, "cpa": made.cpa, "identity": made.identity}
        return Sender(**(given | more))

    def client(self, *senders: Sender, outbox: Outbox | None = None, **more: Any) -> Client:
        """Return a client that posts to this partner."""
        mine = senders or (self.sender(),)
        parts: dict[str, Any] = {"wire": self, "now": self.clock, "new_id": new_id}
        return Client(*mine, outbox=outbox or new_outbox(), **(parts | more))


def new_outbox() -> Outbox:
    """Return an empty store: in memory, unless the fixture `every_store` chose another kind."""
    return STORE[-1]()


STORE: list[Callable[[], Outbox]] = [MemoryOutbox]
"""What makes a store; the last one counts."""


def _payload(content_id: str, octets: bytes) -> packet.Payload:
    return packet.Payload(content_id=content_id, write=lambda sink: sink(octets))


def new_id() -> UUID:
    """Return the next id of this run; threads may share it."""
    return UUID(int=next(_NUMBERS), version=4)


_NUMBERS = count(2**97 + 1)
_SIGNED = cpa("osb-rm-s")


def names(client: Client, start: str = "", since: int = 0) -> list[str]:
    """Return the names of the events that begin so, in order."""
    return [str(event.name) for event in every_event(client, since) if event.name.startswith(start)]


def every_event(client: Client, since: int = 0) -> list[Event]:
    """Return all events."""
    found: list[Event] = []
    while page := client.events(found[-1].number if found else since):
        found.extend(page)
    return found


def states(client: Client) -> list[State]:
    """Return where each letter stands, in the order in which they came."""
    return [way.state for way in client.afleveringen()]


def way(client: Client, kenmerk: str = "zaak-1", oin: OIN | str | None = None) -> Aflevering:
    """Return where a letter stands."""
    found = client.aflevering(kenmerk, oin=oin)
    assert found is not None
    return found


def some_letters(number: int = 3, **changes: Any) -> list[Any]:
    """Return letters ``zaak-1``, ``zaak-2`` and so on."""
    return [letters.letter(kenmerk=f"zaak-{one}", **changes) for one in range(1, number + 1)]
