"""Logius in a box, in one process: what it takes, how it answers, what becomes of letters, what fails on demand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from uuid import UUID

import pytest
from tests.keys import MOMENT
from tests.simulated import (
    CLEAR,
    Endpoint,
    acknowledge,
    acknowledged,
    acknowledgment,
    codes,
    letter,
    make_box,
    message,
    messages,
    pdf,
    sender_of,
    verify,
    written,
)

from mobb_client.berichtenbox.bericht import bericht_id
from mobb_client.berichtenbox.bijlage import Bijlage
from mobb_client.berichtenbox.identiteit import OIN
from mobb_client.berichtenbox.regels import Regels
from mobb_client.berichtenbox.resultaat import Verwerkingscode
from mobb_client.ebms import agreement, packet, signature
from mobb_client.ebms.message import (
    Acknowledgment,
    EbmsError,
    MessageError,
    Pong,
    StatusRequest,
    StatusResponse,
    UserMessage,
)
from mobb_client.errors import FormatError, SignatureError
from mobb_client.simulator import TEST_BSNS, Berichtenbox, Outcome
from mobb_client.simulator._document import _passes_elfproef
from mobb_client.simulator.material import Profile, Terms

ASKED = "cccccccc-0000-4000-8000-000000000001@localhost"
SIGNED: list[tuple[Profile, bool]] = [("osb-be-s", False), ("osb-rm-s", False), ("osb-rm-s", True)]


def id_of(box: Berichtenbox, kenmerk: str = "zaak-1") -> str:
    """Return the BerichtID of a letter."""
    return str(bericht_id(OIN(box.material.sender_oin), kenmerk))


class TestGoodMessages:
    """What the library writes gives no partner anything to object to."""

    @pytest.mark.parametrize(("profile", "sync"), CLEAR)
    def test_there_and_back(self, profile: Profile, sync: bool) -> None:
        """A letter with an attachment goes in, is acknowledged as the CPA says, and its result comes and is settled."""
        box = make_box(profile, sync=sync)
        endpoint = Endpoint(box, acknowledge)
        response = message(box, letter(bijlagen=[Bijlage(pdf(5000), "Besluit.pdf")])).to(box)
        assert response.status == (200 if sync else 204)
        assert box.process() == (2 if profile.startswith("osb-rm") and not sync else 1)
        expected = (
            ["GLOBE-R-BV-Result"] if sync or profile.startswith("osb-be") else ["Acknowledgment", "GLOBE-R-BV-Result"]
        )
        assert endpoint.kinds == expected
        assert endpoint.verdicts == {id_of(box): "Verwerkt"}
        assert (box.unsettled, box.next_due(), codes(box)) == ((), None, [])

    @pytest.mark.parametrize(("profile", "sync"), CLEAR)
    def test_letters(self, profile: Profile, sync: bool) -> None:
        """What was sent is what is in the box: texts as written, attachments octet for octet."""
        box = make_box(profile, sync=sync)
        text = "Zoë 𝄞 & <b>\nZie https://www.voorbeeldstad.example/?a=1&b=2."
        einde = MOMENT + timedelta(days=30)
        given = letter(
            berichttekst=text,
            referentie="Z=1",
            publicatiedatum=MOMENT + timedelta(days=2),
            einddatum_handelingstermijn=einde,
            bijlagen=[Bijlage(pdf(700), "Één = 1.pdf"), Bijlage(pdf(1025), "Twee.pdf")],
        )
        message(box, given).to(box)
        (kept,) = box.letters
        assert (kept.bericht_id, kept.code, kept.offers) == (id_of(box), "Verwerkt", 1)
        assert (kept.oin, kept.bsn, kept.berichttype) == (box.material.sender_oin, "999993653", "BESCHIK")
        assert (kept.onderwerp, kept.berichttekst) == (given.onderwerp, given.geschreven_tekst)
        assert (kept.referentie, kept.einddatum_handelingstermijn) == ("Z=1", einde)
        assert [(one.omschrijving, one.size) for one in kept.bijlagen] == [("Één = 1.pdf", 700), ("Twee.pdf", 1025)]
        assert kept.bijlagen_bytes == 1725
        assert box.letters_to("999993653") == box.burger("999993653").letters == (kept,)
        assert "999993653" not in repr((box.letters, box.requests, box.burger("999993653")))
        assert codes(box) == []

    def test_profiles_beside_each_other(self) -> None:
        """One box serves every CPA; each message is answered by its own."""
        box = make_box()
        for profile, sync in CLEAR:
            other = make_box(profile, sync=sync)
            response = message(other, letter(kenmerk=f"{profile} {sync}")).to(box)
            assert response.status == (200 if sync else 204)
        assert len(box.letters) == len(CLEAR)
        assert codes(box) == []

    @pytest.mark.parametrize(("profile", "sync"), [("osb-rm-e", False), ("osb-be-e", False), ("osb-be", True)])
    def test_not_simulated(self, profile: Profile, sync: bool) -> None:
        """Encrypted profiles are not simulated, nor those that Digikoppeling does not have."""
        with pytest.raises(ValueError, match="is not simulated"):
            Berichtenbox(profile, sync=sync)

    def test_other_hash(self) -> None:
        """B25: the algorithms are those of the CPA, in every reference, both ways."""
        box = make_box("osb-rm-s", terms=Terms(hash_name="sha512", signature_hash="sha384"))
        endpoint = Endpoint(box, acknowledge)
        message(box).to(box)
        box.process()
        for received in endpoint.came:
            verify(box, received)
        assert (codes(box), box.unsettled) == ([], ())


class TestSignatures:
    """Signed profiles: what the box signs holds for the library."""

    @pytest.mark.parametrize(("profile", "sync"), SIGNED)
    def test_verified(self, profile: Profile, sync: bool) -> None:
        """Acknowledgment and result pass the whole policy, the eb:SyncReply of a synchronous CPA included."""
        box = make_box(profile, sync=sync)
        endpoint = Endpoint(box, acknowledge)
        posted = message(box)
        response = posted.to(box)
        box.process()
        came = [*endpoint.came]
        if sync:
            came.append(packet.read(response.headers["Content-Type"], response.body))
        for received in came:
            verify(box, received, sync=sync)
        for received in came:
            if isinstance(received.message, Acknowledgment):
                signature.check_receipt(posted.references, received.message.references)

    def test_large_payload(self) -> None:
        """A payload above a megabyte is digested in a stream, and one changed octet of it or of the value is seen."""
        posted = message(
            make_box("osb-rm-s"),
            *(letter(kenmerk=f"k{n}", bijlagen=[Bijlage(pdf(499_000), "a.pdf")]) for n in range(3)),
        )
        assert len(posted.body) > 1_500_000
        value = posted.body.split(b"<ds:SignatureValue>")[1][:8]
        for old, new, code in (
            (b"<ber:Onderwerp>B", b"<ber:Onderwerp>b", "signature.digest"),
            (value, b"AAAAAAAA", "signature.value"),
        ):
            box = make_box("osb-rm-s")
            posted.edited((old, new)).to(box)
            assert (codes(box), box.letters) == ([code], ())
        good = make_box("osb-rm-s")
        posted.to(good)
        assert (codes(good), len(good.letters)) == ([], 3)


class TestOutcomes:
    """`berichtenbox` c.2: what becomes of a letter, by its test BSN."""

    def test_table(self) -> None:
        """The BSNs are ``99990``, their number and two digits more; all pass the elfproef; every code is there."""
        assert [bsn[:7] for bsn in TEST_BSNS] == [f"99990{number:02}" for number in range(len(TEST_BSNS))]
        assert all(map(_passes_elfproef, TEST_BSNS))
        assert {code.value for code in Verwerkingscode} < {outcome.code for outcome in TEST_BSNS.values()}

    @pytest.mark.parametrize("bsn", [bsn for bsn, one in TEST_BSNS.items() if one.results and not one.whole_batch])
    def test_code(self, bsn: str) -> None:
        """The verdict is the table's, and the box holds the letter only when it is `Verwerkt`."""
        box = make_box()
        endpoint = Endpoint(box, acknowledge)
        message(box, letter(bsn)).to(box)
        box.run_until_idle()
        assert endpoint.verdicts == {id_of(box): TEST_BSNS[bsn].code}
        assert bool(box.letters_to(bsn)) is (TEST_BSNS[bsn].code == "Verwerkt")
        assert codes(box) == []

    @pytest.mark.parametrize("bsn", [bsn for bsn, one in TEST_BSNS.items() if one.whole_batch])
    def test_whole_batch(self, bsn: str) -> None:
        """B68, c.3: one letter makes the whole batch come back under the all-zero BerichtID, with its BatchID."""
        box = make_box()
        endpoint = Endpoint(box, acknowledge)
        message(box, letter(), letter(bsn, kenmerk="zaak-2")).to(box)
        box.run_until_idle()
        (result,) = endpoint.results
        (row,) = result.berichten
        assert (row.bericht_id, row.berichttype, row.code) == (None, "Onbekend", TEST_BSNS[bsn].code)
        assert row.stadium == "ValidatieBerichtType"
        assert result.batch_id is not None
        assert box.letters == ()

    @pytest.mark.parametrize(
        ("bsn", "codes_in_turn"),
        [
            ("999900109", ["TechnischProbleem", "Verwerkt", "BerichtBestaatAl"]),
            ("999900201", ["TechnischProbleem"] * 3),
        ],
    )
    def test_again(self, bsn: str, codes_in_turn: list[str]) -> None:
        """c.2, k.5: the same BerichtID in a new message; what is in the box is there, what was refused is not."""
        box = make_box()
        for code in codes_in_turn:
            endpoint = Endpoint(box, acknowledge)
            message(box, letter(bsn)).to(box)
            box.run_until_idle()
            assert endpoint.verdicts == {id_of(box): code}
        (kept,) = box.letters
        assert kept.offers == 3

    def test_late(self) -> None:
        """The verdict comes after two hours, with the Timestamp of that moment; those of the others come at once."""
        box = make_box()
        endpoint = Endpoint(box, acknowledge)
        message(box, letter(), letter("999901400", kenmerk="zaak-2")).to(box)
        box.run_until_idle()
        first, second = endpoint.results
        assert [str(row.bericht_id) for row in first.berichten] == [id_of(box)]
        assert [str(row.bericht_id) for row in second.berichten] == [id_of(box, "zaak-2")]
        stamps = [one.message.header.timestamp for one in endpoint.came if isinstance(one.message, UserMessage)]
        assert stamps == [MOMENT, MOMENT + timedelta(hours=2)]

    def test_twice(self) -> None:
        """T22: the same verdict in two messages, each with its own MessageId."""
        box = make_box()
        endpoint = Endpoint(box, acknowledge)
        message(box, letter("999901503")).to(box)
        box.run_until_idle()
        one, two = endpoint.results
        assert one.berichten == two.berichten
        assert len({received.message.header.message_id for received in endpoint.came}) == len(endpoint.came)

    def test_gzipped(self) -> None:
        """B70: the payload begins with 1f 8b."""
        box = make_box("osb-rm-s")
        endpoint = Endpoint(box, acknowledge)
        message(box, letter("999901606")).to(box)
        box.process()
        (result,) = [one for one in endpoint.came if isinstance(one.message, UserMessage)]
        assert result.parts[0].octets[:2] == b"\x1f\x8b"
        assert endpoint.verdicts == {id_of(box): "Verwerkt"}

    def test_never(self) -> None:
        """B71: no result, although the letter is in the box."""
        box = make_box()
        endpoint = Endpoint(box, acknowledge)
        message(box, letter("999901709")).to(box)
        box.run_until_idle()
        assert endpoint.kinds == ["Acknowledgment"]
        assert len(box.letters_to("999901709")) == 1

    def test_settable(self) -> None:
        """A test says what becomes of letters to any BSN."""
        box = make_box()
        box.outcome("123456782", "BijlageTeGroot", gzipped=True, after=timedelta(minutes=5))
        box.burger("999990019").niet_geabonneerd()
        box.burger("999900304").geabonneerd()
        assert box.globe.outcomes["123456782"] == Outcome(
            code="BijlageTeGroot", gzipped=True, after=timedelta(minutes=5)
        )
        endpoint = Endpoint(box, acknowledge)
        message(
            box, letter("123456782", kenmerk="a"), letter("999990019", kenmerk="b"), letter("999900304", kenmerk="c")
        ).to(box)
        box.run_until_idle()
        assert list(endpoint.verdicts.values()) == ["NietActiefOfGeabonneerd", "Verwerkt", "BijlageTeGroot"]

    def test_counts(self) -> None:
        """c.1, T19: counts and verdicts of a mixed batch agree; the codes without a count are technical problems."""
        box = make_box()
        endpoint = Endpoint(box, acknowledge)
        bsns = [
            bsn
            for bsn, one in TEST_BSNS.items()
            if one.results == 1 and not (one.whole_batch or one.after or one.gzipped)
        ]
        message(box, *(letter(bsn, kenmerk=f"k{at}") for at, bsn in enumerate(bsns))).to(box)
        box.run_until_idle()
        (result,) = endpoint.results
        assert len(result.berichten) == len(bsns)
        assert [one.code for one in result.consistency(len(bsns)) if "onbekend" not in one.code] == []


