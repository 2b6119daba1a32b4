"""berichtenbox b.2: the Berichten document, written as a stream."""

from __future__ import annotations

import os
import tracemalloc
from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta, timezone
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
from lxml import etree
from tests.letters import (
    BATCH_ID,
    BSN,
    BSNS,
    MADE,
    NIL,
    SENDER,
    answer,
    batch,
    codes,
    letter,
    pdf,
    size_of_batch,
    verdict,
    written,
)

from mobb_client import _xml
from mobb_client.berichtenbox import globe
from mobb_client.berichtenbox.bericht import Bericht, bericht_id
from mobb_client.berichtenbox.bijlage import BLOCK, Bijlage
from mobb_client.berichtenbox.globe import NS_BATCH, NS_BERICHT, SIZE_OF_EMPTY, size_of, write_berichten
from mobb_client.berichtenbox.regels import Regels
from mobb_client.errors import BerichtError
from mobb_client.outbox.content import content_json, read_content

ALL = {"bvs": NS_BATCH, "ber": NS_BERICHT}
CLEF = "\U0001d11e"
ANYTHING = Regels(controleer_pdf=False)


def full(**changes: object) -> Bericht:
    """Return a letter with everything in it."""
    good: dict[str, object] = {
        "oin": SENDER,
        "referentie": "Z-2026-0117",
        "publicatiedatum": MADE + timedelta(days=1),
        "einddatum_handelingstermijn": MADE + timedelta(days=43),
        "bijlagen": [(pdf(1000), "Besluit"), (pdf(1001), "Toelichting.pdf")],
    }
    return letter(**(good | changes))


def texts(document: bytes, path: str) -> list[str | None]:
    """Return the texts at a path."""
    return [each.text for each in etree.fromstring(document).iterfind(path, ALL)]


class TestGolden:
    """The octets on the wire, which change only on purpose."""

    def test_small(self, golden: Callable[[str, bytes], None]) -> None:
        """One letter with what it must have."""
        golden("berichten-small.xml", written(batch()))

    def test_full(self, golden: Callable[[str, bytes], None]) -> None:
        """Two letters, one with everything, the other with a text that needs care."""
        careful = letter(
            kenmerk="tweede brief",
            bsn=BSNS[1],
            onderwerp=f"Zoë & <{CLEF}> \"a\" 'b' = c",
            berichttekst="Geachte Zoë,\r\n\r\nZie https://voorbeeld.nl/a?b=1&c=2.\nMet groet",
        )
        golden("berichten-full.xml", written(batch(full(), careful)))


