"""A private key with its certificate: what is wrong is named, what is secret is never shown."""

from __future__ import annotations

import copy
import pickle
import shutil
import subprocess
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
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
    store,
)

from mobb_client.errors import ConfigurationError
from mobb_client.pki import Certificate, HashName, Identity

SECRET = "zéér geheim"  # noqa: S105 - of keys made in the run
ROOT = authority()
MIDDLE = authority("middle", above=ROOT)
OWN = holder(above=MIDDLE)
PARTNER = holder(PARTNER_OIN, above=MIDDLE)
RENEWED = holder(above=MIDDLE, begin=MOMENT - DAY, key=rsa_key("renewed"))
SAME_KEY = issue(name("own.example", OWN_OIN), OWN.key, above=MIDDLE)
TRADITIONAL = PrivateFormat.TraditionalOpenSSL

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")


def refused(error: pytest.ExceptionInfo[ConfigurationError]) -> str:
    """Return the code of the one finding of an error."""
    (finding,) = error.value.findings
    return finding.code


class TestForms:
    """The files that keys come in."""

    @pytest.mark.parametrize("form", [PrivateFormat.PKCS8, TRADITIONAL])
    @pytest.mark.parametrize("passphrase", [None, SECRET])
    @pytest.mark.parametrize("change", ["", "CRLF", "one line", "UTF-16", "mark", "bag"])
    def test_pem(self, form: PrivateFormat, passphrase: str | None, change: str) -> None:
        """B56: PKCS #8 and the older form, plain and encrypted, with the oddities that files have."""
        key = OWN.key_pem(passphrase, form)
        changes = {
            "": key,
            "CRLF": key.replace(b"\n", b"\r\n").rstrip(),
            "one line": b"\n".join(self.one_line(key)),
            "UTF-16": key.decode().encode("utf-16"),
            "mark": b"\xef\xbb\xbf" + key,
            "bag": b"Bag Attributes\n    friendlyName: mobb\nKey Attributes: <No Attributes>\n" + key,
        }
        identity = Identity.from_pem(changes[change], OWN.chain_pem, passphrase)
        assert identity.certificate == OWN.certificate
        assert identity.certificate.chain == (MIDDLE.certificate, ROOT.certificate)

    @staticmethod
    def one_line(key: bytes) -> list[bytes]:
        """Return the lines of a PEM key, its base64 joined."""
        lines = key.splitlines()
        head = lines.index(b"") + 1 if b"" in lines else 1
        return [*lines[:head], b"".join(lines[head:-1]), lines[-1]]

    @pytest.mark.parametrize(
        "data",
        [
            OWN.key_pem() + OWN.chain_pem,
            OWN.chain_pem + OWN.key_pem(),
            pem(ROOT.x509, MIDDLE.x509) + OWN.key_pem() + OWN.pem + PARTNER.pem,
        ],
    )
    def test_one_file(self, data: bytes) -> None:
        """Key, certificate and chain in one file, in any order: the certificate is the one of the key."""
        identity = Identity.from_pem(data)
        assert identity.certificate == OWN.certificate
        assert identity.certificate.chain == (MIDDLE.certificate, ROOT.certificate)

    @pytest.mark.parametrize("passphrase", [None, SECRET, SECRET.encode()])
    def test_store(self, passphrase: str | bytes | None) -> None:
        """RFC 7292: a store with key, certificate and the authorities above it."""
        identity = Identity.from_pkcs12(OWN.p12(None if passphrase is None else SECRET), passphrase)
        assert identity == OWN.identity
        assert identity.certificate.chain == (MIDDLE.certificate, ROOT.certificate)

    @pytest.mark.parametrize("others", [(ROOT, OWN, MIDDLE), (OWN, MIDDLE, ROOT)])
    def test_store_without_key_id(self, others: tuple[Holder, ...]) -> None:
        """A store that does not say which certificate is the key's: the key itself tells."""
        chain = [one.x509 for one in others]
        identity = Identity.from_pkcs12(store(OWN.key, None, chain, SECRET), SECRET)
        assert identity.certificate == OWN.certificate
        assert identity.certificate.chain == (MIDDLE.certificate, ROOT.certificate)

    def test_path(self, tmp_path: Path) -> None:
        """The content says what a file is, not its name."""
        files = {
            "a.pem": OWN.key_pem(SECRET),
            "b.pem": OWN.p12(SECRET),
            "c.p12": OWN.key_pem(SECRET) + OWN.chain_pem,
            "d.key": OWN.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
            "e.key": OWN.key.private_bytes(Encoding.DER, TRADITIONAL, NoEncryption()),
            "own.crt": OWN.chain_pem,
        }
        for file, data in files.items():
            (tmp_path / file).write_bytes(data)
        for key in files.keys() - {"own.crt"}:
            assert Identity.from_path(tmp_path / key, str(tmp_path / "own.crt"), SECRET) == OWN.identity
        assert Identity.from_path(tmp_path / "b.pem", passphrase=SECRET) == OWN.identity
        assert Identity.from_path(str(tmp_path / "c.p12"), passphrase=SECRET) == OWN.identity

    def test_passphrase_too_many(self) -> None:
        """A passphrase for what needs none does no harm."""
        assert Identity.from_pem(OWN.key_pem(), OWN.pem, SECRET) == OWN.identity
        assert Identity.from_pkcs12(OWN.p12(), SECRET) == OWN.identity
        assert Identity.from_pkcs12(OWN.p12(), "") == OWN.identity

    @needs_openssl
    @pytest.mark.parametrize("old", [["-legacy"], ["-certpbe", "NONE"], ["-nomac"]])
    def test_stores_of_others(self, old: list[str], tmp_path: Path) -> None:
        """B56: what openssl and old Windows exports write: RC2 and 3DES, plain certificates, no MAC."""
        (tmp_path / "all.pem").write_bytes(OWN.key_pem() + OWN.chain_pem)
        command = ["openssl", "pkcs12", "-export", "-in", "all.pem", "-out", "own.p12", "-passout", "pass:pw", *old]
        made = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        if made.returncode:
            pytest.skip("this openssl does not write that form")
        assert Identity.from_path(tmp_path / "own.p12", passphrase="pw") == OWN.identity  # noqa: S106 - made here


