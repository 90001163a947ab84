"""What costs look like in the commands that read the ledger. Amounts are EUR; what is unknown is None."""

from bridge.config import ConfigError, Settings
from bridge.metering.contract import Part
from bridge.metering.costs import Bill
from bridge.publishing.costs import in_words, rounded
from bridge.text.words import Payload


def prove_priced(settings: Settings) -> None:
    """Whether there are prices.

    Raises:
        ConfigError: there are none.
    """
    if not settings.prices:
        raise ConfigError(
            "there are no prices in the configuration; write them below prices, as in config.example.yaml"
        )


def parts_of(bill: Bill) -> Payload:
    """Each part and the total, rounded, and in words why some are unknown."""
    return {
        **{str(part): rounded(bill.parts[part]) for part in Part},
        "total": rounded(bill.total),
        **({"unknown": in_words(bill.why)} if bill.why else {}),
    }
