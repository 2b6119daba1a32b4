"""berichtenbox f: BSN and OIN."""

from __future__ import annotations

import pickle
import traceback

import pytest
from tests.letters import BSNS, refuses

from mobb_client.berichtenbox.identiteit import BSN, OIN, holds_bsn, looks_like_bsn, masked, measure, passes_elfproef
from mobb_client.errors import FieldError


class TestBSN:
    """f.1: nine digits that pass the elfproef, and are shown nowhere."""

    @pytest.mark.parametrize("digits", [*BSNS, "010203047"])
    def test_good(self, digits: str) -> None:
        """Numbers that pass, leading zeros kept."""
        assert BSN(digits).digits == digits

    @pytest.mark.parametrize(
        ("digits", "code"),
        [
            ("123456789", "bsn.elfproef"),
            ("999990018", "bsn.elfproef"),
            ("111111111", "bsn.elfproef"),
            ("000000000", "bsn.zero"),
            ("10203047", "bsn.format"),
            ("0999993653", "bsn.format"),
            ("", "bsn.format"),
            (" 99999365", "bsn.format"),
            ("999993653\n", "bsn.format"),
            ("99999365x", "bsn.format"),
            ("\u0669" * 9, "bsn.format"),
            ("\uff19" * 9, "bsn.format"),
            (999993653, "bsn.format"),
            (None, "bsn.format"),
        ],
    )
    def test_bad(self, digits: str, code: str) -> None:
        """Each fault by its own name, and never the digits."""
        with refuses(code) as caught:
            BSN(digits)
        assert caught.value.field == "bsn"
        assert not isinstance(digits, str) or not digits or digits.strip() not in str(caught.value)

    def test_without_elfproef(self) -> None:
        """The elfproef can be left out for an environment; nine zeros are nobody's number even there."""
        assert BSN("123456789", elfproef=False).digits == "123456789"
        with refuses("bsn.zero"):
            BSN("000000000", elfproef=False)

    def test_never_shown(self) -> None:
        """Not by repr, str, format, in a container or in a traceback; and it survives a process."""
        bsn = BSN("999993653")
        shown = f"{bsn!r} {bsn!s} {bsn} {[bsn]} { ({bsn: 1}) }"
        assert "99999" not in shown
        assert repr(bsn) == str(bsn) == "BSN(***)"
        assert pickle.loads(pickle.dumps(bsn)) == bsn  # noqa: S301 - our own
        with pytest.raises(FieldError) as caught:
            BSN("999990018")
        assert "99999" not in "".join(traceback.format_exception_only(caught.value))

    def test_value(self) -> None:
        """Equal by its digits, however it was checked; frozen."""
        assert BSN("999993653") == BSN("999993653", elfproef=False)
        assert len({BSN("999993653"), BSN("999993653"), BSN("999990019")}) == 2
        with pytest.raises(AttributeError):
            BSN("999993653").digits = "999990019"  # type: ignore[misc] # that is what is tried

    def test_elfproef(self) -> None:
        """The sums of f.1; the all-zero number passes, which is why it is refused apart."""
        assert passes_elfproef("000000000")
        assert not passes_elfproef("999990018")


@pytest.mark.parametrize(("bsn", "shown"), [("999993653", "*********"), ("12", "**"), ("", "")])
def test_masked(bsn: str, shown: str) -> None:
    """How long a number was, and nothing else of it."""
    assert masked(bsn) == shown
    assert masked(BSN("999993653")) == "*********"


class TestHoldsBSN:
    """design 3: what others read holds no BSN."""

    @pytest.mark.parametrize(
        ("text", "digits"),
        [
            ("999993653", "999993653"),
            ("zaak-999993653-1", "999993653"),
            ("x1999993653", "999993653"),
            ("9999.93.653", "999993653"),
            ("999 993 653", "999993653"),
            ("999-993_65/3", "999993653"),
            ("brief 000000012", "000000012"),
            ("brief 00000012", "000000012"),
            ("10203047", "10203047"),
        ],
    )
    def test_found(self, text: str, digits: str) -> None:
        """In a row, inside a longer number, kept apart by separators, without its leading zero."""
        assert holds_bsn(text, digits)

    @pytest.mark.parametrize(
        ("text", "digits"),
        [
            ("zaak-2026-0117", "999993653"),
            ("999993-zaak-653", "999993653"),
            ("99993653", "999993653"),
            ("0000012", "000000012"),
            ("123", "123"),
            ("", ""),
            ("12345678901", "12345678901"),
        ],
    )
    def test_not_found(self, text: str, digits: str) -> None:
        """Other numbers, digits apart in words, and what cannot be a BSN."""
        assert not holds_bsn(text, digits)


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("999993653", True),
        ("zaak 10203047", True),
        ("x010203047-1", True),
        ("aanslag-20260117", False),
        ("999990018", False),
        ("1999993653", False),
        ("2026-0117", False),
        ("", False),
    ],
)
def test_looks_like_bsn(text: str, looks: bool) -> None:
    """f.1: eight or nine digits by themselves that pass the elfproef; a case number seldom does."""
    assert looks_like_bsn(text) is looks


class TestOIN:
    """f.2: twenty digits."""

    @pytest.mark.parametrize(
        ("digits", "warned"),
        [
            ("00000001123456789000", False),
            ("00000003123456780000", False),
            ("00000004003214345001", False),
            ("00000005123456789000", False),
            ("00000099123456789000", False),
            ("00000010123456789000", True),
            ("12345678901234567890", True),
            ("00000000000000000000", True),
        ],
    )
    def test_good(self, digits: str, warned: bool) -> None:
        """A prefix outside the table is a warning."""
        oin = OIN(digits)
        assert str(oin) == oin.digits == digits
        assert [finding.code for finding in oin.warnings] == ["oin.prefix"] * warned
        assert all(finding.severity == "warning" for finding in oin.warnings)

    @pytest.mark.parametrize(
        ("digits", "code"),
        [
            ("0000000112345678900", "oin.format"),
            ("000000011234567890000", "oin.format"),
            ("0000000112345678900x", "oin.format"),
            ("", "oin.format"),
            (1123456789000, "oin.format"),
            ("0000000112345678900\n", "oin.format"),
        ],
    )
    def test_bad(self, digits: str, code: str) -> None:
        """19 and 21 digits, letters, numbers."""
        with refuses(code):
            OIN(digits)

    @pytest.mark.parametrize("prefix", ["urn:osb:oin:", "URN:OSB:OIN:"])
    def test_party_id(self, prefix: str) -> None:
        """B69: a PartyId has urn:osb:oin: before the digits, the letter's OIN has not, and the error says so."""
        with refuses("oin.urn") as caught:
            OIN(f"{prefix}00000004003214345001")
        assert "urn:osb:oin:" in caught.value.rule


@pytest.mark.parametrize(
    ("given", "shown"),
    [("", "0 characters"), ("x", "1 character"), ("xy", "2 characters"), (5, "int"), (None, "NoneType")],
)
def test_measure(given: object, shown: str) -> None:
    """How much, never what."""
    assert measure(given) == shown
