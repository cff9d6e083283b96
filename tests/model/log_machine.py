"""Everything that can happen to a log, in any order, as choices for hypothesis."""

import itertools
from dataclasses import replace

from entity_push.table.history import SLACK_SECONDS
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.actors import Fault
from tests.model.log_world import CHANNEL, REPLAY_SECONDS, LogTask, LogWorker, LogWorld

HOUR = 60 * 60

SOME = st.integers(0, 5)
"""An index into a list of any length, counted round and round."""

FAULTS = [*[Fault.NONE] * 4, Fault.CONFLICT, Fault.FAILURE, Fault.LOST_ANSWER]
MOVES = list(itertools.product(range(4), [1, 1, 2, 3], FAULTS))
SCHEDULE = st.lists(st.sampled_from(MOVES), min_size=1, max_size=8)
"""The tasks that go on, each with a number of calls, and the fault of the first one."""

VERSIONS = st.none() | st.integers(0, 3)
OWN_IDS = st.sampled_from(["", "", "x", "y"])
SENDERS = st.sampled_from(["alice", "alice", "mallory"])
LATE = st.sampled_from([0, 0, 0, -200, 120, 10 * HOUR])
"""By how many seconds an event's time is off. A far time in the future is a producer's mistake."""

PASSING = st.sampled_from([1, 50, 61, 61, 250, 11 * 60, REPLAY_SECONDS, REPLAY_SECONDS + HOUR + 2])
BEFORE_THE_END = st.sampled_from([REPLAY_SECONDS + 60, REPLAY_SECONDS - 60, 100, 30, 0, -30, -90])
SKEWS = st.sampled_from(list(itertools.product([0, -60, 60], repeat=4)))
RIVALS = list(itertools.product([None, 2, 2, 3], ["", "x"]))


