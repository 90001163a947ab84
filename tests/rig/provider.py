"""An energy service provider, for whom the official API is the source."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from bridge.fetching.cycle import Cycle, Fetcher
from bridge.fetching.due import Occasion
from bridge.metering.meterday import start_of
from bridge.metering.model import Day, Meter, Unit
from bridge.metering.progress import Progress
from tests.rig.world import GAS, HOME, SHED, World

HOME_EAN, GAS_EAN, SHED_EAN = HOME["ean"], GAS["ean"], SHED["ean"]
FIRST, LAST = date(2026, 11, 14), date(2026, 11, 20)
SPANS = {
    HOME_EAN: (FIRST, LAST),
    SHED_EAN: (FIRST, LAST),
    GAS_EAN: (date(2026, 11, 11), date(2026, 11, 17)),
}


class Provider:
    """An energy service provider with a contract, on a desk."""

    def __init__(self, world: World) -> None:
        self.world, self.simulator, self.clock = world, world.simulator, world.clock
        self.api = world.simulator.energy_api
        world.meters = []
        self.configure(environment="sandbox", client_secret=self.api.client_secret)

    def configure(self, **proof: Any) -> None:
        self.world.changes["fluvius"] = {
            "energy_api": {
                "tenant_id": self.api.tenant,
                "client_id": self.api.client_id,
                "scope": self.api.scope,
                "subscription_key": self.api.subscription_key,
                "contract_number": self.api.contract_number,
                "url": self.api.url(proof.get("environment", "sandbox")),
                "authority": self.api.authority,
                **proof,
            }
        }

    def only(self, ean: str, **mandate: Any) -> None:
        """One mandate instead of those that are there."""
        self.api.forget_mandates()
        self.api.add_mandate(ean, **mandate)

    def fetch(self, occasion: Occasion = Occasion.SCHEDULE) -> Cycle:
        return self.world.fetch(occasion)

    def asked(self) -> dict[str, int]:
        """Requests since this was last asked."""
        counted = {each: self.simulator.count(each) for each in ("api-token", "mandates", "energy")}
        self.simulator.forget_requests()
        return counted

    def mandate_questions(self) -> list[str]:
        """Since when changes were asked for, since this was last asked; empty where all mandates were."""
        asked = [each for each in self.simulator.requests if each.endpoint == "mandates"]
        self.simulator.forget_requests()
        return [each.query.get("lastUpdatedFrom", "") for each in asked]

    def followed(self) -> set[str]:
        """The EANs of the meters that the bridge follows."""
        with self.world.at_work() as (_, fetcher):
            return {*self.meters(fetcher)}

    def look(self, ean: str = HOME_EAN) -> tuple[Meter, Progress, Day | None]:
        with self.world.at_work() as (ledger, fetcher):
            meter = self.meters(fetcher)[ean]
            return meter, fetcher.progress(meter), ledger.days.latest_complete_day(meter)

    def meters(self, fetcher: Fetcher) -> dict[str, Meter]:
        return {meter.ean: meter for meter in fetcher.meters}

    def totals(self) -> dict[str, dict[tuple[str, str, str], Decimal]]:
        with self.world.at_work() as (ledger, fetcher):
            return {
                meter.ean: {
                    (register.direction, register.tariff, register.unit): amount
                    for register, amount in total.amounts.items()
                }
                for meter in fetcher.meters
                if (total := ledger.sums.total(meter))
            }

    def truths(self, later: timedelta = timedelta(0)) -> dict[str, dict[tuple[str, str, str], Decimal]]:
        return {ean: self.world.truth(ean, first, last + later) for ean, (first, last) in SPANS.items()}

    def is_validated(self, day: date) -> bool:
        with self.world.at_work() as (ledger, fetcher):
            meter = self.meters(fetcher)[HOME_EAN]
            return ledger.readings.is_validated(meter, start_of(day, meter.energy))

    def intervals(self, ean: str, day: date) -> dict[datetime, dict[str, Decimal]]:
        with self.world.at_work() as (ledger, fetcher):
            return {
                each.start: in_sides(each.amounts)
                for each in ledger.days.intervals(self.meters(fetcher)[ean], day)
            }


def in_sides(amounts: Any) -> dict[str, Decimal]:
    sides: dict[str, Decimal] = {}
    for register, amount in amounts.items():
        side = "volume" if register.unit is Unit.M3 else str(register.direction)
        sides[side] = sides.get(side, Decimal(0)) + amount
    return sides
