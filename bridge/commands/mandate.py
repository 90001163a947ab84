"""`fluvius2mqtt mandate`: what customers allow, and how to ask them."""

import argparse
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from shutil import get_terminal_size
from typing import Any

from bridge.commands import examples, options_again
from bridge.commands.starting import settings_for
from bridge.config import ConfigError
from bridge.config.asked import UsageError, day
from bridge.fluvius.energy_api.client import EnergyApi, in_utc
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.open import open_energy_api
from bridge.folder.claim import make
from bridge.metering.mandate import Mandate
from bridge.metering.model import BRUSSELS
from bridge.text.endings import DONE, WRONG
from bridge.text.foreign import clean_lines

_LANDING_PAGE = "https://mijn.fluvius.be/verbruik/dienstverlener?id="
_SERVICES = {"day": "VH_dag", "quarter-hour": "VH_kwartier_uur"}
_WORDS = {code: word for word, code in _SERVICES.items()}
_A_YEAR = timedelta(days=365)
_REFERENCE = "your own name for it, by which you and Fluvius know the customer"
_FLOW = "a person (B2C) or an organisation (B2B)"
_SERVICE = "what the mandate allows to read"
_STATUSES = ("Requested", "Approved", "Rejected", "Finished")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`mandate list`, `request` and `mock`, each with the options that all commands take."""
    commands = parser.add_subparsers(dest="what", metavar="COMMAND")
    parser.set_defaults(help=parser.format_help)

    def added(name: str, does: str) -> argparse.ArgumentParser:
        options, below = [options_again()], examples.in_words(f"mandate {name}")
        return commands.add_parser(name, parents=options, help=does, description=does, epilog=below)

    listing = added("list", "all mandates of the contract")
    listing.add_argument("--reference", metavar="R", help="only those under this reference")
    asking = added("request", "a link to send to a customer, who gives the mandate there")
    asking.add_argument("--reference", metavar="R", required=True, help=_REFERENCE)
    asking.add_argument("--flow", choices=("B2C", "B2B"), required=True, help=_FLOW)
    asking.add_argument("--eans", metavar="N", type=_number, default=1, help="for how many EANs at most")
    _add_period(asking)
    asking.add_argument("--service", choices=_SERVICES, required=True, help=_SERVICE)
    asking.add_argument("--return-url-success", metavar="URL", help="where the customer lands after a yes")
    asking.add_argument("--return-url-failed", metavar="URL", help="where the customer lands otherwise")
    asking.add_argument("--organisation", metavar="NUMBER", help="the customer's enterprise number, for B2B")
    mocking = added("mock", "a mandate to test with, in the sandbox")
    mocking.add_argument("--reference", metavar="R", required=True, help=_REFERENCE)
    mocking.add_argument("--ean", metavar="EAN", required=True, help="one of the sandbox, 18 digits")
    mocking.add_argument(
        "--service", choices=_SERVICES, default="quarter-hour", help=f"{_SERVICE} (default: quarter-hour)"
    )
    _add_period(mocking)
    mocking.add_argument(
        "--status",
        choices=_STATUSES,
        default="Approved",
        metavar="STATUS",
        help=f"how far it is: {', '.join(_STATUSES)} (default: Approved)",
    )
    mocking.add_argument("--expires", metavar="DATE", type=day, help="when it ends (default: in a year)")


def _add_period(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from", metavar="DATE", type=day, required=True, dest="since", help="the first day of the readings"
    )
    parser.add_argument(
        "--to", metavar="DATE", type=day, dest="until", help="the day after the last (default: no end)"
    )


def command(arguments: argparse.Namespace) -> int:
    """Do what was asked, and print what came of it.

    Raises:
        ConfigError: there is no Energy API in the configuration, or something contradicts it.
        FluviusError: see its kinds.
    """
    if arguments.what is None:
        sys.stderr.write(arguments.help())
        return WRONG
    settings = settings_for(arguments, "error", connects=False)
    api = settings.fluvius.energy_api
    if api is None:
        raise ConfigError("fluvius.energy_api: is not configured, and mandates belong to the Energy API")
    if getattr(arguments, "until", None) and arguments.until <= arguments.since:
        raise ConfigError(f"--to {arguments.until} is not after --from {arguments.since}")
    if arguments.what == "mock" and api.environment != "sandbox":
        raise ConfigError("fluvius.energy_api.environment: mandates for tests exist in the sandbox only")
    make(settings.data_dir)
    with closing(PoliteSession()) as http:
        source = open_energy_api(settings, http, lambda: datetime.now(UTC), asked=True)
        match arguments.what:
            case "list":
                _print_table(source.mandates(), arguments.reference)
            case "request":
                _request(source, arguments)
            case _:
                source.mock(_mock(arguments))
                _print(f"{arguments.ean} has a mandate {arguments.reference}: {arguments.status}")
    return DONE


def _request(source: EnergyApi, arguments: argparse.Namespace) -> None:
    identifier, valid_to = source.short_url(
        {
            "referenceNumber": arguments.reference,
            "flow": arguments.flow,
            "numberOfEans": arguments.eans,
            "dataServices": [
                {
                    "dataServiceType": _SERVICES[arguments.service],
                    "dataPeriodFrom": _midnight(arguments.since),
                    **({"dataPeriodTo": _midnight(arguments.until)} if arguments.until else {}),
                }
            ],
            "sso": False,
            **_given(
                returnUrlSuccess=arguments.return_url_success,
                returnUrlFailed=arguments.return_url_failed,
                enterpriseNumber=arguments.organisation,
            ),
        }
    )
    link = f"{_LANDING_PAGE}{identifier}"
    _print(link, f"Send it to the customer: it works until {_local(valid_to)}.")
    _draw(link)


def _draw(link: str) -> None:
    """The link as a QR code, where there is a terminal to see it."""
    try:
        import segno  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        return
    if sys.stdout.isatty():
        segno.make(link, micro=False).terminal(compact=True)


def _mock(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "referenceNumber": arguments.reference,
        "ean": arguments.ean,
        "dataServiceType": _SERVICES[arguments.service],
        "dataPeriodFrom": _midnight(arguments.since),
        "status": arguments.status,
        "mandateExpirationDate": _midnight(arguments.expires or datetime.now(UTC).date() + _A_YEAR),
        **_given(dataPeriodTo=arguments.until and _midnight(arguments.until)),
    }


def _print_table(mandates: Iterable[Mandate], reference: str | None) -> None:
    now = datetime.now(UTC)
    rows = [("EAN", "REFERENCE", "STATUS", "SERVICE", "FROM", "TO", "EXPIRES", "RENEWAL")]
    for each in sorted(mandates, key=lambda mandate: (mandate.reference, mandate.ean)):
        if reference in (None, each.reference):
            renewal = each.renewal or ("soon" if each.must_be_renewed(now) else "-")
            period = (_day(each.since), _day(each.until), _day(each.expires))
            service = _WORDS.get(each.service, each.service)
            rows.append((each.ean, each.reference, each.status, service, *period, renewal))
    columns = [[*column] for column in zip(*rows, strict=True)]
    if sys.stdout.isatty() and _width(columns) > get_terminal_size().columns:
        columns = [column for column in columns if {*column[1:]} != {"-"}]
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        _print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _width(columns: list[list[str]]) -> int:
    return sum(max(map(len, column)) + 2 for column in columns) - 2


def _print(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{clean_lines(line)}\n")


def _day(instant: datetime | None) -> str:
    return instant.astimezone(BRUSSELS).date().isoformat() if instant else "-"


def _local(text: str) -> str:
    try:
        return f"{datetime.fromisoformat(text).astimezone(BRUSSELS):%Y-%m-%d %H:%M}"
    except ValueError:
        return text


def _midnight(day: date) -> str:
    """The first instant of a day in Flanders, as the Energy API writes instants."""
    return in_utc(datetime(day.year, day.month, day.day, tzinfo=BRUSSELS))


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--eans {text}: write a number of EANs, such as 1")
    return int(text)
