# The database, and the tables that the catalogs describe. Partitions are registered by the
# functions, never by Terraform or a crawler.

locals {
  database             = var.create_database ? aws_glue_catalog_database.lake[0].name : var.database_name
  database_description = "Click events as JSON and Parquet, and what was rejected"
}

# No `create_table_default_permission`: with an empty list of permissions the provider sends none, AWS
# then sets its own default, and every plan wants to change that (lake_formation.tf).
resource "aws_glue_catalog_database" "lake" {
  count = var.create_database ? 1 : 0

  name        = coalesce(var.database_name, replace(var.name, "-", "_"))
  description = local.database_description
  tags        = local.tags

  lifecycle {
    # Another name would be another database with empty tables: partitions would have to be registered anew.
    ignore_changes = [name]
  }
}

# The columns that compaction has added by itself, one object each: `coupon/2026-11-28T103000Z.string`. Its key says all, so
# a list is enough, and a lake without any has an empty one.
data "aws_s3_objects" "overlay" {
  for_each = { for key, stream in local.families : key => stream.manifests_prefix if var.schema_evolution == "auto" }

  bucket = terraform_data.bucket.output
  prefix = "${each.value}overlay/"
}

# Known once the bucket is there, and then whatever changes of it.
resource "terraform_data" "bucket" {
  input = var.create_bucket ? aws_s3_bucket.lake[0].id : var.bucket_name
}

locals {
  added_keys = {
    for key, stream in local.families : key => [
      for object in try(data.aws_s3_objects.overlay[key].keys, []) : trimprefix(object, "${stream.manifests_prefix}overlay/")
      if can(regex("overlay/[a-z][a-z0-9_]*/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{6}Z\\.(string|bigint|double|boolean|timestamp|json)(\\.[a-z_-]+)?$", object))
    ]
  }

  # By time and name, as the functions take them; a column that the file has by now is the file's.
  added_columns = {
    for key, objects in local.added_keys : key => [
      for place in sort([
        for name, places in { for object in objects : split("/", object)[0] => object... } :
        "${split(".", split("/", sort(places)[0])[1])[0]} ${sort(places)[0]}"
        if !contains(local.catalogs[key].columns[*].name, name)
        ]) : {
        name    = split("/", split(" ", place)[1])[0]
        type    = split(".", place)[1]
        comment = "Added by schema_evolution"
        added   = substr(place, 0, 10)
      }
    ]
  }

  known_columns = {
    for key, catalog in local.catalogs : key => {
      columns        = concat(catalog.columns, local.added_columns[key])
      reject_columns = catalog.reject_columns
    }
  }

  # Readers that go by a column's place need the older columns where they have always been: what was added later
  # comes last, by its day, wherever the file has it.
  stored_columns = {
    for key, known in local.known_columns : key => {
      for list in ["columns", "reject_columns"] : list => [
        for name in sort([for place, column in known[list] : format("%s %04d", try(column.added, ""), place)]) :
        known[list][tonumber(split(" ", name)[1])]
      ]
    }
  }

  tables = merge([
    for key, stream in local.families : {
      for format, table in local.catalogs[key].tables : "${key}-${format}" => {
        stream   = key
        name     = stream.tables[format].name
        location = "s3://${local.bucket.name}/${stream.tables[format].prefix}"
        table    = table
        # A type that is null for a table, or a column of other formats, is not declared there.
        columns = [
          for column in local.stored_columns[key][table.columns] : {
            name    = column.name
            type    = table.types[column.type]
            comment = try(column.retired, null) == null ? try(column.comment, null) : "Retired ${column.retired}: ${try(column.comment, "")}"
          }
          if table.types[column.type] != null && contains(try(column.formats, [format]), format)
        ]
      }
    }
  ]...)
}

resource "aws_glue_catalog_table" "lake" {
  for_each = local.tables

  name          = each.value.name
  database_name = local.database
  table_type    = "EXTERNAL_TABLE"
  parameters    = each.value.table.parameters

  dynamic "partition_keys" {
    for_each = local.partition_keys[each.value.stream]

    content {
      name = partition_keys.value
      type = "string"
    }
  }

  storage_descriptor {
    location      = each.value.location
    input_format  = each.value.table.input_format
    output_format = each.value.table.output_format

    ser_de_info {
      serialization_library = each.value.table.serde
      parameters            = each.value.table.serde_parameters
    }

    dynamic "columns" {
      for_each = each.value.columns

      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length([for name in local.table_names : name if name == each.value.name]) == 1
      error_message = "Two families would have the table ${each.value.name}: give one of them another table_prefix, or its catalog other names."
    }
  }
}

