import pytest

from bridge.service import bridge


@pytest.fixture
def _short_greeting(_quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bridge that starts does not wait long for a broker that is away."""
    monkeypatch.setattr(bridge, "_GREETING", 0.5)
