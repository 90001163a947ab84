"""The tables as they are written: what of an incoming row replaces what is known."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table, or what of it is written together.

    Attributes:
        name: of the table.
        slot: the columns of what is said as a whole, such as a quarter-hour of a meter.
        part: the columns that tell its rows apart, such as the register.
        content: the others.
        final: which of them, once true, stay so until the amount is another or the revision a higher one.
    """

    name: str
    slot: tuple[str, ...]
    part: tuple[str, ...]
    content: tuple[str, ...]
    final: tuple[str, ...] = ()

    @property
    def columns(self) -> str:
        """All of them, in the order in which rows have them."""
        return _listed(self.slot + self.part + self.content)

    def make_incoming(self) -> str:
        """A table of the same columns, for one transaction."""
        return f"CREATE TEMPORARY TABLE incoming_{self.name} (LIKE {self.name}) ON COMMIT DROP"

    def copy(self) -> str:
        """Fill that."""
        return f"COPY incoming_{self.name} ({self.columns}) FROM STDIN"

    def upsert(self, *, is_older: bool) -> str:
        """Take over what wins; whatever is the same is not touched.

        Each once: an EAN that was of gas by mistake, and is of electricity now, may come twice.

        Args:
            is_older: whether the incoming rows may be older than what is known.
        """
        key = _listed(self.slot + self.part)
        updates = ", ".join(
            f"{_quoted(each)} = {self._revised() if each == _REVISION else f'excluded.{_quoted(each)}'}"
            for each in self.content
        )
        wins = self._is_higher() if is_older else self._is_other()
        return (
            f"INSERT INTO {self.name} AS known ({self.columns})"  # noqa: S608 - our own words
            f" SELECT DISTINCT ON ({key}) {self.columns} FROM incoming_{self.name} ORDER BY {key}"
            f" ON CONFLICT ({key}) DO {f'UPDATE SET {updates} WHERE {wins}' if wins else 'NOTHING'}"
        )

    def _is_higher(self) -> str:
        return "excluded.revision > known.revision" if _REVISION in self.content else ""

    def _is_other(self) -> str:
        if _REVISION not in self.content:
            return _differ(self.content)
        others = tuple(each for each in self.content if each not in (_REVISION, "amount"))
        kept = "".join(f" AND excluded.{each} >= known.{each}" for each in self.final)
        return f"{self._is_higher()} OR {_AMOUNTS_DIFFER} OR ({_differ(others)}{kept})"

    def _revised(self) -> str:
        """The higher revision; one more than the known one where a ledger that knows less says otherwise."""
        return f"greatest(excluded.revision, known.revision + CAST({_AMOUNTS_DIFFER} AS integer))"

    def gone(self, *, is_older: bool) -> str:
        """Find what is known of a slot that is said without it: its key, and its revision from now on.

        Known rows are read day by day, each by the index (OFFSET 0 keeps it so), and laid beside the incoming
        ones. Nothing is joined: the planner knows nothing of a table that was filled just now, and a wrong
        guess would read all of one for each row of the other.
        """
        key, slot, (_, at) = _listed(self.slot + self.part), _listed(self.slot), self.slot
        return (
            f"SELECT {key}, greatest(said, known + 1) FROM ("  # noqa: S608 - our own words
            f" SELECT {key}, max(known) AS known, max(max(said)) OVER (PARTITION BY {slot}) AS said,"
            f" max(said) IS NULL AS is_gone FROM ("
            f" SELECT {key}, NULL AS known, revision AS said FROM incoming_{self.name} UNION ALL"
            f" SELECT {key}, revision, NULL FROM ("
            f" SELECT ean, min({at}), max({at}) FROM incoming_{self.name} GROUP BY ean, date"
            f") AS day (meter, first, last) CROSS JOIN LATERAL ("
            f" SELECT {key}, revision FROM {self.name}"
            f" WHERE ean = meter AND {at} BETWEEN first AND last AND amount IS NOT NULL OFFSET 0"
            f") AS of_day) AS every GROUP BY {key}) AS each WHERE is_gone AND said IS NOT NULL"
            f"{' AND known < said' if is_older else ''}"
        )

    def empty(self) -> str:
        """A row of those has no amount any more, for nothing is ever deleted."""
        key = " AND ".join(f"{each} = %s" for each in self.slot + self.part)
        return f"UPDATE {self.name} SET amount = NULL, revision = %s WHERE {key}"  # noqa: S608 - our own words


def _differ(columns: tuple[str, ...]) -> str:
    theirs, known = (
        ", ".join(f"{side}.{_quoted(each)}" for each in columns) for side in ("excluded", "known")
    )
    return f"({theirs}) IS DISTINCT FROM ({known})"


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(map(_quoted, columns))


def _quoted(column: str) -> str:
    return f'"{column}"'  # "end" is a word of SQL


_REVISION = "revision"
_AMOUNTS_DIFFER = "(excluded.amount IS DISTINCT FROM known.amount)"

_REGISTER = ("direction", "tariff", "unit")
_COUNTED = ("amount", "validated", "provisional", "estimated", "revision")

METERS = Table("meters", ("ean",), (), ("energy", "name"))
MANDATES = Table(
    "mandates",
    ("ean", "reference"),
    (),
    ("energy", "status", "service", "since", "until", "expires", "renewal"),
)
READINGS = Table("readings", ("ean", "start"), _REGISTER, (*_COUNTED, "end", "date"))
DAYS = Table("days", ("ean", "date"), _REGISTER, (*_COUNTED, "complete", "in_doubt"), final=("complete",))
PEAKS = Table("peaks", ("ean", "month"), (), ("start", "kw", "source"))
COSTS = Table("costs", ("ean", "date"), ("part",), ("amount",))

# A ledger that began in mid-month, or has a meter since then, knows less than the table of readings. That is
# asked only where a ledger says something else that is not higher.
CORRECT_PEAKS = """
    UPDATE incoming_peaks AS told SET start = shown.start, kw = shown.kw
    FROM peaks AS known CROSS JOIN LATERAL (
        SELECT start, 4 * sum(amount) AS kw FROM readings
        WHERE ean = known.ean AND direction = 'consumption' AND unit = 'kWh' AND amount IS NOT NULL
        AND start BETWEEN known.month - 1 AND known.month + 32
        AND date IN (
            SELECT date FROM days WHERE ean = known.ean AND complete AND NOT in_doubt
            AND date >= known.month AND date < known.month + INTERVAL '1 month'
        )
        GROUP BY start ORDER BY kw DESC, start LIMIT 1
    ) AS shown
    WHERE told.ean = known.ean AND told.month = known.month AND told.source = 'ledger'
    AND (told.start, told.kw) <> (known.start, known.kw) AND told.kw <= known.kw AND told.kw <= shown.kw
"""