# The ids of tables that are there. A data source that named a table itself would be read only once the change of
# the table is made; so would one with a condition of its own.
resource "terraform_data" "table" {
  for_each = local.tables

  input = aws_glue_catalog_table.lake[each.key].id
}

# The tables as they are before an apply changes them.
data "aws_glue_catalog_table" "deployed" {
  for_each = local.tables

  database_name = element(split(":", terraform_data.table[each.key].output), 1)
  name          = element(split(":", terraform_data.table[each.key].output), 2)
}

locals {
  deployed_columns = {
    for key, table in data.aws_glue_catalog_table.deployed : key => [
      for column in flatten(table.storage_descriptor[*].columns) : "${column.name} ${column.type}"
    ]
  }

  # Files and partitions have the columns that they were written with: only what is added at the end is read right
  # over all of them.
  broken_tables = [
    for key, columns in local.deployed_columns : local.tables[key].name
    if try(slice([for column in local.tables[key].columns : "${column.name} ${column.type}"], 0, length(columns)) != columns, true)
  ]
}

# The files that the tables above are made from are the ones that the functions read.
resource "aws_s3_object" "catalog" {
  for_each = { for key, file in local.catalog_files : local.catalog_sums[key] => file... }

  bucket       = local.bucket.name
  key          = "${local.artifacts_prefix}catalogs/${each.key}.json"
  source       = each.value[0] # streams may have one catalog
  content_type = "application/json"

  override_provider {
    default_tags {
      tags = {}
    }
  }

  # The former one stays until the functions name the new one. Of each that a file was made by, they keep a
  # copy below `manifests/`.
  lifecycle {
    create_before_destroy = true
  }

  depends_on = [
    aws_s3_bucket_policy.lake,
    aws_s3_bucket_server_side_encryption_configuration.lake,
    aws_s3_bucket_versioning.lake,
  ]
}

# Which events of a stream are of other families.
resource "aws_s3_object" "routes" {
  for_each = local.routes

  bucket       = local.bucket.name
  key          = "${local.artifacts_prefix}routes/${sha256(each.value)}.json"
  content      = each.value
  content_type = "application/json"

  override_provider {
    default_tags {
      tags = {}
    }
  }

  # The former one stays until the functions name the new one. Of each that a file was made by, they keep a
  # copy below `manifests/`.
  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = alltrue([for family in keys(var.streams[each.key].routes) : local.catalogs[family].partition_keys == local.catalogs[each.key].partition_keys])
      error_message = "A family that events of the stream ${each.key} are routed to has other partition_keys: all inherit those of the raw objects."
    }
  }

  depends_on = [
    aws_s3_bucket_policy.lake,
    aws_s3_bucket_server_side_encryption_configuration.lake,
    aws_s3_bucket_versioning.lake,
    aws_s3_object.catalog,
  ]
}

# SQL engines read a table by its partitions' locations, and never this file. Whoever lists the table's
# prefix would see landing files beside the generations that have merged them, and gets an error instead.
resource "aws_s3_object" "guard" {
  for_each = var.prefix_guard_enabled ? merge([
    for key, stream in local.families : {
      for format in ["json", "parquet"] : "${key}-${format}" => merge(stream.tables[format], { format = format })
    }
  ]...) : {}

  bucket       = local.bucket.name
  key          = "${each.value.prefix}READ-BY-GLUE-PARTITIONS.${each.value.format}"
  content      = "This is no data file. The rows of ${each.value.name} are where its partitions in Glue say: `clickstream files` lists the files.\n"
  content_type = "text/plain"

  # S3 takes ten tags of an object, and nobody looks for this one by tags.
  override_provider {
    default_tags {
      tags = {}
    }
  }

  depends_on = [
    aws_s3_bucket_policy.lake,
    aws_s3_bucket_server_side_encryption_configuration.lake,
    aws_s3_bucket_versioning.lake,
  ]
}
