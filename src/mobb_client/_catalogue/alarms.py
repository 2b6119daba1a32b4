"""Sentences of alarms about an outbox."""

from typing import Final

from mobb_client._catalogue._entry import Entry, entry

_OURS: Final = "mobb_client docs, metrics"

ALARMS: Final[dict[str, Entry]] = {
    "alarm.outbox": entry(
        en="nothing that may go waits longer than {limit} minutes in the outbox, or for its acknowledgment",
        nl="niets dat weg mag wacht langer dan {limit} minuten in de outbox, of op zijn bevestiging",
        source=_OURS,
        do_en="see that `mobb work` runs, and what it says; `mobb ping` tells whether the other side is there",
        do_nl="kijk of `mobb work` draait, en wat het meldt; `mobb ping` zegt of de andere kant er is",
    ),
    "alarm.silence": entry(
        en="while a run has letters to send, an acknowledgment every {limit} minutes",
        nl="zolang een run brieven te versturen heeft, elke {limit} minuten een bevestiging",
        source=_OURS,
        do_en="see that `mobb run` or `mobb work` runs; when the other side is down, nothing is lost and it goes on by"
        " itself; when it goes on without acknowledgments, see that our endpoint (`mobb serve`) can be reached",
        do_nl="kijk of `mobb run` of `mobb work` draait; ligt de andere kant eruit, dan raakt niets kwijt en gaat het"
        " vanzelf verder; blijven alleen de bevestigingen uit, kijk dan of ons endpoint (`mobb serve`) bereikbaar is",
    ),
    "alarm.balance": entry(
        en="the log of events and the letters themselves say the same of every ending",
        nl="het logboek van gebeurtenissen en de brieven zelf zeggen van elk einde hetzelfde",
        source="mobb_client design: input = delivered + paper + human",
        do_en="let nobody send and purge nothing; keep a copy of the outbox, and have it looked at: it was changed by"
        " something else, or restored in part",
        do_nl="laat niemand verzenden en ruim niets op; bewaar een kopie van de outbox, en laat ernaar kijken: iets"
        " anders heeft haar veranderd, of zij is maar voor een deel teruggezet",
    ),
    "alarm.cpa": entry(
        en="a CPA that holds for {limit} days and longer",
        nl="een CPA die nog {limit} dagen of langer geldt",
        source="OASIS CPP/A 2.0: End",
        do_en="ask for a new CPA now, and put it in its place before this one ends: it is used without a restart",
        do_nl="vraag nu een nieuwe CPA aan, en zet die op zijn plaats voordat deze afloopt: hij telt zonder herstart",
    ),
    "metrics.extra": entry(
        en="the extra metrics is installed",
        nl="de extra metrics is geïnstalleerd",
        source=_OURS,
        do_en="pip install 'mobb-client[metrics]'",
        do_nl="pip install 'mobb-client[metrics]'",
    ),
}
