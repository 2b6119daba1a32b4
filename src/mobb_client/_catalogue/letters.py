"""Codes of letters, their attachments, batches, results, and the rows that letters are read from."""

from mobb_client._catalogue._entry import Entry, entry

_XSD = "GLOBEBatchRequestTypes.xsd"
_RESULT_XSD = "GLOBEBatchResponseTypes.xsd"
_AH = "Technische Aansluithandleiding MijnOverheid Berichtenbox 1.6.4"
_XML = "XML 1.0 section 2.2"
_BSN = "Wet algemene bepalingen burgerservicenummer; elfproef"
_OIN = "Digikoppeling Identificatie en Authenticatie, OIN"
_OURS = "mobb_client: a BSN is shown nowhere"
_KEY = "mobb_client: the kenmerk is the caller's own key"
_ROW = "mobb_client: LETTERS"
_CITIZEN = "mobb_client: what the citizen reads"
_BOUNDS = "mobb_client docs, Regels"

_VALUES = {
    "value.type": entry(
        en="a value of the type {limit}",
        nl="een waarde van het type {limit}",
        source="mobb_client documentation",
        do_en="convert the value before it is given; a number that begins with a zero is a text",
        do_nl="zet de waarde om voordat u haar aanlevert; een nummer dat met een nul begint is een tekst",
    ),
    "regels.range": entry(
        en="a setting within its bounds: {limit}",
        nl="een instelling binnen haar grenzen: {limit}",
        source=_BOUNDS,
        do_en="choose a value within the bounds, or leave the setting out",
        do_nl="kies een waarde binnen de grenzen, of laat de instelling weg",
    ),
}

_LETTER = {
    "kenmerk.length": entry(
        en="1 to {limit} characters",
        nl="1 tot en met {limit} tekens",
        source=_KEY,
        do_en="give every letter a key of its own, such as the case number with the kind of letter",
        do_nl="geef elke brief een eigen sleutel, zoals het zaaknummer met het soort brief",
    ),
    "kenmerk.characters": entry(
        en="no control characters and no line ends",
        nl="geen besturingstekens en geen regeleinden",
        source=_KEY,
        do_en="take the invisible characters out of the key",
        do_nl="haal de onzichtbare tekens uit de sleutel",
    ),
    "kenmerk.nfc": entry(
        en="Unicode in its composed form, NFC",
        nl="Unicode in samengestelde vorm, NFC",
        source=_KEY,
        do_en="normalise the key to NFC where it is made: two keys that look the same must be the same",
        do_nl="zet de sleutel om naar NFC waar hij gemaakt wordt: sleutels die er gelijk uitzien moeten gelijk zijn",
    ),
    "kenmerk.bsn": entry(
        en="does not hold the BSN of the letter",
        nl="bevat niet het BSN van de brief",
        source=_OURS,
        do_en="use a case number as the key: it is shown in logs and reports",
        do_nl="gebruik een zaaknummer als sleutel: die staat in logs en rapporten",
    ),
    "bsn.format": entry(
        en="nine digits, leading zeros included",
        nl="negen cijfers, met voorloopnullen",
        source=f"{_AH}, 5.3",
        do_en="look the number up; put back a zero that a spreadsheet took",
        do_nl="zoek het nummer op; zet een nul terug die een spreadsheet heeft weggehaald",
    ),
    "bsn.zero": entry(
        en="a number that was given to somebody",
        nl="een nummer dat aan iemand is toegekend",
        source=_BSN,
        do_en="look the number up; nine zeros is what an empty field becomes",
        do_nl="zoek het nummer op; negen nullen is wat er van een leeg veld komt",
    ),
    "bsn.elfproef": entry(
        en="a number that passes the elfproef",
        nl="een nummer dat aan de elfproef voldoet",
        source=_BSN,
        do_en="look the number up: a digit is wrong, or two have changed places",
        do_nl="zoek het nummer op: er is een cijfer fout, of er zijn er twee verwisseld",
    ),
    "oin.format": entry(
        en="twenty digits, leading zeros included",
        nl="twintig cijfers, met voorloopnullen",
        source=_OIN,
        do_en="copy the OIN from the register, as text",
        do_nl="neem het OIN over uit het register, als tekst",
    ),
    "oin.urn": entry(
        en="the bare twenty digits, without urn:osb:oin:",
        nl="alleen de twintig cijfers, zonder urn:osb:oin:",
        source=_OIN,
        do_en="take off what stands before the digits: it belongs to a PartyId in a CPA",
        do_nl="haal weg wat voor de cijfers staat: dat hoort bij een PartyId in een CPA",
    ),
    "oin.prefix": entry(
        en="begins with eight digits that Digikoppeling gives a meaning",
        nl="begint met acht cijfers waaraan Digikoppeling een betekenis geeft",
        source=_OIN,
        do_en="compare the OIN with the register",
        do_nl="vergelijk het OIN met het register",
    ),
    "oin.missing": entry(
        en="the letter names its OIN, or its batch does",
        nl="de brief noemt een OIN, of anders de batch",
        source=f"{_AH}, 5.3",
        do_en="give the letter the OIN of the organisation that sends it",
        do_nl="geef de brief het OIN van de organisatie die hem verstuurt",
    ),
    "berichttype.length": entry(
        en="1 to {limit} characters",
        nl="1 tot en met {limit} tekens",
        source=_XSD,
        do_en="use the code of the type as the Leveranciersportaal shows it",
        do_nl="gebruik de code van het berichttype zoals het Leveranciersportaal die toont",
    ),
    "berichttype.blank": entry(
        en="more than blanks",
        nl="meer dan spaties",
        source=_XSD,
        do_en="use the code of the type as the Leveranciersportaal shows it",
        do_nl="gebruik de code van het berichttype zoals het Leveranciersportaal die toont",
    ),
    "berichttype.characters": entry(
        en="no control characters and no line ends",
        nl="geen besturingstekens en geen regeleinden",
        source=_XML,
        do_en="use the code of the type as the Leveranciersportaal shows it",
        do_nl="gebruik de code van het berichttype zoals het Leveranciersportaal die toont",
    ),
}

