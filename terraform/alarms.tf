# What pages somebody. Each alarm has a section in docs/runbook.md, under the name after the stream's.
# `python -m dev.alarms` writes what they are for the sandbox, where each is tried.

locals {
  # What most alarms have; an alarm says where it differs.
  alarm_defaults = { statistic = "Maximum", compare = "GreaterThanThreshold", threshold = 0, periods = 1, period = 300 }

  # Seconds between two plans of compaction, where the schedule says so: cron expressions do not.
  compact_rate = one(regexall("^rate\\((\\d+) (minute|hour|day)s?\\)$", var.compact_schedule))
  compact_interval_seconds = (
    local.compact_rate == null ? null :
    tonumber(local.compact_rate[0]) * { minute = 60, hour = 3600, day = 86400 }[local.compact_rate[1]]
  )

  # A period with one plan at least, of whole hours, and not over CloudWatch's day.
  plan_period_seconds = min(86400, 3600 * ceil(coalesce(local.compact_interval_seconds, 86400) / 3600))

  family_alarms = merge([
    for key, stream in local.families : {
      "${key}-compact-dead-letters" = {
        does   = "Partitions failed to compact too often. No row is missing; queries scan more. Find the cause in the function's log, then use retry_compact."
        metric = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = aws_sqs_queue.dead["${key}-compact"].name }]
      }
      "${key}-compaction-lag" = {
        does      = "Landing files have waited too long for compaction. See whether the schedule runs, the compact queue is worked off, or partitions fail."
        metric    = [local.metrics_namespace, "OldestWaiting", { service = "${stream.name}-compact" }]
        statistic = "Minimum" # two plans may share a period, and the later one is right
        threshold = var.alarm_compaction_lag_hours * 3600
        period    = local.plan_period_seconds # it is measured by each plan, and by nothing else
      }
      "${key}-untaken-objects" = {
        does   = "Raw objects are in no table long after they landed. They are queued once more, if no queue holds them; find out why S3's notification never came."
        metric = [local.metrics_namespace, "RawObjectsUntaken", { service = "${stream.name}-compact" }]
        period = 7200 # the audit ticks every hour, give or take
      }
    }
  ]...)

  stream_alarms = merge(local.family_alarms, [
    for key, stream in local.streams : {
      "${key}-firehose-freshness" = {
        does      = "Events wait in Firehose far longer than its buffer. See whether delivery fails (firehose-delivery) or the bucket refuses it."
        metric    = ["AWS/Firehose", "DeliveryToS3.DataFreshness", { DeliveryStreamName = stream.name }]
        threshold = stream.buffer_seconds + 300
        periods   = 3
      }
      "${key}-firehose-delivery" = {
        does      = "Firehose cannot write to the bucket. Read its log group, then check its role, the bucket policy and the KMS key."
        metric    = ["AWS/Firehose", "DeliveryToS3.Success", { DeliveryStreamName = stream.name }]
        statistic = "Average"
        compare   = "LessThanThreshold"
        threshold = 1
        periods   = 2
      }
      "${key}-firehose-throttled" = {
        does      = "Producers send more than the stream takes. They must resend what failed; ask AWS for a higher quota."
        metric    = ["AWS/Firehose", "ThrottledRecords", { DeliveryStreamName = stream.name }]
        statistic = "Sum"
        periods   = 2
      }
      "${key}-undelivered" = {
        does      = "Firehose wrote records to errors/ instead of raw/. List that prefix, read why, mend it, and send the records again."
        metric    = [local.metrics_namespace, "ObjectsUndelivered", { service = "${stream.name}-transform" }]
        statistic = "Sum"
      }
      "${key}-queue-age" = {
        does      = "Raw objects wait too long for the transform function. Look for errors and throttles, then raise transform_max_concurrency."
        metric    = ["AWS/SQS", "ApproximateAgeOfOldestMessage", { QueueName = aws_sqs_queue.work["${key}-transform"].name }]
        threshold = coalesce(var.alarm_queue_age_seconds, local.functions["${key}-transform"].visibility_seconds + 300)
        periods   = 2
      }
      "${key}-transform-dead-letters" = {
        does   = "Raw objects failed too often. Find the cause in the function's log, mend it, then send them back with the retry_transform command."
        metric = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = aws_sqs_queue.dead["${key}-transform"].name }]
      }
      "${key}-failed-objects" = {
        does      = "Raw objects have failed for forty minutes, and are tried again until they are dead letters. The function's log names them, and says why."
        metric    = [local.metrics_namespace, "ObjectsFailed", { service = "${stream.name}-transform" }]
        statistic = "Sum"
        period    = 1200 # longer than the longest pause between two tries
        periods   = 3    # a burst of failures may lie astride two
      }
      "${key}-corrupt-objects" = {
        does      = "A raw object was rejected whole: truncated, damaged or over a limit. The rejects table names it; ask its producer, then replay it."
        metric    = [local.metrics_namespace, "ObjectsCorrupt", { service = "${stream.name}-transform" }]
        statistic = "Sum"
      }
      "${key}-deadline" = {
        does      = "A raw object took all the time that the transform function has, and is tried again. Give the function memory or time, or let Firehose write smaller objects."
        metric    = [local.metrics_namespace, "ObjectsOverDeadline", { service = "${stream.name}-transform" }]
        statistic = "Sum"
      }
      "${key}-replaced-objects" = {
        does      = "A raw object got new content after it was merged. The tables still show the old one: rebuild the partition from raw."
        metric    = [local.metrics_namespace, "ObjectsStale", { service = "${stream.name}-transform" }]
        statistic = "Sum"
      }
    }
  ]...)

  # Where the compact function may add columns at all.
  evolution_alarms = var.schema_evolution != "auto" ? {} : merge([
    for key, stream in local.families : {
      "${key}-evolution-failed" = {
        does      = "Compaction cannot add columns: its log says why, as evolution failed. No query fails, and no row is missing; what is sent stays in extra."
        metric    = [local.metrics_namespace, "EvolutionFailed", { service = "${stream.name}-compact" }]
        statistic = "Minimum" # one success in a period, and it goes on
        period    = local.plan_period_seconds
        periods   = 2 # while a deployment is under way, tables and catalog do not agree
      }
    }
  ]...)

  function_alarms = merge([
    for key, function in local.functions : {
      "${key}-errors" = {
        does      = "The function fails. Its log says why; what it worked on is tried again, and kept if it keeps failing."
        metric    = ["AWS/Lambda", "Errors", { FunctionName = function.name }]
        statistic = "Sum"
        periods   = 2
      }
      "${key}-throttles" = {
        does      = "Lambda refuses to start the function. Lower its max_concurrency, or ask AWS for more concurrency."
        metric    = ["AWS/Lambda", "Throttles", { FunctionName = function.name }]
        statistic = "Sum"
        periods   = 3
      }
      "${key}-duration" = {
        does      = "Runs take more than nine tenths of the timeout. Give the function more memory or time, or smaller batches."
        metric    = ["AWS/Lambda", "Duration", { FunctionName = function.name }]
        threshold = 0.9 * 1000 * function.timeout_seconds
      }
    }
  ]...)

  lake_alarms = {
    schedule-dead-letters = {
      does   = "Schedule ticks were lost or failed. The next tick makes up for it; find the cause in the compact function's log."
      metric = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = aws_sqs_queue.schedule_dead.name }]
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "lake" {
  for_each = {
    for key, alarm in merge(local.stream_alarms, local.evolution_alarms, local.function_alarms, local.lake_alarms) :
    key => merge(local.alarm_defaults, alarm) if var.alarms_enabled
  }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.does
  namespace           = each.value.metric[0]
  metric_name         = each.value.metric[1]
  dimensions          = each.value.metric[2]
  statistic           = each.value.statistic
  comparison_operator = each.value.compare
  threshold           = each.value.threshold
  period              = each.value.period
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

# Plans of compaction stop being made: each measures OldestWaiting once. Missing data alone cannot ring:
# it is missing before the first plan, too. So it takes a raw object that came before, within five periods.
# A cron expression, or one of more than eight hours, is out of CloudWatch's reach.
resource "aws_cloudwatch_metric_alarm" "compaction_silent" {
  for_each = (
    var.alarms_enabled && var.compact_enabled && local.compact_interval_seconds != null && 3 * local.plan_period_seconds <= 86400
    ? local.families : {}
  )

  alarm_name          = "${var.name}-${each.key}-compaction-silent"
  alarm_description   = "No compaction was planned for three periods of the schedule, although raw objects came. See whether the schedule is on and may invoke the compact function."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic_arn]
  ok_actions          = [local.alarm_topic_arn]
  tags                = local.tags

  metric_query {
    id          = "silent"
    label       = "Periods without a plan, after raw objects"
    expression  = "IF(FILL(objects, REPEAT) > 0 AND FILL(plans, 0) < 1, 1, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = {
      objects = ["Objects", "Sum", local.functions["${each.value.stream}-transform"].name]
      plans   = ["OldestWaiting", "SampleCount", "${each.value.name}-compact"]
    }

    content {
      id = metric_query.key

      metric {
        namespace   = local.metrics_namespace
        metric_name = metric_query.value[0]
        dimensions  = { service = metric_query.value[2] }
        stat        = metric_query.value[1]
        period      = local.plan_period_seconds
      }
    }
  }
}
