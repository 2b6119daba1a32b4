"""Digest b.4 on real sockets: each way a handshake can fail has its own sentence, asserted on both sides of it."""

from __future__ import annotations

import os
import socket
import ssl
import stat
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.faults.servers import (
    HOST,
    Connection,
    answer,
    answering,
    failure,
    load,
    post,
    server_context,
    serving,
    wire,
    world,
)
from tests.keys import OWN_OIN, Holder, ec_key, issue, name

from mobb_client.errors import ConfigurationError
from mobb_client.pki import Identity
from mobb_client.transport import HttpsWire, outcome_of_failure

pytestmark = pytest.mark.usefixtures("no_hang")
BOTH = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
OK = answering(answer())


def only(version: ssl.TLSVersion, holder: Holder | None = None) -> ssl.SSLContext:
    """Return the settings of a server that speaks one version only, and demands our certificate."""
    context = server_context(holder, clients=world().ours)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of versions that are forbidden here too
        context.minimum_version = context.maximum_version = version
    return context


class TestHandshake:
    """What is agreed when all is well."""

    @BOTH
    def test_mutual(self, version: ssl.TLSVersion) -> None:
        """B51: asserted on the handshake: version, cipher, and our certificate with the one above it."""
        with serving(OK, only(version)) as server, wire() as line:
            assert post(line, server).status == 204
            (agreed,) = server.handshakes
            assert agreed.version == version.name.replace("v1_", "v1.")
            assert "GCM" in agreed.cipher or "CHACHA20" in agreed.cipher
            assert agreed.peer == world().client.certificate.der

    def test_asked_later(self) -> None:
        """A server that wants our certificate only when it has seen the path (TLS 1.3, RFC 8446 4.6.2)."""

        def script(connection: Connection) -> None:
            line = connection.socket
            assert isinstance(line, ssl.SSLSocket)
            connection.read_request()
            before.append(line.getpeercert(binary_form=True))
            line.verify_client_post_handshake()
            connection.send(answer("100 Continue"))
            line.settimeout(0.02)
            while not connection.server.closing.is_set() and not line.getpeercert(binary_form=True):
                with suppress(TimeoutError):
                    line.recv(1)
            after.append(line.getpeercert(binary_form=True))
            connection.send(answer())

        before: list[bytes | None] = []
        after: list[bytes | None] = []
        context = only(ssl.TLSVersion.TLSv1_3)
        context.post_handshake_auth, context.verify_mode = True, ssl.CERT_OPTIONAL
        with serving(script, context) as server, wire() as line:
            assert post(line, server).status == 204
        assert (before, after) == ([None], [world().client.certificate.der])

    @pytest.mark.parametrize(
        ("cipher", "taken"),
        [
            ("ECDHE-ECDSA-AES256-GCM-SHA384", True),
            ("ECDHE-ECDSA-AES128-GCM-SHA256", True),
            ("ECDHE-ECDSA-CHACHA20-POLY1305", True),
            ("ECDHE-ECDSA-AES256-SHA384", False),
            ("ECDHE-ECDSA-AES128-SHA", False),
        ],
    )
    def test_ciphers(self, cipher: str, *, taken: bool) -> None:
        """TLSCIPH001: of TLS 1.2 only what NCSC calls good."""
        context = only(ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(cipher)
        with serving(OK, context) as server, wire() as line:
            if taken:
                post(line, server)
                assert server.handshakes[0].cipher == cipher
            else:
                assert failure(line, server).reason == "tls.handshake"
        assert server.failures == ([] if taken else ["NO_SHARED_CIPHER"])

    def test_only_our_anchors(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Design 5: nothing of the environment counts, and requests adds no authorities of its own."""
        (tmp_path / "other.pem").write_bytes(world().ours.pem)
        (tmp_path / ".netrc").write_text(f"machine {HOST} login ik password geheim\n")
        for key in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.setenv(key, str(tmp_path / "other.pem"))
        for key in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(key, "http://127.0.0.1:9")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        with serving(OK) as server, wire() as line:
            assert post(line, server).status == 204
            context = line._adapter.context
            assert context.get_ca_certs(binary_form=True) == [world().theirs.certificate.der]
            assert context.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}
            assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
            assert context.minimum_version == ssl.TLSVersion.TLSv1_2
            assert "authorization" not in server.requests[0].headers
            assert "proxy-authorization" not in server.requests[0].headers

    @pytest.mark.parametrize("kind", ["leaf", "middle"])
    def test_anchor_that_is_no_root(self, kind: str) -> None:
        """An anchor is trusted because it is given: a server's own certificate, or an authority below a root."""
        middle = world().authority("their middle", world().theirs)
        server_holder = world().server(above=middle)
        anchor = {"leaf": server_holder, "middle": middle}[kind]
        with serving(OK, server_context(server_holder)) as server, wire(anchors=[anchor.certificate]) as line:
            assert post(line, server).status == 204

    def test_a_pinned_certificate_is_judged_too(self) -> None:
        """A server's certificate as anchor must still be valid, and for the host name."""
        for holder, reason in (
            (world().server(begin=-2, end=-1), "tls.expired"),
            (world().server("other.example"), "tls.host-name"),
        ):
            with serving(OK, server_context(holder)) as server, wire(anchors=[holder.certificate]) as line:
                assert failure(line, server).reason == reason


class TestTheirCertificate:
    """A server whose certificate does not hold gets nothing of us."""

    @BOTH
    @pytest.mark.parametrize(
        ("holder", "reason", "sentence", "alert"),
        [
            (
                world().server(above=world().authority("unknown")),
                "tls.unknown-authority",
                "under one of the authorities that are trusted here",
                "UNKNOWN_CA",
            ),
            (world().server(begin=-2, end=-1), "tls.expired", "not expired", "CERTIFICATE_EXPIRED"),
            (world().server(begin=0.5, end=1), "tls.not-yet-valid", "whose validity has begun", "BAD_CERTIFICATE"),
            (world().server("other.example"), "tls.host-name", "for the host name of the endpoint", "BAD_CERTIFICATE"),
            (world().server(f"*.{HOST}"), "tls.host-name", "for the host name of the endpoint", "BAD_CERTIFICATE"),
            (
                issue(name(HOST), ec_key("bare"), above=world().theirs, begin=world().client.x509.not_valid_before_utc),
                "tls.host-name",
                "for the host name of the endpoint",
                "BAD_CERTIFICATE",
            ),
        ],
        ids=["unknown authority", "expired", "not yet", "host name", "wildcard", "only a common name"],
    )
    def test_refused(self, holder: Holder, reason: str, sentence: str, alert: str, version: ssl.TLSVersion) -> None:
        """B51: refused in the handshake, each with its own sentence; the server hears it too, and no message."""
        with serving(OK, only(version, holder)) as server, wire() as line:
            error = failure(line, server)
            assert (error.reason, error.may_have_arrived) == (reason, False)
            assert sentence in str(error)
            assert outcome_of_failure(error).needs_person
        assert server.requests == []
        assert alert in server.failures[0]

    def test_middle_left_out(self) -> None:
        """A server that does not send the certificate above its own."""
        holder = world().server(above=world().authority("their middle", world().theirs))
        context = server_context(Holder(holder.key, holder.x509))
        with serving(OK, context) as server, wire() as line:
            assert failure(line, server).reason == "tls.unknown-authority"

    def test_weak_key(self) -> None:
        """A key that TLS 1.2 with good ciphers no longer allows."""
        key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - what is refused
        begin, end = world().client.x509.not_valid_before_utc, world().client.x509.not_valid_after_utc
        weak = issue(name(HOST), key, above=world().theirs, begin=begin, end=end, dns_names=(HOST,))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        load(context, weak)
        with serving(OK, context) as server, wire() as line:
            error = failure(line, server)
            assert error.reason == "tls.certificate"
            assert "OpenSSL code " in str(error)


class TestOurCertificate:
    """A server that does not accept us says so; in TLS 1.3 only after the handshake."""

    @BOTH
    @pytest.mark.parametrize("body", [b"<x/>", bytes(3_000_000)], ids=["small", "large"])
    def test_none(self, version: ssl.TLSVersion, body: bytes) -> None:
        """B51: no client certificate."""
        with serving(OK, only(version)) as server, wire(anonymous=True) as line:
            error = failure(line, server, body)
            assert (error.reason, error.may_have_arrived) == ("tls.client-certificate-missing", False)
            assert "a client certificate, which the other side demands" in str(error)
            assert outcome_of_failure(error).needs_person
        assert server.failures == ["PEER_DID_NOT_RETURN_A_CERTIFICATE"]
        assert server.requests == []

    @BOTH
    @pytest.mark.parametrize("body", [b"<x/>", bytes(3_000_000)], ids=["small", "large"])
    def test_stranger(self, version: ssl.TLSVersion, body: bytes) -> None:
        """B51: the certificate of somebody whom they do not know."""
        with serving(OK, only(version)) as server, wire(identity=world().stranger.identity) as line:
            error = failure(line, server, body)
            assert (error.reason, error.may_have_arrived) == ("tls.client-certificate-refused", False)
            assert "a client certificate that the other side accepts" in str(error)
            assert "unknown ca" in str(error)
        assert server.failures == ["CERTIFICATE_VERIFY_FAILED"]
        assert server.requests == []

    def test_middle_left_out(self) -> None:
        """A certificate without the one above it is of no use to a server that knows the root only."""
        alone = Identity(world().client.key, Holder(world().client.key, world().client.x509).certificate)
        with serving(OK) as server, wire(identity=alone) as line:
            assert failure(line, server).reason == "tls.client-certificate-refused"


class TestNoTLS:
    """What is no TLS that we may speak."""

    @pytest.mark.skipif(not ssl.HAS_TLSv1_1, reason="this OpenSSL cannot speak TLS 1.1 any more")
    def test_old(self) -> None:
        """B51, TLS003: a server that speaks TLS 1.1 only, as a client without our rules can see."""
        context = only(ssl.TLSVersion.TLSv1_1)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.verify_mode = ssl.CERT_NONE
        with serving(OK, context) as server, wire() as line:
            error = failure(line, server)
            assert (error.reason, error.may_have_arrived) == ("tls.version", False)
            assert "TLS 1.2 or newer" in str(error)
            assert lax_handshake(server.port) == "TLSv1.1"
        assert server.failures == ["UNSUPPORTED_PROTOCOL"]
        assert [agreed.version for agreed in server.handshakes] == ["TLSv1.1"]

    @pytest.mark.parametrize(
        "octets",
        [b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html/>", b"220 mail.example ESMTP\r\n", b"\0" * 50],
        ids=["http", "smtp", "zeros"],
    )
    def test_plain(self, octets: bytes) -> None:
        """B51: a server without TLS on the port."""

        def script(connection: Connection) -> None:
            connection.socket.recv(1000)
            connection.send(octets)
            connection.stall()

        with serving(script, plain=True) as server, wire() as line:
            error = failure(line, server)
            assert (error.reason, error.may_have_arrived) == ("tls.not-tls", False)
            assert "TLS on this port" in str(error)


class TestRotation:
    """B57: the other side's certificates and authorities are replaced while the work goes on."""

    def test_two_anchors(self) -> None:
        """B57: two anchors at once, for the night on which they change."""
        new = world().authority("new")
        anchors = [world().theirs.certificate, new.certificate]
        with wire(anchors=anchors) as line:
            for holder in (world().server(), world().server(above=new)):
                with serving(OK, server_context(holder)) as server:
                    assert post(line, server).status == 204
            assert len(line._adapter.context.get_ca_certs()) == 2

    def test_reload(self) -> None:
        """B57: other anchors and another identity from the next message on, without a restart; kept lines are left."""
        new = world().authority("new")
        many = answering(*[answer()] * 3)
        with serving(many) as server, serving(OK, server_context(world().server(above=new))) as later, wire() as line:
            post(line, server)
            assert failure(line, later).reason == "tls.unknown-authority"
            line.reload(anchors=[new.certificate], identity=world().stranger.identity)
            assert failure(line, server).reason == "tls.unknown-authority"
            assert post(line, later).status == 204
            assert server.connections == 2

    def test_reload_of_the_identity(self) -> None:
        """B57: our own certificate is renewed."""
        context = server_context(clients=world().ours)
        renewed = issue(
            name("client", OWN_OIN),
            ec_key("renewed"),
            above=world().ours,
            begin=world().client.x509.not_valid_before_utc,
            end=world().client.x509.not_valid_after_utc,
        )
        with serving(answering(answer(), answer()), context) as server, wire() as line:
            post(line, server)
            line.reload(anchors=[world().theirs.certificate], identity=renewed.identity)
            post(line, server)
            assert [one.peer for one in server.handshakes] == [
                world().client.certificate.der,
                renewed.certificate.der,
            ]

    def test_reload_that_fails(self) -> None:
        """Settings that are wrong change nothing."""
        with serving(answering(answer(), answer())) as server, wire() as line:
            post(line, server)
            with pytest.raises(ConfigurationError):
                line.reload(anchors=[], identity=None)
            post(line, server)
            assert server.connections == 1


class TestKey:
    """The key reaches `ssl` and is nowhere else."""

    @pytest.mark.parametrize("form", ["pkcs12", "encrypted pem", "pem", "elliptic curve"])
    def test_left_nowhere(self, form: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Whatever it came from, it is on disk encrypted, for its owner only, and for a moment."""
        seen: list[tuple[bytes, int]] = []
        load_chain = ssl.SSLContext.load_cert_chain

        def spy(context: ssl.SSLContext, certfile: str, password: bytes) -> None:
            seen.append((Path(certfile).read_bytes(), stat.S_IMODE(Path(certfile).stat().st_mode)))
            load_chain(context, certfile, password=password)

        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        holder = world().client
        identity = {
            "pkcs12": lambda: Identity.from_pkcs12(holder.p12("geheim"), "geheim"),
            "encrypted pem": lambda: Identity.from_pem(holder.key_pem("geheim"), holder.chain_pem, "geheim"),
            "pem": lambda: Identity.from_pem(holder.key_pem(), holder.chain_pem),
            "elliptic curve": lambda: elliptic().identity,
        }[form]()
        with serving(OK) as server:
            monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", spy)
            with wire(identity=identity) as line:
                assert list(tmp_path.iterdir()) == []
                assert post(line, server).status == 204
            assert server.handshakes[0].peer == identity.certificate.der
        ((octets, mode),) = seen
        assert octets.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
        assert b"-----BEGIN PRIVATE KEY" not in octets
        assert mode == 0o600 or os.name == "nt"
        assert list(tmp_path.iterdir()) == []

    def test_unusable(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A key that TLS cannot use is called that, and leaves nothing either."""
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - what is refused
        with pytest.raises(ConfigurationError) as caught:
            HttpsWire(anchors=[world().theirs.certificate], identity=issue(name("weak"), key).identity)
        (finding,) = caught.value.findings
        assert finding.code == "tls.identity"
        assert list(tmp_path.iterdir()) == []

    def test_root_is_not_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """RFC 8446 4.4.2: the certificates above ours are sent, the root is not."""
        seen: list[int] = []

        def spy(_: ssl.SSLContext, certfile: str, password: bytes) -> None:
            assert password
            seen.append(Path(certfile).read_bytes().count(b"BEGIN CERTIFICATE"))

        monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", spy)
        assert len(world().client.chain) == 2
        with wire():
            assert seen == [2]

    def test_no_anchors(self) -> None:
        """Nobody is trusted by default."""
        with pytest.raises(ConfigurationError) as caught:
            HttpsWire(anchors=[], identity=None)
        assert caught.value.findings[0].code == "tls.no-anchors"


def elliptic() -> Holder:
    """Return our certificate on an elliptic curve."""
    begin, end = world().client.x509.not_valid_before_utc, world().client.x509.not_valid_after_utc
    return issue(name("client", OWN_OIN), ec_key("curve"), above=world().ours, begin=begin, end=end)


def lax_handshake(port: int) -> str | None:
    """Return the version that a client without any rule agrees with a server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as line:
        return line.version()
