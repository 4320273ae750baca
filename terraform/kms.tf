# The optional KMS key in place of the services' own.

locals {
  # Null wherever `kms_enabled` is off, which every resource takes for "the service's own key".
  kms_key_arn = !var.kms_enabled ? null : var.kms_key != null ? var.kms_key.arn : aws_kms_key.lake[0].arn
}

data "aws_iam_policy_document" "kms" {
  count = var.kms_enabled && var.kms_key == null ? 1 : 0

  statement {
    sid       = "TheAccountAdministersIt"
    actions   = ["kms:*"]
    resources = ["*"] # in a key policy: this key

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }

  statement {
    # S3 and EventBridge send to queues without a role of ours. AWS grants them the key without a condition,
    # and says of EventBridge that its requests carry no source: the queues' policies name the bucket.
    sid       = "ServicesThatSendToEncryptedQueues"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "s3.amazonaws.com"]
    }
  }

  statement {
    sid       = "AlarmsThatPublishToAnEncryptedTopic"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }

  statement {
    sid       = "CloudWatchLogs"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${local.region}.${local.dns_suffix}"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:*${var.name}*"]
    }
  }
}

resource "aws_kms_key" "lake" {
  count = var.kms_enabled && var.kms_key == null ? 1 : 0

  description             = "Data of the ${var.name} lake"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.kms[0].json
  tags                    = local.tags
}

resource "aws_kms_alias" "lake" {
  count = var.kms_enabled && var.kms_key == null ? 1 : 0

  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.lake[0].key_id
}
