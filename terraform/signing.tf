# Optional: the functions run only code that this account's signing profile signed.

resource "aws_signer_signing_profile" "lake" {
  count = var.code_signing_enabled ? 1 : 0

  # The service takes letters, digits and underscores, and keeps a name for ever: destroying only cancels.
  name_prefix = replace("${var.name}_", "-", "_")
  platform_id = "AWSLambda-SHA384-ECDSA"
  tags        = local.tags
}

resource "aws_lambda_code_signing_config" "lake" {
  count = var.code_signing_enabled ? 1 : 0

  description = "Only code signed for ${var.name}"

  allowed_publishers {
    signing_profile_version_arns = [aws_signer_signing_profile.lake[0].version_arn]
  }

  policies {
    untrusted_artifact_on_deployment = "Enforce"
  }
}

# The signer reads from and writes to the bucket.
resource "aws_s3_object" "unsigned" {
  for_each = var.code_signing_enabled && var.release == null ? local.package_files : {}

  bucket      = local.bucket.name
  key         = "${local.artifacts_prefix}unsigned/${each.key}-${substr(local.package_sums[each.key], 0, 16)}.zip"
  source      = each.value
  source_hash = filebase64sha256(each.value)

  override_provider {
    default_tags {
      tags = {}
    }
  }

  depends_on = [
    aws_s3_bucket_policy.lake,
    aws_s3_bucket_server_side_encryption_configuration.lake,
    aws_s3_bucket_versioning.lake,
  ]
}

resource "aws_signer_signing_job" "package" {
  # Everything that Lambda would have to check: both functions and the layer.
  for_each = var.code_signing_enabled ? toset(local.packages) : []

  profile_name = aws_signer_signing_profile.lake[0].name

  source {
    s3 {
      bucket  = local.bucket.name
      key     = local.unsigned[each.key].key
      version = local.unsigned[each.key].version_id
    }
  }

  destination {
    s3 {
      bucket = local.bucket.name
      prefix = "${local.artifacts_prefix}signed/${each.key}-"
    }
  }
}

locals {
  # What to sign: uploaded, or copied from the release.
  unsigned = merge(
    { for package, object in aws_s3_object.unsigned : package => { key = object.key, version_id = object.version_id } },
    { for package, copy in aws_s3_object_copy.package : package => { key = copy.key, version_id = copy.version_id } },
  )

  # Where each signed package is; empty while signing is off.
  signed_keys = { for package, job in aws_signer_signing_job.package : package => one(one(job.signed_object).s3).key }
}
