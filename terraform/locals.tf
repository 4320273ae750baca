data "aws_caller_identity" "current" {}
data "aws_default_tags" "provider" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  dns_suffix = data.aws_partition.current.dns_suffix
  region     = data.aws_region.current.id # `name` is deprecated from provider 6 on

  # IAM takes `Project` and `project` for one key, and refuses both on one role.
  given_tags = merge(data.aws_default_tags.provider.tags, var.tags)
  tags       = merge(contains([for key in keys(local.given_tags) : lower(key)], "project") ? {} : { Project = var.name }, var.tags)

  # What a whole account shares, whatever the region: roles and dashboards.
  global_suffix = "-${local.region}"

  # What each family of events is.
  packaged_catalog = "${path.module}/../src/clickstream_lake/catalogs/clickstream.json"
  catalog_files = merge(
    { for key, stream in var.streams : key => coalesce(stream.catalog_file, var.catalog_file, local.packaged_catalog) },
    { for family, route in local.routed : family => route.catalog_file },
  )
  catalog_sums = { for key, file in local.catalog_files : key => filesha256(file) } # its name, and its version
  catalogs     = { for key, file in local.catalog_files : key => jsondecode(file(file)) }

  # The families that events of a stream are routed to, by their names.
  routed = merge([
    for key, stream in var.streams : {
      for family, route in stream.routes : family => merge(route, {
        stream       = key
        prefix       = coalesce(route.prefix, "${family}/")
        table_prefix = route.table_prefix != null ? route.table_prefix : "${replace(family, "-", "_")}_"
      })
    }
  ]...)

  # Firehose's name for each partition key's part of the arrival time.
  timestamp_parts = { year = "yyyy", month = "MM", day = "dd", hour = "HH" }

  partition_keys = {
    for key, catalog in local.catalogs : key => distinct(concat(catalog.partition_keys, var.hour_partition ? ["hour"] : []))
  }

  # Everything that differs from stream to stream.
  streams = {
    for key, stream in var.streams : key => {
      stream           = key
      name             = "${var.name}-${key}"
      date_path        = join("", [for part in local.partition_keys[key] : "${part}=!{timestamp:${lookup(local.timestamp_parts, part, "")}}/"])
      raw_prefix       = "${stream.prefix}raw/"
      processed_prefix = "${stream.prefix}processed/"
      rejected_prefix  = "${stream.prefix}rejected/"
      manifests_prefix = "${stream.prefix}manifests/"
      errors_prefix    = "${stream.prefix}errors/"
      tables = {
        for format, table in local.catalogs[key].tables : format => {
          name   = "${stream.table_prefix != null ? stream.table_prefix : stream.prefix == "" ? "" : "${replace(key, "-", "_")}_"}${table.name}"
          prefix = "${stream.prefix}${format == "rejects" ? "rejected/" : "processed/${format}/"}"
        }
      }
      buffer_mb       = coalesce(stream.buffer_mb, var.firehose_buffer_mb)
      buffer_seconds  = stream.buffer_seconds != null ? stream.buffer_seconds : var.firehose_buffer_seconds
      max_concurrency = coalesce(stream.transform_max_concurrency, var.transform_max_concurrency)
    }
  }

  # Streams and what is routed from them: whatever has tables of its own.
  families = merge(local.streams, {
    for family, route in local.routed : family => merge(local.streams[route.stream], {
      name             = "${var.name}-${family}"
      processed_prefix = "${route.prefix}processed/"
      rejected_prefix  = "${route.prefix}rejected/"
      manifests_prefix = "${route.prefix}manifests/"
      tables = {
        for format, table in local.catalogs[family].tables : format => {
          name   = "${route.table_prefix}${table.name}"
          prefix = "${route.prefix}${format == "rejects" ? "rejected/" : "processed/${format}/"}"
        }
      }
    })
  })

  # What the functions of a stream read of its routes (src/clickstream_lake/lake/routes.py).
  routes = {
    for key, stream in var.streams : key => jsonencode({
      route_by = stream.route_by
      stream = {
        name   = local.streams[key].name
        prefix = stream.prefix
        tables = { for format, table in local.streams[key].tables : format => table.name }
      }
      families = {
        for family in keys(stream.routes) : family => {
          event_types = local.routed[family].event_types
          catalog     = "s3://${local.bucket.name}/${local.artifacts_prefix}catalogs/${local.catalog_sums[family]}.json"
          prefix      = local.routed[family].prefix
          tables      = { for format, table in local.families[family].tables : format => table.name }
        }
      }
    })
    if length(stream.routes) > 0
  }

  table_names = flatten([for stream in values(local.families) : [for table in values(stream.tables) : table.name]])
}
