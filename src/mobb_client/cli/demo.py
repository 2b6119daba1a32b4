"""`mobb demo`: the example letters on their way, on this machine alone, with nothing of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Final

import click

from mobb_client.berichtenbox.aflevering import Aflevering, State
from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.rows import Row, read_rows
from mobb_client.cli import _show, _ways
from mobb_client.client import Client
from mobb_client.ebms.cpa import CPA
from mobb_client.errors import BerichtError
from mobb_client.inspection import Inspection, inspect
from mobb_client.local import local_client
from mobb_client.pki.certificate import Certificate
from mobb_client.pki.identity import Identity
from mobb_client.sender import ACTION
from mobb_client.simulator.berichtenbox import Berichtenbox
from mobb_client.simulator.engine import Request
from mobb_client.simulator.material import Profile, Terms, make_material
from mobb_client.transport.listener import Listener

_LOST: Final[Profile] = "osb-rm"
_PROFILES: Final[tuple[tuple[Profile, str], ...]] = (
    (_LOST, "unsigned; the first acknowledgment is lost on the way"),
    ("osb-rm-s", "signed, and acknowledged with a signature"),
)
_TERMS: Final = Terms(retries=8, interval="PT1S", persist="PT1H")  # a lost acknowledgment costs a second here
_RESULTS_AFTER: Final = timedelta(seconds=1.5)
_NOT_SUBSCRIBED: Final = "000000012"
_SECONDS: Final = 8.0


@click.command("demo")
@_show.json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Send the example letters to a Berichtenbox on this machine, over mutual TLS, unsigned and then signed.

    Keys, certificates and CPAs are made on the spot; nothing leaves this machine and nothing stays on it. One citizen
    is not subscribed: that letter ends on the paper list. Exit code 0 only when every letter ended where it should.
    """
    with _examples() as examples:
        letters = list(_letters(examples / "letters.csv"))
        nights = [_play(profile, about, letters) for profile, about in _PROFILES]
    (_print_json if as_json else _print)(nights)
    ctx.exit(0 if all(night.ok for night in nights) else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Night:
    """The letters under one CPA: what became of each, and what was seen on the wire.

    `wire` has MessageId and SHA-256 of every message of letters that came in at the other side; `inspected` is what
    `mobb inspect` says of the first of them.
    """

    profile: str
    about: str
    ways: Sequence[Aflevering]
    wire: Sequence[tuple[str, str]]
    inspected: Inspection
    in_the_box: int
    complaints: int
    on_paper: frozenset[str]

    @property
    def ok(self) -> bool:
        """Whether every letter ended where it should, once, and the other side found nothing to complain of."""
        ended = all(way.state is self.ending_of(way) for way in self.ways)
        delivered = sum(way.state is State.DELIVERED for way in self.ways)
        return ended and delivered == self.in_the_box and self.complaints == 0 and self.is_same and self.inspected.ok

    @property
    def is_same(self) -> bool:
        """Whether every resend was the same octets."""
        return len(set(self.wire)) == len({message_id for message_id, _ in self.wire})

    def ending_of(self, way: Aflevering) -> State:
        """Return where a letter should end."""
        return State.PAPER if way.kenmerk in self.on_paper else State.DELIVERED


def _play(profile: Profile, about: str, letters: Sequence[Bericht]) -> _Night:
    """Send the letters through a box on a socket, with our own endpoint on another, until every letter has ended."""
    box = Berichtenbox(profile, material=make_material(datetime.now(UTC), terms=_TERMS))
    for bsn in {letter.bsn.digits for letter in letters}:
        code = "NietActiefOfGeabonneerd" if bsn == _NOT_SUBSCRIBED else "Verwerkt"
        box.outcome(bsn, code, after=_RESULTS_AFTER)
    if profile == _LOST:
        box.lose_next_acknowledgment()
    with box.serve() as served, _client(box, served.cpa_bytes) as client:
        identity = Identity.from_pem(box.material.sender.key_pem, box.material.sender.certificate_pem)
        anchors = (Certificate.from_pem(box.material.authority.certificate_pem),)
        with Listener(client.receive, identity=identity, anchors=anchors, port=served.sender_port):
            client.enqueue(letters)
            _ways.work(client, lambda: all(way.is_ended for way in client.afleveringen()), _SECONDS)
        came = [request for request in box.requests if request.action == ACTION]
        return _Night(
            profile=profile,
            about=about,
            ways=list(client.afleveringen()),
            wire=[(request.message_id, request.sha256) for request in came],
            inspected=inspect(_capture(came[0]), cpa=CPA.parse(served.cpa_bytes)),
            in_the_box=sum(letter.code == "Verwerkt" for letter in box.letters),
            complaints=len(box.complaints),
            on_paper=frozenset(one.kenmerk for one in letters if one.bsn.digits == _NOT_SUBSCRIBED),
        )


def _capture(request: Request) -> bytes:
    """Return what came in as a capture: headers, a blank line, the body."""
    return "".join(f"{name}: {value}\r\n" for name, value in request.headers.items()).encode() + b"\r\n" + request.body


def _client(box: Berichtenbox, cpa: bytes) -> Client:
    material = box.material
    return local_client(
        oins=[material.sender_oin],
        cpa=cpa,
        key=material.sender.key_pem,
        certificate=material.sender.certificate_pem,
        anchors=material.authority.certificate_pem,
    )


def _examples() -> AbstractContextManager[Path]:
    return resources.as_file(resources.files("mobb_client.examples"))


def _letters(file: Path) -> Iterator[Bericht]:
    with file.open("rb") as source:
        for row in read_rows(source, folder=file.parent, name=file.name):
            yield _letter(row)


def _letter(row: Row) -> Bericht:
    if row.bericht is None:
        raise BerichtError(row.kenmerk, row.errors)
    return row.bericht


def _print(nights: Sequence[_Night]) -> None:
    click.echo(
        "Each letter has three clocks: handed over, acknowledged by the other side, processed by the Berichtenbox.\n"
    )
    for night in nights:
        _show.heading(f"{night.profile}: {_show.count(len(night.ways), 'letter')}, {night.about}")
        _show.table(_wire_rows(night))
        click.echo()
        _ways.print_ways(night.ways)
        for way in night.ways:
            if way.state is not night.ending_of(way):
                click.secho(f"  wrong: {way.kenmerk} should have ended {night.ending_of(way)}", fg="red")
        if night.complaints:
            click.secho(f"  wrong: the other side found {_show.count(night.complaints, 'fault')}", fg="red")
        click.echo()
    good = all(night.ok for night in nights)
    letters = _show.count(sum(len(night.ways) for night in nights), "letter")
    _show.verdict(f"{letters}, {'every one' if good else 'NOT every one'} ended where it should", good=good)


def _wire_rows(night: _Night) -> Iterator[tuple[str, str]]:
    for message_id in dict.fromkeys(message_id for message_id, _ in night.wire):
        sends = _show.count(sum(one == message_id for one, _ in night.wire), "time")
        yield f"message {message_id}", f"sent {sends}{', the same octets' if night.is_same else ', OTHER OCTETS'}"
    found = night.inspected
    signed = "unsigned" if found.signature is None else f"signature holds: {found.signature.holds}"
    yield "inspected at the other side", f"{found.kind}, as the CPA says: {found.agreed}, {signed}"


def _print_json(nights: Sequence[_Night]) -> None:
    _show.document("demo", ok=all(night.ok for night in nights), nights=[_night_json(night) for night in nights])


def _night_json(night: _Night) -> dict[str, object]:
    return {
        "profile": night.profile,
        "ok": night.ok,
        "sends": [{"message_id": message_id, "sha256": sha256} for message_id, sha256 in night.wire],
        "as_the_cpa_says": night.inspected.agreed,
        "signature_holds": night.inspected.signature.holds if night.inspected.signature else None,
        "letters": _ways.ways_json(night.ways),
        "complaints": night.complaints,
    }
