import pytest

from bridge.commands import backfill


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    words: list[str] = []
    monkeypatch.setattr(backfill._Lines, "say", lambda _, line: words.append(line))
    return words
