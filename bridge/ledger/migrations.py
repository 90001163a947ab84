"""How the ledger's file came to have its tables: each version in the words in which it was first written."""

import sqlite3
from collections.abc import Iterator

APPLICATION_ID = 0x466C7632  # "Flv2": tells our file from other people's SQLite databases

# A day's checksum is a sum, so that the database can work it out by itself. Each row has its own weight, so
# that amounts that change places are noticed.
OF_READINGS = (
    "COALESCE(SUM((amount % 4294967291 + 1)"
    " * (reading.start % 65521 + 131 * register + 8191 * device + 524287 * daily + 2 * revision + validated)"
    " % 1000000007), 0)"
)
OF_THE_DAY = (
    "7 * day.complete + 31 * day.revision + day.start % 65521"
    " + 127 * CAST(strftime('%J', day.date) AS INTEGER)"
)
OF_A_CORRECTION = (
    "(was % 4294967291 + 31 * (became % 4294967291) + 131 * register + 8191 * meter"
    " + 65521 * (at % 4294967291) + 524287 * (start % 4294967291)) % 1000000007"
)

MIGRATIONS = (
    """
    CREATE TABLE meter (
        id INTEGER PRIMARY KEY, ean TEXT NOT NULL, energy TEXT NOT NULL, UNIQUE (ean, energy)
    );
    CREATE TABLE device (id INTEGER PRIMARY KEY, serial TEXT NOT NULL UNIQUE);
    CREATE TABLE register (
        id INTEGER PRIMARY KEY, direction TEXT NOT NULL, tariff TEXT NOT NULL, unit TEXT NOT NULL,
        UNIQUE (direction, tariff, unit)
    );
    -- daily: 1 a meter day's amount, 0 an interval's. device: the physical meter that counted it.
    CREATE TABLE reading (
        meter INTEGER NOT NULL, daily INTEGER NOT NULL, start INTEGER NOT NULL, register INTEGER NOT NULL,
        device INTEGER NOT NULL, amount INTEGER NOT NULL, validated INTEGER NOT NULL,
        revision INTEGER NOT NULL DEFAULT 1,
        PRIMARY KEY (meter, daily, start, register, device)
    ) WITHOUT ROWID;
    CREATE TABLE day (
        meter INTEGER NOT NULL, date TEXT NOT NULL, start INTEGER NOT NULL,
        complete INTEGER NOT NULL DEFAULT 0, revision INTEGER NOT NULL DEFAULT 1,
        corrected INTEGER NOT NULL DEFAULT 0, intervals INTEGER NOT NULL DEFAULT 0,
        asked_at INTEGER, fetched_at INTEGER NOT NULL,
        PRIMARY KEY (meter, date)
    ) WITHOUT ROWID;
    CREATE INDEX day_by_completeness ON day (meter, complete, date, start);
    -- intervals that are new or corrected and were not streamed yet
    CREATE TABLE unstreamed (
        meter INTEGER NOT NULL, start INTEGER NOT NULL, PRIMARY KEY (meter, start)
    ) WITHOUT ROWID;
    -- retained topics that a broker may hold because of us
    CREATE TABLE published (topic TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    -- whose topic it is: a meter's EAN or `bridge`, so that a renamed meter's old topics are found
    ALTER TABLE published ADD COLUMN owner TEXT NOT NULL DEFAULT '';
    -- from when on a meter's amounts are other than those that long-term statistics were made of
    CREATE TABLE restated (meter INTEGER PRIMARY KEY, since INTEGER NOT NULL);
    INSERT INTO restated SELECT DISTINCT meter, 0 FROM day;
    """,
    """
    -- the highest quarter-hours of months: worked out here ('ledger'; amount in billionths of a kWh, NULL
    -- where there is none), or said by Fluvius ('portal'; in billionths of a kW), also while the month was
    -- under way ('so far')
    CREATE TABLE peak (
        meter INTEGER NOT NULL, month TEXT NOT NULL, source TEXT NOT NULL,
        start INTEGER NOT NULL, amount INTEGER,
        PRIMARY KEY (meter, month, source)
    ) WITHOUT ROWID;
    -- history that someone asked for
    CREATE TABLE backfill (
        id INTEGER PRIMARY KEY, meter INTEGER NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL,
        begun_at INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'open', done INTEGER NOT NULL DEFAULT 0,
        of_all INTEGER NOT NULL DEFAULT 0, answered TEXT NOT NULL DEFAULT '[]', step TEXT, words TEXT,
        marks TEXT NOT NULL DEFAULT '[]'
    );
    """,
    """
    -- whether Fluvius may still correct a day's amounts although they look final, and when its daily amounts
    -- were last given or asked for in vain. What was kept of gas before is not known to be final.
    ALTER TABLE day ADD COLUMN provisional INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE day ADD COLUMN reviewed_at INTEGER;
    UPDATE day SET provisional = 1 WHERE meter IN (SELECT id FROM meter WHERE energy = 'gas');
    """,
    """
    -- 1 while a day's intervals do not add up to its daily amounts: then they do not count
    ALTER TABLE day ADD COLUMN disagrees INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX day_in_doubt ON day (meter, date) WHERE disagrees;
    -- 1 while an interval's day does not add up: then it is not streamed
    ALTER TABLE unstreamed ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
    """,
    f"""
    -- of each day's readings, to tell what was written from what became of it
    ALTER TABLE day ADD COLUMN checksum INTEGER;
    UPDATE day SET checksum = {OF_THE_DAY} + (
        SELECT {OF_READINGS} FROM reading
        WHERE reading.meter = day.meter AND daily IN (0, 1) AND reading.start >= day.start
        AND reading.start < span.end
    ) FROM (
        SELECT meter, date, LEAD(start, 1, start + 108000) OVER (PARTITION BY meter ORDER BY start) AS end
        FROM day
    ) AS span WHERE span.meter = day.meter AND span.date = day.date;
    """,  # noqa: S608 - our own words
    f"""
    -- that of its intervals apart, so that a total can be proved without them; what was damaged stays so
    ALTER TABLE day ADD COLUMN intervals_checksum INTEGER NOT NULL DEFAULT 0;
    UPDATE day SET intervals_checksum = (
        SELECT {OF_READINGS} FROM reading
        WHERE reading.meter = day.meter AND daily = 0 AND reading.start >= day.start
        AND reading.start < span.end
    ) FROM (
        SELECT meter, date, LEAD(start, 1, start + 108000) OVER (PARTITION BY meter ORDER BY start) AS end
        FROM day
    ) AS span WHERE span.meter = day.meter AND span.date = day.date;
    UPDATE day SET checksum = checksum - intervals_checksum;
    """,  # noqa: S608 - our own words
    """
    -- what electricity cost on the day-ahead market: of each quarter-hour, in billionths of EUR/kWh
    CREATE TABLE price (start INTEGER PRIMARY KEY, amount INTEGER NOT NULL, checksum INTEGER NOT NULL);
    -- those that are as they were written; others are missing, and asked for again
    CREATE VIEW sound_price AS SELECT start, amount FROM price
        WHERE checksum = (amount % 4294967291 + 1) * (start % 65521 + 1) % 1000000007;
    """,
    """
    -- what a day's energy cost, as JSON, and what it was worked out of: readings, contracts (basis; with a ~
    -- before it: and day-ahead prices that are others now)
    CREATE TABLE cost (
        meter INTEGER NOT NULL, date TEXT NOT NULL, basis TEXT NOT NULL, checksum INTEGER,
        intervals_checksum INTEGER, disagrees INTEGER, complete INTEGER, priced TEXT NOT NULL,
        crc INTEGER NOT NULL,
        PRIMARY KEY (meter, date)
    ) WITHOUT ROWID;
    """,
    """
    -- who said it: 0 Fluvius to us, 1 a day's intervals, which add up to it; else the file written then
    ALTER TABLE reading ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE reading ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0;
    """,
    f"""
    -- what corrections replaced: daily amounts of complete days, in billionths
    CREATE TABLE correction (
        meter INTEGER NOT NULL, number INTEGER NOT NULL, start INTEGER NOT NULL, register INTEGER NOT NULL,
        was INTEGER NOT NULL, became INTEGER NOT NULL, at INTEGER NOT NULL, checksum INTEGER,
        PRIMARY KEY (meter, number)
    ) WITHOUT ROWID;
    -- those that are as they were written
    CREATE VIEW sound_correction AS SELECT * FROM correction WHERE checksum = {OF_A_CORRECTION};
    """,  # noqa: S608 - our own words
    """
    -- 1 of a day whose intervals were dropped, for they are old: it has as many as it had, and none is here;
    -- 2 if its amounts were corrected since
    ALTER TABLE day ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- of months whose highest quarter-hour is known: the first and the last day that changed since
    CREATE TABLE peak_due (
        meter INTEGER NOT NULL, month TEXT NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL,
        PRIMARY KEY (meter, month)
    ) WITHOUT ROWID;
    """,
    """
    -- with rowids: without them, whoever looks for one note reads all of a large one on the way, and that
    -- of a provider's mandates has megabytes
    ALTER TABLE note RENAME TO old_note;
    CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    INSERT INTO note SELECT * FROM old_note;
    DROP TABLE old_note;
    """,
)


def statements(number: int) -> Iterator[str]:
    """Those of one migration, one by one: `executescript` would end the transaction that they belong to."""
    statement = ""
    for piece in MIGRATIONS[number].split(";")[:-1]:
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
