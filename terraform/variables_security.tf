# Encryption, logs and who may do what.

variable "kms_enabled" {
  description = "Encrypt bucket, queues, topic, logs and function settings with a KMS key instead of the services' own keys (AES256)."
  type        = bool
  default     = false
}

variable "kms_key" {
  description = "KMS key to use while kms_enabled, as `{ arn = ... }`; by default one is created. It may be made in the same configuration. An own key's policy must let the services in: see kms.tf."
  type        = object({ arn = string })
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key.arn))
    error_message = "kms_key must have the ARN of a key (not of an alias)."
  }

  validation {
    condition     = var.kms_key == null || var.kms_enabled
    error_message = "kms_key has no effect unless kms_enabled is true."
  }
}

variable "lambda_trust_source_account" {
  description = "Whether the functions' roles trust Lambda only on behalf of this account (`aws:SourceAccount`). AWS does not document that Lambda always says so: should it refuse a role (\"cannot be assumed\"), turn this off. Nothing gets in by that: a role is given to functions of its own account only."
  type        = bool
  default     = true
  nullable    = false
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
  description = "Register the bucket's tables with Lake Formation, and grant the readers access there. Whoever applies this must be a Lake Formation administrator."
  type        = bool
  default     = false

  validation {
    condition     = !var.lake_formation_enabled || var.create_bucket
    error_message = "lake_formation_enabled registers the whole bucket, so it needs a bucket of the lake's own (create_bucket)."
  }
}

variable "lake_formation_mode" {
  description = "`hybrid`: Lake Formation decides about each of `lake_formation_readers`, which see their columns only, whatever IAM allows them; everybody else reads as before, by IAM alone. `strict`: nobody reads by IAM alone, once somebody has run the commands of the output `lake_formation_revokes`: Terraform cannot, and until then IAM alone suffices as before."
  type        = string
  default     = "hybrid"
  nullable    = false

  validation {
    condition     = contains(["hybrid", "strict"], var.lake_formation_mode)
    error_message = "lake_formation_mode must be hybrid or strict."
  }
}

variable "lake_formation_readers" {
  description = "Principals that may read the tables through Lake Formation: a name of your choice => its ARN. Roles and users; with the mode `strict` groups, too."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.lake_formation_readers) : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user|group|saml-provider)/.+$", arn))])
    error_message = "lake_formation_readers must be ARNs of IAM principals."
  }

  validation {
    condition     = var.lake_formation_mode == "strict" || alltrue([for arn in values(var.lake_formation_readers) : can(regex(":(role|user)/", arn))])
    error_message = "With the mode hybrid, lake_formation_readers must be roles and users: Lake Formation takes no others for it."
  }

  validation {
    condition     = length(var.lake_formation_readers) == 0 || var.lake_formation_enabled
    error_message = "lake_formation_readers have no effect unless lake_formation_enabled is true."
  }
}

variable "lake_formation_excluded_columns" {
  description = "Columns that `lake_formation_readers` do not see. Whoever else can read a table sees all of them."
  type        = set(string)
  default     = []

  validation {
    condition = alltrue([
      for name in var.lake_formation_excluded_columns :
      contains(flatten([for catalog in values(local.catalogs) : [for column in concat(catalog.columns, catalog.reject_columns) : column.name]]), name)
    ])
    error_message = "lake_formation_excluded_columns must be columns of a catalog."
  }
}
