"""berichtenbox b.3, c: the result, read, explained, and laid beside what was sent."""

from __future__ import annotations

import gzip
import io
import logging
import zipfile
import zlib
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import pytest
from tests.letters import BATCH_ID, BSN, NIL, SENDER, answer, verdict
from tests.reference import REFERENCE, SHARED, needs_reference

from mobb_client.berichtenbox.globe_result import MAX_OCTETS, parse_result
from mobb_client.berichtenbox.resultaat import Klasse, Toewijzing, Verwerkingscode, correlate, shown
from mobb_client.errors import FormatError

A, B, C, D = (UUID(int=n) for n in range(1, 5))
zipped = partial(gzip.compress, mtime=0)  # the same octets in every process that collects these tests
OTHER_BATCH = UUID(int=99)
SENT = {BATCH_ID: {A: "a", B: "b", C: "c"}, OTHER_BATCH: {D: "d"}}


def change(before: str, after: str, *verdicts: str) -> bytes:
    """Return a result in which one thing is written otherwise."""
    document = answer(*(verdicts or (verdict(A),)))
    assert before.encode() in document
    return document.replace(before.encode(), after.encode())


def refusal(document: bytes) -> str:
    """Return the code with which a document is refused."""
    with pytest.raises(FormatError) as caught:
        parse_result(document)
    return caught.value.code


class TestCodes:
    """c.2: every code, its class, and what to do."""

    @pytest.mark.parametrize(
        ("code", "klasse", "human"),
        [
            ("Verwerkt", Klasse.BEZORGD, False),
            ("TechnischProbleem", Klasse.OPNIEUW, False),
            ("NietActiefOfGeabonneerd", Klasse.PAPIER, False),
            ("BerichtTypeNietOndersteund", Klasse.INSTELLING, True),
            ("PublicatieDatumLigtTeVerInDeToekomst", Klasse.HERSTEL, False),
            ("AanmaakDatumLigtTeVerInHetVerleden", Klasse.HERSTEL, False),
            ("BerichtBestaatAl", Klasse.DUBBEL, True),
            ("BijlageTeGroot", Klasse.HERSTEL, False),
            ("OinInCPAKomtNietOvereenMetOinInBericht", Klasse.INSTELLING, True),
            ("XmlValidatieTegenXsdValtNegatiefUit", Klasse.SOFTWARE, True),
        ],
    )
    def test_known(self, code: str, klasse: Klasse, human: bool) -> None:
        """The ten codes of the schema."""
        (found,) = parse_result(answer(verdict(A, code))).berichten
        assert found.code == code
        assert found.verwerkingscode is Verwerkingscode(code)
        assert found.klasse is Verwerkingscode(code).klasse is klasse
        assert klasse.needs_human is human
        assert found.finding.code == f"resultaat.{code}"
        assert found.finding.measure == code
        for language in ("en", "nl"):
            assert found.finding.rule_in(language)
            assert found.finding.advice_in(language)

    def test_all(self) -> None:
        """No code is forgotten."""
        assert len(Verwerkingscode) == 10

    @pytest.mark.parametrize("code", ["00", "verwerkt", "VERWERKT", "Verwerkt ok", "Succes", "0", "", "NieuweCode"])
    def test_never_success(self, code: str) -> None:
        """B65: success is Verwerkt and nothing like it; another code is kept raw and goes to a person."""
        (found,) = parse_result(answer(verdict(A, code))).berichten
        assert found.code == code
        assert found.verwerkingscode is None
        assert found.klasse is Klasse.ONBEKEND
        assert found.klasse.needs_human
        assert found.finding.code == "resultaat.onbekend"

    def test_hostile_code(self) -> None:
        """A code from outside is shown only when it can do no harm."""
        (found,) = parse_result(answer(verdict(A, f"Klant {BSN}", f"<Stadium>{BSN}</Stadium>"))).berichten
        assert BSN not in f"{found!r} {found.finding} {found}"
        assert found.code == f"Klant {BSN}"
        assert shown("a\nb") == "3 characters"
        assert shown("x" * 65) == "65 characters"
        assert shown("ValidatieGebruiker") == "ValidatieGebruiker"


