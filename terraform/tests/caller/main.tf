# A configuration that makes what it hands to the module, so that none of it is known when it is planned.

variable "package_dir" {
  description = "As the module's."
  type        = string
}

resource "aws_kms_key" "own" {
  enable_key_rotation = true
}

resource "aws_sns_topic" "own" {
  name = "pager"
}

resource "aws_iam_policy" "boundary" {
  name   = "boundary"
  policy = "{}"
}

resource "aws_iam_role" "analyst" {
  name               = "analyst"
  assume_role_policy = "{}"
}

resource "aws_s3_bucket" "own" {
  bucket_prefix = "shared-"
}

resource "aws_glue_catalog_database" "own" {
  name = "shared"
}

module "lake" {
  source = "../.."

  package_dir              = var.package_dir
  bucket_name              = "${aws_s3_bucket.own.id}-lake"
  kms_enabled              = true
  kms_key                  = { arn = aws_kms_key.own.arn }
  alarm_topic              = { arn = aws_sns_topic.own.arn }
  permissions_boundary_arn = aws_iam_policy.boundary.arn
  lake_formation_enabled   = true
  lake_formation_readers   = { analysts = aws_iam_role.analyst.arn }
  tags                     = { Key = aws_kms_key.own.key_id }
}

module "in_what_is_there" {
  source = "../.."

  name            = "second"
  package_dir     = var.package_dir
  create_bucket   = false
  bucket_name     = aws_s3_bucket.own.id
  create_database = false
  database_name   = aws_glue_catalog_database.own.id
}
