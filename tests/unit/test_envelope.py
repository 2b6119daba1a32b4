"""The SOAP envelope: `digikoppeling-ebms2` section c and notes h-30 to h-42."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from lxml import etree
from tests.kinds import (
    ACKNOWLEDGMENT,
    BEST_EFFORT,
    KINDS,
    MESSAGE_ERROR,
    MESSAGE_ID,
    PING,
    RECEIPT,
    REFERENCES,
    RELIABLE,
    SENT,
    STATUS_RESPONSE,
)

from mobb_client import _xml
from mobb_client.ebms import envelope
from mobb_client.ebms.message import (
    ERROR_CONTEXT,
    Acknowledgment,
    EbmsError,
    Message,
    MessageError,
    MessageHeader,
    Party,
    PartyId,
    Service,
    StatusResponse,
    UserMessage,
)
from mobb_client.errors import FormatError

SECRET = "999993653"  # noqa: S105 - a test BSN
NOTHING = "http://example.test/nothing"


def octets_of(message: Message) -> str:
    """Return an envelope as it goes on the wire."""
    return etree.tostring(envelope.build(message), encoding="unicode")


def read(text: str | bytes) -> Message:
    """Read an envelope as it comes in."""
    return envelope.read(_xml.parse(text.encode() if isinstance(text, str) else text, "envelope"))


def changed(message: Message, *pairs: tuple[str, str]) -> str:
    """Return a message's envelope with texts replaced once each; every one of them must be there."""
    text = octets_of(message)
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def read_header(text: str) -> MessageHeader:
    """Return the header of an envelope."""
    return read(text).header


def refusal(text: str | bytes) -> FormatError:
    """Return how an envelope is refused."""
    with pytest.raises(FormatError) as caught:
        read(text)
    return caught.value


def without_transforms(message: Message) -> Message:
    """Return a message without the transforms of its references: their texts name prefixes."""
    if not isinstance(message, Acknowledgment):
        return message
    return replace(message, references=tuple(replace(one, transforms=()) for one in message.references))