class TestWhatIsWrong:
    """B54: each way in which a key does not open has its own code and sentence."""

    @pytest.mark.parametrize(
        ("key", "certificate", "passphrase", "code"),
        [
            (OWN.key_pem(SECRET), OWN.pem, "other", "key.passphrase-wrong"),
            (OWN.key_pem(SECRET, TRADITIONAL), OWN.pem, "other", "key.passphrase-wrong"),
            (OWN.key_pem(SECRET), OWN.pem, None, "key.passphrase-needed"),
            (OWN.key_pem(SECRET, TRADITIONAL), OWN.pem, "", "key.passphrase-needed"),
            (OWN.pem, None, None, "key.missing"),
            (b"", OWN.pem, None, "key.missing"),
            (OWN.key_pem() + PARTNER.key_pem(), OWN.pem, None, "key.several"),
            (OWN.key_pem(), None, None, "certificate.missing"),
            (OWN.key_pem(), OWN.key_pem(), None, "certificate.missing"),
            (OWN.key_pem(), PARTNER.chain_pem, None, "key.mismatch"),
            (OWN.key_pem(), OWN.pem + SAME_KEY.pem, None, "certificate.several"),
            (OWN.key_pem(), OWN.pem[:200], None, "certificate.damaged"),
            (OWN.key_pem()[:200], OWN.pem, None, "key.damaged"),
            (OWN.key_pem().replace(b"MII", b"MI!"), OWN.pem, None, "key.damaged"),
            (OWN.key_pem().replace(b"MII", b"MIJ"), OWN.pem, None, "key.damaged"),
        ],
        ids=range(15),
    )
    def test_pem(self, key: bytes, certificate: bytes | None, passphrase: str | None, code: str) -> None:
        """B54: PEM files."""
        with pytest.raises(ConfigurationError) as error:
            Identity.from_pem(key, certificate, passphrase)
        assert refused(error) == code

    @pytest.mark.parametrize(
        ("data", "passphrase", "code"),
        [
            (OWN.p12(SECRET), "other", "key.passphrase-wrong"),
            (OWN.p12(SECRET), None, "key.passphrase-needed"),
            (OWN.p12(SECRET), "", "key.passphrase-needed"),
            (OWN.p12(SECRET)[:-9], SECRET, "key.damaged"),
            (OWN.p12(SECRET)[:3], SECRET, "key.format"),
            (OWN.chain_pem, SECRET, "key.format"),
            (store(None, None, [OWN.x509, ROOT.x509], SECRET), SECRET, "key.missing"),
            (store(OWN.key, None, [], SECRET), SECRET, "certificate.missing"),
            (store(OWN.key, None, [PARTNER.x509], SECRET), SECRET, "key.mismatch"),
        ],
        ids=range(9),
    )
    def test_store(self, data: bytes, passphrase: str | None, code: str) -> None:
        """B54: PKCS #12 stores."""
        with pytest.raises(ConfigurationError) as error:
            Identity.from_pkcs12(data, passphrase)
        assert refused(error) == code

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (bytes.fromhex("feedfeed00000002"), "key.format"),
            (b"", "key.format"),
            (b"hello", "key.format"),
            (b"\x30\x03\x02\x01\x00", "key.damaged"),
            (OWN.x509.public_bytes(Encoding.DER), "key.damaged"),
            (b"\x30\x04\x30\x02\x06\x00", "key.passphrase-needed"),
        ],
        ids=range(6),
    )
    def test_path(self, data: bytes, code: str, tmp_path: Path) -> None:
        """B54: a Java key store is named as such; what is nothing at all is refused as that."""
        (tmp_path / "own.key").write_bytes(data)
        (tmp_path / "own.crt").write_bytes(OWN.pem)
        with pytest.raises(ConfigurationError) as error:
            Identity.from_path(tmp_path / "own.key", tmp_path / "own.crt")
        assert refused(error) == code

    def test_no_file(self, tmp_path: Path) -> None:
        """B54: which of the two files cannot be read."""
        (tmp_path / "own.key").write_bytes(OWN.key_pem())
        for key, certificate, code in (("none", "none", "key.file"), ("own.key", "none", "certificate.file")):
            with pytest.raises(ConfigurationError) as error:
                Identity.from_path(tmp_path / key, tmp_path / certificate)
            assert refused(error) == code

    def test_two_aliases(self, tmp_path: Path) -> None:
        """B54: a store with two keys is refused, since which of them was meant is not said."""
        if shutil.which("keytool") is None:
            pytest.skip("no keytool here")
        for alias in ("a", "b"):
            command = ["keytool", "-genkeypair", "-alias", alias, "-keyalg", "RSA", "-keystore", "two.p12"]
            command += ["-storetype", "PKCS12", "-storepass", "geheim1", "-dname", f"CN={alias}"]
            subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
        with pytest.raises(ConfigurationError) as error:
            Identity.from_path(tmp_path / "two.p12", passphrase="geheim1")  # noqa: S106 - made here
        assert refused(error) == "key.several"

    def test_unknown_encryption(self) -> None:
        """B54: an encryption that cannot be opened is not called a wrong passphrase."""
        key = OWN.key_pem(SECRET, TRADITIONAL).replace(b"AES-256-CBC", b"CAMELLIA-256-CBC")
        with pytest.raises(ConfigurationError) as error:
            Identity.from_pem(key, OWN.pem, SECRET)
        assert refused(error) in ("key.encryption", "key.passphrase-wrong")

    def test_the_value_checks_itself(self) -> None:
        """A key and another's certificate never become an identity."""
        with pytest.raises(ConfigurationError) as error:
            Identity(OWN.key, PARTNER.certificate)
        assert refused(error) == "key.mismatch"

    @given(st.binary(max_size=200))
    def test_no_octets_crash(self, data: bytes) -> None:
        """Whatever a file holds, the answer is an identity or a ConfigurationError."""
        begin, end = b"-----BEGIN PRIVATE KEY-----", b"-----END PRIVATE KEY-----"
        for octets in (data, begin + data + end, b"\x30\x80\x02\x01\x03" + data):
            with pytest.raises(ConfigurationError):
                Identity.from_pem(octets, OWN.pem, SECRET)
            with pytest.raises(ConfigurationError):
                Identity.from_pkcs12(octets, SECRET)


