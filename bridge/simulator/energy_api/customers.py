"""The customers of an energy service provider: what they allow, and how Fluvius has their amounts."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from bridge.simulator.energy_api.energy import Habit, Held, Readings
from bridge.simulator.energy_api.headpoints import Registers, Shape, State, Sub, Type
from bridge.simulator.energy_api.mandates import Environment, Mandate, Mandates, Renewal, Service, Status
from bridge.simulator.energy_api.naming import moment_of
from bridge.simulator.household import Energy, SimulatedMeter
from bridge.simulator.measurements import Measurements
from bridge.simulator.writing import first_instant

REFERENCE = "simulated"
LONG_AGO, FAR_AWAY = date(2020, 1, 1), date(2099, 1, 1)
MOST_METERS = 100_000
TEST_EANS = 10_800  # so many of the sandbox have a right check digit


class Customers:
    """Everybody with a mandate: at first the account's own meters.

    Args:
        measurements: the meters.
        now: gives the simulated moment in UTC.
    """

    def __init__(self, measurements: Measurements, now: Callable[[], datetime]) -> None:
        self.measurements = measurements
        self.mandates = Mandates()
        self.readings = Readings(measurements)
        self._now = now
        self._generated = 0
        for meter in measurements.meters.values():
            self.add_mandate(meter.ean, service="VH_kwartier_uur" if meter.intervals else "VH_dag")

    def add_mandate(
        self,
        ean: str,
        *,
        reference: str = REFERENCE,
        service: Service = "VH_kwartier_uur",
        status: Status = "Approved",
        since: date | datetime = LONG_AGO,
        period_from: date | datetime = LONG_AGO,
        period_to: date | datetime | None = None,
        expires: date | datetime = FAR_AWAY,
        renewal: Renewal | None = None,
        environment: Environment | None = None,
        energy: Energy = "electricity",
    ) -> Mandate:
        """A mandate more, and a meter when there is none with that EAN.

        Args:
            ean: the connection point.
            reference: the customer's.
            service: how far it goes.
            status: its status since that moment; see Mandate for what may happen to it later.
            since: from when on it exists.
            period_from: of which days readings may be asked for. A date stands for its first instant.
            period_to: the same; None: without end.
            expires: when it ends of itself.
            renewal: None: as the expiry says.
            environment: where it is; None: in both.
            energy: of the new meter.
        """
        meter = self.measurements.find(ean) or self._add_meter(ean, energy)
        mandate = Mandate(
            ean=ean,
            reference=reference,
            energy_type="G" if meter.energy == "gas" else "E",
            service=service,
            period_from=first_instant(period_from),
            period_to=None if period_to is None else first_instant(period_to),
            expires=first_instant(expires),
            environment=environment,
            renewal=renewal,
        )
        mandate.change(status, since)
        return self.mandates.add(mandate)

    def mandate(self, ean: str, reference: str | None = None) -> Mandate:
        """The newest mandate of a connection point.

        Raises:
            ValueError: there is none.
        """
        if found := self.mandates.of(ean, reference, None):
            return found[-1]
        raise ValueError(f"there is no mandate for EAN {ean}")

    def forget_mandates(self, ean: str | None = None) -> None:
        """Nobody has ever allowed anything; with an EAN, not there."""
        if ean is None:
            self.mandates.by_ean.clear()
        else:
            self.mandates.by_ean.pop(ean, None)

    def add_meters(
        self, number: int, *, energy: Energy = "electricity", service: Service = "VH_kwartier_uur"
    ) -> list[str]:
        """So many meters more, each with an approved mandate and a reference of its own; their EANs.

        Raises:
            ValueError: these are too many.
        """
        if self._generated + number > MOST_METERS:
            raise ValueError(f"there are no more than {MOST_METERS} meters")
        numbers = range(self._generated, self._generated + number)
        self._generated += number
        eans = [_test_ean(i) for i in numbers]
        for i, ean in zip(numbers, eans, strict=True):
            self.add_mandate(ean, reference=f"customer-{i:05}", service=service, energy=energy)
        return eans

    def _add_meter(self, ean: str, energy: Energy) -> SimulatedMeter:
        serial = f"{'7FLO' if energy == 'gas' else '1SAG'}{ean[4:9]}{ean[-3:]}"
        self.measurements.put(SimulatedMeter(ean, serial, energy, "single" if energy == "gas" else "double"))
        return self.measurements.customers[ean]

    def shape(
        self,
        ean: str,
        type: Type = "metering-on-meter",  # noqa: A002 - the API's own name
        *,
        registers: Registers = "all",
        subs: Iterable[Sub] | Mapping[Sub, str] = (),
    ) -> dict[Sub, str]:
        """How a headpoint is written from now on.

        Args:
            ean: the headpoint's.
            type: its `$type`.
            registers: see headpoints.Shape.
            subs: its sub-headpoints, with their EANs or without. Simulator.day_amounts and slot_amounts know
                what they counted, by their EANs.

        Returns:
            The EANs of the sub-headpoints.
        """
        if isinstance(subs, dict):
            eans: dict[Sub, str] = dict(subs)
        else:
            eans = {sub: with_check_digit(f"{ean[:10]}{i}{ean[11:17]}") for i, sub in enumerate(subs, 1)}
        for sub, sub_ean in eans.items():
            purpose = "grid" if sub == "offtake" else sub
            meter = SimulatedMeter(sub_ean, "", tariffs="single", injection=False, purpose=purpose)
            self.measurements.customers[sub_ean] = meter
        self.readings.shapes[ean] = Shape(type, registers, tuple(eans.items()))
        return eans

    def hold(self, ean: str, day: date, until: date | datetime, state: State = "EST") -> None:
        """That day's amounts are in this state until a moment; then they are `VAL` and stored again."""
        self.readings.held[ean, day] = Held(state, first_instant(until))

    def hold_days(
        self, lasting: timedelta, *, state: State = "READ", ean: str | None = None, every: int = 1
    ) -> None:
        """Days are in this state for a while after their publication, then `VAL`.

        Args:
            lasting: how long.
            state: which.
            ean: whose days; None: every meter's.
            every: 1 for every day, 2 for every second day, ...
        """
        self.readings.habits.append(Habit(ean, state, lasting, every))

    def consent(
        self,
        reference: str,
        ean: str,
        *,
        status: Status = "Approved",
        at: date | datetime | None = None,
        expires: date | datetime = FAR_AWAY,
    ) -> list[Mandate]:
        """The customer follows the short URL of that reference and picks an EAN.

        Raises:
            ValueError: no short URL of that reference is valid then, or it has got its EANs.
        """
        since = self._now() if at is None else first_instant(at)
        short_url = self.mandates.asked_with(reference, since)
        asked = short_url.asked
        others = {each.ean for each in self.mandates.every() if each.reference == reference}
        if len(others | {ean}) > (most := asked.get("numberOfEans") or 1):
            raise ValueError(f"the short URL of {reference} is for {most} EANs")
        return [
            self.add_mandate(
                ean,
                reference=reference,
                status=status,
                since=since,
                expires=expires,
                environment=short_url.environment,
                **asked_for(service),
            )
            for service in asked.get("dataServices") or [{"dataServiceType": "VH_onbepaald"}]
        ]


def asked_for(service: Mapping[str, Any]) -> dict[str, Any]:
    """A data service of a request, as Customers.add_mandate takes it."""
    start, end = service.get("dataPeriodFrom"), service.get("dataPeriodTo")
    return {
        "service": service["dataServiceType"],
        "period_from": moment_of(start) if start else LONG_AGO,
        "period_to": moment_of(end) if end else None,
    }


def _test_ean(number: int) -> str:
    """A test EAN, 5414[4-5][0-1][0-2]{3}000000[0-9]{3}, with a right check digit; or one that nobody has."""
    if number >= TEST_EANS:
        return with_check_digit(f"54149999{number:09}")
    prefix, last = divmod(number, 100)
    digits = [prefix // 3 % 3, prefix // 9 % 3, prefix % 3]
    first, second = divmod(prefix // 27, 2)
    return with_check_digit(f"5414{4 + first}{second}{''.join(map(str, digits))}000000{last:02}")


def with_check_digit(digits: str) -> str:
    """Seventeen digits and the eighteenth."""
    weighted = sum(int(digit) * (3 if i % 2 == 0 else 1) for i, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"
