"""Digest b.3 and f.3: what each answer, and the want of one, means for a message; `faults/` has the rows on sockets."""

from __future__ import annotations

import errno
import socket
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobb_client._catalogue import CATALOGUE
from mobb_client.errors import TransportError
from mobb_client.transport import Accepted, Outcome, Refused, Response, Retry, Signal, outcome_of, outcome_of_failure
from mobb_client.transport.outcome import _FOR_A_PERSON

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XML = {"content-type": "text/xml; charset=UTF-8"}


def envelope(inside: str = "", *, prefix: str = "soap") -> bytes:
    """Return a SOAP envelope with this in its Body."""
    return (
        f'<{prefix}:Envelope xmlns:{prefix}="{SOAP}"><{prefix}:Header/><{prefix}:Body>{inside}</{prefix}:Body>'
        f"</{prefix}:Envelope>"
    ).encode()


FAULT = "<soap:Fault><faultcode>soap:Client</faultcode><faultstring>999993653 is geheim</faultstring></soap:Fault>"


def of(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Outcome:
    """Return what an answer means."""
    return outcome_of(Response(status, XML if headers is None else headers, body))


class TestSuccess:
    """b.3, first rows: any 2xx without content accepts; with an envelope it is a signal."""

    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    @pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t "])
    def test_empty(self, status: int, body: bytes) -> None:
        """B09, h-51: 200, 202, 204 without content, and 200 with blanks, all occur and all accept."""
        assert of(status, body) == Accepted(status)
        assert of(status, body, {}) == Accepted(status)

    @pytest.mark.parametrize(
        "headers",
        [XML, {}, {"content-type": "application/xml"}, {"content-type": "text/plain"}, {"content-type": "TEXT/XML"}],
    )
    @pytest.mark.parametrize("prefix", ["soap", "SOAP-ENV", "x"])
    def test_signal(self, headers: dict[str, str], prefix: str) -> None:
        """An envelope is one by what it is, not by its label."""
        outcome = of(200, envelope(prefix=prefix), headers)
        assert isinstance(outcome, Signal)
        assert (outcome.status, outcome.body) == (200, envelope(prefix=prefix))
        assert outcome.content_type == headers.get("content-type", "")

    def test_multipart_signal(self) -> None:
        """h-49: some answer with a multipart body of one part."""
        body = b"--b\r\nContent-Type: text/xml\r\n\r\n" + envelope() + b"\r\n--b--\r\n"
        assert isinstance(of(200, body, {"content-type": "multipart/related; boundary=b"}), Signal)

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            ({"content-type": "text/html"}, b"<html><body>Welkom 999993653</body></html>"),
            ({"content-type": "text/html"}, b"<!DOCTYPE html><p>Welkom"),
            ({"content-type": "application/json"}, b'{"ok": true}'),
            (XML, b"<html/>"),
            (XML, envelope()[:-5]),
            (XML, f'<soap:Envelope xmlns:soap="{SOAP}"/>'.encode()),
            (XML, b'<!DOCTYPE a [<!ENTITY b "c">]>' + envelope()),
            (XML, b'<?xml version="1.0" encoding="x-none"?>' + envelope()),
            ({"content-type": "multipart/related"}, envelope()),
            ({"content-type": "multipart/related; boundary=b"}, b"--b\r\n\r\n" + envelope()),
            ({**XML, "content-encoding": "gzip"}, b"\x1f\x8b\x08\x00"),
            (XML, b"\0"),
        ],
    )
    def test_not_understood(self, headers: dict[str, str], body: bytes) -> None:
        """B09, f.3: a 2xx with anything else is an error, retried as scheduled, and nothing of it is quoted."""
        outcome = of(200, body, headers)
        assert isinstance(outcome, Retry)
        assert (outcome.reason, outcome.status, outcome.needs_person) == ("http.not-understood", 200, False)
        assert "999993653" not in repr(outcome)

    def test_fault(self) -> None:
        """A SOAP Fault is no signal, whatever the status."""
        outcome = of(200, envelope(FAULT))
        assert isinstance(outcome, Retry)
        assert (outcome.reason, outcome.needs_person, outcome.soap_fault) == ("http.soap-fault", True, True)


