# Producers -> Firehose -> raw/.

resource "aws_cloudwatch_log_group" "firehose" {
  #checkov:skip=CKV_AWS_338:Logs hold keys and counts, never events; log_retention_days keeps them as long as the operator wants
  #checkov:skip=CKV_AWS_158:Encrypted with the lake's key when kms_enabled; otherwise with the service's own

  for_each = local.streams

  name              = "/aws/kinesisfirehose/${each.value.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}

resource "aws_cloudwatch_log_stream" "firehose" {
  for_each = local.streams

  name           = "delivery"
  log_group_name = aws_cloudwatch_log_group.firehose[each.key].name
}

resource "aws_kinesis_firehose_delivery_stream" "events" {
  #checkov:skip=CKV_AWS_241:Encrypted with the lake's key when kms_enabled; otherwise with Firehose's own
  #checkov:skip=CKV_AWS_240:Encrypted in either case; the key depends on kms_enabled

  for_each = local.streams

  name        = each.value.name
  destination = "extended_s3"
  tags        = local.tags

  server_side_encryption {
    enabled  = true
    key_type = var.kms_enabled ? "CUSTOMER_MANAGED_CMK" : "AWS_OWNED_CMK"
    key_arn  = local.kms_key_arn
  }

  extended_s3_configuration {
    role_arn            = aws_iam_role.firehose[each.key].arn
    bucket_arn          = local.bucket.arn
    prefix              = "${each.value.raw_prefix}${each.value.date_path}"
    error_output_prefix = "${each.value.errors_prefix}!{firehose:error-output-type}/${each.value.date_path}"
    compression_format  = "GZIP"
    buffering_size      = each.value.buffer_mb
    buffering_interval  = each.value.buffer_seconds

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.firehose[each.key].name
      log_stream_name = aws_cloudwatch_log_stream.firehose[each.key].name
    }

    processing_configuration {
      enabled = true

      # A newline after each record, so that raw objects are NDJSON whatever producers send.
      processors {
        type = "AppendDelimiterToRecord"

        parameters {
          parameter_name  = "Delimiter"
          parameter_value = "\\n"
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length(setsubtract(local.partition_keys[each.key], keys(local.timestamp_parts))) == 0
      error_message = "The catalog of the stream ${each.key} has other partition_keys than year, month, day and hour: those of the arrival time are all that Firehose's prefix can have."
    }
  }

  # The role alone does not let Firehose in. And no event may land before somebody is told of it and
  # takes it, nor after that: so the stream comes last, and goes first.
  depends_on = [
    aws_iam_role_policy.firehose,
    aws_lambda_event_source_mapping.function,
    aws_s3_bucket_notification.lake,
  ]
}
