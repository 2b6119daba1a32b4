"""What a captured message is, who it is from, what its signature covers, and whether it holds.

Three verdicts are kept apart: the signature holds, the signer is the one that was given, the certificate was valid at
the message's time. Nothing in a report holds a BSN or the text of a letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeVar

from lxml import etree

from mobb_client import _xml
from mobb_client.berichtenbox.globe import parse_result
from mobb_client.berichtenbox.overzicht import Letter, letters_in
from mobb_client.berichtenbox.resultaat import BerichtResultaat
from mobb_client.ebms import agreement, envelope, mime, signature
from mobb_client.ebms._names import NS
from mobb_client.ebms.cpa import CPA, Signing
from mobb_client.ebms.message import Acknowledgment, DigestReference, Message, UserMessage
from mobb_client.errors import ConfigurationError, FormatError, ProtocolError, SignatureError
from mobb_client.pki.certificate import Certificate

_Found = TypeVar("_Found")
Verdict = Literal["yes", "no", "not checked"]

_HTTP_START: Final = re.compile(rb"(?:[A-Z]+ \S+ HTTP/1\.[01]|HTTP/1\.[01] \d{3}[^\r\n]*)\r?\n")
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]*\r?\n")
_ROOT: Final = re.compile(rb"<(?![?!])(?:[\w.-]+:)?([\w.-]{1,80})")
_HEAD: Final = 2000
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the message: code, sentence, and the ebMS errorCode that would answer it."""

    code: str
    sentence: str
    ebms_code: str
    location: str = ""


@dataclass(frozen=True, slots=True)
class CoveredPart:
    """One reference of the signature: what it covers, and whether its digest holds."""

    uri: str
    covers: str
    holds: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureReport:
    """The signature's three verdicts and what it covers.

    `holds` is over every digest and the value, with the given certificate, else with the one in the message.
    """

    algorithm: str
    references: tuple[CoveredPart, ...]
    holds: Verdict
    signer_is_given: Verdict
    certificate_was_valid: Verdict
    certificate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReport:
    """One MIME part: its id, type, size in octets, and what is in it (``Berichten``, ``PDF``...)."""

    content_id: str | None
    content_type: str
    size: int
    content: str
    encrypted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """All that can be said of one captured message.

    `message` is None when no envelope could be read; `problems` says why. `ok` is the exit code of the command: there
    is nothing wrong, the signature (if any) holds, and the signer is the one given (if one was given).
    """

    kind: str
    message: Message | None = None
    parts: tuple[PartReport, ...] = ()
    letters: tuple[Letter, ...] = ()
    outcomes: tuple[BerichtResultaat, ...] = ()
    signature: SignatureReport | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is nothing wrong; the certificate's dates are reported and do not count."""
        if self.problems:
            return False
        return self.signature is None or "no" not in (self.signature.holds, self.signature.signer_is_given)


def inspect(data: bytes, *, cpa: CPA | None = None, certificate: Certificate | None = None) -> Inspection:
    """Return what a captured message is: with its HTTP or MIME headers, a bare multipart body, or a bare envelope.

    Args:
        data: the captured octets.
        cpa: the CPA of the message: it names the certificate, the algorithms and the rules.
        certificate: the certificate that must have signed, when there is no CPA.
    """
    capture = split_capture(data)
    try:
        unpacked = mime.unpack(capture.content_type, capture.body)
        root = _xml.parse(unpacked.envelope, "envelope")
    except ProtocolError as error:
        return Inspection(kind="unreadable", problems=(_problem(error),))
    return _report(root, unpacked.parts, cpa, certificate, whole=capture.is_multipart)


@dataclass(frozen=True, slots=True)
class Capture:
    """A captured message taken from its HTTP or MIME headers."""

    content_type: str
    body: bytes

    @property
    def is_multipart(self) -> bool:
        """Whether the payloads are there as well, as far as the Content-Type says."""
        return self.content_type.lower().startswith("multipart/")


