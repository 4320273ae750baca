# A configuration of your own that calls the module: a key, a topic and readers made beside it, and the
# functions' code from a release in S3. In a repository of your own, `source` is
# "git::https://example.com/clickstream-lake.git//terraform?ref=v0.2.0".

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0" # what every test of the module ran with
    }
  }
}

provider "aws" {
  region = var.region
}

data "aws_caller_identity" "current" {}

resource "aws_kms_key" "data" {
  description         = "Data of the analytics team"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.key.json
}

# Whom a lake's own key lets in (terraform/kms.tf), for any number of lakes.
data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:In a key's policy, all resources are this key
  #checkov:skip=CKV_AWS_111:In a key's policy, all resources are this key
  #checkov:skip=CKV_AWS_356:In a key's policy, all resources are this key

  statement {
    sid       = "TheAccountAdministersIt"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }

  statement {
    sid       = "ServicesThatSendAndLog"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "events.amazonaws.com", "logs.${var.region}.amazonaws.com", "s3.amazonaws.com"]
    }
  }
}

resource "aws_sns_topic" "pager" {
  name              = "analytics-pager"
  kms_master_key_id = aws_kms_key.data.arn
}

data "aws_iam_policy_document" "pager" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.pager.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "pager" {
  arn    = aws_sns_topic.pager.arn
  policy = data.aws_iam_policy_document.pager.json
}

data "aws_iam_policy_document" "analysts" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}

resource "aws_iam_role" "analysts" {
  name               = "analysts"
  assume_role_policy = data.aws_iam_policy_document.analysts.json
}

module "lake" {
  source = "../.."

  name = "analytics"

  release = {
    location  = var.release_location
    checksums = file(var.release_checksums)
  }

  kms_enabled = true
  kms_key     = { arn = aws_kms_key.data.arn }
  alarm_topic = { arn = aws_sns_topic.pager.arn }

  lake_formation_enabled          = true
  lake_formation_readers          = { analysts = aws_iam_role.analysts.arn }
  lake_formation_excluded_columns = ["user_agent"]

  force_destroy = var.force_destroy
}

output "lake" {
  description = "Names and commands to go on with."
  value       = module.lake
}

