"""The Berichtenbox in one process: CA, certificates, CPAs and a clock of its own, made on the spot.

What the sender posts goes to `Berichtenbox.wire`; what the Berichtenbox sends goes, when `process` is called, to the
function given to `connect`. The same box on a socket: `serve`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol
from uuid import UUID, uuid4

from mobb_client.simulator._abonnementen import REQUEST, RESULT, Abonnementendienst
from mobb_client.simulator._body import Body, blocks_of
from mobb_client.simulator._certificates import Pair, issue
from mobb_client.simulator._cpa import Agreement
from mobb_client.simulator._globe import Globe
from mobb_client.simulator._signature import Signer
from mobb_client.simulator._wus import Validatiedienst, url_beside
from mobb_client.simulator.clock import Clock
from mobb_client.simulator.engine import Answer, Letter, Logius, Outgoing
from mobb_client.simulator.material import Keys, Material, Profile, Terms, make_material
from mobb_client.simulator.outcomes import Outcome

if TYPE_CHECKING:
    from mobb_client.client import Bericht, Client, OnAflevering, Outbox
    from mobb_client.simulator.server import Served

CLEAR_PROFILES: Final[tuple[Profile, ...]] = ("osb-be", "osb-rm", "osb-be-s", "osb-rm-s")
CLEAR_SYNC_PROFILES: Final[tuple[Profile, ...]] = ("osb-rm", "osb-rm-s")
TEST_BSN: Final = "999993653"
STRANGER_OIN: Final = "00000099000000009000"
_TERMS: Final = Terms(retries=8, interval="PT30M")
_TIMEOUT: Final = 30.0


class Reply(Protocol):
    """The answer of a sender's endpoint."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """HTTP headers."""

    @property
    def body(self) -> bytes:
        """Octets, empty when nothing is said."""


class Receive(Protocol):
    """The sender's endpoint as one call; `peer` is the client certificate in DER."""

    def __call__(self, headers: Mapping[str, str], body: bytes, *, peer: bytes) -> Reply:
        """Take a POST and return its answer."""


