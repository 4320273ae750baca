# Firehose.

variable "firehose_buffer_mb" {
  description = "Firehose writes a raw object when this many MiB have gathered (before compression)."
  type        = number
  default     = 64

  validation {
    condition     = var.firehose_buffer_mb >= 1 && var.firehose_buffer_mb <= 128 && floor(var.firehose_buffer_mb) == var.firehose_buffer_mb
    error_message = "firehose_buffer_mb must be a whole number from 1 to 128."
  }
}

variable "firehose_buffer_seconds" {
  description = "Firehose writes a raw object when this many seconds have passed since the first buffered event."
  type        = number
  default     = 300

  validation {
    condition     = var.firehose_buffer_seconds >= 0 && var.firehose_buffer_seconds <= 900 && floor(var.firehose_buffer_seconds) == var.firehose_buffer_seconds
    error_message = "firehose_buffer_seconds must be a whole number from 0 to 900."
  }
}
