"""Certificates as they come in files, stores and CPAs, and what is wrong with them."""

from __future__ import annotations

import base64
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from tests.keys import (
    DAY,
    MOMENT,
    OWN_OIN,
    PARTNER_OIN,
    Holder,
    authority,
    ec_key,
    holder,
    issue,
    name,
    pem,
    rsa_key,
)

from mobb_client._catalogue.keys import KEYS
from mobb_client.errors import ConfigurationError
from mobb_client.pki import Certificate

ROOT = authority()
MIDDLE = authority("middle", above=ROOT)
OWN = holder(above=MIDDLE)
DER = OWN.certificate.der
SECOND = timedelta(seconds=1)  # X.509 dates have no fractions


def code(error: pytest.ExceptionInfo[ConfigurationError]) -> str:
    """Return the code of the one finding of an error."""
    (finding,) = error.value.findings
    return finding.code


def spoiled(holder: Holder, tag: bytes, text: bytes) -> bytes:
    """Return a certificate in DER whose common name has this tag and these octets, of the same length as before."""
    before = holder.x509.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0]
    octets = str(before.value).encode()
    assert len(text) == len(octets)
    return holder.certificate.der.replace(b"\x0c" + bytes([len(octets)]) + octets, tag + bytes([len(text)]) + text)


def one_line(data: bytes) -> bytes:
    """Return a PEM file with each block's base64 on one line."""
    first, *body, last = data.splitlines()
    return b"\n".join([first, b"".join(body), last])


def trusted() -> bytes:
    """Return the form that openssl writes with -trustout: trust settings behind the certificate, in one block."""
    body = base64.encodebytes(DER + bytes.fromhex("300c300a06082b06010505070302"))
    return b"-----BEGIN TRUSTED CERTIFICATE-----\n" + body + b"-----END TRUSTED CERTIFICATE-----\n"


def bundle(encoding: Encoding) -> bytes:
    """Return the certificates of `OWN` as the .p7b that issuers hand out."""
    return pkcs7.serialize_certificates([ROOT.x509, OWN.x509, MIDDLE.x509], encoding)


FORMS: dict[str, bytes] = {
    "as written": OWN.pem,
    "CRLF": OWN.pem.replace(b"\n", b"\r\n"),
    "bare CR": OWN.pem.replace(b"\n", b"\r"),
    "no last newline": OWN.pem.rstrip(b"\n"),
    "blanks before the markers": OWN.pem.replace(b"-----BEGIN", b"  \t-----BEGIN"),
    "blanks after the lines": OWN.pem.replace(b"\n", b" \n"),
    "empty lines": OWN.pem.replace(b"\n", b"\n\n"),
    "text before": b"subject=CN = Zo\xeb\nBag Attributes: <None>\n" + OWN.pem,
    "text after": OWN.pem + b"end of file",
    "UTF-8 mark": b"\xef\xbb\xbf" + OWN.pem,
    "UTF-16": OWN.pem.decode().encode("utf-16"),
    "UTF-16 without mark": OWN.pem.decode().encode("utf-16-be"),
    "one line of base64": one_line(OWN.pem),
    "everything on one line": OWN.pem.replace(b"\n", b""),
    "X509 CERTIFICATE": OWN.pem.replace(b" CERTIFICATE", b" X509 CERTIFICATE"),
    "TRUSTED CERTIFICATE": trusted(),
    "PKCS7": bundle(Encoding.PEM),
    "PKCS #7 SIGNED DATA": bundle(Encoding.PEM).replace(b"PKCS7", b"PKCS #7 SIGNED DATA"),
    "a certificate that is called PKCS7": OWN.pem.replace(b"CERTIFICATE", b"PKCS7"),
    "base64 without markers": base64.encodebytes(DER),
    "the same in UTF-16": base64.encodebytes(DER).decode().encode("utf-16"),
    "DER": DER,
    "PKCS #7 in DER": bundle(Encoding.DER),
}