class TestShape:
    """b.1, b.2: names, order, values."""

    def test_names_once(self) -> None:
        """B13, B14: the two namespaces declared once, on the root, with fixed prefixes; an XML declaration in front."""
        document = written(batch(full(), letter(kenmerk="b")))
        assert document.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<bvs:Berichten xmlns:bvs="')
        assert document.count(b"xmlns") == 2
        assert document.decode().count("\n") == 1

    def test_batch_id_in_each_letter(self) -> None:
        """B58: the BatchID inside each letter repeats that of the batch."""
        document = written(batch(full(), letter(kenmerk="b"), letter(kenmerk="c")))
        assert texts(document, ".//ber:BatchID") == texts(document, ".//bvs:BatchID") * 3 == [str(BATCH_ID)] * 3

    def test_order(self) -> None:
        """b.2: the order of the schema, and values as they go on the wire."""
        document = written(batch(full()))
        (info,) = etree.fromstring(document).iterfind(".//ber:BerichtInformatie", ALL)
        assert [(etree.QName(each).localname, each.text) for each in info] == [
            ("BatchID", str(BATCH_ID)),
            ("BerichtID", str(bericht_id(SENDER, "zaak-2026-0117:besluit"))),
            ("BerichtType", "BESCHIK"),
            ("PublicatieDatum", "2026-11-21T08:15:00Z"),
            ("EindDatumHandelingsTermijn", "2027-01-02T08:15:00Z"),
            ("Onderwerp", "Besluit op uw aanvraag"),
            ("BerichtTekst", "Uw aanvraag is toegekend."),
            ("Referentie", "Z-2026-0117"),
            ("GebruikerID", BSN),
            ("SoortGebruiker", "Burger"),
        ]
        assert texts(document, ".//ber:BijlageType") == ["Pdf", "Pdf"]
        assert texts(document, ".//ber:Omschrijving") == ["Besluit", "Toelichting.pdf"]
        assert texts(document, ".//ber:Volgorde") == ["1", "2"]

    def test_order_of_attachments(self, tmp_path: Path) -> None:
        """B73: the caller's order is the order that is written, 1 for the first and 2 for the second (k.9).

        Nobody sets a number; it is the same letter in the other order only when the numbers say so, and the order stays
        when the letter was kept and read back.
        """
        names = ["besluit.pdf", "toelichting.pdf"]
        for name in names:
            (tmp_path / name).write_bytes(pdf())
        for order in (names, names[::-1]):
            made = letter(bijlagen=[tmp_path / name for name in order])
            for one in (made, read_content(content_json(made, keeps_paths=True), bytes)):
                document = written(batch(one))
                assert texts(document, ".//ber:Omschrijving") == order
                assert texts(document, ".//ber:Volgorde") == ["1", "2"]

    def test_left_out(self) -> None:
        """b.2: what a letter has not is left out, never empty."""
        document = written(batch())
        for name in ("PublicatieDatum", "EindDatumHandelingsTermijn", "Referentie", "Bijlagen"):
            assert f"<ber:{name}".encode() not in document

    def test_moments(self) -> None:
        """g.6: UTC with Z in whole seconds, of any zone; guids in lower case."""
        moment = (MADE + timedelta(days=1, microseconds=999_999)).astimezone(timezone(timedelta(hours=5, minutes=30)))
        document = written(
            batch(
                letter(publicatiedatum=moment),
                aanmaakdatum=MADE + timedelta(milliseconds=790),
                batch_id=UUID("ABCDEFAB-0000-4000-8000-00000000000A"),
            )
        )
        assert texts(document, ".//ber:PublicatieDatum") == ["2026-11-21T08:15:00Z"]
        assert texts(document, ".//bvs:AanmaakDatum") == ["2026-11-20T08:15:00Z"]
        assert texts(document, ".//bvs:BatchID") == ["abcdefab-0000-4000-8000-00000000000a"]

    @pytest.mark.parametrize(
        "text", ["Zoë", "Zoe\u0308", CLEF, "&<>\"'", "a=b", "]]>", "<ber:Inhoud>AAAA</ber:Inhoud>", "&amp;", "€"]
    )
    def test_texts(self, text: str) -> None:
        """B06: Zoë, 𝄞, &<>"', = and markup in every text come out as they went in, composed."""
        composed = "Zoë" if text.startswith("Zo") else text
        of = letter(
            kenmerk=composed,
            berichttype=text[:8],
            onderwerp=text,
            berichttekst=text,
            referentie=text[:25],
            bijlagen=[(pdf(), text.translate(str.maketrans("", "", '<>"/:')))],
        )
        document = written(batch(of))
        assert texts(document, ".//ber:Onderwerp") == texts(document, ".//ber:BerichtTekst") == [composed]
        assert texts(document, ".//ber:Referentie") == [composed[:25]]
        assert b64decode(texts(document, ".//ber:Inhoud")[0] or "") == pdf()
        assert len(document) == size_of_batch(batch(of))

    def test_text_is_converted(self) -> None:
        """B59, B60: the letter's text is converted when it is written; with the setting, new lines stay."""
        text = "a\r\nhttps://b.nl.\n"
        assert texts(written(batch(letter(berichttekst=text))), ".//ber:BerichtTekst") == [r"a\r\n https://b.nl .\r\n"]
        real = letter(berichttekst=text, regels=Regels(real_newlines=True))
        assert texts(written(batch(real)), ".//ber:BerichtTekst") == ["a\n https://b.nl .\n"]

    def test_leading_zero(self) -> None:
        """f.1: a BSN keeps its leading zeros."""
        assert texts(written(batch(letter(bsn="000000012"))), ".//ber:GebruikerID") == ["000000012"]

    def test_bare_oin(self) -> None:
        """B69: BerichtLeverancierID is the bare OIN."""
        assert texts(written(batch()), ".//bvs:BerichtLeverancierID") == [SENDER]


class TestContent:
    """b.2 row 20: attachments."""

    @pytest.mark.parametrize("size", [1, 2, 3, 1023, 1024, 1025, BLOCK - 1, BLOCK, BLOCK + 1, 500_000])
    @pytest.mark.parametrize("by_path", [False, True])
    def test_octets(self, size: int, by_path: bool, tmp_path: Path) -> None:
        """B08: whatever the size, the same octets come out, in base64 without line breaks; their digest is told."""
        octets = os.urandom(size)
        path = tmp_path / "a=b & ë.pdf"
        path.write_bytes(octets)
        of = batch(letter(bijlagen=[(path if by_path else octets, "x")], regels=ANYTHING))
        blocks: list[bytes] = []
        document = write_berichten(of, blocks.append)
        (inhoud,) = texts(b"".join(blocks), ".//ber:Inhoud")
        assert b64decode(inhoud or "", validate=True) == octets
        assert inhoud is not None
        assert "\n" not in inhoud
        assert document.bijlagen == {bericht_id(SENDER, of.berichten[0].kenmerk): (sha256(octets).hexdigest(),)}
        assert document.size == len(b"".join(blocks)) == size_of_batch(of)

    def test_digests(self) -> None:
        """Design 4: the digest of each attachment, in order, by BerichtID; a letter without has none."""
        document = write_berichten(batch(full(), letter(kenmerk="b")), lambda _: None)
        assert [*document.bijlagen.values()] == [(sha256(pdf(1000)).hexdigest(), sha256(pdf(1001)).hexdigest()), ()]
        assert str([*document.bijlagen][1]) == str(bericht_id(SENDER, "b"))

    def test_memory(self, tmp_path: Path) -> None:
        """Design 4: one attachment in memory at a time, a block of it, however many letters there are."""
        path = tmp_path / "a.pdf"
        path.write_bytes(pdf(500_000))
        of = batch(*(letter(kenmerk=f"{n}", bijlagen=[(path, "x")]) for n in range(40)))
        write_berichten(of, lambda _: None)
        tracemalloc.start()
        write_berichten(of, lambda _: None)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 5 * BLOCK


