"""Codes of what goes wrong between two machines, and of what an HTTP answer says."""

from typing import Final

from mobb_client._catalogue._entry import Entry, entry

_KV: Final = "Digikoppeling Koppelvlakstandaard ebMS2"
_BV: Final = "Digikoppeling Beveiligingsstandaarden en voorschriften"
_SOAP: Final = "SOAP 1.1 section 6.2"
_HTTP: Final = "RFC 9110"
_WAIT_EN: Final = "Nothing to do: it is sent again as the CPA says"
_WAIT_NL: Final = "Niets te doen: het wordt opnieuw verstuurd zoals de CPA zegt"
_LOGIUS_EN: Final = "ask the other party (Logius, for the Berichtenbox)"
_LOGIUS_NL: Final = "vraag de andere partij (voor de Berichtenbox: Logius)"

_NETWORK: Final[dict[str, Entry]] = {
    "network.name": entry(
        en="a host name that this machine can look up",
        nl="een hostnaam die deze machine kan opzoeken",
        source=f"{_KV} section 5.11.2",
        do_en="Compare the endpoint in the CPA, and see whether this machine's DNS answers.",
        do_nl="Vergelijk het endpoint in de CPA, en kijk of de DNS van deze machine antwoordt.",
    ),
    "network.refused": entry(
        en="a server that takes connections on this port",
        nl="een server die op deze poort verbindingen aanneemt",
        source=f"{_KV} section 5.11.2",
        do_en=f"{_WAIT_EN}. If it lasts, compare port and firewall.",
        do_nl=f"{_WAIT_NL}. Duurt het voort, vergelijk dan poort en firewall.",
    ),
    "network.unreachable": entry(
        en="a way through the network to this server",
        nl="een weg door het netwerk naar deze server",
        source=f"{_KV} section 5.11.2",
        do_en=f"{_WAIT_EN}. If it lasts, look at routes and firewall.",
        do_nl=f"{_WAIT_NL}. Duurt het voort, kijk dan naar routes en firewall.",
    ),
    "network.connect-timeout": entry(
        en="a connection within {limit} seconds",
        nl="een verbinding binnen {limit} seconden",
        source=f"{_KV} section 5.11.2",
        do_en=f"{_WAIT_EN}. If it lasts, a firewall probably drops the packets.",
        do_nl=f"{_WAIT_NL}. Duurt het voort, dan laat waarschijnlijk een firewall de pakketten vallen.",
    ),
    "network.send-timeout": entry(
        en="an upload that goes on: something every {limit} seconds, and not slower than the line's bound",
        nl="een verzending die doorloopt: iets per {limit} seconden, en niet trager dan de ondergrens van de lijn",
        source=f"{_KV} section 5.11.2",
        do_en=f"{_WAIT_EN}. If it lasts, make smaller batches or allow a slower upload.",
        do_nl=f"{_WAIT_NL}. Duurt het voort, maak dan kleinere batches of sta een tragere verzending toe.",
    ),
    "network.upload-cut": entry(
        en="a connection that holds until the whole message is sent",
        nl="een verbinding die blijft tot het hele bericht verstuurd is",
        source=f"{_KV} section 5.11.2",
        do_en=f"{_WAIT_EN}. If it happens with large messages only, {_LOGIUS_EN} what size they accept.",
        do_nl=f"{_WAIT_NL}. Gebeurt het alleen bij grote berichten, {_LOGIUS_NL} welke omvang zij aannemen.",
    ),
    "network.no-answer": entry(
        en="an answer within {limit} seconds after the message",
        nl="een antwoord binnen {limit} seconden na het bericht",
        source=f"{_KV} section 5.11.2",
        do_en=f"{_WAIT_EN}. They may have the message already; the repeat is recognised by its MessageId.",
        do_nl=f"{_WAIT_NL}. Misschien hebben zij het bericht al; de herhaling wordt herkend aan haar MessageId.",
    ),
    "network.answer-lost": entry(
        en="an answer before the connection is closed",
        nl="een antwoord voordat de verbinding gesloten wordt",
        source=f"{_KV} section 5.11.2",
        do_en=f"{_WAIT_EN}. They may have the message already; the repeat is recognised by its MessageId.",
        do_nl=f"{_WAIT_NL}. Misschien hebben zij het bericht al; de herhaling wordt herkend aan haar MessageId.",
    ),
    "network.stale": entry(
        en="a connection that is still open when it is used again",
        nl="een verbinding die nog open is wanneer zij opnieuw gebruikt wordt",
        source=f"{_HTTP} section 9.2.2",
        do_en=f"{_WAIT_EN}, over a new connection.",
        do_nl=f"{_WAIT_NL}, over een nieuwe verbinding.",
    ),
    "network.slow-answer": entry(
        en="a whole answer within {limit} seconds after the message",
        nl="een volledig antwoord binnen {limit} seconden na het bericht",
        source=f"{_KV} section 5.11.2",
        do_en=f"{_WAIT_EN}. If it lasts, {_LOGIUS_EN}.",
        do_nl=f"{_WAIT_NL}. Duurt het voort, {_LOGIUS_NL}.",
    ),
    "network.answer-cut": entry(
        en="an answer that is whole",
        nl="een volledig antwoord",
        source=f"{_HTTP}, RFC 9112 section 8",
        do_en=f"{_WAIT_EN}. If it lasts, {_LOGIUS_EN}.",
        do_nl=f"{_WAIT_NL}. Duurt het voort, {_LOGIUS_NL}.",
    ),
}

