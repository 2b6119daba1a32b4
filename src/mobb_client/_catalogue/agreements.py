"""Codes of CPAs, routes and settings."""

from typing import Final

from mobb_client._catalogue._entry import Entry, entry

_DK: Final = "Digikoppeling Koppelvlakstandaard ebMS2"
_BP: Final = "Digikoppeling Best Practices ebMS2"
_BV: Final = "Digikoppeling Beveiligingsstandaarden en voorschriften"
_CPPA: Final = "CPPA 2.0"
_NEW_CPA_EN: Final = "Ask the maker of the CPA (Logius, for the Berichtenbox) for a corrected one"
_NEW_CPA_NL: Final = "Vraag de maker van de CPA (voor de Berichtenbox: Logius) om een verbeterde"

_WHOLE: Final[dict[str, Entry]] = {
    "cpa.file": entry(
        en="a CPA file that can be read",
        nl="een CPA-bestand dat te lezen is",
        source="mobb_client settings",
        do_en="Check the path and the rights of the file.",
        do_nl="Controleer pad en rechten van het bestand.",
    ),
    "cpa.status": entry(
        en="a CPA that both parties have agreed (status agreed or signed)",
        nl="een CPA die beide partijen zijn overeengekomen (status agreed of signed)",
        source=f"{_CPPA}, Status",
        do_en="Ask the other party for the agreed CPA; a proposed one is refused on their side as well.",
        do_nl="Vraag de andere partij om de overeengekomen CPA; een voorgestelde wordt ook daar geweigerd.",
    ),
    "cpa.status-signed": entry(
        en="the status agreed, the only one that every adapter accepts",
        nl="de status agreed, de enige die elke adapter accepteert",
        source=f"{_CPPA}, Status",
        do_en="If messages come back as Inconsistent, ask for the same CPA with status agreed.",
        do_nl="Komen berichten terug als Inconsistent, vraag dan om dezelfde CPA met status agreed.",
    ),
    "cpa.dates": entry(
        en="a Start that lies before the End",
        nl="een Start die voor End ligt",
        source=f"{_CPPA}, Start and End",
        do_en=f"{_NEW_CPA_EN}: this one is never in force.",
        do_nl=f"{_NEW_CPA_NL}: deze is op geen moment geldig.",
    ),
    "cpa.not-yet": entry(
        en="a moment from the Start of the CPA on",
        nl="een moment vanaf de Start van de CPA",
        source=f"{_CPPA}, Start",
        do_en="Use the CPA that is in force now, or wait for this one; check the clock of this machine.",
        do_nl="Gebruik de CPA die nu geldt, of wacht op deze; controleer de klok van deze machine.",
    ),
    "cpa.expired": entry(
        en="a moment until the End of the CPA",
        nl="een moment tot en met het einde (End) van de CPA",
        source=f"{_CPPA}, End",
        do_en="Ask for a new CPA; the other side refuses messages under this one.",
        do_nl="Vraag een nieuwe CPA aan; de andere kant weigert berichten onder deze.",
    ),
    "cpa.blank": entry(
        en="a name that is not empty",
        nl="een naam die niet leeg is",
        source=f"{_CPPA}; msg-header-2_0.xsd",
        do_en=f"{_NEW_CPA_EN}: an empty name cannot stand in a message.",
        do_nl=f"{_NEW_CPA_NL}: een lege naam kan niet in een bericht staan.",
    ),
}

