"""Prices in a file of their own: other contracts, to be compared with those of the configuration."""

from collections.abc import Iterable
from pathlib import Path

from bridge.config.draft import Draft
from bridge.config.errors import ConfigError
from bridge.config.fluvius import MeterSettings
from bridge.config.keys import advice
from bridge.config.price_contradictions import price_contradictions
from bridge.config.prices import PriceSettings
from bridge.config.section import Section

_ALONE = "does not belong here; write the key prices alone, as in the configuration"


class _Prices(Section):
    prices: tuple[PriceSettings, ...]


def load_prices(path: Path, meters: Iterable[MeterSettings]) -> tuple[PriceSettings, ...]:
    """The prices in a file that holds the key `prices`, as the configuration does.

    Args:
        path: the file.
        meters: those of the configuration, that prices may name.

    Raises:
        ConfigError: with every mistake that was found.
    """
    draft = Draft(path)
    draft.add_file(path)
    return _prices_of(draft, meters)


def read_prices(text: str, name: str, meters: Iterable[MeterSettings]) -> tuple[PriceSettings, ...]:
    """The same out of a text that somebody sent, which may not look into our secrets.

    Args:
        text: what would be in the file.
        name: what mistakes call it.
        meters: as above.

    Raises:
        ConfigError: with every mistake that was found.
    """
    draft = Draft(Path(name))
    draft.add_text(text, _no_secret)
    return _prices_of(draft, meters)


def _no_secret(name: str) -> str:
    raise ConfigError(f"!secret {name} means nothing here; write the value")


def _prices_of(draft: Draft, meters: Iterable[MeterSettings]) -> tuple[PriceSettings, ...]:
    others = draft.tree.keys() - {"prices"}
    draft.mistakes += [f"{draft.where((key,))}: {_ALONE}" for key in sorted(others)]
    draft.tree = {key: value for key, value in draft.tree.items() if key not in others}
    known = [{"ean": each.ean, "name": each.name, "energy": each.energy} for each in meters]
    found = draft.validated(_Prices, price_contradictions({**draft.tree, "meters": known}))
    if found and not found.prices:
        draft.mistakes.append(f"{draft.where(('prices',))}: is empty; {advice(('prices',))}")
    if draft.mistakes or not found:
        raise ConfigError(*draft.mistakes)
    return found.prices