_TEXTS = {
    "onderwerp.length": entry(
        en="1 to {limit} characters",
        nl="1 tot en met {limit} tekens",
        source=_XSD,
        do_en="shorten the subject; the text has room for the rest",
        do_nl="maak het onderwerp korter; de rest past in de tekst",
    ),
    "onderwerp.blank": entry(
        en="more than blanks",
        nl="meer dan spaties",
        source=_CITIZEN,
        do_en="give the letter a subject",
        do_nl="geef de brief een onderwerp",
    ),
    "onderwerp.newline": entry(
        en="one line",
        nl="één regel",
        source=_CITIZEN,
        do_en="replace the line ends by blanks",
        do_nl="vervang de regeleinden door spaties",
    ),
    "onderwerp.characters": entry(
        en="only characters that XML can hold, and no control characters",
        nl="alleen tekens die in XML passen, en geen besturingstekens",
        source=_XML,
        do_en="take the invisible characters out",
        do_nl="haal de onzichtbare tekens weg",
    ),
    "onderwerp.bsn": entry(
        en="does not hold the BSN of the letter",
        nl="bevat niet het BSN van de brief",
        source=_OURS,
        do_en="leave the BSN out: notifications and lists show the subject",
        do_nl="laat het BSN weg: notificaties en lijsten tonen het onderwerp",
    ),
    "berichttekst.length": entry(
        en="1 to {limit} characters as it is written: a new line counts for four, and a link has blanks around it",
        nl="1 tot en met {limit} tekens zoals geschreven: een regeleinde telt voor vier, om een link staan spaties",
        source=f"{_XSD}; {_AH}, 5.7",
        do_en="shorten the text, or move a part of it to the attachment",
        do_nl="maak de tekst korter, of zet een deel ervan in de bijlage",
    ),
    "berichttekst.blank": entry(
        en="more than blanks and line ends",
        nl="meer dan spaties en regeleinden",
        source=_CITIZEN,
        do_en="write a text, if only one that names the attachment",
        do_nl="schrijf een tekst, al is het er maar een die naar de bijlage verwijst",
    ),
    "berichttekst.literal-newline": entry(
        en=r"does not hold the four characters \r\n, which the Berichtenbox takes for a new line",
        nl=r"bevat niet de vier tekens \r\n, die de Berichtenbox voor een regeleinde aanziet",
        source=f"{_AH}, 5.7",
        do_en="give real line ends and leave their conversion to this library",
        do_nl="geef echte regeleinden en laat het omzetten aan deze bibliotheek over",
    ),
    "berichttekst.characters": entry(
        en="only characters that XML can hold, and no control characters but line ends",
        nl="alleen tekens die in XML passen, en geen besturingstekens behalve regeleinden",
        source=_XML,
        do_en="take the invisible characters out, and replace tabs by blanks",
        do_nl="haal de onzichtbare tekens weg, en vervang tabs door spaties",
    ),
    "referentie.length": entry(
        en="1 to {limit} characters, or none at all",
        nl="1 tot en met {limit} tekens, of helemaal geen",
        source=_XSD,
        do_en="shorten the reference, or leave it out",
        do_nl="maak de referentie korter, of laat haar weg",
    ),
    "referentie.blank": entry(
        en="more than blanks, or none at all",
        nl="meer dan spaties, of helemaal geen",
        source=_CITIZEN,
        do_en="leave the reference out when there is none",
        do_nl="laat de referentie weg als er geen is",
    ),
    "referentie.newline": entry(
        en="one line",
        nl="één regel",
        source=_CITIZEN,
        do_en="replace the line ends by blanks",
        do_nl="vervang de regeleinden door spaties",
    ),
    "referentie.characters": entry(
        en="only characters that XML can hold, and no control characters",
        nl="alleen tekens die in XML passen, en geen besturingstekens",
        source=_XML,
        do_en="take the invisible characters out",
        do_nl="haal de onzichtbare tekens weg",
    ),
    "referentie.bsn": entry(
        en="does not hold the BSN of the letter",
        nl="bevat niet het BSN van de brief",
        source=_OURS,
        do_en="use a case number: the reference is shown on screens and in reports",
        do_nl="gebruik een zaaknummer: de referentie staat op schermen en in rapporten",
    ),
    "bericht.schema": entry(
        en="a letter that the schema accepts",
        nl="een brief die het schema aanvaardt",
        source=_XSD,
        do_en="report this as a fault of mobb_client: its own rules should have said it earlier",
        do_nl="meld dit als een fout in mobb_client: de eigen regels hadden het eerder moeten zeggen",
    ),
}

