"""Digest b.3 (last row) and f.3 on real sockets: what happens when the network or the other side fails half-way."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from io import BytesIO, RawIOBase
from itertools import count
from pathlib import Path

import pytest
from tests.faults.servers import (
    HEADERS,
    HOST,
    Connection,
    Server,
    answer,
    answering,
    failure,
    post,
    server_context,
    serving,
    wire,
    world,
)

from mobb_client.errors import TransportError
from mobb_client.transport import Accepted, HttpsWire, Refused, Response, Retry, outcome_of, outcome_of_failure
from mobb_client.transport._adapter import MAX_IDLE

LARGE = bytes(8_000_000)
"""More than the buffers of two sockets hold."""
SOON = 0.25
"""A time-out, in seconds, of what is to time out; what is not has many seconds."""

pytestmark = pytest.mark.usefixtures("no_hang")


def stall(connection: Connection) -> None:
    """Take the request in and say nothing."""
    connection.read_request()
    connection.stall()


class TestConnect:
    """Nothing has left when there is no connection."""

    def test_refused(self) -> None:
        """Nobody listens at the port."""
        with serving(answering()) as server:
            pass
        with wire() as line:
            error = failure(line, server)
        assert (error.reason, error.may_have_arrived) == ("network.refused", False)
        assert error.finding.field == f"{HOST}:{server.port}"

    def test_address(self) -> None:
        """An address as host, of either kind, is named as it is."""
        with socket.create_server(("127.0.0.1", 0)) as closed, wire(connect_timeout=SOON) as line:
            port = closed.getsockname()[1]
            closed.close()
            for host in ("127.0.0.1", "[::1]"):
                with pytest.raises(TransportError) as caught:
                    line.post(f"https://{host}:{port}/", HEADERS, BytesIO(b"x"), 1)
                assert caught.value.finding.field == f"{host}:{port}"
                assert caught.value.reason in {"network.refused", "network.unreachable"}

    def test_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The host has no address."""

        def unknown(*_: object, **__: object) -> object:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        with serving(answering()) as server, wire() as line:
            monkeypatch.setattr(socket, "getaddrinfo", unknown)
            error = failure(line, server)
        assert error.reason == "network.name"
        assert "name or service not known" in str(error)

    def test_unreachable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No route."""

        def unreachable(*_: object) -> object:
            raise OSError(113, "No route to host")

        with serving(answering()) as server, wire() as line:
            monkeypatch.setattr(socket.socket, "connect", unreachable)
            assert failure(line, server).reason == "network.unreachable"

    def test_timeout(self) -> None:
        """B53: a port that swallows the packets."""
        with ExitStack() as stack:
            full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            for _ in range(4):  # fill its queue, which nobody empties
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            line = stack.enter_context(wire(connect_timeout=SOON))
            with pytest.raises(TransportError) as caught:
                line.post(f"https://127.0.0.1:{full.getsockname()[1]}/", HEADERS, BytesIO(b"x"), 1)
        assert caught.value.reason == "network.connect-timeout"
        assert "within 0.25 seconds" in str(caught.value)

    def test_handshake_timeout(self) -> None:
        """B53: a server that takes the connection and never shakes hands."""
        with serving(Connection.stall, plain=True) as server, wire(connect_timeout=SOON) as line:
            error = failure(line, server)
        assert (error.reason, error.may_have_arrived) == ("tls.timeout", False)

    @pytest.mark.parametrize("end", [Connection.reset, lambda _: None])
    def test_handshake_cut(self, end: object) -> None:
        """A connection that ends within the handshake."""

        def script(connection: Connection) -> None:
            connection.socket.recv(100)
            assert callable(end)
            end(connection)

        with serving(script, plain=True) as server, wire() as line:
            error = failure(line, server)
        assert (error.reason, error.may_have_arrived) == ("tls.closed", False)


class TestUpload:
    """They cannot have a message of which the end has not left."""

    def test_reset(self) -> None:
        """A reset in mid-upload."""

        def script(connection: Connection) -> None:
            connection.read_request(upto=100_000)
            connection.reset()

        with serving(script) as server, wire() as line:
            error = failure(line, server, LARGE)
        assert (error.reason, error.may_have_arrived) == ("network.upload-cut", False)
        assert outcome_of_failure(error) == Retry(
            reason="network.upload-cut", sentence=str(error), may_have_arrived=False
        )

    def test_closed(self) -> None:
        """An orderly end in mid-upload, without an answer."""
        with serving(lambda connection: void(connection.read_request(upto=100_000))) as server, wire() as line:
            assert failure(line, server, LARGE).reason == "network.upload-cut"

    def test_stalled(self) -> None:
        """B53: a server that stops reading."""

        def script(connection: Connection) -> None:
            connection.read_request(upto=0)
            connection.stall()

        with serving(script) as server, wire(read_timeout=SOON) as line:
            error = failure(line, server, LARGE)
        assert (error.reason, error.may_have_arrived) == ("network.send-timeout", False)

    def test_slow(self) -> None:
        """B53: a server that reads a little, again and again: the whole upload has its bound too."""

        def script(connection: Connection) -> None:
            while not connection.server.closing.wait(0.02):
                connection.read_request(upto=0) if not connection.server.requests else connection.read(30_000)

        with serving(script) as server, wire(read_timeout=SOON, slowest_upload=10**9) as line:
            error = failure(line, server, LARGE)
        assert error.reason == "network.send-timeout"

    def test_clock(self) -> None:
        """B53: time that has passed already is no time to wait."""
        clock = count(step=100.0)
        with serving(answering(answer())) as server, wire(read_timeout=1, monotonic=lambda: next(clock)) as line:
            assert failure(line, server).reason == "network.send-timeout"

    @pytest.mark.parametrize(
        ("status", "kind"), [("503 Unavailable", Retry), ("413 Too Large", Refused), ("400 Bad", Refused)]
    )
    def test_early_answer(self, status: str, kind: type) -> None:
        """An answer before the end of the upload is heard, although the connection breaks; it is never used again."""

        def script(connection: Connection) -> None:
            connection.read_request(upto=100_000)
            connection.send(answer(status, b"no", "Connection: close"))

        with serving(script) as server, wire() as line:
            assert isinstance(outcome_of(post(line, server, LARGE)), kind)
            assert isinstance(outcome_of(post(line, server, LARGE)), kind)
            assert server.connections == 2


class TestWait:
    """Nobody knows whether they have a message that left whole."""

    @pytest.mark.parametrize("end", [Connection.reset, lambda _: None], ids=["reset", "closed"])
    def test_lost(self, end: object) -> None:
        """The connection ends after the upload, without an answer."""

        def script(connection: Connection) -> None:
            connection.read_request()
            assert callable(end)
            end(connection)

        with serving(script) as server, wire() as line:
            error = failure(line, server)
            assert len(server.requests) == server.connections == 1
        assert (error.reason, error.may_have_arrived) == ("network.answer-lost", True)

    def test_stalled(self) -> None:
        """B53: no answer at all."""
        with serving(stall) as server, wire(read_timeout=SOON) as line:
            error = failure(line, server)
        assert (error.reason, error.may_have_arrived) == ("network.no-answer", True)
        assert outcome_of_failure(error).may_have_arrived

    @pytest.mark.parametrize(
        "octets",
        [
            b"HTTP/1.1 200 OK\r\nContent-",
            answer("200 OK", None, "Content-Length: 100") + b"<x>",
            answer("200 OK", None, "Transfer-Encoding: chunked") + b"5\r\n<x>",
            answer("200 OK", None, "Connection: close"),
        ],
        ids=["head", "length", "chunk", "to the end"],
    )
    def test_stalled_within(self, octets: bytes) -> None:
        """B53: an answer that stops half-way."""

        def script(connection: Connection) -> None:
            connection.read_request()
            connection.send(octets)
            connection.stall()

        with serving(script) as server, wire(read_timeout=SOON) as line:
            assert failure(line, server).reason == "network.slow-answer"

    @pytest.mark.parametrize(
        "octets",
        [
            b"HTTP/1.1 200 " + b"OK" * 5_000,
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5_000,
            answer("100 Continue") * 1_000,
            answer("200 OK", b"x" * 10_000),
            answer("200 OK", None, "Transfer-Encoding: chunked") + b"1\r\nx\r\n" * 5_000,
            answer("200 OK", None, "Connection: close") + b"x" * 10_000,
        ],
        ids=["status", "headers", "100", "length", "chunks", "to the end"],
    )
    def test_dripping(self, octets: bytes) -> None:
        """B53: one octet at a time, for ever: the time is that of the whole answer."""

        def script(connection: Connection) -> None:
            connection.read_request()
            connection.drip(octets)

        with serving(script) as server, wire(read_timeout=SOON) as line:
            assert failure(line, server).reason == "network.slow-answer"


class TestReuse:
    """One connection for many messages; one that is closed in the meantime costs nothing and hides nothing."""

    def test_kept(self) -> None:
        """A connection is used again."""
        with serving(answering(*[answer()] * 5)) as server, wire() as line:
            assert [post(line, server).status for _ in range(5)] == [204] * 5
            assert server.connections == 1

    def test_closed_in_the_meantime(self) -> None:
        """One that they closed after the answer is noticed before it is used: no attempt is lost."""
        with serving(answering(answer("200 OK", b""))) as server, wire() as line:
            post(line, server)
            wait_for(server, threads_done=1)
            post(line, server)
            assert server.connections == len(server.requests) == 2

    def test_closed_in_mid_upload(self) -> None:
        """Closed just as it is used: they cannot have a message that did not leave whole, so it goes again at once."""
        scripts = iter([answer_then_reset, answering(answer())])

        def script(connection: Connection) -> None:
            next(scripts)(connection)

        with serving(script) as server, wire() as line:
            post(line, server)
            assert outcome_of(post(line, server, LARGE)) == Accepted(204)
            assert server.connections == 2
            assert [len(request.body) for request in server.requests] == [4, len(LARGE)]

    def test_closed_in_mid_upload_from_a_pipe(self) -> None:
        """What cannot be read again is not sent again."""

        class Pipe(RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override] # it is one
                return len(buffer)

        with serving(answer_then_reset) as server, wire() as line:
            post(line, server)
            with pytest.raises(TransportError) as caught:
                line.post(server.url, HEADERS, Pipe(), len(LARGE))  # type: ignore[arg-type] # a file for reading
            assert (caught.value.reason, caught.value.may_have_arrived) == ("network.stale", False)
            assert server.connections == 1

    def test_closed_after_the_upload(self) -> None:
        """Had the whole message left, nobody can know: nothing is repeated here, the outbox does."""

        def script(connection: Connection) -> None:
            answering(answer())(connection)
            connection.read_request()
            connection.reset()

        with serving(script) as server, wire() as line:
            post(line, server)
            error = failure(line, server)
            assert (error.reason, error.may_have_arrived) == ("network.stale", True)
            assert server.connections == 1
            assert not outcome_of_failure(error).needs_person

    def test_first_use_is_not_stale(self) -> None:
        """On a new connection the same end is no staleness: it is reported, and never repeated."""
        with serving(lambda connection: void(connection.socket.recv(10))) as server, wire() as line:
            assert failure(line, server, LARGE).reason in {"network.upload-cut", "network.answer-lost"}
            assert server.connections == 1

    def test_idle(self) -> None:
        """A connection that was idle for longer than servers have patience is not used again."""
        ahead = [0.0]
        with (
            serving(answering(*[answer()] * 3)) as server,
            wire(monotonic=lambda: time.monotonic() + ahead[0]) as line,
        ):
            post(line, server)
            post(line, server)
            assert server.connections == 1
            ahead[0] += MAX_IDLE + 1
            post(line, server)
            assert server.connections == 2

    @pytest.mark.parametrize(
        "octets",
        [
            answer("503 Unavailable", b"x"),
            answer("204 No Content", b"<x/>"),
            answer("204 No Content", None, "Transfer-Encoding: chunked"),
            answer("304 Not Modified", b"<x/>"),
        ],
        ids=["error", "204 with a body", "204 in chunks", "304"],
    )
    def test_not_clean(self, octets: bytes) -> None:
        """A connection in which something may be left is not used again: no answer is taken for that of another."""
        with serving(answering(octets, answer("418 Mixed up", b""))) as server, wire() as line:
            assert post(line, server).status == post(line, server).status
            assert server.connections == 2

    def test_second_answer(self) -> None:
        """Nor one in which something came that nobody asked for."""
        sent = threading.Event()

        def script(connection: Connection) -> None:
            connection.read_request()
            connection.send(answer())
            if connection.server.connections == 1:
                connection.send(answer("418 Mixed up", b""))
                sent.set()
                connection.stall()

        with serving(script) as server, wire() as line:
            post(line, server)
            sent.wait()
            assert post(line, server).status == 204
            assert server.connections == 2

    def test_threads(self) -> None:
        """Several threads share a wire; each gets the answer of its own message."""

        def script(connection: Connection) -> None:
            while request := connection.read_request():
                connection.send(answer("200 OK", request.body))

        with serving(script) as server, wire() as line:
            bodies = [b"%d" % number for number in range(24)]
            answers: dict[bytes, Response] = {}

            def send(some: list[bytes]) -> None:
                answers.update({body: post(line, server, body) for body in some})

            threads = [threading.Thread(target=send, args=(bodies[index::4],)) for index in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert {body: response.body for body, response in answers.items()} == {body: body for body in bodies}
            assert server.connections <= 4

    def test_closed_wire(self) -> None:
        """Closing lets go of the connections; the wire can still be used."""
        with serving(answering(answer(), answer())) as server, wire() as line:
            post(line, server)
            line.close()
            assert post(line, server).status == 204
            assert server.connections == 2


def test_longest() -> None:
    """The bound of one post is known beforehand, for whoever leases a message while it is sent."""
    with wire(connect_timeout=10, read_timeout=20, slowest_upload=1_000_000) as line:
        assert line.longest(0) == 2 * (20 + 20 + 20)
        assert line.longest(100_000_000) == 2 * (20 + 120 + 20)
    with HttpsWire(anchors=[world().theirs.certificate], identity=None) as line:
        assert line.longest(100_000_000) < 30 * 60


SENDER = """
import re, sys
from io import BytesIO
from pathlib import Path
from mobb_client.pki import Certificate, Identity
from mobb_client.transport import HttpsWire

