"""Design 3, transactional enqueue: letters in the caller's own transaction, of whatever library it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.letters import letter as any_letter
from tests.letters import pdf
from tests.partner import Partner
from tests.stores import STORES, Store

from mobb_client.berichtenbox.bericht import Bericht
from mobb_client.client import Client
from mobb_client.errors import BerichtError, ConfigurationError, OutboxError
from mobb_client.outbox.sqlite import SqliteOutbox


def letter(kenmerk: str = "zaak-1", **changes: Any) -> Bericht:
    """Return a letter that nothing is wrong with."""
    return any_letter(kenmerk=kenmerk, **changes)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Return a new store in a database that a caller can connect to."""
    with STORES[request.param](tmp_path) as made:
        yield made
        made.close()


@pytest.fixture
def client(store: Store) -> Client:
    """Return a client on it."""
    return Partner().client(outbox=store.worker())


@pytest.fixture
def connection(store: Store, client: Client) -> Iterator[Any]:
    """Return a caller's connection, beside a table of its own."""
    with closing(store.connect()) as made:
        made.execute("CREATE TABLE zaak (naam TEXT)")
        made.commit()
        yield made


def known(client: Client) -> list[str]:
    """Return the kenmerken that are in the outbox."""
    return [one.kenmerk for one in client.afleveringen()]


def zaken(store: Store) -> list[str]:
    """Return the caller's own rows."""
    with closing(store.connect()) as made:
        return [row[0] for row in made.execute("SELECT naam FROM zaak").fetchall()]


def codes(make: Callable[[], object]) -> list[str]:
    """Return the codes of what a configuration is refused for."""
    with pytest.raises(ConfigurationError) as caught:
        make()
    return [f"{finding.code}: {finding.measure}" for finding in caught.value.findings]


class TestTogether:
    """The case is closed and the letter is posted, or neither."""

    def test_committed(self, store: Store, client: Client, connection: Any) -> None:
        """Nobody else sees the letter before the caller's COMMIT, which is never given for it."""
        connection.execute("INSERT INTO zaak VALUES ('a')")
        (way,) = client.enqueue([letter(bijlagen=[(pdf(70), "a.pdf")])], using=connection)
        assert (way.state, known(client), zaken(store)) == ("QUEUED", [], [])
        connection.commit()
        assert (known(client), zaken(store)) == (["zaak-1"], ["a"])
        assert client.send_due().built == 1

    def test_first(self, store: Store, client: Client, connection: Any) -> None:
        """Also when the letter is the first thing in the caller's transaction."""
        client.enqueue([letter()], using=connection)
        connection.execute("INSERT INTO zaak VALUES ('a')")
        assert known(client) == []
        connection.commit()
        assert (known(client), zaken(store)) == (["zaak-1"], ["a"])

    def test_rolled_back(self, store: Store, client: Client, connection: Any) -> None:
        """When the caller takes its transaction back the letter was never there, and no event tells of it."""
        connection.execute("INSERT INTO zaak VALUES ('a')")
        client.enqueue([letter()], using=connection)
        connection.rollback()
        assert (known(client), zaken(store), list(client.events())) == ([], [], [])
        client.enqueue([letter(onderwerp="Iets anders")])
        assert known(client) == ["zaak-1"]

    def test_refused(self, store: Store, client: Client, connection: Any) -> None:
        """A refused letter leaves nothing of its call, and the caller's transaction as it was."""
        client.enqueue([letter()])
        connection.execute("INSERT INTO zaak VALUES ('a')")
        with pytest.raises(BerichtError, match="another onderwerp"):
            client.enqueue([letter(kenmerk="zaak-2"), letter(onderwerp="Iets anders")], using=connection)
        connection.execute("INSERT INTO zaak VALUES ('b')")
        connection.commit()
        assert (known(client), zaken(store)) == (["zaak-1"], ["a", "b"])

    def test_refused_first(self, store: Store, client: Client, connection: Any) -> None:
        """Also when the refused letter was the first thing in the transaction."""
        with pytest.raises(BerichtError):
            client.enqueue([letter(), letter(onderwerp="Iets anders")], using=connection)
        connection.execute("INSERT INTO zaak VALUES ('a')")
        connection.commit()
        assert (known(client), zaken(store)) == ([], ["a"])

    def test_again(self, client: Client, connection: Any) -> None:
        """A letter that is there is given back, attachments compared, in the same transaction or a later one."""
        one = letter(bijlagen=[(pdf(70), "a.pdf")])
        client.enqueue([one, one], using=connection)
        client.enqueue([one], using=connection)
        connection.commit()
        (again,) = client.enqueue([letter(bijlagen=[(pdf(70), "a.pdf")])], using=connection)
        with pytest.raises(BerichtError, match="another bijlagen"):
            client.enqueue([letter(bijlagen=[(pdf(71), "a.pdf")])], using=connection)
        connection.commit()
        assert (again.kenmerk, known(client)) == ("zaak-1", ["zaak-1"])

    def test_path(self, store: Store, client: Client, connection: Any, tmp_path: Path) -> None:
        """No file is written; an attachment given as a path is read now where machines share no disk, else later."""
        file = tmp_path / "besluit.pdf"
        file.write_bytes(pdf(70))
        before = sorted(tmp_path.rglob("*"))
        client.enqueue([letter(bijlagen=[file])], using=connection)
        assert sorted(path for path in tmp_path.rglob("*") if path.suffix != ".sqlite-journal") == before
        connection.commit()
        file.unlink()
        assert client.send_due().built == int(store.name == "postgres")

    def test_unreadable_path(self, client: Client, connection: Any, tmp_path: Path, store: Store) -> None:
        """A file that is gone before the letter was handed over is a fault of the letter; nothing of it is stored."""
        file = tmp_path / "besluit.pdf"
        file.write_bytes(pdf(70))
        one = letter(bijlagen=[file])
        file.unlink()
        if store.name == "sqlite":
            client.enqueue([one], using=connection)
            return
        with pytest.raises(BerichtError, match="a file that can be read"):
            client.enqueue([one], using=connection)


