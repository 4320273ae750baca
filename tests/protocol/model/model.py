"""The protocol as an explicit-state model, small enough to search over all interleavings.

One partition of one format. Two writers deliver two sources again and again, to any number of
redeliveries, also both the same one at once. A compactor runs again and again and may crash after
any step. A reader queries again and again. The clean-up deletes. Each of them does one step at a
time, one request each, and any order of steps is possible.

During a deployment each run is of the older or of the present version. The older one finds no
manifest of a generation that the present one built; the present one finds all.

Sets of sources are bit masks: 1, 2, 3.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

SOURCES = (1, 2)
LANDING = -1
NONE = -2


@dataclass(frozen=True)
class Protections:
    """What can be taken out of the protocol."""

    announcement: bool = True
    copy_after_announcement: bool = True
    manifest_check: bool = True
    grace_period: bool = True
    grace_for_young_generations: bool = True
    # An older version fails where it finds no manifest, rather than take nothing for merged.
    stop_without_manifest: bool = True


class Generation(NamedTuple):
    """`older`: built by the older version, so that both find its manifest."""

    merged: int
    loose: int = 0
    alive: bool = True
    older: bool = False


class Writer(NamedTuple):
    """`targets`: where the landing file still has to be copied to."""

    step: str = "idle"
    source: int = 0
    targets: tuple[int, ...] = ()
    # It began before the present generation became current: no clean-up until it has ended.
    old: bool = False
    older: bool = False


class Compactor(NamedTuple):
    """`copies`: sources still to be copied; `inputs`: sources to be merged."""

    step: str = "idle"
    current: int = LANDING
    built: int = NONE
    inputs: int = 0
    copies: int = 0
    old: bool = False
    older: bool = False


class Reader(NamedTuple):
    """`due`: what was acknowledged when the query began; `files`: what it has listed."""

    step: str = "idle"
    location: int = LANDING
    due: int = 0
    merged: int = 0
    loose: int = 0
    old: bool = False


class Cleaner(NamedTuple):
    """`landing`, `generations`: what it has decided to delete."""

    step: str = "idle"
    landing: int = 0
    generations: tuple[int, ...] = ()


class State(NamedTuple):
    writers: tuple[Writer, ...] = (Writer(), Writer())
    compactor: Compactor = Compactor()
    reader: Reader = Reader()
    cleaner: Cleaner = Cleaner()
    landing: int = 0
    location: int = LANDING
    announced: int = NONE
    generations: tuple[Generation, ...] = ()
    acknowledged: int = 0
    broken: str = ""


Step = tuple[str, State]
CompactorStep = tuple[str, Compactor, State]


class Model:
    """All steps that are possible in a state."""

    def __init__(
        self, protections: Protections, *, generations: int, deploying: bool = False
    ) -> None:
        self.with_ = protections
        self.most_generations = generations
        self.versions = (False, True) if deploying else (False,)

    def steps(self, state: State) -> Iterator[Step]:
        for number, writer in enumerate(state.writers):
            for label, after, changed in self.write(state, writer):
                rest = state.writers[1 - number]
                # The writers are alike, so their order does not matter.
                yield label, changed._replace(writers=tuple(sorted((after, rest))))
        yield from self.compact(state)
        yield from self.read(state)
        yield from self.clean_up(state)

    # --- writers ---

    def write(self, state: State, writer: Writer) -> Iterator[tuple[str, Writer, State]]:
        source = writer.source
        match writer.step:
            case "idle":
                for chosen in SOURCES:
                    for older in self.versions:
                        yield from self._look(state, Writer(source=chosen, older=older))
            case "put":
                landed = state._replace(landing=state.landing | source)
                yield f"{source} lands", writer._replace(step="choose"), landed
            case "choose" if self._stopped(state, writer.older):
                yield f"{source} meets a newer generation", Writer(), state
            case "choose":
                targets = tuple(
                    at
                    for at in (state.location, state.announced)
                    if at >= 0 and not self._names(state, at, source, older=writer.older)
                )
                after = writer._replace(step="copy", targets=targets)
                yield f"{source} looks where", *self._acknowledged(state, after)
            case "copy" if state.landing & source:
                after = writer._replace(targets=writer.targets[1:])
                copied = self._copied(state, writer.targets[0], source)
                yield f"{source} is copied", *self._acknowledged(copied, after)
            case "copy":
                # Cleaned up, so it is merged in what is current now: start over.
                yield from self._look(state, writer)

    def _look(self, state: State, writer: Writer) -> Iterator[tuple[str, Writer, State]]:
        source = writer.source
        if self.with_.stop_without_manifest and self._unknown(state, state.location, writer.older):
            yield f"{source} meets a newer generation", Writer(), state
        elif self._names(state, state.location, source, older=writer.older):
            done = state._replace(acknowledged=state.acknowledged | source)
            yield f"{source} is merged already", Writer(), done
        else:
            after = writer._replace(step="put", targets=())
            yield f"{source} is not merged yet", after, state

    @staticmethod
    def _acknowledged(state: State, writer: Writer) -> tuple[Writer, State]:
        """Acknowledge at once when nothing is left to copy."""
        if writer.targets:
            return writer, state
        return Writer(), state._replace(acknowledged=state.acknowledged | writer.source)

    # --- compactor ---

    def compact(self, state: State) -> Iterator[Step]:
        mine = state.compactor
        if mine.step != "idle":
            yield "the compactor crashes", state._replace(compactor=Compactor())
        for part in (self._heal_and_choose, self._build_and_announce, self._copy_and_swap):
            for label, after, changed in part(state, mine):
                yield label, changed._replace(compactor=after)

    def _heal_and_choose(self, state: State, mine: Compactor) -> Iterator[CompactorStep]:
        match mine.step:
            case "idle":
                for older in self.versions:
                    if not self._unknown(state, state.location, older):
                        begun = Compactor("heal", state.location, older=older)
                        yield "1 compactor begins", begun, state
            case "heal":
                missing = self._missing(state, mine.current)
                yield "1 looks what to heal", mine._replace(step="healing", copies=missing), state
            case "healing" if mine.copies:
                yield "1 heals", *self._copy_one(state, mine, mine.current)
            case "healing":
                inputs = state.landing & ~self._merged(state, mine.current)
                yield "2 lists the inputs", mine._replace(step="build", inputs=inputs), state

    def _build_and_announce(self, state: State, mine: Compactor) -> Iterator[CompactorStep]:
        match mine.step:
            case "build":
                if not mine.inputs or len(state.generations) == self.most_generations:
                    yield "2 leaves it", Compactor(), state
                elif mine.inputs & ~state.landing:
                    yield "3 misses an input", Compactor(), state
                else:
                    merged = self._merged(state, mine.current) | mine.inputs
                    generation = Generation(merged, older=mine.older)
                    built = state._replace(generations=(*state.generations, generation))
                    after = mine._replace(step="announce", built=len(state.generations))
                    yield "3 builds a generation", after, built
            case "announce":
                announced = state._replace(announced=mine.built)
                after = mine._replace(step="list")
                yield "4 announces", after, announced if self.with_.announcement else state

    def _copy_and_swap(self, state: State, mine: Compactor) -> Iterator[CompactorStep]:
        match mine.step:
            case "list":
                missing = self._missing(state, mine.built)
                if not self.with_.copy_after_announcement:
                    missing = 0
                yield "5 lists", mine._replace(step="copying", copies=missing), state
            case "copying" if mine.copies:
                yield "5 copies", *self._copy_one(state, mine, mine.built)
            case "copying":
                yield "6 swaps", mine._replace(step="list again"), self._swapped(state, mine.built)
            case "list again":
                missing = self._missing(state, mine.built)
                yield "7 lists", mine._replace(step="copying again", copies=missing), state
            case "copying again" if mine.copies:
                yield "7 copies", *self._copy_one(state, mine, mine.built)
            case "copying again":
                yield "compactor ends", Compactor(), state

    def _copy_one(self, state: State, mine: Compactor, at: int) -> tuple[Compactor, State]:
        source = mine.copies & -mine.copies
        if not state.landing & source:
            return Compactor(), state  # cleaned up meanwhile: it gives up
        return mine._replace(copies=mine.copies & ~source), self._copied(state, at, source)

    def _swapped(self, state: State, built: int) -> State:
        compactor = state.compactor
        return state._replace(
            location=built,
            announced=NONE,
            writers=tuple(writer._replace(old=writer.step != "idle") for writer in state.writers),
            compactor=compactor._replace(old=True),
            reader=state.reader._replace(old=state.reader.step != "idle"),
        )

    # --- reader ---

    def read(self, state: State) -> Iterator[Step]:
        mine = state.reader
        if mine.step == "idle":
            began = Reader("list", state.location, state.acknowledged)
            yield "a query begins", state._replace(reader=began)
        elif mine.step == "list":
            merged, loose = self._files(state, mine.location)
            listed = mine._replace(step="open", merged=merged, loose=loose)
            yield "the query lists", state._replace(reader=listed)
        else:
            yield "the query reads", state._replace(reader=Reader(), broken=self._judge(state))

    def _judge(self, state: State) -> str:
        mine = state.reader
        merged, loose = self._files(state, mine.location)
        if (mine.merged & ~merged) or (mine.loose & ~loose):
            return "a query missed a file that it had listed"
        if mine.merged & mine.loose:
            return "a query read a row twice"
        if mine.due & ~(mine.merged | mine.loose):
            return "a query missed an acknowledged row"
        return ""

    # --- clean-up ---

    def clean_up(self, state: State) -> Iterator[Step]:
        mine = state.cleaner
        if mine.step == "idle":
            if self.with_.grace_period and self._within_grace(state):
                return
            landing = state.landing & self._merged(state, state.location)
            unused = tuple(
                at
                for at, generation in enumerate(state.generations)
                if generation.alive
                and at not in {state.location, state.announced}
                # Written to within the grace period.
                and not (self.with_.grace_for_young_generations and at == state.compactor.built)
            )
            if landing or unused:
                decided = Cleaner("delete", landing, unused)
                yield "the clean-up decides", state._replace(cleaner=decided)
        else:
            generations = tuple(
                generation._replace(alive=generation.alive and at not in mine.generations)
                for at, generation in enumerate(state.generations)
            )
            yield (
                "the clean-up deletes",
                state._replace(
                    cleaner=Cleaner(),
                    landing=state.landing & ~mine.landing,
                    generations=generations,
                ),
            )

    @staticmethod
    def _within_grace(state: State) -> bool:
        """Whether anything may still be running that began before the last swap."""
        return (
            state.reader.old or state.compactor.old or any(writer.old for writer in state.writers)
        )

    # --- what is where ---

    def visible(self, state: State) -> tuple[int, int]:
        """What a query over the partition reads: merged or landed, and loose."""
        return self._files(state, state.location)

    @staticmethod
    def _files(state: State, location: int) -> tuple[int, int]:
        if location == LANDING:
            return state.landing, 0
        generation = state.generations[location]
        return (generation.merged, generation.loose) if generation.alive else (0, 0)

    @staticmethod
    def _merged(state: State, location: int) -> int:
        return state.generations[location].merged if location >= 0 else 0

    def _names(self, state: State, location: int, source: int, *, older: bool) -> bool:
        """Whether a manifest that this version finds names a source."""
        found = self.with_.manifest_check and not self._unknown(state, location, older)
        return found and bool(self._merged(state, location) & source)

    @staticmethod
    def _unknown(state: State, location: int, older: bool) -> bool:  # noqa: FBT001 - a version
        """Whether a version cannot find the manifest of what is at a location."""
        return older and location >= 0 and not state.generations[location].older

    def _stopped(self, state: State, older: bool) -> bool:  # noqa: FBT001 - a version
        """Whether a writer of that version fails at what is current or announced."""
        return self.with_.stop_without_manifest and any(
            self._unknown(state, at, older) for at in (state.location, state.announced)
        )

    def _missing(self, state: State, location: int) -> int:
        """Landing files that a generation neither merged nor holds."""
        if location < 0:
            return 0
        generation = state.generations[location]
        named = generation.merged if self.with_.manifest_check else 0
        return state.landing & ~named & ~generation.loose

    @staticmethod
    def _copied(state: State, at: int, source: int) -> State:
        generation = state.generations[at]
        if not generation.alive:
            return state  # into a directory that nobody reads any more
        copied = generation._replace(loose=generation.loose | source)
        return state._replace(
            generations=(*state.generations[:at], copied, *state.generations[at + 1 :])
        )


def fault(model: Model, state: State) -> str:
    """What is wrong with a state; an empty text if nothing is."""
    merged, loose = model.visible(state)
    if state.broken:
        return state.broken
    if merged & loose:
        return "a row is visible twice"
    if state.acknowledged & ~(merged | loose):
        return "an acknowledged row is invisible"
    return ""


@dataclass(frozen=True)
class Result:
    """What a search found: the first fault and the shortest way there, or none."""

    states: int
    fault: str
    trace: tuple[str, ...]


def search(model: Model) -> Result:
    """Search every state that can be reached, nearest first, up to the first fault."""
    came_from: dict[State, tuple[State, str] | None] = {State(): None}
    frontier = [State()]
    while frontier:
        following = []
        for state in frontier:
            for label, after in model.steps(state):
                if after in came_from:
                    continue
                came_from[after] = (state, label)
                wrong = fault(model, after)
                if wrong:
                    return Result(len(came_from), wrong, _trace(came_from, after))
                following.append(after)
        frontier = following
    return Result(len(came_from), "", ())


def _trace(came_from: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    labels = []
    while (step := came_from[state]) is not None:
        state, label = step
        labels.append(label)
    return tuple(reversed(labels))