_DATES = {
    "publicatiedatum.zone": entry(
        en="a moment with a time zone",
        nl="een moment met een tijdzone",
        source=f"{_AH}, chapter 5",
        do_en="say which zone the time is in, such as Europe/Amsterdam",
        do_nl="zeg in welke zone de tijd is, zoals Europe/Amsterdam",
    ),
    "publicatiedatum.moment": entry(
        en="a moment that exists in UTC",
        nl="een moment dat in UTC bestaat",
        source="XML Schema Part 2, dateTime",
        do_en="leave the date out when the letter may be seen at once",
        do_nl="laat de datum weg als de brief meteen zichtbaar mag zijn",
    ),
    "publicatiedatum.past": entry(
        en="later than the moment at which the batch is made",
        nl="later dan het moment waarop de batch gemaakt is",
        source=_XSD,
        do_en="leave the date out: then the letter is visible at once",
        do_nl="laat de datum weg: dan is de brief meteen zichtbaar",
    ),
    "publicatiedatum.ahead": entry(
        en="not later than {limit}",
        nl="niet later dan {limit}",
        source=f"{_XSD}; {_AH}, chapter 5",
        do_en="hold the letter until its date is near enough, or choose an earlier date",
        do_nl="houd de brief vast tot de datum dichtbij genoeg is, of kies een eerdere datum",
    ),
    "einddatum_handelingstermijn.zone": entry(
        en="a moment with a time zone",
        nl="een moment met een tijdzone",
        source=f"{_AH}, chapter 5",
        do_en="say which zone the time is in, such as Europe/Amsterdam",
        do_nl="zeg in welke zone de tijd is, zoals Europe/Amsterdam",
    ),
    "einddatum_handelingstermijn.moment": entry(
        en="a moment that exists in UTC",
        nl="een moment dat in UTC bestaat",
        source="XML Schema Part 2, dateTime",
        do_en="leave the date out when the letter asks nothing by a certain day",
        do_nl="laat de datum weg als de brief niets vraagt voor een bepaalde dag",
    ),
    "einddatum_handelingstermijn.order": entry(
        en="later than the moment from which the letter is visible",
        nl="later dan het moment waarop de brief zichtbaar wordt",
        source=_XSD,
        do_en="correct one of the two dates",
        do_nl="verbeter een van de twee datums",
    ),
    "aanmaakdatum.zone": entry(
        en="a moment with a time zone",
        nl="een moment met een tijdzone",
        source=f"{_AH}, chapter 5",
        do_en="give the present moment in UTC",
        do_nl="geef het huidige moment in UTC",
    ),
    "aanmaakdatum.moment": entry(
        en="a moment that exists in UTC",
        nl="een moment dat in UTC bestaat",
        source="XML Schema Part 2, dateTime",
        do_en="give the present moment in UTC",
        do_nl="geef het huidige moment in UTC",
    ),
    "aanmaakdatum.future": entry(
        en="not later than the moment at which the batch is offered",
        nl="niet later dan het moment waarop de batch aangeboden wordt",
        source=f"{_AH}, chapter 5",
        do_en="compare this machine's clock with a time server",
        do_nl="vergelijk de klok van deze machine met een tijdserver",
    ),
    "aanmaakdatum.old": entry(
        en="at most {limit} days before the batch is offered",
        nl="hooguit {limit} dagen voordat de batch aangeboden wordt",
        source=f"{_AH}, chapter 5",
        do_en="make the batch anew with the same letters, after asking again who is subscribed",
        do_nl="maak de batch opnieuw met dezelfde brieven, na opnieuw te vragen wie geabonneerd is",
    ),
}