def split_capture(data: bytes) -> Capture:
    """Return the Content-Type and body of a capture, whatever stands before the body.

    A request or status line and headers are read when they are there; a body that begins with a boundary needs none;
    anything else that begins with ``<`` or a byte order mark is a bare envelope.
    """
    start = data.lstrip()[:4]
    if start.startswith((b"<", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return Capture("text/xml", data.lstrip() if start.startswith(b"<") else data)
    if start.startswith(b"--"):
        boundary = data.lstrip().partition(b"\n")[0].strip()[2:].decode("latin-1")
        return Capture(f'multipart/related; boundary="{boundary}"', data)
    return _split_headers(data)


def _split_headers(data: bytes) -> Capture:
    line = _HTTP_START.match(data)
    begin = line.end() if line else 0
    blank = _BLANK_LINE.search(data, begin)
    if blank is None:
        return Capture("text/xml", data)
    headers = mime.parse_headers(data[begin : blank.start()])
    body = data[blank.end() :]
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = b"".join(_chunks(body))
    kind = headers.get("content-type", "text/xml")
    return Capture(kind, body)


def _chunks(body: bytes) -> Iterator[bytes]:
    """Give the chunks of a captured chunked body; a broken one ends it."""
    at = 0
    while match := _CHUNK.match(body, at):
        size = int(match.group(1), 16)
        if size == 0:
            return
        yield body[match.end() : match.end() + size]
        at = match.end() + size
        at += len(b"\r\n") if body[at : at + 2] == b"\r\n" else 1


def _problem(error: ProtocolError) -> Problem:
    return Problem(error.code, error.sentence, error.ebms_code, error.location)


class _Problems:
    """Collects what is wrong instead of stopping at the first."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def attempt(self, step: Callable[[], _Found]) -> _Found | None:
        """Return what a step gives, or None when it finds something wrong, which is noted."""
        try:
            return step()
        except ProtocolError as error:
            self.found.append(_problem(error))
        except ConfigurationError as error:
            self.found += [Problem(f.code, str(f), "Inconsistent") for f in error.findings]
        return None


def _report(
    root: etree._Element, parts: tuple[mime.Part, ...], cpa: CPA | None, given: Certificate | None, *, whole: bool
) -> Inspection:
    problems = _Problems()
    message = problems.attempt(lambda: envelope.read(root))
    reports = tuple(map(_part_report, parts))
    content_ids = [part.content_id for part in parts] if whole else None
    if isinstance(message, UserMessage) and content_ids is not None:
        problems.attempt(lambda: agreement.check_parts(message, content_ids))
    signed_by = problems.attempt(lambda: _agreed(message, cpa)) if message and cpa else None
    claimed = problems.attempt(lambda: signature.find(root))
    if signed_by and signed_by.signing and claimed is None:
        problems.found.append(_problem(_MISSING))
    judged = None
    if claimed is not None:
        judged = _judge_signature(problems, _Signed(root, claimed, parts, content_ids, message), signed_by, given)
    return Inspection(
        kind=_kind(message, root),
        message=message,
        parts=reports,
        letters=tuple(letter for part in parts for letter in problems.attempt(partial(_letters, part)) or ()),
        outcomes=tuple(found for part in parts for found in problems.attempt(partial(_outcomes, part)) or ()),
        signature=judged,
        problems=tuple(problems.found),
        notes=tuple(_notes(reports, whole=whole, has_manifest=_has_manifest(message))),
    )


_MISSING: Final = SignatureError("signature.missing", "the CPA asks for a signature and there is none")


@dataclass(frozen=True, slots=True)
class _Agreed:
    """What the CPA says of this message: how it is signed, and whether it is synchronous."""

    signing: Signing | None
    synchronous: bool


def _agreed(message: Message, cpa: CPA) -> _Agreed:
    """Hold the message against the CPA; the time is the message's own, since a capture may be old."""
    header = message.header
    if isinstance(message, UserMessage):
        route = agreement.judge(message, cpa, now=header.timestamp)
        return _Agreed(route.signing, route.sync_reply)
    if header.cpa_id != cpa.cpa_id:
        raise FormatError("agreement.cpa", "the CPAId is not that of the CPA", ebms_code="ValueNotRecognized")
    signals = cpa.signals(sender=header.sender, action=header.action)
    wanted = isinstance(message, Acknowledgment) and bool(message.references)
    return _Agreed(signals.signing if wanted else None, signals.sync)


@dataclass(frozen=True, slots=True)
class _Signed:
    """A signature with everything that it may cover."""

    root: etree._Element
    signature: signature.Signature
    parts: Sequence[mime.Part]
    content_ids: Sequence[str | None] | None
    message: Message | None


def _judge_signature(
    problems: _Problems, signed: _Signed, agreed: _Agreed | None, given: Certificate | None
) -> SignatureReport:
    """Pass the whole policy first, then do the arithmetic reference by reference."""
    claimed = signed.signature
    signing = agreed.signing if agreed else None
    expected = signing.certificate if signing and signing.certificate else given
    synchronous = agreed.synchronous if agreed else None
    before = len(problems.found)
    problems.attempt(
        lambda: signature.check_policy(signed.root, claimed, signed.content_ids, signing, synchronous=synchronous)
    )
    refused = len(problems.found) > before
    references = () if refused else tuple(_covered(problems, signed, reference) for reference in claimed.references)
    signer = claimed.certificate or expected
    holds = not refused and all(part.holds != "no" for part in references) and _value_holds(problems, claimed, signer)
    return SignatureReport(
        algorithm=claimed.algorithm,
        references=references,
        holds="yes" if holds else "no",
        signer_is_given=_signer_is(problems, claimed, expected) if not refused else "not checked",
        certificate_was_valid=_was_valid(signer, signed.message),
        certificate=signer.subject if signer else "",
    )


def _covered(problems: _Problems, signed: _Signed, reference: DigestReference) -> CoveredPart:
    holds = signature.digest_holds(signed.root, reference, signed.parts)
    covers = "payload" if reference.uri else "envelope"
    if holds is False:
        sentence = f"{reference.uri or 'the envelope'}: changed after signing, its digest differs"
        problems.found.append(Problem("signature.digest", sentence, "SecurityFailure", "//Header/Signature"))
    return CoveredPart(reference.uri, covers, _VERDICTS[holds])


def _value_holds(problems: _Problems, claimed: signature.Signature, signer: Certificate | None) -> bool:
    if signer is not None and signature.value_holds(claimed, signer):
        return True
    sentence = (
        "the signature's value does not hold" if signer else "no certificate to verify with: give --cert or --cpa"
    )
    problems.found.append(Problem("signature.value", sentence, "SecurityFailure", "//Header/Signature"))
    return False


def _signer_is(problems: _Problems, claimed: signature.Signature, expected: Certificate | None) -> Verdict:
    if expected is None:
        return "not checked"
    if claimed.certificate in (None, expected) and signature.value_holds(claimed, expected):
        return "yes"
    sentence = "signed with another certificate than the one that was given"
    problems.found.append(Problem("signature.certificate", sentence, "SecurityFailure", "//Header/Signature"))
    return "no"


def _was_valid(signer: Certificate | None, message: Message | None) -> Verdict:
    if signer is None or message is None:
        return "not checked"
    return _VERDICTS[signer.valid_at(message.header.timestamp)]


_VERDICTS: Final[dict[bool | None, Verdict]] = {True: "yes", False: "no", None: "not checked"}


def _part_report(part: mime.Part) -> PartReport:
    kind = _content(part.octets)
    return PartReport(
        content_id=part.content_id,
        content_type=part.content_type,
        size=len(part.octets),
        content=kind,
        encrypted=kind == "EncryptedData",
    )


def _content(octets: bytes) -> str:
    """Name what a payload is by its first octets: never by what the sender says of it."""
    head = octets[:_HEAD]
    if head.startswith(_GZIP):
        return "gzip"
    if head.startswith(b"%PDF-"):
        return "PDF"
    root = _ROOT.search(head)
    return root.group(1).decode("latin-1") if root and head.lstrip().startswith((b"<", _BOM)) else "octets"


def _letters(part: mime.Part) -> Sequence[Letter]:
    return tuple(letters_in(part.octets)) if _content(part.octets) == "Berichten" else ()


def _outcomes(part: mime.Part) -> Sequence[BerichtResultaat]:
    kind = _content(part.octets)
    is_result = kind in {"BerichtVerwerkResponse", "gzip"}
    return parse_result(part.octets).berichten if is_result else ()


def _notes(parts: Sequence[PartReport], *, whole: bool, has_manifest: bool) -> Iterator[str]:
    if has_manifest and not whole:
        yield "a bare envelope: its payloads are not here, so their digests are not checked"
    if any(part.encrypted for part in parts):
        yield "encrypted: what the payload says cannot be seen without the receiver's key"


def _has_manifest(message: Message | None) -> bool:
    return isinstance(message, UserMessage) and message.manifest is not None


def _kind(message: Message | None, root: etree._Element) -> str:
    if message is not None:
        return _KINDS.get(type(message).__name__, type(message).__name__)
    return "SOAP Fault" if root.find("soap:Body/soap:Fault", NS) is not None else "unreadable"


_KINDS: Final = {"UserMessage": "user message"}
