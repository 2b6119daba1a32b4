"""What a captured message is, who it is from, what its signature covers, and whether it holds.

Three verdicts are kept apart: the signature holds, the signer is the one that was given, the certificate was valid at
the message's time. Nothing that is worked out here holds a BSN or the text of a letter; `Inspection.message` holds what
stood in the headers.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final, Literal, TypeVar

from lxml import etree

from mobb_client import _xml
from mobb_client.berichtenbox.globe import parse_result
from mobb_client.berichtenbox.overzicht import Letter, Overzicht, overzicht, without_bsn
from mobb_client.berichtenbox.resultaat import BatchResultaat, BerichtResultaat
from mobb_client.ebms import agreement, capture, envelope, mime, signature
from mobb_client.ebms._names import NS, name
from mobb_client.ebms.cpa import CPA, Route, Signing
from mobb_client.ebms.message import Acknowledgment, DigestReference, Message, UserMessage
from mobb_client.errors import ConfigurationError, FormatError, ProtocolError, SignatureError
from mobb_client.pki.certificate import Certificate

_Found = TypeVar("_Found")
Verdict = Literal["yes", "no", "not checked"]

_MAX_ENVELOPE: Final = 4_000_000  # that of 2000 signed parts takes 1.6 MB
_HEAD: Final = 4096
_GZIP: Final = b"\x1f\x8b"
_ENCRYPTED: Final = "{http://www.w3.org/2001/04/xmlenc#}EncryptedData"
_DOCUMENTS: Final = {"Berichten", "BerichtVerwerkResponse", "AbonnementAanvraag", "AbonnementAntwoord"}
_WHERE: Final = "//Header/Signature"
_FAULT_SHOWN: Final = 200
_XML_TYPE: Final = re.compile(r"text/xml|application/xml|[a-z0-9.-]+/[a-z0-9.-]+\+xml")
_CONTENT_ID_HEADER: Final = re.compile(rb"content-id[ \t]*:[ \t\r\n]*<?[ \t]*\Z", re.IGNORECASE)
_LOOK_BACK: Final = 100
_MOST_LOOKS: Final = 10_000


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

    Args:
        algorithm: URI of the SignatureMethod.
        references: every reference; ``not checked`` when its part is encrypted or not here, or the policy refused.
        holds: the value, and every digest that could be checked, by the certificate in the message, else by the given.
        signer_is_given: whether the CPA's certificate, else the given one, signed it.
        certificate_was_valid: at the message's Timestamp.
        certificate: subject of the certificate that the value was checked with; empty without one.
        fingerprint: its SHA-256.
        valid_from: its first moment.
        valid_until: its last moment.
    """

    algorithm: str
    references: tuple[CoveredPart, ...]
    holds: Verdict
    signer_is_given: Verdict
    certificate_was_valid: Verdict
    certificate: str = ""
    fingerprint: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReport:
    """One MIME part: its id, type, size in octets, and what is in it (``Berichten``, ``PDF``...)."""

    content_id: str | None
    content_type: str
    size: int
    content: str
    encrypted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """All that can be said of one captured message.

    Args:
        kind: ``user message``, ``Acknowledgment`` and so on, or what it is instead of a message.
        message: None when no envelope could be read; `problems` says why.
        parts: the MIME parts after the envelope.
        batches: what the Berichten documents among them hold.
        results: what the BerichtVerwerkResponse documents among them say.
        agreed: whether it is as the CPA says.
        signature: None when there is none, or it stands where it may not.
        problems: what is wrong, all of it.
        notes: what is worth knowing and not wrong.
    """

    kind: str
    message: Message | None = None
    parts: tuple[PartReport, ...] = ()
    batches: tuple[Overzicht, ...] = ()
    results: tuple[BatchResultaat, ...] = ()
    agreed: Verdict = "not checked"
    signature: SignatureReport | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def letters(self) -> tuple[Letter, ...]:
        """The letters of all batches."""
        return tuple(letter for batch in self.batches for letter in batch.letters)

    @property
    def outcomes(self) -> tuple[BerichtResultaat, ...]:
        """The verdicts of all results."""
        return tuple(verdict for result in self.results for verdict in result.berichten)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; the certificate's dates are reported and do not count."""
        return not self.problems


