"""The functions as they were while a manifest stood among its generation's data files.

During a deployment they run beside the present ones. What is here is what differed: they neither
read nor write the manifests' own prefix.
"""

from collections.abc import Sequence

from clickstream_lake.compact.protocol.cleanup import Cleaner
from clickstream_lake.lake.aws.objects import ObjectInfo
from clickstream_lake.lake.aws.partitions import PartitionState
from clickstream_lake.lake.errors import ManifestError, ObjectMissingError
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.layout import OLD_MANIFEST_NAME, Slot, parse_uri
from clickstream_lake.lake.manifest import Manifest, Manifests, decode, encode
from tests.protocol.simulation.world import Parts


class _OnePlace(Manifests):
    """Knows one place of manifests, and nothing of another."""

    def _key(self, slot: Slot, generation_id: str) -> str:
        return self._layout.manifest_key(slot, generation_id)

    def _load(self, slot: Slot, generation_id: str) -> Manifest:
        key = self._key(slot, generation_id)
        try:
            return decode(self._store.read(key))
        except ObjectMissingError as error:
            raise ManifestError(f"the manifest {key!r} is missing") from error


class _OlderManifests(_OnePlace):
    """Reads and writes `_manifest.json` in the generation's own directory."""

    def _key(self, slot: Slot, generation_id: str) -> str:
        return self._layout.old_manifest_key(slot, generation_id)

    def write(self, slot: Slot, manifest: Manifest) -> None:
        key = self._key(slot, manifest.generation_id)
        self._store.put_bytes(key, encode(manifest), content_type="application/json")


class _TrustsNoManifest(_OlderManifests):
    """What the older functions never did: it takes a missing manifest for an empty one."""

    def _load(self, slot: Slot, generation_id: str) -> Manifest:
        try:
            return super()._load(slot, generation_id)
        except ManifestError:
            return Manifest(
                format=slot.format,
                partition=slot.partition.path,
                generation_id=generation_id,
                catalog="",
                created_at="2025-11-26T00:00:00+00:00",
                sources={},
                files=(),
            )


def _lake_with(manifests: type[Manifests]) -> type[Lake]:
    class Other(Lake):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]  # passed through
            self.manifests = manifests(self.store, self.layout)

    return Other


class OlderCleaner(Cleaner):
    """Takes a generation without `_manifest.json` for one that was never completed."""

    def _unused(self, slot: Slot, state: PartitionState) -> dict[str, list[ObjectInfo]]:
        base = self.lake.layout.generations_dir(slot)
        found: dict[str, list[ObjectInfo]] = {}
        for file in self.lake.store.list(base):
            name, slash, _ = file.key.removeprefix(base).partition("/")
            if slash:
                found.setdefault(name, []).append(file)
        for location in (state.location, state.next_location):
            if location is not None:
                used = self.lake.layout.generation_id(slot, parse_uri(location)[1])
                found.pop(used or "", None)
        return found

    def _reason_to_keep(
        self, slot: Slot, name: str, files: Sequence[ObjectInfo], safe: set[str | None]
    ) -> str:
        if self.now() - max(found.last_modified for found in files) < self.grace:
            return "written to within the grace period"
        if not any(found.key.endswith(f"/{name}/{OLD_MANIFEST_NAME}") for found in files):
            return ""
        try:
            manifest = self.lake.manifests.read(slot, name)
        except ManifestError as error:
            return str(error)
        lost = manifest.sources.keys() - safe
        return f"holds {len(lost)} sources that are nowhere else" if lost else ""


OLDER = Parts(lake=_lake_with(_OlderManifests), cleaner=OlderCleaner)
TRUSTING = Parts(lake=_lake_with(_TrustsNoManifest), cleaner=OlderCleaner)
"""Older functions that would not have failed on a generation whose manifest they cannot find."""
NEW_PLACE_ONLY = Parts(lake=_lake_with(_OnePlace))
"""Functions that do not know where manifests used to be."""
