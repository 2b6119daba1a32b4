"""One hardened parser, found-once helpers, dates, and the verdict of our own schemas.

Everything that comes from the network is parsed here and nowhere else: no DTD, no entity, no network, no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lxml import etree

from mobb_client.errors import FormatError

if TYPE_CHECKING:
    from mobb_client._explain import Judge

_NOT_BLANK: Final = re.compile(rb"\S")
_BLOCK: Final = 4096
_ROOT_WITHIN: Final = 1_000_000
_BLANKS: Final = " \t\r\n"
_MOMENT: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def parse(data: bytes, what: str, *, instructions: bool = False) -> etree._Element:
    """Return the root element of a document from outside, comments taken out.

    Args:
        data: the document's octets, in any encoding that XML knows.
        what: what the document is called in the error.
        instructions: take processing instructions out as well instead of refusing them; for files, never for messages.

    Raises:
        FormatError: not well-formed, a DOCTYPE, or a processing instruction anywhere; nothing of it is quoted.

    Source: spec of XML Signature verification, `digikoppeling-ebms2` d.7 step 1 and d.8; B30, B75, B76.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=instructions,
    )
    root = _read(data, parser, what)
    _refuse_doctype(root, what)
    if root.xpath("boolean(//processing-instruction())"):
        raise FormatError("xml.processing-instruction", f"{what}: holds a processing instruction")
    return root


def _read(data: bytes, parser: etree.XMLParser, what: str) -> etree._Element:
    """Return the root element.

    Raises:
        FormatError: raised where lxml's own error is forgotten: that one keeps a log that quotes documents.
    """
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        told = f"not well-formed XML at line {line}, column {column}"
    except ValueError:
        told = "not readable as XML"
    raise FormatError("xml.syntax", f"{what}: {told}")


