"""Outside judges on whole messages: the official request schema, the official ebMS schema, and xmlsec1.

Everything that `Sender` writes passes them: under each profile that is sent, synchronous and not, of made-up letters
and of the example letters with their real documents.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from tests.letters import BSNS, letter, pdf
from tests.material import MOMENT, material
from tests.messages import DS, EB, SOAP
from tests.outgoing import Sent, cpa, letters, send, sender, sent
from tests.reference import ROOT, needs_reference
from tests.schema_documents import ENVELOPE, REQUEST, official

from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.berichtenbox.regels import Regels
from mobb_client.berichtenbox.rows import read_rows
from mobb_client.inspection import inspect
from mobb_client.simulator.material import Profile

PLAIN: Final[tuple[Profile, ...]] = ("osb-be", "osb-rm", "osb-be-s", "osb-rm-s")
WAYS: Final = [(profile, sync) for profile in PLAIN for sync in (False, True) if not (sync and "be" in profile)]
BY_WAY: Final = pytest.mark.parametrize(
    ("profile", "sync"), WAYS, ids=[f"{profile}{'-sync' if sync else ''}" for profile, sync in WAYS]
)
needs_xmlsec1: Final = pytest.mark.skipif(shutil.which("xmlsec1") is None, reason="xmlsec1 is not installed")


def examples() -> list[Bericht]:
    """Return the example letters with their documents."""
    file = ROOT / "examples" / "letters.csv"
    with file.open("rb") as source:
        rows = list(read_rows(source, folder=file.parent, name=file.name))
    assert [row.errors for row in rows if row.errors] == []
    return [row.bericht for row in rows if row.bericht]


def refusals(name: str, octets: bytes) -> list[str]:
    """Return what an official schema refuses in a document."""
    schema = official(name)
    schema.validate(etree.fromstring(octets, etree.XMLParser(huge_tree=True)))
    return [f"{entry.line}: {entry.type_name}" for entry in schema.error_log]


def xmlsec1_accepts(made: Sent, folder: Path, certificate: bytes | None = None) -> bool:
    """Ask xmlsec1 whether the signature of a message holds with the sender's certificate, or with another."""
    envelope, pem = folder / "envelope.xml", folder / "certificate.pem"
    envelope.write_bytes(made.wire.envelope)
    pem.write_bytes(certificate or material().sender.certificate_pem)
    maps: list[str] = []
    for number, part in enumerate(made.wire.parts):
        found = re.search(rb"Content-ID: <([^>]+)>", part.head)
        assert found is not None
        file = folder / f"part-{number}"
        file.write_bytes(part.octets)
        maps += [f"--url-map:cid:{found[1].decode()}", str(file)]
    command = ["xmlsec1", "--verify", "--enabled-key-data", "x509", "--pubkey-cert-pem", str(pem), *maps, str(envelope)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@needs_reference
@BY_WAY
def test_schemas(profile: Profile, sync: bool) -> None:
    """b.2, c.2: batch and envelope, letters with every optional part and without."""
    full = letter(
        kenmerk="vol",
        referentie="R-2026",
        publicatiedatum=MOMENT.replace(day=4),
        einddatum_handelingstermijn=MOMENT.replace(month=5),
        bijlagen=[(pdf(61), "a.pdf"), (pdf(62), "b.pdf")],
        berichttekst="Regel 1\r\nRegel 2 https://www.voorbeeld.example/a?b=c&d <x> 𝄞",
    )
    (made,) = send(profile, sync=sync, berichten=[*letters(), full])

    assert refusals(ENVELOPE, made.wire.envelope) == []
    assert [refusals(REQUEST, part.octets) for part in made.wire.parts] == [[]]


@BY_WAY
def test_sync_reply(profile: Profile, sync: bool) -> None:
    """c.2: eb:SyncReply exactly under the synchronous CPAs, eb:AckRequested exactly under the reliable ones."""
    header = etree.fromstring(sent(profile, sync=sync).wire.envelope)[0]
    blocks = [str(block.tag) for block in header]

    assert (f"{{{EB}}}SyncReply" in blocks) is sync
    assert (f"{{{EB}}}AckRequested" in blocks) is ("rm" in profile)
    assert (f"{{{DS}}}Signature" in blocks) is profile.endswith("-s")
    assert header.tag == f"{{{SOAP}}}Header"


@needs_xmlsec1
@pytest.mark.parametrize(("profile", "sync"), [way for way in WAYS if way[0].endswith("-s")])
def test_signature(profile: Profile, sync: bool, tmp_path: Path) -> None:
    """d.2 to d.5: xmlsec1 accepts every signature, also with eb:SyncReply present, and no other certificate."""
    made = sent(profile, sync=sync)

    assert xmlsec1_accepts(made, tmp_path)
    assert not xmlsec1_accepts(made, tmp_path, material().receiver.certificate_pem)
    (part,) = made.wire.parts
    spoiled = replace(made, body=made.body.replace(part.octets, part.octets.replace(b"toegekend", b"afgewezen")))
    assert not xmlsec1_accepts(spoiled, tmp_path)


@needs_reference
@needs_xmlsec1
@BY_WAY
def test_real_documents(profile: Profile, sync: bool, tmp_path: Path) -> None:
    """The example letters with their PDF/A documents: every judge, and `inspect`."""
    berichten = examples()
    (made,) = send(profile, sync=sync, berichten=berichten)

    assert refusals(ENVELOPE, made.wire.envelope) == []
    assert refusals(REQUEST, made.wire.parts[0].octets) == []
    found = inspect(made.file, cpa=cpa(profile, sync=sync))
    assert (found.problems, len(found.letters)) == ((), len(berichten))
    assert max(size for one in found.letters for size in one.bijlagen) == 500_000
    if profile.endswith("-s"):
        assert xmlsec1_accepts(made, tmp_path)


@needs_reference
@needs_xmlsec1
def test_split_batches(tmp_path: Path) -> None:
    """Each of several messages by itself."""
    by = replace(sender("osb-rm-s"), regels=Regels(batch_bytes=200_000))
    made = send(by=by, berichten=examples())

    assert len(made) > 3
    for one in made:
        assert refusals(REQUEST, one.wire.parts[0].octets) == []
        assert refusals(ENVELOPE, one.wire.envelope) == []
        assert xmlsec1_accepts(one, tmp_path)


text = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=40)


@needs_reference
@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(text, text, st.one_of(st.none(), text.map(lambda given: given[:25])), st.sampled_from(BSNS)),
        min_size=1,
        max_size=5,
    )
)
def test_any_text(parts: list[tuple[str, str, str | None, str]]) -> None:
    """B06: whatever the words are, what is not refused as a letter passes the official schema."""
    berichten = []
    for number, (onderwerp, tekst, referentie, bsn) in enumerate(parts):
        try:
            one = letter(
                kenmerk=str(number), bsn=bsn, onderwerp=f"O{onderwerp}", berichttekst=f"T{tekst}", referentie=referentie
            )
        except ValueError:  # refused as a letter: not what this is about
            continue
        berichten.append(one)
    for made in send(berichten=berichten):
        assert refusals(REQUEST, made.wire.parts[0].octets) == []
        assert len(inspect(made.file).letters) == len(berichten)
