# The two functions of each stream, and the layer with their dependencies.

locals {
  # Everything in which the functions of a stream differ, and what each has of its own.
  functions = merge(concat([
    for key, stream in local.streams : {
      "${key}-transform" = {
        stream               = key
        kind                 = "transform"
        name                 = "${stream.name}-transform"
        does                 = "Turns raw objects of ${stream.name} into JSON and Parquet"
        memory_mb            = var.transform_memory_mb
        timeout_seconds      = var.transform_timeout_seconds
        tmp_mb               = var.transform_tmp_mb
        reserved_concurrency = var.transform_reserved_concurrency
        max_concurrency      = stream.max_concurrency
        batch_size           = var.transform_batch_size
        batch_window_seconds = var.transform_batch_window_seconds
        fifo                 = false
        visibility_seconds   = coalesce(var.transform_visibility_seconds, 6 * var.transform_timeout_seconds + var.transform_batch_window_seconds)
        max_receives         = var.transform_max_receives
      }
    }
    ], [
    for key, stream in local.families : {
      "${key}-compact" = {
        stream               = key
        kind                 = "compact"
        name                 = "${stream.name}-compact"
        does                 = "Plans and does the compaction and clean-up of ${stream.name}"
        memory_mb            = var.compact_memory_mb
        timeout_seconds      = var.compact_timeout_seconds
        tmp_mb               = var.compact_tmp_mb
        reserved_concurrency = var.compact_reserved_concurrency
        max_concurrency      = var.compact_max_concurrency
        batch_size           = 1    # a partition has an invocation's whole time to itself
        batch_window_seconds = null # FIFO queues have none
        fifo                 = true
        visibility_seconds   = 6 * var.compact_timeout_seconds
        max_receives         = var.compact_max_receives
      }
    }
  ])...)

  # What a function reads at start (src/clickstream_lake/lake/config.py says what each one means).
  environments = {
    for key, function in local.functions : key => merge(
      local.stream_environments[function.stream],
      function.kind == "compact" ? {
        LAKE_COMPACT_QUEUE_URL       = aws_sqs_queue.work[key].id
        LAKE_TRANSFORM_QUEUE_URL     = aws_sqs_queue.work["${local.families[function.stream].stream}-transform"].id
        LAKE_AUDIT_GRACE_SECONDS     = tostring(60 * var.audit_grace_minutes)
        LAKE_TARGET_FILE_BYTES       = tostring(var.compact_target_file_mb * 1024 * 1024)
        LAKE_MIN_FILES               = tostring(var.compact_min_files)
        LAKE_LOOKBACK_DAYS           = tostring(var.compact_lookback_days)
        LAKE_STALE_SCHEMA_PARTITIONS = tostring(var.compact_stale_schema_partitions)
        LAKE_GRACE_SECONDS           = tostring(var.compact_grace_seconds)
        LAKE_TIME_BUDGET_SECONDS     = tostring(var.compact_timeout_seconds - 120)
        LAKE_EVOLUTION_PERCENT       = tostring(var.schema_evolution_percent)
        LAKE_EVOLUTION_HOURS         = tostring(var.schema_evolution_hours)
        LAKE_EVOLUTION_COLUMNS       = tostring(var.schema_evolution_max_columns)
        LAKE_EVOLUTION_DELAY_SECONDS = "1800" # functions look every 5 minutes, and run for 15 at most
      } : {},
      contains(keys(local.routes), local.families[function.stream].stream) && (function.kind == "transform" || contains(keys(local.routed), function.stream)) ? {
        LAKE_ROUTES = "s3://${local.bucket.name}/${aws_s3_object.routes[local.families[function.stream].stream].key}"
      } : {},
      contains(keys(local.routed), function.stream) ? { LAKE_FAMILY = function.stream } : {},
      { POWERTOOLS_SERVICE_NAME = function.name },
    )
  }

  artifacts_prefix  = "artifacts/"
  metrics_namespace = "Clickstream"
  runtime           = "python3.13"

  # The part of it that both functions of a stream have.
  stream_environments = {
    for key, stream in local.families : key => merge(var.lake_settings, {
      LAKE_BUCKET                  = local.bucket.name
      LAKE_DATABASE                = local.database
      LAKE_JSON_TABLE              = stream.tables["json"].name
      LAKE_PARQUET_TABLE           = stream.tables["parquet"].name
      LAKE_REJECTS_TABLE           = stream.tables["rejects"].name
      LAKE_CATALOG                 = "s3://${local.bucket.name}/${aws_s3_object.catalog[local.catalog_sums[key]].key}"
      LAKE_PARTITION_KEYS          = join(",", local.partition_keys[key])
      LAKE_RAW_PREFIX              = stream.raw_prefix
      LAKE_PROCESSED_PREFIX        = stream.processed_prefix
      LAKE_REJECTED_PREFIX         = stream.rejected_prefix
      LAKE_MANIFESTS_PREFIX        = stream.manifests_prefix
      LAKE_ERRORS_PREFIX           = stream.errors_prefix
      LAKE_SCHEMA_EVOLUTION        = var.schema_evolution
      LAKE_JSON_COMPRESSION        = var.json_compression
      LAKE_PARQUET_COMPRESSION     = var.parquet_compression
      POWERTOOLS_METRICS_NAMESPACE = local.metrics_namespace
      POWERTOOLS_LOG_LEVEL         = var.log_level
    })
  }
}