_BIJLAGEN = {
    "bijlagen.count": entry(
        en="at most {limit} attachments",
        nl="hooguit {limit} bijlagen",
        source=_XSD,
        do_en="join PDFs; what everybody gets is uploaded in the Leveranciersportaal, once",
        do_nl="voeg PDF's samen; wat iedereen krijgt zet u één keer in het Leveranciersportaal",
    ),
    "bijlagen.size": entry(
        en=(
            "all attachments of a letter together at most {limit} bytes before base64"
            " (500 kB, which some read as 500,000 and others as 512,000)"
        ),
        nl=(
            "alle bijlagen van een brief samen hooguit {limit} bytes voor base64"
            " (500 kB, door de een gelezen als 500.000 en door de ander als 512.000)"
        ),
        source=f"{_AH}, 5.3",
        do_en="make the PDF smaller (images, fonts), or set max_bijlage_bytes to 512000 if Logius accepts that",
        do_nl="maak de PDF kleiner (beelden, lettertypen), of zet max_bijlage_bytes op 512000 als Logius dat aanvaardt",
    ),
    "bijlage.empty": entry(
        en="a file with content",
        nl="een bestand met inhoud",
        source=_XSD,
        do_en="make the PDF again: perhaps it was not complete yet",
        do_nl="maak de PDF opnieuw: misschien was hij nog niet klaar",
    ),
    "bijlage.pdf": entry(
        en="a PDF: %PDF- stands in its first kilobyte",
        nl="een PDF: %PDF- staat in de eerste kilobyte",
        source=f"{_AH}, 5.9; ISO 32000-1, 7.5.2",
        do_en="convert the document to PDF/A; another ending of its name does not make it one",
        do_nl="zet het document om naar PDF/A; een andere extensie maakt het dat niet",
    ),
    "bijlage.pdf-start": entry(
        en="a PDF/A begins with %PDF-",
        nl="een PDF/A begint met %PDF-",
        source="ISO 19005-1, 6.1.2",
        do_en="look for what was put before the document, such as a byte order mark or a mail header",
        do_nl="zoek wat er voor het document is gezet, zoals een byte order mark of een mailkop",
    ),
    "bijlage.pdf-end": entry(
        en="a PDF ends with %%EOF",
        nl="een PDF eindigt met %%EOF",
        source="ISO 32000-1, 7.5.5",
        do_en="open the document: perhaps only a part of it arrived",
        do_nl="open het document: misschien is maar een deel ervan aangekomen",
    ),
    "bijlage.encrypted": entry(
        en="a PDF/A is not encrypted",
        nl="een PDF/A is niet versleuteld",
        source="ISO 19005-1, 6.1.3",
        do_en="save the document without password and without restrictions",
        do_nl="sla het document op zonder wachtwoord en zonder beperkingen",
    ),
    "bijlage.path": entry(
        en="a file that can be read",
        nl="een bestand dat gelezen kan worden",
        source="mobb_client: attachments by path",
        do_en="check the path, and who may read the file",
        do_nl="controleer het pad, en wie het bestand mag lezen",
    ),
    "bijlage.changed": entry(
        en="the file that the letter was checked with",
        nl="het bestand waarmee de brief gecontroleerd is",
        source="mobb_client: attachments by path",
        do_en="make the letter anew, and leave its files alone until it is sent",
        do_nl="maak de brief opnieuw, en laat zijn bestanden met rust tot hij verzonden is",
    ),
    "omschrijving.length": entry(
        en="1 to {limit} characters, without the blanks around them",
        nl="1 tot en met {limit} tekens, zonder de spaties eromheen",
        source=f"{_XSD}; {_AH}, 5.3",
        do_en="shorten the description: the citizen sees it as the file's name",
        do_nl="maak de omschrijving korter: de burger ziet haar als bestandsnaam",
    ),
    "omschrijving.long": entry(
        en="at most {limit} characters, says the manual; the schema allows 128",
        nl="hooguit {limit} tekens, volgens de handleiding; het schema laat 128 toe",
        source=f"{_AH}, 5.3",
        do_en="shorten the description when it can be done without loss",
        do_nl="maak de omschrijving korter als dat zonder verlies kan",
    ),
    "omschrijving.characters": entry(
        en="no control characters and no line ends",
        nl="geen besturingstekens en geen regeleinden",
        source=_XML,
        do_en="take the invisible characters out",
        do_nl="haal de onzichtbare tekens weg",
    ),
    "omschrijving.file-name": entry(
        en=r'none of the characters \ / : * ? " < > |',
        nl=r'geen van de tekens \ / : * ? " < > |',
        source=_CITIZEN,
        do_en="use a description that can be the name of a file",
        do_nl="gebruik een omschrijving die een bestandsnaam kan zijn",
    ),
    "omschrijving.same": entry(
        en="two attachments have different descriptions",
        nl="twee bijlagen hebben verschillende omschrijvingen",
        source=_CITIZEN,
        do_en="say in each description which document it is",
        do_nl="zeg in elke omschrijving welk document het is",
    ),
    "omschrijving.bsn": entry(
        en="does not hold the BSN of the letter",
        nl="bevat niet het BSN van de brief",
        source=_OURS,
        do_en="give a description instead of a file name with a BSN in it",
        do_nl="geef een omschrijving in plaats van een bestandsnaam met een BSN erin",
    ),
}