class TestNature:
    """What follows from the letter itself, whatever its BSN."""

    def verdict(self, box: Berichtenbox, *berichten: object) -> list[str]:
        """Return the codes of one message with these letters."""
        endpoint = Endpoint(box, acknowledge)
        message(box, *berichten).to(box)  # type: ignore[arg-type] - letters
        box.run_until_idle()
        return [row.code for result in endpoint.results for row in result.berichten]

    def test_type(self) -> None:
        """T12: a BerichtType that is not active."""
        box = make_box(berichttypes={"AANSLAG"})
        assert self.verdict(box, letter(), letter(kenmerk="b", berichttype="AANSLAG")) == [
            "BerichtTypeNietOndersteund",
            "Verwerkt",
        ]

    def test_old(self) -> None:
        """T15: an AanmaakDatum of more than thirteen days ago; the CPA's TimeToLive does not come first here."""
        box = make_box("osb-be")
        posted = message(box)
        box.clock.advance(days=13)
        posted.to(box)
        assert box.letters[0].code == "Verwerkt"
        box = make_box("osb-be")
        box.clock.advance(days=13, seconds=1)
        posted.to(box)
        assert box.letters[0].code == "AanmaakDatumLigtTeVerInHetVerleden"

    def test_far_off(self) -> None:
        """T14: a PublicatieDatum of more than thirteen days after the AanmaakDatum."""
        box = make_box()
        posted = message(box, letter(publicatiedatum=MOMENT + timedelta(days=12)))
        posted.edited(("2026-03-14T09:00:00Z", "2026-03-16T09:00:00Z")).to(box)
        assert box.letters[0].code == "PublicatieDatumLigtTeVerInDeToekomst"

    def test_large(self) -> None:
        """T10: attachments of together more than 500,000 octets."""
        box = make_box()
        roomy = Regels(max_bijlage_bytes=512_000)
        exact = letter(bijlagen=[Bijlage(pdf(499_000), "a.pdf"), Bijlage(pdf(1000), "b.pdf")])
        large = letter(kenmerk="b", regels=roomy, bijlagen=[Bijlage(pdf(500_001), "a.pdf", regels=roomy)])
        assert self.verdict(box, exact, large) == ["Verwerkt", "BijlageTeGroot"]

    def test_foreign_oin(self) -> None:
        """T17: a BerichtLeverancierID that does not belong to the CPA comes back under the all-zero BerichtID."""
        box = make_box(oins={"00000099000000007000"})
        endpoint = Endpoint(box, acknowledge)
        message(box).to(box)
        box.process()
        (row,) = endpoint.results[0].berichten
        assert (row.bericht_id, row.code) == (None, "OinInCPAKomtNietOvereenMetOinInBericht")

    def test_a_thousand(self) -> None:
        """T20: one message, one result with a thousand rows."""
        box = make_box("osb-rm-s")
        endpoint = Endpoint(box, acknowledge)
        message(box, *(letter(kenmerk=f"k{number}") for number in range(1000))).to(box)
        box.process()
        assert len(endpoint.verdicts) == len(box.letters) == 1000
        assert codes(box) == []