class TestErrors:
    """b.3, the other rows."""

    @pytest.mark.parametrize(
        ("status", "kind", "reason"),
        [
            (100, Refused, "http.interim"),
            (101, Refused, "http.interim"),
            (103, Refused, "http.interim"),
            (300, Refused, "http.redirect"),
            (301, Refused, "http.redirect"),
            (302, Refused, "http.redirect"),
            (304, Refused, "http.redirect"),
            (307, Refused, "http.redirect"),
            (400, Refused, "http.refused"),
            (401, Refused, "http.no-access"),
            (403, Refused, "http.no-access"),
            (404, Refused, "http.not-found"),
            (405, Refused, "http.refused"),
            (407, Refused, "http.no-access"),
            (408, Retry, "http.busy"),
            (410, Refused, "http.not-found"),
            (413, Refused, "http.too-large"),
            (415, Refused, "http.refused"),
            (429, Retry, "http.busy"),
            (499, Refused, "http.refused"),
            (500, Retry, "http.empty-error"),
            (501, Refused, "http.not-supported"),
            (502, Retry, "http.server-error"),
            (503, Retry, "http.unavailable"),
            (504, Retry, "http.server-error"),
            (505, Refused, "http.not-supported"),
            (507, Retry, "http.server-error"),
            (510, Refused, "http.not-supported"),
            (511, Retry, "http.server-error"),
            (599, Retry, "http.server-error"),
            (600, Retry, "http.server-error"),
            (999, Retry, "http.server-error"),
        ],
    )
    def test_status(self, status: int, kind: type[Retry | Refused], reason: str) -> None:
        """B40: 400, 401, 403, 404, 410, 501 end at once; 408, 429 and the other 5xx are retried."""
        outcome = of(status)
        assert type(outcome) is kind
        assert isinstance(outcome, Retry | Refused)
        assert (outcome.reason, outcome.status, outcome.soap_fault) == (reason, status, False)
        assert outcome.needs_person == (kind is Refused)
        assert f"HTTP {status}" in outcome.sentence
        assert outcome.may_have_arrived

    @pytest.mark.parametrize("body", [b"", b"  \r\n"])
    def test_empty_500(self, body: bytes) -> None:
        """b.3: ebms-core answers 500 without content for what it cannot read; the sentence says so."""
        outcome = of(500, body)
        assert isinstance(outcome, Retry)
        assert outcome.reason == "http.empty-error"

    @pytest.mark.parametrize("body", [b"<html>999993653</html>", envelope("<x>999993653</x>")])
    def test_500_with_something(self, body: bytes) -> None:
        """A page, or an envelope without a Fault, is a server error like another."""
        outcome = of(500, body)
        assert isinstance(outcome, Retry)
        assert (outcome.reason, outcome.needs_person) == ("http.server-error", False)
        assert "999993653" not in repr(outcome)

    @pytest.mark.parametrize("status", [500, 502, 503, 408])
    def test_fault(self, status: int) -> None:
        """f.3: a SOAP Fault is retried as scheduled with an alarm: an unknown CPA or another TLS certificate."""
        outcome = of(status, envelope(FAULT))
        assert isinstance(outcome, Retry)
        assert (outcome.reason, outcome.needs_person, outcome.soap_fault) == ("http.soap-fault", True, True)
        assert "999993653" not in repr(outcome)

    @pytest.mark.parametrize("status", [400, 404, 501])
    def test_fault_with_a_final_status(self, status: int) -> None:
        """h-52: a Fault is unsigned, so it makes nothing retried that the status ends."""
        outcome = of(status, envelope(FAULT))
        assert isinstance(outcome, Refused)
        assert outcome.soap_fault

    @given(st.integers(100, 999), st.binary(max_size=200), st.sampled_from(["", "text/xml", "multipart/x; boundary=b"]))
    def test_any(self, status: int, body: bytes, kind: str) -> None:
        """Nothing that they send makes it raise, and a status decides between final and not."""
        outcome = of(status, body, {"content-type": kind})
        final = status < 200 or (300 <= status < 500 and status not in {408, 429}) or status in {501, 505, 510}
        assert isinstance(outcome, Refused) == final
        assert isinstance(outcome, Accepted | Signal) <= (200 <= status < 300)
        if isinstance(outcome, Retry | Refused):
            assert outcome.reason in CATALOGUE


