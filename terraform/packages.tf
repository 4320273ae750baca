# Where the functions' code comes from: a directory (`package_dir`), or a release in S3 (`release`).

locals {
  packages = ["transform", "compact", "layer"]

  # Their names in the directory as in the release.
  package_names = merge(
    { for package in ["transform", "compact"] : package => "${package}.zip" },
    { layer = "layer-${var.architecture}.zip" },
  )

  package_dir   = coalesce(var.package_dir, "${path.module}/../dist")
  package_files = { for package, name in local.package_names : package => "${local.package_dir}/${name}" }
  packages_from = var.release == null ? local.package_dir : "s3://${var.release.location}"

  # Of a release, SHA256SUMS has the sums; of a directory, the files have.
  release_sums = var.release == null ? {} : {
    for line in regexall("(?m)^([0-9a-f]{64}) [ *](\\S+)$", var.release.checksums) : line[1] => line[0]
  }
  package_sums = {
    for package, name in local.package_names :
    package => var.release == null ? filesha256(local.package_files[package]) : local.release_sums[name]
  }

  # In base64, as Lambda and S3 want them. Terraform has no function for it: three bytes make four digits,
  # and the last two bytes three and a sign that one is missing.
  base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  package_hashes = {
    for package, sum in local.package_sums : package => "${join("", [
      for place in concat(
        [for digit in range(40) : floor(parseint(substr(sum, 6 * floor(digit / 4), 6), 16) / pow(64, 3 - digit % 4))],
        [for digit in range(3) : floor(4 * parseint(substr(sum, 60, 4), 16) / pow(64, 2 - digit))],
      ) : substr(local.base64_digits, place % 64, 1)
    ])}="
  }

  # The catalog that the functions have must be the one that the tables are made from.
  catalog_sum          = var.release == null ? filesha256(local.catalog_file) : sha256("${filesha256(local.catalog_file)}\n")
  packaged_catalog_sum = var.release == null ? trimspace(file("${local.package_dir}/catalog.sha256")) : local.release_sums["catalog.sha256"]

  code_in_bucket = var.code_signing_enabled || var.release != null
  copied_keys    = { for package, copy in aws_s3_object_copy.package : package => copy.key }
}

# Lambda takes code from buckets of its own region only; S3 copies from any.
resource "aws_s3_object_copy" "package" {
  #checkov:skip=CKV_AWS_181:As the bucket encrypts by default: with the lake's key when kms_enabled

  for_each = var.release == null ? {} : local.package_names

  bucket             = local.bucket.name
  key                = "${local.artifacts_prefix}release/${each.key}-${substr(local.package_sums[each.key], 0, 16)}.zip"
  source             = "${var.release.location}/${each.value}"
  checksum_algorithm = "SHA256"
  tagging_directive  = "REPLACE" # by none

  override_provider {
    default_tags {
      tags = {}
    }
  }

  lifecycle {
    postcondition {
      condition     = self.checksum_sha256 == local.package_hashes[each.key]
      error_message = "s3://${var.release.location}/${each.value} is not what `checksums` of the release say. Nothing was deployed from it."
    }
  }

  depends_on = [
    aws_s3_bucket_policy.lake,
    aws_s3_bucket_server_side_encryption_configuration.lake,
    aws_s3_bucket_versioning.lake,
  ]
}
