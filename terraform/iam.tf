# One role per function and stream, for Firehose and for the scheduler, each with just what it does.

locals {
  glue_arn = "arn:${local.partition}:glue:${local.region}:${local.account_id}"

  # Glue checks catalog, database and table of every call.
  glue_tables = {
    for key, stream in local.streams : key => {
      for format, table in stream.tables : format => [
        "${local.glue_arn}:catalog",
        "${local.glue_arn}:database/${var.database_name}",
        "${local.glue_arn}:table/${var.database_name}/${table.name}",
      ]
    }
  }
}

# --- who may use the roles ---------------------------------------------------------------------------

data "aws_iam_policy_document" "lambda_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    # Lambda names its account when it takes the role, but not always the function:
    # https://github.com/aws/aws-parallelcluster/pull/6926
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

data "aws_iam_policy_document" "firehose_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["firehose.amazonaws.com"]
    }

    # Firehose names the account it works for in the external id, not in aws:SourceAccount.
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [local.account_id]
    }
  }
}

data "aws_iam_policy_document" "scheduler_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_scheduler_schedule_group.lake.arn]
    }
  }
}

# --- Firehose ----------------------------------------------------------------------------------------

data "aws_iam_policy_document" "firehose" {
  for_each = local.streams

  statement {
    sid     = "WriteRawObjectsAndErrors"
    actions = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    resources = [
      "${aws_s3_bucket.lake.arn}/${each.value.raw_prefix}*",
      "${aws_s3_bucket.lake.arn}/${each.value.errors_prefix}*",
    ]
  }

  statement {
    sid       = "FindTheBucket"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [aws_s3_bucket.lake.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.firehose[each.key].arn}:log-stream:*"]
  }

  dynamic "statement" {
    for_each = var.kms_enabled ? [1] : []

    content {
      sid       = "Encrypt"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [local.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${local.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role" "firehose" {
  for_each = local.streams

  name                 = "${each.value.name}-firehose"
  description          = "Firehose stream ${each.value.name} writes raw objects"
  assume_role_policy   = data.aws_iam_policy_document.firehose_trust.json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags
}

resource "aws_iam_role_policy" "firehose" {
  for_each = local.streams

  name   = "deliver"
  role   = aws_iam_role.firehose[each.key].id
  policy = data.aws_iam_policy_document.firehose[each.key].json
}

# --- transform ---------------------------------------------------------------------------------------

data "aws_iam_policy_document" "transform" {
  for_each = local.streams

  statement {
    sid       = "ReadRawObjects"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.lake.arn}/${each.value.raw_prefix}*"]
  }

  statement {
    # Landing files and manifests are read back, and copied into generations; big files go in parts.
    sid     = "PublishFiles"
    actions = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    resources = [
      "${aws_s3_bucket.lake.arn}/${each.value.processed_prefix}*",
      "${aws_s3_bucket.lake.arn}/${each.value.rejected_prefix}*",
    ]
  }

  statement {
    # Without it S3 answers 403 instead of 404 for a key that is not there. No prefix condition: a
    # request for one object carries no prefix to compare.
    sid       = "SeeWhetherObjectsExist"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.lake.arn]
  }

  statement {
    sid       = "RegisterPartitions"
    actions   = ["glue:CreatePartition", "glue:GetPartition", "glue:GetTable"]
    resources = distinct(flatten(values(local.glue_tables[each.key])))
  }

  statement {
    sid       = "TakeMessages"
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.transform[each.key].arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.transform[each.key].arn}:*"]
  }

  dynamic "statement" {
    for_each = var.tracing_enabled ? [1] : []

    content {
      sid       = "Trace"
      actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      resources = ["*"] # X-Ray knows no resources for these
    }
  }

  dynamic "statement" {
    for_each = var.kms_enabled ? [1] : []

    content {
      sid       = "Encrypt"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [local.kms_key_arn]
    }
  }
}

resource "aws_iam_role" "transform" {
  for_each = local.streams

  name                 = "${each.value.name}-transform"
  description          = "Transform function of ${each.value.name}"
  assume_role_policy   = data.aws_iam_policy_document.lambda_trust.json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags
}

resource "aws_iam_role_policy" "transform" {
  for_each = local.streams

  name   = "transform"
  role   = aws_iam_role.transform[each.key].id
  policy = data.aws_iam_policy_document.transform[each.key].json
}

# --- compact -----------------------------------------------------------------------------------------

data "aws_iam_policy_document" "compact" {
  for_each = local.streams

  statement {
    sid       = "MergeFiles"
    actions   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.lake.arn}/${each.value.processed_prefix}*"]
  }

  statement {
    sid       = "ListFiles"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.lake.arn]
  }

  statement {
    # The clean-up, and nothing else in this account, deletes files of the lake.
    sid     = "CleanUpReplacedFiles"
    actions = ["s3:DeleteObject"]
    resources = [
      for format in ["json", "parquet"] :
      "${aws_s3_bucket.lake.arn}/${each.value.processed_prefix}${format}/*"
    ]
  }

  statement {
    sid       = "SwapPartitions"
    actions   = ["glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:UpdatePartition"]
    resources = distinct(flatten([for format in ["json", "parquet"] : local.glue_tables[each.key][format]]))
  }

  statement {
    sid       = "PlanAndTakeMessages"
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"]
    resources = [aws_sqs_queue.compact[each.key].arn]
  }

  statement {
    sid       = "KeepFailedTicks"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.schedule_dead.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.compact[each.key].arn}:*"]
  }

  dynamic "statement" {
    for_each = var.tracing_enabled ? [1] : []

    content {
      sid       = "Trace"
      actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      resources = ["*"] # X-Ray knows no resources for these
    }
  }

  dynamic "statement" {
    for_each = var.kms_enabled ? [1] : []

    content {
      sid       = "Encrypt"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [local.kms_key_arn]
    }
  }
}

resource "aws_iam_role" "compact" {
  for_each = local.streams

  name                 = "${each.value.name}-compact"
  description          = "Compact function of ${each.value.name}"
  assume_role_policy   = data.aws_iam_policy_document.lambda_trust.json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags
}

resource "aws_iam_role_policy" "compact" {
  for_each = local.streams

  name   = "compact"
  role   = aws_iam_role.compact[each.key].id
  policy = data.aws_iam_policy_document.compact[each.key].json
}

# --- scheduler ---------------------------------------------------------------------------------------

data "aws_iam_policy_document" "scheduler" {
  statement {
    sid       = "Tick"
    actions   = ["lambda:InvokeFunction"]
    resources = [for function in aws_lambda_function.compact : function.arn]
  }

  statement {
    sid       = "KeepLostTicks"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.schedule_dead.arn]
  }

  dynamic "statement" {
    for_each = var.kms_enabled ? [1] : []

    content {
      sid       = "Encrypt"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [local.kms_key_arn]
    }
  }
}

resource "aws_iam_role" "scheduler" {
  name                 = "${var.name}-scheduler"
  description          = "Schedules of ${var.name} start the compact functions"
  assume_role_policy   = data.aws_iam_policy_document.scheduler_trust.json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "tick"
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.scheduler.json
}
