"""The numbers by which the file knows meters, devices and registers."""

from typing import TYPE_CHECKING

from bridge.metering.model import Direction, Meter, Register, Tariff, Unit

if TYPE_CHECKING:
    from bridge.ledger.store import Store

_UNKNOWN = 0


class Names:
    """Each is looked up once and kept in memory."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._numbers: dict[tuple[str, ...], int] = {}
        self.registers: dict[int, Register] = {}
        store.on_rollback.append(self._numbers.clear)

    def meter(self, meter: Meter) -> int:
        """A meter's number."""
        return self._number("meter", ean=meter.ean, energy=meter.energy)

    def device(self, serial: str) -> int:
        """That of a physical meter."""
        return self._number("device", serial=serial)

    def register(self, register: Register) -> int:
        """That of a register."""
        number = self._number(
            "register", direction=register.direction, tariff=register.tariff, unit=register.unit
        )
        self.registers[number] = register
        return number

    def _number(self, table: str, **columns: str) -> int:
        """The number by which the ledger knows a meter, a device or a register; made when it is new.

        Who only reads may be told a number that nothing has.
        """
        key = (table, *columns.values())
        if key not in self._numbers:
            if not self._store.read_only:
                names, marks = ", ".join(columns), ", ".join("?" * len(columns))
                self._store.execute(
                    f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - our own names
                    tuple(columns.values()),
                )
            where = " AND ".join(f"{name} = ?" for name in columns)
            select = f"SELECT id FROM {table} WHERE {where}"  # noqa: S608 - our own names
            for (number,) in self._store.rows(select, tuple(columns.values())):
                self._numbers[key] = number
        return self._numbers.get(key, _UNKNOWN)

    def know_registers(self) -> None:
        """Those that the file has."""
        self.registers = {
            number: Register(Direction(direction), Tariff(tariff), Unit(unit))
            for number, direction, tariff, unit in self._store.rows(
                "SELECT id, direction, tariff, unit FROM register"
            )
        }
