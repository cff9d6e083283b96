"""The ordering contract against a model of the server: whatever happens, what is shown is exactly right."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.client.history import Wire, World

WHICH = st.integers(0, 5)


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.lost = False

    @initialize(settled=st.booleans())
    def begin(self, settled: bool) -> None:
        self.world.connect()
        if settled:
            self.world.settle()

    def _wire(self, which: int, *, having: str) -> Wire | None:
        wires = [wire for wire in self.world.wires if getattr(wire, having)]
        return wires[which % len(wires)] if wires else None

    @rule(count=st.sampled_from([1, 1, 2, 5]))
    def publish(self, count: int) -> None:
        for _ in range(count):
            self.world.publish()

    @precondition(lambda self: len(self.world.wires) < 2)
    @rule()
    def connect(self) -> None:
        self.world.connect()

    @rule(which=WHICH)
    def read_a_question(self, which: int) -> None:
        wires = [wire for wire in self.world.wires if wire.question and not wire.read]
        if wires:
            self.world.read(wires[which % len(wires)])

    @rule(which=WHICH)
    def take_an_answer(self, which: int) -> None:
        if wire := self._wire(which, having="answers"):
            self.world.answer(wire)

    @rule(which=WHICH, frames=st.lists(WHICH, min_size=1, max_size=5), twice=st.booleans())
    def take_frames(self, which: int, frames: list[int], twice: bool) -> None:
        for frame in frames:
            if wire := self._wire(which, having="flying"):
                self.world.deliver(wire, frame, twice=twice)

    @precondition(lambda self: any(wire.flying for wire in self.world.wires))
    @rule(which=WHICH, frame=WHICH)
    def lose_a_frame(self, which: int, frame: int) -> None:
        if wire := self._wire(which, having="flying"):
            del wire.flying[frame % len(wire.flying)]
            self.lost = True

    @precondition(lambda self: self.world.wires)
    @rule(which=WHICH)
    def cut(self, which: int) -> None:
        self.world.cut(self.world.wires[which % len(self.world.wires)])
        self.lost = self.lost and bool(self.world.wires)

    @rule(missed=st.integers(0, 6))
    def come_back(self, missed: int) -> None:
        """All connections are lost, and updates go on before the client is back."""
        for wire in list(self.world.wires):
            self.world.cut(wire)
        self.publish(missed)
        self.world.connect()
        self.lost = False

    @rule()
    def wait(self) -> None:
        self.world.wait()

    @rule()
    def come_to_rest(self) -> None:
        """All arrives. The client has every update, unless one was lost and nothing came after it."""
        self.world.settle()
        if not self.lost:
            self.world.check_complete()

    @precondition(lambda self: self.world.life < "y")
    @rule(count=st.integers(0, 2))
    def begin_a_life(self, count: int) -> None:
        self.world.begin_a_life()
        self.publish(count)

    @rule(count=st.integers(1, 3))
    def forget_the_oldest(self, count: int) -> None:
        self.world.forget_the_oldest(count)

    @rule(stores=st.sampled_from([True, True, False]))
    def deploy(self, stores: bool) -> None:
        self.world.stores = stores

    @invariant()
    def in_order(self) -> None:
        self.world.check_order()

    def teardown(self) -> None:
        if not self.world.wires:
            self.world.connect()
        self.come_to_rest()
        self.come_back(1)
        self.come_to_rest()


TestOrdering = Machine.TestCase
TestOrdering.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
