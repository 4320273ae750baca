"""Prepared statements: the one store of what the API and PREPARE make, and EXECUTE runs."""

import re
import time
from typing import Final

from clickstream_lake.sandbox.athena.requests import (
    Operations,
    Payload,
    batch,
    invalid,
    page,
    required,
)
from clickstream_lake.sandbox.athena.workgroups import Workgroups
from clickstream_lake.sandbox.errors import ApiError

_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_@:]{0,255}")


class PreparedStatements:
    """Keeps statements by workgroup and name."""

    def __init__(self, workgroups: Workgroups) -> None:
        """Keep statements of workgroups that exist; they go with them."""
        self._workgroups = workgroups
        self._all: dict[tuple[str, str], Payload] = {}
        workgroups.on_delete(self._leave)
        self.operations: Operations = {
            "CreatePreparedStatement": self._create,
            "GetPreparedStatement": self._get,
            "BatchGetPreparedStatement": self._batch_get,
            "ListPreparedStatements": self._list,
            "UpdatePreparedStatement": self._update,
            "DeletePreparedStatement": self._delete,
        }

    def query(self, workgroup: str, name: str) -> str | None:
        """Give the text of a statement, or None if there is none of that name."""
        found = self._all.get((workgroup, name))
        return found["QueryStatement"] if found else None

    def put(self, workgroup: str, name: str, query: str, description: str = "") -> None:
        """Keep a statement, in place of one of its name."""
        self._all[workgroup, name] = {
            "StatementName": name,
            "QueryStatement": query,
            "WorkGroupName": workgroup,
            "Description": description,
            "LastModifiedTime": time.time(),
        }

    def drop(self, workgroup: str, name: str) -> bool:
        """Forget a statement; tell whether it was there."""
        return self._all.pop((workgroup, name), None) is not None

    def _create(self, payload: Payload) -> Payload:
        key = self._key(payload)
        if not _NAME.fullmatch(key[1]):
            raise invalid(f"StatementName {key[1]} is not valid")
        if key in self._all:
            raise invalid(f"Prepared Statement {key[1]} already exists in WorkGroup {key[0]}")
        self.put(*key, required(payload, "QueryStatement"), payload.get("Description") or "")
        return {}

    def _get(self, payload: Payload) -> Payload:
        return {"PreparedStatement": self._find(payload)}

    def _batch_get(self, payload: Payload) -> Payload:
        workgroup = required(payload, "WorkGroup")
        self._workgroups.get(workgroup)
        return batch(
            payload,
            "PreparedStatementNames",
            lambda name: self._all.get((workgroup, name)),
            "PreparedStatements",
            "StatementName",
        )

    def _list(self, payload: Payload) -> Payload:
        workgroup = required(payload, "WorkGroup")
        self._workgroups.get(workgroup)
        found = [
            {name: one[name] for name in ("StatementName", "LastModifiedTime")}
            for (of, _), one in sorted(self._all.items())
            if of == workgroup
        ]
        return page(payload, "PreparedStatements", found)

    def _update(self, payload: Payload) -> Payload:
        known = self._find(payload)
        description = str(payload.get("Description", known["Description"]))
        self.put(*self._key(payload), required(payload, "QueryStatement"), description)
        return {}

    def _delete(self, payload: Payload) -> Payload:
        self._find(payload)
        self.drop(*self._key(payload))
        return {}

    def _key(self, payload: Payload) -> tuple[str, str]:
        workgroup = required(payload, "WorkGroup")
        self._workgroups.get(workgroup)
        return workgroup, required(payload, "StatementName")

    def _find(self, payload: Payload) -> Payload:
        key = self._key(payload)
        if key not in self._all:
            reason = f"PreparedStatement {key[1]} was not found in workgroup {key[0]}"
            raise ApiError("ResourceNotFoundException", reason)
        return self._all[key]

    def _leave(self, workgroup: str, *, recursive: bool) -> bool:
        del recursive  # they are no contents that keep a workgroup
        for key in [key for key in list(self._all) if key[0] == workgroup]:
            del self._all[key]
        return True
