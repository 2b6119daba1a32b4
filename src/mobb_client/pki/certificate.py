"""The public half: an X.509 certificate with the chain above it, as found in files, stores, CPAs and messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import (
    BasicConstraints,
    DNSName,
    ExtensionNotFound,
    InvalidVersion,
    SubjectAlternativeName,
    load_der_x509_certificate,
)
from cryptography.x509 import Certificate as X509Certificate
from cryptography.x509.oid import NameOID

from mobb_client.errors import ConfigurationError, Finding
from mobb_client.pki import _der, _pem

MAX_FILE: Final = 1_000_000
_OIN: Final = re.compile(r"[0-9]{20}")
_SIGNED_DATA: Final = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"


@dataclass(frozen=True, slots=True, repr=False)
class Certificate:
    """A certificate and the certificates above it; equal to another when its own octets are.

    Args:
        x509: the certificate itself, as cryptography reads it.
        chain: its issuer, the issuer of that, and so on, as far as they were given; not part of the comparison.

    Attributes:
        der: the certificate's own octets.
        oin: the OIN or HRN, 20 digits, of subject.serialNumber; None when there is none, or more than one. Source:
            Digikoppeling Beveiligingsstandaarden PKI001; `berichtenbox` f.2.
    """

    x509: X509Certificate
    chain: tuple[Certificate, ...] = field(default=(), compare=False)
    der: bytes = field(init=False, compare=False)
    oin: str | None = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Read once what every message asks for: it takes 20 us each time."""
        object.__setattr__(self, "der", self.x509.public_bytes(Encoding.DER))
        found = self._oins()
        object.__setattr__(self, "oin", found.pop() if len(found) == 1 else None)

    @classmethod
    def from_der(cls, data: bytes) -> Certificate:
        """Return the certificate in DER, without chain.

        Raises:
            ConfigurationError: it is no certificate, or not whole.
        """
        return cls(_loaded(data))

    @classmethod
    def from_pem(cls, data: bytes) -> Certificate:
        """Return the holder's certificate of a PEM file, with the chain that the file gives, in whatever order.

        Raises:
            ConfigurationError: there is none, it is damaged, or there are several holders' certificates.

        Source: RFC 7468; B56.
        """
        return leaf(read_all(data))

    @classmethod
    def from_path(cls, path: str | Path) -> Certificate:
        """Return the holder's certificate of a file in PEM, DER or PKCS #7, with its chain.

        Raises:
            ConfigurationError: as `from_pem`, or the file cannot be read or is larger than 1 MB.
        """
        return cls.from_pem(read_file(path, "certificate"))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the octets, 64 hexadecimal digits in lower case."""
        return self.x509.fingerprint(hashes.SHA256()).hex()

    @property
    def subject(self) -> str:
        """The holder's name in the text form of RFC 4514."""
        try:
            return self.x509.subject.rfc4514_string()
        except ValueError:  # not valid in its encoding: B56
            return _der.rfc4514(_der.subject(self.x509.tbs_certificate_bytes))

    @property
    def not_before(self) -> datetime:
        """The first moment of its validity, UTC."""
        return self.x509.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """The last moment of its validity, UTC."""
        return self.x509.not_valid_after_utc

    def valid_at(self, moment: datetime) -> bool:
        """Tell whether an aware moment lies within the validity, both ends included.

        Source: RFC 5280 section 4.1.2.5.
        """
        return self.not_before <= moment <= self.not_after

    @property
    def is_rsa(self) -> bool:
        """Whether its key is an RSA key, the only kind that Digikoppeling signs with."""
        try:
            return isinstance(self.x509.public_key(), RSAPublicKey)
        except (ValueError, UnsupportedAlgorithm):
            return False

    @property
    def key_bits(self) -> int:
        """The size of its key in bits; 0 for a kind of key that has no size or is not known."""
        try:
            return int(getattr(self.x509.public_key(), "key_size", 0))
        except (ValueError, UnsupportedAlgorithm):
            return 0

    @property
    def public_key_der(self) -> bytes:
        """The public key as SubjectPublicKeyInfo, to compare with; empty for a kind of key that is not known."""
        try:
            return self.x509.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        except (ValueError, UnsupportedAlgorithm):
            return b""

    @property
    def dns_names(self) -> tuple[str, ...]:
        """The host names that it is valid for, from its SubjectAlternativeName only."""
        try:
            names = self.x509.extensions.get_extension_for_class(SubjectAlternativeName).value
        except (ExtensionNotFound, ValueError):
            return ()
        return tuple(names.get_values_for_type(DNSName))

    @property
    def is_authority(self) -> bool:
        """Whether it may issue certificates itself."""
        try:
            return self.x509.extensions.get_extension_for_class(BasicConstraints).value.ca
        except (ExtensionNotFound, ValueError):
            return False

    def issued(self, other: Certificate) -> bool:
        """Tell whether `other` is signed with the key of this certificate, in any way of signing (G4: RSASSA-PSS)."""
        try:
            other.x509.verify_directly_issued_by(self.x509)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
        return True

    def findings(
        self,
        *,
        at: datetime,
        name: str = "certificate",
        expected_oin: str | None = None,
        soon: timedelta = timedelta(days=60),
    ) -> tuple[Finding, ...]:
        """Return what is wrong with the certificate by itself, at one aware moment.

        Outside its validity is an error. An OIN that is absent or another than expected is a warning, since it may be
        the certificate of an intermediary or gateway, and so is a validity that ends within `soon`.

        Args:
            at: the moment to judge by: of the message when one is verified, the present when one is made.
            name: what the finding calls the certificate, for instance ``partner certificate``.
            expected_oin: 20 digits, where one is known.
            soon: how long before the end the warning begins.

        Source: Digikoppeling Beveiligingsstandaarden PKI001, PKI002; `digikoppeling-ebms2` h-55; B27.
        """
        return (*self._date_findings(at, name, soon), *self._oin_findings(name, expected_oin))

    def _date_findings(self, at: datetime, name: str, soon: timedelta) -> Iterable[Finding]:
        if at < self.not_before:
            yield Finding("certificate.not-yet-valid", name, f"valid from {self.not_before:%Y-%m-%d %H:%M:%S} UTC")
        elif at > self.not_after:
            yield Finding("certificate.expired", name, f"valid until {self.not_after:%Y-%m-%d %H:%M:%S} UTC")
        elif self.not_after - at < soon:
            measure = f"valid until {self.not_after:%Y-%m-%d}"
            yield Finding("certificate.expires-soon", name, measure, limit=soon.days, severity="warning")

    def _oin_findings(self, name: str, expected: str | None) -> Iterable[Finding]:
        if self.oin is None:
            yield Finding("certificate.oin-missing", name, f"{len(self._oins())} of them", severity="warning")
        elif expected is not None and self.oin != expected:
            yield Finding("certificate.oin-other", name, self.oin, limit=expected, severity="warning")

    def _oins(self) -> set[str]:
        numbers = (value.strip() for value in _serial_numbers(self.x509))
        return {number for number in numbers if _OIN.fullmatch(number)}

    def __eq__(self, other: object) -> bool:
        """Compare by octets."""
        return self.der == other.der if isinstance(other, Certificate) else NotImplemented

    def __hash__(self) -> int:
        """Hash by octets."""
        return hash(self.der)

    def __repr__(self) -> str:
        """Return subject, last day and the beginning of the fingerprint."""
        return f"Certificate({self.subject!r}, until {self.not_after:%Y-%m-%d}, sha256 {self.fingerprint[:16]}...)"


