"""ValidateAbonnementen as it goes over the wire. Source: `berichtenbox` e, k.7."""

from __future__ import annotations

import traceback
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from tests.subscribers import FOREIGN, ONE, THREE, TWO, answer, entry, fault, question, soap

from mobb_client import _xml
from mobb_client.berichtenbox.wus import (
    ACTION,
    MAX_OCTETS,
    NS_WSA,
    NS_WUS,
    SCHEMA,
    Addressing,
    read_antwoord,
    write_validatie,
)
from mobb_client.errors import (
    ApplicationFaultError,
    DependentServiceFaultError,
    FormatError,
    MobbError,
    SoapFaultError,
)


class TestQuestion:
    """e.2: what is asked."""

    def test_schema(self) -> None:
        """Valid, the citizens in their order, and the same octets every time."""
        octets = write_validatie(question())
        body = etree.fromstring(octets)[0]
        assert _xml.is_valid(etree.fromstring(etree.tostring(body[0])), SCHEMA)
        assert [one.text for one in body.iter("{*}Key")] == [ONE.digits, TWO.digits]
        assert octets == write_validatie(question())
        assert b"wsa:" not in octets

    def test_addressing(self) -> None:
        """k.7: the three headers of Digikoppeling on demand, none of them to be understood."""
        octets = write_validatie(question(), Addressing(to="https://wus.example/x", message_id="urn:uuid:1"))
        header = etree.fromstring(octets)[0]
        told = {etree.QName(one).localname: one.text for one in header}
        assert told == {"To": "https://wus.example/x", "Action": ACTION, "MessageID": "urn:uuid:1", "ReplyTo": None}
        assert header.findtext(f"{{{NS_WSA}}}ReplyTo/{{{NS_WSA}}}Address") == f"{NS_WSA}/anonymous"
        assert b"mustUnderstand" not in octets


class TestAnswer:
    """e.3: what is read of it."""

    def test_yes_and_no(self) -> None:
        """All four ways of writing a boolean."""
        found = read_antwoord(
            answer(entry(ONE.digits), entry(TWO.digits, "0"), entry(THREE.digits, "1")), question(ONE, TWO, THREE)
        )
        assert found.geabonneerd == {ONE: True, TWO: False, THREE: True}
        assert found.onbekend == found.warnings == ()

    def test_unknown_is_not_no(self) -> None:
        """Who was asked about and is not named stays unknown."""
        found = read_antwoord(answer(entry(ONE.digits, "false")), question())
        assert (found.geabonneerd, found.onbekend) == ({ONE: False}, (TWO,))

    def test_zero(self) -> None:
        """A BSN that lost its zeros on the way is the same one."""
        assert read_antwoord(answer(entry(" 12 ")), question(THREE)).geabonneerd == {THREE: True}

    def test_nothing(self) -> None:
        """An empty answer, and one that is nil, say nothing of anybody."""
        for empty in (
            "",
            '<ValidateAbonnementenResult xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>',
        ):
            octets = soap(f'<ValidateAbonnementenResponse xmlns="{NS_WUS}">{empty}</ValidateAbonnementenResponse>')
            assert read_antwoord(octets, question()).onbekend == (ONE, TWO)

    def test_foreign(self) -> None:
        """What is said of somebody else is not read, and said to be there."""
        found = read_antwoord(answer(entry(ONE.digits), entry(FOREIGN.digits), entry(None)), question())
        assert found.geabonneerd == {ONE: True}
        assert [(one.code, one.measure) for one in found.warnings] == [
            ("wus.foreign", "1 times"),
            ("wus.empty", "1 times"),
        ]

    def test_twice(self) -> None:
        """The same verdict twice is one verdict."""
        assert read_antwoord(answer(entry(ONE.digits), entry(ONE.digits)), question(ONE)).geabonneerd == {ONE: True}

    @pytest.mark.parametrize(
        ("octets", "code"),
        [
            (b"", "xml.syntax"),
            (b"<html><body>999993653</body></html>", "wus.root"),
            (soap(""), "xml.once"),
            (b'<!DOCTYPE x [<!ENTITY a "999993653">]>' + answer(), "xml.doctype"),
            (answer(entry(FOREIGN.digits)), "wus.foreign"),
            (answer(entry(ONE.digits), entry(ONE.digits, "false")), "wus.twice"),
            (answer(entry(ONE.digits, "999993653")), "wus.schema"),
            (answer(entry(ONE.digits, rol="<b:Rol>999993653</b:Rol>")), "wus.schema"),
            (
                answer("<a:Abonnement><a:isBerichtSturen>true</a:isBerichtSturen><a:klant/></a:Abonnement>"),
                "wus.schema",
            ),
            (answer() + b" " * MAX_OCTETS, "wus.size"),
        ],
        ids=range(10),
    )
    def test_hostile(self, octets: bytes, code: str) -> None:
        """Wrong order, foreign citizens, contradictions, entities, sizes: an error of ours, and no BSN in it."""
        with pytest.raises(FormatError) as caught:
            read_antwoord(octets, question())
        assert caught.value.code == code
        assert "999993653" not in "".join(traceback.format_exception(caught.value))


class TestFault:
    """e.4: the two faults, and every other."""

    @pytest.mark.parametrize(
        ("octets", "kind", "measure"),
        [
            (fault("ApplicationFault"), ApplicationFaultError, "faultcode Client"),
            (fault("DependentServiceFault", code="Server"), DependentServiceFaultError, "faultcode Server"),
            (fault(code="a:InternalServiceFault"), SoapFaultError, "faultcode of another kind"),
            (soap("<s:Fault/>"), SoapFaultError, "faultcode of another kind"),
        ],
        ids=range(4),
    )
    def test_typed(self, octets: bytes, kind: type[SoapFaultError], measure: str) -> None:
        """T04: its own class, advice in two languages, and nothing of its text, which names a citizen."""
        with pytest.raises(SoapFaultError) as caught:
            read_antwoord(octets, question())
        assert type(caught.value) is kind
        assert caught.value.finding.measure == measure
        assert caught.value.finding.advice_in("nl")
        assert "999993653" not in "".join(traceback.format_exception(caught.value))


@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_octets(noise: bytes, at: int) -> None:
    """Whatever comes: an answer or an error of ours."""
    good = answer(entry(ONE.digits))
    for octets in (noise, good[:at] + noise + good[at:]):
        with suppress(MobbError):
            read_antwoord(octets, question(ONE))