class TestStadium:
    """c.4: free text for Logius' operator."""

    @pytest.mark.parametrize(
        ("written", "stadium"),
        [
            ("<Stadium>NA</Stadium>", "NA"),
            ("<Stadium> StoreMessage\n</Stadium>", "StoreMessage"),
            ("<Stadium>iets anders</Stadium>", "iets anders"),
            ("<Stadium/>", None),
            ("<Stadium>  </Stadium>", None),
            ("", None),
            ('<Stadium xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>', None),
            ('<Stadium xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil=" 1 "/>', None),
            ('<Stadium xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="false">NA</Stadium>', "NA"),
        ],
    )
    def test_forms(self, written: str, stadium: str | None) -> None:
        """b.3 row 19: given, empty, nil, absent."""
        assert parse_result(answer(verdict(A, after=written))).berichten[0].stadium == stadium

    def test_is_no_code(self) -> None:
        """B66: a code in Stadium is no verdict, and a Stadium in VerwerkingsCode no code."""
        (found,) = parse_result(answer(verdict(A, "TechnischProbleem", "<Stadium>Verwerkt</Stadium>"))).berichten
        assert found.klasse is Klasse.OPNIEUW
        (found,) = parse_result(answer(verdict(A, "StoreMessage", "<Stadium>Verwerkt</Stadium>"))).berichten
        assert found.klasse is Klasse.ONBEKEND
        without = change("<VerwerkingsCode>Verwerkt</VerwerkingsCode><Stadium>NA", "<Stadium>Verwerkt")
        assert refusal(without) == "xml.once"


