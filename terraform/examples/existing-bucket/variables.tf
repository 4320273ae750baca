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

variable "bucket_name" {
  description = "The bucket, in this region and account."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name must be the name of a bucket."
  }
}

variable "database_name" {
  description = "The Glue database."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9_]{1,255}$", var.database_name))
    error_message = "database_name must be the name of a database."
  }
}

variable "kms_key_arn" {
  description = "The key that the bucket encrypts with. Its policy must let the services in: terraform/kms.tf."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key."
  }
}