_BATCH = {
    "batch.id": entry(
        en="a BatchID of its own; all zeros means unknown",
        nl="een eigen BatchID; allemaal nullen betekent onbekend",
        source=f"{_AH}, 5.6",
        do_en="make a random UUID for each batch",
        do_nl="maak voor elke batch een willekeurige UUID",
    ),
    "batch.count": entry(
        en="1 to {limit} letters",
        nl="1 tot en met {limit} brieven",
        source="GLOBEBatchRequest.xsd",
        do_en="let `batches` cut the letters",
        do_nl="laat `batches` de brieven verdelen",
    ),
    "batch.size": entry(
        en="a document of at most {limit} bytes",
        nl="een document van hooguit {limit} bytes",
        source=f"{_AH}, 5.2",
        do_en="let `batches` cut the letters",
        do_nl="laat `batches` de brieven verdelen",
    ),
    "batch.oin": entry(
        en="the OIN of its batch, {limit}",
        nl="het OIN van de batch, {limit}",
        source="GLOBEBatchRequest.xsd",
        do_en="put letters of another organisation in a batch of their own",
        do_nl="zet brieven van een andere organisatie in een eigen batch",
    ),
    "batch.kenmerk": entry(
        en="each kenmerk once in a batch",
        nl="elk kenmerk één keer in een batch",
        source=_KEY,
        do_en="leave the repeat out, or give another letter another kenmerk",
        do_nl="laat de herhaling weg, of geef een andere brief een ander kenmerk",
    ),
}