class TestWhatItTells:
    """RFC 5280: the parts of a certificate that the rest of the library asks for."""

    def test_parts(self) -> None:
        """Digikoppeling Beveiligingsstandaarden PKI001: the OIN stands in subject.serialNumber."""
        certificate = OWN.certificate
        assert certificate.oin == OWN_OIN
        assert certificate.subject == f"2.5.4.5={OWN_OIN},CN=own.example"
        assert certificate.not_before == MOMENT - 30 * DAY
        assert certificate.not_after == MOMENT + 900 * DAY
        assert certificate.key_bits == 2048
        assert certificate.is_rsa
        assert certificate.dns_names == ("own.example",)
        assert len(certificate.fingerprint) == 64
        assert not certificate.is_authority
        assert ROOT.certificate.is_authority

    def test_repr_is_short(self) -> None:
        """A certificate shows who, until when, and enough of its fingerprint to tell it from another."""
        assert OWN_OIN in repr(OWN.certificate)
        assert "2028-08-18" in repr(OWN.certificate)
        assert "BEGIN" not in repr(OWN.certificate)

    def test_equal_by_octets(self) -> None:
        """The chain takes no part: the CPA's copy has none, ours has one."""
        bare = Certificate.from_der(DER)
        assert bare == OWN.certificate
        assert hash(bare) == hash(OWN.certificate)
        assert bare.chain == ()
        assert bare != ROOT.certificate
        assert bare != DER

    @pytest.mark.parametrize(
        ("numbers", "oin"),
        [
            ((OWN_OIN,), OWN_OIN),
            (("00000003123456780000",), "00000003123456780000"),  # a company's HRN
            ((f" {OWN_OIN} ",), OWN_OIN),
            (("0123456789", OWN_OIN), OWN_OIN),  # another serial number beside it
            ((OWN_OIN, OWN_OIN), OWN_OIN),
            ((OWN_OIN, PARTNER_OIN), None),  # which of the two?
            ((OWN_OIN[1:],), None),
            ((f"OIN:{OWN_OIN}",), None),
            ((), None),
        ],
    )
    def test_oin(self, numbers: tuple[str, ...], oin: str | None) -> None:
        """Digikoppeling Identificatie en Authenticatie: OIN or HRN, 20 digits, whole, with its leading zeros."""
        serials = [x509.NameAttribute(NameOID.SERIAL_NUMBER, number) for number in numbers]
        assert issue(name("some.example", None, *serials), rsa_key()).certificate.oin == oin

    def test_oin_beside_other_attributes_of_one_part(self) -> None:
        """RFC 5280 section 4.1.2.4: a part of a name may have several attributes."""
        part = x509.RelativeDistinguishedName(
            [x509.NameAttribute(NameOID.COMMON_NAME, "x"), x509.NameAttribute(NameOID.SERIAL_NUMBER, OWN_OIN)]
        )
        assert issue(x509.Name([part]), rsa_key()).certificate.oin == OWN_OIN

    def test_g4(self) -> None:
        """PKIoverheid G4: RSASSA-PSS with SHA-512 by a 4096-bit root, RSA 3072 for the holder."""
        root = issue(name("TEST G4 root"), rsa_key("g4", 4096), pss=True, is_authority=True)
        own = holder(above=root, key=rsa_key("g4 own", 3072), pss=True)
        found = Certificate.from_pem(pem(root.x509, own.x509))
        assert (found, found.chain) == (own.certificate, (root.certificate,))
        assert found.key_bits == 3072

    def test_other_keys(self) -> None:
        """A key that Digikoppeling does not sign with is told apart, not refused: it may be for TLS."""
        certificate = holder(key=ec_key()).certificate
        assert not certificate.is_rsa
        assert certificate.key_bits == 256

    def test_key_of_an_unknown_kind(self) -> None:
        """A certificate whose key cannot be read is still a certificate with an OIN."""
        octets = DER.replace(bytes.fromhex("06092a864886f70d010101"), bytes.fromhex("06092a864886f70d01017f"))
        certificate = Certificate.from_der(octets)
        assert (certificate.is_rsa, certificate.key_bits, certificate.public_key_der) == (False, 0, b"")
        assert certificate.oin == OWN_OIN

    def test_spoiled_extensions(self) -> None:
        """Extensions that cannot be read give no host names and no authority; they are no reason to crash."""
        certificate = Certificate.from_der(DER.replace(b"own.example", b"own.ex\xe4mple"))
        assert certificate.dns_names == ()
        constraints = bytes.fromhex("0603551d130101ff0405")
        spoiled = Certificate.from_der(ROOT.certificate.der.replace(constraints + b"\x30", constraints + b"\x31"))
        assert not spoiled.is_authority

    def test_no_alternative_name(self) -> None:
        """The common name is no host name (RFC 9525)."""
        assert ROOT.certificate.dns_names == ()


