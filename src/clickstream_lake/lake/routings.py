"""The routes that files of a stream were made by, and the lakes of the families that they name."""

from contextlib import suppress

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalogs import Catalogs, named_content
from clickstream_lake.lake.errors import ObjectExistsError
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.routes import Family, Route, Routing, Stream, read_routes, routing_of


class Routings:
    """The routes that files of a stream's lake were made by."""

    def __init__(self, lake: Lake, catalog: Catalog, own: Routing | None) -> None:
        """Those of one lake.

        Args:
            lake: of the stream's own family.
            catalog: the own family's.
            own: the ones that new raw objects are transformed by.
        """
        self._lake = lake
        self._catalog = catalog
        self._known = {own.sha256: own} if own else {}
        self._lakes: dict[object, Lake] = {}
        self._kept = False
        self.own = own

    def keep(self) -> None:
        """Make sure, once, that the lake has a copy of the own ones and of their catalogs.

        Raises:
            StorageError: S3 refused.
        """
        if self._kept or self.own is None:
            return
        for family in self.own.families:
            Catalogs(self._lake.store, self.lake_of(family).layout, family.catalog).keep()
        key = self._lake.layout.routes_key(self.own.sha256)
        if self._lake.store.head(key) is None:
            with suppress(ObjectExistsError):
                self._lake.store.put_bytes(
                    key, self.own.content, content_type="application/json", if_absent=True
                )
        self._kept = True

    def of(self, name: str) -> Routing | None:
        """The routes of that SHA-256; None if the name is empty.

        Raises:
            CatalogError: the lake has no copy of them, or of a catalog, or a damaged one.
            StorageError: S3 refused.
        """
        if not name:
            return None
        if name not in self._known:
            store = self._lake.store
            key = self._lake.layout.routes_key(name)
            address = f"s3://{store.bucket}/{key}"
            routes = read_routes(named_content(store, key, name, address, "route"), address)
            self._known[name] = routing_of(routes, self._kept_catalog, self._catalog.partition_keys)
        return self._known[name]

    def _kept_catalog(self, _name: str, route: Route) -> Catalog:
        layout = self._lake.layout.family(route.prefix)
        return Catalogs(self._lake.store, layout, self._catalog).of(route.catalog)

    def lake_of(self, family: Family) -> Lake:
        """The lake of a family; what is known of its manifests is kept."""
        place = (family.route.prefix, *family.route.tables.items())
        if place not in self._lakes:
            self._lakes[place] = lake_at(self._lake, family.route)
        return self._lakes[place]


def lake_at(lake: Lake, place: Stream | Route) -> Lake:
    """The lake of another family of the same raw objects."""
    layout = lake.layout.family(place.prefix)
    return Lake(
        lake.store,
        lake.partitions,
        layout,
        {str(table): name for table, name in place.tables.items()},
    )
