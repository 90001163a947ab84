"""The published client of the Energy API, unchanged, against the simulator: `make peers`.

Its only two addresses are turned to the simulator; what it sends and how it reads the answers are its own.
Every call that it has is made, in the sandbox and in production, and what it read is compared with what the
simulated meters counted.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import fluvius_energy_api as peer
import fluvius_energy_api.auth
import polars as pl
import polars_fluvius
import polars_fluvius.readers.energy_reader as polars_energy
import polars_fluvius.readers.mandates_reader as polars_mandates
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bridge.simulator import Simulator
from bridge.simulator.energy_api.customers import with_check_digit
from bridge.simulator.energy_api.mandates import Environment
from bridge.simulator.household import BRUSSELS

if TYPE_CHECKING:
    from bridge.simulator.energy_api.headpoints import Sub, Type

NOW = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)
HOME, GAS, SHED = "541448820000000008", "541448820000000015", "541448820000000022"
MOCK = with_check_digit("54144011000000001")  # as the sandbox wants them
BOTH = "daily,hourly_quarterhourly"
ENVIRONMENTS: tuple[Environment, ...] = ("sandbox", "production")
LISTS = {"daily": "daily_energy", "hourly": "hourly_energy", "quarter": "quarter_hourly_energy"}
DIRECTIONS = {"offtake": 1, "injection": 2, "production": 3, "auxiliary": 4}


def main() -> int:
    """Make every call; say of each what it read."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with Simulator(now=lambda: NOW) as simulator:
        address = f"{simulator.url}/{{tenant_id}}/oauth2/v2.0/token"
        fluvius_energy_api.auth.AZURE_AD_TOKEN_URL = address
        for environment in ENVIRONMENTS:
            for call in CALLS:
                if environment == "production" and call is mock_mandates:
                    continue  # there is no such call
                name = call.__name__.replace("_", " ")
                sys.stdout.write(f"{environment}: {name}: {told(call, simulator, environment)}\n")
    return 0


def told(
    call: Callable[[Simulator, Environment], str], simulator: Simulator, environment: Environment
) -> str:
    try:
        return call(simulator, environment)
    except Exception as error:  # the caller is told which call it was
        error.add_note(f"{environment}: {call.__name__}")
        raise


# The calls


def sessions(simulator: Simulator, environment: Environment) -> str:
    """The link for a customer, with everything and with next to nothing."""
    with client(simulator, environment) as fluvius:
        contract = simulator.energy_api.contract_number
        service = peer.ClientSessionDataService(
            data_service_type=peer.DataServiceType.VH_DAG, data_period_from="2024-01-01T00:00:00Z"
        )
        full = fluvius.create_client_session(contract, f"{environment}-1", "B2B", [service], 5)
        least = fluvius.create_client_session(contract, f"{environment}-2", "B2C")
    links = {full.data.short_url_identifier, least.data.short_url_identifier}
    assert full.data.status == least.data.status == "success"
    assert len(links) == 2
    return "two links"


def mandates(simulator: Simulator, environment: Environment) -> str:
    """All of them, and by each filter that the client has."""
    with client(simulator, environment) as fluvius:
        every = fluvius.get_mandates().data.mandates
        assert {HOME, GAS, SHED} <= {each.ean for each in every}
        filters: list[dict[str, Any]] = [
            {"ean": HOME},
            {"reference_number": "simulated", "ean": HOME},
            {"energy_type": peer.EnergyType.GAS, "ean": GAS},
            {"status": peer.MandateStatus.APPROVED, "ean": HOME},
            {"data_service_types": [peer.DataServiceType.VH_DAG], "ean": SHED},
            {"last_updated_to": NOW + timedelta(days=1), "ean": HOME},
            {"mandate_expiration_date": datetime(2100, 1, 1, tzinfo=UTC), "ean": HOME},
        ]
        for each in filters:
            assert [mandate.ean for mandate in fluvius.get_mandates(**each).data.mandates] == [each["ean"]], (
                each
            )
        renewed = fluvius.get_mandates(renewal_status=peer.MandateRenewalStatus.EXPIRED)
        assert renewed.data.mandates == []
        assert fluvius.get_mandates(last_updated_from=NOW).data.mandates == []
    return f"{len(every)} mandates, {len(filters) + 2} filters"