class TestForms:
    """RFC 7468, and what the field makes of it."""

    @pytest.mark.parametrize(
        "order", [(OWN, MIDDLE, ROOT), (ROOT, MIDDLE, OWN), (MIDDLE, OWN, ROOT), (OWN, OWN, ROOT, MIDDLE)]
    )
    def test_any_order(self, order: tuple[Holder, ...]) -> None:
        """The holder's certificate is the one that issued none of the others; the chain is kept, nearest first."""
        found = Certificate.from_pem(pem(*(one.x509 for one in order)))
        assert found == OWN.certificate
        assert found.chain == (MIDDLE.certificate, ROOT.certificate)

    def test_a_gap_in_the_chain(self) -> None:
        """What does not lead up from the holder is left out."""
        found = Certificate.from_pem(pem(OWN.x509, ROOT.x509))
        assert (found, found.chain) == (OWN.certificate, ())

    def test_an_authority_alone(self) -> None:
        """A file with one certificate is that certificate, whatever its kind."""
        assert Certificate.from_pem(ROOT.pem) == ROOT.certificate

    @pytest.mark.parametrize("form", FORMS)
    def test_odd_files(self, form: str, tmp_path: Path) -> None:
        """B56: the certificate is read from the old and odd forms that files really have."""
        path = tmp_path / "certificate.pem"
        path.write_bytes(FORMS[form])
        assert Certificate.from_path(path) == OWN.certificate

    def test_key_beside_it(self) -> None:
        """What else a PEM file holds is passed over, a private key too."""
        assert Certificate.from_pem(OWN.key_pem() + OWN.pem) == OWN.certificate

    @pytest.mark.parametrize(
        ("tag", "text", "shown"),
        [
            (b"\x14", b"Zo\xeb.example", "Zoë.example"),  # T61String, Latin-1 in practice
            (b"\x14", b"Zoe.example", "Zoe.example"),
            (b"\x0c", b"Zo\xeb.example", "Zoë.example"),  # UTF8String that is not UTF-8
            (b"\x0c", "Zoë.exampl".encode(), "Zoë.exampl"),
            (b"\x0c", b'Z,\xeb="+\\<>;x', 'Z\\,ë\\=\\"\\+\\\\\\<\\>\\;x'),
        ],
    )
    def test_odd_names(self, tag: bytes, text: bytes, shown: str) -> None:
        """B56: a name that is not in the encoding it claims is read as well as can be, and the OIN all the same."""
        certificate = Certificate.from_der(spoiled(OWN, tag, text))
        assert certificate.oin == OWN_OIN
        assert repr(certificate)
        assert certificate.subject == f"2.5.4.5={OWN_OIN},CN={shown}"

    def test_bmp_string(self) -> None:
        """B56: BMPString, two octets a character, as old Java tools wrote names."""
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "Zoë", x509.name._ASN1Type.BMPString),
                x509.NameAttribute(NameOID.SERIAL_NUMBER, OWN_OIN),
            ]
        )
        certificate = issue(subject, rsa_key()).certificate
        assert certificate.subject == f"2.5.4.5={OWN_OIN},CN=Zoë"

    def test_odd_name_with_other_parts(self) -> None:
        """B56: the other parts of such a name are shown too, those without a short name by their number."""
        mail = x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@own.example")
        odd = issue(name("own.example", OWN_OIN, mail, x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Own")), rsa_key())
        certificate = Certificate.from_der(spoiled(odd, b"\x0c", b"Zo\xeb.example"))
        assert certificate.subject == f"O=Own,1.2.840.113549.1.9.1=a@own.example,2.5.4.5={OWN_OIN},CN=Zoë.example"

    def test_odd_name_still_has_a_chain(self) -> None:
        """B56: who issued what follows from signatures, so an unreadable name is no hindrance."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Zoe", x509.name._ASN1Type.T61String)])
        found = Certificate.from_pem(pem(issue(subject, rsa_key(), above=ROOT).x509, ROOT.x509))
        assert found.chain == (ROOT.certificate,)

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (b"", "certificate.damaged"),
            (b"\x30\x03\x02\x01\x01", "certificate.damaged"),
            (b"\x30\x82\xff\xff", "certificate.damaged"),
            (b"hello", "certificate.damaged"),
            (DER[:-1], "certificate.damaged"),
            (OWN.pem.replace(b"-----END", b"-----FIN"), "certificate.damaged"),
            (OWN.pem.replace(b"MII", b"M!I"), "certificate.damaged"),
            (b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", "certificate.damaged"),
            (OWN.key_pem(), "certificate.missing"),
            (OWN.pem + pem(holder(PARTNER_OIN).x509), "certificate.several"),
            (ROOT.pem + authority("other").pem, "certificate.several"),
        ],
        ids=range(11),
    )
    def test_what_is_none(self, data: bytes, expected: str) -> None:
        """B56: what cannot be read is refused by its own code, without quoting it."""
        with pytest.raises(ConfigurationError) as error:
            Certificate.from_pem(data)
        assert code(error) == expected

    def test_der_is_der(self) -> None:
        """`from_der` takes one certificate and nothing behind it: a CPA's X509Certificate is exactly that."""
        with pytest.raises(ConfigurationError) as error:
            Certificate.from_der(DER + b"\0")
        assert code(error) == "certificate.damaged"

    def test_no_file(self, tmp_path: Path) -> None:
        """A file that is not there is a finding, not a traceback."""
        with pytest.raises(ConfigurationError) as error:
            Certificate.from_path(tmp_path / "none.pem")
        assert code(error) == "certificate.file"

    def test_a_large_file(self, tmp_path: Path) -> None:
        """One megabyte is read at most: a wrong path may point at anything."""
        path = tmp_path / "large.pem"
        path.write_bytes(b"\0" * 1_000_001)
        with pytest.raises(ConfigurationError) as error:
            Certificate.from_path(path)
        assert code(error) == "certificate.file"

    @given(st.binary(max_size=200))
    def test_no_octets_crash(self, data: bytes) -> None:
        """Whatever a file holds, the answer is a certificate or a ConfigurationError."""
        for octets in (data, b"\x30" + data, b"-----BEGIN CERTIFICATE-----" + data + b"-----END CERTIFICATE-----"):
            with pytest.raises(ConfigurationError):
                Certificate.from_pem(octets)


class TestFindings:
    """What a certificate is warned about or refused for, at a given moment."""

    @pytest.mark.parametrize(
        ("moment", "expected"),
        [
            (OWN.certificate.not_before - SECOND, ["certificate.not-yet-valid"]),
            (OWN.certificate.not_before, []),
            (OWN.certificate.not_after - timedelta(days=60), []),
            (OWN.certificate.not_after - timedelta(days=60) + SECOND, ["certificate.expires-soon"]),
            (OWN.certificate.not_after, ["certificate.expires-soon"]),
            (OWN.certificate.not_after + SECOND, ["certificate.expired"]),
        ],
    )
    def test_dates(self, moment: datetime, expected: list[str]) -> None:
        """B27: a certificate is judged at the moment that is given (of a message, perhaps), never at the present."""
        assert [finding.code for finding in OWN.certificate.findings(at=moment)] == expected
        assert OWN.certificate.valid_at(moment) is (expected in ([], ["certificate.expires-soon"]))

    def test_expired_now_valid_then(self) -> None:
        """B27: a certificate that has expired since was valid for a message of its own days."""
        old = holder(begin=datetime(2011, 1, 1, tzinfo=UTC), end=datetime(2013, 1, 1, tzinfo=UTC)).certificate
        assert old.valid_at(datetime(2012, 6, 1, tzinfo=UTC))
        assert not old.valid_at(MOMENT)

    @pytest.mark.parametrize(
        ("oin", "expected_oin", "code"),
        [
            (OWN_OIN, OWN_OIN, None),
            (OWN_OIN, None, None),
            (None, None, "certificate.oin-missing"),
            (None, OWN_OIN, "certificate.oin-missing"),
            (PARTNER_OIN, OWN_OIN, "certificate.oin-other"),
        ],
    )
    def test_oin(self, oin: str | None, expected_oin: str | None, code: str | None) -> None:
        """`digikoppeling-ebms2` h-55: another OIN may be a gateway's, so it warns and does not stop."""
        found = holder(oin).certificate.findings(at=MOMENT, expected_oin=expected_oin, name="partner certificate")
        assert [(finding.code, finding.severity) for finding in found] == ([(code, "warning")] if code else [])
        assert all(finding.field == "partner certificate" for finding in found)

    def test_severities(self) -> None:
        """Outside its validity a certificate stops the route; near its end it warns."""
        dates = OWN.certificate
        assert [one.severity for one in dates.findings(at=dates.not_after + DAY)] == ["error"]
        assert [one.severity for one in dates.findings(at=dates.not_after - DAY, soon=10 * DAY)] == ["warning"]
        assert [one.limit for one in dates.findings(at=dates.not_after - DAY, soon=10 * DAY)] == [10]

    @pytest.mark.parametrize("code", sorted(KEYS))
    def test_sentences(self, code: str) -> None:
        """Each code has its own sentence and advice, in both languages."""
        for language in ("en", "nl"):
            assert KEYS[code].rule[language]
            assert KEYS[code].advice[language]
            assert sum(entry.rule[language] == KEYS[code].rule[language] for entry in KEYS.values()) == 1


ALONE = """
import sys, types
from importlib.util import find_spec
spec = find_spec("mobb_client")
package = types.ModuleType("mobb_client")
package.__path__ = spec.submodule_search_locations
sys.modules["mobb_client"] = package
import mobb_client.pki
print("\\n".join(sys.modules))
"""


def test_importing_is_cheap() -> None:
    """Stores and bundles are opened by modules that are imported when one is met, and not before."""
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    assert {"lxml", "signxml", "requests", "xmlschema", "ssl"}.isdisjoint(modules)
    assert "cryptography.hazmat.primitives.serialization.pkcs12" not in modules