class TestWhich:
    """Only a connection to the database that holds the outbox, in a transaction that can be taken back."""

    def test_memory(self) -> None:
        """An outbox in memory is in no database."""
        client = Partner().client()
        found = codes(lambda: client.enqueue([letter()], using=sqlite3.connect(":memory:")))
        assert found == ["outbox.using: an outbox in memory"]

    @pytest.mark.parametrize("using", ["outbox.sqlite", 5, b"x"])
    def test_none(self, client: Client, using: object) -> None:
        """What is no connection is refused by its type."""
        found = codes(lambda: client.enqueue([letter()], using=using))
        assert found == [f"outbox.using: {type(using).__name__}"]

    def test_other_database(self, client: Client, tmp_path: Path) -> None:
        """A database without an outbox, and one with another outbox: a letter must not get lost there."""
        with closing(sqlite3.connect(tmp_path / "other.sqlite")) as other:
            other.execute("CREATE TABLE zaak (naam TEXT)")
            assert codes(lambda: client.enqueue([letter()], using=other)) == ["outbox.using: Connection"]
        SqliteOutbox(tmp_path / "third.sqlite").close()
        with closing(sqlite3.connect(tmp_path / "third.sqlite")) as third:
            (found,) = codes(lambda: client.enqueue([letter()], using=third))
            assert found in {"outbox.using: a connection to another outbox", "outbox.using: Connection"}

    def test_closed(self, store: Store, client: Client) -> None:
        """A connection that was closed cannot hold a letter."""
        gone = store.connect()
        gone.close()
        with pytest.raises((ConfigurationError, OutboxError)):
            client.enqueue([letter()], using=gone)

    def test_commits_by_itself(self, store: Store, client: Client) -> None:
        """A connection that commits each statement could leave half of a call; in a transaction it is as good."""
        made = store.connect()
        if isinstance(made, sqlite3.Connection):
            made.isolation_level = None
        else:
            made.autocommit = True
        with closing(made):
            found = codes(lambda: client.enqueue([letter()], using=made))
            assert found == ["outbox.using: a connection without transaction"]
            made.execute("BEGIN")
            client.enqueue([letter()], using=made)
            assert known(client) == []
            made.execute("COMMIT")
        assert known(client) == ["zaak-1"]


