"""The hardened parser, found-once helpers, moments, and refusals in words: `mobb_client._xml` and `_explain`."""

from __future__ import annotations

import copy
import logging
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from tests.schema_documents import (
    BER,
    BVS,
    DS,
    EB,
    ENVELOPE,
    REQUEST,
    RES,
    RESULT,
    SOAP,
    VALID,
    VALID_ENVELOPES,
    VALID_REQUESTS,
    VALID_RESULTS,
    XLINK,
    XSI,
    bericht,
    request,
)

from mobb_client import _explain, _xml
from mobb_client.errors import FormatError, ProtocolError

BSN = "999993653"
NS = {"a": "urn:a"}


def refused(data: bytes) -> FormatError:
    """Return the error of a document that has to be refused, after a look that it quotes nothing."""
    with pytest.raises(FormatError) as caught:
        _xml.parse(data, "the letter")
    error = caught.value
    assert str(error).startswith("the letter: ")
    assert BSN not in f"{error} {error!r} {error.args} {error.sentence} {error.location}"
    assert error.__suppress_context__ or error.__context__ is None
    assert error.ebms_code == "OtherXml"
    return error


# What is read


@pytest.mark.parametrize(
    "data",
    [
        '<?xml version="1.0" encoding="UTF-8"?><a>Zoë</a>'.encode(),
        '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\r\n<a>Zoë</a>\n'.encode(),
        "<a>Zoë</a>".encode(),
        "\N{ZERO WIDTH NO-BREAK SPACE}<a>Zoë</a>".encode(),
        '\N{ZERO WIDTH NO-BREAK SPACE}<?xml version="1.0"?><a>Zoë</a>'.encode(),
        '<?xml version="1.0" encoding="UTF-16"?><a>Zoë</a>'.encode("utf-16"),
        "<a>Zoë</a>".encode("utf-16"),
        '<?xml version="1.0" encoding="UTF-16LE"?><a>Zoë</a>'.encode("utf-16-le"),
        '<?xml version="1.0" encoding="ISO-8859-1"?><a>Zoë</a>'.encode("latin-1"),
        '<?xml version="1.0" encoding="windows-1252"?><a>Zoë</a>'.encode("cp1252"),
        b"<a>Zo&#235;</a>",
        "<a><![CDATA[Zoë]]></a>".encode(),
        f'<a xmlns:xsi="{XSI}" xsi:schemaLocation="urn:a http://127.0.0.1:1/a.xsd">Zoë</a>'.encode(),
    ],
)
def test_encodings_and_declarations(data: bytes) -> None:
    """B14: XML declaration, byte order mark and xsi:schemaLocation present or absent; B06: the text is the same."""
    assert _xml.parse(data, "x").text == "Zoë"


@pytest.mark.parametrize(
    "text", ["Zoë", "\N{MUSICAL SYMBOL G CLEF}", "&<>\"'", "a=b", "]]>", "a\r\nb\tc", " x ", "e\u0301"]
)
def test_texts_survive(text: str) -> None:
    """B06: no character that XML can carry is mangled on its way in, nor a line end that is written as a reference."""
    root = etree.Element("a", attrib={"b": text})
    root.text = text
    back = _xml.parse(etree.tostring(root, encoding="UTF-8"), "x")
    assert (back.text, back.get("b")) == (text, text)


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"<a>1<!-- -->2</a>", ["12"]),
        (b"<a><!---->12</a>", ["12"]),
        (b"<a>12<!-- --></a>", ["12"]),
        (b"<a>1<!-- --><!-- --><![CDATA[2]]></a>", ["12"]),
        (b"<!-- --><a>12</a><!-- -->", ["12"]),
        (b"<a><b>1<!--x-->2</b>3<!--y-->4</a>", [None, "12"]),
    ],
)
def test_a_text_with_a_comment_is_whole(data: bytes, texts: list[str | None]) -> None:
    """B75: a comment inside a text verifies, so no reader may see a text that is cut there."""
    root = _xml.parse(data, "x")
    assert [element.text for element in root.iter()] == texts
    assert not root.xpath("//comment()")


def test_the_tail_around_a_comment_is_whole() -> None:
    """B75, for what stands between elements."""
    assert _xml.parse(b"<a><b/>1<!-- -->2</a>", "x")[0].tail == "12"