_PARTS: Final[dict[str, Entry]] = {
    "cpa.reference": entry(
        en="the id of a {limit} in the CPA",
        nl="het id van een {limit} in de CPA",
        source="cpp-cpa-2_0.xsd, IDREF",
        do_en=f"{_NEW_CPA_EN}: it refers to a part that is not there.",
        do_nl=f"{_NEW_CPA_NL}: er wordt verwezen naar een onderdeel dat ontbreekt.",
    ),
    "cpa.reference-kind": entry(
        en="the id of a {limit} of the same party",
        nl="het id van een {limit} van dezelfde partij",
        source=_CPPA,
        do_en=f"{_NEW_CPA_EN}: it refers to a part of another kind, or of the other party.",
        do_nl=f"{_NEW_CPA_NL}: er wordt verwezen naar een ander soort onderdeel, of naar een van de andere partij.",
    ),
    "cpa.id-twice": entry(
        en="an id that the CPA gives to one part only",
        nl="een id dat de CPA maar aan één onderdeel geeft",
        source="cpp-cpa-2_0.xsd, ID",
        do_en=f"{_NEW_CPA_EN}: which of the parts is meant cannot be known.",
        do_nl=f"{_NEW_CPA_NL}: welk onderdeel bedoeld is, valt niet te zeggen.",
    ),
    "cpa.channels": entry(
        en="one channel for an action; the first is used",
        nl="één kanaal per actie; het eerste wordt gebruikt",
        source=f"{_CPPA}, ChannelId",
        do_en="Make sure that the other party also uses the first.",
        do_nl="Ga na dat de andere partij ook het eerste gebruikt.",
    ),
    "cpa.nested": entry(
        en="no business answer within the action; it is left aside",
        nl="geen antwoordbericht binnen de actie; het wordt niet gebruikt",
        source=f"{_DK} section 2.4",
        do_en="Agree that answers travel as messages of their own.",
        do_nl="Spreek af dat antwoorden als eigen berichten worden verstuurd.",
    ),
    "cpa.action-twice": entry(
        en="an action once in a role and service; the first is used",
        nl="een actie één keer per rol en service; de eerste wordt gebruikt",
        source=f"{_CPPA}, CanSend",
        do_en="Make sure that the other party also uses the first.",
        do_nl="Ga na dat de andere partij ook de eerste gebruikt.",
    ),
    "cpa.other-party": entry(
        en="an action that the other party can receive",
        nl="een actie die de andere partij kan ontvangen",
        source=f"{_CPPA}, CanReceive",
        do_en=f"{_NEW_CPA_EN}: nobody receives this action.",
        do_nl=f"{_NEW_CPA_NL}: niemand ontvangt deze actie.",
    ),
    "cpa.other-action": entry(
        en="the same service and action on both sides: {limit}",
        nl="dezelfde service en actie aan beide kanten: {limit}",
        source=f"{_CPPA}, OtherPartyActionBinding",
        do_en=f"{_NEW_CPA_EN}: the receiver would not know this action.",
        do_nl=f"{_NEW_CPA_NL}: de ontvanger zou deze actie niet kennen.",
    ),
    "cpa.sides-differ": entry(
        en="the same demand for signatures on both sides; the sender's counts",
        nl="dezelfde eis aan ondertekening aan beide kanten; die van de verzender telt",
        source=f"{_CPPA}, BusinessTransactionCharacteristics",
        do_en="Ask the other party whether it expects a signature.",
        do_nl="Vraag de andere partij of zij een handtekening verwacht.",
    ),
    "cpa.binding-missing": entry(
        en="a binding that says how messages are exchanged",
        nl="een binding die zegt hoe berichten worden uitgewisseld",
        source=f"{_CPPA}, DocExchange",
        do_en=f"{_NEW_CPA_EN}: other adapters stop on it.",
        do_nl=f"{_NEW_CPA_NL}: andere adapters lopen hierop vast.",
    ),
    "cpa.transport-sender": entry(
        en="a TransportSender for the party that sends",
        nl="een TransportSender voor de partij die verstuurt",
        source=f"{_CPPA}, Transport",
        do_en="It is not needed here, but other adapters stop on it: mention it to the maker of the CPA.",
        do_nl="Hier is hij niet nodig, maar andere adapters lopen erop vast: meld het de maker van de CPA.",
    ),
}

