# Athena.

variable "athena_scan_cutoff_gb" {
  description = "Athena cancels a query of this workgroup once it has scanned this many GiB. 1024 GiB cost about $5."
  type        = number
  default     = 1024

  validation {
    condition     = var.athena_scan_cutoff_gb >= 1 && floor(var.athena_scan_cutoff_gb) == var.athena_scan_cutoff_gb
    error_message = "athena_scan_cutoff_gb must be a whole number of at least 1."
  }
}

variable "athena_results_days" {
  description = "Days after which query results expire."
  type        = number
  default     = 30

  validation {
    condition     = var.athena_results_days >= 1 && floor(var.athena_results_days) == var.athena_results_days
    error_message = "athena_results_days must be a whole number of at least 1."
  }
}
