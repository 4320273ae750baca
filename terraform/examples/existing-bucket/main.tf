# A lake in a bucket, a database and with a key that are there already, and that stay their owner's.

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

module "lake" {
  #checkov:skip=CKV_AWS_21:Of a bucket that is created elsewhere; the check takes the module's, which is not made here
  #checkov:skip=CKV2_AWS_6:The same: the bucket is created elsewhere
  #checkov:skip=CKV2_AWS_61:The same: the bucket is created elsewhere
  #checkov:skip=CKV2_AWS_62:The same: the bucket is created elsewhere

  source = "../.."

  name        = "guest"
  package_dir = var.package_dir

  # Its policy, encryption, versioning and public access are not touched.
  create_bucket   = false
  bucket_name     = var.bucket_name
  create_database = false
  database_name   = var.database_name

  # Everything of the lake lies under one prefix.
  streams = { events = { prefix = "clickstream/" } }

  # Of the bucket's one lifecycle and one notification, the lake manages the latter: rules are yours.
  bucket_lifecycle_enabled = false

  # The bucket's default key, so that the roles may use it.
  kms_enabled = true
  kms_key     = { arn = var.kms_key_arn }
}

output "lake" {
  description = "Names and commands to go on with."
  value       = module.lake
}

