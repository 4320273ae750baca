# Optional: the functions run only code that this account's signing profile signed.

locals {
  # Everything that Lambda would have to check: both functions and the layer.
  signed_packages = var.code_signing_enabled ? merge(local.function_zips, { layer = local.layer_zip }) : {}
}

resource "aws_signer_signing_profile" "lake" {
  count = var.code_signing_enabled ? 1 : 0

  # The service takes letters, digits and underscores.
  name        = replace("${var.name}_code", "-", "_")
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
  for_each = local.signed_packages

  bucket      = aws_s3_bucket.lake.id
  key         = "${local.artifacts_prefix}unsigned/${each.key}-${substr(filesha256(each.value), 0, 16)}.zip"
  source      = each.value
  source_hash = filebase64sha256(each.value)
  tags        = local.tags

  depends_on = [aws_s3_bucket_versioning.lake]
}

resource "aws_signer_signing_job" "package" {
  for_each = local.signed_packages

  profile_name = aws_signer_signing_profile.lake[0].name

  source {
    s3 {
      bucket  = aws_s3_object.unsigned[each.key].bucket
      key     = aws_s3_object.unsigned[each.key].key
      version = aws_s3_object.unsigned[each.key].version_id
    }
  }

  destination {
    s3 {
      bucket = aws_s3_bucket.lake.id
      prefix = "${local.artifacts_prefix}signed/${each.key}-"
    }
  }
}

locals {
  # Where each signed package is; empty while signing is off.
  signed_keys = { for package, job in aws_signer_signing_job.package : package => one(one(job.signed_object).s3).key }
}
