"""A recorded visit to Fluvius, played back: a stranger's odd answer on your own desk."""

from bridge.simulator.replay.introduction import introduction
from bridge.simulator.replay.player import Replay
from bridge.simulator.replay.recording import Recording, UnusableError, read

__all__ = ["Recording", "Replay", "UnusableError", "introduction", "read"]