@dataclass(frozen=True, slots=True)
class Response:
    """What the wire brings back: an HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Berichtenbox(Logius):
    """Logius in a box, with all that a sender needs to talk to it. Nothing of it is on a network.

    Args:
        profile: of `cpa_bytes`; encrypted ones are not simulated.
        sync: whether acknowledgments come in the HTTP response by that CPA.
        material: CA, certificates and terms; new ones, with keys made once a process, without.
        start: an aware moment at which the clock stands; the machine's own without.
        clock: another clock than one that stands there.
        oins: the OINs whose letters may come; those of the material without.
        berichttypes: those that are active; any without.
        new_id: where MessageIds come from.

    Attributes:
        clock: the time of the box; give `clock.now` to the client.
        material: CA, keys and certificates of both sides.
        stranger: a key and certificate that are in no CPA.
        wire: posts to the box.
        validatie: the service that says who is subscribed.
        abonnementen: the one that says it of many, where the terms of the CPAs have it.

    Raises:
        ValueError: an encrypted profile, or a synchronous one that is not reliable.
    """

    def __init__(  # noqa: PLR0913 - each is a way in which a test wants its box different
        self,
        profile: Profile = "osb-rm",
        *,
        sync: bool = False,
        material: Material | None = None,
        start: datetime | None = None,
        clock: Clock | None = None,
        oins: Collection[str] | None = None,
        berichttypes: Collection[str] | None = None,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        if profile not in (CLEAR_SYNC_PROFILES if sync else CLEAR_PROFILES):
            raise ValueError(f"{'synchronous ' if sync else ''}{profile} is not simulated")
        self.clock = clock or Clock(start)
        self.material = material or make_material(self.clock.now(), keys=_keys(), terms=_TERMS)
        self._profile, self._sync = profile, sync
        self._terms = self.material.terms
        self._receive: Receive | None = None
        self._work: Callable[[], object] = _nothing
        self._down = False
        self._courier: Callable[[Outgoing], None] | None = None
        self.stranger = _stranger(self.material)
        super().__init__(
            self._every_agreement(),
            signer=_signer(self.material.receiver),
            stranger=_signer(self.stranger),
            globe=Globe(oins or {self.material.sender_oin, *self.material.letter_oins}, berichttypes),
            now=self.clock.now,
            new_id=new_id,
        )
        self.validatie = Validatiedienst(
            self.is_subscribed, knows=lambda oin: oin in self.globe.oins, active=lambda: self.globe.berichttypes
        )
        self.abonnementen: Abonnementendienst = Abonnementendienst(self.is_subscribed, self.globe.outcomes.keys)
        self.wire = Wire(self)

    # The agreement

    @property
    def cpa_bytes(self) -> bytes:
        """The CPA of the box's profile."""
        return self.cpa(self._profile, sync=self._sync)

    def cpa(self, profile: Profile, *, sync: bool = False) -> bytes:
        """Return the CPA of any profile; every one without encryption may be used, beside each other."""
        return self.material.cpa(profile, sync=sync, terms=self._terms)

    @property
    def url(self) -> str:
        """The endpoint of the box, as the CPAs have it."""
        return self._terms.receiver_endpoint

    @property
    def validatie_url(self) -> str:
        """The endpoint of the BerichtenboxValidatieService: on the same host and port."""
        return url_beside(self.url)

    def validate(self, headers: Mapping[str, str], body: bytes, peer: bytes | None) -> Answer:
        """Return the answer to a question about subscriptions; only the sender's own certificate may ask."""
        if peer != self.material.sender.certificate_der:
            return Answer(status=403)
        return self.validatie.answer(headers, body)

    def is_subscribed(self, bsn: str, berichttype: str) -> bool:  # noqa: ARG002 - here nobody switches off one type
        """Tell whether letters may be sent to a citizen: what becomes of one follows from the same."""
        return self.globe.outcome_of(bsn).code != "NietActiefOfGeabonneerd"

    def settle_at(self, *, receiver_endpoint: str, sender_endpoint: str) -> None:
        """Give both endpoints other URLs; CPAs that were taken before no longer hold."""
        self._terms = replace(self._terms, receiver_endpoint=receiver_endpoint, sender_endpoint=sender_endpoint)
        self.agree(self._every_agreement())

    def _every_agreement(self) -> Iterator[Agreement]:
        for profile in CLEAR_PROFILES:
            for sync in {False, profile in CLEAR_SYNC_PROFILES}:
                yield _agreement(self.cpa(profile, sync=sync), self._terms)

    def agree_also(self, profile: Profile, terms: Terms, *, sync: bool = False) -> bytes:
        """Agree on a CPA of terms of its own, a CPAId among them, beside the others; return it.

        Its endpoints are those of the box: of a box that is served, so take it from there.
        """
        here = self._terms
        placed = replace(terms, receiver_endpoint=here.receiver_endpoint, sender_endpoint=here.sender_endpoint)
        document = self.material.cpa(profile, sync=sync, terms=placed)
        self.agree([_agreement(document, placed)])
        return document

    # What becomes of letters

    def outcome(  # noqa: PLR0913 - each is a way in which a verdict can come
        self,
        bsn: str,
        code: str = "Verwerkt",
        *,
        offers: int | None = None,
        whole_batch: bool = False,
        after: timedelta = timedelta(),
        results: int = 1,
        gzipped: bool = False,
    ) -> None:
        """Say what becomes of letters to a BSN from now on. The arguments are those of `outcomes.Outcome`."""
        self.globe.outcomes[bsn] = Outcome(
            code=code, offers=offers, whole_batch=whole_batch, after=after, results=results, gzipped=gzipped
        )

    def burger(self, bsn: str) -> Burger:
        """Return a citizen, to say something of."""
        return Burger(self, bsn)

    def letters_to(self, bsn: str) -> tuple[Letter, ...]:
        """Return the letters that are in a citizen's box."""
        return tuple(letter for letter in self.letters if letter.bsn == bsn and letter.code == "Verwerkt")

    # The sender's side

    def connect(self, receive: Receive | None, work: Callable[[], object] | None = None) -> None:
        """Say where the sender receives; None for nowhere.

        Args:
            receive: the sender's endpoint.
            work: what the sender does of itself, such as sending what is due; `run_until_idle` calls it.
        """
        self._receive, self._work = receive, work or _nothing

    def client(self, *, outbox: Outbox | None = None, on_aflevering: OnAflevering | None = None) -> Client:
        """Return a client of the sender, connected to the box and on its clock; take it from the box that is served.

        In one process `process` and `run_until_idle` reach it; on a socket it wants a listener at the sender's port.

        Args:
            outbox: where its letters are kept; in memory without.
            on_aflevering: called by `Client.dispatch`.
        """
        from mobb_client.local import endpoint_of, local_client  # noqa: PLC0415 - the only line that needs the library

        material = self.material
        made = local_client(
            oins=material.letter_oins,
            cpa=self.cpa_bytes,
            key=material.sender.key_pem,
            certificate=material.sender.certificate_pem,
            anchors=material.authority.certificate_pem,
            wire=self.wire if self._courier is None else None,
            now=self.clock.now,
            outbox=outbox,
            on_aflevering=on_aflevering,
        )
        self.connect(endpoint_of(made), made.send_due)
        return made

    def process(self) -> int:
        """Send everything that is due to the sender, and return how many messages that were."""
        sent = 0
        while due := self.due(self.clock.now()):
            for outgoing in due:
                self.deliver(outgoing)
            sent += len(due)
        return sent

    def run_until_idle(self, most: int = 1000) -> None:
        """Let both sides work, and time pass, until the box has nothing more to send.

        Raises:
            RuntimeError: that is not so after so many moments.
        """
        for _ in range(most):
            self._work()
            self.process()
            when = self.next_due()
            if when is None:
                return
            self.clock.advance_to(when)
        raise RuntimeError(f"the box still has something to send after {most} moments")

    def deliver(self, outgoing: Outgoing) -> None:
        """Give one message to the sender's endpoint, and take its answer."""
        if self._courier is not None:
            self._courier(outgoing)
        elif self._receive is None or self._down:
            self.delivered(outgoing, 0)
        else:
            shown = self.stranger if outgoing.stranger else self.material.receiver
            reply = self._receive(outgoing.headers, outgoing.body, peer=shown.certificate_der)
            self.delivered(outgoing, reply.status, reply.headers, reply.body)

    def carry_by(self, courier: Callable[[Outgoing], None] | None) -> None:
        """Let this bring messages to the sender, in the place of a call; None for the call again."""
        self._courier = courier

    def serve(
        self, *, port: int = 0, sender_port: int = 0, pace: float = 1.0, context: ssl.SSLContext | None = None
    ) -> Served:
        """Serve the box over TLS on this machine, from now until the end of ``with`` or `Served.close`.

        The CPAs get the URLs of both ports, so take them afterwards. The clock goes.

        Args:
            port: on which the box listens; 0 for a free one.
            sender_port: on which the sender will listen; 0 for a free one.
            pace: how many times faster than agreed everything comes that takes its time.
            context: another TLS context than that of the material, such as one with a wrong certificate.
        """
        from mobb_client.simulator.server import Served  # noqa: PLC0415 - sockets only where they are wanted

        self.pace = pace
        return Served(self, port=port, sender_port=sender_port, context=context)

    @property
    def is_down(self) -> bool:
        """Whether there is an outage."""
        return self._down

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Be unreachable for a while, and reach nobody."""
        self._down = True
        try:
            yield
        finally:
            self._down = False


@dataclass(frozen=True, slots=True)
class Burger:
    """A citizen with a test BSN."""

    box: Berichtenbox = field(repr=False)
    bsn: str = field(repr=False)

    def niet_geabonneerd(self) -> None:
        """Let the citizen have no active box, or be not subscribed to this sender or BerichtType."""
        self.box.outcome(self.bsn, "NietActiefOfGeabonneerd")

    def geabonneerd(self) -> None:
        """Let the citizen be subscribed."""
        self.box.outcome(self.bsn)

    @property
    def letters(self) -> tuple[Letter, ...]:
        """What is in the citizen's box."""
        return self.box.letters_to(self.bsn)


