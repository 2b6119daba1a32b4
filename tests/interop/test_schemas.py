"""Our schemas among others: two versions of libxml2, the library xmlschema, no network, and messages of other products.

Where a verdict of ours is not the official one on purpose, a test here has the name of the difference.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import urllib.request
from importlib import resources
from pathlib import Path

import pytest
import xmlschema
from lxml import etree
from tests.reference import REFERENCE, SHARED, needs_reference
from tests.schema_documents import (
    DS_REFERENCE,
    DS_SIGNATURE,
    EB,
    ENVELOPE,
    GUID,
    OTHER_GUID,
    REQUEST,
    RESULT,
    VALID,
    VALID_ENVELOPES,
    VALID_REQUESTS,
    VALID_RESULTS,
    XSI,
    acknowledgment,
    bericht,
    envelope,
    header,
    official,
    request,
    result,
    uitkomst,
)

from mobb_client import _xml

FOLDER = Path(str(resources.files("mobb_client.schemas")))
FILES = sorted(path.name for path in FOLDER.glob("*.xsd"))
LIBXML2 = ".".join(map(str, etree.LIBXML_VERSION))
XS = "{http://www.w3.org/2001/XMLSchema}"


def read(document: str | bytes) -> etree._Element:
    """Parse as strictly as a message, with comments kept."""
    return etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))


def both(name: str, document: str | bytes) -> tuple[bool, bool]:
    """Return our verdict and the official one; each judge reads for itself, since libxml2 writes ids down."""
    return _xml.is_valid(read(document), name), official(name).validate(read(document))


class Recorder(etree.Resolver):
    """Writes down what libxml2 asks for, and lets it have it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def resolve(self, system_url: str, *_: object) -> None:
        """Note the address."""
        self.asked.append(system_url)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every way out of Python fail."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was asked for")

    for where, what in [(socket, "socket"), (socket, "create_connection"), (socket, "getaddrinfo")]:
        monkeypatch.setattr(where, what, refuse)
    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def test_every_schema_is_there() -> None:
    """Design section 2: our own XSDs are package data, found in a wheel and in an editable install."""
    assert {REQUEST, RESULT, ENVELOPE} <= set(FILES)
    assert all(_xml.schema(name) is _xml.schema(name) for name in FILES)


@pytest.mark.parametrize("name", FILES)
def test_every_schema_imports_only_what_is_there(name: str) -> None:
    """B63: the official package imports a file that it does not ship; ours names files of its own folder only."""
    root = etree.parse(FOLDER / name).getroot()
    imports = [element.get("schemaLocation", "") for element in root.iter(f"{XS}import")]
    assert set(imports) <= set(FILES)
    assert not list(root.iter(f"{XS}include", f"{XS}redefine"))


@pytest.mark.parametrize("name", FILES)
def test_every_schema_says_where_it_comes_from(name: str) -> None:
    """House: a documentation sentence with its source in every file."""
    said = "".join(etree.parse(FOLDER / name).getroot().find(f"{XS}annotation/{XS}documentation").itertext())
    assert "Source: " in said


@pytest.mark.parametrize("name", FILES, ids=[f"{name} by libxml2 {LIBXML2}" for name in FILES])
def test_schemas_load_offline_with_lxml(name: str) -> None:
    """B32: what libxml2 opens while it compiles is a file of the folder; an address elsewhere is never asked for."""
    recorder = Recorder()
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(recorder)
    etree.XMLSchema(etree.parse(FOLDER / name, parser))
    assert {Path(asked.removeprefix("file://")).parent for asked in recorder.asked} == {FOLDER}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.usefixtures("no_network")
def test_schemas_load_offline_with_xmlschema(name: str) -> None:
    """B32: the stricter library takes them too, with no warning, and no socket is asked for."""
    schema = xmlschema.XMLSchema(str(FOLDER / name), allow="local")
    assert schema.validity == "valid"


@pytest.mark.parametrize("name", FILES)
def test_schemas_are_schemas(name: str) -> None:
    """B32: each is valid against the schema of schemas that xmlschema carries."""
    xmlschema.XMLSchema.meta_schema.validate(str(FOLDER / name))


