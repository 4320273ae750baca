# How long things are kept. Replaced data files are the clean-up's business, not the lifecycle's.

variable "raw_glacier_days" {
  description = "Days after which raw objects move to Glacier Instant Retrieval (still readable at once); null keeps them in Standard."
  type        = number
  default     = 30

  validation {
    condition     = var.raw_glacier_days == null || try(var.raw_glacier_days >= 1 && floor(var.raw_glacier_days) == var.raw_glacier_days, false)
    error_message = "raw_glacier_days must be null or a whole number of at least 1."
  }
}

variable "raw_retention_days" {
  description = "Days after which raw objects expire; null keeps them for ever. They are what a rebuild starts from, and the only copy that still has PII."
  type        = number
  default     = 365

  validation {
    condition     = var.raw_retention_days == null || try(var.raw_retention_days >= 1 && floor(var.raw_retention_days) == var.raw_retention_days, false)
    error_message = "raw_retention_days must be null or a whole number of at least 1."
  }

  validation {
    condition     = var.raw_retention_days == null || var.raw_glacier_days == null || try(var.raw_retention_days >= var.raw_glacier_days + 90, false)
    error_message = "raw_retention_days must be at least raw_glacier_days + 90 (Glacier Instant Retrieval bills 90 days at the least), or raw_glacier_days must be null."
  }
}

variable "raw_legal_retention_days" {
  description = "Days for which the law wants raw objects kept; null for none. While set, the bucket's policy lets nobody delete raw objects by hand, and no version of them expires sooner. Who may change the policy can undo it: this is no Object Lock."
  type        = number
  default     = null

  validation {
    condition     = var.raw_legal_retention_days == null || try(var.raw_legal_retention_days >= 1 && floor(var.raw_legal_retention_days) == var.raw_legal_retention_days, false)
    error_message = "raw_legal_retention_days must be null or a whole number of at least 1."
  }

  validation {
    condition     = var.raw_legal_retention_days == null || var.raw_retention_days == null || try(var.raw_legal_retention_days <= var.raw_retention_days, false)
    error_message = "raw_legal_retention_days must not exceed raw_retention_days: raw objects would expire before the law allows it."
  }

  validation {
    condition     = var.raw_legal_retention_days == null || (var.create_bucket && var.bucket_lifecycle_enabled)
    error_message = "raw_legal_retention_days needs a bucket whose policy is the lake's: create_bucket."
  }

  validation {
    condition     = var.raw_legal_retention_days == null || !var.force_destroy
    error_message = "raw_legal_retention_days and force_destroy exclude each other."
  }
}

variable "rejected_retention_days" {
  description = "Days after which reject rows expire; null keeps them for ever."
  type        = number
  default     = 90

  validation {
    condition     = var.rejected_retention_days == null || try(var.rejected_retention_days >= 1 && floor(var.rejected_retention_days) == var.rejected_retention_days, false)
    error_message = "rejected_retention_days must be null or a whole number of at least 1."
  }
}

variable "errors_retention_days" {
  description = "Days after which records that Firehose could not deliver expire."
  type        = number
  default     = 90

  validation {
    condition     = var.errors_retention_days >= 1 && floor(var.errors_retention_days) == var.errors_retention_days
    error_message = "errors_retention_days must be a whole number of at least 1."
  }
}

variable "noncurrent_version_days" {
  description = "Days after which overwritten and deleted versions expire."
  type        = number
  default     = 7

  validation {
    condition     = var.noncurrent_version_days >= 1 && floor(var.noncurrent_version_days) == var.noncurrent_version_days
    error_message = "noncurrent_version_days must be a whole number of at least 1."
  }
}

variable "bucket_expiration_rules" {
  description = "Days after which what lies in the bucket beside the lake expires, by prefix. S3 has one set of lifecycle rules for a bucket, and this module sets it (bucket_lifecycle_enabled), so that a rule made elsewhere is removed by the next apply. A rule that would reach the lake's own prefixes is refused, one over everything above all."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    # A file that expires under a table is missing in every answer, without an error.
    condition = alltrue([
      for pair in setproduct(
        keys(var.bucket_expiration_rules),
        concat(["artifacts/", "athena-results/"], flatten([
          for stream in values(var.streams) :
          [for folder in ["raw", "processed", "rejected", "manifests", "errors"] : "${stream.prefix}${folder}/"]
          ]), flatten([
          for stream in values(var.streams) : [
            for family, route in stream.routes :
            [for folder in ["processed", "rejected", "manifests"] : "${coalesce(route.prefix, "${family}/")}${folder}/"]
          ]
        ])),
      ) : !startswith(pair[0], pair[1]) && !startswith(pair[1], pair[0])
    ])
    error_message = "bucket_expiration_rules must not reach raw/, processed/, rejected/, manifests/, errors/, artifacts/ or athena-results/ of the lake, as the prefix \"\" does: what expires there is missing in the tables, and no query says so. The lake's own retention is set by raw_retention_days, rejected_retention_days, errors_retention_days and athena_results_days."
  }

  validation {
    condition     = var.bucket_lifecycle_enabled || length(var.bucket_expiration_rules) == 0
    error_message = "bucket_expiration_rules are part of the lifecycle, which bucket_lifecycle_enabled = false leaves to you."
  }

  validation {
    condition     = alltrue([for days in values(var.bucket_expiration_rules) : days >= 1 && floor(days) == days])
    error_message = "Days of bucket_expiration_rules must be whole numbers of at least 1."
  }
}

variable "incomplete_upload_days" {
  description = "Days after which uploads that were never finished are aborted."
  type        = number
  default     = 3

  validation {
    condition     = var.incomplete_upload_days >= 1 && floor(var.incomplete_upload_days) == var.incomplete_upload_days
    error_message = "incomplete_upload_days must be a whole number of at least 1."
  }
}

variable "prefix_guard_enabled" {
  description = "Whether each table's prefix holds a file that is no data, on which readers that list the prefix fail instead of counting rows twice. SQL engines never see it. Turn it off only for a lake that was never compacted."
  type        = bool
  default     = true
  nullable    = false
}
