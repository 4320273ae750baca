# A lake that a team operates: three families of events, each with its catalog, a key of its own, alarms, legal
# retention, and the state in S3 (backend.tf.example).

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

  default_tags {
    tags = {
      Environment = "production"
      Owner       = "data-platform"
    }
  }
}

module "lake" {
  source = "../.."

  name        = "shop"
  package_dir = var.package_dir

  # Web and app events come by the million; orders are few and wanted soon. What columns a family has, what
  # of it is personal and how it is partitioned (app events by the hour) is in its catalog.
  streams = {
    web = { buffer_mb = 128, buffer_seconds = 300 }
    app = {
      prefix         = "app/"
      table_prefix   = ""
      catalog_file   = "${path.module}/catalogs/app.json"
      buffer_mb      = 128
      buffer_seconds = 300
    }
    orders = {
      prefix                    = "orders/"
      table_prefix              = ""
      catalog_file              = "${path.module}/catalogs/orders.json"
      buffer_mb                 = 16
      buffer_seconds            = 60
      transform_max_concurrency = 5
    }
  }

  transform_memory_mb       = 1769
  transform_max_concurrency = 50
  json_compression          = "gzip"
  compact_schedule          = "cron(15 * * * ? *)"
  cleanup_schedule          = "cron(45 3 * * ? *)"
  schedule_timezone         = "Europe/Berlin"

  kms_enabled        = true
  tracing_enabled    = true
  log_retention_days = 90

  raw_glacier_days         = 30
  raw_retention_days       = 3650
  raw_legal_retention_days = var.raw_legal_retention_days
  rejected_retention_days  = 365
  force_destroy            = var.force_destroy

  athena_scan_cutoff_gb = 512

  alarm_emails         = var.alarm_emails
  alarm_reject_percent = 1
}

output "lake" {
  description = "Names and commands to go on with."
  value       = module.lake
}