def mock_mandates(simulator: Simulator, environment: Environment) -> str:
    """A mandate made up for trying, with as little as the client sends."""
    with client(simulator, environment) as fluvius:
        answer = fluvius.create_mock_mandate("mock-1", MOCK, peer.DataServiceType.VH_DAG)
        made = fluvius.get_mandates(reference_number="mock-1").data.mandates
    assert [each.ean for each in made] == [MOCK]
    return str(answer.data.status)


def energy(simulator: Simulator, environment: Environment) -> str:
    """A week of electricity and of gas, by read time, with and without what may be left out."""
    weeks = 0
    with client(simulator, environment) as fluvius:
        for ean, energy_type in ((HOME, "electricity"), (GAS, "gas")):
            newest = simulator.latest_day(ean)
            first = newest - timedelta(days=6)
            for options in ({}, {"reference_number": "simulated"}):
                answer = fluvius.get_energy(
                    ean,
                    peer.PeriodType.READ_TIME,
                    granularity=BOTH,
                    **span(first, newest, energy_type),
                    **options,
                )
                assert_counted(simulator, ean, answer.data.headpoint, first, newest)
                weeks += 1
        days = fluvius.get_energy(HOME, peer.PeriodType.READ_TIME, **span(DAY, DAY))
        assert days.data.headpoint.ean == HOME
    return f"{weeks} weeks as counted"


def shapes(simulator: Simulator, environment: Environment) -> str:
    """Each of the three kinds of headpoint, with every kind of sub-headpoint."""
    kinds: tuple[Type, ...] = (
        "metering-on-meter",
        "metering-on-headpoint",
        "metering-on-headpoint-and-meter",
    )
    subs: tuple[Sub, ...] = ("offtake", "production", "auxiliary")
    try:
        for kind in kinds:
            has_subs = kind != "metering-on-meter"
            eans = simulator.energy_api.shape(HOME, kind, subs=subs if has_subs else ())
            with client(simulator, environment) as fluvius:
                answer = fluvius.get_energy(HOME, "readTime", granularity=BOTH, **span(DAY, DAY))
            headpoint = answer.data.headpoint
            assert headpoint.type_discriminator == kind
            assert_counted(simulator, HOME, headpoint, DAY, DAY)
            for sub in getattr(headpoint, "sub_headpoints", None) or ():
                direction = sub.type_discriminator.removeprefix("submetering-")
                assert_counted(simulator, eans[direction], sub, DAY, DAY)
    finally:
        simulator.energy_api.shape(HOME)
    return f"{len(kinds)} shapes, {len(subs)} kinds of sub-headpoint"


def reactive(simulator: Simulator, environment: Environment) -> str:
    """Active and reactive energy side by side."""
    with client(simulator, environment) as fluvius:
        answer = fluvius.get_energy(
            HOME, "readTime", granularity=BOTH, complex_energy_types="active,reactive", **span(DAY, DAY)
        )
    (meter,) = answer.data.headpoint.physical_meters
    units = {
        str(value.unit)
        for slot in meter.daily_energy
        for each in slot.measurements
        for name in ("reactive", "inductive", "capacitive")
        if each.offtake and (value := getattr(each.offtake, name))
    }
    assert units == {"kVArh"}, units
    return "kVArh beside kWh"


def stored_since(simulator: Simulator, environment: Environment) -> str:
    """What was stored since a moment."""
    with client(simulator, environment) as fluvius:
        since = datetime(2026, 11, 20, tzinfo=UTC)
        answer = fluvius.get_energy(
            HOME, peer.PeriodType.INSERT_TIME, granularity=BOTH, from_date=since, to_date=NOW
        )
    (meter,) = answer.data.headpoint.physical_meters
    days = [slot.start.astimezone(BRUSSELS).date() for slot in meter.daily_energy]
    assert DAY in days
    return f"{len(days)} days"


def unknown(simulator: Simulator, environment: Environment) -> str:
    """Whom nobody allowed to look is not let in, in words that the client reads."""
    with client(simulator, environment) as fluvius:
        try:
            fluvius.get_energy("541448860000000054", "readTime", granularity=BOTH, **span(DAY, DAY))
        except (peer.ForbiddenError, peer.NotFoundError) as error:
            return str(error)
    raise AssertionError("an unknown EAN was answered")