def inspect(data: bytes, *, cpa: CPA | None = None, certificate: Certificate | None = None) -> Inspection:
    """Return what a captured message is, whatever the octets are; nothing is raised.

    Args:
        data: the message with its HTTP or MIME headers, a bare multipart body, or a bare envelope.
        cpa: the CPA of the message: it names the certificate, the algorithms and the rules. A capture may be old, so
            the message's own Timestamp is the moment that everything is held against.
        certificate: the certificate that must have signed, where no CPA names one.
    """
    try:
        captured = capture.read(data)
    except FormatError as error:
        return Inspection(kind="unreadable", problems=(_problem(error),))
    if not captured.body or captured.body.isspace():
        return _without_message(captured)
    found = _inspect_body(captured, cpa, certificate)
    return replace(found, notes=(*_capture_notes(captured), *found.notes))


def _without_message(captured: capture.Capture) -> Inspection:
    """Tell of headers alone: an HTTP answer of 2xx without a body is how most partners say `received` (h-51)."""
    kind = "HTTP headers without a message"
    if captured.status is not None and captured.status // 100 == 2:  # noqa: PLR2004 - HTTP's class of success
        return Inspection(kind=kind, notes=(*_capture_notes(captured), "received; an acknowledgment comes by itself"))
    problem = Problem("capture.empty", "there is no message in it", "MimeProblem")
    return Inspection(kind=kind, problems=(problem,), notes=tuple(_capture_notes(captured)))


def _capture_notes(captured: capture.Capture) -> Iterator[str]:
    if captured.status not in (None, 200):
        yield f"HTTP status {captured.status}"
    yield from captured.notes


def _inspect_body(captured: capture.Capture, cpa: CPA | None, given: Certificate | None) -> Inspection:
    problems = _Problems()
    unpacked = problems.attempt(lambda: mime.unpack(captured.content_type, captured.body))
    if unpacked is None:
        return Inspection(kind="unreadable", problems=problems.all)
    _check_start(problems, captured, unpacked)
    reports = tuple(map(_part_report, unpacked.parts))
    for report in reports:
        problems.attempt(partial(_refuse_damaged, report))
    root = problems.attempt(lambda: _parse(unpacked.envelope))
    if root is None:
        return Inspection(kind="unreadable", parts=reports, problems=problems.all)
    subject = _Subject(
        octets=unpacked.envelope,
        root=root,
        message=problems.attempt(lambda: envelope.read(root)),
        parts=unpacked.parts,
        reports=reports,
        is_whole=captured.is_whole,
    )
    return _report(problems, subject, cpa, given)


def _check_start(problems: _Problems, captured: capture.Capture, unpacked: mime.Unpacked) -> None:
    """A `start` that names no part is a broken message, although readers take the first part then (h-44)."""
    _, parameters = mime.parse_content_type(captured.content_type)
    start = parameters.get("start", "").strip(" <>")
    if start and not _is_content_id(start.encode("utf-8", "replace"), captured.body):
        problems.add(_mime_problem("start", "the Content-Type's start names a part that is not there"))
    if start and any(part.content_id == start for part in unpacked.parts):
        problems.add(_mime_problem("start-twice", "another MIME part has the Content-ID of the envelope"))


def _is_content_id(content_id: bytes, body: bytes) -> bool:
    """Return whether a header Content-ID with this value stands somewhere in a body, as far as that is soon clear."""
    at = -1
    for _ in range(_MOST_LOOKS):
        at = body.find(content_id, at + 1)
        if at < 0:
            return False
        if _CONTENT_ID_HEADER.search(body[max(0, at - _LOOK_BACK) : at]):
            return True
    return True


