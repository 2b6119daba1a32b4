"""The AbonnementService's documents: the request written as a stream, the answer read as one.

The request's shape is proved by the official examples only, and nothing at all is known of the answer's (d.3): what a
listed BSN means is never guessed but told, by a `Mapper`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from lxml import etree

from mobb_client import _xml
from mobb_client.berichtenbox.abonnementen import MAX_BSNS_AANVRAAG, Aanvraag, Variant
from mobb_client.berichtenbox.identiteit import BSN
from mobb_client.errors import FieldError, FormatError

NS_ABO: Final = "http://schemas.overheid.nl/GEB/AbonnementServiceProcessor/2014/02"
SCHEMA: Final = "abonnement-aanvraag.xsd"
MAX_OCTETS: Final = 500_000_000
"""An answer that is larger, unpacked, is not read: with a million citizens each of them may take 500 octets."""

_AT_ONCE: Final = 4096
_BLOCK: Final = 65_536
_GZIP: Final = b"\x1f\x8b"
_MOST_MEMBERS: Final = 64
_LONGEST_TEXT: Final = 10_000
_DEEPEST: Final = 16

Sink = Callable[[bytes], object]

# The request


def write_aanvraag(aanvraag: Aanvraag, bsns: Iterable[BSN | str], sink: Sink) -> int:
    """Write an AbonnementAanvraag, UTF-8, block after block, and return how many BSNs it lists.

    A million BSNs take no more memory than four thousand.

    Args:
        aanvraag: which of the three.
        bsns: with `Variant.BSN_LIJST` 1 to 1,000,000, read once; each text is nine digits that pass the elfproef. With
            the others none.
        sink: such as the `write` of a file. What it was given is to be thrown away when this raises.

    Raises:
        FieldError: ``aanvraag.bsns``; or what is wrong with a BSN, with its place in the list and nothing else of it.

    Source: `berichtenbox` b.4, d.1.
    """
    sink(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<abo:AbonnementAanvraag xmlns:abo="{NS_ABO}">'
        f"<BerichtLeverancier><OIN>{aanvraag.oin}</OIN></BerichtLeverancier>"
        f"<VerzoekId>{aanvraag.verzoek_id}</VerzoekId>".encode()
    )
    count = _write_lijst(iter(bsns), sink) if aanvraag.variant is Variant.BSN_LIJST else _none(bsns)
    if aanvraag.sinds is not None:
        sink(f"<MutatieDatum>{_xml.write_moment(aanvraag.sinds)}</MutatieDatum>".encode())
    sink(b"</abo:AbonnementAanvraag>")
    return count


def _write_lijst(bsns: Iterator[BSN | str], sink: Sink) -> int:
    count = 0
    while block := [_digits(one, number) for number, one in enumerate(islice(bsns, _AT_ONCE), start=count + 1)]:
        sink(f"{'<BSNLijst>' if not count else ''}<BSN>{'</BSN><BSN>'.join(block)}</BSN>".encode())
        count += len(block)
        if count > MAX_BSNS_AANVRAAG:
            raise _wrong_count(f"more than {MAX_BSNS_AANVRAAG}")
    if not count:
        raise _wrong_count("none")
    sink(b"</BSNLijst>")
    return count


def _none(bsns: Iterable[BSN | str]) -> int:
    for _ in bsns:
        raise _wrong_count("a list with a variant that has none")
    return 0


def _wrong_count(measure: str) -> FieldError:
    return FieldError("aanvraag.bsns", field="bsns", measure=measure, limit=MAX_BSNS_AANVRAAG)


def _weighed(*weights: int) -> dict[str, int]:
    """Return the weighed sum of every three digits: a look-up proves that they are digits, and sums them."""
    a, b, c = weights
    return {f"{n:03d}": a * (n // 100) + b * (n // 10 % 10) + c * (n % 10) for n in range(1000)}


_FIRST, _MIDDLE, _LAST = _weighed(9, 8, 7), _weighed(6, 5, 4), _weighed(3, 2, -1)


def _digits(bsn: BSN | str, number: int) -> str:
    """Return nine digits that pass the elfproef, in a quarter of the time that `BSN` takes.

    Source: `berichtenbox` f.1.
    """
    if isinstance(bsn, BSN):
        return bsn.digits
    try:
        good = not (_FIRST[bsn[:3]] + _MIDDLE[bsn[3:6]] + _LAST[bsn[6:]]) % 11 and bsn != "000000000"
    except (KeyError, TypeError):
        good = False
    return bsn if good else _refused(bsn, number)


def _refused(bsn: str, number: int) -> str:
    """Say what is wrong with a BSN, and where it stands.

    Raises:
        FieldError: always, but for what `BSN` takes and the quick look did not.
    """
    try:
        return BSN(bsn).digits
    except FieldError as error:
        found = error.finding
    raise FieldError(found.code, field=f"bsns[{number}]", measure=found.measure)


# The answer


@dataclass(frozen=True, slots=True)
class Leaf:
    """An element of an answer that has ended.

    Args:
        path: the local names from below the root to it: ``BSNLijst/BSN``.
        text: its own text, without blanks around it; empty for an element that only holds others.
    """

    path: str
    text: str

    def __repr__(self) -> str:
        """Show no text: it may be a BSN."""
        return f"Leaf({self.path!r})"


Mapper = Callable[[Variant, Iterator[Leaf]], Iterable[tuple[str, bool]]]
"""Reads an answer: from its elements, in the order in which they end, to (BSN, subscribed or not)."""


@dataclass(frozen=True, slots=True)
class Paden:
    """The plainest mapper: BSNs at one path are subscribed, BSNs at another are not; who is at neither is unknown.

    Which paths those are is told by who has read the official AbonnementAntwoord.xsd; nothing is assumed here.

    Args:
        geabonneerd: such as ``BSNLijst/BSN``; empty for none.
        niet_geabonneerd: idem.
    """

    geabonneerd: str = ""
    niet_geabonneerd: str = ""

    def __call__(self, variant: Variant, leaves: Iterator[Leaf]) -> Iterator[tuple[str, bool]]:  # noqa: ARG002 - a Mapper's signature
        """Give (BSN, subscribed or not)."""
        means = {path: yes for path, yes in ((self.geabonneerd, True), (self.niet_geabonneerd, False)) if path}
        for leaf in leaves:
            if (yes := means.get(leaf.path)) is not None:
                yield leaf.text, yes


def leaves_of(octets: bytes) -> Iterator[Leaf]:
    """Give the elements of an AbonnementAntwoord as they end; only a block of it is in memory, packed or not.

    Raises:
        FormatError: not well-formed, a DOCTYPE or processing instruction, a root of another namespace, more than 500 MB
            unpacked, or nested deeper than any answer is.

    Source: `berichtenbox` d.2, d.3; B70.
    """
    parser = etree.XMLPullParser(
        events=("start", "end", "pi"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True,
    )  # fmt: skip
    path: list[str] = []
    for block in _fed(octets):
        broken = _feed(parser, block)
        for event, element in parser.read_events():
            yield from _step(event, element, path)
        if broken:
            raise FormatError("xml.syntax", "answer: not well-formed XML")


def _fed(octets: bytes) -> Iterator[bytes | None]:
    """Give the blocks of an answer, and None at its end."""
    yield from _blocks(octets)
    yield None


def _feed(parser: etree.XMLPullParser, block: bytes | None) -> bool:
    """Give the parser more, or tell it that this was all; return whether it is no XML."""
    try:
        if block is None:
            parser.close()
        else:
            parser.feed(block)
    except etree.XMLSyntaxError:  # kept out of every traceback: its log quotes the document
        return True
    return False


def _step(event: str, element: etree._Element, path: list[str]) -> Iterator[Leaf]:
    if event == "pi":
        raise FormatError("xml.processing-instruction", "answer: holds a processing instruction")
    if event == "start":
        _enter(element, path)
        return
    if len(path) > 1:
        text = _xml.content(element)
        if len(text) > _LONGEST_TEXT:
            raise FormatError("abonnement.text", "answer: an element with more text than any answer has")
        yield Leaf("/".join(path[1:]), text)
    path.pop()
    parent = element.getparent()
    element.clear()
    if parent is not None:
        for earlier in element.itersiblings(preceding=True):
            parent.remove(earlier)


def _enter(element: etree._Element, path: list[str]) -> None:
    namespace, _, name = str(element.tag).rpartition("}")
    if not path:
        if element.getroottree().docinfo.doctype:
            raise FormatError("xml.doctype", "answer: holds a DOCTYPE, which is never read")
        if namespace != f"{{{NS_ABO}":
            raise FormatError("abonnement.root", "the document is no answer of the AbonnementService", location="/")
    if len(path) >= _DEEPEST:
        raise FormatError("abonnement.depth", "answer: nested deeper than any answer is")
    path.append(name)


def _blocks(octets: bytes) -> Iterator[bytes]:
    """Give the document in blocks, unpacked when it is packed, and never more of it than an answer can be."""
    left = MAX_OCTETS
    for block in _unpacked(octets) if octets.startswith(_GZIP) else _cut(octets):
        left -= len(block)
        if left < 0:
            raise FormatError("abonnement.size", "the answer is larger than one about a million citizens can be")
        yield block


def _cut(octets: bytes) -> Iterator[bytes]:
    view = memoryview(octets)
    return (bytes(view[at : at + _BLOCK]) for at in range(0, len(view), _BLOCK))


def _unpacked(octets: bytes) -> Iterator[bytes]:
    """Give what a gzip file holds, a block at a time, whatever it says of its size. Source: RFC 1952; B70."""
    member, members = zlib.decompressobj(wbits=31), 1
    for packed in _cut(octets):
        rest = packed
        while rest:
            yield from _inflated(member, rest)
            rest = member.unused_data.lstrip(b"\0")  # padding is allowed
            if rest:
                member, members = zlib.decompressobj(wbits=31), members + 1
            if members > _MOST_MEMBERS:
                raise FormatError("abonnement.gzip", "the answer is packed in too many pieces")
    if not member.eof:
        raise FormatError("abonnement.gzip", "the answer is packed, and its end is missing")


def _inflated(member: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
    rest = packed
    while rest and not member.eof:
        try:
            yield member.decompress(rest, _BLOCK)
        except zlib.error:
            raise FormatError("abonnement.gzip", "the answer is packed, and cannot be unpacked") from None
        rest = member.unconsumed_tail
