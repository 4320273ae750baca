# Encryption, logs and who may do what.

variable "kms_enabled" {
  description = "Encrypt bucket, queues, topic, logs and function settings with a KMS key instead of the services' own keys (AES256)."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "KMS key to use while kms_enabled; by default one is created. An own key's policy must let the services in: see kms.tf."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (not of an alias)."
  }

  validation {
    condition     = var.kms_key_arn == null || var.kms_enabled
    error_message = "kms_key_arn has no effect unless kms_enabled is true."
  }
}

variable "log_retention_days" {
  description = "Days for which CloudWatch keeps logs."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of the periods that CloudWatch offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "tracing_enabled" {
  description = "Record X-Ray traces of both functions."
  type        = bool
  default     = false
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of every role, where the account demands one."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of an IAM policy."
  }
}

variable "code_signing_enabled" {
  description = "Sign the packages with AWS Signer, and let the functions run nothing else."
  type        = bool
  default     = false
}

variable "lake_formation_enabled" {
  description = "Register the bucket with Lake Formation and grant access to the tables there. Whoever applies this must be a Lake Formation administrator."
  type        = bool
  default     = false
}

variable "lake_formation_readers" {
  description = "Principals (ARNs of roles, users or groups) that may read the tables through Lake Formation."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.lake_formation_readers : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user|group|saml-provider)/.+$", arn))])
    error_message = "lake_formation_readers must be ARNs of IAM principals."
  }

  validation {
    condition     = length(var.lake_formation_readers) == 0 || var.lake_formation_enabled
    error_message = "lake_formation_readers have no effect unless lake_formation_enabled is true."
  }
}

variable "lake_formation_excluded_columns" {
  description = "Columns that those readers do not see."
  type        = set(string)
  default     = []

  validation {
    condition = alltrue([
      for name in var.lake_formation_excluded_columns :
      contains(concat([for column in local.catalog.columns : column.name], [for column in local.catalog.reject_columns : column.name]), name)
    ])
    error_message = "lake_formation_excluded_columns must be columns of the catalog."
  }
}