_ROWS = {
    "row.column": entry(
        en="a column that LETTERS has",
        nl="een kolom die LETTERS heeft",
        source=_ROW,
        do_en="compare the first row with the documentation: names are in lower case",
        do_nl="vergelijk de eerste rij met de documentatie: namen zijn in kleine letters",
    ),
    "row.column-twice": entry(
        en="each column once",
        nl="elke kolom één keer",
        source=_ROW,
        do_en="take one of the two out",
        do_nl="haal een van de twee weg",
    ),
    "row.column-missing": entry(
        en="a column that must be there",
        nl="een kolom die er moet zijn",
        source=_ROW,
        do_en="add the column; is the first row the header?",
        do_nl="voeg de kolom toe; is de eerste rij wel de kop?",
    ),
    "row.cells": entry(
        en="as many cells as the header has: {limit}",
        nl="evenveel cellen als de kop heeft: {limit}",
        source=_ROW,
        do_en="put quotes around a cell that holds the separator or a new line",
        do_nl="zet aanhalingstekens om een cel met een scheidingsteken of regeleinde erin",
    ),
    "row.csv": entry(
        en="quotes that close, and cells of at most 131,072 characters",
        nl="aanhalingstekens die sluiten, en cellen van hooguit 131.072 tekens",
        source="RFC 4180",
        do_en="double a quote inside a cell; rows after an open quote may have been taken into this one",
        do_nl="verdubbel een aanhalingsteken in een cel; rijen na een open aanhalingsteken kunnen hierin opgegaan zijn",
    ),
    "row.json": entry(
        en="one JSON object",
        nl="één JSON-object",
        source="RFC 8259",
        do_en="write each letter as one object on one line",
        do_nl="schrijf elke brief als één object op één regel",
    ),
    "row.utf8": entry(
        en="UTF-8",
        nl="UTF-8",
        source=_ROW,
        do_en="export the file as UTF-8; a spreadsheet calls it CSV UTF-8",
        do_nl="exporteer het bestand als UTF-8; een spreadsheet noemt dat CSV UTF-8",
    ),
    "row.nul": entry(
        en="no NUL characters",
        nl="geen NUL-tekens",
        source=_ROW,
        do_en="export the file as UTF-8: it may be UTF-16, or damaged",
        do_nl="exporteer het bestand als UTF-8: misschien is het UTF-16, of beschadigd",
    ),
    "row.date": entry(
        en="YYYY-MM-DD, or YYYY-MM-DDThh:mm with or without seconds and zone",
        nl="JJJJ-MM-DD, of JJJJ-MM-DDTuu:mm met of zonder seconden en zone",
        source=_ROW,
        do_en="write the date in that form; without zone it is Dutch time",
        do_nl="schrijf de datum in die vorm; zonder zone is het Nederlandse tijd",
    ),
    "row.bijlage": entry(
        en="the second attachment comes after a first",
        nl="de tweede bijlage komt na een eerste",
        source=_ROW,
        do_en="put the only attachment in bijlage_1",
        do_nl="zet de enige bijlage in bijlage_1",
    ),
    "row.omschrijving": entry(
        en="a description belongs to an attachment",
        nl="een omschrijving hoort bij een bijlage",
        source=_ROW,
        do_en="give the path of the attachment, or take the description out",
        do_nl="geef het pad van de bijlage, of haal de omschrijving weg",
    ),
}

