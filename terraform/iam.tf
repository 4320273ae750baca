# One role per function and stream, for Firehose and for the scheduler, each with just what it does.

locals {
  glue_arn = "arn:${local.partition}:glue:${local.region}:${local.account_id}"

  # Glue checks catalog, database and table of every call.
  glue_tables = {
    for key, stream in local.families : key => {
      for format, table in stream.tables : format => [
        "${local.glue_arn}:catalog",
        "${local.glue_arn}:database/${local.database}",
        "${local.glue_arn}:table/${local.database}/${table.name}",
      ]
    }
  }
}

# --- who may use the roles ---------------------------------------------------------------------------

data "aws_iam_policy_document" "trust" {
  # Where each service names the account that it works for. Lambda does not always name the function:
  # https://github.com/aws/aws-parallelcluster/pull/6926
  for_each = {
    firehose      = "sts:ExternalId"
    lakeformation = null # AWS's own policy for it has no condition
    lambda        = var.lambda_trust_source_account ? "aws:SourceAccount" : null
    scheduler     = "aws:SourceAccount"
  }

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }

    dynamic "condition" {
      for_each = each.value == null ? [] : [each.value]

      content {
        test     = "StringEquals"
        variable = condition.value
        values   = [local.account_id]
      }
    }

    dynamic "condition" {
      for_each = each.key == "scheduler" ? [aws_scheduler_schedule_group.lake.arn] : []

      content {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = [condition.value]
      }
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
      "${local.bucket.arn}/${each.value.raw_prefix}*",
      "${local.bucket.arn}/${each.value.errors_prefix}*",
    ]
  }

  statement {
    sid       = "FindTheBucket"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [local.bucket.arn]
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
        values   = ["s3.${local.region}.${local.dns_suffix}"]
      }
    }
  }
}

resource "aws_iam_role" "firehose" {
  for_each = local.streams

  name                 = "${each.value.name}-firehose${local.global_suffix}"
  description          = "Firehose stream ${each.value.name} writes raw objects"
  assume_role_policy   = data.aws_iam_policy_document.trust["firehose"].json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags

  # Who uses the role goes over to the new one before the old one is gone.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_iam_role_policy" "firehose" {
  for_each = local.streams

  name   = "deliver"
  role   = aws_iam_role.firehose[each.key].id
  policy = data.aws_iam_policy_document.firehose[each.key].json

  lifecycle {
    create_before_destroy = true
  }
}

# --- functions ---------------------------------------------------------------------------------------

