"""The AbonnementService's documents. Source: `berichtenbox` b.4, d."""

from __future__ import annotations

import gzip
import traceback
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from tests.letters import SENDER
from tests.subscribers import NOW, ONE, TWO, VERZOEK, bulk_answer

from mobb_client import _xml
from mobb_client.berichtenbox import aanvraag as module
from mobb_client.berichtenbox.aanvraag import SCHEMA, Leaf, Paden, leaves_of, write_aanvraag
from mobb_client.berichtenbox.abonnementen import MAX_BSNS_AANVRAAG, Aanvraag, Variant
from mobb_client.berichtenbox.identiteit import BSN, OIN, passes_elfproef
from mobb_client.errors import FieldError, FormatError, MobbError


def request(variant: Variant = Variant.BSN_LIJST) -> Aanvraag:
    """Return a request of a variant."""
    sinds = NOW - timedelta(days=9) if variant is Variant.MUTATIE else None
    return Aanvraag(oin=OIN(SENDER), verzoek_id=VERZOEK, variant=variant, sinds=sinds)


def written(aanvraag: Aanvraag, *bsns: BSN | str) -> bytes:
    """Return the document."""
    blocks: list[bytes] = []
    write_aanvraag(aanvraag, bsns, blocks.append)
    return b"".join(blocks)


def good_bsns() -> Iterator[str]:
    """Give BSNs that pass the elfproef, as many as there are."""
    return (one for one in (f"{n:09d}" for n in range(100_000_000, 1_000_000_000)) if passes_elfproef(one))


class TestRequest:
    """d.1: the three variants."""

    @pytest.mark.parametrize("variant", Variant)
    def test_schema(self, variant: Variant) -> None:
        """Valid, and only the root is in a namespace."""
        root = etree.fromstring(written(request(variant), *((ONE, TWO.digits) if variant is Variant.BSN_LIJST else ())))
        assert _xml.is_valid(root, SCHEMA)
        assert [etree.QName(one).namespace for one in root.iter()][1:] == [None] * (len(list(root.iter())) - 1)
        assert root.findtext("VerzoekId") == str(VERZOEK)
        assert root.findtext("MutatieDatum") == ("2026-11-13T04:00:00Z" if variant is Variant.MUTATIE else None)

    def test_many(self) -> None:
        """A list longer than one block is one list."""
        many = [*islice(good_bsns(), 10_000)]
        root = etree.fromstring(written(request(), *many))
        assert [one.text for one in root.iterfind("BSNLijst/BSN")] == many

    @pytest.mark.parametrize(
        ("bsn", "code"),
        [
            ("999990018", "bsn.elfproef"),
            ("000000000", "bsn.zero"),
            ("99999365", "bsn.format"),
            ("9999936530", "bsn.format"),
            ("٩٩٩٩٩٣٦٥٣", "bsn.format"),
            ("", "bsn.format"),
            (None, "bsn.format"),
        ],
    )
    def test_wrong_bsn(self, bsn: str, code: str) -> None:
        """f.1: what is no BSN is refused with its place, and never shown."""
        with pytest.raises(FieldError) as caught:
            written(request(), ONE, bsn)
        assert (caught.value.code, caught.value.field) == (code, "bsns[2]")
        if bsn:
            assert bsn not in "".join(traceback.format_exception(caught.value))

    @given(st.integers(0, 999_999_999))
    def test_quick_look(self, number: int) -> None:
        """f.1: the quick elfproef says of every number what the plain one says."""
        digits = f"{number:09d}"
        try:
            written(request(), digits)
        except FieldError:
            assert not passes_elfproef(digits) or not number
        else:
            assert passes_elfproef(digits)

    def test_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """d.1: 1 to 1,000,000; none with the other variants."""
        assert MAX_BSNS_AANVRAAG == 1_000_000
        monkeypatch.setattr(module, "MAX_BSNS_AANVRAAG", 5)
        for variant, bsns in [(Variant.BSN_LIJST, ()), (Variant.BSN_LIJST, (ONE,) * 6), (Variant.VOLLEDIG, (ONE,))]:
            with pytest.raises(FieldError) as caught:
                written(request(variant), *bsns)
            assert caught.value.code == "aanvraag.bsns"