@pytest.mark.skipif(
    shutil.which("xmllint") is None, reason="no xmllint (Debian: libxml2-utils), which has a libxml2 of its own"
)
@pytest.mark.parametrize("name", VALID)
def test_a_second_libxml2_gives_the_same_verdicts(name: str, tmp_path: Path) -> None:
    """B32: two libxml2 versions, that of lxml and that of the system's xmllint (2.9.14 on Debian 12)."""
    good = [*VALID[name]]
    bad = [
        document.replace("1-", "-", 1).replace('eb:version="2.0"', "", 1).replace("2026", "26", 1) for document in good
    ]
    for number, document in enumerate([*good, *bad]):
        (tmp_path / f"{number}.xml").write_text(document, encoding="utf-8")
        call = ["xmllint", "--nonet", "--noout", "--schema", FOLDER / name, tmp_path / f"{number}.xml"]
        status = subprocess.run(call, capture_output=True, check=False).returncode
        assert (status == 0) is _xml.is_valid(read(document), name) is (number < len(good))


# Other products' documents

EXAMPLES = SHARED / "spec" / "examples"
DOCUMENTS = [
    (EXAMPLES / "bv-request-2-berichten.xml", REQUEST, True),
    (EXAMPLES / "bv-request-2-bijlagen.xml", REQUEST, True),
    (EXAMPLES / "bv-result-2-berichten.xml", RESULT, True),
    (EXAMPLES / "bv-result-alle-codes.xml", RESULT, True),
    (EXAMPLES / "bv-result-nul-berichtid.xml", RESULT, True),
    (EXAMPLES / "bv-request-2-berichten.xml", RESULT, False),
    (EXAMPLES / "bv-result-2-berichten.xml", REQUEST, False),
    (EXAMPLES / "a-request-volledig.xml", REQUEST, False),
    (EXAMPLES / "wus-request.xml", ENVELOPE, True),
    (EXAMPLES / "wus-request-met-wsa.xml", ENVELOPE, True),
    (EXAMPLES / "wus-response.xml", ENVELOPE, True),
    (EXAMPLES / "wus-fault-application.xml", ENVELOPE, False),  # xml:lang at faultstring, which SOAP 1.1 does not know
    (EXAMPLES / "wus-fault-dependent.xml", ENVELOPE, False),
    (REFERENCE / "logius/voorbeeldberichten/GEB-BV.xml", REQUEST, False),
    (REFERENCE / "logius/voorbeeldberichten/GLOBE-R-BV-Request.xml", REQUEST, False),
    (REFERENCE / "logius/peer-voorbeelden/worth-nl-berichten_verwerk_response_sample.xml", RESULT, False),
    *((path, ENVELOPE, True) for path in sorted(REFERENCE.glob("messages/santuario/*.soap.xml"))),
    *((path, ENVELOPE, True) for path in sorted(REFERENCE.glob("messages/santuario/ack-*.xml"))),
]


@needs_reference
@pytest.mark.parametrize(
    ("path", "name", "verdict"), [pytest.param(*row, id=f"{row[0].name} {row[1]}") for row in DOCUMENTS]
)
def test_documents_of_others(path: Path, name: str, verdict: bool) -> None:
    """Digest i and logius/README: examples with placeholders are not valid, the others and Santuario's messages are."""
    assert both(name, path.read_bytes()) == (verdict, verdict)


@needs_reference
def test_what_is_wrong_with_the_official_example() -> None:
    """logius/README: the placeholders break four facets, and here it is told which."""
    root = _xml.parse((REFERENCE / "logius/voorbeeldberichten/GEB-BV.xml").read_bytes(), "example")
    guid = "must be a GUID, of the form [0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    assert list(_xml.violations(root, REQUEST)) == [
        ("/bvs:Berichten/bvs:BatchInformatie/bvs:BatchID", guid),
        ("/bvs:Berichten/ber:Bericht/ber:BerichtInformatie/ber:BatchID", guid),
        ("/bvs:Berichten/ber:Bericht/ber:BerichtInformatie/ber:BerichtID", guid),
        ("/bvs:Berichten/ber:Bericht/ber:BerichtInformatie/ber:BerichtType", "must be at most 8 characters"),
    ]


