"""A certificate authority that nobody trusts, and certificates with test OINs under it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_EXPONENT: Final = 65537
_NO_USAGE: Final = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}
_OF_AUTHORITY: Final = x509.KeyUsage(**{**_NO_USAGE, "key_cert_sign": True, "crl_sign": True})
_OF_PARTY: Final = x509.KeyUsage(
    **{**_NO_USAGE, "digital_signature": True, "key_encipherment": True, "data_encipherment": True}
)


def new_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a new RSA key; one of 2048 bits takes about a tenth of a second."""
    return rsa.generate_private_key(public_exponent=_EXPONENT, key_size=bits)


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    """A private key and its certificate; never shows the key."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def key_pem(self) -> bytes:
        """The private key as plain PKCS #8 in PEM."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def certificate_pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def certificate_der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(Encoding.DER)

    def pkcs12(self, passphrase: str, authority: Pair) -> bytes:
        """Return key, certificate and the authority's certificate as PKCS #12."""
        lock = BestAvailableEncryption(passphrase.encode())
        name = self.certificate.subject.rfc4514_string().encode()
        return pkcs12.serialize_key_and_certificates(name, self.key, self.certificate, [authority.certificate], lock)

    def __repr__(self) -> str:
        """Return the subject."""
        return f"Pair({self.certificate.subject.rfc4514_string()!r})"


def authority(key: rsa.RSAPrivateKey, start: datetime, end: datetime) -> Pair:
    """Return a self-signed authority, valid from one aware moment to another."""
    name = _name(("Testgegevens", NameOID.ORGANIZATION_NAME), ("mobb_client TEST CA", NameOID.COMMON_NAME))
    builder = (
        _builder(name, name, key, start, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_OF_AUTHORITY, critical=True)
    )
    return Pair(key, builder.sign(key, hashes.SHA256()))


def issue(  # noqa: PLR0913 - what a certificate says
    by: Pair,
    key: rsa.RSAPrivateKey,
    *,
    organisation: str,
    oin: str,
    start: datetime,
    end: datetime,
    host: str = "localhost",
) -> Pair:
    """Return a party's certificate for TLS on both sides, signatures and encryption.

    The OIN stands in subject.serialNumber, as in a PKIoverheid certificate; for localhost the address is good as well.
    """
    subject = _name(
        (organisation, NameOID.ORGANIZATION_NAME), (host, NameOID.COMMON_NAME), (oin, NameOID.SERIAL_NUMBER)
    )
    names: list[x509.GeneralName] = [x509.DNSName(host)]
    if host == "localhost":
        names.append(x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")))
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    issuer_key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
    builder = (
        _builder(subject, by.certificate.subject, key, start, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_OF_PARTY, critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(issuer_key_id, critical=False)
    )
    return Pair(key, builder.sign(by.key, hashes.SHA256()))


def _name(*parts: tuple[str, x509.ObjectIdentifier]) -> x509.Name:
    country = x509.NameAttribute(NameOID.COUNTRY_NAME, "NL")
    return x509.Name([country, *(x509.NameAttribute(oid, text) for text, oid in parts)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
