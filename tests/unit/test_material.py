"""The simulator's material: what `mobb simulate --material DIR` writes (design section 6)."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store
from tests.material import MOMENT, material, material_keys

from mobb_client.simulator.material import PROFILES, SYNC_PROFILES, Terms, make_material

FILES = {
    "ca.pem",
    "sender.key",
    "sender.crt",
    "sender.p12",
    "receiver.key",
    "receiver.crt",
    "receiver.p12",
    "passphrase.txt",
    "cpa-osb-be.xml",
    "cpa-osb-rm.xml",
    "cpa-osb-be-s.xml",
    "cpa-osb-rm-s.xml",
    "cpa-osb-be-e.xml",
    "cpa-osb-rm-e.xml",
    "cpa-osb-rm-sync.xml",
    "cpa-osb-rm-s-sync.xml",
    "cpa-osb-rm-e-sync.xml",
    "mobb.toml",
}
SECRET = {"sender.key", "sender.p12", "receiver.key", "receiver.p12", "passphrase.txt"}


class TestFolder:
    """Design section 6: exactly these files."""

    def test_files(self, tmp_path: Path) -> None:
        """Each file is there, and nothing else; the paths are returned."""
        folder = tmp_path / "deep" / "material"
        written = material().write(folder)
        assert {path.name for path in folder.iterdir()} == FILES == {path.name for path in written}
        assert all(path.read_bytes() == material().files[path.name] or path.suffix == ".p12" for path in written)

    def test_modes(self, tmp_path: Path) -> None:
        """Keys and passphrase are for the owner only, also where a wider file stood."""
        material().write(tmp_path)
        (tmp_path / "sender.key").chmod(0o666)
        material().write(str(tmp_path))
        assert {path.name for path in tmp_path.iterdir() if path.stat().st_mode & 0o077 == 0} == SECRET

    def test_foreign_key(self, tmp_path: Path) -> None:
        """A key that was not made here is never written over, and nothing is written beside it."""
        (tmp_path / "sender.key").write_text("a key of somebody's own")
        with pytest.raises(FileExistsError, match="not made by mobb simulate"):
            material().write(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["sender.key"]

    def test_settings(self) -> None:
        """mobb.toml names files that are there, and the OINs of the letters."""
        made = make_material(MOMENT, keys=material_keys(), letter_oins=("00000099000000003000", "00000099000000004000"))
        settings = tomllib.loads(made.files["mobb.toml"].decode())
        assert settings == {
            "sender": [
                {
                    "oin": ["00000099000000003000", "00000099000000004000"],
                    "cpa": "cpa-osb-rm.xml",
                    "key": "sender.key",
                    "certificate": "sender.crt",
                }
            ],
            "trust": {"anchors": ["ca.pem"]},
            "outbox": {"url": "sqlite:outbox.sqlite"},
        }
        assert 'oin = ["00000099000000001000"]' in material().settings

    def test_subscriptions(self) -> None:
        """With the AbonnementService in the CPA, the settings say who tells of subscriptions and how to read it."""
        made = make_material(MOMENT, keys=material_keys(), terms=Terms(abonnementen=True))
        (sender,) = tomllib.loads(made.settings)["sender"]
        assert sender["abonnementen"] == {
            "validatie_url": "https://localhost:9443/BerichtenboxValidatieService",
            "geabonneerd": "Geabonneerd/BSN",
            "niet_geabonneerd": "NietGeabonneerd/BSN",
        }


class TestKeys:
    """Keys and certificates as Digikoppeling asks for them, under a CA of their own."""

    @pytest.mark.parametrize("side", ["sender", "receiver"])
    def test_pair(self, side: str) -> None:
        """PEM and PKCS #12 hold the same key and certificate."""
        files = material().files
        key = load_pem_private_key(files[f"{side}.key"], None)
        certificate = x509.load_pem_x509_certificate(files[f"{side}.crt"])
        passphrase = files["passphrase.txt"].rstrip(b"\n")
        stored, stored_certificate, chain = pkcs12.load_key_and_certificates(files[f"{side}.p12"], passphrase)
        assert isinstance(key, rsa.RSAPrivateKey)
        assert isinstance(stored, rsa.RSAPrivateKey)
        assert key.key_size == 2048
        assert key.private_numbers() == stored.private_numbers()
        assert key.public_key() == certificate.public_key()
        assert stored_certificate == certificate
        assert chain == [x509.load_pem_x509_certificate(files["ca.pem"])]

    @pytest.mark.parametrize(
        ("side", "oin"), [("sender", "00000099000000001000"), ("receiver", "00000099000000002000")]
    )
    def test_certificate(self, side: str, oin: str) -> None:
        """PKI001: the OIN in subject.serialNumber; for TLS on both sides at localhost."""
        certificate = x509.load_pem_x509_certificate(material().files[f"{side}.crt"])
        assert [part.value for part in certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)] == [oin]
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["localhost"]
        assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]

    @pytest.mark.parametrize("side", ["sender", "receiver"])
    def test_chain(self, side: str) -> None:
        """A strict verifier accepts the certificate as server and as client under the CA."""
        files = material().files
        store = Store([x509.load_pem_x509_certificate(files["ca.pem"])])
        certificate = x509.load_pem_x509_certificate(files[f"{side}.crt"])
        builder = PolicyBuilder().store(store).time(MOMENT)
        builder.build_server_verifier(x509.DNSName("localhost")).verify(certificate, [])
        builder.build_client_verifier().verify(certificate, [])

    def test_validity(self) -> None:
        """Certificates begin and end when a test says so."""
        start, end = MOMENT - timedelta(days=400), MOMENT - timedelta(days=35)
        certificate = make_material(MOMENT, keys=material_keys(), start=start, end=end).sender.certificate
        assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (start, end)

    def test_reuse(self) -> None:
        """With keys made before, only certificates are new; with other OINs they are other parties."""
        other = make_material(MOMENT, keys=material_keys(), sender_oin="00000099000000005000")
        assert other.sender.key_pem == material().sender.key_pem
        assert other.sender.certificate != material().sender.certificate
        assert b">00000099000000005000<" in other.cpa("osb-rm")

    def test_secrets_unseen(self) -> None:
        """B55: no secret in a repr."""
        made = make_material(MOMENT, keys=material_keys())
        for thing in (made, made.sender, material_keys()):
            assert made.passphrase not in repr(thing)
            assert "PRIVATE" not in repr(thing)
        assert made.passphrase != make_material(MOMENT, keys=material_keys()).passphrase


