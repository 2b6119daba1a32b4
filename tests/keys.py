"""Authorities, keys and certificates made in the run: none is ever stored, none depends on the day of the test.

RSA keys take a while, so they are made once a run and told apart by name: ``rsa_key("own")`` is always the same key.
Validity is relative to `MOMENT`, a fixed one, unless a test asks for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509 import Certificate as X509Certificate
from cryptography.x509.oid import NameOID

from mobb_client.pki import Certificate, Identity

MOMENT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
OWN_OIN = "00000099000000001000"
PARTNER_OIN = "00000099000000002000"

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str = "own", bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return the RSA key of this name, the same one all run long."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(name: str = "own") -> ec.EllipticCurvePrivateKey:
    """Return the P-256 key of this name, the same one all run long."""
    del name
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, slots=True, eq=False)
class Holder:
    """A key, its certificate and the certificates above it, nearest first."""

    key: SigningKey
    x509: X509Certificate
    chain: tuple[X509Certificate, ...] = ()

    @property
    def certificate(self) -> Certificate:
        """As the library has it, with its chain."""
        return Certificate(self.x509, tuple(map(Certificate, self.chain)))

    @property
    def identity(self) -> Identity:
        """As the library has it."""
        return Identity(self.key, self.certificate)

    @property
    def pem(self) -> bytes:
        """The certificate alone."""
        return pem(self.x509)

    @property
    def chain_pem(self) -> bytes:
        """The certificate and those above it."""
        return pem(self.x509, *self.chain)

    def key_pem(self, passphrase: str | None = None, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
        """Return the key, encrypted when there is a passphrase."""
        return self.key.private_bytes(Encoding.PEM, form, _encryption(passphrase))

    def p12(self, passphrase: str | None = None) -> bytes:
        """Return key, certificate and chain as a PKCS #12 store."""
        return store(self.key, self.x509, self.chain, passphrase)


def pem(*certificates: x509.Certificate) -> bytes:
    """Return certificates as PEM, one after the other."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def store(
    key: SigningKey | None,
    certificate: x509.Certificate | None,
    others: Sequence[x509.Certificate],
    passphrase: str | None,
) -> bytes:
    """Return any combination, also the impossible ones, as a PKCS #12 store."""
    return pkcs12.serialize_key_and_certificates(b"mobb", key, certificate, others, _encryption(passphrase))


def name(common_name: str, oin: str | None = None, *more: x509.NameAttribute[str]) -> x509.Name:
    """Return a subject: common name, OIN in serialNumber when given, and what more there is."""
    serial = () if oin is None else (x509.NameAttribute(NameOID.SERIAL_NUMBER, oin),)
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name), *serial, *more])


@cache
def authority(label: str = "root", *, above: Holder | None = None, pss: bool = False) -> Holder:
    """Return a certificate authority: self-signed, or under the one `above`."""
    return issue(name(f"TEST {label} CA"), rsa_key(f"ca {label}"), above=above, pss=pss, is_authority=True)


@cache
def holder(
    oin: str | None = OWN_OIN,
    *,
    above: Holder | None = None,
    key: SigningKey | None = None,
    begin: datetime = MOMENT - 30 * DAY,
    end: datetime = MOMENT + 900 * DAY,
    dns_names: tuple[str, ...] = ("own.example",),
    pss: bool = False,
) -> Holder:
    """Return an end entity with this OIN under an authority (a root of its own making when none is given)."""
    return issue(
        name("own.example", oin),
        key or rsa_key(f"holder {oin}"),
        above=above or authority(),
        begin=begin,
        end=end,
        dns_names=dns_names,
        pss=pss,
    )


def issue(
    subject: x509.Name,
    key: SigningKey,
    *,
    above: Holder | None = None,
    pss: bool = False,
    is_authority: bool = False,
    begin: datetime = MOMENT - 300 * DAY,
    end: datetime = MOMENT + 3000 * DAY,
    dns_names: tuple[str, ...] = (),
) -> Holder:
    """Return a certificate for this subject and key, signed by the authority above it or by itself.

    With `pss` it is signed as the G4 authorities do: RSASSA-PSS with SHA-512.
    """
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if above is None else above.x509.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if dns_names:
        names = x509.SubjectAlternativeName([x509.DNSName(one) for one in dns_names])
        builder = builder.add_extension(names, critical=False)
    signer = key if above is None else above.key
    made = (
        builder.sign(signer, hashes.SHA512(), rsa_padding=padding.PSS(padding.MGF1(hashes.SHA512()), 64))
        if pss
        else builder.sign(signer, hashes.SHA256())
    )
    return Holder(key, made, () if above is None else (above.x509, *above.chain))


def _encryption(passphrase: str | None) -> KeySerializationEncryption:
    return NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase.encode())
