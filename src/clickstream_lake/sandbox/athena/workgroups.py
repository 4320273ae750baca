"""Workgroups: where results go, and what their settings overrule."""

import time
from typing import Any, Final, Protocol

from clickstream_lake.sandbox.athena.requests import Operations, Payload, invalid, page, required

PRIMARY: Final = "primary"
ENGINE: Final = "Athena engine version 3"
_ARN: Final = ":workgroup/"
_DEFAULTS: Final[Payload] = {
    "EnforceWorkGroupConfiguration": True,
    "PublishCloudWatchMetricsEnabled": False,
    "RequesterPaysEnabled": False,
    "EnableMinimumEncryptionConfiguration": False,
    "EngineVersion": {"SelectedEngineVersion": "AUTO"},
    "ResultConfiguration": {},
}
# What an update takes away, and what of it.
_REMOVALS: Final = {
    "RemoveBytesScannedCutoffPerQuery": "BytesScannedCutoffPerQuery",
    "RemoveCustomerContentEncryptionConfiguration": "CustomerContentEncryptionConfiguration",
}
_RESULT_REMOVALS: Final = {
    "RemoveOutputLocation": "OutputLocation",
    "RemoveEncryptionConfiguration": "EncryptionConfiguration",
    "RemoveExpectedBucketOwner": "ExpectedBucketOwner",
    "RemoveAclConfiguration": "AclConfiguration",
}


class Belongs(Protocol):
    """Told when a workgroup is to go: says whether nothing of it is left."""

    def __call__(self, workgroup: str, *, recursive: bool) -> bool:
        """Whether nothing of the workgroup is left."""


class Workgroups:
    """All workgroups of the account, with their tags."""

    def __init__(self) -> None:
        self._all: dict[str, Payload] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._belongings: list[Belongs] = []
        self._add(PRIMARY, {"EnforceWorkGroupConfiguration": False}, "", [])
        self.operations: Operations = {
            "CreateWorkGroup": self._create,
            "GetWorkGroup": self._get,
            "ListWorkGroups": self._list,
            "UpdateWorkGroup": self._update,
            "DeleteWorkGroup": self._delete,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
            "ListEngineVersions": _engine_versions,
        }

    def get(self, name: str) -> Payload:
        """Describe a workgroup, as `GetWorkGroup` does.

        Raises:
            ApiError: there is none of that name.
        """
        if name not in self._all:
            raise invalid(f"WorkGroup {name} is not found.")
        return self._all[name]

    def on_delete(self, belongs: Belongs) -> None:
        """Have something asked, and taken away, with a workgroup."""
        self._belongings.append(belongs)

    def _create(self, payload: Payload) -> Payload:
        name = required(payload, "Name")
        if name in self._all:
            raise invalid("WorkGroup is already created")
        self._add(
            name,
            payload.get("Configuration") or {},
            payload.get("Description") or "",
            payload.get("Tags") or [],
        )
        return {}

    def _get(self, payload: Payload) -> Payload:
        return {"WorkGroup": self.get(required(payload, "WorkGroup"))}

    def _list(self, payload: Payload) -> Payload:
        shown = ("Name", "State", "Description", "CreationTime")
        found = [
            {name: one[name] for name in shown}
            | {"EngineVersion": one["Configuration"]["EngineVersion"]}
            for _, one in sorted(self._all.items())
        ]
        return page(payload, "WorkGroups", found)

    def _update(self, payload: Payload) -> Payload:
        name = required(payload, "WorkGroup")
        workgroup = self.get(name)
        changes = dict(payload.get("ConfigurationUpdates") or {})
        configuration = _updated(workgroup["Configuration"], changes, _REMOVALS)
        results = changes.get("ResultConfigurationUpdates") or {}
        configuration.pop("ResultConfigurationUpdates", None)
        configuration["ResultConfiguration"] = _updated(
            configuration["ResultConfiguration"], results, _RESULT_REMOVALS
        )
        configuration["EngineVersion"] = _effective(configuration["EngineVersion"])
        own = {field: payload[field] for field in ("Description", "State") if field in payload}
        self._all[name] = workgroup | own | {"Configuration": configuration}
        return {}

    def _delete(self, payload: Payload) -> Payload:
        name = required(payload, "WorkGroup")
        self.get(name)
        if name == PRIMARY:
            raise invalid("The primary workgroup cannot be deleted")
        recursive = bool(payload.get("RecursiveDeleteOption"))
        if not all(belongs(name, recursive=recursive) for belongs in self._belongings):
            raise invalid(f"WorkGroup {name} is not empty")
        del self._all[name], self._tags[name]
        return {}

    def _tag(self, payload: Payload) -> Payload:
        self._tags_of(payload).update(_as_dict(payload.get("Tags") or []))
        return {}

    def _untag(self, payload: Payload) -> Payload:
        tags = self._tags_of(payload)
        for key in payload.get("TagKeys") or []:
            tags.pop(key, None)
        return {}

    def _list_tags(self, payload: Payload) -> Payload:
        tags = [{"Key": key, "Value": value} for key, value in self._tags_of(payload).items()]
        return page(payload, "Tags", tags, most=1000)

    def _tags_of(self, payload: Payload) -> dict[str, str]:
        arn = required(payload, "ResourceARN")
        name = arn.partition(_ARN)[2]
        if name not in self._tags:
            raise invalid(f"Athena Resource, {arn} Does Not Exist")
        return self._tags[name]

    def _add(
        self, name: str, configuration: Payload, description: str, tags: list[dict[str, str]]
    ) -> None:
        whole = _DEFAULTS | configuration
        self._all[name] = {
            "Name": name,
            "State": "ENABLED",
            "Description": description,
            "CreationTime": time.time(),
            "Configuration": whole | {"EngineVersion": _effective(whole["EngineVersion"])},
        }
        self._tags[name] = _as_dict(tags)


def _updated(before: Payload, changes: Payload, removals: dict[str, str]) -> Payload:
    gone = {what for flag, what in removals.items() if changes.get(flag)}
    kept = {name: value for name, value in before.items() if name not in gone}
    return kept | {name: value for name, value in changes.items() if name not in removals}


def _effective(version: dict[str, Any]) -> Payload:
    return version | {"EffectiveEngineVersion": ENGINE}


def _engine_versions(payload: Payload) -> Payload:
    versions = [_effective({"SelectedEngineVersion": name}) for name in ("AUTO", ENGINE)]
    return page(payload, "EngineVersions", versions, most=10)


def _as_dict(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag.get("Key", ""): tag.get("Value", "") for tag in tags}