class TestPrefixes:
    """h-31: prefixes are stable when we write, and anything when we read."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_declared_once(self, kind: str) -> None:
        """B13: soap, eb, xlink and ds, on the root and nowhere else; one more belongs to a prefix list."""
        text = octets_of(KINDS[kind])
        root, rest = text.split(">", 1)
        assert re.findall(r"xmlns:?(\w*)=", root) == ["soap", "eb", "xlink", "ds"]
        assert re.findall(r"xmlns:?(\w*)=", rest) == (["ec"] if kind == "acknowledgment-receipt" else [])
        assert set(re.findall(r"</?(\w+):", text)) <= {"soap", "eb", "ds", "ec"}

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(
        "names", [("SOAP-ENV", "ns2", "ns3", "dsig"), ("s", "x", "y", "z"), ("eb", "soap", "ds", "xlink")]
    )
    def test_any_prefix(self, kind: str, names: tuple[str, ...]) -> None:
        """B13: another prefix is the same message, also when it is one that we use for something else."""
        prefixes = dict(zip(("soap", "eb", "xlink", "ds"), names, strict=True))
        pattern = r"(?<=[<\s/:@])(soap|eb|xlink|ds)(?=[:=])"
        text = re.sub(pattern, lambda found: prefixes[found[0]], octets_of(KINDS[kind]))
        assert without_transforms(read(text)) == without_transforms(KINDS[kind])

    def test_default_namespace(self) -> None:
        """h-2: SOAP or ebMS as the default namespace; attributes keep a prefix."""
        text = octets_of(RELIABLE).replace("<soap:", "<").replace("</soap:", "</")
        assert (
            read(text.replace("xmlns:soap=", 'xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:soap='))
            == RELIABLE
        )


class TestDocument:
    """c.1: what may stand around an envelope, and what may not."""

    @pytest.mark.parametrize(
        "document",
        [
            octets_of(RELIABLE).encode(),
            b'<?xml version="1.0"?>\n' + octets_of(RELIABLE).encode(),
            b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + octets_of(RELIABLE).encode(),
            b"\xef\xbb\xbf" + octets_of(RELIABLE).encode(),
            octets_of(RELIABLE).encode("utf-16"),
            b'<?xml version="1.0" encoding="ISO-8859-1"?>' + octets_of(RELIABLE).encode(),
            octets_of(RELIABLE).encode() + b"\n\n",
            octets_of(RELIABLE)
            .replace(
                "<soap:Envelope ",
                '<soap:Envelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
                'xsi:schemaLocation="http://schemas.xmlsoap.org/soap/envelope/ http://example.test/envelope.xsd" ',
            )
            .encode(),
            re.sub(r">(?=<)", ">\n   ", octets_of(RELIABLE)).encode(),
            re.sub(r"(?<=>)(?=[\w])|(?<=\w)(?=</)", "\n\t", octets_of(RELIABLE)).encode(),
        ],
        ids=[
            *("bare", "declaration", "standalone", "byte order mark", "UTF-16", "Latin-1", "epilogue"),
            *("schemaLocation", "pretty-printed", "blanks in texts"),
        ],
    )
    def test_accepted(self, document: bytes) -> None:
        """B14: declaration or none, schemaLocation or none, any encoding, any layout."""
        assert read(document) == RELIABLE

    def test_comments(self) -> None:
        """B75: a comment inside a text does not cut it; the text is whole."""
        text = octets_of(RELIABLE)
        for tag in ("MessageId", "CPAId", "ConversationId", "Action", "Service", "PartyId", "Role"):
            text = re.sub(rf"(<eb:{tag}[^>]*>..)", r"\1<!-- x -->", text)
        assert text.count("<!--") == 9
        assert read(text) == RELIABLE

    def test_character_data(self) -> None:
        """A CDATA section is text like any other."""
        assert read(changed(RELIABLE, (MESSAGE_ID, f"5f1c<![CDATA[{MESSAGE_ID[4:]}]]>"))) == RELIABLE

    @pytest.mark.parametrize(
        ("document", "code"),
        [
            ("", "xml.syntax"),
            ("<", "xml.syntax"),
            ("\x00", "xml.syntax"),
            ('<?xml version="1.0" encoding="nonsense"?><a/>', "xml.syntax"),
            ("<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "xml.doctype"),
            ("<?php x ?><a/>", "xml.processing-instruction"),
            ("<a/><?php x ?>", "xml.processing-instruction"),
            ("<Envelope/>", "envelope.root"),
            ('<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"/>', "envelope.root"),
            ('<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"/>', "envelope.schema"),
        ],
    )
    def test_refused(self, document: str, code: str) -> None:
        """Not XML, not to be trusted, or not SOAP 1.1: each with its own code."""
        assert refusal(document).code == code

    def test_fault(self) -> None:
        """h-52: a SOAP fault is told apart, and its text not quoted."""
        text = (
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
            f"<faultcode>s:Client</faultcode><faultstring>{SECRET}</faultstring></s:Fault></s:Body></s:Envelope>"
        )
        assert refusal(text).code == "envelope.fault"
        assert SECRET not in str(refusal(text))


class TestHeader:
    """c.2: eb:MessageHeader."""

    @pytest.mark.parametrize(
        "text", ["Zoë", "𝄞", "&<>\"'", "a=b=", "x\ny\tz", "één\u00a0twee", "\u2028", "]]>", "e\u0301"]
    )
    def test_every_text(self, text: str) -> None:
        """B06: any character in any text of the header comes back."""
        header = MessageHeader(
            sender=Party((PartyId(text, text),), text),
            receiver=Party((PartyId(text),), text),
            cpa_id=text,
            conversation_id=text,
            service=Service(text, text),
            action=text,
            message_id=text,
            timestamp=SENT,
            ref_to_message_id=text,
        )
        assert read_header(octets_of(UserMessage(header=header))) == header

    @pytest.mark.parametrize(
        "message_id",
        [
            "20260122-0001",
            "urn:uuid:5f1c9a3e-7b0d-4d8e-9a51-2f4f0b7c1d11",
            "5f1c9a3e@host@host",
            "<5f1c9a3e@host>",
            "a b",
            "\u00a0x\u2003",
            "X" * 300,
        ],
    )
    def test_message_id(self, message_id: str) -> None:
        """B18: an id that is no UUID, with or without host, is kept as it stands in both places."""
        header = replace(BEST_EFFORT.header, message_id=message_id, ref_to_message_id=message_id)
        assert read_header(octets_of(replace(BEST_EFFORT, header=header))) == header
        acknowledgment = replace(ACKNOWLEDGMENT, ref_to_message_id=message_id)
        assert read(octets_of(acknowledgment)) == acknowledgment

    def test_party_ids(self) -> None:
        """B19: PartyIds without type, and several of them, keep their order."""
        party = Party((PartyId("urn:x:1"), PartyId("2", "urn:osb:oin"), PartyId("1", "urn:osb:oin")), "SR")
        message = replace(BEST_EFFORT, header=replace(BEST_EFFORT.header, sender=party))
        assert read(octets_of(message)) == message

    @pytest.mark.parametrize(
        ("written", "moment"),
        [
            ("2026-01-15T09:30:00Z", SENT.replace(microsecond=0)),
            ("2026-01-15T09:30:00.123Z", SENT),
            ("2026-01-15T09:30:00.1234567Z", SENT.replace(microsecond=123456)),
            ("2026-01-15T09:30:00.123456789Z", SENT.replace(microsecond=123456)),
            ("2026-01-15T09:30:00.1", SENT.replace(microsecond=100000)),
            ("2026-01-15T10:30:00.123+01:00", SENT),
            ("2026-01-15T04:00:00.123-05:30", SENT),
            ("2026-01-15T09:30:00", SENT.replace(microsecond=0)),
            ("\n 2026-01-15T09:30:00.123Z ", SENT),
            ("2026-01-14T24:00:00Z", datetime(2026, 1, 15, tzinfo=UTC)),
        ],
    )
    def test_timestamp_read(self, written: str, moment: datetime) -> None:
        """B20: no fraction to nine digits, Z, an offset or none, which means UTC."""
        assert read_header(changed(BEST_EFFORT, ("2026-01-15T09:30:00.123Z", written))).timestamp == moment

    @pytest.mark.parametrize(
        "written",
        ["Sat Jul 10 09:30:00 HKT 2026", "2026-01-15", "15-01-2026T09:30:00Z", "2026-02-30T00:00:00Z", "", "now"],
    )
    def test_timestamp_refused(self, written: str) -> None:
        """B20: what is no xs:dateTime is refused by its path and not quoted."""
        error = refusal(changed(BEST_EFFORT, ("2026-01-15T09:30:00.123Z", written)))
        assert error.code == "envelope.schema"
        assert "eb:Timestamp" in error.sentence
        assert not written or written not in error.sentence

    @pytest.mark.parametrize("year", ["0000", "-0001", "12026"])
    def test_timestamp_out_of_reach(self, year: str) -> None:
        """B20: a moment that only XML Schema can hold is refused and does not crash."""
        assert refusal(changed(BEST_EFFORT, ("2026-01", f"{year}-01"))).code in {"xml.moment", "envelope.schema"}

    @pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Amsterdam"), timezone(timedelta(hours=-5, minutes=-30))])
    def test_timestamp_written(self, zone: ZoneInfo | timezone) -> None:
        """B20: always Z, whatever the zone of the value."""
        header = replace(RELIABLE.header, timestamp=SENT.astimezone(zone), time_to_live=SENT.astimezone(zone))
        assert octets_of(replace(RELIABLE, header=header)).count(">2026-01-15T09:30:00.123Z<") == 2

    @pytest.mark.parametrize("path", ["eb:CPAId", "eb:ConversationId", "eb:Action", "eb:MessageId", "eb:Role"])
    def test_nothing_but_blanks(self, path: str) -> None:
        """The schema lets a blank pass as a text; nothing could be done with it."""
        error = refusal(re.sub(rf"<{path}>[^<]*", f"<{path}> \n", octets_of(RELIABLE), count=1))
        assert (error.code, error.location) == ("xml.empty", path)

    @pytest.mark.parametrize("path", ["eb:PartyId", "eb:Service"])
    def test_nothing_but_blanks_with_type(self, path: str) -> None:
        """Likewise where there is a type."""
        error = refusal(re.sub(rf"(<{path} [^>]*>)[^<]*", r"\1 ", octets_of(RELIABLE), count=1))
        assert (error.code, error.location) == ("xml.empty", path)

    @pytest.mark.parametrize(
        "path", ["eb:From", "eb:CPAId", "eb:Service", "eb:Action", "eb:MessageData", "eb:MessageId"]
    )
    def test_missing(self, path: str) -> None:
        """B05: a part that is missing is named."""
        error = refusal(re.sub(rf"<{path}[ >].*?</{path}>", "", octets_of(RELIABLE)))
        assert error.code == "envelope.schema"
        assert path in error.sentence

    def test_twice(self) -> None:
        """d.7 step 2: a second header is not picked from."""
        header = octets_of(RELIABLE).partition("<soap:Header>")[2].partition("<eb:AckRequested")[0]
        assert refusal(changed(RELIABLE, (header, header * 2))).sentence == (
            "soap:Header/eb:MessageHeader: expected once, found 2 times"
        )

    def test_foreign_element_inside(self) -> None:
        """c.2: elements of other namespaces at the end of MessageHeader are passed over, and so is a Description."""
        extra = f'<eb:Description xml:lang="nl">Zoë</eb:Description><x:y xmlns:x="{NOTHING}">z</x:y></eb:MessageHeader>'
        assert read(changed(RELIABLE, ("</eb:MessageHeader>", extra))) == RELIABLE


class TestBlocks:
    """c.1, h-31, h-33: header blocks in any order, known and unknown."""

    @pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
    def test_any_order(self, order: tuple[int, ...]) -> None:
        """The schema prescribes no order, not for the signature either."""
        root = envelope.build(KINDS["user-osb-rm-sync"])
        header = root[0]
        etree.SubElement(header, "{http://www.w3.org/2000/09/xmldsig#}Signature")
        header[:] = [list(header)[index] for index in order]
        assert read(etree.tostring(root)) == KINDS["user-osb-rm-sync"]

    @pytest.mark.parametrize(("written", "numeric"), [("true", "1"), ("false", "0"), (" 1 ", "1")])
    def test_must_understand(self, written: str, numeric: str) -> None:
        """h-33: true and false are read, although the schema has digits only."""
        text = octets_of(RELIABLE)
        assert read(text.replace('mustUnderstand="1"', f'mustUnderstand="{numeric}"')) == RELIABLE
        assert read(text.replace('mustUnderstand="1"', f'mustUnderstand="{written}"')) == RELIABLE

    @pytest.mark.parametrize("written", ["1", "true", " 1", "\ttrue "])
    @pytest.mark.parametrize("tag", ["x:y", "eb:Via", "eb:Manifest", "ds:Object", "y"])
    def test_unknown_that_must_be_understood(self, tag: str, written: str) -> None:
        """SOAP 1.1 section 4.2.3: refused, also when it comes from a namespace that we know."""
        block = f'<{tag} xmlns:x="{NOTHING}" soap:mustUnderstand="{written}"/></soap:Header>'
        error = refusal(changed(PING, ("</soap:Header>", block)))
        assert error.code in {"soap.must-understand", "envelope.schema"}
        if tag == "x:y":
            assert (error.code, error.ebms_code) == ("soap.must-understand", "NotSupported")

    @pytest.mark.parametrize(
        "attribute", ["", 'soap:mustUnderstand="0"', 'soap:mustUnderstand="false"', 'mustUnderstand="1"']
    )
    def test_unknown_that_may_be_ignored(self, attribute: str) -> None:
        """SOAP 1.1 section 4.2.3: passed over."""
        block = f'<x:y xmlns:x="{NOTHING}" {attribute}>{SECRET}</x:y></soap:Header>'
        assert read(changed(RELIABLE, ("</soap:Header>", block))) == RELIABLE

    @pytest.mark.parametrize(
        ("message", "block"),
        [
            (RELIABLE, octets_of(ACKNOWLEDGMENT)),
            (RELIABLE, octets_of(MESSAGE_ERROR)),
            (PING, octets_of(ACKNOWLEDGMENT)),
            (ACKNOWLEDGMENT, octets_of(MESSAGE_ERROR)),
        ],
    )
    def test_bundle(self, message: Message, block: str) -> None:
        """a.2: an acknowledgment stands alone; one inside another message is refused and not lost."""
        answer = re.findall(r"<eb:(?:Acknowledgment|ErrorList).*</eb:(?:Acknowledgment|ErrorList)>", block)[0]
        error = refusal(changed(message, ("</soap:Header>", f"{answer}</soap:Header>")))
        assert (error.code, error.ebms_code) == ("envelope.bundle", "NotSupported")

    def test_ack_requested_is_a_boolean(self) -> None:
        """XML Schema lets blanks stand around a boolean: " true " asks for a signature."""
        for written, signed in ((" true ", True), ("1", True), ("\nfalse", False), (" 0", False)):
            message = read(changed(RELIABLE, ('eb:signed="false"', f'eb:signed="{written}"')))
            assert isinstance(message, UserMessage)
            assert message.ack_requested
            assert message.ack_requested.signed is signed

    def test_ack_requested_without_actor(self) -> None:
        """c.2: toPartyMSH is the default."""
        assert read(re.sub(r"(<eb:AckRequested[^>]*) soap:actor=\"[^\"]*\"", r"\1", octets_of(RELIABLE))) == RELIABLE

    def test_message_order(self) -> None:
        """h-29: seen when it comes in, never sent."""
        block = (
            '<eb:MessageOrder eb:version="2.0" soap:mustUnderstand="1"><eb:SequenceNumber>1</eb:SequenceNumber>'
            "</eb:MessageOrder></soap:Header>"
        )
        message = read(changed(RELIABLE, ("</soap:Header>", block)))
        assert message == replace(RELIABLE, message_order=True)
        with pytest.raises(ValueError, match="MessageOrder"):
            envelope.build(message)


class TestSignals:
    """c.2: Acknowledgment, ErrorList, Ping, Pong, status."""

    @pytest.mark.parametrize("kind", [kind for kind, message in KINDS.items() if not isinstance(message, UserMessage)])
    def test_no_role_no_duplicate_elimination(self, kind: str) -> None:
        """B15, B16: neither is written in a signal, nor a type of the service."""
        text = octets_of(KINDS[kind])
        assert "eb:Role" not in text
        assert "eb:DuplicateElimination" not in text
        assert "<eb:Service>urn:oasis:names:tc:ebxml-msg:service</eb:Service>" in text

    def test_role(self) -> None:
        """B15: an acknowledgment with roles is one, too."""
        text = octets_of(ACKNOWLEDGMENT).replace("</eb:PartyId>", "</eb:PartyId><eb:Role>SP</eb:Role>")
        message = read(text)
        assert isinstance(message, Acknowledgment)
        assert message.ref_to_message_id == MESSAGE_ID
        assert message.header.sender.role == "SP"

    def test_duplicate_elimination(self) -> None:
        """B16: an acknowledgment that has it is accepted when it comes in."""
        text = changed(ACKNOWLEDGMENT, ("</eb:MessageData>", "</eb:MessageData><eb:DuplicateElimination/>"))
        assert isinstance(read(text), Acknowledgment)

    def test_reference_only_in_acknowledgment(self) -> None:
        """B17: what is acknowledged is read from the Acknowledgment, also when the header does not name it."""
        header, rest = octets_of(ACKNOWLEDGMENT).split("</eb:MessageHeader>")
        message = read(re.sub("<eb:RefToMessageId>.*</eb:RefToMessageId>", "", header) + "</eb:MessageHeader>" + rest)
        assert isinstance(message, Acknowledgment)
        assert message.header.ref_to_message_id is None
        assert message.ref_to_message_id == MESSAGE_ID

    def test_without_actor(self) -> None:
        """h-28: accepted, although some do not."""
        message = read(re.sub(r" soap:actor=\"[^\"]*\"", "", octets_of(ACKNOWLEDGMENT)))
        assert message == replace(ACKNOWLEDGMENT, actor=None)

    def test_service_with_type(self) -> None:
        """c.2: an acknowledgment whose Service has a type is no signal; its block makes it a bundle."""
        text = changed(ACKNOWLEDGMENT, ("<eb:Service>", '<eb:Service eb:type="urn:x">'))
        assert refusal(text).code == "envelope.bundle"

    def test_unknown_action(self) -> None:
        """The message service has six actions."""
        error = refusal(changed(PING, ("<eb:Action>Ping", "<eb:Action>Pang")))
        assert (error.code, error.ebms_code) == ("envelope.signal", "ValueNotRecognized")
        assert error.location == "//Header/MessageHeader/Action"

    @pytest.mark.parametrize("kind", ["acknowledgment", "message-error", "status-request", "status-received"])
    def test_without_its_block(self, kind: str) -> None:
        """B05: a signal that lacks what it is about."""
        text = re.sub(r"<eb:(Acknowledgment|ErrorList|Status\w+).*</eb:\1>", "", octets_of(KINDS[kind]))
        assert refusal(text).code == "xml.once"

    def test_errors_are_an_error_list(self) -> None:
        """B11: an error inside the protocol is an ErrorList in a MessageError, and no SOAP fault."""
        text = octets_of(MESSAGE_ERROR)
        assert "<eb:ErrorList " in text
        assert "Fault" not in text
        assert read(text) == MESSAGE_ERROR

    def test_error_without_context_and_description(self) -> None:
        """h-41, h-42: both may be absent; the context has a default."""
        text = octets_of(MESSAGE_ERROR).replace(f' eb:codeContext="{ERROR_CONTEXT}"', "")
        message = read(re.sub("<eb:Description.*</eb:Description>", "", text))
        assert isinstance(message, MessageError)
        assert [(error.context, error.description) for error in message.errors] == [(ERROR_CONTEXT, "")] * 2

    def test_blank_description(self) -> None:
        """h-42: some send words that say nothing."""
        message = read(changed(MESSAGE_ERROR, ("MIME part not found.", " ")))
        assert isinstance(message, MessageError)
        assert message.errors[0].description == ""

    def test_severities(self) -> None:
        """XML Schema lets blanks stand around an NMTOKEN."""
        text = octets_of(MESSAGE_ERROR).replace('"Warning"', '" Warning "').replace('"Error"', '"\nError"')
        message = read(text)
        assert isinstance(message, MessageError)
        assert message.highest_severity == "Error"
        assert [error.severity for error in message.errors] == ["Error", "Warning"]

    def test_status(self) -> None:
        """Likewise."""
        assert read(changed(STATUS_RESPONSE, ('"Received"', '" Received"'))) == STATUS_RESPONSE

    @pytest.mark.parametrize("status", ["UnAuthorized", "NotRecognized", "Received", "Processed", "Forwarded"])
    def test_every_status(self, status: str) -> None:
        """c.2: the five answers to a StatusRequest."""
        message = read(changed(STATUS_RESPONSE, ('"Received"', f'"{status}"')))
        assert isinstance(message, StatusResponse)
        assert message.status == status


class TestReferences:
    """d.6: what an acknowledgment repeats of a signature."""

    @pytest.mark.parametrize("between", ["&#13;\n", "&#13;", "\r\n", " ", "\t"])
    def test_digest(self, between: str) -> None:
        """B28: base64 with a CR as a character reference, and other blanks, is the same digest."""
        text = re.sub(
            r"<ds:DigestValue>(.{20})(.*?)<", rf"<ds:DigestValue>{between}\1{between}\2{between}<", octets_of(RECEIPT)
        )
        assert read(text) == RECEIPT

    @pytest.mark.parametrize("wrong", ["AAE", "AA!=", "=", "é", "AAAA<ds:X/>AAAA", "AAAA\u00a0"])
    def test_no_digest(self, wrong: str) -> None:
        """What is not base64, or only in part, is refused by name."""
        error = refusal(re.sub(r"(<ds:DigestValue>)[^<]*", rf"\g<1>{wrong}", octets_of(RECEIPT), count=1))
        assert error.code in {"xml.base64", "xml.text-only"}
        assert error.location == "ds:DigestValue"

    def test_other_soap_prefix(self) -> None:
        """h-3: the XPath of another stack is repeated with the prefix that our envelope declares."""
        theirs = replace(REFERENCES[0].transforms[1], xpath="not(@S:actor)", soap_prefix="S")
        message = read(octets_of(replace(RECEIPT, references=(replace(REFERENCES[0], transforms=(theirs,)),))))
        assert isinstance(message, Acknowledgment)
        assert message.references[0].transforms == (REFERENCES[0].transforms[1],)

    def test_xpath_without_prefix(self) -> None:
        """h-2: with SOAP as the default namespace the XPath names no prefix, and means nothing."""
        message = read(changed(RECEIPT, ("not(@soap:actor)", "not(@actor)")))
        assert isinstance(message, Acknowledgment)
        assert message.references[0].transforms[1].soap_prefix is None

    def test_without_uri(self) -> None:
        """XML Signature: no URI is something else than an empty one, which means the envelope."""
        assert refusal(changed(RECEIPT, (' URI=""', ""))).code == "xml.attribute"

    def test_xpath_in_pieces(self) -> None:
        """What stands behind an element inside the XPath would be overlooked."""
        text = changed(RECEIPT, ("not(@soap:actor)", "not(@soap:actor)<ds:X/> or true()"))
        assert refusal(text).code == "xml.text-only"

    @pytest.mark.parametrize("element", ["ds:DigestMethod", "ds:DigestValue"])
    def test_missing(self, element: str) -> None:
        """B05: a reference without method or value."""
        text = re.sub(rf"<{element}( [^>]*/>|>[^<]*</{element}>)", "", octets_of(RECEIPT), count=1)
        assert refusal(text).code == "xml.once"


HIDING_PLACES = [
    ("eb:Timestamp>2026", "eb:Timestamp>999993653"),
    ("<eb:CPAId>", f"<eb:{'CPAId'}>x</eb:CPAId><eb:CPAId>{SECRET}"),
    ('eb:version="2.0"', f'version="{SECRET}"'),
    ('mustUnderstand="1"', f'mustUnderstand="{SECRET}"'),
    ('eb:signed="false"', f'eb:signed="{SECRET}"'),
    ("<soap:Body>", f"<soap:Body><eb:StatusRequest>{SECRET}</eb:StatusRequest>"),
    ("<eb:Manifest", f"<eb:Manifest eb:b{SECRET}='x'"),
    ("xlink:href", f"xlink:h{SECRET}"),
    ('xlink:type="simple"', f'xlink:type="{SECRET}"'),
    ("<eb:DuplicateElimination/>", f"<eb:b{SECRET}/>"),
    ("<eb:DuplicateElimination/>", f"<eb:DuplicateElimination><eb:x>{SECRET}</eb:x></eb:DuplicateElimination>"),
    ("<eb:MessageData>", f"<eb:MessageData>{SECRET}"),
    ("</eb:MessageHeader>", f"<eb:{SECRET}"),
    ("</eb:MessageHeader>", f"&b{SECRET};</eb:MessageHeader>"),
    ("</eb:MessageHeader>", f"</eb:b{SECRET}>"),
    ("<soap:Header>", f'<soap:Header><b{SECRET} soap:mustUnderstand="1"/>'),
    ("<soap:Header>", f'<soap:Header><eb:b{SECRET} soap:mustUnderstand="1"/>'),
]


class TestNothingIsQuoted:
    """`style.md` section 3: content is measured and not quoted, also in a refusal."""

    @pytest.mark.parametrize("place", HIDING_PLACES, ids=[new[:40] for _, new in HIDING_PLACES])
    def test_refusal(self, place: tuple[str, str]) -> None:
        """A BSN in any place that is refused does not show."""
        error = refusal(changed(RELIABLE, place))
        assert SECRET not in repr(error)
        assert SECRET not in error.location
        assert error.__cause__ is None

    def test_long_list(self) -> None:
        """A thousand faults do not make a sentence of a megabyte."""
        references = "<eb:Reference/>" * 1000
        assert len(refusal(changed(BEST_EFFORT, ("<eb:Reference", f"{references}<eb:Reference"))).sentence) < 2000


class TestWriting:
    """What cannot be written is refused before it is."""

    @pytest.mark.parametrize("text", ["\x00", "\x0b", "\ud800", "\ufffe"])
    def test_no_such_character(self, text: str) -> None:
        """XML has no such character, not even escaped."""
        with pytest.raises(ValueError, match=r"XML|surrogates"):
            envelope.build(replace(BEST_EFFORT, header=replace(BEST_EFFORT.header, action=text)))

    @pytest.mark.parametrize(
        "header",
        [
            replace(BEST_EFFORT.header, action=""),
            replace(BEST_EFFORT.header, sender=Party(())),
            replace(BEST_EFFORT.header, cpa_id=""),
        ],
    )
    def test_check(self, header: MessageHeader) -> None:
        """h-30: what every receiver would refuse is refused here."""
        with pytest.raises(FormatError) as caught:
            envelope.check(envelope.build(replace(BEST_EFFORT, header=header)))
        assert caught.value.code == "envelope.schema"

    def test_error_without_words(self) -> None:
        """h-42: an error of only a code is valid and comes back."""
        message = replace(MESSAGE_ERROR, errors=(EbmsError("Unknown"),))
        assert read(octets_of(message)) == message

    def test_same_octets(self) -> None:
        """The same message gives the same octets."""
        assert octets_of(RELIABLE) == octets_of(replace(RELIABLE))
