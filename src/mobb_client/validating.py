"""Asks the BerichtenboxValidatieService: one question at a time, not many a minute, and none while it is down.

Source: `berichtenbox` e.5.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock
from typing import Final
from uuid import UUID

from mobb_client.berichtenbox.abonnementen import MAX_BSNS_VALIDATIE, Validatie, Validatieantwoord
from mobb_client.berichtenbox.identiteit import BSN, OIN
from mobb_client.berichtenbox.wus import ACTION, Addressing, read_antwoord, write_validatie
from mobb_client.errors import DependentServiceFaultError, FormatError, SoapFaultError, TransportError
from mobb_client.pacing import Pause, Stop, Throttle, next_pause
from mobb_client.transport import wus
from mobb_client.transport.wire import Wire

log = logging.getLogger(__name__)

FAILURES: Final = 3
"""After so many failures in a row nothing is asked for a while."""
SHORTEST_PAUSE: Final = timedelta(minutes=1)


class Validator:
    """Asks whether citizens may be sent letters of a BerichtType. Threads may share it: they ask in turn.

    Args:
        url: the endpoint of the service.
        wire: carries the questions.
        now: the clock.
        new_id: where the MessageIDs of WS-Addressing come from.
        ws_addressing: whether the questions have those headers.
        throttle: how many questions a minute.
    """

    def __init__(  # noqa: PLR0913 - its parts, each by name
        self,
        url: str,
        *,
        wire: Callable[[], Wire],
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
        ws_addressing: bool = False,
        throttle: Throttle,
    ) -> None:
        self._url = url
        self._wire = wire
        self._now = now
        self._new_id = new_id
        self._ws_addressing = ws_addressing
        self._throttle = throttle
        self._turn = Lock()
        self._failures = 0
        self._pause: Pause | None = None

    def delay(self) -> timedelta:
        """Return how long it is until a question may be asked; nothing when it may be now."""
        paused = self._pause.until - self._now() if self._pause and self._pause.is_on(self._now()) else timedelta()
        return max(paused, timedelta(seconds=self._throttle.delay))

    def check(
        self, oin: OIN, berichttype: str, bsns: Iterable[BSN], stop: Stop | None = None
    ) -> Iterator[Validatieantwoord]:
        """Ask about any number of citizens, 250 a question, and give each answer when it is there.

        It waits between questions as long as the pace asks; what was given before an error stays true.

        Raises:
            SoapFaultError: as `ask`.
            TransportError: idem.
            FormatError: idem.
        """
        left, waits = iter(bsns), stop or Stop()
        while (block := tuple(islice(left, MAX_BSNS_VALIDATIE))) and not waits.is_asked:
            self._throttle.wait(waits, self._throttle.delay)
            if not waits.is_asked:
                yield self.ask(Validatie(oin=oin, berichttype=berichttype, bsns=block))

    def ask(self, validatie: Validatie) -> Validatieantwoord:
        """Ask one question, now, and return the answer.

        Raises:
            SoapFaultError: they answered with a fault.
            TransportError: no usable answer; ``wus.paused`` when nothing was asked, since the last ones failed.
            FormatError: an answer that cannot be read.
        """
        with self._turn:
            began = self._now()
            if self._pause is not None and self._pause.is_on(began):
                raise TransportError(
                    "wus.paused", endpoint="ValidateAbonnementen", measure=f"{self._failures} failures"
                )
            self._throttle.take()
            try:
                found = read_antwoord(self._post(validatie), validatie)
            except (SoapFaultError, TransportError, FormatError) as error:
                self._failed(error, began)
                raise
            self._failures, self._pause = 0, None
        log.info("wus.answered", extra={"asked": len(validatie.bsns), "unknown": len(found.onbekend)})
        return found

    def _post(self, validatie: Validatie) -> bytes:
        message_id = f"urn:uuid:{self._new_id()}"
        addressing = Addressing(to=self._url, message_id=message_id) if self._ws_addressing else None
        return wus.ask(self._wire(), self._url, ACTION, write_validatie(validatie, addressing))

    def _failed(self, error: SoapFaultError | TransportError | FormatError, began: datetime) -> None:
        """Count a failure that says something of the service and nothing of the question."""
        code = error.code if isinstance(error, SoapFaultError | FormatError) else error.reason
        log.warning("wus.failed", extra={"code": code})
        if isinstance(error, SoapFaultError) and not isinstance(error, DependentServiceFaultError):
            return
        self._failures += 1
        if self._failures >= FAILURES:
            self._pause = next_pause(self._pause, began, self._now(), SHORTEST_PAUSE)
