# Where analysts query, and queries to begin with.

locals {
  athena_results_prefix = "athena-results/"

  # Beside the catalogs: the sandbox saves the same. Those of every catalog, and a catalog's own, which name
  # its columns.
  queries_dir = "${path.module}/../src/clickstream_lake/catalogs/queries"
  queries = {
    for key, catalog_file in local.catalog_files : key => merge([
      for directory in [local.queries_dir, "${trimsuffix(catalog_file, ".json")}.queries"] : {
        for file in fileset(directory, "*.sql") : trimsuffix(file, ".sql") => "${directory}/${file}"
      }
    ]...)
  }

  saved_queries = merge([
    for key, stream in local.families : {
      for query, file in local.queries[key] : "${key}-${query}" => {
        name = "${stream.name}: ${replace(query, "_", " ")}"
        sql = templatefile(file, {
          json    = stream.tables["json"].name
          parquet = stream.tables["parquet"].name
          rejects = stream.tables["rejects"].name
        })
      }
    }
  ]...)
}

resource "aws_athena_workgroup" "lake" {
  name          = var.name
  description   = "Queries on the ${var.name} lake"
  force_destroy = var.force_destroy
  tags          = local.tags

  configuration {
    # Clients cannot send results elsewhere or scan beyond the cut-off.
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.athena_scan_cutoff_gb * 1024 * 1024 * 1024

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location       = "s3://${local.bucket.name}/${local.athena_results_prefix}"
      expected_bucket_owner = local.account_id

      encryption_configuration {
        encryption_option = var.kms_enabled ? "SSE_KMS" : "SSE_S3"
        kms_key_arn       = local.kms_key_arn
      }
    }
  }
}

resource "aws_athena_named_query" "saved" {
  for_each = local.saved_queries

  name        = each.value.name
  description = trimspace(trimprefix(split("\n", each.value.sql)[0], "--"))
  workgroup   = aws_athena_workgroup.lake.id
  database    = local.database
  query       = each.value.sql
}
