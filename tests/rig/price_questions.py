"""Questions to the simulated price services, over HTTP."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from bridge.metering.meterday import ONE_DAY, start_of
from bridge.metering.model import Energy
from bridge.prices.services import SERVICES, ask
from bridge.prices.steps import Answer, Span
from bridge.simulator import Simulator

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)  # 13:30 in Brussels: tomorrow is known
DAY = date(2026, 11, 20)
QUARTER = timedelta(minutes=15)


def days(first: date, last: date | None = None) -> Span:
    """From a day's first instant to the end of the last one."""
    return start_of(first, Energy.ELECTRICITY), start_of((last or first) + ONE_DAY, Energy.ELECTRICITY)


def answer_of(simulator: Simulator, service: str, span: Span | None = None) -> Answer:
    return ask(
        SERVICES[service],
        span or days(DAY),
        simulator.instant,
        token=simulator.day_ahead.token,
        url=simulator.url,
    )


def answer_to(simulator: Simulator, service: str, document: str, span: Span | None = None) -> Answer:
    """What is understood of a document of ours."""
    simulator.fault("replace", where=service, body=document.encode(), times=1)
    return answer_of(simulator, service, span)


def euros(*prices: str) -> list[Decimal]:
    return [Decimal(price) for price in prices]
