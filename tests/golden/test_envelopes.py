"""The envelopes that we write, to the octet, and what the official schema says of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from lxml import etree
from tests.kinds import KINDS, RELIABLE, payload, written
from tests.reference import REFERENCE, needs_reference

from mobb_client import _xml
from mobb_client.ebms import envelope

Golden = Callable[[str, bytes], None]


def octets_of(kind: str) -> bytes:
    """Return an envelope as it goes on the wire."""
    return etree.tostring(envelope.build(KINDS[kind]), encoding="UTF-8", xml_declaration=False)


@cache
def official() -> etree.XMLSchema:
    """Return the OASIS schema of the envelope and all that stands in it."""
    folder = REFERENCE / "oasis"
    imports = "".join(
        f'<xs:import namespace="{namespace}" schemaLocation="{(folder / name).as_uri()}"/>'
        for namespace, name in (
            ("http://schemas.xmlsoap.org/soap/envelope/", "envelope.xsd"),
            ("http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd", "msg-header-2_0.xsd"),
        )
    )
    return etree.XMLSchema(etree.XML(f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{imports}</xs:schema>'))


@pytest.mark.parametrize("kind", KINDS)
def test_octets(kind: str, golden: Golden) -> None:
    """A changed octet is news to the other side."""
    golden(f"envelopes/{kind}.xml", octets_of(kind))


def test_whole_message(golden: Golden) -> None:
    """The HTTP headers and the body, with one payload."""
    packed, body = written(RELIABLE, payload(b"<bericht/>", content_type="text/xml; charset=UTF-8"))
    head = "".join(f"{name}: {value}\r\n" for name, value in packed.headers.items())
    golden("envelopes/message.http", f"{head}\r\n".encode("ascii") + body)


@pytest.mark.parametrize("kind", KINDS)
def test_read_back(kind: str) -> None:
    """What stands in the golden file reads as the message that it was made of."""
    assert envelope.read(_xml.parse(octets_of(kind), "envelope")) == KINDS[kind]


@needs_reference
@pytest.mark.parametrize("kind", KINDS)
def test_official_schema(kind: str) -> None:
    """h-30: the schema that receivers validate with has nothing against any of them."""
    judge = official()
    assert judge.validate(etree.XML(octets_of(kind))), judge.error_log


@needs_reference
@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("user-osb-rm", b"<eb:DuplicateElimination/>", b"<eb:DuplicateEliminations/>"),
        ("user-osb-be", b"xlink:href", b"href"),
        ("message-error", b'"Error"', b'"error"'),
        ("status-received", b'"Received"', b'"Arrived"'),
    ],
)
def test_official_schema_judges(kind: str, right: bytes, wrong: bytes) -> None:
    """The judge does look at what stands in header and body."""
    octets = octets_of(kind)
    assert right in octets
    assert not official().validate(etree.XML(octets.replace(right, wrong)))