class TestParse:
    """b.3, c.5: the document."""

    def test_whole(self) -> None:
        """Every part of it."""
        found = parse_result(answer(verdict(A), verdict(NIL, "TechnischProbleem"), counts=(2, 1, 0, 1, 0, 0, 0)))
        assert found.batch_id == BATCH_ID
        assert found.oin == SENDER
        assert found.datum_ontvangen == datetime(2026, 11, 20, 8, 16, 2, 114_000, UTC)
        assert found.datum_verwerkt == datetime(2026, 11, 20, 8, 16, 9, 870_000, UTC)
        assert [*found.aantallen.values()] == [2, 1, 0, 1, 0, 0, 0]
        assert [(each.bericht_id, each.berichttype, each.code) for each in found.berichten] == [
            (A, "BESCHIK", "Verwerkt"),
            (None, "BESCHIK", "TechnischProbleem"),
        ]
        assert found.warnings == ()
        assert repr(found) == f"BatchResultaat({BATCH_ID}, 2 results)"

    def test_no_verdict(self) -> None:
        """c.5: a result without letters says nothing about any letter."""
        found = parse_result(answer())
        assert found.berichten == ()
        assert {outcome.klasse for outcome in correlate(found, SENT).uitkomsten} == {None}

    def test_guids(self) -> None:
        """b.1: compared without regard to case; only ASCII digits."""
        assert parse_result(answer(batch_id=str(BATCH_ID).upper())).batch_id == BATCH_ID
        for wrong in ("batch-123", f"{{{BATCH_ID}}}", "\u0660" * 8 + str(BATCH_ID)[8:], ""):
            assert refusal(answer(batch_id=wrong)) == "result.guid"
            assert refusal(answer(verdict(wrong))) == "result.guid"

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("bvs:BerichtVerwerkResponse", "bvs:Berichten"),
            ("BatchInformatie>", "Batch>"),
            ("Berichten>", "X>"),
            (f"<BatchID>{BATCH_ID}</BatchID>", ""),
            (f"<BatchID>{BATCH_ID}</BatchID>", f"<BatchID>{BATCH_ID}</BatchID>" * 2),
            (f"<BerichtID>{A}</BerichtID>", ""),
            (f"<BerichtID>{A}</BerichtID>", f"<BerichtID>{A}</BerichtID>" * 2),
            ("<VerwerkingsCode>Verwerkt</VerwerkingsCode>", "<VerwerkingsCode>Verwerkt</VerwerkingsCode>" * 2),
            ("<BatchInformatie>", "<!DOCTYPE x><BatchInformatie>"),
            ("<Berichten>", "<?target x?><Berichten>"),
        ],
    )
    def test_refused(self, before: str, after: str) -> None:
        """A verdict hangs on it, and it is missing, doubled or not well-formed."""
        assert refusal(change(before, after)) in {
            "result.root",
            "xml.once",
            "xml.syntax",
            "xml.processing-instruction",
        }

    @pytest.mark.parametrize(
        ("before", "after", "field"),
        [
            (f"<BerichtLeverancierCode>{SENDER}</BerichtLeverancierCode>", "", "BerichtLeverancierCode"),
            ("<DatumOntvangen>2026-11-20T08:16:02.114Z</DatumOntvangen>", "", "DatumOntvangen"),
            ("2026-11-20T08:16:09.870Z", "Fri Nov 20 08:16:09 CET 2026", "DatumVerwerkt"),
            ("2026-11-20T08:16:09.870Z", "2026-02-30T08:16:09Z", "DatumVerwerkt"),
            (
                "<TotaalAantalOntvangenBerichten>1<",
                "<TotaalAantalOntvangenBerichten>een<",
                "TotaalAantalOntvangenBerichten",
            ),
            (
                "<TotaalAantalOntvangenBerichten>1<",
                "<TotaalAantalOntvangenBerichten><",
                "TotaalAantalOntvangenBerichten",
            ),
        ],
    )
    def test_tolerated(self, before: str, after: str, field: str) -> None:
        """No verdict hangs on it: a warning, and the verdicts are read."""
        found = parse_result(change(before, after))
        assert [(each.code, each.field) for each in found.warnings] == [("result.part", field)]
        assert found.berichten[0].klasse is Klasse.BEZORGD
        assert found.consistency() == ()

    @pytest.mark.parametrize(
        ("text", "moment", "warned"),
        [
            ("2026-11-20T08:16:09Z", "2026-11-20T08:16:09+00:00", []),
            ("2026-11-20T09:16:09+01:00", "2026-11-20T08:16:09+00:00", []),
            ("2026-11-20T08:16:09.1Z", "2026-11-20T08:16:09.100000+00:00", []),
            ("2026-11-20T08:16:09.1234567Z", "2026-11-20T08:16:09.123456+00:00", []),
            ("2026-11-20T08:16:09.123456789-05:00", "2026-11-20T13:16:09.123456+00:00", []),
            ("2026-11-20T08:16:09", "2026-11-20T08:16:09+00:00", ["result.zone"]),
            ("2026-11-20T08:16:09.870", "2026-11-20T08:16:09.870000+00:00", ["result.zone"]),
            (" 2026-11-20T24:00:00Z\n", "2026-11-21T00:00:00+00:00", []),
        ],
    )
    def test_dates(self, text: str, moment: str, warned: list[str]) -> None:
        """c.5: Z, offsets, fractions; no zone is taken as UTC, and said."""
        found = parse_result(change("2026-11-20T08:16:09.870Z", text))
        assert found.datum_verwerkt is not None
        assert found.datum_verwerkt.isoformat() == moment
        assert [each.code for each in found.warnings] == warned

    def test_unqualified(self) -> None:
        """B64: children have no namespace while Bericht has its own; those are looked for first."""
        stranger = "<x:VerwerkingsCode xmlns:x='urn:x'>TechnischProbleem</x:VerwerkingsCode>"
        found = parse_result(change("<VerwerkingsCode>", f"{stranger}<VerwerkingsCode>"))
        assert found.berichten[0].code == "Verwerkt"
        assert found.warnings == ()

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("http://schemas.rdw.nl/GEB/BerichtVerwerkService/Types/2009/01", "urn:new"),
            ("http://schemas.rdw.nl/GEB/BerichtVerwerkService/BerichtResultaat/Types/2009/01", "urn:new"),
            ("<bvs:BerichtVerwerkResponse ", "<bvs:BerichtVerwerkResponse xmlns='urn:new' "),
            ("res:Bericht>", "Bericht>"),
        ],
    )
    def test_other_namespace(self, before: str, after: str) -> None:
        """B64: found by local name when that finds nothing, and said once."""
        found = parse_result(change(before, after, verdict(A), verdict(B)))
        assert [each.klasse for each in found.berichten] == [Klasse.BEZORGD] * 2
        assert [each.code for each in found.warnings] == ["result.namespace"]

    def test_other_prefixes(self) -> None:
        """Prefixes are free; comments and an UTF-16 encoding as well."""
        renamed = answer(verdict(A)).replace(b"bvs:", b"ns3:").replace(b"xmlns:bvs", b"xmlns:ns3")
        text = renamed.decode().replace("Verwerkt<", "Ver<!-- a comment -->werkt<")
        found = parse_result(f'<?xml version="1.0" encoding="UTF-16"?>{text}'.encode("utf-16"))
        assert found.berichten[0].klasse is Klasse.BEZORGD
        assert found.warnings == ()

    def test_unknown_elements(self) -> None:
        """What the schema does not know does not matter."""
        found = parse_result(answer(verdict(A, after="<Nieuw>x</Nieuw>")))
        assert found.berichten[0].klasse is Klasse.BEZORGD
        assert parse_result(change("<BerichtType>BESCHIK</BerichtType>", "")).berichten[0].berichttype is None

    def test_thousand(self) -> None:
        """A full result."""
        found = parse_result(answer(*(verdict(UUID(int=n)) for n in range(1, 1001))))
        assert len(found.berichten) == 1000

    def test_nothing_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """A refused document is not quoted."""
        caplog.set_level(logging.DEBUG)
        for document in (change("<VerwerkingsCode>", f"<{BSN}>"), change("<BatchID>", f"<BatchID>{BSN}")):
            with pytest.raises(FormatError) as caught:
                parse_result(document)
            assert BSN not in str(caught.value) + caplog.text