def test_instructions_can_be_taken_out() -> None:
    """A file of ours may hold processing instructions; the text around them is whole too."""
    root = _xml.parse(b"<?x y?><a>1<?x y?>2</a><?x y?>", "x", instructions=True)
    assert root.text == "12"
    assert not root.xpath("//processing-instruction()")


# What is refused

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
DOCTYPES = {
    "bare": "<!DOCTYPE a><a/>",
    "internal entity": f'<!DOCTYPE a [<!ENTITY b "{BSN}">]><a>&b;</a>',
    "entity bomb": f'<!DOCTYPE a [<!ENTITY l0 "{BSN}">{LAUGHS}]><a>&l11;</a>',
    "entity bomb in an attribute": f'<!DOCTYPE a [<!ENTITY l0 "{BSN}">{LAUGHS}]><a b="&l11;"/>',
    "quadratic": f'<!DOCTYPE a [<!ENTITY l "{"x" * 50_000}">]><a>{"&l;" * 1000}</a>',
    "external entity": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
    "parameter entity": '<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/hostname">%x;]><a/>',
    "external subset": '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>',
    "public subset": '<!DOCTYPE a PUBLIC "-//x//y" "file:///etc/hostname"><a/>',
    "attribute default": '<!DOCTYPE a [<!ATTLIST a b CDATA "x">]><a/>',
}


@pytest.mark.parametrize("document", DOCTYPES.values(), ids=DOCTYPES)
def test_a_doctype_is_refused(document: str) -> None:
    """B30: XXE, entity bombs and every other use of a DOCTYPE; nothing is expanded and no file is read."""
    assert refused(document.encode()).code in {"xml.doctype", "xml.syntax"}


def test_an_external_entity_is_not_read(tmp_path: object) -> None:
    """B30: the tree behind the refusal holds no octet of the file either."""
    secret = f"{tmp_path}/secret"
    with open(secret, "w", encoding="ascii") as file:  # noqa: PTH123 - the path goes into the document as text
        file.write(BSN)
    document = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}">]><a>&x;</a>'
    assert refused(document.encode()).code == "xml.doctype"


@pytest.mark.parametrize(
    "document",
    [
        f"<?x {BSN}?><a/>",
        f"<a/><?x {BSN}?>",
        f"<a><?x {BSN}?></a>",
        "<a>1<b><?x?></b>2</a>",
        "<?xml-stylesheet href='x'?><a/>",
        '<?xml version="1.0"?><?x?><a/>',
    ],
)
def test_a_processing_instruction_is_refused(document: str) -> None:
    """B76: also beside the root, where a digest over a copy of the root misses it."""
    assert refused(document.encode()).code == "xml.processing-instruction"