# The layer is over the 50 MB that Lambda takes directly, so it goes through the bucket.
resource "aws_s3_object" "layer" {
  count = var.code_signing_enabled || var.release != null ? 0 : 1

  bucket      = local.bucket.name
  key         = "${local.artifacts_prefix}layer-${var.architecture}-${substr(local.package_sums["layer"], 0, 16)}.zip"
  source      = local.package_files["layer"]
  source_hash = filebase64sha256(local.package_files["layer"])

  # S3 takes ten tags of an object; the provider's own may be more.
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

resource "aws_lambda_layer_version" "dependencies" {
  layer_name               = "${var.name}-dependencies-${replace(var.architecture, "_", "-")}"
  description              = "pyarrow and what else both functions import"
  s3_bucket                = local.bucket.name
  s3_key                   = var.code_signing_enabled ? local.signed_keys["layer"] : var.release != null ? local.copied_keys["layer"] : aws_s3_object.layer[0].key
  source_code_hash         = local.package_hashes["layer"]
  compatible_runtimes      = [local.runtime]
  compatible_architectures = [var.architecture]

  # The former one stays until the functions have the new one.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_338:Logs hold keys and counts, never events; log_retention_days keeps them as long as the operator wants
  #checkov:skip=CKV_AWS_158:Encrypted with the lake's key when kms_enabled; otherwise with the service's own

  for_each = local.functions

  name              = "/aws/lambda/${each.value.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}

resource "aws_lambda_function" "function" {
  #checkov:skip=CKV_AWS_116:What fails is kept by the queue's redrive policy, and for ticks by the failure destination
  #checkov:skip=CKV_AWS_272:Optional: code_signing_enabled
  #checkov:skip=CKV_AWS_117:The function reaches S3, Glue and SQS only, by their public endpoints over TLS; a VPC would add cost and nothing to protect
  #checkov:skip=CKV_AWS_173:Its settings are names and limits, no secrets; they are encrypted with the lake's key when kms_enabled
  #checkov:skip=CKV_AWS_50:Tracing costs per invocation; tracing_enabled turns it on
  #checkov:skip=CKV_AWS_115:The event source's maximum concurrency bounds it; reserved concurrency is a variable

  for_each = local.functions

  function_name                  = each.value.name
  description                    = each.value.does
  role                           = aws_iam_role.function[each.key].arn
  runtime                        = local.runtime
  architectures                  = [var.architecture]
  handler                        = "handler.handler"
  filename                       = local.code_in_bucket ? null : local.package_files[each.value.kind]
  s3_bucket                      = local.code_in_bucket ? local.bucket.name : null
  s3_key                         = var.code_signing_enabled ? local.signed_keys[each.value.kind] : var.release != null ? local.copied_keys[each.value.kind] : null
  source_code_hash               = local.package_hashes[each.value.kind]
  code_signing_config_arn        = var.code_signing_enabled ? aws_lambda_code_signing_config.lake[0].arn : null
  layers                         = [aws_lambda_layer_version.dependencies.arn]
  memory_size                    = each.value.memory_mb
  timeout                        = each.value.timeout_seconds
  reserved_concurrent_executions = each.value.reserved_concurrency
  kms_key_arn                    = local.kms_key_arn
  tags                           = local.tags

  ephemeral_storage {
    size = each.value.tmp_mb
  }

  environment {
    variables = local.environments[each.key]
  }

  tracing_config {
    mode = var.tracing_enabled ? "Active" : "PassThrough"
  }

  # Otherwise the function would make the log group itself, with no retention; and Lambda refuses a timeout
  # that is longer than its queue hides messages.
  depends_on = [aws_cloudwatch_log_group.function, aws_iam_role_policy.function, aws_sqs_queue.work]
}

resource "aws_lambda_event_source_mapping" "function" {
  for_each = local.functions

  event_source_arn                   = aws_sqs_queue.work[each.key].arn
  function_name                      = aws_lambda_function.function[each.key].arn
  batch_size                         = each.value.batch_size
  maximum_batching_window_in_seconds = each.value.batch_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = local.tags

  scaling_config {
    maximum_concurrency = each.value.max_concurrency
  }
}

# Schedule ticks arrive asynchronously; one that fails is kept, but the next tick does its work anyway.
resource "aws_lambda_function_event_invoke_config" "compact" {
  for_each = local.families

  function_name                = aws_lambda_function.function["${each.key}-compact"].function_name
  maximum_retry_attempts       = 1
  maximum_event_age_in_seconds = 3600

  destination_config {
    on_failure {
      destination = aws_sqs_queue.schedule_dead.arn
    }
  }
}