class TestAgreements:
    """a.1: a CPA for each profile."""

    def test_ids(self) -> None:
        """DK-BP section 3.4: every CPA its own id, without dots."""
        made = material()
        names = [made.cpa(profile) for profile in PROFILES] + [made.cpa(one, sync=True) for one in SYNC_PROFILES]
        ids = {data.split(b'tns:cpaid="')[1].split(b'"')[0] for data in names}
        assert len(ids) == 9
        assert not any(b"." in one for one in ids)

    def test_terms(self) -> None:
        """A variant costs no new key: whatever the terms say stands in the CPA, escaped where it must be."""
        terms = Terms(
            hash_name="sha384",
            signature_hash="sha512",
            retries=2,
            interval="PT1M",
            persist="PT5M",
            service="A & <B>",
            sender_endpoint="http://localhost/?a=1&b=2",
            status="signed",
        )
        text = material().cpa("osb-rm-s", terms=terms).decode()
        for piece in (
            "http://www.w3.org/2001/04/xmldsig-more#sha384",
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
            "<tns:Retries>2<",
            ">PT1M<",
            ">PT5M<",
            ">A &amp; &lt;B&gt;<",
            '"http://localhost/?a=1&amp;b=2"',
            'tns:value="signed"',
        ):
            assert piece in text

    def test_same_in_same_out(self) -> None:
        """One material gives the same CPA each time."""
        assert material().cpa("osb-rm-e", sync=True) == material().cpa("osb-rm-e", sync=True)