class TestDuplicates:
    """f.5: a known MessageId gets its stored answer again, octet for octet, and nothing is taken in twice."""

    @pytest.mark.parametrize(
        ("profile", "sync"), [("osb-rm", False), ("osb-rm-s", False), ("osb-rm", True), ("osb-rm-s", True)]
    )
    def test_same_answer(self, profile: Profile, sync: bool) -> None:
        """B42, B46: the same acknowledgment, in the response or in a new POST; one letter, one result."""
        box = make_box(profile, sync=sync)
        endpoint = Endpoint(box, acknowledge)
        box.lose_next_acknowledgment()
        posted = message(box)
        if sync:
            with pytest.raises(ConnectionResetError):
                posted.to(box)
        else:
            posted.to(box)
        first, second = posted.to(box), posted.to(box)
        box.process()
        if sync:
            assert first.body == second.body != b""
        else:
            assert endpoint.kinds == ["GLOBE-R-BV-Result", "Acknowledgment", "Acknowledgment"]
            assert endpoint.octets[1] == endpoint.octets[2]
        assert (len(box.letters), len(endpoint.results)) == (1, 1)
        assert box.duplicates == {posted.message_id: 2}
        assert box.requests[0].body == box.requests[1].body == posted.body

    def test_best_effort(self) -> None:
        """B45: a best-effort message that comes again is taken once, and answered by nothing."""
        box = make_box("osb-be")
        posted = message(box)
        assert [posted.to(box).status for _ in range(2)] == [204, 204]
        assert len(box.letters) == 1

    def test_errors_are_sticky(self) -> None:
        """h-15: a message that was refused gets the same MessageError, even when its repeat is correct."""
        box = make_box(sync=True)
        box.refuse_next("Inconsistent", location="//Header/X", description="Nee.")
        posted = message(box)
        one, two = posted.to(box), posted.to(box)
        assert one.body == two.body
        error = packet.read(one.headers["Content-Type"], one.body).message
        assert isinstance(error, MessageError)
        assert error.errors == (EbmsError("Inconsistent", "Error", "//Header/X", "Nee."),)
        assert box.letters == ()


