"""The numbers by which the file knows meters, devices and registers."""

from typing import TYPE_CHECKING

from bridge.metering.model import Direction, Meter, Register, Tariff, Unit

if TYPE_CHECKING:
    from bridge.ledger.store import Store

_UNKNOWN = 0
_INSERT = {
    "meter": "INSERT OR IGNORE INTO meter (ean, energy) VALUES (?, ?)",
    "device": "INSERT OR IGNORE INTO device (serial) VALUES (?)",
    "register": "INSERT OR IGNORE INTO register (direction, tariff, unit) VALUES (?, ?, ?)",
}
_SELECT = {
    "meter": "SELECT id FROM meter WHERE ean = ? AND energy = ?",
    "device": "SELECT id FROM device WHERE serial = ?",
    "register": "SELECT id FROM register WHERE direction = ? AND tariff = ? AND unit = ?",
}


class Names:
    """Each is looked up once and kept in memory."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._numbers: dict[tuple[str, tuple[str, ...]], int] = {}
        self.registers: dict[int, Register] = {}
        store.on_rollback.append(self._numbers.clear)

    def meter(self, meter: Meter) -> int:
        """A meter's number."""
        return self._number("meter", (meter.ean, meter.energy))

    def device(self, serial: str) -> int:
        """The number of a physical meter."""
        return self._number("device", (serial,))

    def register(self, register: Register) -> int:
        """The number of a register."""
        number = self._number("register", register)
        self.registers[number] = register
        return number

    def _number(self, table: str, values: tuple[str, ...]) -> int:
        """The number by which the ledger knows a meter, a device or a register; made when it is new.

        Who only reads may be told a number that nothing has.
        """
        key = table, values
        if key not in self._numbers:
            if not self._store.read_only:
                self._store.execute(_INSERT[table], values)
            for (number,) in self._store.rows(_SELECT[table], values):
                self._numbers[key] = number
        return self._numbers.get(key, _UNKNOWN)

    def know_registers(self) -> None:
        """Read the registers that the file has."""
        self.registers = {
            number: Register(Direction(direction), Tariff(tariff), Unit(unit))
            for number, direction, tariff, unit in self._store.rows(
                "SELECT id, direction, tariff, unit FROM register"
            )
        }