def _mime_problem(code: str, sentence: str) -> FormatError:
    return FormatError(f"mime.{code}", sentence, ebms_code="MimeProblem")


def _parse(octets: bytes) -> etree._Element:
    if len(octets) > _MAX_ENVELOPE:
        raise FormatError("envelope.size", f"the envelope is larger than {_MAX_ENVELOPE} octets")
    return _xml.parse(octets, "envelope")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """A message taken apart, as far as it can be read."""

    octets: bytes
    root: etree._Element
    message: Message | None
    parts: tuple[mime.Part, ...]
    reports: tuple[PartReport, ...]
    is_whole: bool

    @property
    def content_ids(self) -> list[str | None] | None:
        """The Content-ID of every part, or None when the parts are not here."""
        return [part.content_id for part in self.parts] if self.is_whole else None

    @property
    def encrypted_ids(self) -> frozenset[str | None]:
        """The Content-IDs of the parts that are encrypted, so that their digests cannot be checked."""
        return frozenset(report.content_id for report in self.reports if report.encrypted)


def _problem(error: ProtocolError) -> Problem:
    return Problem(error.code, without_bsn(error.sentence), error.ebms_code, without_bsn(error.location))


_INCOMPLETE: Final = Problem("agreement.incomplete", "the CPA lacks a part of the message's route", "Inconsistent")


class _Problems:
    """Collects what is wrong instead of stopping at the first."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    @property
    def all(self) -> tuple[Problem, ...]:
        """What was found, each once."""
        return tuple(dict.fromkeys(self._found))

    def add(self, error: ProtocolError) -> None:
        """Note something wrong."""
        self._found.append(_problem(error))

    def attempt(self, step: Callable[[], _Found]) -> _Found | None:
        """Return what a step gives, or None when it finds something wrong, which is noted."""
        try:
            return step()
        except ProtocolError as error:
            self.add(error)
        except ConfigurationError as error:
            found = [Problem(finding.code, str(finding), "Inconsistent") for finding in error.findings]
            self._found += found or [_INCOMPLETE]
        return None

    def none_in(self, step: Callable[[], object]) -> bool:
        """Return whether a step finds nothing wrong; what it finds is noted."""
        before = len(self._found)
        self.attempt(step)
        return len(self._found) == before


def _report(problems: _Problems, subject: _Subject, cpa: CPA | None, given: Certificate | None) -> Inspection:
    message = subject.message
    _check_parts(problems, subject)
    terms = _Terms()
    agreed: Verdict = "not checked"
    if message is not None and cpa is not None:
        terms, agreed = _held_against(problems, subject, message, cpa)
    judged = _signature(problems, subject, terms, given)
    batches = [found for part in subject.parts if (found := problems.attempt(partial(_batch, part)))]
    for fault in (fault for batch in batches for fault in batch.faults):
        problems.add(fault)
    results = [result for part in subject.parts if (result := problems.attempt(partial(_result, part)))]
    return Inspection(
        kind=_kind(message, subject.root),
        message=message,
        parts=subject.reports,
        batches=tuple(batches),
        results=tuple(results),
        agreed=agreed,
        signature=judged,
        problems=problems.all,
        notes=(*_notes(subject, judged, given), *_result_notes(results)),
    )


def _check_parts(problems: _Problems, subject: _Subject) -> None:
    """Manifest and parts must name each other, when the parts are here; a signal has none."""
    message, content_ids = subject.message, subject.content_ids
    if message is None or content_ids is None:
        return
    if isinstance(message, UserMessage):
        problems.attempt(lambda: agreement.check_parts(message, content_ids))
    elif content_ids:
        sentence = "a MIME part beside a signal: nothing refers to it"
        problems.add(FormatError("manifest.part-unlisted", sentence, ebms_code="MimeProblem"))


# Against the CPA


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What the CPA says of this message: how and whether it is signed, whether it is synchronous, and encrypted.

    None of the last two means that it says nothing.
    """

    signing: Signing | None = None
    must_be_signed: bool = False
    synchronous: bool | None = None
    encrypted: bool | None = None