class TestResultsAgain:
    """f.1: a result that is not acknowledged comes again, as often as the CPA says."""

    def test_schedule(self) -> None:
        """Retries 3, RetryInterval PT30M: four sends, the same octets, then no more."""
        box = make_box()
        endpoint = Endpoint(box)
        message(box).to(box)
        box.run_until_idle()
        moments = [
            moment - MOMENT for moment, kind in zip(endpoint.moments, endpoint.kinds, strict=True) if "Result" in kind
        ]
        assert moments == [timedelta(minutes=30 * number) for number in range(4)]
        assert (
            len({octets for octets, kind in zip(endpoint.octets, endpoint.kinds, strict=True) if "Result" in kind}) == 1
        )
        assert len(box.unsettled) == 1

    def test_nobody_there(self) -> None:
        """T23: the sender is down when the result comes; it gets it later."""
        box = make_box()
        message(box).to(box)
        assert box.process() == 2
        assert [one.status for one in box.deliveries] == [0, 0]
        endpoint = Endpoint(box, acknowledge)
        box.run_until_idle()
        assert endpoint.kinds == ["GLOBE-R-BV-Result"]
        assert box.unsettled == ()

    def test_best_effort(self) -> None:
        """A best-effort result is sent once, arrived or not."""
        box = make_box("osb-be")
        message(box).to(box)
        box.run_until_idle()
        assert [one.status for one in box.deliveries] == [0]

    def test_refused(self) -> None:
        """A MessageError of severity Error ends it; a Warning does not."""
        for severity, sends in (("Error", 1), ("Warning", 4)):
            box = make_box()
            endpoint = Endpoint(box)
            message(box).to(box)
            box.process()
            asked = endpoint.came[-1].message
            assert isinstance(asked, UserMessage)
            refusal = FormatError("x", "x", ebms_code="Unknown")
            error = agreement.refuse(asked.header, refusal, message_id=ASKED, timestamp=MOMENT)
            found = replace(error.errors[0], severity=severity)
            error = replace(error, errors=(found,), highest_severity=severity)
            assert written(error, sender_of(box), box).to(box).status == 204
            box.run_until_idle()
            assert endpoint.kinds.count("GLOBE-R-BV-Result") == sends
            assert [action for _, action in box.signals] == ["MessageError"]
            assert codes(box) == []

    def test_repeated(self) -> None:
        """A result that was acknowledged comes again all the same, and its acknowledgment must be the same again."""
        box = make_box("osb-rm-s")
        endpoint = Endpoint(box, acknowledge)
        box.repeat_next_result()
        message(box).to(box)
        box.run_until_idle()
        assert endpoint.kinds == ["Acknowledgment", "GLOBE-R-BV-Result", "GLOBE-R-BV-Result"]
        assert endpoint.octets[1] == endpoint.octets[2]
        assert codes(box) == []


