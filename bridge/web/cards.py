"""Tariff cards as people edit them: in the form that prices have in the configuration."""

from collections.abc import Iterable
from decimal import Decimal

import yaml

from bridge.config import PriceSettings

EXAMPLE = """\
prices:
  - from: 2020-01-01
    consumption:
      energy: 0.1185
      grid: 0.0531
      levies: 0.0507
    injection:
      energy: 0.03
    fees_per_year: {supplier: 35, data management: 18.56}
    capacity: {per_kw_year: 48.10}
    vat: 6
"""


def card_of(prices: Iterable[PriceSettings]) -> str:
    """What is configured, as it would be written anew."""
    written = [each.model_dump(exclude_unset=True, by_alias=True) for each in prices]
    return yaml.dump(
        {"prices": written},
        Dumper=_Card,
        sort_keys=False,
        default_flow_style=None,
        allow_unicode=True,
        width=100,
    )


class _Card(yaml.SafeDumper):
    """Numbers as exact as they are, and no list or mapping told twice by a name."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def _number(card: _Card, number: Decimal) -> yaml.ScalarNode:
    text = f"{number:f}"
    return card.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in text else 'int'}", text)


_Card.add_representer(Decimal, _number)
_Card.add_multi_representer(str, lambda card, word: card.represent_str(str(word)))