_RESULT = {
    "result.batch": entry(
        en="the result of a batch that was sent",
        nl="het resultaat van een batch die verzonden is",
        source=f"{_AH}, 5.5",
        do_en="look for another system that sends under the same OIN",
        do_nl="zoek een ander systeem dat onder hetzelfde OIN verstuurt",
    ),
    "result.letter": entry(
        en="a verdict on a letter that was sent",
        nl="een oordeel over een brief die verzonden is",
        source=f"{_AH}, 5.5",
        do_en="keep the result, and ask Logius with BatchID and BerichtID",
        do_nl="bewaar het resultaat, en vraag het Logius met BatchID en BerichtID",
    ),
    "result.other-batch": entry(
        en="a verdict on a letter of the batch that the result names",
        nl="een oordeel over een brief van de batch die het resultaat noemt",
        source=f"{_AH}, 5.5",
        do_en="keep the result; the verdict counts for the letter that it names",
        do_nl="bewaar het resultaat; het oordeel geldt voor de brief die het noemt",
    ),
    "result.twice": entry(
        en="one verdict for each letter",
        nl="één oordeel per brief",
        source=f"{_AH}, 5.5",
        do_en="look the letter up in the Leveranciersportaal before anything is sent",
        do_nl="zoek de brief op in het Leveranciersportaal voordat er iets verstuurd wordt",
    ),
    "result.counts": entry(
        en="counts that add up to the total",
        nl="aantallen die samen het totaal zijn",
        source="GLOBEBatchResponse.xsd",
        do_en="nothing by itself: the verdict on each letter decides",
        do_nl="op zichzelf niets: het oordeel over elke brief beslist",
    ),
    "result.total": entry(
        en="a total that is the number of letters",
        nl="een totaal dat het aantal brieven is",
        source="GLOBEBatchResponse.xsd",
        do_en="ask Logius about the letters without a verdict, and do not send them again",
        do_nl="vraag Logius naar de brieven zonder oordeel, en verstuur ze niet opnieuw",
    ),
    "result.namespace": entry(
        en="names in the namespaces of the schema",
        nl="namen in de namespaces van het schema",
        source="GLOBEBatchResponse.xsd",
        do_en="tell Logius; the result was read by the names alone",
        do_nl="meld het aan Logius; het resultaat is op naam gelezen",
    ),
    "result.part": entry(
        en="given once, and readable",
        nl="één keer gegeven, en leesbaar",
        source="GLOBEBatchResponse.xsd",
        do_en="tell Logius; no verdict hangs on it",
        do_nl="meld het aan Logius; er hangt geen oordeel van af",
    ),
    "result.zone": entry(
        en="a moment with a time zone",
        nl="een moment met een tijdzone",
        source="GLOBEBatchResponse.xsd",
        do_en="count on two hours of doubt: the moment was taken as UTC",
        do_nl="houd rekening met twee uur onzekerheid: het moment is als UTC gelezen",
    ),
}

