"""A Berichten document, shown without what is in the letters and judged letter by letter."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from tests.letters import BATCH_ID, BSN, BSNS, MADE, SENDER, batch, letter, pdf, written

from mobb_client import _xml
from mobb_client.berichtenbox.bericht import bericht_id
from mobb_client.berichtenbox.globe import NS_BATCH, NS_BERICHT
from mobb_client.berichtenbox.overzicht import Overzicht, overzicht, without_bsn
from mobb_client.errors import FormatError

TWO = batch(
    letter(kenmerk="een", publicatiedatum=MADE + timedelta(days=1), referentie="R-1"),
    letter(kenmerk="twee", bsn=BSNS[1], bijlagen=[(pdf(100), "a.pdf"), (pdf(101), "b.pdf")]),
)
HEAD = f'<bvs:Berichten xmlns:bvs="{NS_BATCH}" xmlns:ber="{NS_BERICHT}">'.encode()


def codes(found: Overzicht) -> list[str]:
    """Return the codes of what is wrong."""
    return [fault.code for fault in found.faults]


def test_shown() -> None:
    """Ids, types, sizes; of a BSN its length."""
    found = overzicht(written(TWO))

    assert (found.batch_id, found.oin, found.faults) == (str(BATCH_ID), SENDER, ())
    assert [one.bericht_id for one in found.letters] == [str(bericht_id(SENDER, k)) for k in ("een", "twee")]
    assert [one.berichttype for one in found.letters] == ["BESCHIK", "BESCHIK"]
    assert [one.bsn for one in found.letters] == ["*********", "*********"]
    assert [one.bijlagen for one in found.letters] == [(), (100, 101)]
    assert not any(bsn in repr(found) for bsn in BSNS)


@pytest.mark.parametrize(
    ("old", "new", "code", "sentence"),
    [
        ("BESCHIK<", "BESCHIKKING<", "schema", "letter 1: /bvs:Berichten/ber:Bericht/ber:BerichtInformatie/ber:Beri"),
        ("<bvs:AanmaakDatum>", "<bvs:AanmaakDatum>x", "schema", "letter 1: /bvs:Berichten/bvs:BatchInformatie/bvs:Aan"),
        (">Pdf<", ">PDF<", "schema", "letter 2: /ber:Bericht/ber:Bijlagen/ber:Bijlage[1]/ber:BijlageType "),
        ("<ber:Inhoud>JV", "<ber:Inhoud>J", "base64", "letter 2: an attachment is not base64"),
        ("<ber:Inhoud>JV", "<ber:Inhoud>é", "base64", "letter 2: an attachment is not base64"),
        ("</ber:Bericht></bvs", "</ber:Bericht><x/></bvs", "schema", "something stands behind the letters"),
        (f"<ber:BatchID>{BATCH_ID}", f"<ber:BatchID>{UUID(int=1)}", "batch-id", "letter 1: its BatchID is not that of"),
    ],
)
def test_faults(old: str, new: str, code: str, sentence: str) -> None:
    """b.2, B58: what the schema refuses, by letter, path and rule; the rules between letters."""
    document = written(TWO).decode()
    assert old in document
    (fault,) = overzicht(document.replace(old, new, 1).encode()).faults

    assert fault.code == f"berichten.{code}"
    assert fault.sentence.startswith(f"Berichten, {sentence}" if "letter" in sentence[:6] else f"Berichten: {sentence}")


def test_base64_in_lines() -> None:
    """b.2 row 20: line breaks inside base64 are valid; the size counts octets before base64."""
    document = written(TWO).replace(b"<ber:Inhoud>", b"<ber:Inhoud>\r\n ")
    found = overzicht(document)

    assert (found.faults, found.letters[1].bijlagen) == ((), (100, 101))


def test_upper_case_ids() -> None:
    """b.1: GUIDs are compared without case."""
    document = written(TWO).decode()
    assert overzicht(document.replace(f"<ber:BatchID>{BATCH_ID}", f"<ber:BatchID>{BATCH_ID}".upper(), 0).encode())
    upper = document.replace(f"<bvs:BatchID>{BATCH_ID}", f"<bvs:BatchID>{str(BATCH_ID).upper()}")
    assert codes(overzicht(upper.encode())) == []


def test_what_is_no_id_is_measured() -> None:
    """A BSN in the place of an id or a code is not shown either."""
    document = written(batch(letter())).decode()
    letter_id = str(bericht_id(SENDER, "zaak-2026-0117:besluit"))
    swapped = document.replace(letter_id, BSN).replace("BESCHIK", BSN[:8]).replace(SENDER, BSN)
    found = overzicht(swapped.replace(f"<bvs:BatchID>{BATCH_ID}", f"<bvs:BatchID>{BSN}").encode())

    (one,) = found.letters
    assert (one.bericht_id, one.berichttype) == ("(9 characters)", "(8 characters)")
    assert (found.batch_id, found.oin) == ("(9 characters)", "(9 characters)")
    assert BSN not in repr(found)
    assert BSN not in str(found.faults)


def test_at_most_ten_faults() -> None:
    """A batch that is wrong in every letter does not fill the screen."""
    document = written(batch(*(letter(kenmerk=str(n)) for n in range(30)))).replace(b"BESCHIK", b"BESCHIKKING")

    assert codes(overzicht(document)) == ["berichten.schema"] * 10


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"", "xml.syntax"),
        (HEAD, "xml.syntax"),
        (HEAD + b"</bvs:Berichten>", "berichten.empty"),
        (b"<Berichten/>", "berichten.empty"),
        (b"<!DOCTYPE x>" + written(TWO).partition(b"?>")[2], "xml.doctype"),
        (b" " * 5000 + b"<!DOCTYPE x>" + written(TWO).partition(b"?>")[2], "xml.doctype"),
        (HEAD + b"<ber:Bericht/>" * 1001 + b"</bvs:Berichten>", "berichten.count"),
        (HEAD + b"<ber:Bericht>" * 300, "xml.syntax"),
    ],
)
def test_unreadable(document: bytes, code: str) -> None:
    """No letters, too many, or no XML."""
    with pytest.raises(FormatError) as refused:
        overzicht(document)
    assert refused.value.code == code


def test_instructions_and_comments_are_passed_over() -> None:
    """B75: a comment inside a text does not cut it."""
    document = written(TWO).replace(b"BESCHIK", b"BES<!-- x --><?x?>CHIK")

    assert [one.berichttype for one in overzicht(document).letters] == ["BESCHIK", "BESCHIK"]


def test_nested_letters() -> None:
    """A letter inside a letter breaks the schema and nothing else."""
    found = overzicht(HEAD + b"<ber:Bericht><ber:Bericht/></ber:Bericht></bvs:Berichten>")

    assert len(found.letters) == 2
    assert set(codes(found)) >= {"berichten.schema"}


def test_strange_namespace() -> None:
    """A namespace name that is no URI makes it unreadable, and no more than that."""
    document = HEAD.replace(b"schemas", b"sche>as", 1) + b"<ber:Bericht/></bvs:Berichten>"
    with pytest.raises(FormatError) as refused:
        overzicht(document)
    assert refused.value.code == "xml.syntax"


def test_wide_letter(no_hang: None) -> None:
    """A letter with a hundred thousand attachments takes a moment, not an hour."""
    inhoud = b"<ber:Inhoud>AAAA</ber:Inhoud>" * 100_000
    bijlage = b"<ber:Bericht><ber:Bijlagen><ber:Bijlage>%s</ber:Bijlage></ber:Bijlagen></ber:Bericht>"
    found = overzicht(HEAD + bijlage % inhoud + b"</bvs:Berichten>")

    assert (len(found.letters[0].bijlagen), codes(found)) == (10, ["berichten.schema"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (BSN, "*********"),
        (f"value '{BSN}' is not", "value '*********' is not"),
        (f"{BSN},{BSNS[1]}", "*********,*********"),
        ("123456789", "123456789"),
        ("00000099123456789000", "00000099123456789000"),
        (f"a{BSN}", f"a{BSN}"),
        (f"{BSN}0", f"{BSN}0"),
        (str(BATCH_ID), str(BATCH_ID)),
        ("", ""),
    ],
)
def test_without_bsn(text: str, shown: str) -> None:
    """f.1: nine digits by themselves that pass the elfproef; an OIN or an id never looks like that."""
    assert without_bsn(text) == shown


class TestStream:
    """The hardened parser, element by element."""

    @pytest.mark.parametrize(
        ("document", "tags"),
        [
            (b"<a><b>1</b><b>2</b></a>", ["1", "2"]),
            (b"<a><c/><b>1</b>x<b>2</b>y<c/></a>", ["1", "2"]),
            (b"<a><d><b>1</b></d></a>", ["1"]),
            (b"<b>1</b>", ["1"]),
            (b"<a/>", []),
        ],
    )
    def test_elements(self, document: bytes, tags: list[str]) -> None:
        """Each element with the tag, whole, wherever it stands."""
        assert [element.text for element in _xml.stream(document, "b", "it")] == tags

    def test_only_one_stays(self) -> None:
        """What was given is taken out of the document; the rest stays."""
        seen = [element.getroottree().getroot() for element in _xml.stream(b"<a><c/><b/><b/><b/></a>", "b", "it")]
        assert [child.tag for child in seen[0]] == ["c"]

    @pytest.mark.parametrize(
        ("document", "name"),
        [
            (b"<a/>", "a"),
            (b"\xef\xbb\xbf<a/>", "a"),
            ("<a/>".encode("utf-16"), "a"),
            (b"<?xml version='1.0'?>\n<!-- x --><x:a xmlns:x='u'>", "{u}a"),
            (b"<!-- " + b"x" * 9000 + b" --><a>", "a"),
            (b"<a><b></c>", "a"),
            (b"<a", "a"),
            (b"<a b=", None),
            (b"", None),
            (b"x", None),
            (b"%PDF-1.7", None),
            (b"<!-- " + b"x" * 1_100_000 + b" --><a>", None),
        ],
    )
    def test_root_name(self, document: bytes, name: str | None) -> None:
        """The root's name, as soon as its tag is whole."""
        assert _xml.root_name(document) == name

    @pytest.mark.parametrize(
        ("document", "holds"),
        [
            (b"<a/>", False),
            (b"<a>&lt;!-- --&gt;<![CDATA[<!-- -->]]></a>", False),
            (b"<a><!-- --></a>", True),
            (b"<!-- --><a/>", True),
            (b"<a/><!-- -->", True),
            ("<a><!-- --></a>".encode("utf-16"), True),
        ],
    )
    def test_comments(self, document: bytes, holds: bool) -> None:
        """h-61: inside the root, before it and behind it."""
        assert _xml.holds_comment(document) is holds