class TestSignals:
    """c.2, f.7, f.8: Ping, Pong and status."""

    def ask(self, box: Berichtenbox, kind: str) -> packet.Received | None:
        """Send a question of the library, and return the answer in the response, if there is one."""
        sender = sender_of(box)
        route = sender.cpa.signals(sender=sender.route(MOMENT).sender, action=kind)
        ids = {"message_id": ASKED, "conversation_id": "c"}
        asked = (
            agreement.ping(route, timestamp=MOMENT, **ids)
            if kind == "Ping"
            else agreement.status_request(route, "unknown@localhost", timestamp=MOMENT, **ids)
        )
        response = written(asked, sender, box).to(box)
        is_signal = response.status == 200
        return packet.read(response.headers["Content-Type"], response.body) if is_signal else None

    @pytest.mark.parametrize("sync", [False, True])
    def test_ping(self, sync: bool) -> None:
        """A Ping gets its Pong where the CPA says."""
        box = make_box(sync=sync)
        endpoint = Endpoint(box)
        answer = self.ask(box, "Ping")
        box.process()
        (pong,) = [answer] if answer else endpoint.came
        assert isinstance(pong.message, Pong)
        assert bool(answer) is sync
        assert pong.message.header.ref_to_message_id == ASKED
        assert codes(box) == []

    def test_status(self) -> None:
        """a.2: Logius does not answer a StatusRequest; when it is told to, it says what it knows."""
        box = make_box()
        endpoint = Endpoint(box)
        assert self.ask(box, "StatusRequest") is None
        assert codes(box) == ["status.unanswered"]
        box.answers_status = True
        self.ask(box, "StatusRequest")
        box.process()
        (answer,) = endpoint.came
        assert isinstance(answer.message, StatusResponse)
        assert (answer.message.status, answer.message.timestamp) == ("NotRecognized", None)

    def test_questions_of_its_own(self) -> None:
        """The box can ask too; what the sender answers is noted."""
        box = make_box()
        endpoint = Endpoint(box, acknowledge)
        message(box).to(box)
        box.process()
        result_id = endpoint.came[-1].message.header.message_id
        cpa_id = sender_of(box).cpa.cpa_id
        ping_id, status_id = box.ping(cpa_id), box.ask_status(result_id)
        box.process()
        ping, status = endpoint.came[-2:]
        assert (ping.message.header.message_id, status.message.header.message_id) == (ping_id, status_id)
        assert isinstance(status.message, StatusRequest)
        answer = agreement.pong(
            ping.message,  # type: ignore[arg-type] - a Ping, by its id
            message_id="dddddddd-0000-4000-8000-000000000001@localhost",
            timestamp=MOMENT,
        )
        written(answer, sender_of(box), box).to(box)
        assert [action for _, action in box.signals] == ["Acknowledgment", "Pong"]
        assert codes(box) == []