@needs_reference
@pytest.mark.parametrize("path", sorted(REFERENCE.glob("messages/santuario/*.mime")), ids=lambda path: path.name)
def test_root_parts_of_whole_messages(path: Path) -> None:
    """The envelopes inside Santuario's MIME bodies, those of encrypted messages too."""
    body = path.read_bytes()
    document = body[body.index(b"<soap:Envelope") : body.index(b"</soap:Envelope>") + len(b"</soap:Envelope>")]
    assert both(ENVELOPE, document) == (True, True)


def filled(template: str) -> str:
    """Fill in a template of ebms-core's tests; its `th:` attributes become what they stand for."""
    text = re.sub(r'th:each="[^"]*"\s*', "", template)
    text = re.sub(r'th:(eb:type|xlink:href)="[^"]*"', r'\1="urn:filled"', text)
    text = re.sub(r"\[\[\$\{time\w+\}\]\]", "2026-01-15T09:30:00Z", text)
    return re.sub(r"\[\[\$\{\w+\}\]\]", "filled", text)


TEMPLATES = sorted(REFERENCE.glob("messages/ebmscore-templates/EbMS*.xml"))
NOT_VALID = {  # the others break no schema, only the agreement
    "EbMSMessageMissingFromPartyId.xml",
    "EbMSMessageMissingReference.xml",
}


@needs_reference
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_of_the_java_adapter(path: Path) -> None:
    """Each file's name says what is wrong in it; mostly that is a matter of the CPA and not of the schema."""
    document = filled(path.read_text(encoding="utf-8")).encode()
    ours, theirs = both(ENVELOPE, document)
    assert ours is theirs
    assert ours is (path.name not in NOT_VALID)


DIGEST = SHARED / "spec" / "digikoppeling-ebms2.md"
QUOTED = (
    re.findall(r"<soap:Envelope.*?</soap:Envelope>", DIGEST.read_text("utf-8"), re.DOTALL) if DIGEST.exists() else []
)


@needs_reference
@pytest.mark.parametrize("document", QUOTED, ids=range(1, len(QUOTED) + 1))
def test_example_messages_of_the_digest(document: str) -> None:
    """Digest c.3: user message, acknowledgment, error and ping, unsigned and signed."""
    assert both(ENVELOPE, document) == (True, True)


# What a document cannot do to its judge


def test_a_schema_that_the_document_points_at_is_not_opened(tmp_path: Path) -> None:
    """h-38: xsi:schemaLocation may come, and neither library follows it."""
    trap = tmp_path / "trap.xsd"
    trap.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:trap">'
        '<xs:element name="x" type="xs:int"/></xs:schema>'
    )
    hint = f'xmlns:xsi="{XSI}" xsi:schemaLocation="urn:trap {trap.as_uri()}"'
    good = VALID_ENVELOPES[0].replace("<soap:Header>", f'<soap:Header {hint}><t:x xmlns:t="urn:trap">no int</t:x>', 1)
    bad = good.replace("<eb:CPAId>Voorbeeld_1<", "<eb:CPAId><", 1)
    assert _xml.is_valid(read(good), ENVELOPE)
    assert [path for path, _ in _xml.violations(read(bad), ENVELOPE)] == [
        "/soap:Envelope/soap:Header/eb:MessageHeader/eb:CPAId"
    ]


@pytest.mark.parametrize("document", VALID_ENVELOPES)
def test_judging_twice_is_judging_once(document: str) -> None:
    """libxml2 writes ids into the document while it judges; the second verdict is the same."""
    root = read(document)
    assert [_xml.is_valid(root, ENVELOPE), _xml.is_valid(root, ENVELOPE)] == [True, True]
    root[0][0].set(f"{{{EB}}}id", "ack")
    for element in root.iter(f"{{{EB}}}AckRequested"):
        assert element.get(f"{{{EB}}}id") == "ack"
        assert [_xml.is_valid(root, ENVELOPE), _xml.is_valid(root, ENVELOPE)] == [False, False]


# Differences on purpose


@needs_reference
@pytest.mark.parametrize(
    ("name", "document"),
    [
        (REQUEST, VALID_REQUESTS[0]),
        (REQUEST, VALID_REQUESTS[0].replace(GUID, "", 1).replace("<bvs:BatchID><", f"<bvs:BatchID>{GUID}<")),
        (RESULT, VALID_RESULTS[1]),
    ],
)
@pytest.mark.parametrize("guid", [GUID, OTHER_GUID])
def test_stricter_a_guid_has_digits_of_ascii_only(name: str, document: str, guid: str) -> None:
    r"""Digest b.1: ``\d`` lets in the digits of every script; Python would read them as the same GUID."""
    number = document.index(guid)
    other = f"{document[:number]}\N{ARABIC-INDIC DIGIT FIVE}{document[number + 1 :]}"
    assert both(name, document) == (True, True)
    assert both(name, other) == (False, True)