def _held_against(problems: _Problems, subject: _Subject, message: Message, cpa: CPA) -> tuple[_Terms, Verdict]:
    """Return the terms of a message, also of one that breaks them, and whether it keeps them."""
    if isinstance(message, UserMessage):
        route, kept = _route(problems, message, cpa)
        terms = _terms_of(route) if route else _Terms()
    else:
        terms, kept = _signal_terms(problems, message, cpa)
    kept &= problems.none_in(lambda: _check_encryption(subject, terms))
    return terms, _VERDICTS[kept]


def _route(problems: _Problems, message: UserMessage, cpa: CPA) -> tuple[Route | None, bool]:
    header = message.header
    if route := problems.attempt(lambda: agreement.judge(message, cpa, now=header.timestamp)):
        return route, True
    ignored = _Problems()  # named by `judge` already
    return ignored.attempt(lambda: cpa.incoming(header.sender, header.receiver, header.service, header.action)), False


def _terms_of(route: Route) -> _Terms:
    return _Terms(
        signing=route.signing,
        must_be_signed=route.signing is not None,
        synchronous=route.sync_reply,
        encrypted=route.encrypted,
    )


def _signal_terms(problems: _Problems, message: Message, cpa: CPA) -> tuple[_Terms, bool]:
    header = message.header
    kept = problems.none_in(lambda: agreement.judge_signal(header, cpa))
    collect = problems if kept else _Problems()
    signals = collect.attempt(lambda: cpa.signals(sender=header.sender, action=header.action))
    if signals is None:
        return _Terms(), False
    must = isinstance(message, Acknowledgment) and _acks_are_signed(message, cpa)
    return _Terms(signing=signals.signing, must_be_signed=must, synchronous=signals.sync), kept


def _acks_are_signed(ack: Acknowledgment, cpa: CPA) -> bool:
    """Whether every message that this acknowledgment could be for asks for a signed one."""
    asker = ack.header.receiver.party_ids[0]
    found = [
        cpa.resolve(binding.action, party=asker, role=role.name, service=role.service, now=ack.header.timestamp).route
        for party, role, binding in cpa.sendings()
        if party.is_named(asker)
    ]
    asking = [route for route in found if route is not None and route.ack_requested]
    return bool(asking) and all(route.ack_signed for route in asking)


def _check_encryption(subject: _Subject, terms: _Terms) -> None:
    """What the CPA wants encrypted does not travel in clear, and nothing hides behind encryption that it does not want.

    Without this rule, swapping a signed payload for any EncryptedData would make its digest one that nobody checks.
    """
    if terms.encrypted is None:
        return
    if not terms.encrypted and any(part.encrypted for part in subject.reports):
        sentence = "a payload is encrypted, and the CPA does not say so"
        raise SignatureError("agreement.encrypted", sentence)
    if terms.encrypted and not all(part.encrypted for part in subject.reports):
        raise SignatureError("agreement.not-encrypted", "a payload is in clear, and the CPA wants it encrypted")


# The signature


def _signature(
    problems: _Problems, subject: _Subject, terms: _Terms, given: Certificate | None
) -> SignatureReport | None:
    claimed: signature.Signature | None = None

    def find() -> None:
        nonlocal claimed
        claimed = signature.find(subject.root)

    if not problems.none_in(find):
        return None
    if claimed is None:
        problems.attempt(lambda: _refuse_unsigned(subject.message, terms, given))
        return None
    return _judged(problems, subject, claimed, terms, given)


def _refuse_unsigned(message: Message | None, terms: _Terms, given: Certificate | None) -> None:
    if terms.must_be_signed:
        raise SignatureError("signature.missing", "the CPA asks for a signature and there is none", location=_WHERE)
    if given is not None and isinstance(message, UserMessage):
        sentence = "a certificate was given to verify with, and there is no signature"
        raise SignatureError("signature.missing", sentence, location=_WHERE)