class TestFaults:
    """Faults on demand: each once, and only when it is asked for."""

    def test_answers(self) -> None:
        """b.3: any status, with or without the message taken; then as before."""
        box = make_box()
        box.answer_next(503)
        box.answer_next(404, b"nergens", content_type="text/plain")
        box.answer_next_with_fault("storing")
        box.answer_next_with_html()
        posted = message(box)
        answers = [posted.to(box) for _ in range(3)]
        assert [one.status for one in answers] == [503, 404, 500]
        assert (answers[0].body, answers[1].headers) == (b"", {"Content-Type": "text/plain"})
        assert b"<faultstring>storing</faultstring>" in answers[2].body
        assert box.letters == ()
        page = posted.to(box)
        assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert len(box.letters) == 1
        assert posted.to(box).status == 204
        assert len(box.requests) == 5
        assert repr(box.requests[0]) == f"Request(unread, {len(posted.body)} octets, '')"

    @pytest.mark.parametrize("sync", [False, True])
    def test_warning(self, sync: bool) -> None:
        """h-23: a warning comes in the place of the acknowledgment; the message is taken, its repeat acknowledged."""
        box = make_box(sync=sync)
        endpoint = Endpoint(box, acknowledge)
        box.refuse_next("DeliveryFailure", severity="Warning", description="")
        posted = message(box)
        answers = [posted.to(box), posted.to(box)]
        box.process()
        kinds = (
            [one.body.split(b"<eb:Action>")[1].split(b"<")[0].decode() for one in answers] if sync else endpoint.kinds
        )
        assert [kind for kind in kinds if kind != "GLOBE-R-BV-Result"] == ["MessageError", "Acknowledgment"]
        assert len(box.letters) == 1

    def test_reset(self) -> None:
        """The connection goes in the middle of the body; the message is not taken."""
        box = make_box()
        box.reset_next(100)
        posted = message(box)
        body = BytesIO(posted.body)
        with pytest.raises(ConnectionResetError):
            box.wire.post(box.url, posted.headers, body, len(posted.body))
        assert (body.tell(), box.requests) == (100, [])
        assert posted.to(box).status == 204

    def test_stall(self) -> None:
        """The answer takes its time on the box's clock; longer than the wire waits is none, though it is taken."""
        box = make_box()
        box.stall_next(10)
        assert message(box).to(box).status == 204
        assert box.clock.now() == MOMENT + timedelta(seconds=10)
        box.stall_next(60)
        with pytest.raises(TimeoutError):
            message(box, letter(kenmerk="b")).to(box)
        assert box.clock.now() == MOMENT + timedelta(seconds=40)
        assert len(box.letters) == 2

    def test_outage(self) -> None:
        """In an outage nobody listens, and nobody is reached."""
        box = make_box()
        endpoint = Endpoint(box)
        message(box).to(box)
        with box.outage():
            assert box.is_down
            with pytest.raises(ConnectionRefusedError):
                message(box).to(box)
            box.process()
        assert endpoint.came == []
        with pytest.raises(ConnectionRefusedError):
            box.wire.post("https://localhost:1/", {}, BytesIO(), 0)

    @pytest.mark.parametrize(
        ("how", "code"),
        [("value", "signature.value"), ("key", "signature.certificate"), ("missing", "signature.missing")],
    )
    @pytest.mark.parametrize("kind", ["acknowledgment", "result"])
    def test_spoilt(self, kind: str, how: str, code: str) -> None:
        """h-25: a signature that does not hold, in one message and then no more."""
        box = make_box("osb-rm-s")
        endpoint = Endpoint(box, acknowledge)
        box.spoil_next(kind, how)  # type: ignore[arg-type] - from the tables above
        for name in ("a", "b"):
            message(box, letter(kenmerk=name)).to(box)
        box.process()
        wanted = Acknowledgment if kind == "acknowledgment" else UserMessage
        bad, good = [one for one in endpoint.came if isinstance(one.message, wanted)]
        with pytest.raises(SignatureError) as caught:
            verify(box, bad)
        assert caught.value.code == code
        verify(box, good)

    def test_spoilt_references(self) -> None:
        """B26: an acknowledgment whose own signature holds, and that repeats another digest than was sent."""
        box = make_box("osb-rm-s")
        endpoint = Endpoint(box)
        box.spoil_next("acknowledgment", "references")
        posted = message(box)
        posted.to(box)
        posted.to(box)
        box.process()
        for received in endpoint.came:
            verify(box, received)
        ack = acknowledged(endpoint)[0]
        with pytest.raises(SignatureError, match="differ"):
            signature.check_receipt(posted.references, ack.references)
        assert codes(box) == []  # a resend after a bad acknowledgment is as it should be

    def test_unsigned_is_not_spoilt(self) -> None:
        """A profile without signatures has none to spoil."""
        box = make_box()
        endpoint = Endpoint(box, acknowledge)
        for how in ("value", "key", "missing", "references"):
            box.spoil_next("acknowledgment", how)  # type: ignore[arg-type] - one of the four
        message(box).to(box)
        box.process()
        assert endpoint.kinds == ["Acknowledgment", "GLOBE-R-BV-Result"]

    def test_stranger(self) -> None:
        """One delivery comes with a certificate of nobody in the CPA."""
        box = make_box()
        endpoint = Endpoint(box, acknowledge)
        box.come_as_a_stranger()
        message(box).to(box)
        box.process()
        assert endpoint.peers == [box.stranger.certificate_der, box.material.receiver.certificate_der]

    def test_order(self) -> None:
        """The result before the acknowledgment."""
        box = make_box()
        endpoint = Endpoint(box, acknowledge)
        box.send_next_result_first()
        message(box).to(box)
        box.process()
        assert endpoint.kinds == ["GLOBE-R-BV-Result", "Acknowledgment"]

    def test_early(self) -> None:
        """B43: the acknowledgment is there before the request is answered."""
        box = make_box()
        endpoint = Endpoint(box, acknowledge)
        box.acknowledge_next_early()
        message(box).to(box)
        assert endpoint.kinds == ["Acknowledgment"]

    def test_all_are_used_up(self) -> None:
        """After a fault everything is as before."""
        box = make_box()
        endpoint = Endpoint(box, acknowledge)
        for fault in (box.lose_next_acknowledgment, box.send_next_result_first, box.repeat_next_result):
            fault()
        for name in ("a", "b"):
            message(box, letter(kenmerk=name)).to(box)
        box.run_until_idle()
        assert endpoint.kinds == ["GLOBE-R-BV-Result"] * 2 + ["Acknowledgment", "GLOBE-R-BV-Result"]