def all_leaves(octets: bytes) -> list[tuple[str, str]]:
    """Return every leaf of an answer."""
    return [(leaf.path, leaf.text) for leaf in leaves_of(octets)]


class TestAnswer:
    """d.3: unpacked when packed, read safely, and given to whoever knows what it means."""

    def test_leaves(self) -> None:
        """Each element as it ends, by its path; packed or not."""
        wanted = [("VerzoekId", str(VERZOEK)), ("BSNLijst/BSN", "999993653"), ("BSNLijst", "")]
        assert all_leaves(bulk_answer()) == wanted
        assert all_leaves(gzip.compress(bulk_answer())) == wanted
        assert all_leaves(b"\xef\xbb\xbf" + bulk_answer()) == wanted
        halves = gzip.compress(bulk_answer()[:40]) + b"\0" * 3 + gzip.compress(bulk_answer()[40:])
        assert all_leaves(halves) == wanted
        assert "999993653" not in repr(Leaf("BSN", "999993653"))

    def test_mapper(self) -> None:
        """Two paths are told, nothing is guessed."""
        octets = bulk_answer("<Aan><BSN>1</BSN></Aan><Af><BSN>2</BSN></Af><BSN>3</BSN>")
        assert [*Paden("Aan/BSN", "Af/BSN")(Variant.MUTATIE, leaves_of(octets))] == [("1", True), ("2", False)]
        assert not [*Paden()(Variant.VOLLEDIG, leaves_of(octets))]

    @pytest.mark.parametrize(
        ("octets", "code"),
        [
            (b"", "xml.syntax"),
            (bulk_answer()[:-3], "xml.syntax"),
            (bulk_answer("<999993653>"), "xml.syntax"),
            (bulk_answer() + b"<x/>", "xml.syntax"),
            (b'<!DOCTYPE x [<!ENTITY a "999993653">]>' + bulk_answer("&a;"), "xml.doctype"),
            (b'<!DOCTYPE x SYSTEM "file:///etc/hostname">' + bulk_answer(), "xml.doctype"),
            (bulk_answer("<?x 999993653?>"), "xml.processing-instruction"),
            (bulk_answer(namespace="urn:x"), "abonnement.root"),
            (bulk_answer("<a>" * 20 + "</a>" * 20), "abonnement.depth"),
            (bulk_answer(f"<BSN>{'9' * 20_000}</BSN>"), "abonnement.text"),
            (gzip.compress(bulk_answer())[:-1], "abonnement.gzip"),
            (b"\x1f\x8b999993653", "abonnement.gzip"),
            (gzip.compress(b"") * 100, "abonnement.gzip"),
        ],
        ids=range(13),
    )
    def test_hostile(self, octets: bytes, code: str) -> None:
        """A typed error, and no BSN in its traceback."""
        with pytest.raises(FormatError) as caught:
            all_leaves(octets)
        assert caught.value.code == code
        assert "999993653" not in "".join(traceback.format_exception(caught.value))

    def test_bomb(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """B70: of what unpacks to more than an answer can be, no more than that is unpacked."""
        monkeypatch.setattr(module, "MAX_OCTETS", 1_000_000)
        packer = zlib.compressobj(wbits=31)
        bomb = packer.compress(b" " * 50_000_000) + packer.flush()
        with pytest.raises(FormatError) as caught:
            all_leaves(bomb)
        assert caught.value.code == "abonnement.size"

    @given(st.binary(max_size=200), st.integers(0, 300))
    def test_any_octets(self, noise: bytes, at: int) -> None:
        """Whatever comes: leaves, or an error of ours."""
        good = bulk_answer()
        packed = gzip.compress(good)
        for octets in (noise, b"\x1f\x8b" + noise, good[:at] + noise + good[at:], packed[:at] + noise + packed[at:]):
            with suppress(MobbError):
                all_leaves(octets)


def test_verzoek_id() -> None:
    """The request says its own id, as a GUID."""
    other = Aanvraag(oin=OIN(SENDER), verzoek_id=UUID(int=5), variant=Variant.VOLLEDIG)
    assert b"<VerzoekId>00000000-0000-0000-0000-000000000005</VerzoekId>" in written(other)