def _judged(
    problems: _Problems,
    subject: _Subject,
    claimed: signature.Signature,
    terms: _Terms,
    given: Certificate | None,
) -> SignatureReport:
    """Pass the whole policy first, then do the arithmetic reference by reference."""
    agreed = terms.signing.certificate if terms.signing else None
    expected = agreed or given
    problems.attempt(lambda: _refuse_comments(subject.octets))
    passed = problems.none_in(lambda: _check_policy(subject, claimed, terms))
    unchecked = subject.encrypted_ids if passed else None
    references = [_covered(problems, subject, reference, unchecked) for reference in claimed.references]
    holds, signer_is_given = _value(problems, claimed, expected) if passed else ("no", "not checked")
    signer = claimed.certificate or expected
    return SignatureReport(
        algorithm=claimed.algorithm,
        references=tuple(references),
        holds="no" if any(part.holds == "no" for part in references) else holds,
        signer_is_given=signer_is_given,
        certificate_was_valid=_was_valid(signer, subject.message),
        certificate=signer.subject if signer else "",
        fingerprint=signer.fingerprint if signer else "",
        valid_from=signer.not_before if signer else None,
        valid_until=signer.not_after if signer else None,
    )


def _refuse_comments(octets: bytes) -> None:
    """A comment is in no digest: anyone on the way may have put it there (h-61). It was taken out before reading."""
    if _xml.holds_comment(octets):
        sentence = "the envelope holds a comment, which no signature covers"
        raise SignatureError("signature.comment", sentence, location=_WHERE)


def _check_policy(subject: _Subject, claimed: signature.Signature, terms: _Terms) -> None:
    signature.check_policy(subject.root, claimed, subject.content_ids, terms.signing, synchronous=terms.synchronous)


def _covered(
    problems: _Problems, subject: _Subject, reference: DigestReference, unchecked: frozenset[str | None] | None
) -> CoveredPart:
    """Check one digest, unless its part is one of `unchecked`, of which None means all."""
    uri, covers = reference.uri, "payload" if reference.uri else "envelope"
    if unchecked is None or (uri and mime.match_content_id(uri, unchecked)):
        return CoveredPart(uri, covers, "not checked")
    holds = problems.attempt(lambda: signature.digest_holds(subject.root, reference, subject.parts))
    if holds is False:
        sentence = f"{uri or 'the envelope'}: changed after signing, its digest differs"
        problems.add(SignatureError("signature.digest", sentence, location=_WHERE))
    return CoveredPart(uri, covers, _VERDICTS[holds])


def _value(problems: _Problems, claimed: signature.Signature, expected: Certificate | None) -> tuple[Verdict, Verdict]:
    """Return whether the value holds, and whether the expected certificate signed it."""
    signer = claimed.certificate or expected
    if signer is None:
        sentence = "no certificate to verify with: there is none in the message, and none was given"
        problems.add(SignatureError("signature.no-certificate", sentence, location=_WHERE))
        return "not checked", "not checked"
    holds = bool(problems.attempt(lambda: signature.value_holds(claimed, signer)))
    if not holds:
        sentence = "the signature's value does not hold: SignedInfo or the value was changed, or another key made it"
        problems.add(SignatureError("signature.value", sentence, location=_WHERE))
    return _VERDICTS[holds], _signer_is_given(problems, claimed, expected, value_holds=holds)


def _signer_is_given(
    problems: _Problems, claimed: signature.Signature, expected: Certificate | None, *, value_holds: bool
) -> Verdict:
    if expected is None:
        return "not checked"
    if claimed.certificate in (None, expected):
        return "yes" if value_holds else "not checked"
    same_key = claimed.certificate is not None and claimed.certificate.public_key_der == expected.public_key_der
    how = "of the same key" if same_key else "of another key"
    sentence = f"signed with another certificate than the one that was given ({how})"
    problems.add(SignatureError("signature.certificate", sentence, location=_WHERE))
    return "no"