_CODES = {
    "resultaat.Verwerkt": entry(
        en="the letter is in the Berichtenbox",
        nl="de brief staat in de Berichtenbox",
        source=_RESULT_XSD,
        do_en="nothing; keep the result as evidence",
        do_nl="niets; bewaar het resultaat als bewijs",
    ),
    "resultaat.TechnischProbleem": entry(
        en="something failed at Logius",
        nl="bij Logius ging iets mis",
        source=f"{_RESULT_XSD}; {_AH}, 5.6",
        do_en="offer the letter again with the same BatchID and BerichtID after a while; give Logius the Stadium",
        do_nl="bied de brief later opnieuw aan met hetzelfde BatchID en BerichtID; geef Logius het Stadium door",
    ),
    "resultaat.NietActiefOfGeabonneerd": entry(
        en="the citizen has no active Berichtenbox, or gets no letters of this sender and type there",
        nl="de burger heeft geen actieve Berichtenbox, of ontvangt daar geen brieven van deze afzender en dit type",
        source=f"{_RESULT_XSD}; {_AH}, 5.6",
        do_en="send this letter on paper; offering it again does not help",
        do_nl="stuur deze brief op papier; opnieuw aanbieden helpt niet",
    ),
    "resultaat.BerichtTypeNietOndersteund": entry(
        en="the berichttype does not exist, or is not active for this sender",
        nl="het berichttype bestaat niet, of is voor deze afzender niet actief",
        source=f"{_RESULT_XSD}; {_AH}, 5.6",
        do_en="stop letters of this type, activate it in the Leveranciersportaal, offer them again with the same ids",
        do_nl="stop brieven van dit type, activeer het in het Leveranciersportaal, bied ze weer aan met dezelfde id's",
    ),
    "resultaat.PublicatieDatumLigtTeVerInDeToekomst": entry(
        en="the PublicatieDatum is more than 13 days ahead",
        nl="de PublicatieDatum ligt meer dan 13 dagen vooruit",
        source=f"{_RESULT_XSD}; {_AH}, 5.6",
        do_en="hold the letter until its date is near enough, then offer it again with the same ids",
        do_nl="houd de brief vast tot de datum dichtbij genoeg is, bied hem dan opnieuw aan met dezelfde id's",
    ),
    "resultaat.AanmaakDatumLigtTeVerInHetVerleden": entry(
        en="the batch was made more than 13 days ago",
        nl="de batch is meer dan 13 dagen geleden gemaakt",
        source=f"{_RESULT_XSD}; {_AH}, 5.6",
        do_en="ask again who is subscribed, and offer the letters with a new AanmaakDatum and the same ids",
        do_nl="vraag opnieuw wie geabonneerd is, en bied de brieven aan met een nieuwe AanmaakDatum en dezelfde id's",
    ),
    "resultaat.BerichtBestaatAl": entry(
        en="Logius knows this BerichtID already; whether that letter was accepted, this code does not say",
        nl="Logius kent dit BerichtID al; of die brief toen aanvaard is, zegt deze code niet",
        source=f"{_RESULT_XSD}; {_AH}, 5.6",
        do_en="look up the first result; without one send nothing, not on paper either, and ask Logius",
        do_nl="zoek het eerste resultaat op; zonder dat niets versturen, ook niet op papier, en Logius vragen",
    ),
    "resultaat.BijlageTeGroot": entry(
        en="the attachments together are too large for Logius",
        nl="de bijlagen samen zijn te groot voor Logius",
        source=f"{_RESULT_XSD}; {_AH}, 5.6",
        do_en="make the PDF smaller and offer the letter again with the same ids, or send it on paper",
        do_nl="maak de PDF kleiner en bied de brief opnieuw aan met dezelfde id's, of stuur hem op papier",
    ),
    "resultaat.OinInCPAKomtNietOvereenMetOinInBericht": entry(
        en="this CPA does not allow letters of this OIN; nothing was delivered",
        nl="deze CPA laat geen brieven van dit OIN toe; er is niets bezorgd",
        source=f"{_RESULT_XSD}; {_AH}, 5.6",
        do_en="stop all letters of this OIN, and check the sender and who may send for it in the Leveranciersportaal",
        do_nl="stop alle brieven van dit OIN, en controleer de afzender en de machtiging in het Leveranciersportaal",
    ),
    "resultaat.XmlValidatieTegenXsdValtNegatiefUit": entry(
        en="Logius could not read the batch: its schema refuses it",
        nl="Logius kon de batch niet lezen: het schema wijst hem af",
        source=f"{_RESULT_XSD}; {_AH}, 5.6",
        do_en="stop sending and report it as a fault of mobb_client, with the BatchID and without the letters",
        do_nl="stop met verzenden en meld het als een fout in mobb_client, met het BatchID en zonder de brieven",
    ),
    "resultaat.onbekend": entry(
        en="a result that says nothing certain about this letter",
        nl="een resultaat dat niets zekers over deze brief zegt",
        source=_RESULT_XSD,
        do_en="have a person look: keep the result, ask Logius, and send nothing until then",
        do_nl="laat er iemand naar kijken: bewaar het resultaat, vraag Logius, en verstuur tot dan niets",
    ),
}

LETTERS: dict[str, Entry] = _VALUES | _LETTER | _TEXTS | _DATES | _BIJLAGEN | _BATCH | _ROWS | _RESULT | _CODES
