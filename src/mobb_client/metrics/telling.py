"""The figures told where the settings say: over HTTP and in a file, for as long as somebody works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from mobb_client.errors import ConfigurationError, Finding, OutboxError
from mobb_client.metrics.vitals import Watch
from mobb_client.settings import Settings
from mobb_client.transport.serving import Address

if TYPE_CHECKING:
    from mobb_client.metrics.exporter import Exporter

_SOON: Final = 5.0
"""Seconds until a file that could not be written is tried again."""


@contextmanager
def exporting(settings: Settings, current: Callable[[], Settings]) -> Iterator[Exporter]:
    """Give what tells the figures of an outbox, which is opened when they are asked for.

    Args:
        settings: of the outbox.
        current: gives the settings as they are by then.

    Raises:
        ConfigurationError: ``metrics.extra``: prometheus-client is not installed.
    """
    try:
        from mobb_client.metrics.exporter import Exporter  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigurationError(Finding("metrics.extra", field="metrics", measure="no prometheus-client")) from None
    watch = Watch(lambda: settings.outbox.open(read_only=True), current)
    try:
        yield Exporter(watch.look, oin_labels=lambda: current().metrics.oin_labels)
    finally:
        watch.close()


@contextmanager
def telling(
    settings: Settings,
    listen: Address | None,
    current: Callable[[], Settings],
    on_failure: Callable[[str], object] = lambda _: None,
) -> Iterator[Address | None]:
    """Tell the figures where the settings say, for as long as the block lasts; give where is listened.

    Args:
        settings: of the outbox, and of the file.
        listen: where is listened; None for nowhere.
        current: gives the settings as they are by then.
        on_failure: is told why the file cannot be written, when that is news; it is tried again.

    Raises:
        ConfigurationError: nobody can listen there, or the extra is not installed.
    """
    textfile = settings.metrics.textfile
    with ExitStack() as parts:
        if listen is None and textfile is None:
            yield None
            return
        exporter = parts.enter_context(exporting(settings, current))
        if textfile is not None:
            parts.enter_context(_writing(exporter, textfile, settings.metrics.interval, on_failure))
        yield parts.enter_context(_serving(exporter, listen)) if listen else None


@contextmanager
def _serving(exporter: Exporter, listen: Address) -> Iterator[Address]:
    from mobb_client.metrics.serving import MetricsServer  # noqa: PLC0415 - an extra

    with MetricsServer(exporter, listen) as server:
        yield server.address


@contextmanager
def _writing(exporter: Exporter, file: Path, every: float, on_failure: Callable[[str], object]) -> Iterator[None]:
    """Write them again and again, and once more at the end."""
    done = Event()

    def go_on() -> None:
        told = None
        while True:
            is_done = done.is_set()
            why = _failure(exporter, file)
            if why is not None and why != told:
                on_failure(why)
            told = why
            if is_done:
                return
            done.wait(every if why is None else min(every, _SOON))

    thread = Thread(target=go_on, name="mobb-textfile", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _failure(exporter: Exporter, file: Path) -> str | None:
    """Write them; return why not, when they cannot be written."""
    try:
        exporter.write(file)
    except OutboxError as error:
        return str(error)
    except OSError as error:
        return error.strerror or type(error).__name__
    return None
