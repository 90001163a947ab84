"""The topic tree below `base_topic`."""


def bridge_state(base: str) -> str:
    """Where `online` and `offline` stand."""
    return f"{base}/bridge/state"


def bridge_check(base: str) -> str:
    """Where `check` tries what the broker takes."""
    return f"{base}/bridge/check"


def bridge_info(base: str) -> str:
    """Version, meters and next run."""
    return f"{base}/bridge/info"


def bridge_health(base: str) -> str:
    """How each source does."""
    return f"{base}/bridge/health"


def bridge_problem(base: str) -> str:
    """Whether anything is wrong, and what, in words."""
    return f"{base}/bridge/problem"


def bridge_history(base: str) -> str:
    """From which day on history is wanted, and how far a backfill has come."""
    return f"{base}/bridge/history"


REQUESTS = ("refresh", "republish", "backfill", "history_from", "fetch_history", "stop_history")


def requests(base: str, wildcards: bool = True) -> list[str]:
    """What to subscribe to for all commands; where the broker knows no wildcards, one by one."""
    return [request(base, name) for name in (("+",) if wildcards else REQUESTS)]


def request(base: str, name: str) -> str:
    """Where a command arrives; `+` for all of them."""
    return f"{base}/bridge/request/{name}"


def response(base: str, name: str) -> str:
    """Where a command is answered."""
    return f"{base}/bridge/response/{name}"


def price_set(base: str) -> str:
    """Where somebody publishes day-ahead prices, for us to take."""
    return f"{base}/price/set"


def of_meter(base: str, meter: str, *below: str) -> str:
    """What is said of one meter: `day`, `day/consumption/high`, `status`, ..."""
    return "/".join((base, meter, *below))
