"""When Home Assistant is greeted after it starts."""

from bridge.service.greeting import Greeting
from tests.rig.world import Clock


def greeting(clock: Clock, said: list[str]) -> Greeting:
    begun = Greeting(clock)
    begun.begin([lambda: said.append("good"), lambda: said.append("morning")])
    return begun


def test_it_is_let_start_before_it_is_told_anything(clock: Clock) -> None:
    said = list[str]()
    begun = greeting(clock, said)
    clock.pass_by(seconds=2)
    begun.go_on()
    assert said == []
    clock.pass_by(seconds=8)
    begun.go_on()
    begun.go_on()
    assert said == ["good", "morning"]
    assert begun.next_at is None


def test_a_clock_that_is_set_back_meanwhile_makes_nobody_wait(clock: Clock) -> None:
    said = list[str]()
    begun = greeting(clock, said)
    clock.pass_by(hours=-1)
    begun.go_on()
    assert said == ["good"]
    assert begun.next_at == clock()
    clock.pass_by(hours=-1)
    begun.go_on()
    assert said == ["good", "morning"]