_WIRE: Final[dict[str, Entry]] = {
    "cpa.endpoint-missing": entry(
        en="a URL at which the party receives",
        nl="een URL waarop de partij ontvangt",
        source=f"{_CPPA}, TransportReceiver",
        do_en=f"{_NEW_CPA_EN}, with an Endpoint for both parties.",
        do_nl=f"{_NEW_CPA_NL}, met een Endpoint voor beide partijen.",
    ),
    "cpa.endpoint-https": entry(
        en="a URL that begins with https and names a host",
        nl="een URL die met https begint en een host noemt",
        source=f"{_DK} section 4",
        do_en=f"{_NEW_CPA_EN}: nothing may travel outside TLS.",
        do_nl=f"{_NEW_CPA_NL}: niets mag buiten TLS om worden verstuurd.",
    ),
    "cpa.sync-mode": entry(
        en="a syncReplyMode that Digikoppeling allows here: {limit}",
        nl="een syncReplyMode die Digikoppeling hier toestaat: {limit}",
        source=f"{_DK} sections 3.1.3 and 5.4",
        do_en=f"{_NEW_CPA_EN}: only reliable messages may have their acknowledgment in the HTTP response.",
        do_nl=f"{_NEW_CPA_NL}: alleen betrouwbare berichten mogen hun bevestiging in het HTTP-antwoord krijgen.",
    ),
    "cpa.default-sync": entry(
        en="the syncReplyMode of the action also on the default channel: {limit}",
        nl="de syncReplyMode van de actie ook op het standaardkanaal: {limit}",
        source=f"{_DK} section 6.1; behaviour of ebms-core",
        do_en="Here the action's channel counts; an adapter that looks at the default channel will "
        "refuse its own messages.",
        do_nl="Hier telt het kanaal van de actie; een adapter die op het standaardkanaal let, weigert "
        "haar eigen berichten.",
    ),
    "cpa.channels-differ": entry(
        en="the same value on the channels of both parties: {limit}; the sender's counts",
        nl="dezelfde waarde op de kanalen van beide partijen: {limit}; die van de verzender telt",
        source=f"{_CPPA}, MessagingCharacteristics",
        do_en="Ask the other party which value it works by.",
        do_nl="Vraag de andere partij met welke waarde zij werkt.",
    ),
}

_RELIABILITY: Final[dict[str, Entry]] = {
    "cpa.per-message": entry(
        en="an acknowledgment always or never; the CPA leaves it to each message",
        nl="altijd of nooit een bevestiging; de CPA laat het per bericht open",
        source=f"{_DK} section 5.5.1",
        do_en="Agree on one of the two, and have it written in the CPA.",
        do_nl="Spreek een van beide af, en laat het in de CPA zetten.",
    ),
    "cpa.actor-missing": entry(
        en="an actor for acknowledgments; {limit} is taken",
        nl="een actor voor bevestigingen; {limit} wordt aangehouden",
        source=f"{_DK} section 5.8; behaviour of ebms-core",
        do_en="Some adapters fail without it: mention it to the maker of the CPA.",
        do_nl="Sommige adapters falen zonder: meld het de maker van de CPA.",
    ),
    "cpa.actor": entry(
        en="acknowledgments between the parties themselves: {limit}",
        nl="bevestigingen tussen de partijen zelf: {limit}",
        source=f"{_DK} section 5.8",
        do_en=f"{_NEW_CPA_EN}: Digikoppeling has no intermediate message handlers.",
        do_nl=f"{_NEW_CPA_NL}: Digikoppeling kent geen tussenliggende message handlers.",
    ),
    "cpa.duplicates": entry(
        en="elimination of duplicates exactly with acknowledgments: {limit}",
        nl="dubbele berichten tegenhouden precies als er bevestigingen zijn: {limit}",
        source=f"{_DK} section 5.5.3",
        do_en="The CPA is followed; ask the other party whether it means this.",
        do_nl="De CPA wordt gevolgd; vraag de andere partij of dit de bedoeling is.",
    ),
    "cpa.ack-signed-only": entry(
        en="a signed acknowledgment only for a signed message",
        nl="een ondertekende bevestiging alleen voor een ondertekend bericht",
        source=f"{_DK} section 5.5.2; behaviour of ebms-core",
        do_en=f"{_NEW_CPA_EN}: sign the message as well, or ask for a plain acknowledgment.",
        do_nl=f"{_NEW_CPA_NL}: onderteken ook het bericht, of vraag om een gewone bevestiging.",
    ),
    "cpa.ack-unsigned": entry(
        en="a signed acknowledgment for a signed message; the CPA is followed",
        nl="een ondertekende bevestiging voor een ondertekend bericht; de CPA wordt gevolgd",
        source=f"{_DK} section 5.5.2",
        do_en="Receipt cannot be proved: have ackSignatureRequested set to always if that matters.",
        do_nl="Ontvangst is niet te bewijzen: laat ackSignatureRequested op always zetten als dat nodig is.",
    ),
    "cpa.ack-signing": entry(
        en="a channel for acknowledgments that can sign, as a signed one is asked for",
        nl="een kanaal voor bevestigingen dat kan ondertekenen, want er wordt om een ondertekende gevraagd",
        source=f"{_DK} sections 5.2.2 and 6.1",
        do_en=f"{_NEW_CPA_EN}: no acknowledgment could ever be verified.",
        do_nl=f"{_NEW_CPA_NL}: geen bevestiging zou ooit te controleren zijn.",
    ),
    "cpa.retries": entry(
        en="Retries from 0 and a RetryInterval of a fixed length, together at most a year",
        nl="Retries vanaf 0 en een RetryInterval van vaste lengte, samen hooguit een jaar",
        source=f"{_DK} section 5.5.4; {_CPPA}, ReliableMessaging",
        do_en=f"{_NEW_CPA_EN}; 8 retries of PT3H are usual.",
        do_nl=f"{_NEW_CPA_NL}; gebruikelijk zijn 8 retries van PT3H.",
    ),
    "cpa.retries-differ": entry(
        en="the same retries and persistence for sender and receiver; the sender's retries count",
        nl="dezelfde retries en bewaartijd bij verzender en ontvanger; de retries van de verzender tellen",
        source=f"{_DK} section 5.5.4",
        do_en="Ask the other party which values it works by.",
        do_nl="Vraag de andere partij met welke waarden zij werkt.",
    ),
    "cpa.persist": entry(
        en="a PersistDuration longer than all retries take ({limit})",
        nl="een PersistDuration die langer is dan alle retries samen ({limit})",
        source=f"{_DK} sections 5.5.3 and 5.5.5; ebMS 2.0 section 6.4.6",
        do_en="Nothing is sent again after the PersistDuration; have it made longer.",
        do_nl="Na de PersistDuration wordt niets opnieuw verstuurd; laat hem verlengen.",
    ),
    "cpa.persist-missing": entry(
        en="a PersistDuration of a fixed length, longer than all retries take ({limit})",
        nl="een PersistDuration van vaste lengte, langer dan alle retries samen ({limit})",
        source=f"{_DK} section 5.5.5",
        do_en="Without agreement five days hold; have it written in the CPA.",
        do_nl="Zonder afspraak gelden vijf dagen; laat het in de CPA zetten.",
    ),
    "cpa.order": entry(
        en="no guaranteed order of messages; none is kept here",
        nl="geen gegarandeerde volgorde van berichten; die wordt hier niet bewaakt",
        source=f"{_DK} section 3.2.4",
        do_en="Ask for NotGuaranteed: most adapters do not support an order.",
        do_nl="Vraag om NotGuaranteed: de meeste adapters ondersteunen geen volgorde.",
    ),
}