class LogMachine(RuleBasedStateMachine):
    """One run of a log's world."""

    def __init__(self) -> None:
        super().__init__()
        self.world = LogWorld()

    @initialize(
        page_items=st.integers(1, 3),
        skews=st.just((0, 0, 0, 0)) | SKEWS,
        follows=st.booleans(),
        forgetful=st.sampled_from([False, False, False, True]),
    )
    def begin(self, page_items: int, skews: tuple[int, ...], follows: bool, forgetful: bool) -> None:
        self.world.set_bounds(forgetful=forgetful)
        self.world.page_items, self.world.reader_skew = page_items, skews[-1]
        for worker, skew in zip(self.world.workers, skews, strict=False):
            worker.skew = skew
        if follows:
            self.world.connect(self.world.clients[0])
            self._finish_all()

    # Events and workers

    @rule(version=VERSIONS, own_id=OWN_IDS, sender=SENDERS, late=LATE, count=st.sampled_from([1, 1, 2]))
    def publish(self, version: int | None, own_id: str, sender: str, late: int, count: int) -> None:
        for _ in range(count):
            self.world.publish(version=version, own_id=own_id, sender=sender, late=late)

    def _idle(self) -> list[LogWorker]:
        return [worker for worker in self.world.workers if worker.batch is None]

    @precondition(lambda self: self.world.queue and self._idle())
    @rule(which=SOME, most=st.integers(1, 4), start=st.integers(0, 2))
    def invoke(self, which: int, most: int, start: int) -> None:
        idle = self._idle()
        self.world.invoke(idle[which % len(idle)], most, start)

    @precondition(lambda self: self.world.events)
    @rule(which=SOME, anew=st.booleans())
    def redeliver(self, which: int, anew: bool) -> None:
        """An event comes again: its message, or another message with it."""
        event = self.world.events[which % len(self.world.events)]
        if anew and event.time <= event.sent_at / 1000 + SLACK_SECONDS:
            event = replace(event, sent_at=round(self.world.clock.now * 1000))
        self.world.queue.append(event)

    @precondition(lambda self: self.world.events and not self.world.running())
    @rule(which=SOME, anew=st.booleans(), seconds=PASSING)
    def redeliver_late(self, which: int, anew: bool, seconds: int) -> None:
        """An event comes again later, to a worker that remembers nothing."""
        self.world.clock.now += seconds
        self.redeliver(which, anew)
        self._push_cold()

    @precondition(lambda self: not self.world.running())
    @rule(
        late=LATE,
        others=st.integers(1, 2),
        seconds=st.sampled_from([0, 61, 250]),
        cold=st.booleans(),
    )
    def redeliver_behind_others(self, late: int, others: int, seconds: int, cold: bool) -> None:
        """An event comes again behind others, to a worker that remembers what came before it, or nothing."""
        self.push(0, None, "", 0)
        self.push(1, None, "", late)
        again = self.world.events[-1]
        for _ in range(others):
            self.push(1, None, "", 0)
        self.world.clock.now += seconds
        self.world.queue.append(again)
        worker = self.world.workers[0]
        if cold:
            worker.start()
        self.world.invoke(worker, 10)
        self._finish_all()

    @precondition(lambda self: any(event.sender for event in self.world.events) and not self.world.running())
    @rule(which=SOME, seconds=st.sampled_from([10, 250, 299, 301]))
    def repeat_own_id(self, which: int, seconds: int) -> None:
        """A sender repeats an update under its own id, and a worker that remembers nothing gets it."""
        named = [event for event in self.world.events if event.sender]
        event = named[which % len(named)]
        self.world.clock.now = max(self.world.clock.now, event.sent_at / 1000 + seconds)
        self.world.publish(own_id=event.frame["ownId"], sender=event.sender)
        self._push_cold()

    def _push_cold(self) -> None:
        worker = self.world.workers[0]
        worker.start()
        self.world.invoke(worker, 10)
        self._finish_all()

    @precondition(lambda self: self.world.running())
    @rule(schedule=SCHEDULE)
    def step(self, schedule: list[tuple[int, int, Fault]]) -> None:
        for which, count, fault in schedule:
            if tasks := self.world.running():
                task = tasks[which % len(tasks)]
                for number in range(count):
                    self._step(task, Fault.NONE if number else fault)

    @precondition(lambda self: not self.world.running())
    @rule(
        events=st.lists(st.sampled_from(RIVALS), min_size=2, max_size=4),
        most=st.integers(1, 3),
        schedule=SCHEDULE,
        again=st.booleans(),
    )
    def rival(
        self,
        events: list[tuple[int | None, str]],
        most: int,
        schedule: list[tuple[int, int, Fault]],
        again: bool,
    ) -> None:
        """Workers meet at one tail, with several events, and perhaps with the same ones."""
        for version, own_id in events:
            self.world.publish(version=version, own_id=own_id)
        if again:
            self.world.queue += self.world.events[-2:]
        for worker in self.world.workers:
            if self.world.queue:
                self.world.invoke(worker, most)
        self.step(schedule)

    @precondition(lambda self: not self.world.running())
    @rule(versions=st.permutations([1, 2, 3]), schedule=SCHEDULE)
    def rival_repeats(self, versions: list[int], schedule: list[tuple[int, int, Fault]]) -> None:
        """Two workers meet at one tail. One has a repeat of the other's update, and an update beside it."""
        one, other = self.world.workers[:2]
        self.world.publish(own_id="x")
        self.world.invoke(one, 10)
        self.world.publish(version=versions[0], own_id="x")
        self.world.publish(version=versions[1])
        self.world.invoke(other, 10)
        self.step(schedule)

    @precondition(lambda self: not self.world.running())
    @rule(which=SOME, version=VERSIONS, own_id=OWN_IDS, late=LATE)
    def push(self, which: int, version: int | None, own_id: str, late: int) -> None:
        """A worker pushes all there is, without any trouble."""
        self.world.publish(version=version, own_id=own_id, late=late)
        self.world.invoke(self.world.workers[which % len(self.world.workers)], 10)
        self._finish_all()

    @precondition(lambda self: not self.world.running())
    @rule(which=SOME, calls=st.integers(0, 4), version=VERSIONS)
    def crash_while_pushing(self, which: int, calls: int, version: int | None) -> None:
        """A worker begins to push all there is, and dies after some calls."""
        worker = self.world.workers[which % len(self.world.workers)]
        self.world.publish(version=version)
        self.world.invoke(worker, 10)
        for _ in range(calls):
            self._step(self.world.tasks[0])
        if worker.batch is not None:
            self.world.crash(worker)

    @precondition(lambda self: self.world.truth.lives(CHANNEL) and not self.world.running())
    @rule(which=SOME, calls=st.integers(2, 4))
    def die_while_refreshing(self, which: int, calls: int) -> None:
        """A worker dies while it prolongs a life, and then all segments expire."""
        self.push(which, None, "", 0)
        life = self.world.truth.lives(CHANNEL)[-1]
        self.world.clock.now = max(self.world.clock.now, life.ends - REPLAY_SECONDS + 100)
        self.crash_while_pushing(which, calls, None)
        self.world.clock.now = max(self.world.clock.now, life.ends + HOUR + 61)
        self.world.delete(self.world.expired())

    @precondition(lambda self: self.world.running())
    @rule()
    def finish(self) -> None:
        self._finish_all()

    @precondition(lambda self: any(worker.batch is not None for worker in self.world.workers))
    @rule(which=SOME)
    def crash(self, which: int) -> None:
        busy = [worker for worker in self.world.workers if worker.batch is not None]
        worker = busy[which % len(busy)]
        note(f"    {worker.name} dies before: {worker.task.at if worker.task else ''}")
        self.world.crash(worker)

    @precondition(lambda self: self._idle())
    @rule(which=SOME, stores=st.booleans(), of_subscribe=st.booleans())
    def deploy(self, which: int, stores: bool, of_subscribe: bool) -> None:
        """The setting replayHours is changed: functions get the new version one after the other."""
        idle = self._idle()
        worker = idle[which % len(idle)]
        worker.stores = stores
        worker.start()
        if of_subscribe:
            self.world.subscribe_stores = stores

    @precondition(lambda self: self._idle())
    @rule(which=SOME)
    def forget(self, which: int) -> None:
        """An execution environment ends, and with it what it remembers."""
        idle = self._idle()
        idle[which % len(idle)].start()

    # Clients

    @rule(which=SOME, at_once=st.booleans())
    def connect_or_drop(self, which: int, at_once: bool) -> None:
        client = self.world.clients[which % len(self.world.clients)]
        if client.connection is not None:
            self.world.drop(client)
        else:
            self.world.connect(client)
            if at_once:
                self._finish_all()

    # Time

    @rule(seconds=PASSING)
    def let_time_pass(self, seconds: int) -> None:
        if seconds <= self.world.may_take():
            self.world.clock.now += seconds

    @precondition(lambda self: self.world.truth.lives(CHANNEL) and not self.world.running())
    @rule(seconds=BEFORE_THE_END)
    def go_near_the_end(self, seconds: int) -> None:
        """Let time pass until shortly before, or after, the end of the life, or the time for a refresh."""
        then = self.world.truth.lives(CHANNEL)[-1].ends - seconds
        self.world.clock.now = max(self.world.clock.now, then)

    @precondition(lambda self: self.world.table.items and not self.world.running())
    @rule(which=SOME, later=st.sampled_from([0, 0, 61]), all_of_them=st.booleans())
    def expire(self, which: int, later: int, all_of_them: bool) -> None:
        """Let time pass until an item has expired; DynamoDB deletes it."""
        ends = sorted({int(item["ttl"]["N"]) for item in self.world.table.items.values()})
        self.world.clock.now = max(self.world.clock.now, ends[which % len(ends)] + later)
        self.delete(which, all_of_them)

    @precondition(lambda self: self.world.expired())
    @rule(which=SOME, all_of_them=st.booleans())
    def delete(self, which: int, all_of_them: bool) -> None:
        """DynamoDB deletes what has expired: all of it, or one item."""
        if expired := self.world.expired():
            self.world.delete(expired if all_of_them else [expired[which % len(expired)]])

    @precondition(lambda self: not self.world.running())
    @rule(
        which=SOME,
        count=st.integers(1, 2),
        seconds=st.sampled_from([REPLAY_SECONDS - HOUR, REPLAY_SECONDS + HOUR]),
    )
    def be_away_for_long(self, which: int, count: int, seconds: int) -> None:
        """A client comes back when the first of what it missed is deleted, and the channel lives."""
        client = self.world.clients[which % len(self.world.clients)]
        if client.connection is None:
            self.world.connect(client)
            self._finish_all()
        self.world.drop(client)
        for _ in range(3):
            for _ in range(count):
                self.push(which, None, "", 0)
            self.world.clock.now += seconds
        self.world.delete(self.world.expired())
        self.world.connect(client)
        self._finish_all()

    # Promises

    @invariant()
    def promises_are_kept(self) -> None:
        assert not self.world.truth.broken, "; ".join(self.world.truth.broken)

    def teardown(self) -> None:
        if self.world.truth.broken:
            return  # it is known by the invariant
        self.world.settle()
        self.world.check()
        for client in self.world.clients:
            if client.connection is None:
                self.world.connect(client)
        self.world.settle()
        self.world.check()

    @staticmethod
    def _step(task: LogTask, fault: Fault = Fault.NONE) -> None:
        if not task.done:
            note(f"    {task.name}: {task.at}{'' if fault is Fault.NONE else f' ({fault.value})'}")
            task.step(fault)

    def _finish_all(self) -> None:
        for _ in range(500):
            if tasks := self.world.running():
                self._step(tasks[0])