def read_file(path: str | Path, name: str) -> bytes:
    """Return the octets of a key or certificate file of at most 1 MB; `name` is ``key`` or ``certificate``.

    Raises:
        ConfigurationError: it cannot be read, or is larger.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigurationError(Finding(f"{name}.file", name, error.strerror or type(error).__name__)) from None
    if len(data) > MAX_FILE:
        raise ConfigurationError(Finding(f"{name}.file", name, f"more than {MAX_FILE} octets"))
    return data


def read_all(data: bytes) -> list[Certificate]:
    """Return every certificate in the octets of a file, in its order, each once: PEM, DER, PKCS #7, or bare base64.

    Raises:
        ConfigurationError: something in it is not what it says it is.
    """
    if not _pem.is_pem(data):
        return _unique(_from_octets(_pem.bare_base64(data) or data))
    try:
        found = _pem.blocks(data)
    except ValueError as error:
        raise ConfigurationError(Finding("certificate.damaged", "certificate", str(error))) from None
    wanted = (block for block in found if block.label in _pem.CERTIFICATES | _pem.BUNDLES)
    return _unique(certificate for block in wanted for certificate in _from_octets(block.der))


def leaf(found: Sequence[Certificate]) -> Certificate:
    """Return the one certificate that issued none of the others, with the others above it as its chain.

    Raises:
        ConfigurationError: there is none, or more than one.
    """
    holders = [one for one in found if not any(one.issued(other) for other in found if other != one)]
    if len(holders) > 1:
        holders = [one for one in holders if not one.is_authority] or holders
    if len(holders) != 1:
        code = "certificate.several" if holders else "certificate.missing"
        raise ConfigurationError(Finding(code, "certificate", f"{len(holders)} of them"))
    return with_chain(holders[0], found)


def with_chain(holder: Certificate, found: Iterable[Certificate]) -> Certificate:
    """Return `holder` with those of `found` above it that lead up from it, nearest first."""
    rest, chain, last = list(found), list[Certificate](), holder
    while above := next((one for one in rest if one not in (holder, *chain) and one.issued(last)), None):
        chain.append(Certificate(above.x509))
        last = above
    return Certificate(holder.x509, tuple(chain))


def _from_octets(data: bytes) -> list[Certificate]:
    if _SIGNED_DATA in data[:32]:
        return _from_bundle(data)
    try:
        return [Certificate(_loaded(_der.one_element(data)))]
    except ValueError:
        raise ConfigurationError(_damaged(data)) from None


def _from_bundle(data: bytes) -> list[Certificate]:
    from cryptography.hazmat.primitives.serialization import pkcs7  # noqa: PLC0415 - rare, and slow to import

    try:
        return [Certificate(one) for one in pkcs7.load_der_pkcs7_certificates(data)]
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError(_damaged(data)) from None


def _loaded(data: bytes) -> X509Certificate:
    try:
        return load_der_x509_certificate(data)
    except (ValueError, InvalidVersion):
        raise ConfigurationError(_damaged(data)) from None


def _damaged(data: bytes) -> Finding:
    return Finding("certificate.damaged", "certificate", f"{len(data)} octets that are none")


def _unique(found: Iterable[Certificate]) -> list[Certificate]:
    return list(dict.fromkeys(found))


def _serial_numbers(certificate: X509Certificate) -> list[str]:
    try:
        return [str(part.value) for part in certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)]
    except ValueError:
        parts = _der.subject(certificate.tbs_certificate_bytes)
        return [text for oid, text in parts if oid == NameOID.SERIAL_NUMBER.dotted_string]