folder, url = sys.argv[1:]
anchors = [Certificate.from_path(folder + "/ca.pem")]
wire = HttpsWire(anchors=anchors, identity=Identity.from_path(folder + "/client.pem"))
headers = {"Content-Type": "text/xml"}
peak = lambda: int(re.search("VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
assert wire.post(url, headers, BytesIO(b"<x/>"), 4).status == 204
before = peak()
with open(folder + "/message", "rb") as body:
    assert wire.post(url, headers, body, 100_000_000).status == 204
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of one process alone is Linux's to tell")
def test_memory(tmp_path: Path) -> None:
    """Design 4: a message of 100 MB is sent with less than 10 MB of memory, the other side in another process.

    The peak is VmHWM: ru_maxrss begins with that of the process that started this one.
    """
    received: list[int] = []

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(answer())
        connection.read_head()
        received.append(connection.count(100_000_000))
        connection.send(answer())

    (tmp_path / "ca.pem").write_bytes(world().theirs.pem)
    (tmp_path / "client.pem").write_bytes(world().client.key_pem() + world().client.chain_pem)
    with (tmp_path / "message").open("wb") as file:
        file.truncate(100_000_000)
    with serving(script, server_context(clients=world().ours)) as server:
        run = [sys.executable, "-c", SENDER, str(tmp_path), server.url]
        done = subprocess.run(run, capture_output=True, text=True, check=True)
        assert server.connections == 1
    assert received == [100_000_000]
    assert int(done.stdout) < 10_000  # kilobytes


def answer_then_reset(connection: Connection) -> None:
    """Answer once, wait for the beginning of the next request, and end without a word."""
    connection.read_request()
    connection.send(answer())
    connection.socket.recv(10)
    connection.reset()


def wait_for(server: Server, *, threads_done: int) -> None:
    """Wait until the scripts of the first connections have ended."""
    for thread in server.threads[1 : 1 + threads_done]:
        thread.join()


def void(_: object) -> None:
    """Return nothing."""