class TestFailure:
    """b.3, last row: connection, TLS and time-out errors are all retried."""

    @pytest.mark.parametrize(
        "reason", sorted(code for code in CATALOGUE if code.partition(".")[0] in {"network", "tls"})
    )
    def test_retried(self, reason: str) -> None:
        """B40: TLS and time-outs retry, whatever it was."""
        error = TransportError(reason, endpoint="host:443", measure="x", limit="1", may_have_arrived=True)
        outcome = outcome_of_failure(error)
        assert (outcome.reason, outcome.status, outcome.soap_fault) == (reason, None, False)
        assert outcome.sentence == str(error)
        assert outcome.may_have_arrived
        assert not outcome_of_failure(TransportError(reason, endpoint="x", measure="y")).may_have_arrived

    @pytest.mark.parametrize("reason", sorted(_FOR_A_PERSON))
    def test_needs_person(self, reason: str) -> None:
        """What does not pass by itself is told to somebody."""
        assert reason in CATALOGUE
        assert outcome_of_failure(TransportError(reason, endpoint="x", measure="y")).needs_person

    @pytest.mark.parametrize("reason", ["network.refused", "tls.timeout", "tls.closed", "network.stale"])
    def test_passes_by_itself(self, reason: str) -> None:
        """A network has its moments."""
        assert not outcome_of_failure(TransportError(reason, endpoint="x", measure="y")).needs_person

    @pytest.mark.parametrize(
        ("error", "reason", "may_have_arrived"),
        [
            (TimeoutError(), "network.no-answer", True),
            (ConnectionResetError(), "network.answer-lost", True),
            (BrokenPipeError(), "network.answer-lost", True),
            (ConnectionRefusedError(), "network.refused", False),
            (socket.gaierror(), "network.name", False),
            (OSError("999993653"), "network.unreachable", False),
        ],
    )
    def test_plain_errors(self, error: OSError, reason: str, *, may_have_arrived: bool) -> None:
        """A wire inside the process may raise what sockets raise; nothing of its text is kept."""
        outcome = outcome_of_failure(error)
        assert (outcome.reason, outcome.may_have_arrived) == (reason, may_have_arrived)
        assert "999993653" not in repr(outcome)


class TestOutage:
    """Which failures say that the other side is down, and not that this message is at fault."""

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
    def test_status(self, status: int) -> None:
        """429 and 503 are of the other side; a 500, 502 or 504 may be of one message."""
        outcome = of(status)
        assert isinstance(outcome, Retry)
        assert outcome.is_outage == (status in {429, 503})

    def test_not_understood(self) -> None:
        """An answer that is nothing like one may be of one message."""
        outcome = of(200, b"<html/>")
        assert isinstance(outcome, Retry)
        assert not outcome.is_outage

    @pytest.mark.parametrize(
        "reason", sorted(code for code in CATALOGUE if code.partition(".")[0] in {"network", "tls"})
    )
    def test_network(self, reason: str) -> None:
        """No connection, or none for TLS; what breaks or stalls during an upload may break on its size."""
        outcome = outcome_of_failure(TransportError(reason, endpoint="x", measure="y"))
        none = {"network.connect-timeout", "network.name", "network.refused", "network.unreachable"}
        assert outcome.is_outage == (reason in none or reason.startswith("tls."))

    @pytest.mark.parametrize(
        ("error", "is_outage"),
        [
            (ConnectionRefusedError(), True),
            (socket.gaierror(), True),
            (OSError(errno.EHOSTUNREACH, "x"), True),
            (OSError(errno.ENOSPC, "x"), False),
            (TimeoutError(), False),
            (ConnectionResetError(), False),
        ],
    )
    def test_plain_errors(self, error: OSError, *, is_outage: bool) -> None:
        """What a wire inside the process raises is read the same."""
        assert outcome_of_failure(error).is_outage == is_outage

    @pytest.mark.parametrize(
        ("value", "asked"),
        [
            ("120", timedelta(minutes=2)),
            (" 0 ", timedelta()),
            ("9" * 5000, timedelta(seconds=999_999_999)),
            ("Wed, 21 Oct 2026 07:28:00 GMT", datetime(2026, 10, 21, 7, 28, tzinfo=UTC)),
            ("Wed, 21 Oct 2026 07:28:00 -0000", datetime(2026, 10, 21, 7, 28, tzinfo=UTC)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("٣", None),
            ("tomorrow", None),
            ("Wed, 99 Oct 2026 77:28:00 GMT", None),
        ],
    )
    def test_retry_after(self, value: str, asked: timedelta | datetime | None) -> None:
        """RFC 9110 10.2.3: seconds or a date; anything else asks for nothing."""
        outcome = of(503, headers={"retry-after": value})
        assert isinstance(outcome, Retry)
        assert outcome.retry_after == asked

    @given(st.text(max_size=60))
    def test_any_retry_after(self, value: str) -> None:
        """Nothing that they ask for makes it raise."""
        assert isinstance(of(429, headers={"retry-after": value}), Retry)


def test_values_show_no_content() -> None:
    """Neither a response nor a signal shows what is in it."""
    response = Response(200, XML, envelope("999993653"))
    assert repr(response) == f"Response(200, {len(response.body)} octets)"
    assert "999993653" not in repr(outcome_of(response))


def test_transport_error() -> None:
    """Its parts are attributes, its sentence names rule, measure, source and code."""
    error = TransportError("network.no-answer", endpoint="example.nl:443", measure="nothing", limit="30")
    assert error.reason == error.finding.code == "network.no-answer"
    assert str(error).startswith("example.nl:443: an answer within 30 seconds after the message; got nothing [")
    assert str(error).endswith("(network.no-answer)")
    assert not error.may_have_arrived