class TestSecrets:
    """B55: neither passphrase nor key is in any text."""

    def test_repr(self) -> None:
        """B55: an identity shows its certificate and nothing else, and cannot be pickled into a file."""
        identity = OWN.identity
        for text in (repr(identity), str(identity), f"{identity}"):
            assert text == f"Identity({OWN.certificate!r})"
        with pytest.raises(TypeError):
            pickle.dumps(identity)
        assert copy.copy(identity) == identity

    @pytest.mark.parametrize("way", ["pem", "traditional", "damaged", "store", "path", "mismatch", "certificate"])
    def test_errors_and_tracebacks(self, way: str, tmp_path: Path) -> None:
        """B55: not in the error, nor in its traceback, even where a tool prints the variables of its frames."""
        wrong = "wr0ng-passphrase"
        (tmp_path / "own.p12").write_bytes(OWN.p12(SECRET))
        calls = {
            "pem": lambda: Identity.from_pem(OWN.key_pem(SECRET), OWN.pem, wrong),
            "traditional": lambda: Identity.from_pem(OWN.key_pem(SECRET, TRADITIONAL), OWN.pem, wrong),
            "damaged": lambda: Identity.from_pem(OWN.key_pem().replace(b"MII", b"MIJ"), OWN.pem, wrong),
            "store": lambda: Identity.from_pkcs12(OWN.p12(SECRET), wrong),
            "path": lambda: Identity.from_path(tmp_path / "own.p12", passphrase=wrong),
            "mismatch": lambda: Identity.from_pem(OWN.key_pem(), PARTNER.pem, wrong),
            "certificate": lambda: Identity.from_pem(OWN.key_pem(), b"none", wrong),
        }
        with pytest.raises(ConfigurationError) as caught:
            calls[way]()
        error = caught.value
        assert error.__context__ is None
        assert error.__cause__ is None
        inside = error.__traceback__
        while inside and inside.tb_frame.f_code.co_filename == __file__:  # the caller's frames are its own
            inside = inside.tb_next
        text = "".join(traceback.TracebackException(type(error), error, inside, capture_locals=True).format())
        assert "pki" in text
        key = OWN.key_pem().decode().splitlines()[1]
        for secret in (wrong, SECRET, "PRIVATE KEY", key):
            assert secret not in text
            assert secret not in str(error)

    def test_blocks(self) -> None:
        """B55: the parts of a PEM file do not show themselves either."""
        from mobb_client.pki import _pem  # noqa: PLC0415 - an inner part, looked at here only

        (block,) = _pem.blocks(OWN.key_pem())
        assert repr(block) == "Block(PRIVATE KEY)"


