# raw/ -> transform queue -> transform function; schedule -> compact queue -> compact function. What
# was tried too often ends in a dead-letter queue, from which it can be sent back.

resource "aws_sqs_queue" "transform" {
  for_each = local.streams

  name                       = "${each.value.name}-transform"
  visibility_timeout_seconds = local.transform_visibility_seconds
  message_retention_seconds  = 14 * 86400
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = var.kms_enabled ? null : true
  kms_master_key_id          = local.kms_key_arn
  tags                       = local.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.transform_dead[each.key].arn
    maxReceiveCount     = var.transform_max_receives
  })
}

resource "aws_sqs_queue" "transform_dead" {
  for_each = local.streams

  name                      = "${each.value.name}-transform-dead"
  message_retention_seconds = 14 * 86400
  sqs_managed_sse_enabled   = var.kms_enabled ? null : true
  kms_master_key_id         = local.kms_key_arn
  tags                      = local.tags
}

resource "aws_sqs_queue_redrive_allow_policy" "transform_dead" {
  for_each = local.streams

  queue_url = aws_sqs_queue.transform_dead[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.transform[each.key].arn]
  })
}

resource "aws_sqs_queue" "compact" {
  for_each = local.streams

  name                       = "${each.value.name}-compact.fifo"
  fifo_queue                 = true
  deduplication_scope        = "messageGroup"
  fifo_throughput_limit      = "perMessageGroupId"
  visibility_timeout_seconds = 6 * var.compact_timeout_seconds
  message_retention_seconds  = 14 * 86400
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = var.kms_enabled ? null : true
  kms_master_key_id          = local.kms_key_arn
  tags                       = local.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.compact_dead[each.key].arn
    maxReceiveCount     = var.compact_max_receives
  })
}

resource "aws_sqs_queue" "compact_dead" {
  for_each = local.streams

  name                      = "${each.value.name}-compact-dead.fifo"
  fifo_queue                = true
  message_retention_seconds = 14 * 86400
  sqs_managed_sse_enabled   = var.kms_enabled ? null : true
  kms_master_key_id         = local.kms_key_arn
  tags                      = local.tags
}

resource "aws_sqs_queue_redrive_allow_policy" "compact_dead" {
  for_each = local.streams

  queue_url = aws_sqs_queue.compact_dead[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.compact[each.key].arn]
  })
}

# One message for each object that Firehose wrote to errors/: what nobody has looked at yet.
resource "aws_sqs_queue" "undelivered" {
  for_each = local.streams

  name                      = "${each.value.name}-undelivered"
  message_retention_seconds = 14 * 86400
  sqs_managed_sse_enabled   = var.kms_enabled ? null : true
  kms_master_key_id         = local.kms_key_arn
  tags                      = local.tags
}

# Ticks that the scheduler could not hand over, and ticks that the compact function failed on.
resource "aws_sqs_queue" "schedule_dead" {
  name                      = "${var.name}-schedule-dead"
  message_retention_seconds = 14 * 86400
  sqs_managed_sse_enabled   = var.kms_enabled ? null : true
  kms_master_key_id         = local.kms_key_arn
  tags                      = local.tags
}

locals {
  transform_visibility_seconds = var.transform_visibility_seconds != null ? var.transform_visibility_seconds : 6 * var.transform_timeout_seconds + var.transform_batch_window_seconds

  # Queues that the bucket sends to.
  notified_queues = merge(
    { for key in keys(local.streams) : "${key}-transform" => aws_sqs_queue.transform[key] },
    { for key in keys(local.streams) : "${key}-undelivered" => aws_sqs_queue.undelivered[key] },
  )

  tls_only_queues = merge(
    { for key in keys(local.streams) : "${key}-transform-dead" => aws_sqs_queue.transform_dead[key] },
    { for key in keys(local.streams) : "${key}-compact" => aws_sqs_queue.compact[key] },
    { for key in keys(local.streams) : "${key}-compact-dead" => aws_sqs_queue.compact_dead[key] },
    { schedule-dead = aws_sqs_queue.schedule_dead },
  )
}

data "aws_iam_policy_document" "notified_queue" {
  for_each = local.notified_queues

  statement {
    sid       = "TheBucketNotifies"
    actions   = ["sqs:SendMessage"]
    resources = [each.value.arn]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_s3_bucket.lake.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }

  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "notified" {
  for_each = local.notified_queues

  queue_url = each.value.id
  policy    = data.aws_iam_policy_document.notified_queue[each.key].json
}

data "aws_iam_policy_document" "tls_only_queue" {
  for_each = local.tls_only_queues

  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "tls_only" {
  for_each = local.tls_only_queues

  queue_url = each.value.id
  policy    = data.aws_iam_policy_document.tls_only_queue[each.key].json
}