MALFORMED = {
    "nothing": b"",
    "blanks": b" \n",
    "a text": BSN.encode(),
    "two roots": f"<a/><b>{BSN}</b>".encode(),
    "text after the root": f"<a/>{BSN}".encode(),
    "not closed": f"<a>{BSN}".encode(),
    "closed by another": f"<a{BSN}></b{BSN}>".encode(),
    "attribute twice": f'<a x{BSN}="1" x{BSN}="2"/>'.encode(),
    "prefix without namespace": f"<q{BSN}:a/>".encode(),
    "entity without DOCTYPE": f"<a>&e{BSN};</a>".encode(),
    "control character": f"<a>&#1;{BSN}</a>".encode(),
    "no character at all": f"<a>&#xFFFF;{BSN}</a>".encode(),
    "NUL": f"<a>\0{BSN}</a>".encode(),
    "lone surrogate": b"<a>\xed\xa0\x80</a>",
    "Latin-1 without a declaration": f"<a>Zo\xeb {BSN}</a>".encode("latin-1"),
    "UTF-8 that calls itself UTF-16": f'<?xml version="1.0" encoding="UTF-16"?><a>{BSN}</a>'.encode(),
    "an encoding that nobody knows": f'<?xml version="1.0" encoding="x-{BSN}"?><a/>'.encode(),
    "HTML": f"<html><body>{BSN}<br></body></html>".encode(),
    "gzip": b"\x1f\x8b\x08\x00",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_well_formed(data: bytes) -> None:
    """Every other octet sequence ends in one clean error, which says the place and nothing of the content."""
    error = refused(data)
    assert error.code == "xml.syntax"
    assert "at line " in str(error)


def test_a_text_instead_of_octets_is_refused_too() -> None:
    """A str with an encoding in its declaration has no octets to be judged."""
    assert refused('<?xml version="1.0" encoding="UTF-8"?><a/>').code == "xml.syntax"  # type: ignore[arg-type] # on purpose


@pytest.mark.parametrize("depth", [3_000, 1_000_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    """Design section 7: bounded memory and no crash (libxml2 stops at 256 levels, older ones a little later)."""
    assert refused(b"<a>" * depth + b"</a>" * depth).code == "xml.syntax"


def test_250_levels_are_read() -> None:
    """No message of anyone has more than a dozen."""
    assert _xml.parse(b"<a>" * 250 + b"</a>" * 250, "x").tag == "a"


@pytest.mark.parametrize("document", ["<a>{}</a>", '<a b="{}"/>', "<a><!--{}--></a>", "<a><![CDATA[{}]]></a>", "<{}/>"])
def test_a_huge_node_is_refused(document: str) -> None:
    """Ten million characters is the bound of one text, attribute, comment or name."""
    assert refused(document.format("x" * 10_100_000).encode()).code == "xml.syntax"


def test_much_text_in_many_nodes_is_read() -> None:
    """The bound is that of one node: a document of 100 MB passes, one of 20 shows it."""
    root = _xml.parse(b"<a>" + (b"<b>" + b"x" * 1_000_000 + b"</b>") * 20 + b"</a>", "x")
    assert sum(len(child.text or "") for child in root) == 20_000_000


@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="<>/!?&;[]-='\" ax:\n\u00eb", max_size=60).map(str.encode))
def test_no_octets_crash_the_parser(data: bytes) -> None:
    """Design section 7: hostile octets end in a FormatError or in a tree without surprises."""
    try:
        root = _xml.parse(data, "x")
    except FormatError:
        return
    assert not root.xpath("//comment() | //processing-instruction()")


# one, maybe, text, content

DOCUMENT = etree.fromstring('<a xmlns="urn:a"><b>  x\t</b><c/><d/><d/><e> </e><f>\u00a0x</f><g><h>y</h></g></a>')


def test_one_finds_what_is_there_once() -> None:
    """Style, section 4: every part is required by its path."""
    assert _xml.one(DOCUMENT, "a:g/a:h", NS).text == "y"


@pytest.mark.parametrize(("path", "times"), [("a:x", 0), ("a:d", 2), ("a:g/a:x", 0), ("b", 0)])
def test_one_refuses_missing_and_doubled(path: str, times: int) -> None:
    """The error names the path and how often it was found; the ebMS location is the path."""
    with pytest.raises(FormatError) as caught:
        _xml.one(DOCUMENT, path, NS)
    assert str(caught.value) == f"{path}: expected once, found {times} times (xml.once)"
    assert caught.value.location == path
    assert isinstance(caught.value, ProtocolError)


def test_maybe_finds_one_or_none_and_refuses_two() -> None:
    """An optional part may be absent, never doubled."""
    assert _xml.maybe(DOCUMENT, "a:x", NS) is None
    assert _xml.maybe(DOCUMENT, "a:c", NS) is DOCUMENT[1]
    with pytest.raises(FormatError, match="a:d: expected once, found 2 times"):
        _xml.maybe(DOCUMENT, "a:d", NS)


def test_children_are_all() -> None:
    """Every element at the path, in order."""
    assert _xml.children(DOCUMENT, "a:d", NS) == [DOCUMENT[2], DOCUMENT[3]]
    assert _xml.children(DOCUMENT, "a:x", NS) == []


def test_text_takes_blanks_of_xml_off() -> None:
    """h-20: CPA texts come with blanks around them; a no-break space is a character like another."""
    assert _xml.text(DOCUMENT, "a:b", NS) == "x"
    assert _xml.text(DOCUMENT, "a:f", NS) == "\u00a0x"
    assert _xml.content(DOCUMENT[1]) == ""


@pytest.mark.parametrize("path", ["a:c", "a:e"])
def test_text_refuses_an_empty_one(path: str) -> None:
    """An element of blanks says no more than none."""
    with pytest.raises(FormatError, match="is empty") as caught:
        _xml.text(DOCUMENT, path, NS)
    assert (caught.value.code, caught.value.location) == ("xml.empty", path)


# moments

NINE = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-01-15T09:30:00Z", NINE),
        ("2026-01-15T09:30:00", NINE),
        ("2026-01-15T09:30:00+00:00", NINE),
        ("2026-01-15T09:30:00-00:00", NINE),
        ("2026-01-15T10:30:00+01:00", NINE),
        ("2026-01-15T23:30:00+14:00", NINE),
        ("2026-01-14T19:30:00-14:00", NINE),
        ("2026-01-15T15:00:00+05:30", NINE),
        ("2026-01-15T09:30:00.1Z", NINE.replace(microsecond=100_000)),
        ("2026-01-15T09:30:00.12Z", NINE.replace(microsecond=120_000)),
        ("2026-01-15T09:30:00.123Z", NINE.replace(microsecond=123_000)),
        ("2026-01-15T09:30:00.1234Z", NINE.replace(microsecond=123_400)),
        ("2026-01-15T09:30:00.12345Z", NINE.replace(microsecond=123_450)),
        ("2026-01-15T09:30:00.123456Z", NINE.replace(microsecond=123_456)),
        ("2026-01-15T09:30:00.1234567Z", NINE.replace(microsecond=123_456)),
        ("2026-01-15T09:30:00.12345678Z", NINE.replace(microsecond=123_456)),
        ("2026-01-15T09:30:00.123456789", NINE.replace(microsecond=123_456)),
        ("2026-01-15T09:30:00.999999999+00:00", NINE.replace(microsecond=999_999)),
        ("2026-01-15T10:30:00.123+01:00", NINE.replace(microsecond=123_000)),
        ("2026-01-15T24:00:00Z", datetime(2026, 1, 16, tzinfo=UTC)),
        ("2026-12-31T24:00:00.000+01:00", datetime(2026, 12, 31, 23, tzinfo=UTC)),
        ("2028-02-29T12:00:00Z", datetime(2028, 2, 29, 12, tzinfo=UTC)),
        ("2000-02-29T24:00:00Z", datetime(2000, 3, 1, tzinfo=UTC)),
        ("\n 2026-01-15T09:30:00Z \t", NINE),
    ],
)
def test_moments_are_read_in_every_form(value: str, moment: datetime) -> None:
    """B20 and h-34: Z, offsets, no zone (UTC), fractions of 1 to 9 digits, the end of the day, leap days."""
    found = _xml.moment(value, "eb:Timestamp")
    assert found == moment
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "Sat Jul 10 12:00:00 HKT 2026",
        "Thu, 15 Jan 2026 09:30:00 GMT",
        "15-01-2026 09:30:00",
        "2026-01-15 09:30:00",
        "2026-01-15",
        "2026-01-15T09:30Z",
        "2026-01-15T9:30:00Z",
        "2026-01-15T09:30:00.Z",
        "2026-01-15T09:30:00z",
        "2026-01-15t09:30:00Z",
        "2026-01-15T09:30:00+01",
        "2026-01-15T09:30:00+0100",
        "2026-01-15T09:30:00 Z",
        "2026-01-15T09:30:00,5Z",
        "2026-01-15T09:30:00Z[Europe/Amsterdam]",
        "20260115T093000Z",
        "12026-01-15T09:30:00Z",
        "-2026-01-15T09:30:00Z",
        "202\N{ARABIC-INDIC DIGIT SIX}-01-15T09:30:00Z",
        "2026-01-15T09:30:00Z2026-01-15T09:30:00Z",
        "1768469400",
        "now",
        "",
        BSN,
    ],
)
def test_what_is_no_moment(value: str) -> None:
    """B20: a date of another form is refused cleanly, and is not repeated in the error."""
    with pytest.raises(FormatError) as caught:
        _xml.moment(value, "eb:Timestamp")
    assert str(caught.value) == "eb:Timestamp: not an xs:dateTime (xml.moment)"