_SECURITY: Final[dict[str, Entry]] = {
    "cpa.encrypted": entry(
        en="a profile without encryption; an encrypted one is never sent in clear instead",
        nl="een profiel zonder versleuteling; een versleuteld profiel wordt nooit onversleuteld verstuurd",
        source=f"{_DK} section 2.3",
        do_en="This version cannot encrypt: ask for a CPA with osb-rm or osb-rm-s, or wait for a version that can.",
        do_nl="Deze versie kan niet versleutelen: vraag om een CPA met osb-rm of osb-rm-s, of wacht "
        "op een versie die het kan.",
    ),
    "cpa.envelope-missing": entry(
        en="a ReceiverDigitalEnvelope, as the payload must be encrypted",
        nl="een ReceiverDigitalEnvelope, want de inhoud moet versleuteld zijn",
        source=f"{_DK} section 5.2.5; {_CPPA}",
        do_en=f"{_NEW_CPA_EN}: it asks for encryption and does not say how.",
        do_nl=f"{_NEW_CPA_NL}: er wordt versleuteling gevraagd maar niet gezegd hoe.",
    ),
    "cpa.signing-incomplete": entry(
        en="a SenderNonRepudiation, as signatures are asked for; without it nothing is signed",
        nl="een SenderNonRepudiation, want er wordt om ondertekening gevraagd; zonder wordt niets ondertekend",
        source=f"{_CPPA}, isNonRepudiationRequired; {_DK} section 5.2.1",
        do_en="Ask the other party whether messages must be signed; if so, a corrected CPA is needed first.",
        do_nl="Vraag de andere partij of berichten ondertekend moeten zijn; zo ja, dan is eerst een "
        "verbeterde CPA nodig.",
    ),
    "cpa.default-security": entry(
        en="a default channel that signs, where actions are signed",
        nl="een standaardkanaal dat ondertekent, als acties worden ondertekend",
        source=f"{_DK} section 6.1; {_BP} section 3.4",
        do_en="Acknowledgments and errors will come unsigned; mention it to the maker of the CPA.",
        do_nl="Bevestigingen en foutmeldingen komen onondertekend; meld het de maker van de CPA.",
    ),
    "cpa.sha1": entry(
        en="SHA-256 or better; SHA-1 is forbidden",
        nl="SHA-256 of beter; SHA-1 is verboden",
        source=f"{_BV} SIGN002 and SIGN003",
        do_en=f"{_NEW_CPA_EN}; another algorithm than the CPA's is refused by the other side. "
        "For a test against an old system SHA-1 can be allowed by hand.",
        do_nl=f"{_NEW_CPA_NL}; een ander algoritme dan dat van de CPA wordt aan de andere kant geweigerd. "
        "Voor een proef met een oud systeem kan SHA-1 met de hand worden toegestaan.",
    ),
    "cpa.algorithm": entry(
        en="SHA-256, SHA-384 or SHA-512, with RSA where it signs, by the URI of the standard",
        nl="SHA-256, SHA-384 of SHA-512, met RSA waar het een handtekening is, met de URI van de standaard",
        source=f"{_BV} SIGN001 to SIGN004",
        do_en=f"{_NEW_CPA_EN}: this algorithm is not known or not allowed.",
        do_nl=f"{_NEW_CPA_NL}: dit algoritme is onbekend of niet toegestaan.",
    ),
    "cpa.certificate": entry(
        en="a certificate that can be read",
        nl="een leesbaar certificaat",
        source=f"{_CPPA}, Certificate",
        do_en=f"{_NEW_CPA_EN}, with the signing certificate in it.",
        do_nl=f"{_NEW_CPA_NL}, met het certificaat voor ondertekening erin.",
    ),
}