class TestBox:
    """The box itself."""

    def test_new_ids(self) -> None:
        """MessageIds come from where a test says."""
        numbers = iter(range(100))
        box = make_box(new_id=lambda: UUID(int=next(numbers)))
        endpoint = Endpoint(box, acknowledge)
        message(box).to(box)
        box.process()
        ids = {one.message.header.message_id for one in endpoint.came}
        assert ids == {f"{UUID(int=number)}@localhost" for number in range(2)}

    def test_idle(self) -> None:
        """`run_until_idle` calls what the sender does of itself, and gives up on one that never settles anything."""
        box = make_box()
        worked = []
        box.connect(None, lambda: worked.append(box.clock.now()))
        message(box).to(box)
        box.run_until_idle()
        assert worked[0] == MOMENT
        assert len(worked) > 1
        message(box, letter(kenmerk="b")).to(box)
        with pytest.raises(RuntimeError, match="after 2 moments"):
            box.run_until_idle(most=2)

    def test_large_bodies(self) -> None:
        """Of large bodies the last sixteen are kept, of the others their digest; small ones are all kept."""
        box = make_box()
        for number in range(18):
            box.answer_next(503)
            box.handle({}, bytes(1_100_000 + number))
        box.answer_next(503)
        box.handle({}, b"small")
        assert [request.size for request in box.requests[:2]] == [1_100_000, 1_100_001]
        with pytest.raises(LookupError):
            box.requests[1].body.hex()
        assert len(box.requests[2].body) == 1_100_002
        assert box.requests[-1].body == b"small"

    def test_several_messages(self) -> None:
        """A sender that may put ten letters in a batch gives several messages, each with its own result."""
        box = make_box()
        endpoint = Endpoint(box, acknowledge)
        sender = replace(sender_of(box), regels=Regels(batch_berichten=10))
        for posted in messages(box, *(letter(kenmerk=f"k{number}") for number in range(25)), sender=sender):
            posted.to(box)
        box.process()
        assert [len(result.berichten) for result in endpoint.results] == [10, 10, 5]
        assert codes(box) == []

    def test_a_receipt_of_the_library(self) -> None:
        """The library's signed acknowledgment of a result holds for the box."""
        box = make_box("osb-rm-s")
        endpoint = Endpoint(box)
        message(box).to(box)
        box.process()
        assert acknowledgment(box, endpoint.came[-1]).to(box).status == 204
        assert (box.unsettled, codes(box)) == ((), [])
