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

variable "alarm_emails" {
  description = "Who gets the alarms."
  type        = set(string)
  default     = ["data-platform@example.com"]

  validation {
    condition     = length(var.alarm_emails) > 0
    error_message = "Somebody must get the alarms of a production lake."
  }
}

variable "raw_legal_retention_days" {
  description = "Days for which the law wants raw objects kept; null for none."
  type        = number
  default     = 2190

  validation {
    condition     = var.raw_legal_retention_days == null || try(var.raw_legal_retention_days >= 1, false)
    error_message = "raw_legal_retention_days must be null or at least 1."
  }
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete the events, too. Needs raw_legal_retention_days to be null."
  type        = bool
  default     = false
}