_ROUTES: Final[dict[str, Entry]] = {
    "route.party": entry(
        en="a party of the CPA, as type:value or as the value alone",
        nl="een partij uit de CPA, als type:waarde of alleen de waarde",
        source=f"{_CPPA}, PartyId; {_DK} section 5.1.1",
        do_en="Give the OIN as the CPA has it, with or without urn:osb:oin: in front, or take another CPA.",
        do_nl="Geef de OIN zoals de CPA die kent, met of zonder urn:osb:oin: ervoor, of neem een andere CPA.",
    ),
    "route.sender": entry(
        en="a party that can send this action",
        nl="een partij die deze actie kan versturen",
        source=f"{_CPPA}, CanSend",
        do_en="Give the party that sends, or the action that this party sends.",
        do_nl="Geef de partij die verstuurt, of de actie die deze partij verstuurt.",
    ),
    "route.action": entry(
        en="an action that a party of the CPA can send",
        nl="een actie die een partij uit de CPA kan versturen",
        source=f"{_CPPA}, CanSend",
        do_en="Check the name of the action, and whether this is the CPA of this service.",
        do_nl="Controleer de naam van de actie, en of dit de CPA van deze dienst is.",
    ),
    "route.role": entry(
        en="a role in which the action can be sent",
        nl="een rol waarin de actie verstuurd kan worden",
        source=f"{_CPPA}, CollaborationRole",
        do_en="Give one of the roles that the CPA knows, or none when there is only one.",
        do_nl="Geef een van de rollen die de CPA kent, of geen als er maar één is.",
    ),
    "route.service": entry(
        en="a service with this action",
        nl="een service met deze actie",
        source=f"{_CPPA}, ServiceBinding",
        do_en="Give one of the services that the CPA knows, or none when there is only one.",
        do_nl="Geef een van de services die de CPA kent, of geen als er maar één is.",
    ),
    "route.ambiguous": entry(
        en="one way to send the action",
        nl="één manier om de actie te versturen",
        source=f"{_CPPA}, CollaborationRole",
        do_en="Say which is meant by party, role or service.",
        do_nl="Zeg welke bedoeld is met partij, rol of service.",
    ),
}

AGREEMENTS: dict[str, Entry] = _WHOLE | _PARTS | _WIRE | _RELIABILITY | _SECURITY | _ROUTES
