# raw/ -> transform queue -> transform function; schedule -> compact queue -> compact function. What
# was tried too often ends in a dead-letter queue, from which it can be sent back.

resource "aws_sqs_queue" "work" {
  for_each = local.functions

  name                       = "${each.value.name}${each.value.fifo ? ".fifo" : ""}"
  fifo_queue                 = each.value.fifo
  deduplication_scope        = each.value.fifo ? "messageGroup" : null
  fifo_throughput_limit      = each.value.fifo ? "perMessageGroupId" : null
  visibility_timeout_seconds = each.value.visibility_seconds
  message_retention_seconds  = 14 * 86400
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = var.kms_enabled ? null : true
  kms_master_key_id          = local.kms_key_arn
  tags                       = local.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn
    maxReceiveCount     = each.value.max_receives
  })
}

resource "aws_sqs_queue" "dead" {
  for_each = local.functions

  name                      = "${each.value.name}-dead${each.value.fifo ? ".fifo" : ""}"
  fifo_queue                = each.value.fifo
  message_retention_seconds = 14 * 86400
  sqs_managed_sse_enabled   = var.kms_enabled ? null : true
  kms_master_key_id         = local.kms_key_arn
  tags                      = local.tags
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  for_each = local.functions

  queue_url = aws_sqs_queue.dead[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.work[each.key].arn]
  })
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
  queues = merge(
    { for key in keys(local.functions) : key => aws_sqs_queue.work[key] },
    { for key in keys(local.functions) : "${key}-dead" => aws_sqs_queue.dead[key] },
    { schedule-dead = aws_sqs_queue.schedule_dead },
  )

  # Those that the bucket sends to. S3 sends each a test message with every change of the notification,
  # so each needs somebody who reads it.
  notified_queues = [for key in keys(local.streams) : "${key}-transform"]
}

data "aws_iam_policy_document" "queue" {
  for_each = local.queues

  dynamic "statement" {
    for_each = contains(local.notified_queues, each.key) ? [1] : []

    content {
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
        values   = [local.bucket.arn]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account_id]
      }
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

resource "aws_sqs_queue_policy" "queue" {
  for_each = local.queues

  queue_url = each.value.id
  policy    = data.aws_iam_policy_document.queue[each.key].json
}