_TLS: Final[dict[str, Entry]] = {
    "tls.no-anchors": entry(
        en="at least one authority to trust: the public web's are never used",
        nl="ten minste één vertrouwde autoriteit: die van het publieke web worden nooit gebruikt",
        source=f"{_BV} PKI001",
        do_en="Give the PKIoverheid root under which the other side's certificate is issued.",
        do_nl="Geef het PKIoverheid-stamcertificaat waaronder het certificaat van de andere kant is uitgegeven.",
    ),
    "tls.identity": entry(
        en="a key and certificate that TLS can use: RSA of 2048 bits or more, or an elliptic curve",
        nl="een sleutel en certificaat die TLS kan gebruiken: RSA van 2048 bits of meer, of een elliptische kromme",
        source=f"{_BV} PKI001, TLS006",
        do_en="Use a PKIoverheid server certificate with its own key.",
        do_nl="Gebruik een PKIoverheid-servercertificaat met de eigen sleutel.",
    ),
    "tls.unknown-authority": entry(
        en="a server certificate under one of the authorities that are trusted here",
        nl="een servercertificaat onder een van de hier vertrouwde autoriteiten",
        source=f"{_BV} PKI001",
        do_en="See under which root their certificate is issued now, and add that root when it is PKIoverheid's.",
        do_nl="Kijk onder welk stamcertificaat hun certificaat nu valt, en voeg dat toe als het van PKIoverheid is.",
    ),
    "tls.expired": entry(
        en="a server certificate that is not expired, nor one above it",
        nl="een servercertificaat dat niet verlopen is, en ook de certificaten erboven niet",
        source=f"{_BV} PKI002",
        do_en=f"Compare this machine's clock; else {_LOGIUS_EN} to replace their certificate.",
        do_nl=f"Controleer de klok van deze machine; {_LOGIUS_NL} anders om hun certificaat te vervangen.",
    ),
    "tls.not-yet-valid": entry(
        en="a server certificate whose validity has begun",
        nl="een servercertificaat waarvan de geldigheid begonnen is",
        source=f"{_BV} PKI002",
        do_en=f"Compare this machine's clock; else {_LOGIUS_EN}.",
        do_nl=f"Controleer de klok van deze machine; anders: {_LOGIUS_NL}.",
    ),
    "tls.host-name": entry(
        en="a server certificate for the host name of the endpoint",
        nl="een servercertificaat voor de hostnaam van het endpoint",
        source="Digikoppeling Best Practices ebMS2 section 3.4",
        do_en="Compare the endpoint in the CPA with the names in their certificate; somebody else may be answering.",
        do_nl="Vergelijk het endpoint in de CPA met de namen in hun certificaat; misschien antwoordt een ander.",
    ),
    "tls.certificate": entry(
        en="a server certificate that is sound: strong key and signature, meant for servers",
        nl="een deugdelijk servercertificaat: sterke sleutel en handtekening, bedoeld voor servers",
        source=f"{_BV} PKI001, TLSCIPH001",
        do_en=f"Show the measure and {_LOGIUS_EN}.",
        do_nl=f"Laat de melding zien en {_LOGIUS_NL}.",
    ),
    "tls.client-certificate-missing": entry(
        en="a client certificate, which the other side demands",
        nl="een clientcertificaat, dat de andere kant eist",
        source=f"{_BV} TLS001, TLS002",
        do_en="Set key and certificate of the sender.",
        do_nl="Stel sleutel en certificaat van de afzender in.",
    ),
    "tls.client-certificate-refused": entry(
        en="a client certificate that the other side accepts",
        nl="een clientcertificaat dat de andere kant aanvaardt",
        source=f"{_BV} TLS001, TLS002",
        do_en="See whether ours is the one in the CPA, not expired, and sent with the certificates above it.",
        do_nl="Kijk of het onze dat van de CPA is, niet verlopen, en verstuurd met de certificaten erboven.",
    ),
    "tls.version": entry(
        en="TLS 1.2 or newer",
        nl="TLS 1.2 of nieuwer",
        source=f"{_BV} TLS003, TLS004",
        do_en=f"The other side speaks an older one, which is forbidden: {_LOGIUS_EN}.",
        do_nl=f"De andere kant spreekt een oudere, en die is verboden: {_LOGIUS_NL}.",
    ),
    "tls.not-tls": entry(
        en="TLS on this port",
        nl="TLS op deze poort",
        source=f"{_BV} TLS001",
        do_en="Compare the port of the endpoint: something without TLS answers there.",
        do_nl="Vergelijk de poort van het endpoint: daar antwoordt iets zonder TLS.",
    ),
    "tls.handshake": entry(
        en="a TLS handshake that both sides agree to",
        nl="een TLS-handdruk waar beide kanten het over eens zijn",
        source=f"{_BV} TLS003, TLSCIPH001",
        do_en=f"No common cipher, or a client certificate that they do not take: {_LOGIUS_EN}, with the measure.",
        do_nl=f"Geen gemeenschappelijk algoritme, of een geweigerd clientcertificaat: {_LOGIUS_NL}, met de melding.",
    ),
    "tls.closed": entry(
        en="a TLS handshake that is finished before the connection is closed",
        nl="een TLS-handdruk die af is voordat de verbinding gesloten wordt",
        source=f"{_BV} TLS003",
        do_en=f"{_WAIT_EN}. If it lasts, a firewall may be ending it, or they refuse our certificate without a word.",
        do_nl=f"{_WAIT_NL}. Duurt het voort, dan breekt een firewall hem af, of weigeren zij ons certificaat stil.",
    ),
    "tls.timeout": entry(
        en="a TLS handshake within {limit} seconds",
        nl="een TLS-handdruk binnen {limit} seconden",
        source=f"{_BV} TLS003",
        do_en=f"{_WAIT_EN}. If it lasts, something on that port does not speak TLS.",
        do_nl=f"{_WAIT_NL}. Duurt het voort, dan spreekt iets op die poort geen TLS.",
    ),
}