@pytest.mark.parametrize(
    "value",
    [
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-15T25:00:00Z",
        "2026-01-15T24:00:01Z",
        "2026-01-15T24:30:00Z",
        "2026-01-15T24:00:00.5Z",
        "2026-01-15T09:60:00Z",
        "2026-01-15T09:30:60Z",
        "2026-01-15T09:30:00+24:00",
        "2026-01-15T09:30:00-99:99",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T24:00:00Z",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_moments_that_never_were(value: str) -> None:
    """B20: the form is right and the moment is not."""
    with pytest.raises(FormatError) as caught:
        _xml.moment(value, "eb:Timestamp")
    assert str(caught.value) == "eb:Timestamp: no such moment (xml.moment)"
    assert caught.value.location == "eb:Timestamp"
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (NINE, "2026-01-15T09:30:00Z"),
        (NINE.astimezone(timezone(timedelta(hours=1))), "2026-01-15T09:30:00Z"),
        (NINE.astimezone(timezone(-timedelta(hours=9, minutes=30))), "2026-01-15T09:30:00Z"),
        (NINE.replace(microsecond=123_456), "2026-01-15T09:30:00.123Z"),
        (NINE.replace(microsecond=999_999), "2026-01-15T09:30:00.999Z"),
        (NINE.replace(microsecond=1_000), "2026-01-15T09:30:00.001Z"),
        (NINE.replace(microsecond=999), "2026-01-15T09:30:00Z"),
        (datetime(987, 6, 5, tzinfo=UTC), "0987-06-05T00:00:00Z"),
    ],
)
def test_moments_are_written_in_one_form(moment: datetime, written: str) -> None:
    """B20: always Z; milliseconds only when there are."""
    assert _xml.write_moment(moment) == written


offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(derandomize=True, database=None, deadline=None)
@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=offsets))  # noqa: DTZ001 - hypothesis adds the zone
def test_a_written_moment_is_read_back(moment: datetime) -> None:
    """Round trip to the millisecond, in every zone; libxml2 takes it for an xs:dateTime."""
    written = _xml.write_moment(moment)
    assert _xml.moment(written, "x") == moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
    assert _xml.is_valid(etree.fromstring(f'<eb:Timestamp xmlns:eb="{EB}">{written}</eb:Timestamp>'), ENVELOPE)


# Refusals in words

Bend = Callable[[etree._Element], object]
NIL = f"{{{XSI}}}nil"
TYPE = f"{{{XSI}}}type"
LETTER = "/bvs:Berichten/ber:Bericht/ber:BerichtInformatie"
FILE = "/bvs:Berichten/ber:Bericht/ber:Bijlagen"
HEADER = "/soap:Envelope/soap:Header/eb:MessageHeader"


def ber(root: etree._Element, name: str) -> etree._Element:
    """Find the first such part of a letter."""
    return next(root.iter(f"{{{BER}}}{name}"))


def eb(root: etree._Element, name: str) -> etree._Element:
    """Find the first such part of a message."""
    return next(root.iter(f"{{{EB}}}{name}"))


def fill(element: etree._Element, text: str) -> None:
    """Give it a text."""
    element.text = text


def rename(element: etree._Element, tag: str) -> None:
    """Give it a name."""
    element.tag = tag


def drop(element: etree._Element) -> None:
    """Take it out."""
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