class Wire:
    """The network between sender and box, without a network. It fails as one does: by OSError."""

    def __init__(self, box: Berichtenbox, timeout: float = _TIMEOUT) -> None:
        self._box = box
        self.timeout = timeout

    def post(self, url: str, headers: Mapping[str, str], body: BinaryIO, size: int) -> Response:
        """Post a body to the box with the sender's certificate, and return the answer.

        Args:
            url: the receiver's endpoint.
            headers: without Content-Length, which is the wire's.
            body: is read from where it stands.
            size: octets to read.

        Raises:
            ConnectionRefusedError: the box is down, or lives elsewhere.
            ConnectionResetError: on demand, in the middle of the body or instead of an answer.
            TimeoutError: on demand; the clock has moved on by `timeout`.
        """
        box = self._box
        if url == box.validatie_url and not box.is_down:
            return self._response(box.validate(headers, body.read(size), box.material.sender.certificate_der))
        if box.is_down or url != box.url:
            raise ConnectionRefusedError(111, "nobody listens there")
        if (after := box.take_reset()) is not None:
            body.read(min(after, size))
            raise ConnectionResetError(104, "reset while the body was sent")
        given = {**headers, "Content-Length": str(size)}
        answer = box.handle(given, Body(blocks_of(body, size)), box.material.sender.certificate_der)
        return self._response(answer)

    def _response(self, answer: Answer) -> Response:
        for outgoing in answer.first:
            self._box.deliver(outgoing)
        self._box.clock.advance(seconds=min(answer.after, self.timeout))
        if answer.after > self.timeout:
            raise TimeoutError(110, "no answer in time")
        if answer.lost:
            raise ConnectionResetError(104, "the connection ended before the answer")
        return Response(answer.status, answer.headers, answer.body)


def example_letter(kenmerk: str = "zaak-2026-0117:besluit", *, bsn: str = TEST_BSN) -> Bericht:
    """Return a letter to try things with; what becomes of it follows from the BSN (`outcomes.TEST_BSNS`)."""
    from mobb_client import local  # noqa: PLC0415 - the simulator itself knows no letter of the library

    return local.example_letter(kenmerk, bsn=bsn)


@cache
def _keys() -> Keys:
    """Return keys for every box of this process: making them takes most of the time."""
    return Keys.new()


def _stranger(material: Material) -> Pair:
    """Return a certificate of the same CA for somebody of no CPA; the key is the CA's, so that none need be made."""
    one = material.sender.certificate
    return issue(
        material.authority,
        material.authority.key,
        organisation="Somebody else",
        oin=STRANGER_OIN,
        start=one.not_valid_before_utc,
        end=one.not_valid_after_utc,
    )


def _agreement(document: bytes, terms: Terms) -> Agreement:
    other = (REQUEST, RESULT) if terms.abonnementen else None
    return Agreement.both(document, request=terms.request, result=terms.result, other=other)


def _signer(pair: Pair) -> Signer:
    return Signer(pair.key, pair.certificate)


def _nothing() -> None:
    """Do nothing."""