@needs_reference
@pytest.mark.parametrize(
    "signature",
    [
        "<ds:Signature/>",
        DS_SIGNATURE.replace("ZHVtbXk=", "A", 1),
        DS_SIGNATURE.replace("<ds:SignatureValue>", "<ds:Other/><ds:SignatureValue>"),
        DS_SIGNATURE.replace("<ds:Signature>", '<ds:Signature other="1">'),
    ],
)
def test_laxer_a_signature_is_not_read_by_the_schema(signature: str) -> None:
    """Issue, `ds:` lax: signatures have a policy of their own, which runs before any arithmetic (digest d.7)."""
    assert both(ENVELOPE, envelope(header() + signature)) == (True, False)


@needs_reference
@pytest.mark.parametrize("references", ["<ds:Reference/>", "<ds:Object/>", DS_REFERENCE + DS_SIGNATURE])
def test_laxer_an_acknowledgment_may_hold_any_element_of_xml_signature(references: str) -> None:
    """Issue, `ds:` lax: the copies of the references are compared in Python (digest d.6)."""
    assert both(ENVELOPE, envelope(header(signal=True) + acknowledgment(references))) == (True, False)


@needs_reference
def test_laxer_an_id_in_a_signature_is_no_id() -> None:
    """Issue, `ds:` lax: officially ds:Signature/@Id may not repeat an eb:id."""
    signature = DS_SIGNATURE.replace("<ds:Signature>", '<ds:Signature Id="a">')
    document = envelope(header().replace("<eb:MessageHeader ", '<eb:MessageHeader eb:id="a" ') + signature)
    assert both(ENVELOPE, document) == (True, False)


@needs_reference
@pytest.mark.parametrize(
    ("kind", "ours", "theirs"), [("GUID", True, False), ("guid", False, True), ("xs", False, False)]
)
def test_other_names_of_types(kind: str, ours: bool, theirs: bool) -> None:
    """Our types have names of our own, which shows only where a document names one with xsi:type; nobody does."""
    document = request(bericht()).replace("<ber:BatchID>", f'<ber:BatchID xmlns:xsi="{XSI}" xsi:type="ber:{kind}">')
    assert both(REQUEST, document) == (ours, theirs)


@needs_reference
@pytest.mark.parametrize(
    ("name", "document", "verdict"),
    [
        (ENVELOPE, read(VALID_ENVELOPES[0])[0][0], True),
        (ENVELOPE, read(VALID_ENVELOPES[0])[0], True),
        (REQUEST, read(VALID_REQUESTS[0])[1], True),
        (REQUEST, read(VALID_REQUESTS[0])[1][0], False),
        (RESULT, read(VALID_RESULTS[1])[1][0], True),
        (RESULT, read(VALID_RESULTS[1])[1], False),
    ],
)
def test_no_difference_every_global_element_may_be_the_root(name: str, document: etree._Element, verdict: bool) -> None:
    """No schema can say which of its elements is the root: a reader looks at the name."""
    assert both(name, etree.tostring(document)) == (verdict, verdict)


@needs_reference
@pytest.mark.parametrize("code", ["00", "NieuweCode"])
def test_no_difference_an_unknown_code_breaks_the_schema(code: str) -> None:
    """B65: the schemas agree; the reader of results takes such a document all the same."""
    assert both(RESULT, result(uitkomst(code))) == (False, False)


@pytest.mark.parametrize("document", [envelope(f"x{header()}"), envelope(header(), "x")])
def test_what_xmlschema_overlooks_is_still_explained(document: str) -> None:
    """It takes text beside a wildcard; the verdict is libxml2's, and the place comes from its log."""
    assert not _xml._judge(ENVELOPE).violations(read(document))
    ((path, rule),) = _xml.violations(read(document), ENVELOPE)
    assert re.fullmatch(r"//soap:(Header|Body) \(line 1\)", path)
    assert rule == "has text between its elements"