class TestAsItWas:
    """The caller's connection is the caller's: what it reads, and how, stays as it was."""

    def test_sqlite_settings(self, tmp_path: Path) -> None:
        """Rows as dictionaries, texts as octets, cursors of another class: nothing is touched, and nothing breaks."""

        class Cursors(sqlite3.Cursor):
            pass

        class Connections(sqlite3.Connection):
            def cursor(self, factory: Any = Cursors) -> Any:
                return super().cursor(factory)

        client = Partner().client(outbox=SqliteOutbox(tmp_path / "outbox.sqlite"))
        made = sqlite3.connect(tmp_path / "outbox.sqlite", factory=Connections, detect_types=sqlite3.PARSE_DECLTYPES)
        with closing(made), closing(client):
            made.row_factory, made.text_factory = _as_dict, bytes
            before = _settings(made)
            for _ in range(2):
                (way,) = client.enqueue([letter(bijlagen=[(pdf(70), "Zoë.pdf")])], using=made)
                assert way.kenmerk == "zaak-1"
            assert _settings(made) == before
            made.commit()
            with pytest.raises(BerichtError, match="another onderwerp"):
                client.enqueue([letter(onderwerp="Zoë", bijlagen=[(pdf(70), "Zoë.pdf")])], using=made)

    def test_postgres_settings(self, tmp_path: Path) -> None:
        """Rows as dictionaries, another time zone, moments read without one: nothing is touched, nothing breaks."""
        with STORES["postgres"](tmp_path) as store:
            import psycopg.rows  # noqa: PLC0415 - skipped before when it is not there

            class Naive(psycopg.types.datetime.TimestamptzLoader):
                def load(self, data: Any) -> Any:
                    return super().load(data).replace(tzinfo=None)

            client = Partner().client(outbox=store.worker())
            with store.connect() as made:
                made.row_factory = psycopg.rows.dict_row
                made.adapters.register_loader("timestamptz", Naive)
                made.execute("SET TIME ZONE 'Asia/Tokyo'")
                (first,) = client.enqueue([letter()], using=made)
                (again,) = client.enqueue([letter()], using=made)
                assert first == again
                assert made.execute("SHOW TIME ZONE").fetchone() == {"TimeZone": "Asia/Tokyo"}
                assert made.row_factory is psycopg.rows.dict_row
            assert [one.handed_over for one in client.afleveringen()] == [first.handed_over]
            client.close()

    def test_framework(self, client: Client, connection: Any) -> None:
        """What a framework calls a connection has the driver's own underneath."""

        class Proxied:
            driver_connection = connection

        class Framework:
            connection = Proxied()

        client.enqueue([letter()], using=Framework())
        connection.rollback()
        assert known(client) == []

    def test_waits(self, tmp_path: Path) -> None:
        """B39: while the caller's transaction is open others wait, and say so when it takes too long."""
        client = Partner().client(outbox=SqliteOutbox(tmp_path / "outbox.sqlite", busy_seconds=0.05))
        with closing(sqlite3.connect(tmp_path / "outbox.sqlite")) as made, closing(client):
            client.enqueue([letter()], using=made)
            with pytest.raises(OutboxError, match="another process holds the database"):
                client.enqueue([letter(kenmerk="zaak-2")])
            with suppress(sqlite3.Error):
                made.rollback()
            client.enqueue([letter(kenmerk="zaak-2")])
            assert known(client) == ["zaak-2"]


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def _settings(made: sqlite3.Connection) -> list[object]:
    pragmas = ("synchronous", "journal_mode", "foreign_keys", "secure_delete", "busy_timeout", "temp_store")
    found: list[object] = [made.execute(f"PRAGMA {name}").fetchone() for name in pragmas]
    return [*found, made.row_factory, made.text_factory, made.isolation_level]
