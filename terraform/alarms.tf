# What pages somebody. Each alarm has a section in docs/runbook.md, under the name after the stream's.

locals {
  alarm_topic_arn = !var.alarms_enabled ? null : var.alarm_topic_arn != null ? var.alarm_topic_arn : aws_sns_topic.alarms[0].arn

  functions = merge(
    { for key, stream in local.streams : "${key}-transform" => { name = "${stream.name}-transform", timeout = var.transform_timeout_seconds } },
    { for key, stream in local.streams : "${key}-compact" => { name = "${stream.name}-compact", timeout = var.compact_timeout_seconds } },
  )

  stream_alarms = merge([
    for key, stream in local.streams : {
      "${key}-firehose-freshness" = {
        does       = "Events wait in Firehose far longer than its buffer. See whether delivery fails (firehose-delivery) or the bucket refuses it."
        namespace  = "AWS/Firehose"
        metric     = "DeliveryToS3.DataFreshness"
        dimensions = { DeliveryStreamName = stream.name }
        statistic  = "Maximum"
        compare    = "GreaterThanThreshold"
        threshold  = stream.buffer_seconds + 300
        periods    = 3
      }
      "${key}-firehose-delivery" = {
        does       = "Firehose cannot write to the bucket. Read its log group, then check its role, the bucket policy and the KMS key."
        namespace  = "AWS/Firehose"
        metric     = "DeliveryToS3.Success"
        dimensions = { DeliveryStreamName = stream.name }
        statistic  = "Average"
        compare    = "LessThanThreshold"
        threshold  = 1
        periods    = 2
      }
      "${key}-firehose-throttled" = {
        does       = "Producers send more than the stream takes. They must resend what failed; ask AWS for a higher quota."
        namespace  = "AWS/Firehose"
        metric     = "ThrottledRecords"
        dimensions = { DeliveryStreamName = stream.name }
        statistic  = "Sum"
        compare    = "GreaterThanThreshold"
        threshold  = 0
        periods    = 2
      }
      "${key}-undelivered" = {
        does       = "Firehose wrote records to errors/ instead of raw/. Read the messages of the undelivered queue, then the objects that they name."
        namespace  = "AWS/SQS"
        metric     = "ApproximateNumberOfMessagesVisible"
        dimensions = { QueueName = aws_sqs_queue.undelivered[key].name }
        statistic  = "Maximum"
        compare    = "GreaterThanThreshold"
        threshold  = 0
        periods    = 1
      }
      "${key}-queue-age" = {
        does       = "Raw objects wait too long for the transform function. Look for errors and throttles, then raise transform_max_concurrency."
        namespace  = "AWS/SQS"
        metric     = "ApproximateAgeOfOldestMessage"
        dimensions = { QueueName = aws_sqs_queue.transform[key].name }
        statistic  = "Maximum"
        compare    = "GreaterThanThreshold"
        threshold  = var.alarm_queue_age_seconds
        periods    = 2
      }
      "${key}-transform-dead-letters" = {
        does       = "Raw objects failed too often. Find the cause in the function's log, mend it, then send them back with the retry_transform command."
        namespace  = "AWS/SQS"
        metric     = "ApproximateNumberOfMessagesVisible"
        dimensions = { QueueName = aws_sqs_queue.transform_dead[key].name }
        statistic  = "Maximum"
        compare    = "GreaterThanThreshold"
        threshold  = 0
        periods    = 1
      }
      "${key}-compact-dead-letters" = {
        does       = "Partitions failed to compact too often. No row is missing; queries scan more. Find the cause in the function's log, then use retry_compact."
        namespace  = "AWS/SQS"
        metric     = "ApproximateNumberOfMessagesVisible"
        dimensions = { QueueName = aws_sqs_queue.compact_dead[key].name }
        statistic  = "Maximum"
        compare    = "GreaterThanThreshold"
        threshold  = 0
        periods    = 1
      }
      "${key}-compaction-lag" = {
        does       = "Landing files have waited too long for compaction. See whether the schedule runs, the compact queue is worked off, or partitions fail."
        namespace  = local.metrics_namespace
        metric     = "OldestWaiting"
        dimensions = { service = "${stream.name}-compact" }
        statistic  = "Maximum"
        compare    = "GreaterThanThreshold"
        threshold  = var.alarm_compaction_lag_hours * 3600
        periods    = 1
      }
      "${key}-corrupt-objects" = {
        does       = "A raw object was rejected whole: truncated, damaged or over a limit. The rejects table names it; ask its producer, then replay it."
        namespace  = local.metrics_namespace
        metric     = "ObjectsCorrupt"
        dimensions = { service = "${stream.name}-transform" }
        statistic  = "Sum"
        compare    = "GreaterThanThreshold"
        threshold  = 0
        periods    = 1
      }
      "${key}-replaced-objects" = {
        does       = "A raw object got new content after it was merged. The tables still show the old one: rebuild the partition from raw."
        namespace  = local.metrics_namespace
        metric     = "ObjectsStale"
        dimensions = { service = "${stream.name}-transform" }
        statistic  = "Sum"
        compare    = "GreaterThanThreshold"
        threshold  = 0
        periods    = 1
      }
    }
  ]...)

  function_alarms = merge([
    for key, function in local.functions : {
      "${key}-errors" = {
        does       = "The function fails. Its log says why; what it worked on is tried again, and kept if it keeps failing."
        namespace  = "AWS/Lambda"
        metric     = "Errors"
        dimensions = { FunctionName = function.name }
        statistic  = "Sum"
        compare    = "GreaterThanThreshold"
        threshold  = 0
        periods    = 2
      }
      "${key}-throttles" = {
        does       = "Lambda refuses to start the function. Lower its max_concurrency, or ask AWS for more concurrency."
        namespace  = "AWS/Lambda"
        metric     = "Throttles"
        dimensions = { FunctionName = function.name }
        statistic  = "Sum"
        compare    = "GreaterThanThreshold"
        threshold  = 0
        periods    = 3
      }
      "${key}-duration" = {
        does       = "Runs take more than nine tenths of the timeout. Give the function more memory or time, or smaller batches."
        namespace  = "AWS/Lambda"
        metric     = "Duration"
        dimensions = { FunctionName = function.name }
        statistic  = "Maximum"
        compare    = "GreaterThanThreshold"
        threshold  = 0.9 * 1000 * function.timeout
        periods    = 1
      }
    }
  ]...)

  lake_alarms = {
    schedule-dead-letters = {
      does       = "Schedule ticks were lost or failed. The next tick makes up for it; find the cause in the compact function's log."
      namespace  = "AWS/SQS"
      metric     = "ApproximateNumberOfMessagesVisible"
      dimensions = { QueueName = aws_sqs_queue.schedule_dead.name }
      statistic  = "Maximum"
      compare    = "GreaterThanThreshold"
      threshold  = 0
      periods    = 1
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "lake" {
  for_each = var.alarms_enabled ? merge(local.stream_alarms, local.function_alarms, local.lake_alarms) : {}

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.does
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.compare
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching" # a quiet lake is a well one
  alarm_actions       = [local.alarm_topic_arn]
  ok_actions          = [local.alarm_topic_arn]
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "reject_ratio" {
  for_each = var.alarms_enabled ? local.streams : {}

  alarm_name          = "${var.name}-${each.key}-reject-ratio"
  alarm_description   = "More than ${var.alarm_reject_percent} % of the lines are rejected. The saved query `rejects by reason` tells why, and in which raw objects."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarm_reject_percent
  evaluation_periods  = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic_arn]
  ok_actions          = [local.alarm_topic_arn]
  tags                = local.tags

  metric_query {
    id          = "percent"
    label       = "Lines rejected, in percent"
    expression  = "100 * rejected / lines"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { rejected = "RowsRejected", lines = "RowsIn" }

    content {
      id = metric_query.key

      metric {
        namespace   = local.metrics_namespace
        metric_name = metric_query.value
        dimensions  = { service = "${each.value.name}-transform" }
        stat        = "Sum"
        period      = 300
      }
    }
  }
}

resource "aws_sns_topic" "alarms" {
  count = var.alarms_enabled && var.alarm_topic_arn == null ? 1 : 0

  name              = "${var.name}-alarms"
  kms_master_key_id = local.kms_key_arn
  tags              = local.tags
}

data "aws_iam_policy_document" "alarms" {
  count = var.alarms_enabled && var.alarm_topic_arn == null ? 1 : 0

  statement {
    sid       = "AlarmsPublish"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms[0].arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${var.name}-*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  count = var.alarms_enabled && var.alarm_topic_arn == null ? 1 : 0

  arn    = aws_sns_topic.alarms[0].arn
  policy = data.aws_iam_policy_document.alarms[0].json
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = var.alarms_enabled && var.alarm_topic_arn == null ? var.alarm_emails : []

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = each.value
}
