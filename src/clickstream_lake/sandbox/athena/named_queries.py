"""The saved queries of workgroups."""

import uuid
from typing import Any

from clickstream_lake.sandbox.athena.requests import (
    Operations,
    Payload,
    batch,
    invalid,
    page,
    required,
)
from clickstream_lake.sandbox.athena.workgroups import PRIMARY, Workgroups

_SHOWN = ("Name", "Description", "Database", "QueryString", "NamedQueryId", "WorkGroup")


class NamedQueries:
    """Keeps queries by id, in the order in which they were made."""

    def __init__(self, workgroups: Workgroups) -> None:
        """Keep queries of workgroups that exist; they go with them."""
        self._workgroups = workgroups
        self._all: dict[str, Payload] = {}
        self._by_token: dict[str, str] = {}
        workgroups.on_delete(self._leave)
        self.operations: Operations = {
            "CreateNamedQuery": self._create,
            "GetNamedQuery": self._get,
            "BatchGetNamedQuery": self._batch_get,
            "ListNamedQueries": self._list,
            "UpdateNamedQuery": self._update,
            "DeleteNamedQuery": self._delete,
        }

    def _create(self, payload: Payload) -> Payload:
        token = payload.get("ClientRequestToken")
        if token in self._by_token:
            return {"NamedQueryId": self._by_token[token]}
        query: Payload = {
            name: required(payload, name) for name in ("Name", "Database", "QueryString")
        }
        query["Description"] = payload.get("Description") or ""
        query["WorkGroup"] = payload.get("WorkGroup") or PRIMARY
        query["NamedQueryId"] = str(uuid.uuid4())
        self._workgroups.get(query["WorkGroup"])
        self._all[query["NamedQueryId"]] = query
        if token:
            self._by_token[token] = query["NamedQueryId"]
        return {"NamedQueryId": query["NamedQueryId"]}

    def _get(self, payload: Payload) -> Payload:
        return {"NamedQuery": self._find(payload)}

    def _batch_get(self, payload: Payload) -> Payload:
        return batch(payload, "NamedQueryIds", self._all.get, "NamedQueries", "NamedQueryId")

    def _list(self, payload: Payload) -> Payload:
        workgroup = payload.get("WorkGroup") or PRIMARY
        self._workgroups.get(workgroup)
        names = [name for name, one in self._all.items() if one["WorkGroup"] == workgroup]
        return page(payload, "NamedQueryIds", names)

    def _update(self, payload: Payload) -> Payload:
        query = self._find(payload)
        changed: dict[str, Any] = {name: payload[name] for name in _SHOWN if name in payload}
        self._all[query["NamedQueryId"]] = query | changed
        return {}

    def _delete(self, payload: Payload) -> Payload:
        del self._all[self._find(payload)["NamedQueryId"]]
        return {}

    def _find(self, payload: Payload) -> Payload:
        name = required(payload, "NamedQueryId")
        if name not in self._all:
            raise invalid(f"NamedQuery {name} was not found")
        return self._all[name]

    def _leave(self, workgroup: str, *, recursive: bool) -> bool:
        theirs = [name for name, one in self._all.items() if one["WorkGroup"] == workgroup]
        if recursive:
            for name in theirs:
                del self._all[name]
        return not theirs or recursive
