"""The box on a socket: mutual TLS both ways, real connections that end in every way, and nothing left behind."""

from __future__ import annotations

import gc
import http.client
import http.server
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.simulated import Posted, acknowledgment, codes, letter, make_box, message, pdf

from mobb_client.berichtenbox.bijlage import Bijlage
from mobb_client.ebms import packet
from mobb_client.simulator import Berichtenbox
from mobb_client.simulator._certificates import Pair, issue
from mobb_client.simulator.server import Served
from mobb_client.simulator.tls import client_context, server_context

LONG = 30.0
"""Seconds after which a test gives up; none takes one."""


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Every thread has ended and every socket is closed when a test is over."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before
    gc.collect()  # an unclosed socket is a ResourceWarning, and so an error


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


@dataclass
class Receiver:
    """A sender's endpoint on a socket."""

    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    subjects: list[Any] = field(default_factory=list)
    status: int = 204

    @property
    def kinds(self) -> list[str]:
        """What came, in its order."""
        return [body.split(b"<eb:Action>")[1].split(b"<")[0].decode() for body in self.bodies]


@contextmanager
def receiver(box: Berichtenbox, port: int) -> Iterator[Receiver]:
    """Listen at the sender's port, with the sender's certificate."""
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.headers.append(dict(self.headers.items()))
            receiver.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            assert isinstance(self.connection, ssl.SSLSocket)
            receiver.subjects.append(self.connection.getpeercert())
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the standard library has it
            """Print nothing."""

    server = http.server.HTTPServer(("127.0.0.1", port), Handler)
    server.socket = server_context(box.material.sender, box.material.authority).wrap_socket(
        server.socket, server_side=True
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Sender:
    """A client with the sender's certificate, or another."""

    box: Berichtenbox
    served: Served

    def connect(self, shown: Pair | None = None) -> http.client.HTTPSConnection:
        """Return a connection."""
        context = client_context(shown or self.box.material.sender, self.box.material.authority)
        return http.client.HTTPSConnection("localhost", self.served.port, timeout=LONG, context=context)

    def post(self, posted: Posted, *, path: str = "/digikoppeling/ebms", chunked: bool = False) -> Answered:
        """Post a message on a connection of its own."""
        connection = self.connect()
        try:
            given = iter([posted.body[:100], posted.body[100:]]) if chunked else posted.body
            connection.request("POST", path, given, dict(posted.headers), encode_chunked=chunked)
            response = connection.getresponse()
            return Answered(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()


@dataclass
class Answered:
    """A whole HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@contextmanager
def on_socket(box: Berichtenbox, **more: Any) -> Iterator[tuple[Served, Sender]]:
    """Serve a box, and give a client of it."""
    with box.serve(**more) as served:
        yield served, Sender(box, served)


class TestThereAndBack:
    """Letters over TLS, and what comes back over TLS."""

    def test_asynchronous(self) -> None:
        """204, then acknowledgment and result at the sender's endpoint, by a client certificate of the box."""
        box = make_box("osb-rm-s")
        with on_socket(box) as (served, sender), receiver(box, served.sender_port) as came:
            assert sender.post(message(box)).status == 204
            until(lambda: len(came.bodies) == 2)
            assert came.kinds == ["Acknowledgment", "GLOBE-R-BV-Result"]
            assert came.headers[0]["SOAPAction"] == '"ebXML"'
            assert ("serialNumber", box.material.receiver_oin) in {
                pair for rdn in came.subjects[0]["subject"] for pair in rdn
            }
            result = packet.read(came.headers[1]["Content-Type"], came.bodies[1])
            assert sender.post(acknowledgment(box, result)).status == 204
            assert (box.unsettled, codes(box), served.refused) == ((), [], [])

    def test_synchronous(self) -> None:
        """The acknowledgment comes in the response."""
        box = make_box(sync=True)
        with on_socket(box) as (_, sender):
            answer = sender.post(message(box))
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "text/xml; charset=UTF-8"
            assert b"<eb:Acknowledgment " in answer.body

    def test_urls(self) -> None:
        """The CPA has the URLs of both ports, as given or free ones."""
        box = make_box()
        with on_socket(box) as (served, _):
            assert served.url.encode() in served.cpa_bytes == box.cpa_bytes
            assert served.sender_url.encode() in served.cpa_bytes
            assert box.url == served.url
            assert served.port != served.sender_port
            port = served.port
        with on_socket(make_box(), port=port, sender_port=9) as (served, _):
            assert (served.port, served.sender_port) == (port, 9)

    def test_chunked_and_large(self) -> None:
        """b.1: chunked or with Content-Length; several messages on one connection; a large body goes to a file."""
        box = make_box("osb-be")
        with on_socket(box) as (_, sender):
            many = [letter(kenmerk=f"k{n}", bijlagen=[Bijlage(pdf(450_000), "a.pdf")]) for n in range(3)]
            posted = message(box, *many)
            assert sender.post(posted, chunked=True).status == 204
            connection = sender.connect()
            for _ in range(2):
                connection.request("POST", "/digikoppeling/ebms", posted.body, dict(posted.headers))
                response = connection.getresponse()
                assert (response.status, response.read()) == (204, b"")
            connection.close()
        assert [request.size for request in box.requests] == [len(posted.body)] * 3
        assert box.requests[0].body == posted.body
        assert (len(box.letters), codes(box)) == (3, [])

    def test_nobody_at_home(self) -> None:
        """The sender's endpoint is not there: a result waits for its next turn."""
        box = make_box()
        with on_socket(box) as (served, sender):
            sender.post(message(box))
            until(lambda: len(box.deliveries) == 2)
            assert [one.status for one in box.deliveries] == [0, 0]
            assert served.refused[0].startswith("delivery: ConnectionRefusedError")
            with receiver(box, served.sender_port) as came:
                box.clock.advance(minutes=30)
                until(lambda: came.bodies)
                assert came.kinds == ["GLOBE-R-BV-Result"]

    def test_pace(self) -> None:
        """Two hours in a moment."""
        box = make_box()
        with on_socket(box, pace=1e6) as (served, sender), receiver(box, served.sender_port) as came:
            sender.post(message(box, letter("999901400")))
            until(lambda: "GLOBE-R-BV-Result" in came.kinds)
        assert len(box.letters) == 1

    def test_clock(self) -> None:
        """The clock goes while it is served, and stands still afterwards."""
        box = make_box()
        with on_socket(box):
            first = box.clock.now()
            until(lambda: box.clock.now() > first)
        assert box.clock.now() == box.clock.now()

    def test_close_twice(self) -> None:
        """A second close does nothing."""
        served = make_box().serve()
        served.close()
        served.close()


class TestFaults:
    """What goes wrong on demand, on real connections."""

    def test_lost(self) -> None:
        """The connection ends without an answer; the message is taken."""
        box = make_box(sync=True)
        box.lose_next_acknowledgment()
        with on_socket(box) as (_, sender):
            posted = message(box)
            with pytest.raises(http.client.RemoteDisconnected):
                sender.post(posted)
            assert sender.post(posted).status == 200
        assert (len(box.letters), box.duplicates) == (1, {posted.message_id: 1})

    def test_reset(self) -> None:
        """The connection is reset in the middle of the body; nothing is taken."""
        box = make_box()
        box.reset_next(10_000)
        with on_socket(box) as (_, sender):
            posted = message(
                box, *(letter(kenmerk=f"k{n}", bijlagen=[Bijlage(pdf(499_000), "a.pdf")]) for n in range(9))
            )
            with pytest.raises((ConnectionError, ssl.SSLError, http.client.HTTPException)):
                sender.post(posted)
            assert box.requests == []
            assert sender.post(posted).status == 204

    def test_statuses(self) -> None:
        """Any status; another path is nowhere."""
        box = make_box()
        with on_socket(box) as (_, sender):
            box.answer_next(503)
            box.answer_next_with_html(accepted=False)
            posted = message(box)
            answers = [sender.post(posted), sender.post(posted), sender.post(posted, path="/")]
        assert [one.status for one in answers] == [503, 200, 404]
        assert b"<html>" in answers[1].body
        assert box.letters == ()

    def test_stall(self) -> None:
        """The answer comes later than the client waits, or when the box closes."""
        box = make_box()
        box.stall_next(LONG)
        with on_socket(box) as (served, sender):
            connection = sender.connect()
            connection.timeout = 0.2
            connection.request("POST", "/digikoppeling/ebms", message(box).body, dict(message(box).headers))
            with pytest.raises(TimeoutError):
                connection.getresponse()
            connection.close()
            assert served.closing.is_set() is False
        assert len(box.requests) == 1

    def test_outage(self) -> None:
        """In an outage connections are reset, and nothing is delivered."""
        box = make_box()
        with on_socket(box) as (served, sender), receiver(box, served.sender_port) as came:
            with box.outage(), pytest.raises((ConnectionError, ssl.SSLError, http.client.HTTPException)):
                sender.post(message(box))
            assert sender.post(message(box)).status == 204
            until(lambda: came.bodies)

    def test_early(self) -> None:
        """B43: the acknowledgment comes on another connection before the request is answered."""
        box = make_box()
        box.acknowledge_next_early()
        with on_socket(box) as (served, sender), receiver(box, served.sender_port) as came:
            posted = message(box)
            sender.post(posted)
            assert came.kinds[0] == "Acknowledgment"
            until(lambda: len(came.bodies) == 2)

    def test_stranger(self) -> None:
        """One delivery by a certificate of the same authority for somebody else."""
        box = make_box()
        box.come_as_a_stranger()
        with on_socket(box) as (served, sender), receiver(box, served.sender_port) as came:
            sender.post(message(box))
            until(lambda: len(came.subjects) == 2)
            oins = [dict(pair for rdn in one["subject"] for pair in rdn)["serialNumber"] for one in came.subjects]
        assert oins == ["00000099000000009000", box.material.receiver_oin]

    def test_client_goes_away(self) -> None:
        """A body that ends before its Content-Length is not a message."""
        box = make_box()
        with on_socket(box) as (served, sender):
            context = client_context(box.material.sender, box.material.authority)
            with (
                socket.create_connection(("127.0.0.1", served.port)) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as connection,
            ):
                connection.sendall(b"POST /digikoppeling/ebms HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
            assert sender.post(message(box)).status == 204
            assert len(box.requests) == 1

    def test_process_by_hand(self) -> None:
        """`process` delivers over the socket too."""
        box = make_box()
        with on_socket(box) as (served, sender), receiver(box, served.sender_port) as came:
            sender.post(message(box))
            box.process()
            until(lambda: len(came.bodies) == 2)


def exchange(connection: http.client.HTTPSConnection) -> None:
    """Post something and wait for the answer: with TLS 1.3 a client hears only then that it was refused."""
    connection.request("POST", "/digikoppeling/ebms", b"x", {})
    connection.getresponse()


class TestTls:
    """B51: what the handshake refuses, seen from both sides."""

    def refused(self, box: Berichtenbox, client: ssl.SSLContext, server: ssl.SSLContext | None = None) -> list[str]:
        """Return what the server says when a client with this context posts."""
        with on_socket(box, context=server) as (served, _):
            connection = http.client.HTTPSConnection("localhost", served.port, timeout=LONG, context=client)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                exchange(connection)
            connection.close()
            until(lambda: served.refused)
            assert box.requests == []
            return served.refused

    def test_no_certificate(self) -> None:
        """A client without certificate."""
        box = make_box()
        context = ssl.create_default_context(cadata=box.material.authority.certificate_pem.decode())
        assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in self.refused(box, context)[0]

    def test_foreign_authority(self) -> None:
        """A client certificate of another authority."""
        box, other = make_box(), Berichtenbox()
        context = client_context(other.material.sender, box.material.authority)
        assert "CERTIFICATE_VERIFY_FAILED" in self.refused(box, context)[0]

    def test_old_version(self) -> None:
        """TLS 1.1 and older are not spoken."""
        box = make_box()
        context = client_context(box.material.sender, box.material.authority)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is old is the point
            context.minimum_version = ssl.TLSVersion.TLSv1_1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        assert "SSLError" in self.refused(box, context)[0]

    def test_own_context(self) -> None:
        """A server that shows a certificate for another host, which the client refuses."""
        box = make_box()
        material, one = box.material, box.material.receiver.certificate
        wrong = issue(
            material.authority,
            material.receiver.key,
            organisation="Berichtenbox",
            oin=material.receiver_oin,
            start=one.not_valid_before_utc,
            end=one.not_valid_after_utc,
            host="elsewhere.example",
        )
        context = client_context(material.sender, material.authority)
        refused = self.refused(box, context, server_context(wrong, material.authority))
        assert "SSL" in refused[0]

    def test_not_in_the_cpa(self) -> None:
        """A certificate of the right authority that is in no CPA: a SOAP Fault."""
        box = make_box()
        with on_socket(box) as (_, sender):
            connection = sender.connect(box.stranger)
            posted = message(box)
            connection.request("POST", "/digikoppeling/ebms", posted.body, dict(posted.headers))
            response = connection.getresponse()
            assert response.status == 500
            assert b"<soap:Fault>" in response.read()
            connection.close()
        assert codes(box) == ["tls.certificate"]
