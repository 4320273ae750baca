# The two functions of each stream, and the layer with their dependencies.

locals {
  artifacts_prefix = "artifacts/"

  function_zips = { for function in ["transform", "compact"] : function => "${local.package_dir}/${function}.zip" }
  layer_zip     = "${local.package_dir}/layer-${var.architecture}.zip"

  # What both functions of a stream read at start (src/clickstream_lake/lake/config.py says what each one means).
  environment = {
    for key, stream in local.streams : key => merge(var.lake_settings, {
      LAKE_BUCKET                  = aws_s3_bucket.lake.id
      LAKE_DATABASE                = aws_glue_catalog_database.lake.name
      LAKE_JSON_TABLE              = stream.tables["json"].name
      LAKE_PARQUET_TABLE           = stream.tables["parquet"].name
      LAKE_REJECTS_TABLE           = stream.tables["rejects"].name
      LAKE_PARTITION_KEYS          = join(",", local.partition_keys)
      LAKE_RAW_PREFIX              = stream.raw_prefix
      LAKE_PROCESSED_PREFIX        = stream.processed_prefix
      LAKE_REJECTED_PREFIX         = stream.rejected_prefix
      LAKE_JSON_COMPRESSION        = var.json_compression
      LAKE_PARQUET_COMPRESSION     = var.parquet_compression
      POWERTOOLS_METRICS_NAMESPACE = local.metrics_namespace
      POWERTOOLS_LOG_LEVEL         = var.log_level
    })
  }

  metrics_namespace = "Clickstream"
}

# The layer is over the 50 MB that Lambda takes directly, so it goes through the bucket.
resource "aws_s3_object" "layer" {
  count = var.code_signing_enabled ? 0 : 1

  bucket      = aws_s3_bucket.lake.id
  key         = "${local.artifacts_prefix}layer-${var.architecture}-${substr(filesha256(local.layer_zip), 0, 16)}.zip"
  source      = local.layer_zip
  source_hash = filebase64sha256(local.layer_zip)
  tags        = local.tags

  depends_on = [
    aws_s3_bucket_policy.lake,
    aws_s3_bucket_server_side_encryption_configuration.lake,
    aws_s3_bucket_versioning.lake,
  ]
}

resource "aws_lambda_layer_version" "dependencies" {
  layer_name               = "${var.name}-dependencies-${replace(var.architecture, "_", "-")}"
  description              = "pyarrow and what else both functions import"
  s3_bucket                = aws_s3_bucket.lake.id
  s3_key                   = var.code_signing_enabled ? local.signed_keys["layer"] : aws_s3_object.layer[0].key
  source_code_hash         = filebase64sha256(local.layer_zip)
  compatible_runtimes      = [local.runtime]
  compatible_architectures = [var.architecture]
}

locals {
  runtime = "python3.13"
}

resource "aws_cloudwatch_log_group" "transform" {
  #checkov:skip=CKV_AWS_338:Logs hold keys and counts, never events; log_retention_days keeps them as long as the operator wants
  #checkov:skip=CKV_AWS_158:Encrypted with the lake's key when kms_enabled; otherwise with the service's own

  for_each = local.streams

  name              = "/aws/lambda/${each.value.name}-transform"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}

resource "aws_lambda_function" "transform" {
  #checkov:skip=CKV_AWS_116:SQS invokes it, and the queue's redrive policy keeps what fails
  #checkov:skip=CKV_AWS_272:Optional: code_signing_enabled
  #checkov:skip=CKV_AWS_117:The function reaches S3, Glue and SQS only, by their public endpoints over TLS; a VPC would add cost and nothing to protect
  #checkov:skip=CKV_AWS_173:Its settings are names and limits, no secrets; they are encrypted with the lake's key when kms_enabled
  #checkov:skip=CKV_AWS_50:Tracing costs per invocation; tracing_enabled turns it on
  #checkov:skip=CKV_AWS_115:The event source's maximum concurrency bounds it; reserved concurrency is a variable

  for_each = local.streams

  function_name                  = "${each.value.name}-transform"
  description                    = "Turns raw objects of ${each.value.name} into JSON and Parquet"
  role                           = aws_iam_role.transform[each.key].arn
  runtime                        = local.runtime
  architectures                  = [var.architecture]
  handler                        = "handler.handler"
  filename                       = var.code_signing_enabled ? null : local.function_zips["transform"]
  s3_bucket                      = var.code_signing_enabled ? aws_s3_bucket.lake.id : null
  s3_key                         = var.code_signing_enabled ? local.signed_keys["transform"] : null
  source_code_hash               = filebase64sha256(local.function_zips["transform"])
  code_signing_config_arn        = var.code_signing_enabled ? aws_lambda_code_signing_config.lake[0].arn : null
  layers                         = [aws_lambda_layer_version.dependencies.arn]
  memory_size                    = var.transform_memory_mb
  timeout                        = var.transform_timeout_seconds
  reserved_concurrent_executions = var.transform_reserved_concurrency
  kms_key_arn                    = local.kms_key_arn
  tags                           = local.tags

  ephemeral_storage {
    size = var.transform_tmp_mb
  }

  environment {
    variables = merge(local.environment[each.key], {
      POWERTOOLS_SERVICE_NAME = "${each.value.name}-transform"
    })
  }

  tracing_config {
    mode = var.tracing_enabled ? "Active" : "PassThrough"
  }

  # Otherwise the function would make the log group itself, with no retention.
  depends_on = [aws_cloudwatch_log_group.transform, aws_iam_role_policy.transform]
}

