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

  catalog_file   = coalesce(var.catalog_file, "${path.module}/../src/clickstream_lake/catalogs/clickstream.json")
  catalog        = jsondecode(file(local.catalog_file))
  catalog_sum    = filesha256(local.catalog_file) # its name, and its version
  partition_keys = distinct(concat(local.catalog.partition_keys, var.hour_partition ? ["hour"] : []))

  # Firehose's name for each partition key's part of the arrival time.
  timestamp_parts = { year = "yyyy", month = "MM", day = "dd", hour = "HH" }
  date_path       = join("", [for key in local.partition_keys : "${key}=!{timestamp:${local.timestamp_parts[key]}}/"])

  # Everything that differs from stream to stream.
  streams = {
    for key, stream in var.streams : key => {
      name             = "${var.name}-${key}"
      raw_prefix       = "${stream.prefix}raw/"
      processed_prefix = "${stream.prefix}processed/"
      rejected_prefix  = "${stream.prefix}rejected/"
      manifests_prefix = "${stream.prefix}manifests/"
      errors_prefix    = "${stream.prefix}errors/"
      tables = {
        for format, table in local.catalog.tables : format => {
          name   = "${stream.table_prefix != null ? stream.table_prefix : stream.prefix == "" ? "" : "${replace(key, "-", "_")}_"}${table.name}"
          prefix = "${stream.prefix}${format == "rejects" ? "rejected/" : "processed/${format}/"}"
        }
      }
      buffer_mb       = coalesce(stream.buffer_mb, var.firehose_buffer_mb)
      buffer_seconds  = stream.buffer_seconds != null ? stream.buffer_seconds : var.firehose_buffer_seconds
      max_concurrency = coalesce(stream.transform_max_concurrency, var.transform_max_concurrency)
    }
  }
}
