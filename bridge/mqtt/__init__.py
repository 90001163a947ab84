from bridge.mqtt.client import Broker
from bridge.mqtt.messages import (
    BrokerAway,
    Command,
    Connected,
    Event,
    HomeAssistantStarted,
    Message,
    PricesGiven,
    PricesLost,
    PublishRefused,
    RoundTrip,
    SubscriptionRefused,
)

__all__ = [
    "Broker",
    "BrokerAway",
    "Command",
    "Connected",
    "Event",
    "HomeAssistantStarted",
    "Message",
    "PricesGiven",
    "PricesLost",
    "PublishRefused",
    "RoundTrip",
    "SubscriptionRefused",
]
