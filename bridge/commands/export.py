"""`fluvius2mqtt export`: readings out of the ledger, one by one, however many there are.

A line says what one register counted in one slot: a meter day, or a quarter-hour (gas: an hour).
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from bridge.commands.starting import end_as_by_ctrl_c, settings_for
from bridge.config import Settings
from bridge.config.asked import UsageError, day
from bridge.exporting import DELIMITERS, POINTS, Export, Wanted
from bridge.fetching import readable
from bridge.folder.files import opened, opened_folder
from bridge.text.endings import DONE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, and how."""
    parser.add_argument(
        "--format", choices=("csv", "json", "parquet"), help="required, unless --raw is given"
    )
    parser.add_argument("--from", metavar="DATE", type=day, dest="first", help="default: the first day known")
    parser.add_argument("--to", metavar="DATE", type=day, dest="last", help="included; default: the latest")
    parser.add_argument("--meter", metavar="NAME", help="only this one: its name, or its EAN")
    parser.add_argument(
        "--resolution", choices=("day", "interval"), default="day", help="days, or quarter-hours (gas: hours)"
    )
    parser.add_argument(
        "--costs", action="store_true", help="days: what they cost, by part; intervals: their price and cost"
    )
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="a new file (parquet: folder); default: standard output"
    )
    parser.add_argument("--decimal", choices=POINTS, help="of CSV's amounts; semicolon goes with comma")
    parser.add_argument("--delimiter", choices=DELIMITERS, help="between CSV's columns")
    parser.add_argument(
        "--raw", action="store_true", help="with --fetch: Fluvius's own JSON, not kept in the ledger"
    )
    parser.add_argument("--fetch", action="store_true", help="with --raw: ask Fluvius now")


def command(arguments: argparse.Namespace) -> int:
    """Out of the ledger, or as Fluvius says it now."""
    settings = settings_for(arguments, "error", connects=False)
    end_as_by_ctrl_c()  # so that no half file stays
    write = export
    if arguments.raw or arguments.fetch:
        from bridge.commands.raw import fetch as write  # noqa: PLC0415 - who reads the ledger needs no Fluvius
    for remark in write(settings, arguments, datetime.now(UTC)):
        print(remark, file=sys.stderr)
    return DONE


def export(settings: Settings, arguments: argparse.Namespace, now: datetime) -> list[str]:
    """Write what was asked for; returns what there is to say about it, in lines for the user.

    Args:
        settings: the configuration.
        arguments: `first` and `last` (dates, both included, or None), `meter`, `resolution`, `format`,
            `decimal`, `delimiter`, `costs`, `output`.
        now: the present instant, aware.

    Raises:
        UsageError: that cannot be asked for.
        LedgerError: nothing is known of it, or the ledger cannot be read.
        OutputError: it cannot be written there.
    """
    if arguments.format is None:
        raise UsageError("write --format csv, --format json or --format parquet")
    if arguments.format == "parquet" and arguments.output is None:
        raise UsageError("--format parquet writes a folder; add --output and the name of a new one")
    wanted = Wanted(
        arguments.format,
        arguments.first,
        arguments.last,
        arguments.meter,
        arguments.resolution,
        costs=arguments.costs,
        decimal=arguments.decimal,
        delimiter=arguments.delimiter,
    )
    with readable.reading(settings.data_dir) as records:
        export = Export(settings, records, wanted, now)
        if wanted.format == "parquet":
            with opened_folder(arguments.output) as folder:
                export.data_set(folder)
        else:
            with opened(arguments.output) as file:
                file.writelines(export.text())
        remarks = export.remarks()
    return [f"{arguments.output}: {export.summary()}", *remarks] if arguments.output else remarks