class TestGzip:
    """c.5: sniffed, and bounded."""

    def test_packed(self) -> None:
        """B70: a result may come gzipped, in one member or more, padded or not."""
        document = answer(verdict(A))
        half = len(document) // 2
        for packed in (
            zipped(document),
            zipped(document, compresslevel=0),
            zipped(document[:half]) + zipped(document[half:]),
            zipped(document) + b"\0" * 512,
            zipped(b"") + zipped(document),
        ):
            assert parse_result(packed) == parse_result(document)

    @pytest.mark.parametrize(
        "broken",
        [
            zipped(answer())[:-1],
            zipped(answer())[:50],
            b"\x1f\x8b",
            b"\x1f\x8b" + b"x" * 100,
            zipped(answer())[:-6] + b"xxxxxx",
            zipped(answer()) + b"something",
            zipped(b"") * 9,
        ],
    )
    def test_broken(self, broken: bytes) -> None:
        """Cut short, damaged, with something behind it, in very many pieces."""
        assert refusal(broken) == "result.gzip"

    def test_bomb(self) -> None:
        """B70: a bomb is refused after 8 MB of it, however much there is."""
        packer = zlib.compressobj(9, wbits=31)
        bomb = b"".join(packer.compress(b" " * 1_000_000) for _ in range(200)) + packer.flush()
        assert len(bomb) < 250_000
        assert refusal(bomb) == "result.size"
        assert refusal(zipped(b" " * MAX_OCTETS) * 2) == "result.size"

    @pytest.mark.usefixtures("no_hang")
    def test_pieces(self) -> None:
        """Very many pieces take no time."""
        assert refusal((zipped(b"") * 400_000)[:MAX_OCTETS]) == "result.gzip"

    @pytest.mark.parametrize(
        "document", [b" " * (MAX_OCTETS + 1), b"<a>" * 100_001, b"<a " + b"b='' " * 100_001 + b"/>"]
    )
    def test_too_large(self, document: bytes) -> None:
        """More than a thousand letters can be: refused before it is parsed."""
        assert refusal(document) == "result.size"

    def test_zip(self) -> None:
        """Another packing is no XML."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("result.xml", answer())
        assert refusal(archive.getvalue()) == "xml.syntax"
        assert refusal(b"") == "xml.syntax"


class TestConsistency:
    """c.1: counts are for an alarm only."""

    @pytest.mark.parametrize(
        ("counts", "sent", "expected"),
        [
            ((1, 1, 0, 0, 0, 0, 0), 1, []),
            ((1, 1, 0, 0, 0, 0, 0), None, []),
            ((2, 1, 0, 0, 0, 0, 0), None, ["result.counts"]),
            ((2, 1, 0, 1, 0, 0, 0), 1, ["result.total"]),
            ((2, 0, 0, 1, 0, 0, 0), 3, ["result.counts", "result.total"]),
            ((0, 0, 0, 0, 0, 0, 0), None, ["result.total"]),
        ],
    )
    def test_counts(self, counts: tuple[int, ...], sent: int | None, expected: list[str]) -> None:
        """The sum is not the total, the total is not what was sent, or there are more verdicts than letters."""
        found = parse_result(answer(verdict(A), counts=counts))
        assert [each.code for each in found.consistency(sent)] == expected
        assert found.berichten[0].klasse is Klasse.BEZORGD


def outcomes(found: Toewijzing) -> dict[str, Klasse | None]:
    """Return the class of each letter."""
    return {each.kenmerk: each.klasse for each in found.uitkomsten}


class TestCorrelate:
    """c.3: which letter a verdict is for."""

    def test_by_letter(self) -> None:
        """B67: one verdict a letter; a batch with one failure is not all failed, and one success not all well."""
        result = parse_result(answer(verdict(A), verdict(B, "NietActiefOfGeabonneerd"), counts=(3, 1, 1, 1, 0, 0, 0)))
        found = correlate(result, SENT)
        assert outcomes(found) == {"a": Klasse.BEZORGD, "b": Klasse.PAPIER, "c": None}
        assert found.onbekend == ()
        assert found.findings == ()

    def test_all_zero(self) -> None:
        """B68: the all-zero id applies to every letter of the batch that has no verdict of its own."""
        code = "XmlValidatieTegenXsdValtNegatiefUit"
        result = parse_result(answer(verdict(NIL, code), verdict(B), counts=(3, 1, 0, 2, 0, 0, 0)))
        assert result.berichten[0].bericht_id is None
        assert result.batch_id == BATCH_ID
        assert outcomes(correlate(result, SENT)) == {"a": Klasse.SOFTWARE, "b": Klasse.BEZORGD, "c": Klasse.SOFTWARE}

    def test_all_zero_after_a_verdict(self) -> None:
        """B68: not to a letter that had its verdict earlier."""
        result = parse_result(answer(verdict(NIL, "TechnischProbleem"), counts=(3, 0, 0, 3, 0, 0, 0)))
        found = correlate(result, SENT, done={A})
        assert outcomes(found) == {"a": None, "b": Klasse.OPNIEUW, "c": Klasse.OPNIEUW}
        assert found.onbekend == ()

    def test_all_zero_is_no_success(self) -> None:
        """B67, B68: success that names no letter is success of none."""
        found = correlate(parse_result(answer(verdict(NIL), counts=(3, 3, 0, 0, 0, 0, 0))), SENT)
        assert outcomes(found) == dict.fromkeys("abc", Klasse.ONBEKEND)

    def test_twice(self) -> None:
        """Two verdicts that differ are for a person; two that agree are one."""
        result = parse_result(answer(verdict(A), verdict(A, "TechnischProbleem"), verdict(B), verdict(B)))
        found = correlate(result, SENT)
        assert outcomes(found) == {"a": Klasse.ONBEKEND, "b": Klasse.BEZORGD, "c": None}
        assert "result.twice" in [each.code for each in found.findings]
        differing = parse_result(answer(verdict(NIL, "TechnischProbleem"), verdict(NIL, "BijlageTeGroot")))
        assert outcomes(correlate(differing, SENT))["a"] is Klasse.ONBEKEND

    def test_strangers(self) -> None:
        """A letter that was never sent is told, and nothing else changes."""
        stranger = UUID(int=77)
        found = correlate(parse_result(answer(verdict(A), verdict(stranger), counts=(3, 3, 0, 0, 0, 0, 0))), SENT)
        assert [each.bericht_id for each in found.onbekend] == [stranger]
        assert [each.code for each in found.findings] == ["result.letter"]
        assert outcomes(found) == {"a": Klasse.BEZORGD, "b": None, "c": None}

    def test_unknown_batch(self) -> None:
        """A batch that was never sent: no letter gets an outcome, all verdicts are told."""
        result = parse_result(answer(verdict(NIL, "TechnischProbleem"), verdict(UUID(int=77)), batch_id=UUID(int=55)))
        found = correlate(result, SENT)
        assert found.uitkomsten == ()
        assert len(found.onbekend) == 2
        assert [each.code for each in found.findings] == ["result.batch", "result.letter"]

    def test_other_batch(self) -> None:
        """c.3: the BerichtID comes first; a letter of another batch gets its verdict, and the difference is told."""
        found = correlate(parse_result(answer(verdict(D), verdict(A), counts=(3, 3, 0, 0, 0, 0, 0))), SENT)
        assert outcomes(found) == {"a": Klasse.BEZORGD, "b": None, "c": None, "d": Klasse.BEZORGD}
        assert [each.code for each in found.findings] == ["result.other-batch"]
        elsewhere = correlate(parse_result(answer(verdict(D), batch_id=UUID(int=55))), SENT)
        assert outcomes(elsewhere) == {"d": Klasse.BEZORGD}
        assert [each.code for each in elsewhere.findings] == ["result.batch"]

    def test_one_outcome_each(self) -> None:
        """Every letter of the batch, exactly once, in the order in which it was sent."""
        found = correlate(parse_result(answer(verdict(C), verdict(A))), SENT)
        assert [each.kenmerk for each in found.uitkomsten] == ["a", "b", "c"]


@needs_reference
class TestExamples:
    """The results at hand, of the digest and of a peer."""

    def test_all_codes(self) -> None:
        """c.2: every code once."""
        found = parse_result((SHARED / "spec/examples/bv-result-alle-codes.xml").read_bytes())
        assert {each.verwerkingscode for each in found.berichten} == set(Verwerkingscode)
        assert found.warnings == found.consistency(10) == ()

    def test_all_zero(self) -> None:
        """B68: as observed in practice."""
        found = parse_result((SHARED / "spec/examples/bv-result-nul-berichtid.xml").read_bytes())
        (only,) = found.berichten
        assert (only.bericht_id, only.berichttype, only.stadium) == (None, "Onbekend", "ValidatieBerichtType")

    def test_peer(self) -> None:
        """B65: the fixture of a peer has 00 for success, which is no success here."""
        sample = REFERENCE / "logius/peer-voorbeelden/worth-nl-berichten_verwerk_response_sample.xml"
        found = parse_result(sample.read_bytes().replace(b"batch-123", str(BATCH_ID).encode()))
        assert [(each.code, each.klasse, each.stadium) for each in found.berichten] == [
            ("00", Klasse.ONBEKEND, "NA")
        ] * 2