def holds_comment(data: bytes) -> bool:
    """Return whether a document that `parse` took holds a comment, also beside its root: no signature covers it."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return bool(etree.fromstring(data, parser).xpath("boolean(//comment())"))


def root_name(data: bytes) -> str | None:
    """Return the name of a document's root element, ``{namespace}local``; of a large one only the beginning is read.

    None when it is no XML, or the root does not begin within the first million octets.
    """
    parser = etree.XMLPullParser(events=("start",), resolve_entities=False, no_network=True, load_dtd=False)
    with suppress(etree.XMLSyntaxError):  # the root's own tag may be whole, whatever stands behind it
        for at in range(0, min(len(data), _ROOT_WITHIN), _BLOCK):
            parser.feed(data[at : at + _BLOCK])
            if root := next(parser.read_events(), None):
                return str(root[1].tag)
        parser.close()
    root = next(parser.read_events(), None)
    return None if root is None else str(root[1].tag)


def stream(data: bytes, tag: str, what: str) -> Iterator[etree._Element]:
    """Give each element with this tag when it is whole, in a document of any size; only one is in memory at a time.

    What is not such an element stays: it is below the parent of the last one.

    Args:
        data: the document's octets.
        tag: ``{namespace}local``; such elements are not nested.
        what: what the document is called in the error.

    Raises:
        FormatError: not well-formed, or a DOCTYPE; nothing of it is quoted.
    """
    steps = etree.iterparse(  # never with `schema`: libxml2 then crashes on documents that are not well-formed
        BytesIO(data),
        tag=tag,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    before: etree._Element | None = None
    broken = False
    try:
        for _, element in steps:
            _refuse_doctype(element, what)
            yield element
            _take_out(before)  # the element itself may not go before the next one is there
            before = element
    except etree.XMLSyntaxError:
        broken = True
    _take_out(before)
    if broken:  # raised here and not above, as in `_read`
        raise FormatError("xml.syntax", f"{what}: not well-formed XML")


def _refuse_doctype(element: etree._Element, what: str) -> None:
    if element.getroottree().docinfo.doctype:
        raise FormatError("xml.doctype", f"{what}: holds a DOCTYPE, which is never read")


def _take_out(element: etree._Element | None) -> None:
    """Take an element out of its document, and the text behind it."""
    parent = None if element is None else element.getparent()
    if element is not None and parent is not None:
        element.clear()  # first: taking out a large subtree takes lxml the square of its size
        parent.remove(element)


def children(parent: etree._Element, path: str, namespaces: Mapping[str, str]) -> list[etree._Element]:
    """Return the elements at `path`, which uses only child steps."""
    return parent.findall(path, dict(namespaces))


def one(parent: etree._Element, path: str, namespaces: Mapping[str, str]) -> etree._Element:
    """Return the one element at `path`.

    Raises:
        FormatError: it is missing or doubled; the sentence names the path.
    """
    found = children(parent, path, namespaces)
    if len(found) != 1:
        raise FormatError("xml.once", f"{path}: expected once, found {len(found)} times", location=path)
    return found[0]


def maybe(parent: etree._Element, path: str, namespaces: Mapping[str, str]) -> etree._Element | None:
    """Return the element at `path`, or None; twice is a FormatError."""
    return one(parent, path, namespaces) if children(parent, path, namespaces) else None


def content(element: etree._Element) -> str:
    """Return the text of an element without element children; only the blanks of XML around it come off (B18)."""
    return (element.text or "").strip(_BLANKS)


def text(parent: etree._Element, path: str, namespaces: Mapping[str, str]) -> str:
    """Return the text of the one element at `path`; empty text is a FormatError."""
    found = content(one(parent, path, namespaces))
    if not found:
        raise FormatError("xml.empty", f"{path}: is empty", location=path)
    return found


def moment(value: str, what: str) -> datetime:
    """Return an xs:dateTime as an aware UTC datetime.

    Fractions of any number of digits are cut to microseconds, any offset is taken, and no zone means UTC.

    Raises:
        FormatError: it is no xs:dateTime; the value is not quoted.

    Source: `digikoppeling-ebms2` h-34; `berichtenbox` c.5; B20.
    """
    match = _MOMENT.fullmatch(value.strip())
    if match is None:
        raise FormatError("xml.moment", f"{what}: not an xs:dateTime", location=what)
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    microsecond = int((match[7] or "0")[:6].ljust(6, "0"))
    midnight = (hour, minute, second, microsecond) == (24, 0, 0, 0)  # XML Schema's end of the day
    try:
        found = datetime(year, month, day, 0 if midnight else hour, minute, second, microsecond, _zone(match[8]))
        return (found + timedelta(days=midnight)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise FormatError("xml.moment", f"{what}: no such moment", location=what) from None


def write_moment(value: datetime) -> str:
    """Return an aware datetime as ``YYYY-MM-DDThh:mm:ssZ``, with three more digits only when there are milliseconds."""
    utc = value.astimezone(UTC).replace(tzinfo=None)
    precision = "milliseconds" if utc.microsecond >= 1000 else "seconds"  # noqa: PLR2004 - one millisecond
    return f"{utc.isoformat(timespec=precision)}Z"


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)


@cache
def schema(name: str) -> etree.XMLSchema:
    """Return one of the schemas in `mobb_client.schemas`, compiled once, without network.

    Its imports are files of the same folder.
    """
    with _folder() as folder:
        return etree.XMLSchema(etree.parse(str(folder / name), etree.XMLParser(no_network=True)))


def is_valid(root: etree._Element, name: str) -> bool:
    """Return libxml2's verdict on a document against the schema `name`.

    Every global element of the schema may be the root, so the caller looks at the root's name itself.
    Nothing that the document points at (`xsi:schemaLocation`) is opened.
    """
    return bool(schema(name).validate(root))


def violations(root: etree._Element, name: str) -> Iterator[tuple[str, str]]:
    """Explain a refusal: (path, rule) for each violation, without any value of the document.

    A path holds names that the schema knows, ``*`` for others, and positions. Slower than the verdict by far, so it is
    asked only when that was no; leave the attachments out (0.4 ms a letter, and 120 ms more for each 500 kB).
    """
    judge = _judge(name)
    if found := judge.violations(root):
        return iter(found)
    alone = schema.__wrapped__(name)  # not the one that other threads use: it keeps the last log
    return iter(() if alone.validate(root) else judge.refusals(alone.error_log))


@cache
def _judge(name: str) -> Judge:
    from mobb_client._explain import Judge  # noqa: PLC0415 - xmlschema takes 100 ms to import and is seldom wanted

    with _folder() as folder:
        return Judge.from_path(folder / name)


def _folder() -> AbstractContextManager[Path]:
    """Return the folder with the schemas.

    It is on disk in a wheel and in an editable install alike; inside a zip it is unpacked for the moment, from
    Python 3.12 on.
    """
    from importlib import resources  # noqa: PLC0415 - brings `tempfile` and `shutil`, which few processes need

    return resources.as_file(resources.files("mobb_client.schemas"))