class TestSize:
    """h.1 step 5: the size is known before anything is written."""

    def test_empty(self) -> None:
        """A document without letters is that of one letter without it."""
        one = letter()
        assert len(written(batch(one))) - size_of(one) == SIZE_OF_EMPTY

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"referentie": None},
            {"publicatiedatum": None},
            {"einddatum_handelingstermijn": None},
            {"bijlagen": []},
            {"bijlagen": [(pdf(15), "&")]},
            {"onderwerp": "&<>\"'" * 10},
            {"berichttekst": "\n" * 500 + "ë€" + CLEF},
            {"bijlagen": [(pdf(20), "  x ")]},
        ],
    )
    def test_exact(self, changes: dict[str, object]) -> None:
        """Octet for octet, for every part that may be left out."""
        of = batch(full(**changes))
        assert size_of_batch(of) == SIZE_OF_EMPTY + size_of(of.berichten[0]) == len(written(of))

    def test_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """b.2 row 1: more than 100 MB is refused before the letter that makes it so is written."""
        monkeypatch.setattr(globe, "MAX_BATCH_BYTES", size_of_batch(batch()))
        assert write_berichten(batch(), lambda _: None).size == globe.MAX_BATCH_BYTES
        blocks: list[bytes] = []
        larger = batch(letter(onderwerp="Besluit op uw aanvraag."))
        assert codes(lambda: write_berichten(larger, blocks.append)) == ["batch.size"]
        assert b"<ber:" not in b"".join(blocks)


class TestRefusals:
    """What stops a document."""

    def test_changed_file(self, tmp_path: Path) -> None:
        """Design 3: a file that changed before its batch was written names its letter."""
        path = tmp_path / "a.pdf"
        path.write_bytes(pdf())
        of = batch(letter(kenmerk="a"), letter(kenmerk="b", bijlagen=[pdf(), path]))
        path.write_bytes(pdf(65))
        with pytest.raises(BerichtError) as caught:
            written(of)
        assert caught.value.kenmerk == "b"
        assert [(error.code, error.field) for error in caught.value.errors] == [("bijlage.changed", "bijlage_2")]

    def test_schema(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Design 4: each letter is judged by the schema before its octets go out; no value is told."""
        monkeypatch.setattr(Bericht, "geschreven_tekst", property(lambda _: f"{BSN} " * 500))
        blocks: list[bytes] = []
        with pytest.raises(BerichtError) as caught:
            write_berichten(batch(), blocks.append)
        (error,) = caught.value.errors
        assert error.code == "bericht.schema"
        assert "BerichtTekst" in error.measure
        assert BSN not in str(caught.value)
        assert b"<ber:Bericht>" not in b"".join(blocks)

    def test_sink(self) -> None:
        """An error of the sink, such as a full disk, is the caller's own."""

        def full_disk(_: bytes) -> None:
            raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space left"):
            write_berichten(batch(), full_disk)


def test_valid_by_our_schema() -> None:
    """Design 4: our own schema accepts the whole document, attachments and all."""
    assert _xml.is_valid(etree.fromstring(written(batch(full(), letter(kenmerk="b")))), globe.SCHEMA)


def test_same_octets() -> None:
    """Same batch, same octets."""
    assert written(batch(full())) == written(batch(full()))


def test_bijlage_made_before() -> None:
    """A made attachment is written as well as its parts."""
    made = letter(bijlagen=[Bijlage(pdf(1000), "Besluit")])
    assert written(batch(made)) == written(batch(letter(bijlagen=[(pdf(1000), "Besluit")])))


def test_reads_what_comes_back() -> None:
    """Both documents of GLOBE are at one address."""
    assert globe.parse_result(answer(verdict(NIL))).batch_id == BATCH_ID