TOLD_OF_REQUESTS: list[tuple[Bend, str, str]] = [
    (lambda r: fill(ber(r, "Onderwerp"), "x" * 51), f"{LETTER}/ber:Onderwerp", "must be at most 50 characters"),
    (lambda r: fill(ber(r, "Onderwerp"), ""), f"{LETTER}/ber:Onderwerp", "must be at least 1 character"),
    (lambda r: fill(ber(r, "Inhoud"), ""), f"{FILE}/ber:Bijlage[1]/ber:Inhoud", "must be at least 1 octet"),
    (lambda r: fill(ber(r, "Inhoud"), "%%"), f"{FILE}/ber:Bijlage[1]/ber:Inhoud", "must be an xs:base64Binary"),
    (
        lambda r: fill(ber(r, "BerichtID"), BSN),
        f"{LETTER}/ber:BerichtID",
        "must be a GUID, of the form [0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    ),
    (lambda r: fill(ber(r, "SoortGebruiker"), "Bedrijf"), f"{LETTER}/ber:SoortGebruiker", "must be one of: Burger"),
    (lambda r: fill(ber(r, "Volgorde"), "een"), f"{FILE}/ber:Bijlage[1]/ber:Volgorde", "must be an xs:int"),
    (lambda r: fill(ber(r, "Volgorde"), "9" * 10), f"{FILE}/ber:Bijlage[1]/ber:Volgorde", "must be an xs:int"),
    (lambda r: fill(ber(r, "PublicatieDatum"), "morgen"), f"{LETTER}/ber:PublicatieDatum", "must be an xs:dateTime"),
    (lambda r: drop(ber(r, "Onderwerp")), LETTER, "expected ber:Onderwerp, found ber:BerichtTekst"),
    (lambda r: drop(ber(r, "SoortGebruiker")), LETTER, "expected ber:SoortGebruiker, found nothing more"),
    (lambda r: drop(ber(r, "Bericht")), "/bvs:Berichten", "expected ber:Bericht, found nothing more"),
    (lambda r: rename(ber(r, "Onderwerp"), "Subject"), LETTER, "expected ber:Onderwerp, found an unknown element"),
    (
        lambda r: rename(ber(r, "Onderwerp"), f"{{{BVS}}}Onderwerp"),
        LETTER,
        "expected ber:Onderwerp, found ber:Onderwerp in another namespace",
    ),
    (lambda r: etree.SubElement(ber(r, "BerichtInformatie"), "x"), LETTER, "an unknown element may not stand here"),
    (lambda r: ber(r, "BerichtInformatie").append(ber(r, "Bijlagen")), LETTER, "ber:Bijlagen may not stand here"),
    (
        lambda r: ber(r, "Bijlagen").append(copy.deepcopy(ber(r, "Bijlage"))),
        FILE,
        "ber:Bijlage may stand here at most 2 times",
    ),
    (
        lambda r: ber(r, "Bericht").append(copy.deepcopy(ber(r, "Bijlagen"))),
        "/bvs:Berichten/ber:Bericht",
        "ber:Bijlagen may stand here only once",
    ),
    (
        lambda r: ber(r, "Bericht").set("x", BSN),
        "/bvs:Berichten/ber:Bericht",
        "has an attribute that is not allowed: an unknown one",
    ),
    (
        lambda r: ber(r, "BerichtTekst").set(NIL, "true"),
        f"{LETTER}/ber:BerichtTekst",
        "may not be xsi:nil, or not with this content",
    ),
    (
        lambda r: etree.SubElement(ber(r, "BerichtTekst"), "b"),
        f"{LETTER}/ber:BerichtTekst",
        "holds an element, where only text may stand",
    ),
    (lambda r: setattr(ber(r, "Onderwerp"), "tail", BSN), LETTER, "has text between its elements"),
    (lambda r: rename(r, "Brieven"), "/*", "is no root of this schema"),
    (
        lambda r: ber(r, "Onderwerp").set(TYPE, f"x{BSN}"),
        "/",
        "breaks the schema in a way for which there are no words",
    ),
]
CODES = (
    *("Verwerkt", "NietActiefOfGeabonneerd", "BerichtTypeNietOndersteund", "PublicatieDatumLigtTeVerInDeToekomst"),
    *("AanmaakDatumLigtTeVerInHetVerleden", "TechnischProbleem", "BerichtBestaatAl", "BijlageTeGroot"),
    *("OinInCPAKomtNietOvereenMetOinInBericht", "XmlValidatieTegenXsdValtNegatiefUit"),
)
TOLD_OF_RESULTS: list[tuple[Bend, str, str]] = [
    (
        lambda r: fill(next(r.iter("VerwerkingsCode")), BSN),
        "/bvs:BerichtVerwerkResponse/Berichten/res:Bericht[1]/VerwerkingsCode",
        f"must be one of: {', '.join(CODES)}",
    ),
    (
        lambda r: rename(r[0], f"{{{BVS}}}BatchInformatie"),
        "/bvs:BerichtVerwerkResponse",
        "expected BatchInformatie, found BatchInformatie in another namespace",
    ),
    (
        lambda r: rename(r[1][0], "Bericht"),
        "/bvs:BerichtVerwerkResponse/Berichten",
        "res:Bericht in another namespace may not stand here",
    ),
    (
        lambda r: next(r.iter(f"{{{RES}}}Bericht"))[3].set(NIL, "true"),
        "/bvs:BerichtVerwerkResponse/Berichten/res:Bericht[1]/Stadium",
        "may not be xsi:nil, or not with this content",
    ),
]
TOLD_OF_ENVELOPES: list[tuple[Bend, str, str]] = [
    (lambda r: eb(r, "MessageHeader").attrib.pop(f"{{{EB}}}version"), HEADER, "misses the attribute eb:version"),
    (
        lambda r: eb(r, "MessageHeader").set(f"{{{EB}}}version", ""),
        f"{HEADER}/@eb:version",
        "must be at least 1 character",
    ),
    (
        lambda r: eb(r, "MessageHeader").set("version", "2.0"),
        HEADER,
        "has an attribute that is not allowed: eb:version in another namespace",
    ),
    (
        lambda r: eb(r, "PartyId").set("type", BSN),
        f"{HEADER}/eb:From/eb:PartyId",
        "has an attribute that is not allowed: eb:type in another namespace",
    ),
    (
        lambda r: eb(r, "MessageHeader").set(f"{{{SOAP}}}mustUnderstand", "true"),
        f"{HEADER}/@soap:mustUnderstand",
        "must be of the form [01]",
    ),
    (
        lambda r: eb(r, "AckRequested").set(f"{{{EB}}}signed", BSN),
        "/soap:Envelope/soap:Header/eb:AckRequested/@eb:signed",
        "must be an xs:boolean",
    ),
    (
        lambda r: eb(r, "Reference").set(f"{{{XLINK}}}type", "arc"),
        "/soap:Envelope/soap:Body/eb:Manifest/eb:Reference/@xlink:type",
        "must be simple",
    ),
    (
        lambda r: eb(r, "MessageHeader").set(f"{{{EB}}}id", "ack"),
        "/soap:Envelope/soap:Header/eb:AckRequested/@eb:id",
        "must be an xs:ID that stands nowhere else",
    ),
    (lambda r: eb(r, "MessageHeader").set(f"{{{EB}}}id", BSN), f"{HEADER}/@eb:id", "must be an xs:NCName"),
    (
        lambda r: eb(r, "Reference").set(f"{{{XLINK}}}href", f"cid:[{BSN}"),
        "//eb:Reference/@xlink:href (line 1)",
        "must be an xs:anyURI",
    ),
    (lambda r: fill(eb(r, "Timestamp"), " 2026-01-15T09:30:00Z"), "//eb:Timestamp (line 1)", "must be an xs:dateTime"),
]


@pytest.mark.parametrize(
    ("name", "document", "bend", "path", "rule"),
    [
        *((REQUEST, request(bericht(bijlagen=2)), *row) for row in TOLD_OF_REQUESTS),
        *((RESULT, VALID_RESULTS[1], *row) for row in TOLD_OF_RESULTS),
        *((ENVELOPE, VALID_ENVELOPES[0], *row) for row in TOLD_OF_ENVELOPES),
    ],
)
def test_a_refusal_in_words(name: str, document: str, bend: Bend, path: str, rule: str) -> None:
    """Style, section 3: path and rule; one row for each kind of rule that the schemas have."""
    root = _xml.parse(document.encode(), "x")
    bend(root)
    assert (path, rule) in list(_xml.violations(root, name))


@pytest.mark.parametrize("name", VALID)
def test_nothing_is_told_of_what_is_valid(name: str) -> None:
    """No refusal, no words."""
    assert [list(_xml.violations(_xml.parse(document.encode(), "x"), name)) for document in VALID[name]] == [
        [] for _ in VALID[name]
    ]


def test_all_violations_are_told_at_once() -> None:
    """Design section 7: every finding at once, in the order of the document, each once."""
    root = _xml.parse(request(bericht(), bericht()).encode(), "x")
    for letter in root[1:]:
        fill(ber(letter, "Onderwerp"), "")
        fill(ber(letter, "BerichtType"), "x" * 9)
    assert list(_xml.violations(root, REQUEST)) == [
        (f"/bvs:Berichten/ber:Bericht[{number}]/ber:BerichtInformatie/ber:{part}", rule)
        for number in (1, 2)
        for part, rule in [
            ("BerichtType", "must be at most 8 characters"),
            ("Onderwerp", "must be at least 1 character"),
        ]
    ]


def test_a_thousand_violations_are_twenty_and_a_number() -> None:
    """A sentence of a thousand parts helps nobody."""
    root = _xml.parse(request(*[bericht()] * 1000).encode(), "x")
    for subject in root.iter(f"{{{BER}}}Onderwerp"):
        subject.text = ""
    told = list(_xml.violations(root, REQUEST))
    assert len(told) == 21
    assert told[-1] == ("/", "and 980 more")


MANY_ATTRIBUTES = "".join(["<x", *(f' x{number}=""' for number in range(50_001)), "/>"])


@pytest.mark.parametrize(
    "grow",
    [
        lambda root: root.extend([etree.Element("x") for _ in range(50_001)]),
        lambda root: root.append(etree.fromstring(MANY_ATTRIBUTES)),
        lambda root: [fill(etree.SubElement(root, "x"), "x" * 9_000_000) for _ in range(3)],
    ],
)
def test_what_is_too_large_is_not_explained(grow: Bend) -> None:
    """Design section 7: bounded time, also where a stranger makes the document."""
    root = _xml.parse(VALID_REQUESTS[0].encode(), "x")
    grow(root)
    assert list(_xml.violations(root, REQUEST)) == [("/", _explain.TOO_LARGE)]


@pytest.mark.usefixtures("no_hang")
def test_explaining_grows_with_the_document() -> None:
    """Forty thousand wrong children: with quadratic growth this would take a minute and more."""
    root = _xml.parse(VALID_REQUESTS[0].encode(), "x")
    root.extend([etree.Element("x") for _ in range(40_000)])
    assert list(_xml.violations(root, REQUEST)) == [("/bvs:Berichten", "an unknown element may not stand here")]


# No word of the document


def spots(name: str) -> list[tuple[str, int]]:
    """Every element of every valid document of a family."""
    documents = VALID[name]
    return [
        (document, number)
        for document in documents
        for number in range(sum(1 for _ in etree.fromstring(document).iter()))
    ]


SPOILT: dict[str, Callable[[etree._Element], object]] = {
    "text": lambda here: fill(here, BSN),
    "text in another element": lambda here: fill(etree.SubElement(here, f"{{urn:{BSN}}}x{BSN}"), BSN),
    "tail": lambda here: setattr(here, "tail", BSN if here.getparent() is not None else None),
    "name": lambda here: rename(here, f"x{BSN}"),
    "namespace": lambda here: rename(here, f"{{urn:{BSN}}}{etree.QName(here).localname}"),
    "child": lambda here: here.insert(0, etree.Element(f"x{BSN}", nsmap={f"p{BSN}": f"urn:{BSN}"})),
    "attribute": lambda here: here.set(f"x{BSN}", BSN),
    "foreign attribute": lambda here: here.set(f"{{urn:{BSN}}}x{BSN}", BSN),
    "nil": lambda here: here.set(NIL, BSN),
    "xsi:type": lambda here: here.set(TYPE, f"p{BSN}:x{BSN}"),
    "xsi:schemaLocation": lambda here: here.set(f"{{{XSI}}}schemaLocation", f"urn:{BSN} /{BSN}.xsd"),
    "every attribute": lambda here: [here.set(mark, f"x {BSN} %[") for mark in here.attrib],
}


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("kind", SPOILT)
def test_no_value_is_told(name: str, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Design section 1: a BSN in any text, name, prefix or attribute is never in the words, nor in a log at DEBUG."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="xmlschema")
    refusals = 0
    for document, number in spots(name):
        root = etree.fromstring(document)
        here = list(root.iter())[number]
        if etree.QName(here).namespace != DS:
            SPOILT[kind](here)
        root = etree.fromstring(etree.tostring(root))
        told = list(_xml.violations(root, name))
        assert BSN not in repr(told)
        assert told or _xml.is_valid(root, name)
        refusals += bool(told)
    assert BSN not in caplog.text
    assert refusals or kind == "xsi:schemaLocation" or (kind == "every attribute" and name == REQUEST)


def test_the_log_of_the_library_is_silent_only_meanwhile() -> None:
    """At DEBUG xmlschema tells values to its logger; another user of the library keeps that logger as it was."""
    logger = logging.getLogger("xmlschema")
    before = list(logger.filters)
    list(_xml.violations(etree.fromstring(VALID_REQUESTS[0].replace("Burger", "Bedrijf")), REQUEST))
    assert logger.filters == before


def test_the_judge_is_made_once() -> None:
    """Compiling takes up to 0.2 s, so it is kept."""
    assert _xml._judge(REQUEST) is _xml._judge(REQUEST)
    assert _xml.schema(REQUEST) is _xml.schema(REQUEST)


def test_xmlschema_is_imported_only_for_a_refusal() -> None:
    """Design section 4: it takes 60 to 150 ms to import, and a verdict does not need it."""
    code = "import sys, mobb_client._xml as x; x.schema('globe-request.xsd'); print('xmlschema' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
