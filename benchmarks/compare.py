"""What a user would pick instead, in the same run: each row's floor is ours, so its ratio says how many times as long.

    pip install -r benchmarks/rivals.txt
    python benchmarks/run.py compare

Each side makes its result anew each time, from the same PDF or envelope and with the same key.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from importlib import import_module
from io import BytesIO
from typing import Any

from measure import Bench, Figure, measure, workbench

SIZE = 500_000


def compare(quick: bool) -> list[Figure]:
    """One letter of 500,000 bytes: as ebms-adapter-client makes it, and signed by signxml and by python-xmlsec."""
    with workbench(1, SIZE) as bench:
        return [found for row in (_adapter_client, _signxml, _xmlsec) for found in row(bench, quick)]


def _adapter_client(bench: Bench, quick: bool) -> Iterator[Figure]:
    """The body of its POST to a Java adapter, which has yet to make a message of it; ours is the whole message."""
    builder = _rival("ebms_adapter_client.berichtenbox.builder")
    if builder is None:
        return

    def theirs() -> None:
        content = builder.build_berichten_xml(
            batch_id="7b1f5f3e-0f0c-4b8e-9f8a-0d1f3a9f0001",
            bericht_id="7b1f5f3e-0f0c-4b8e-9f8a-0d1f3a9f0002",
            bsn="999993653",
            message="Uw aanslag staat klaar.\nLees de bijlage.",
            subject="Aanslag gemeentelijke belastingen",
            deliverer_id=str(bench.senders[False].oins[0]),
            attachments=[builder.BerichtenboxAttachment("Aanslag", bench.paths[0].read_bytes())],
        )
        request = builder.build_message_request(
            contract=builder.BerichtenboxContractConfig(cpa_id="cpa"),
            from_party_id="from",
            to_party_id="to",
            bericht_id="7b1f5f3e-0f0c-4b8e-9f8a-0d1f3a9f0002",
            xml_content=content,
        )
        json.dumps(request.to_dict()).encode()

    yield _beside("compare_ebms_adapter_client", theirs, partial(_written, bench), quick)


def _written(bench: Bench) -> None:
    next(bench.senders[False].messages(bench.letters, now=datetime.now(UTC))).write(BytesIO())


def _signxml(bench: Bench, quick: bool) -> Iterator[Figure]:
    """An envelope signed the plain way: over itself alone, since `XMLSigner` knows no `cid:` (its issue 149)."""
    from lxml import etree
    from signxml import XMLSigner, methods

    envelope, _ = _message(bench)
    certificate = bench.identity.certificate.x509
    signer = XMLSigner(
        method=methods.enveloped,
        signature_algorithm="rsa-sha256",
        digest_algorithm="sha256",
        c14n_algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    )

    def theirs() -> bytes:
        return etree.tostring(signer.sign(etree.fromstring(envelope), key=bench.identity.key, cert=[certificate]))

    yield _beside("compare_signxml_envelope", theirs, _with_ours(bench, envelope, {}), quick)


def _xmlsec(bench: Bench, quick: bool) -> Iterator[Figure]:
    """The same envelope signed over itself and its payload, as ebMS 2.0 says, which it can do by a callback."""
    xmlsec = _rival("xmlsec")
    if xmlsec is None:
        return
    envelope, payload = _message(bench)
    theirs = _with_xmlsec(xmlsec, bench, envelope, payload)
    ours = _with_ours(bench, envelope, {f"cid:{_CONTENT_ID}": payload})
    assert _digests(theirs()) == _digests(ours()), "the two do not sign the same"
    yield _beside("compare_xmlsec_500kB", theirs, ours, quick)


_CONTENT_ID = "1.compare@mobb"


def _message(bench: Bench) -> tuple[bytes, bytes]:
    """Return an envelope without signature, and a payload with the PDF in it."""
    from lxml import etree

    from mobb_client.berichtenbox.globe import write_berichten
    from mobb_client.ebms import envelope

    outgoing = next(bench.senders[True].messages(bench.letters, now=datetime.now(UTC)))
    payload = BytesIO()
    write_berichten(outgoing.batch, payload.write)
    return etree.tostring(envelope.build(outgoing.message)), payload.getvalue()


def _with_ours(bench: Bench, envelope: bytes, payloads: dict[str, bytes]) -> Callable[[], bytes]:
    """Return what signs an envelope with ours, over itself and payloads."""
    from lxml import etree

    from mobb_client.ebms import signature

    signing = bench.senders[True].route(datetime.now(UTC)).signing

    def sign() -> bytes:
        root = etree.fromstring(envelope)
        digests = {uri: sha256(octets).digest() for uri, octets in payloads.items()}
        signature.sign(root, digests, bench.identity, signing)
        return etree.tostring(root)

    return sign


def _with_xmlsec(xmlsec: Any, bench: Bench, envelope: bytes, payload: bytes) -> Callable[[], bytes]:
    """Return what signs an envelope with python-xmlsec."""
    from lxml import etree

    key = xmlsec.Key.from_file(str(bench.folder / "sender.key"), xmlsec.KeyFormat.PEM)
    key.load_cert_from_memory((bench.folder / "sender.crt").read_bytes(), xmlsec.KeyFormat.PEM)
    xmlsec.cleanup_callbacks()  # the default ones would look for a file
    xmlsec.register_callbacks(
        lambda uri: uri.startswith(b"cid:"),
        lambda _: BytesIO(payload),
        lambda file, room: file.readinto(room),
        lambda file: file.close(),
    )

    def sign() -> bytes:
        root = etree.fromstring(envelope)
        node = _template(xmlsec, root)
        context = xmlsec.SignatureContext()
        context.key = key
        context.sign(node)
        return etree.tostring(root)

    return sign


def _template(xmlsec: Any, root: Any) -> Any:
    """Return the signature that ebMS 2.0 wants, empty, in the header of an envelope."""
    from lxml import etree

    from mobb_client.ebms.canonical import ENVELOPE_TRANSFORMS

    node = xmlsec.template.create(root, xmlsec.Transform.C14N, xmlsec.Transform.RSA_SHA256, ns="ds")
    root[0].append(node)
    whole = xmlsec.template.add_reference(node, xmlsec.Transform.SHA256, uri="")
    xmlsec.template.add_transform(whole, xmlsec.Transform.ENVELOPED)
    xpath = etree.SubElement(whole[0], f"{{{xmlsec.constants.DSigNs}}}Transform")
    xpath.set("Algorithm", ENVELOPE_TRANSFORMS[1].algorithm)
    etree.SubElement(xpath, f"{{{xmlsec.constants.DSigNs}}}XPath").text = ENVELOPE_TRANSFORMS[1].xpath
    xmlsec.template.add_transform(whole, xmlsec.Transform.C14N)
    xmlsec.template.add_reference(node, xmlsec.Transform.SHA256, uri=f"cid:{_CONTENT_ID}")
    xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(node))
    return node


def _digests(document: bytes) -> list[bytes]:
    from lxml import etree

    found = etree.fromstring(document).iter("{http://www.w3.org/2000/09/xmldsig#}DigestValue")
    return [base64.b64decode(one.text or "") for one in found]


def _beside(name: str, theirs: Callable[[], object], ours: Callable[[], object], quick: bool) -> Figure:
    return measure(name, theirs, ours, quick=quick, runs=5 if quick else 20)


def _rival(name: str) -> Any:
    """Return a module; None for one that is not installed or cannot be beside this lxml, and say so."""
    try:
        return import_module(name)
    except Exception as error:  # noqa: BLE001 - a wheel of another libxml2 raises an error of its own
        print(f"passed over: {type(error).__name__}: {error}", file=sys.stderr)
        return None