class TestSign:
    """Digikoppeling Beveiligingsstandaarden SIGN001 to SIGN004: RSA, PKCS #1 v1.5, three digests."""

    @pytest.mark.parametrize(
        ("hash_name", "algorithm"),
        [("sha256", hashes.SHA256()), ("sha384", hashes.SHA384()), ("sha512", hashes.SHA512())],
    )
    def test_sign(self, hash_name: HashName, algorithm: hashes.HashAlgorithm) -> None:
        """The certificate's key verifies it, and its size was known before."""
        signature = OWN.identity.sign(b"letter", hash_name)
        assert len(signature) == OWN.identity.signature_size == 256
        public = OWN.x509.public_key()
        assert isinstance(public, RSAPublicKey)
        public.verify(signature, b"letter", padding.PKCS1v15(), algorithm)

    def test_g4(self) -> None:
        """PKIoverheid G4: RSA 3072 under a root that signs RSASSA-PSS; our own signature stays PKCS #1 v1.5."""
        root = issue(name("TEST G4 root"), rsa_key("g4", 3072), pss=True, is_authority=True)
        own = holder(above=root, key=rsa_key("g4 own", 3072), pss=True)
        identity = Identity.from_pkcs12(own.p12(SECRET), SECRET)
        assert identity.certificate.chain == (root.certificate,)
        assert identity.signature_size == 384
        public = own.x509.public_key()
        assert isinstance(public, RSAPublicKey)
        public.verify(identity.sign(b"letter", "sha512"), b"letter", padding.PKCS1v15(), hashes.SHA512())

    def test_ec(self) -> None:
        """An EC key opens, since TLS may use it, and refuses to sign."""
        identity = Identity.from_pkcs12(holder(key=ec_key()).p12(SECRET), SECRET)
        with pytest.raises(ConfigurationError) as error:
            identity.sign(b"letter", "sha256")
        assert refused(error) == "key.not-rsa"
        with pytest.raises(ConfigurationError) as error:
            assert identity.signature_size
        assert refused(error) == "key.not-rsa"
        assert [finding.code for finding in identity.findings(at=MOMENT)] == ["key.not-rsa"]


