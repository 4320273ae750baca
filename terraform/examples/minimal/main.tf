# A lake to try out: everything by default, and gone without a trace after `terraform destroy`.

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

variable "region" {
  description = "AWS region of the lake."
  type        = string
  default     = "eu-central-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be a region's name such as eu-central-1."
  }
}

variable "package_dir" {
  description = "Directory that `make package` filled; by default the project's dist."
  type        = string
  default     = null

  validation {
    condition     = var.package_dir == null || can(regex(".", var.package_dir))
    error_message = "package_dir must be a path, or null."
  }
}

module "lake" {
  source = "../.."

  package_dir   = var.package_dir
  force_destroy = true

  # Little buffers show events soon; big ones make fewer, larger files.
  firehose_buffer_mb      = 5
  firehose_buffer_seconds = 60

  # A trial needs nobody to be paged.
  alarms_enabled    = false
  dashboard_enabled = false
}

output "lake" {
  description = "Names and commands to go on with."
  value       = module.lake
}