_HTTP_ANSWERS: Final[dict[str, Entry]] = {
    "http.endpoint": entry(
        en="an https URL without user, password or fragment, in ASCII",
        nl="een https-URL zonder gebruiker, wachtwoord of fragment, in ASCII",
        source=f"{_KV} section 5.11.3; {_BV} TLS001",
        do_en="Ask the maker of the CPA for a corrected endpoint.",
        do_nl="Vraag de maker van de CPA om een verbeterd endpoint.",
    ),
    "http.malformed": entry(
        en="an answer in HTTP/1.1",
        nl="een antwoord in HTTP/1.1",
        source="RFC 9112",
        do_en=f"{_WAIT_EN}. If it lasts, something else than a web server answers on that port.",
        do_nl=f"{_WAIT_NL}. Duurt het voort, dan antwoordt op die poort iets anders dan een webserver.",
    ),
    "http.answer-too-large": entry(
        en="an answer of at most {limit} octets",
        nl="een antwoord van hoogstens {limit} octetten",
        source="mobb_client limits",
        do_en=f"No signal is this large: {_LOGIUS_EN} what answers there.",
        do_nl=f"Geen signaal is zo groot: {_LOGIUS_NL} wat daar antwoordt.",
    ),
    "http.not-understood": entry(
        en="an answer of 2xx without a body, or with a SOAP envelope",
        nl="een 2xx-antwoord zonder inhoud, of met een SOAP-envelop",
        source=f"{_KV} section 5.11.2",
        do_en=f"{_WAIT_EN}. If it lasts, a portal or proxy answers instead of their adapter.",
        do_nl=f"{_WAIT_NL}. Duurt het voort, dan antwoordt een portaal of proxy in plaats van hun adapter.",
    ),
    "http.soap-fault": entry(
        en="an answer without a SOAP Fault",
        nl="een antwoord zonder SOAP-fout",
        source=f"{_SOAP}; {_KV} section 5.11.2",
        do_en=f"They do not know the CPA, or our TLS certificate is not the one in it: {_LOGIUS_EN}.",
        do_nl=f"Zij kennen de CPA niet, of ons TLS-certificaat is niet dat van de CPA: {_LOGIUS_NL}.",
    ),
    "http.empty-error": entry(
        en="a reason with an answer of 500",
        nl="een reden bij een antwoord met status 500",
        source=f"{_SOAP}; {_KV} section 5.11.2",
        do_en=f"If it lasts, they cannot read it, or do not know the To party: {_LOGIUS_EN}, with its MessageId.",
        do_nl=f"Duurt het voort, dan lezen zij het bericht of de To-partij niet: {_LOGIUS_NL}, met het MessageId.",
    ),
    "http.unavailable": entry(
        en="a service that is available",
        nl="een dienst die beschikbaar is",
        source=f"{_KV} section 5.11.2",
        do_en=f"{_WAIT_EN}.",
        do_nl=f"{_WAIT_NL}.",
    ),
    "http.busy": entry(
        en="a service that has time for the message (no 408, no 429)",
        nl="een dienst die tijd heeft voor het bericht (geen 408, geen 429)",
        source=f"{_KV} section 5.11.2; {_HTTP} section 15.5.9; RFC 6585 section 4",
        do_en=f"{_WAIT_EN}.",
        do_nl=f"{_WAIT_NL}.",
    ),
    "http.server-error": entry(
        en="a service that works",
        nl="een dienst die werkt",
        source=f"{_KV} section 5.11.2; {_SOAP}",
        do_en=f"{_WAIT_EN}. If it lasts, {_LOGIUS_EN}.",
        do_nl=f"{_WAIT_NL}. Duurt het voort, {_LOGIUS_NL}.",
    ),
    "http.not-supported": entry(
        en="a service that can do what is asked (no 501, 505 or 510)",
        nl="een dienst die kan wat gevraagd wordt (geen 501, 505 of 510)",
        source=f"{_KV} section 5.11.2; {_HTTP} section 15.6",
        do_en="Compare the endpoint in the CPA: no message handler answers there.",
        do_nl="Vergelijk het endpoint in de CPA: daar antwoordt geen adapter.",
    ),
    "http.interim": entry(
        en="a final answer, and no 1xx",
        nl="een definitief antwoord, en geen 1xx",
        source=f"{_KV} section 5.11.2",
        do_en="Compare the endpoint in the CPA: no message handler answers there.",
        do_nl="Vergelijk het endpoint in de CPA: daar antwoordt geen adapter.",
    ),
    "http.redirect": entry(
        en="the endpoint itself: a message is never redirected",
        nl="het endpoint zelf: een bericht wordt nooit doorverwezen",
        source=f"{_KV} section 5.11.2",
        do_en="Compare the endpoint in the CPA; they may have moved, and then there is a new CPA.",
        do_nl="Vergelijk het endpoint in de CPA; misschien zijn zij verhuisd, en dan is er een nieuwe CPA.",
    ),
    "http.no-access": entry(
        en="access for our certificate and address (no 401, 403 or 407)",
        nl="toegang voor ons certificaat en adres (geen 401, 403 of 407)",
        source=f"{_KV} section 5.11.2, 5.11.3",
        do_en=f"See whether our TLS certificate is the one they know, then {_LOGIUS_EN}.",
        do_nl=f"Kijk of ons TLS-certificaat het hun bekende is, en {_LOGIUS_NL}.",
    ),
    "http.not-found": entry(
        en="a message handler at the path of the endpoint (no 404, no 410)",
        nl="een adapter op het pad van het endpoint (geen 404, geen 410)",
        source=f"{_KV} section 5.11.2",
        do_en="Compare the endpoint in the CPA, path included.",
        do_nl="Vergelijk het endpoint in de CPA, ook het pad.",
    ),
    "http.too-large": entry(
        en="a message of a size that they accept (no 413)",
        nl="een bericht van een omvang die zij aannemen (geen 413)",
        source=f"{_KV} section 5.11.2; {_HTTP} section 15.5.14",
        do_en="Make smaller batches.",
        do_nl="Maak kleinere batches.",
    ),
    "http.refused": entry(
        en="a request that they accept (no 4xx)",
        nl="een verzoek dat zij aannemen (geen 4xx)",
        source=f"{_KV} section 5.11.2",
        do_en=f"{_LOGIUS_EN[0].upper()}{_LOGIUS_EN[1:]}, with the status.",
        do_nl=f"{_LOGIUS_NL[0].upper()}{_LOGIUS_NL[1:]}, met de status.",
    ),
}

_PROXY: Final[dict[str, Entry]] = {
    "proxy.proof": entry(
        en="a proof that the proxy set the header: a shared secret of 16 characters or more, or the proxy's addresses",
        nl="een bewijs dat de proxy de header zette: een gedeeld geheim van 16 tekens of meer, of de adressen ervan",
        source="RFC 9440 section 4.1",
        do_en="Set a secret header in the proxy, or name the addresses that the proxy calls from.",
        do_nl="Zet in de proxy een geheime header, of noem de adressen waarvandaan de proxy belt.",
    ),
    "proxy.value": entry(
        en="header names of letters, digits and hyphens, and networks as 10.0.0.0/8 or fd00::/8",
        nl="headernamen van letters, cijfers en streepjes, en netwerken als 10.0.0.0/8 of fd00::/8",
        source="RFC 9110 section 5.1; RFC 4632",
        do_en="Correct the value; a name with an underscore never reaches a WSGI application as itself.",
        do_nl="Verbeter de waarde; een naam met een liggend streepje bereikt een WSGI-toepassing nooit als zichzelf.",
    ),
}

TRANSPORT: Final[dict[str, Entry]] = {**_NETWORK, **_TLS, **_HTTP_ANSWERS, **_PROXY}