def data_frames(simulator: Simulator, environment: Environment) -> str:
    """The same by polars-fluvius, as data frames."""
    turned = SimpleNamespace(value=simulator.energy_api.url(environment))
    for reader in (polars_energy, polars_mandates):
        reader.get_environment = lambda _: turned
        reader.get_credentials = lambda _: credentials(simulator, environment)
    readings = polars_fluvius.scan_energy(
        ean=HOME,
        period_type="readTime",
        granularity="hourly_quarterhourly",
        from_date="2026-11-19T23:00:00Z",
        to_date="2026-11-20T23:00:00Z",
    ).collect()
    offtake = readings.filter(pl.col("direction") == "offtake", pl.col("register_type") == "total")
    counted = sum(amounts_of(simulator, HOME, DAY, 1).values(), Decimal(0))
    assert len(offtake) == 96
    assert abs(Decimal(str(offtake["value"].sum())) - counted) < Decimal("1e-9")
    frame = polars_fluvius.scan_mandates(status="Approved").collect()
    assert HOME in frame["ean"]
    return f"{len(readings)} rows, {len(frame)} mandates"


CALLS: list[Callable[[Simulator, Environment], str]] = [
    sessions,
    mandates,
    mock_mandates,
    energy,
    shapes,
    reactive,
    stored_since,
    unknown,
    data_frames,
]


# Who asks


@contextmanager
def client(simulator: Simulator, environment: Environment) -> Iterator[Any]:
    address = SimpleNamespace(value=simulator.energy_api.url(environment))
    with peer.FluviusEnergyClient(credentials(simulator, environment), address) as fluvius:
        yield fluvius


def credentials(simulator: Simulator, environment: Environment) -> Any:
    """A secret in the sandbox, a certificate in production."""
    api = simulator.energy_api
    known = {
        "subscription_key": api.subscription_key,
        "client_id": api.client_id,
        "tenant_id": api.tenant,
        "scope": api.scope,
        "data_access_contract_number": api.contract_number,
    }
    if environment == "sandbox":
        return peer.FluviusCredentials(**known, client_secret=api.client_secret)
    thumbprint = api.register_certificate(CERTIFICATE)
    return peer.FluviusCredentials(**known, certificate_thumbprint=thumbprint, private_key=PRIVATE_KEY)


def certificate() -> tuple[str, str]:
    """A certificate and its private key, as PEM."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM).decode(), private.decode()


CERTIFICATE, PRIVATE_KEY = certificate()


# What was counted


def span(first: date, last: date, energy_type: str = "electricity") -> dict[str, datetime]:
    hour = 6 if energy_type == "gas" else 0
    start = datetime(first.year, first.month, first.day, hour, tzinfo=BRUSSELS)
    end = datetime(last.year, last.month, last.day, hour, tzinfo=BRUSSELS) + timedelta(days=1)
    return {"from_date": start.astimezone(UTC), "to_date": end.astimezone(UTC)}


def assert_counted(simulator: Simulator, ean: str, point: Any, first: date, last: date) -> None:
    """Days and quarter-hours (gas: hours) of a headpoint or sub-headpoint add up to what was counted."""
    places = [point] if point.__class__.__name__ != "MeteringOnMeter" else []
    places += getattr(point, "physical_meters", None) or []
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    for place in places:
        daily = totals(place.daily_energy)
        fine = totals(place.quarter_hourly_energy or place.hourly_energy)
        assert daily, f"{ean}: no days"
        for (direction, unit), amount in daily.items():
            counted = [amounts_of(simulator, ean, day, DIRECTIONS[direction], unit) for day in days]
            truth = sum((sum(each.values(), Decimal(0)) for each in counted), Decimal(0))
            assert amount == truth, (ean, direction, unit, amount, truth)
            assert fine[direction, unit] == truth, (ean, direction, unit, fine[direction, unit], truth)


def totals(slots: Any) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for slot in slots or ():
        for each in slot.measurements:
            for direction in DIRECTIONS:
                if values := getattr(each, direction):
                    for value in filter(None, [values.total]):
                        found[direction, str(value.unit)] += Decimal(str(value.value))
    return found


def amounts_of(
    simulator: Simulator, ean: str, day: date, direction: int, unit: str = "kWh"
) -> dict[tuple[int, int, int], Decimal]:
    units = {"kWh": 3, "m3": 5}
    return {
        register: amount
        for register, amount in simulator.day_amounts(ean, day).items()
        if (register[0], register[2]) == (direction, units[unit])
    }


if __name__ == "__main__":
    sys.exit(main())
