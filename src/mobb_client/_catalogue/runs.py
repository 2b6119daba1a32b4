"""Sentences of findings about runs."""

from typing import Final

from mobb_client._catalogue._entry import Entry, entry

_DESIGN: Final = "mobb_client design: a run closes row by row"

RUNS: Final[dict[str, Entry]] = {
    "run.name": entry(
        en="a name of 1 to {limit} letters, digits, points, dashes and underscores, and no BSN",
        nl="een naam van 1 tot {limit} letters, cijfers, punten, streepjes en lage streepjes, en geen BSN",
        source=_DESIGN,
        do_en="give the run another name, such as aanslag2027",
        do_nl="geef de run een andere naam, zoals aanslag2027",
    ),
    "run.window": entry(
        en="a time window as 21:00-06:00, in Dutch time",
        nl="een tijdvenster als 21:00-06:00, in Nederlandse tijd",
        source=_DESIGN,
        do_en="write two times of the day that differ, with a dash between them",
        do_nl="schrijf twee verschillende tijden met een streepje ertussen",
    ),
    "run.exists": entry(
        en="a run is started once",
        nl="een run wordt één keer gestart",
        source=_DESIGN,
        do_en="this is the same input: go on with `mobb run resume`, or look with `mobb run status`",
        do_nl="dit is dezelfde invoer: ga verder met `mobb run resume`, of kijk met `mobb run status`",
    ),
    "run.name-used": entry(
        en="a name belongs to one input",
        nl="een naam hoort bij één invoer",
        source=_DESIGN,
        do_en="give this input a name of its own",
        do_nl="geef deze invoer een eigen naam",
    ),
    "run.same-input": entry(
        en="an input is sent in one run",
        nl="een invoer wordt in één run verstuurd",
        source=_DESIGN,
        do_en="resume the run that has this input",
        do_nl="hervat de run die deze invoer heeft",
    ),
    "run.unknown": entry(
        en="the name of a run in this outbox",
        nl="de naam van een run in deze outbox",
        source=_DESIGN,
        do_en="look at the name, capitals count, and at the outbox in the settings",
        do_nl="kijk naar de naam, hoofdletters tellen, en naar de outbox in de instellingen",
    ),
    "run.busy": entry(
        en="a run is carried out by one process at a time",
        nl="een run wordt door één proces tegelijk uitgevoerd",
        source=_DESIGN,
        do_en="leave it to the other process, or stop that one first; any number of `mobb work` may help it",
        do_nl="laat het aan het andere proces, of stop dat eerst; `mobb work` mag wel meehelpen, zo vaak als u wilt",
    ),
    "run.input": entry(
        en="an input file that can be read",
        nl="een invoerbestand dat gelezen kan worden",
        source=_DESIGN,
        do_en="put the file back where it was when the run began",
        do_nl="zet het bestand terug waar het stond toen de run begon",
    ),
    "run.input-changed": entry(
        en="the input of a run stays what it was",
        nl="de invoer van een run blijft wat hij was",
        source=_DESIGN,
        do_en="put the first file back and resume; start another run, under another name, with the new one",
        do_nl="zet het eerste bestand terug en hervat; start met het nieuwe een andere run, onder een andere naam",
    ),
    "rehearsal.outage": entry(
        en="an outage as 23:10/20m, with /503, /reset or /no-ack behind it, and perhaps a day before it",
        nl="een storing als 23:10/20m, met /503, /reset of /no-ack erachter, en misschien een dag ervoor",
        source=_DESIGN,
        do_en="write when it begins, in Dutch time, and how long it lasts: 2027-02-26T23:10/20m/reset",
        do_nl="schrijf wanneer hij begint, in Nederlandse tijd, en hoe lang hij duurt: 2027-02-26T23:10/20m/reset",
    ),
    "rehearsal.duration": entry(
        en="a duration as 90s, 20m or 2h",
        nl="een duur als 90s, 20m of 2h",
        source=_DESIGN,
        do_en="write a whole number and its unit",
        do_nl="schrijf een geheel getal en de eenheid",
    ),
    "rehearsal.rate": entry(
        en="the speed of a line as 2.9MB/s, 500kB/s or 22Mbit/s",
        nl="de snelheid van een lijn als 2.9MB/s, 500kB/s of 22Mbit/s",
        source=_DESIGN,
        do_en="write what your line carries; the status of an earlier run tells it",
        do_nl="schrijf wat uw lijn haalt; de stand van een eerdere run zegt dat",
    ),
    "rehearsal.abroad": entry(
        en="a rehearsal reaches this machine and no other",
        nl="een repetitie bereikt deze computer en geen andere",
        source=_DESIGN,
        do_en="this cannot happen, and nothing was sent: please report it",
        do_nl="dit kan niet gebeuren, en er is niets verstuurd: meld het alstublieft",
    ),
    "rehearsal.profile": entry(
        en="a CPA whose profile the simulator knows",
        nl="een CPA met een profiel dat de simulator kent",
        source=_DESIGN,
        do_en="rehearse with an agreement without encryption",
        do_nl="repeteer met een overeenkomst zonder versleuteling",
    ),
    "rehearsal.disk": entry(
        en="enough room on the disk for the rehearsal",
        nl="genoeg ruimte op de schijf voor de repetitie",
        source=_DESIGN,
        do_en="give a folder on a larger disk with --scratch",
        do_nl="geef met --scratch een map op een grotere schijf",
    ),
    "plan.empty": entry(
        en="an input with at least one letter that can go",
        nl="een invoer met ten minste één brief die verstuurd kan worden",
        source=_DESIGN,
        do_en="look with `mobb preflight` at what is wrong with the rows",
        do_nl="kijk met `mobb preflight` wat er aan de regels mankeert",
    ),
    "plan.refused": entry(
        en="letters that are good, their PDFs too: a part of them was looked into",
        nl="brieven die goed zijn, ook hun PDF's: een deel ervan is bekeken",
        source=_DESIGN,
        do_en="run `mobb preflight`, which says what is wrong with which row, and correct that first",
        do_nl="doe eerst `mobb preflight`: dat zegt wat er aan welke regel mankeert, en verbeter dat",
    ),
    "plan.disk": entry(
        en="{limit} octets free on the disk of the outbox, for the letters of this run",
        nl="{limit} octetten vrij op de schijf van de outbox, voor de brieven van deze run",
        source=_DESIGN,
        do_en="make room, or put the outbox on a larger disk, and start again",
        do_nl="maak ruimte, of zet de outbox op een grotere schijf, en start opnieuw",
    ),
    "plan.expires": entry(
        en="CPA, keys and certificates that are valid until the run has ended",
        nl="CPA, sleutels en certificaten die geldig zijn tot de run klaar is",
        source="PKIoverheid; Digikoppeling Koppelvlakstandaard ebMS2: Start and End of the CPA",
        do_en="replace what expires before you start, or start so early that the run ends before",
        do_nl="vervang wat verloopt voordat u start, of start zo vroeg dat de run eerder klaar is",
    ),
    "plan.einddatum": entry(
        en="letters whose EindDatumHandelingsTermijn lies after the end of the run, about {limit}",
        nl="brieven waarvan de EindDatumHandelingsTermijn na het einde van de run ligt, ongeveer {limit}",
        source="MijnOverheid Berichtenbox: EindDatumHandelingsTermijn lies after publication",
        do_en="start earlier, or give them a later date: one that is not sent before its date ends with a person",
        do_nl="start eerder, of geef ze een latere datum: wat niet voor zijn datum weg is, eindigt bij een medewerker",
    ),
    "plan.publicatiedatum": entry(
        en="letters that go before their PublicatieDatum: the run ends about {limit}",
        nl="brieven die voor hun PublicatieDatum weg zijn: de run is ongeveer {limit} klaar",
        source="GLOBE: PublicatieDatum",
        do_en="start earlier if the moment matters: one that waits until after it goes without, and is visible at once",
        do_nl="start eerder als het moment telt: wat er te lang op wacht gaat zonder, en is dan meteen zichtbaar",
    ),
    "plan.aanmaakdatum": entry(
        en="a batch that is offered within {limit} days of its AanmaakDatum",
        nl="een batch die binnen {limit} dagen na zijn AanmaakDatum wordt aangeboden",
        source="GLOBE: AanmaakDatumLigtTeVerInHetVerleden",
        do_en="agree on a shorter PersistDuration in the CPA",
        do_nl="spreek in de CPA een kortere PersistDuration af",
    ),
}