resource "aws_lambda_event_source_mapping" "transform" {
  for_each = local.streams

  event_source_arn                   = aws_sqs_queue.transform[each.key].arn
  function_name                      = aws_lambda_function.transform[each.key].arn
  batch_size                         = var.transform_batch_size
  maximum_batching_window_in_seconds = var.transform_batch_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = local.tags

  scaling_config {
    maximum_concurrency = each.value.max_concurrency
  }
}

resource "aws_cloudwatch_log_group" "compact" {
  #checkov:skip=CKV_AWS_338:Logs hold keys and counts, never events; log_retention_days keeps them as long as the operator wants
  #checkov:skip=CKV_AWS_158:Encrypted with the lake's key when kms_enabled; otherwise with the service's own

  for_each = local.streams

  name              = "/aws/lambda/${each.value.name}-compact"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}

resource "aws_lambda_function" "compact" {
  #checkov:skip=CKV_AWS_116:What fails is kept by the queue's redrive policy, and for ticks by the failure destination
  #checkov:skip=CKV_AWS_272:Optional: code_signing_enabled
  #checkov:skip=CKV_AWS_117:The function reaches S3, Glue and SQS only, by their public endpoints over TLS; a VPC would add cost and nothing to protect
  #checkov:skip=CKV_AWS_173:Its settings are names and limits, no secrets; they are encrypted with the lake's key when kms_enabled
  #checkov:skip=CKV_AWS_50:Tracing costs per invocation; tracing_enabled turns it on
  #checkov:skip=CKV_AWS_115:The event source's maximum concurrency bounds it; reserved concurrency is a variable

  for_each = local.streams

  function_name                  = "${each.value.name}-compact"
  description                    = "Plans and does the compaction and clean-up of ${each.value.name}"
  role                           = aws_iam_role.compact[each.key].arn
  runtime                        = local.runtime
  architectures                  = [var.architecture]
  handler                        = "handler.handler"
  filename                       = var.code_signing_enabled ? null : local.function_zips["compact"]
  s3_bucket                      = var.code_signing_enabled ? aws_s3_bucket.lake.id : null
  s3_key                         = var.code_signing_enabled ? local.signed_keys["compact"] : null
  source_code_hash               = filebase64sha256(local.function_zips["compact"])
  code_signing_config_arn        = var.code_signing_enabled ? aws_lambda_code_signing_config.lake[0].arn : null
  layers                         = [aws_lambda_layer_version.dependencies.arn]
  memory_size                    = var.compact_memory_mb
  timeout                        = var.compact_timeout_seconds
  reserved_concurrent_executions = var.compact_reserved_concurrency
  kms_key_arn                    = local.kms_key_arn
  tags                           = local.tags

  ephemeral_storage {
    size = var.compact_tmp_mb
  }

  environment {
    variables = merge(local.environment[each.key], {
      LAKE_COMPACT_QUEUE_URL   = aws_sqs_queue.compact[each.key].id
      LAKE_TARGET_FILE_BYTES   = tostring(var.compact_target_file_mb * 1024 * 1024)
      LAKE_MIN_FILES           = tostring(var.compact_min_files)
      LAKE_LOOKBACK_DAYS       = tostring(var.compact_lookback_days)
      LAKE_GRACE_SECONDS       = tostring(var.compact_grace_seconds)
      LAKE_TIME_BUDGET_SECONDS = tostring(var.compact_timeout_seconds - 120)
      POWERTOOLS_SERVICE_NAME  = "${each.value.name}-compact"
    })
  }

  tracing_config {
    mode = var.tracing_enabled ? "Active" : "PassThrough"
  }

  depends_on = [aws_cloudwatch_log_group.compact, aws_iam_role_policy.compact]
}

resource "aws_lambda_event_source_mapping" "compact" {
  for_each = local.streams

  event_source_arn        = aws_sqs_queue.compact[each.key].arn
  function_name           = aws_lambda_function.compact[each.key].arn
  batch_size              = 1 # a partition has an invocation's whole time to itself
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = local.tags

  scaling_config {
    maximum_concurrency = var.compact_max_concurrency
  }
}

# Schedule ticks arrive asynchronously; one that fails is kept, but the next tick does its work anyway.
resource "aws_lambda_function_event_invoke_config" "compact" {
  for_each = local.streams

  function_name                = aws_lambda_function.compact[each.key].function_name
  maximum_retry_attempts       = 1
  maximum_event_age_in_seconds = 3600

  destination_config {
    on_failure {
      destination = aws_sqs_queue.schedule_dead.arn
    }
  }
}
