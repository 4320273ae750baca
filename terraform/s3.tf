# The lake's one bucket: raw/, processed/, rejected/, manifests/ and errors/ of every stream,
# athena-results/ and artifacts/.

locals {
  bucket = {
    name = var.create_bucket ? aws_s3_bucket.lake[0].bucket : var.bucket_name
    arn  = var.create_bucket ? aws_s3_bucket.lake[0].arn : "arn:${local.partition}:s3:::${var.bucket_name}"
  }
}

resource "aws_s3_bucket" "lake" {
  #checkov:skip=CKV_AWS_18:Access logs need a bucket that outlives this one; CloudTrail data events, an account's own choice, tell the same
  #checkov:skip=CKV_AWS_144:Copies in another region are an account's own choice; raw objects can be replayed
  #checkov:skip=CKV_AWS_145:KMS when kms_enabled; otherwise AES256

  count = var.create_bucket ? 1 : 0

  bucket        = coalesce(var.bucket_name, "${var.name}-${local.account_id}-${local.region}")
  force_destroy = var.force_destroy
  tags          = local.tags

  lifecycle {
    # Another name would be another, empty bucket in place of this one.
    ignore_changes = [bucket]
  }
}

resource "aws_s3_bucket_ownership_controls" "lake" {
  count = var.create_bucket ? 1 : 0

  bucket = local.bucket.name

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "lake" {
  count = var.create_bucket ? 1 : 0

  bucket = local.bucket.name

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "lake" {
  count = var.create_bucket ? 1 : 0

  bucket = local.bucket.name

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "lake" {
  count = var.create_bucket ? 1 : 0

  bucket = local.bucket.name

  rule {
    bucket_key_enabled = var.kms_enabled

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_enabled ? "aws:kms" : "AES256"
      kms_master_key_id = local.kms_key_arn
    }
  }
}

data "aws_iam_policy_document" "lake_bucket" {
  count = var.create_bucket ? 1 : 0

  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.bucket.arn, "${local.bucket.arn}/*"]

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

  dynamic "statement" {
    for_each = var.raw_legal_retention_days == null ? [] : [1]

    content {
      # The lifecycle is not bound by bucket policies: it expires raw objects when their time has come.
      sid       = "RawObjectsStayForTheLaw"
      effect    = "Deny"
      actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
      resources = [for stream in local.streams : "${local.bucket.arn}/${stream.raw_prefix}*"]

      principals {
        type        = "*"
        identifiers = ["*"]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "lake" {
  count = var.create_bucket ? 1 : 0

  bucket = local.bucket.name
  policy = data.aws_iam_policy_document.lake_bucket[0].json

  # S3 refuses a policy while the public access block is being changed.
  depends_on = [aws_s3_bucket_public_access_block.lake]
}

resource "aws_s3_bucket_lifecycle_configuration" "lake" {
  count = var.bucket_lifecycle_enabled ? 1 : 0

  bucket = local.bucket.name

  dynamic "rule" {
    for_each = var.raw_glacier_days != null || var.raw_retention_days != null ? local.streams : {}

    content {
      id     = "${rule.key}-raw"
      status = "Enabled"

      filter {
        prefix = rule.value.raw_prefix
      }

      dynamic "transition" {
        for_each = var.raw_glacier_days == null ? [] : [var.raw_glacier_days]

        content {
          days          = transition.value
          storage_class = "GLACIER_IR"
        }
      }

      dynamic "expiration" {
        for_each = var.raw_retention_days == null ? [] : [var.raw_retention_days]

        content {
          days = expiration.value
        }
      }
    }
  }

  dynamic "rule" {
    for_each = var.rejected_retention_days == null ? {} : local.families

    content {
      id     = "${rule.key}-rejected"
      status = "Enabled"

      filter {
        prefix = rule.value.rejected_prefix
      }

      expiration {
        days = var.rejected_retention_days
      }
    }
  }

  dynamic "rule" {
    for_each = local.streams

    content {
      id     = "${rule.key}-errors"
      status = "Enabled"

      filter {
        prefix = rule.value.errors_prefix
      }

      expiration {
        days = var.errors_retention_days
      }
    }
  }

  rule {
    id     = "athena-results"
    status = "Enabled"

    filter {
      prefix = local.athena_results_prefix
    }

    expiration {
      days = var.athena_results_days
    }
  }

  # One rule for the whole bucket, unless the law wants every version of the raw objects kept longer:
  # S3 applies the shortest of several matching rules, so then each prefix gets its own.
  dynamic "rule" {
    for_each = local.noncurrent_version_days

    content {
      id     = rule.key == "" ? "old-versions" : "old-versions-${trimsuffix(replace(rule.key, "/", "-"), "-")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      noncurrent_version_expiration {
        noncurrent_days = rule.value
      }

      # What the clean-up deletes leaves a marker behind, and every listing walks over it.
      expiration {
        expired_object_delete_marker = true
      }
    }
  }

  dynamic "rule" {
    for_each = var.bucket_expiration_rules

    content {
      id     = "beside-the-lake-${trimsuffix(replace(rule.key, "/", "-"), "-")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }
    }
  }

  rule {
    id     = "incomplete-uploads"
    status = "Enabled"

    filter {
      prefix = ""
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = var.incomplete_upload_days
    }
  }

  # Noncurrent versions exist only once versioning is on.
  depends_on = [aws_s3_bucket_versioning.lake]
}

locals {
  noncurrent_version_days = var.raw_legal_retention_days == null ? { "" = var.noncurrent_version_days } : merge(
    { for stream in local.streams : stream.raw_prefix => max(var.noncurrent_version_days, var.raw_legal_retention_days) },
    merge([
      for stream in local.families : {
        (stream.processed_prefix) = var.noncurrent_version_days
        (stream.rejected_prefix)  = var.noncurrent_version_days
        (stream.manifests_prefix) = var.noncurrent_version_days
        (stream.errors_prefix)    = var.noncurrent_version_days
      }
    ]...),
    { (local.athena_results_prefix) = var.noncurrent_version_days },
    { (local.artifacts_prefix) = var.noncurrent_version_days },
  )
}

locals {
  notifications = concat(
    [
      for key, stream in local.streams : {
        id            = "${key}-raw"
        queue_arn     = aws_sqs_queue.work["${key}-transform"].arn
        events        = ["s3:ObjectCreated:*"]
        filter_prefix = stream.raw_prefix
        filter_suffix = ".gz"
      }
    ],
    [
      for key, stream in local.streams : {
        id            = "${key}-errors"
        queue_arn     = aws_sqs_queue.work["${key}-transform"].arn # whose function counts them
        events        = ["s3:ObjectCreated:*"]
        filter_prefix = stream.errors_prefix
        filter_suffix = ""
      }
    ],
  )
}

resource "aws_s3_bucket_notification" "lake" {
  count = var.bucket_notification_enabled ? 1 : 0

  bucket = local.bucket.name

  dynamic "queue" {
    for_each = local.notifications

    content {
      id            = queue.value.id
      queue_arn     = queue.value.queue_arn
      events        = queue.value.events
      filter_prefix = queue.value.filter_prefix
      filter_suffix = queue.value.filter_suffix
    }
  }

  # S3 sends a test message to each queue before it takes the configuration.
  depends_on = [aws_sqs_queue_policy.queue]
}
