# ruff: noqa: ANN401 - stand-ins take what the methods they replace take
"""Each protection of the protocol, taken out of the real code: by a switch here, not in there."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clickstream_lake.compact import wiring
from clickstream_lake.compact.protocol import compactor
from clickstream_lake.compact.protocol import survey as survey_module
from clickstream_lake.compact.protocol.cleanup import Cleaner
from clickstream_lake.compact.protocol.compactor import Compactor
from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.aws.partitions import PartitionCatalog
from clickstream_lake.lake.lake import Generation, Lake
from clickstream_lake.lake.layout import Slot
from clickstream_lake.lake.publish import Publisher

Mutation = Callable[[pytest.MonkeyPatch], None]


def no_announcement(patch: pytest.MonkeyPatch) -> None:
    """Swap without having told the writers."""

    def swap(
        self: PartitionCatalog, table: str, partition: Any, *, location: str, now: Any
    ) -> None:
        parameters = {"became_current": now.isoformat()}
        self._update(table, partition, lambda _: (location, parameters))

    patch.setattr(Compactor, "_announce", lambda *_: None)
    patch.setattr(PartitionCatalog, "swap", swap)


def no_copy_after_the_announcement(patch: pytest.MonkeyPatch) -> None:
    """Swap without having copied what landed before the writers knew."""
    copy_missing = Lake.copy_missing

    def only_into_current(self: Lake, slot: Any, generation: Generation) -> list[str]:
        state = self.state(slot)
        if state is None or not state.location.endswith(generation.directory):
            return []
        return copy_missing(self, slot, generation)

    patch.setattr(Lake, "copy_missing", only_into_current)


def no_manifest_check_by_writers(patch: pytest.MonkeyPatch) -> None:
    """Copy a landing file into a generation that merged it."""

    def only_loose(self: Publisher, generation: Generation, landing: Any, key: str) -> bool:
        del landing
        name = key.rsplit("/", 1)[-1]
        return self._store.head(generation.directory + name) is not None

    patch.setattr(Publisher, "_is_shown_by", only_loose)


def no_manifest_check_by_compactors(patch: pytest.MonkeyPatch) -> None:
    """Heal by copying every landing file, merged or not."""
    patch.setattr(Generation, "names", lambda *_: False)


def no_grace_period(patch: pytest.MonkeyPatch) -> None:
    """Delete what was replaced while queries still read it."""
    patch.setattr(wiring, "Cleaner", lambda lake, _, now: Cleaner(lake, timedelta(), now))


def no_grace_for_young_generations(patch: pytest.MonkeyPatch) -> None:
    """Delete a generation that a compactor is building right now."""
    reason = Cleaner._reason_to_keep

    def ageless(self: Cleaner, *args: Any) -> str:
        return reason(replace(self, grace=timedelta()), *args)

    patch.setattr(Cleaner, "_reason_to_keep", ageless)


def unmerged_landing_files_cleaned_up(patch: pytest.MonkeyPatch) -> None:
    """Delete landing files whether or not they were merged."""
    obsolete = Cleaner._obsolete

    def everything(self: Cleaner, slot: Any, *args: Any) -> Any:
        return replace(obsolete(self, slot, *args), landing=self.lake.landing_files(slot))

    patch.setattr(Cleaner, "_obsolete", everything)


def current_generation_cleaned_up(patch: pytest.MonkeyPatch) -> None:
    """Delete generations whether or not they are in use."""
    unused = Cleaner._unused

    def everything(self: Cleaner, slot: Any, state: Any) -> Any:
        elsewhere = state.location.replace("/compacted/", "/").rsplit("/", 2)[0] + "/"
        return unused(self, slot, replace(state, location=elsewhere, next_location=None))

    patch.setattr(Cleaner, "_unused", everything)


def no_copy_by_writers(patch: pytest.MonkeyPatch) -> None:
    """Acknowledge a landing file that the partition may not read."""
    patch.setattr(Lake, "in_use", lambda *_: [])


def partition_read_before_the_put(patch: pytest.MonkeyPatch) -> None:
    """Choose where to copy by what the partition was before the landing file was there."""
    land = Publisher._land

    def state_first(self: Publisher, fmt: Any, source: Any, landing: Any) -> Any:
        state = self._lake.registered(Slot(fmt, source.partition))
        landed = land(self, fmt, source, landing)
        registered = self._lake.registered

        def once(*_: Any) -> Any:
            self._lake.registered = registered  # type: ignore[method-assign]
            return state

        self._lake.registered = once  # type: ignore[method-assign,assignment]
        return landed

    patch.setattr(Publisher, "_land", state_first)


def last_attempt_wins(patch: pytest.MonkeyPatch) -> None:
    """Put landing files whether or not there is one."""
    put = ObjectStore.put_file

    def always(self: ObjectStore, key: str, path: Any, **options: Any) -> None:
        put(self, key, path, **{**options, "if_absent": False})

    patch.setattr(ObjectStore, "put_file", always)


def replaced_sources_swapped_in(patch: pytest.MonkeyPatch) -> None:
    """Swap although a source was replaced, and acknowledged, while its old content was merged."""
    patch.setattr(Compactor, "_check_replaced", lambda *_: None)
    survey = survey_module.survey

    def unaware(*args: Any) -> Any:
        found = survey(*args)
        return found and replace(found, stale=())

    patch.setattr(compactor, "survey", unaware)


def outdated_content_published(patch: pytest.MonkeyPatch) -> None:
    """Let a slow invocation replace newer content by the older that it read."""
    patch.setattr(Publisher, "_check_raw", lambda *_: None)


MUTATIONS: dict[str, Mutation] = {
    mutation.__name__: mutation
    for mutation in (
        no_announcement,
        no_copy_after_the_announcement,
        no_manifest_check_by_writers,
        no_manifest_check_by_compactors,
        no_grace_period,
        no_grace_for_young_generations,
        unmerged_landing_files_cleaned_up,
        current_generation_cleaned_up,
        no_copy_by_writers,
        partition_read_before_the_put,
        last_attempt_wins,
        replaced_sources_swapped_in,
        outdated_content_published,
    )
}
# These show only where raw objects are replaced.
REPLACING = {replaced_sources_swapped_in.__name__, outdated_content_published.__name__}
