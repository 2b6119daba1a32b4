"""Codes of subscriptions: what is asked, what is answered, and what it means for a letter."""

from typing import Final

from mobb_client._catalogue._entry import Entry, entry

_WUS: Final = "BerichtenboxValidatieService.wsdl; Technische Aansluithandleiding MijnOverheid Berichtenbox 1.6.4, 7"
_A: Final = "Technische Aansluithandleiding MijnOverheid Berichtenbox 1.6.4, 4"
_OURS: Final = "mobb_client design: unknown is not no"
_AGAIN_EN: Final = "nothing is known by it: ask again later, and ask Logius when it lasts"
_AGAIN_NL: Final = "hieruit blijkt niets: vraag het later opnieuw, en vraag Logius als het zo blijft"

ABONNEMENTEN: dict[str, Entry] = {
    "validatie.bsns": entry(
        en="1 to {limit} citizens in one question",
        nl="1 tot {limit} burgers in één vraag",
        source=_WUS,
        do_en="ask in parts; Validator.check does that by itself",
        do_nl="vraag het in delen; Validator.check doet dat zelf",
    ),
    "validatie.berichttype": entry(
        en="a BerichtType of 1 to {limit} characters",
        nl="een berichttype van 1 tot {limit} tekens",
        source=_WUS,
        do_en="write the code as it stands in the Leveranciersportaal",
        do_nl="schrijf de code zoals die in het Leveranciersportaal staat",
    ),
    "aanvraag.sinds": entry(
        en="an aware moment with a request for changes, and with no other",
        nl="een moment met tijdzone bij een vraag naar mutaties, en bij geen andere",
        source=_A,
        do_en="give `sinds` with the variant mutatie only",
        do_nl="geef `sinds` alleen bij de variant mutatie",
    ),
    "aanvraag.bsns": entry(
        en="a list of 1 to {limit} BSNs, with the variant bsn-lijst only",
        nl="een lijst van 1 tot {limit} BSN's, alleen bij de variant bsn-lijst",
        source=_A,
        do_en="make more requests of it, or leave the list out",
        do_nl="maak er meer verzoeken van, of laat de lijst weg",
    ),
    "wus.fault": entry(
        en="an answer, and no fault",
        nl="een antwoord, en geen fout",
        source=_WUS,
        do_en=f"{_AGAIN_EN}; perhaps the service wants WS-Addressing: try ws_addressing = true",
        do_nl=f"{_AGAIN_NL}; misschien wil de dienst WS-Addressing: probeer ws_addressing = true",
    ),
    "wus.application-fault": entry(
        en="an OIN and BerichtType that the service knows, asked by who may",
        nl="een OIN en berichttype die de dienst kent, gevraagd door wie dat mag",
        source=_WUS,
        do_en="compare both with the Leveranciersportaal; the TLS certificate may have to be of that OIN",
        do_nl="vergelijk beide met het Leveranciersportaal; het TLS-certificaat moet misschien bij die OIN horen",
    ),
    "wus.dependent-fault": entry(
        en="a service behind which nothing is down",
        nl="een dienst waarachter niets gestoord is",
        source=_WUS,
        do_en=_AGAIN_EN,
        do_nl=_AGAIN_NL,
    ),
    "wus.paused": entry(
        en="a service that did not fail several times in a row",
        nl="een dienst die niet enkele keren achter elkaar faalde",
        source="mobb_client: nobody is asked who is down",
        do_en="nothing to do: it is asked again after a while; look at the failures before",
        do_nl="niets te doen: het wordt na een tijd opnieuw gevraagd; kijk naar de fouten daarvoor",
    ),
    "abonnement.geen": entry(
        en="the citizen is not subscribed, by what is known of the last seven days",
        nl="de burger is niet geabonneerd, volgens wat van de laatste zeven dagen bekend is",
        source="Technische Aansluithandleiding MijnOverheid Berichtenbox 1.6.4, 5.2",
        do_en="send this letter on paper; the fact and its moment stand in its event",
        do_nl="stuur deze brief op papier; het gegeven en het moment ervan staan in de gebeurtenis",
    ),
    "abonnement.onbekend": entry(
        en="a citizen of whom is known whether they are subscribed, not longer than seven days ago",
        nl="een burger van wie bekend is of die geabonneerd is, niet langer dan zeven dagen geleden",
        source="Technische Aansluithandleiding MijnOverheid Berichtenbox 1.6.4, 5.2",
        do_en="the letter waits: set validatie_url, or ask with `mobb abonnementen check` or `request`",
        do_nl="de brief wacht: stel validatie_url in, of vraag het met `mobb abonnementen check` of `request`",
    ),
    "abonnementen.no-earlier": entry(
        en="an earlier request that was answered, or a moment since when",
        nl="een eerder verzoek dat beantwoord is, of een moment sinds wanneer",
        source=_A,
        do_en="ask for all subscribers once, or give `sinds`",
        do_nl="vraag eenmaal alle abonnees op, of geef `sinds`",
    ),
    "abonnementen.no-wus": entry(
        en="an endpoint of the BerichtenboxValidatieService",
        nl="een endpoint van de BerichtenboxValidatieService",
        source=_WUS,
        do_en="set validatie_url of the sender to the URL that Logius gave",
        do_nl="zet validatie_url van de afzender op de URL die Logius gaf",
    ),
    "abonnementen.per-minute": entry(
        en="1 to {limit} questions a minute",
        nl="1 tot {limit} vragen per minuut",
        source=_WUS,
        do_en="correct per_minute; above a thousand BSNs a day use the AbonnementService",
        do_nl="verbeter per_minute; gebruik boven duizend BSN's per dag de AbonnementService",
    ),
    "wus.foreign": entry(
        en="an answer about nobody but who was asked about",
        nl="een antwoord over niemand dan wie gevraagd is",
        source=_OURS,
        do_en="what is said of others was not read; tell Logius, without a BSN",
        do_nl="wat over anderen gezegd is, is niet gelezen; meld het Logius, zonder BSN",
    ),
    "wus.empty": entry(
        en="an entry that names a citizen",
        nl="een regel die een burger noemt",
        source=_OURS,
        do_en="it was passed over; who was not named is unknown",
        do_nl="de regel is overgeslagen; wie niet genoemd is, is onbekend",
    ),
}