locals {
  # The families whose files the transform function of a stream writes.
  written = {
    for key in keys(local.streams) : key => { for name, family in local.families : name => family if family.stream == key }
  }

  # What each function does besides logging and the like.
  function_statements = merge(concat([
    for key, stream in local.streams : {
      "${key}-transform" = [
        {
          sid       = "ReadRawObjects"
          actions   = ["s3:GetObject"]
          resources = ["${local.bucket.arn}/${stream.raw_prefix}*"]
        },
        {
          # Landing files are read back, and copied into generations; big files go in parts.
          sid     = "PublishFiles"
          actions = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
          resources = flatten([
            for family in local.written[key] : [
              "${local.bucket.arn}/${family.processed_prefix}*",
              "${local.bucket.arn}/${family.rejected_prefix}*",
            ]
          ])
        },
        {
          sid       = "ReadManifests"
          actions   = ["s3:GetObject"]
          resources = [for family in local.written[key] : "${local.bucket.arn}/${family.manifests_prefix}*"]
        },
        {
          # A retry needs the catalog that its first try had, whatever is deployed by then.
          sid       = "KeepCatalogs"
          actions   = ["s3:PutObject"]
          resources = [for family in local.written[key] : "${local.bucket.arn}/${family.manifests_prefix}catalogs/*"]
        },
        {
          # Without it S3 answers 403 instead of 404 for a key that is not there. No prefix condition: a
          # request for one object carries no prefix to compare.
          sid       = "SeeWhetherObjectsExist"
          actions   = ["s3:ListBucket"]
          resources = [local.bucket.arn]
        },
        {
          sid       = "RegisterPartitions"
          actions   = ["glue:CreatePartition", "glue:GetPartition", "glue:GetTable"]
          resources = distinct(flatten([for family in keys(local.written[key]) : values(local.glue_tables[family])]))
        },
        {
          # Lambda's poller takes them; the function itself deletes them, and gives back what failed.
          sid       = "TakeMessages"
          actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
          resources = [aws_sqs_queue.work["${key}-transform"].arn]
        },
      ]
    }
    ], [
    for key, stream in local.families : {
      "${key}-compact" = concat([
        {
          sid       = "MergeFiles"
          actions   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
          resources = ["${local.bucket.arn}/${stream.processed_prefix}*"]
        },
        {
          sid       = "KeepManifests"
          actions   = ["s3:GetObject", "s3:PutObject"]
          resources = ["${local.bucket.arn}/${stream.manifests_prefix}*"]
        },
        {
          sid       = "ListFiles"
          actions   = ["s3:ListBucket"]
          resources = [local.bucket.arn]
        },
        {
          # The clean-up, and nothing else in this account, deletes files of the lake.
          sid     = "CleanUpReplacedFiles"
          actions = ["s3:DeleteObject"]
          resources = [
            for prefix in [stream.tables["json"].prefix, stream.tables["parquet"].prefix, stream.manifests_prefix] :
            "${local.bucket.arn}/${prefix}*"
          ]
        },
        {
          sid       = "SwapPartitions"
          actions   = ["glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:UpdatePartition"]
          resources = distinct(flatten([for format in ["json", "parquet"] : local.glue_tables[key][format]]))
        },
        {
          sid       = "PlanAndTakeMessages"
          actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"]
          resources = [aws_sqs_queue.work["${key}-compact"].arn]
        },
        {
          # The audit of the raw zone: what is rejected whole is in no table, and yet not overlooked.
          sid       = "ReadRejects"
          actions   = ["s3:GetObject"]
          resources = ["${local.bucket.arn}/${stream.rejected_prefix}*"]
        },
        {
          sid       = "QueueOverlookedObjects"
          actions   = ["sqs:GetQueueAttributes", "sqs:SendMessage"]
          resources = [aws_sqs_queue.work["${stream.stream}-transform"].arn]
        },
        {
          sid       = "CountDeadLetters"
          actions   = ["sqs:GetQueueAttributes"]
          resources = [aws_sqs_queue.dead["${stream.stream}-transform"].arn]
        },
        {
          sid       = "KeepFailedTicks"
          actions   = ["sqs:SendMessage"]
          resources = [aws_sqs_queue.schedule_dead.arn]
        },
        ], [
        for sid in ["AddColumns"] : {
          sid       = sid
          actions   = ["glue:UpdateTable"]
          resources = distinct(flatten([for format in ["json", "parquet"] : local.glue_tables[key][format]]))
        }
        if var.schema_evolution == "auto"
        ], [
        # What its stream has sent to a family, the stream's own files say.
        for of in local.streams : {
          sid     = "ReadWhatTheStreamSays"
          actions = ["s3:GetObject"]
          resources = [
            for prefix in [of.tables["json"].prefix, of.manifests_prefix, of.rejected_prefix] :
            "${local.bucket.arn}/${prefix}*"
          ]
        }
        if contains(keys(local.routed), key) && of.stream == stream.stream
        ], [
        for of in local.streams : {
          sid       = "SeeWhereTheStreamReads"
          actions   = ["glue:GetPartition"]
          resources = local.glue_tables[of.stream]["json"]
        }
        if contains(keys(local.routed), key) && of.stream == stream.stream
      ])
    }
  ])...)
}

data "aws_iam_policy_document" "function" {
  for_each = local.functions

  dynamic "statement" {
    for_each = local.function_statements[each.key]

    content {
      sid       = statement.value.sid
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }

  statement {
    sid     = "ReadCatalog"
    actions = ["s3:GetObject"]
    resources = concat(
      ["${local.bucket.arn}/${local.artifacts_prefix}catalogs/*"],
      [for folder in ["routes"] : "${local.bucket.arn}/${local.artifacts_prefix}${folder}/*" if length(local.routes) > 0],
    )
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"]
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

      # Through the services that hold what the function works with, and Lambda for its environment: nobody
      # who gets hold of the role can decrypt anything else.
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = [for service in ["lambda", "s3", "sqs"] : "${service}.${local.region}.${local.dns_suffix}"]
      }
    }
  }
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name                 = "${each.value.name}${local.global_suffix}"
  description          = "${title(each.value.kind)} function of ${local.families[each.value.stream].name}"
  assume_role_policy   = data.aws_iam_policy_document.trust["lambda"].json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags

  # Who uses the role goes over to the new one before the old one is gone.
  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = length(distinct([for key in keys(local.given_tags) : lower(key)])) == length(local.given_tags)
      error_message = "Two tags differ in case alone (of `tags` and the provider's default_tags): IAM takes them for one, and refuses roles that have both."
    }
  }
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions

  name   = each.value.kind
  role   = aws_iam_role.function[each.key].id
  policy = data.aws_iam_policy_document.function[each.key].json

  lifecycle {
    create_before_destroy = true
  }
}

# --- scheduler ---------------------------------------------------------------------------------------

data "aws_iam_policy_document" "scheduler" {
  statement {
    sid       = "Tick"
    actions   = ["lambda:InvokeFunction"]
    resources = [for key in keys(local.families) : aws_lambda_function.function["${key}-compact"].arn]
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
  name                 = "${var.name}-scheduler${local.global_suffix}"
  description          = "Schedules of ${var.name} start the compact functions"
  assume_role_policy   = data.aws_iam_policy_document.trust["scheduler"].json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags

  # Who uses the role goes over to the new one before the old one is gone.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "tick"
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.scheduler.json

  lifecycle {
    create_before_destroy = true
  }
}
