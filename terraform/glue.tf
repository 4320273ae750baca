# The database, and the tables that the catalog describes. Partitions are registered by the
# functions, never by Terraform or a crawler.

resource "aws_glue_catalog_database" "lake" {
  name        = var.database_name
  description = "Click events as JSON and Parquet, and what was rejected"
  tags        = local.tags

  # By default every principal of the account with IAM permission may use a new table; with Lake
  # Formation only those whom it lets in.
  dynamic "create_table_default_permission" {
    for_each = var.lake_formation_enabled ? [1] : []

    content {
      permissions = []
    }
  }

  lifecycle {
    precondition {
      condition     = filesha256(local.catalog_file) == trimspace(file("${local.package_dir}/catalog.sha256"))
      error_message = "The functions in ${local.package_dir} were packaged with another catalog than ${local.catalog_file}, so tables and files would have different columns. Run `make package` again, or let package_dir and catalog_file name what belongs together."
    }
  }
}

locals {
  tables = merge([
    for key, stream in local.streams : {
      for format, table in local.catalog.tables : "${key}-${format}" => {
        name     = stream.tables[format].name
        location = "s3://${local.bucket_name}/${stream.tables[format].prefix}"
        table    = table
        # A type that is null for a table, or a column of other formats, is not declared there.
        columns = [
          for column in local.catalog[table.columns] : {
            name    = column.name
            type    = table.types[column.type]
            comment = try(column.comment, null)
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
  database_name = aws_glue_catalog_database.lake.name
  table_type    = "EXTERNAL_TABLE"
  parameters    = each.value.table.parameters

  dynamic "partition_keys" {
    for_each = local.partition_keys

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
}

# SQL engines read a table by its partitions' locations, and never this file. Whoever lists the table's
# prefix would see landing files beside the generations that have merged them, and gets an error instead.
resource "aws_s3_object" "guard" {
  for_each = var.prefix_guard_enabled ? merge([
    for key, stream in local.streams : {
      for format in ["json", "parquet"] : "${key}-${format}" => merge(stream.tables[format], { format = format })
    }
  ]...) : {}

  bucket       = aws_s3_bucket.lake.id
  key          = "${each.value.prefix}READ-BY-GLUE-PARTITIONS.${each.value.format}"
  content      = "This is no data file. The rows of ${each.value.name} are where its partitions in Glue say: `clickstream files` lists the files.\n"
  content_type = "text/plain"
  tags         = local.tags

  depends_on = [
    aws_s3_bucket_policy.lake,
    aws_s3_bucket_server_side_encryption_configuration.lake,
    aws_s3_bucket_versioning.lake,
  ]
}