class TestFindings:
    """What stands between this key and signing under this CPA."""

    def test_all_well(self) -> None:
        """Own certificate as in the CPA, OIN as expected: nothing to say."""
        found = OWN.identity.findings(
            at=MOMENT,
            own_certificate=OWN.certificate,
            partner_certificate=PARTNER.certificate,
            expected_oin=OWN_OIN,
        )
        assert found == ()

    def test_not_the_one_of_the_cpa(self) -> None:
        """`digikoppeling-ebms2` d.5: the receiver verifies with the CPA's certificate, so another one is an error."""
        (finding,) = RENEWED.identity.findings(at=MOMENT, own_certificate=OWN.certificate)
        assert (finding.code, finding.severity) == ("certificate.not-in-cpa", "error")
        assert finding.limit == OWN.certificate.fingerprint
        assert RENEWED.certificate.fingerprint in finding.measure

    @pytest.mark.parametrize(
        ("mine", "words"), [(RENEWED, "the same OIN"), (SAME_KEY, "the same key"), (PARTNER, "another OIN")]
    )
    def test_which_other_one(self, mine: Holder, words: str) -> None:
        """A renewal, a re-issue on the same key and somebody else's certificate ask for different action."""
        assert words in mine.identity.findings(at=MOMENT, own_certificate=OWN.certificate)[0].measure

    @pytest.mark.parametrize("own", [None, OWN.certificate])
    def test_partner_and_own_confused(self, own: Certificate | None) -> None:
        """B35: our key given with the other party's certificate slot is called that, not just 'another certificate'."""
        found = PARTNER.identity.findings(
            at=MOMENT,
            own_certificate=own,
            partner_certificate=PARTNER.certificate,
        )
        assert [finding.code for finding in found] == ["certificate.of-partner"]

    def test_one_certificate_for_both(self) -> None:
        """B35: a test CPA may name one certificate for both parties: then nothing is confused."""
        found = OWN.identity.findings(
            at=MOMENT, own_certificate=OWN.certificate, partner_certificate=OWN.certificate, expected_oin=OWN_OIN
        )
        assert found == ()

    def test_everything_at_once(self) -> None:
        """Each mismatch is a finding of its own; none hides another."""
        identity = holder(None, key=ec_key("late"), above=MIDDLE, end=MOMENT - DAY).identity
        found = identity.findings(at=MOMENT, own_certificate=OWN.certificate, expected_oin=OWN_OIN)
        assert [finding.code for finding in found] == [
            "key.not-rsa",
            "certificate.not-in-cpa",
            "certificate.expired",
            "certificate.oin-missing",
        ]

    def test_equality(self) -> None:
        """An identity is its certificate."""
        assert len({OWN.identity, OWN.identity, PARTNER.identity}) == 2
        assert OWN.identity != OWN.certificate