def _was_valid(signer: Certificate | None, message: Message | None) -> Verdict:
    if signer is None or message is None:
        return "not checked"
    return _VERDICTS[signer.valid_at(message.header.timestamp)]


_VERDICTS: Final[dict[bool | None, Verdict]] = {True: "yes", False: "no", None: "not checked"}


# The payloads


def _part_report(part: mime.Part) -> PartReport:
    content = _content(part.octets)
    return PartReport(
        content_id=part.content_id,
        content_type=part.content_type,
        size=len(part.octets),
        content=content,
        encrypted=content == "EncryptedData",
    )


def _refuse_damaged(report: PartReport) -> None:
    """A payload that says it is XML, and is none, would be taken for octets that nobody looks into."""
    kind, _ = mime.parse_content_type(report.content_type)
    if report.content == "octets" and report.size and _XML_TYPE.fullmatch(kind):
        raise FormatError("xml.syntax", "a payload says that it is XML, and is not well-formed")


def _content(octets: bytes) -> str:
    """Name what a payload is by its first octets: never by what the sender says of it."""
    if octets.startswith(b"%PDF-"):
        return "PDF"
    if not octets.startswith(_GZIP):
        return _document(octets) or "octets"
    inside = _document(_unpacked_head(octets))
    return f"{inside} (gzip)" if inside else "gzip"


def _document(octets: bytes) -> str:
    """Name an XML document that is known here; a stranger's names may hold anything."""
    root = _xml.root_name(octets)
    if root is None:
        return ""
    local = root.rpartition("}")[2]
    if root == _ENCRYPTED:
        return local
    return local if local in _DOCUMENTS else "XML"


def _unpacked_head(octets: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(octets[: 4 * _HEAD], _HEAD)
    except zlib.error:
        return b""


def _batch(part: mime.Part) -> Overzicht | None:
    return overzicht(part.octets) if _content(part.octets) == "Berichten" else None


def _result(part: mime.Part) -> BatchResultaat | None:
    return parse_result(part.octets) if _content(part.octets).startswith("BerichtVerwerkResponse") else None


def _result_notes(results: Sequence[BatchResultaat]) -> Iterator[str]:
    for result in results:
        yield from (str(finding) for finding in (*result.warnings, *result.consistency()))


# The words


def _notes(subject: _Subject, judged: SignatureReport | None, given: Certificate | None) -> Iterator[str]:
    message = subject.message
    if isinstance(message, UserMessage) and message.manifest is not None and not subject.is_whole:
        yield "a bare envelope: its payloads are not here, so their digests are not checked"
    if any(part.encrypted for part in subject.reports):
        yield "encrypted: neither the payload nor its digest can be checked without the receiver's key"
    if judged is not None and judged.signer_is_given == "not checked" and judged.holds == "yes":
        yield "verified with the certificate in the message: nothing was changed, but anyone may have signed it"
    if judged is None and given is not None and message is not None and not isinstance(message, UserMessage):
        yield "not signed, so the given certificate says nothing"
    yield from _fault_notes(subject.root)


def _fault_notes(root: etree._Element) -> Iterator[str]:
    """Give the words of a SOAP Fault, on one line and without what may be a BSN."""
    fault = root.find("soap:Body/soap:Fault", NS)
    texts = () if fault is None else (fault.findtext("faultcode"), fault.findtext("faultstring"))
    if words := ": ".join(" ".join(text.split()) for text in texts if text):
        yield f"SOAP Fault {without_bsn(words)[:_FAULT_SHOWN]}"


def _kind(message: Message | None, root: etree._Element) -> str:
    if message is not None:
        return _KINDS.get(type(message).__name__, type(message).__name__)
    if root.find("soap:Body/soap:Fault", NS) is not None:
        return "SOAP Fault"
    return "envelope that cannot be read" if root.tag == name("soap:Envelope") else "XML document, no envelope"


_KINDS: Final = {"UserMessage": "user message"}
