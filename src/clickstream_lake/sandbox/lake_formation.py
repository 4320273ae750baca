"""What Lake Formation does and moto does not, while a sandbox runs.

- By an account's default, IAM_ALLOWED_PRINCIPALS gets ALL on each new database and table, so that
  IAM alone decides about it; a database may say otherwise for its new tables. Both go with what
  they are about.
- Hybrid access: a location registered for it, and the opt-ins of principals.
- Who asks for a table's grants is told of those on its columns, too.
- A revoke that has nothing to take away is refused.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final
from unittest.mock import patch

from moto.glue.models import GlueBackend
from moto.lakeformation import urls
from moto.lakeformation.exceptions import EntityNotFound, InvalidInput
from moto.lakeformation.models import LakeFormationBackend, Permission, lakeformation_backends
from moto.lakeformation.responses import LakeFormationResponse

EVERYBODY: Final = "IAM_ALLOWED_PRINCIPALS"
_OPERATIONS: Final = (
    "CreateLakeFormationOptIn",
    "DeleteLakeFormationOptIn",
    "ListLakeFormationOptIns",
)

Payload = dict[str, Any]


def lake_formation() -> Iterator[AbstractContextManager[object]]:
    """The fixes, each until its context ends."""
    for name, fix in {
        "create_database": _with_database_default,
        "create_table": _with_table_default,
        "delete_database": _without_grants,
        "delete_table": _without_grants,
    }.items():
        yield patch.object(GlueBackend, name, fix(getattr(GlueBackend, name)))
    yield patch.object(LakeFormationResponse, "register_resource", _register)
    yield patch.object(LakeFormationResponse, "describe_resource", _describe)
    grant = _naming_catalog(LakeFormationBackend.grant_permissions)
    yield patch.object(LakeFormationBackend, "grant_permissions", grant)
    revoke = _refusing_nothing(LakeFormationBackend.revoke_permissions)
    yield patch.object(LakeFormationBackend, "revoke_permissions", revoke)
    list_permissions = _with_columns(LakeFormationBackend.list_permissions)
    yield patch.object(LakeFormationBackend, "list_permissions", list_permissions)
    dispatch = urls.response.dispatch
    yield patch.dict(urls.url_paths, {f"{{0}}/{name}$": dispatch for name in _OPERATIONS})
    yield patch.object(LakeFormationResponse, "create_lake_formation_opt_in", _opt_in, create=True)
    yield patch.object(LakeFormationResponse, "delete_lake_formation_opt_in", _opt_out, create=True)
    yield patch.object(LakeFormationResponse, "list_lake_formation_opt_ins", _list, create=True)


def _settings(backend: Any) -> Payload:  # noqa: ANN401 - a backend of either service
    formation = lakeformation_backends[backend.account_id][backend.region_name]
    return formation.get_data_lake_settings(backend.account_id)


def _grant(backend: GlueBackend, resource: Payload, defaults: list[Payload]) -> None:
    formation = lakeformation_backends[backend.account_id][backend.region_name]
    for default in defaults:
        if default.get("Permissions"):
            formation.grant_permissions(
                backend.account_id, default["Principal"], resource, default["Permissions"], []
            )


def _with_database_default(create: Callable[..., Any]) -> Callable[..., Any]:
    def created(
        backend: GlueBackend,
        database_name: str,
        database_input: Payload,
        *args: Any,  # noqa: ANN401 - passes moto's own types through
        **kwargs: Any,  # noqa: ANN401 - the same
    ) -> Any:  # noqa: ANN401 - the same
        settings = _settings(backend)
        # Glue gives it back with the database.
        default = {"CreateTableDefaultPermissions": settings["CreateTableDefaultPermissions"]}
        made = create(backend, database_name, default | database_input, *args, **kwargs)
        resource = {"Database": {"CatalogId": backend.account_id, "Name": database_name}}
        _grant(backend, resource, settings["CreateDatabaseDefaultPermissions"])
        return made

    return created


def _with_table_default(create: Callable[..., Any]) -> Callable[..., Any]:
    def created(
        backend: GlueBackend,
        database_name: str,
        table_name: str,
        *args: Any,  # noqa: ANN401 - passes moto's own types through
        **kwargs: Any,  # noqa: ANN401 - the same
    ) -> Any:  # noqa: ANN401 - the same
        made = create(backend, database_name, table_name, *args, **kwargs)
        default = backend.get_database(database_name).input.get("CreateTableDefaultPermissions")
        table = {
            "CatalogId": backend.account_id,
            "DatabaseName": database_name,
            "Name": table_name,
        }
        _grant(backend, {"Table": table}, default or [])
        return made

    return created


def _without_grants(delete: Callable[..., Any]) -> Callable[..., Any]:
    def deleted(backend: GlueBackend, database_name: str, *table: str) -> None:
        delete(backend, database_name, *table)
        formation = lakeformation_backends[backend.account_id][backend.region_name]
        catalog = formation.grants.get(backend.account_id)
        if catalog is None:
            return
        # Their hashes change with their permissions, so that none could be discarded by itself.
        catalog.permissions = {
            grant for grant in catalog.permissions if not _is_about(grant, database_name, *table)
        }

    return deleted


def _is_about(grant: Permission, database_name: str, *table: str) -> bool:
    about = next(iter(grant.resource.values()))
    if table:
        return (about.get("DatabaseName"), about.get("Name")) == (database_name, *table)
    return database_name in {
        about.get("DatabaseName"),
        grant.resource.get("Database", {}).get("Name"),
    }


def _register(response: LakeFormationResponse) -> str:
    arn = response._get_param("ResourceArn")  # noqa: SLF001 - no other access
    backend = response.lakeformation_backend
    backend.register_resource(arn, response._get_param("RoleArn"))  # noqa: SLF001 - the same
    hybrid = bool(response._get_param("HybridAccessEnabled"))  # noqa: SLF001 - the same
    vars(backend.resources[arn])["hybrid_access_enabled"] = hybrid
    return "{}"


def _describe(response: LakeFormationResponse) -> str:
    arn = response._get_param("ResourceArn")  # noqa: SLF001 - no other access
    resource = response.lakeformation_backend.describe_resource(arn)
    hybrid = vars(resource).get("hybrid_access_enabled", False)
    return json.dumps({"ResourceInfo": {**resource.to_dict(), "HybridAccessEnabled": hybrid}})


def _naming_catalog(grant: Callable[..., None]) -> Callable[..., None]:
    def granting(
        backend: LakeFormationBackend,
        catalog_id: str,
        principal: Payload,
        resource: Payload,
        *args: Any,  # noqa: ANN401 - passes moto's own types through
        **kwargs: Any,  # noqa: ANN401 - the same
    ) -> None:
        grant(backend, catalog_id, principal, _in_catalog(resource, catalog_id), *args, **kwargs)

    return granting


def _refusing_nothing(revoke: Callable[..., None]) -> Callable[..., None]:
    def revoking(
        backend: LakeFormationBackend,
        catalog_id: str,
        principal: Payload,
        resource: Payload,
        *args: Any,  # noqa: ANN401 - passes moto's own types through
        **kwargs: Any,  # noqa: ANN401 - the same
    ) -> None:
        named = _in_catalog(resource, catalog_id)
        wanted = Permission(principal, named, [], [])
        catalog = backend.grants.get(catalog_id)
        found = catalog.permissions if catalog else set()
        if not any(each.equal_principal_and_resouce(wanted) for each in found):
            raise InvalidInput("No permissions revoked. Grantee does not have them.")
        revoke(backend, catalog_id, principal, named, *args, **kwargs)

    return revoking


def _with_columns(list_permissions: Callable[..., list[Payload]]) -> Callable[..., list[Payload]]:
    def listed(
        backend: LakeFormationBackend,
        catalog_id: str,
        principal: Payload | None = None,
        resource: Any = None,  # noqa: ANN401 - passes moto's own types through
        **kwargs: Any,  # noqa: ANN401 - the same
    ) -> list[Payload]:
        found = list_permissions(backend, catalog_id, principal, resource, **kwargs)
        table = getattr(resource, "table", None)
        if table is None:
            return found
        wanted = {"DatabaseName": table.database_name, "Name": table.name}
        return found + [
            grant
            for grant in list_permissions(backend, catalog_id, principal)
            if wanted.items() <= grant["Resource"].get("TableWithColumns", {}).items()
        ]

    return listed


def _in_catalog(resource: Payload, catalog_id: str) -> Payload:
    """The resource with the account that it means by default."""
    return {kind: {"CatalogId": catalog_id, **about} for kind, about in resource.items()}


def _opt_ins(response: LakeFormationResponse) -> list[Payload]:
    found: list[Payload] = vars(response.lakeformation_backend).setdefault("opt_ins", [])
    return found


def _asked(response: LakeFormationResponse) -> Payload:
    resource = response._get_param("Resource")  # noqa: SLF001 - no other access
    named = {
        "Principal": response._get_param("Principal"),  # noqa: SLF001 - the same
        "Resource": resource and _in_catalog(resource, response.current_account),
    }
    return {name: value for name, value in named.items() if value}


def _matching(response: LakeFormationResponse) -> list[Payload]:
    asked = _asked(response)
    return [each for each in _opt_ins(response) if asked.items() <= each.items()]


def _opt_in(response: LakeFormationResponse) -> str:
    if not _matching(response):
        made = {
            "LastModified": datetime.now(UTC).timestamp(),
            "LastUpdatedBy": f"arn:aws:iam::{response.current_account}:user/sandbox",
        }
        _opt_ins(response).append({**_asked(response), **made})
    return "{}"


def _opt_out(response: LakeFormationResponse) -> str:
    found = _matching(response)
    if not found:
        raise EntityNotFound
    _opt_ins(response).remove(found[0])
    return "{}"


def _list(response: LakeFormationResponse) -> str:
    return json.dumps({"LakeFormationOptInsInfoList": _matching(response)})
