# The compact function, its schedules and its queue.

variable "compact_enabled" {
  description = "Whether the schedule starts compaction. Off, everything is still there to be run by hand."
  type        = bool
  default     = true
}

variable "compact_schedule" {
  description = "When compaction is planned: an EventBridge Scheduler expression."
  type        = string
  default     = "rate(1 hour)"

  validation {
    condition     = can(regex("^(rate\\([1-9][0-9]* (minute|minutes|hour|hours|day|days)\\)|cron\\([^()]+\\))$", var.compact_schedule))
    error_message = "compact_schedule must be rate(<n> <minutes|hours|days>) or cron(<six fields>)."
  }
}

variable "cleanup_enabled" {
  description = "Whether the schedule starts the clean-up, the only thing that ever deletes files of the lake."
  type        = bool
  default     = true
}

variable "cleanup_schedule" {
  description = "When replaced files are cleaned up: an EventBridge Scheduler expression."
  type        = string
  default     = "rate(6 hours)"

  validation {
    condition     = can(regex("^(rate\\([1-9][0-9]* (minute|minutes|hour|hours|day|days)\\)|cron\\([^()]+\\))$", var.cleanup_schedule))
    error_message = "cleanup_schedule must be rate(<n> <minutes|hours|days>) or cron(<six fields>)."
  }
}

variable "audit_enabled" {
  description = "Whether the schedule starts the audit of the raw zone, which finds raw objects that no transform took, and queues them once more."
  type        = bool
  default     = true
}

variable "audit_schedule" {
  description = "When the raw zone is audited, over compact_lookback_days: an EventBridge Scheduler expression."
  type        = string
  default     = "rate(1 hour)"

  validation {
    condition     = can(regex("^(rate\\([1-9][0-9]* (minute|minutes|hour|hours|day|days)\\)|cron\\([^()]+\\))$", var.audit_schedule))
    error_message = "audit_schedule must be rate(<n> <minutes|hours|days>) or cron(<six fields>)."
  }
}

variable "audit_grace_minutes" {
  description = "How long the transform may take with a raw object, retries included, until the audit finds that it was overlooked. By default longer than transform_max_receives tries take."
  type        = number
  default     = 120

  validation {
    condition     = var.audit_grace_minutes >= 0 && var.audit_grace_minutes <= 43200 && floor(var.audit_grace_minutes) == var.audit_grace_minutes
    error_message = "audit_grace_minutes must be a whole number from 0 to 43200."
  }
}

variable "schedule_timezone" {
  description = "Time zone of cron schedules, by its IANA name."
  type        = string
  default     = "UTC"

  validation {
    condition     = can(regex("^[A-Za-z]+([/_+-][A-Za-z0-9]+)*$", var.schedule_timezone))
    error_message = "schedule_timezone must be an IANA name such as UTC or Europe/Berlin."
  }
}

variable "compact_memory_mb" {
  description = "Memory of the compact function in MB."
  type        = number
  default     = 3008

  validation {
    condition     = var.compact_memory_mb >= 1024 && var.compact_memory_mb <= 10240 && floor(var.compact_memory_mb) == var.compact_memory_mb
    error_message = "compact_memory_mb must be a whole number from 1024 to 10240."
  }
}

variable "compact_timeout_seconds" {
  description = "How long compacting one partition may take. Work stops being taken up 120 seconds before that."
  type        = number
  default     = 900

  validation {
    condition     = var.compact_timeout_seconds >= 180 && var.compact_timeout_seconds <= 900 && floor(var.compact_timeout_seconds) == var.compact_timeout_seconds
    error_message = "compact_timeout_seconds must be a whole number from 180 to 900."
  }
}

variable "compact_tmp_mb" {
  description = "Size of the compact function's /tmp in MB."
  type        = number
  default     = 10240

  validation {
    condition     = var.compact_tmp_mb >= 512 && var.compact_tmp_mb <= 10240 && floor(var.compact_tmp_mb) == var.compact_tmp_mb
    error_message = "compact_tmp_mb must be a whole number from 512 to 10240."
  }

  validation {
    condition     = var.compact_tmp_mb >= local.tmp_per_target_byte * var.compact_target_file_mb
    error_message = "compact_tmp_mb must be at least four times compact_target_file_mb: inputs and outputs of a merge lie there together."
  }
}

variable "compact_target_file_mb" {
  description = "Size in MiB that merged files aim at."
  type        = number
  default     = 256

  validation {
    condition     = var.compact_target_file_mb >= 1 && var.compact_target_file_mb <= 2048 && floor(var.compact_target_file_mb) == var.compact_target_file_mb
    error_message = "compact_target_file_mb must be a whole number from 1 to 2048."
  }
}

variable "compact_min_files" {
  description = "Small files that make a partition worth compacting."
  type        = number
  default     = 8

  validation {
    condition     = var.compact_min_files >= 2 && var.compact_min_files <= 100000 && floor(var.compact_min_files) == var.compact_min_files
    error_message = "compact_min_files must be a whole number from 2 to 100000."
  }
}

variable "compact_lookback_days" {
  description = "How many days back a schedule tick looks for partitions."
  type        = number
  default     = 3

  validation {
    condition     = var.compact_lookback_days >= 1 && var.compact_lookback_days <= 3650 && floor(var.compact_lookback_days) == var.compact_lookback_days
    error_message = "compact_lookback_days must be a whole number from 1 to 3650."
  }
}

variable "compact_stale_schema_partitions" {
  description = "How many older partitions a schedule tick brings to the catalog's columns, after those it looks at anyway."
  type        = number
  default     = 32

  validation {
    condition     = var.compact_stale_schema_partitions >= 1 && var.compact_stale_schema_partitions <= 10000 && floor(var.compact_stale_schema_partitions) == var.compact_stale_schema_partitions
    error_message = "compact_stale_schema_partitions must be a whole number from 1 to 10000."
  }
}

variable "compact_grace_seconds" {
  description = "How long replaced files stay for queries that still read them, before the clean-up deletes them."
  type        = number
  default     = 86400

  validation {
    condition     = var.compact_grace_seconds <= 2592000 && floor(var.compact_grace_seconds) == var.compact_grace_seconds
    error_message = "compact_grace_seconds must be a whole number of at most 2592000 (30 days)."
  }

  validation {
    # Athena ends a query after 30 minutes by default; an hour on top of the longest function run
    # keeps both safe.
    condition     = var.compact_grace_seconds >= 3600 + max(var.transform_timeout_seconds, var.compact_timeout_seconds)
    error_message = "compact_grace_seconds must be at least 3600 plus the longer of the two functions' timeouts, or queries lose files that they still read."
  }
}

variable "compact_max_concurrency" {
  description = "Most partitions of one stream that are compacted at the same time. One partition never has two compactors: its messages form one FIFO group."
  type        = number
  default     = 5

  validation {
    condition     = var.compact_max_concurrency >= 2 && var.compact_max_concurrency <= 1000 && floor(var.compact_max_concurrency) == var.compact_max_concurrency
    error_message = "compact_max_concurrency must be a whole number from 2 to 1000, which is what SQS event sources take."
  }
}

variable "compact_reserved_concurrency" {
  description = "Concurrency reserved for each compact function, taken out of the account's; -1 reserves none."
  type        = number
  default     = -1

  validation {
    condition     = var.compact_reserved_concurrency == -1 || var.compact_reserved_concurrency > var.compact_max_concurrency
    error_message = "compact_reserved_concurrency must be -1 or more than compact_max_concurrency: the schedule's own invocation needs one too."
  }
}

variable "compact_max_receives" {
  description = "How often one partition's compaction is tried before its message goes to the dead-letter queue: as transform_max_receives. The next plan queues it anew."
  type        = number
  default     = 10

  validation {
    condition     = var.compact_max_receives >= 2 && var.compact_max_receives <= 100 && floor(var.compact_max_receives) == var.compact_max_receives
    error_message = "compact_max_receives must be a whole number from 2 (a message that there was no time to begin was received, too) to 100."
  }
}

variable "schema_evolution" {
  description = "What becomes of fields that no column takes. `propose`: compaction keeps an account of them, for `clickstream catalog propose`. `auto`: it also adds columns for them to both tables, and may then change these tables' definitions. `off`: neither."
  type        = string
  default     = "propose"

  validation {
    condition     = contains(["off", "propose", "auto"], var.schema_evolution)
    error_message = "schema_evolution must be off, propose or auto."
  }
}

variable "schema_evolution_percent" {
  description = "With schema_evolution = auto: of all events, those that a field is in, in percent, to become a column."
  type        = number
  default     = 5

  validation {
    condition     = var.schema_evolution_percent >= 1 && var.schema_evolution_percent <= 100 && floor(var.schema_evolution_percent) == var.schema_evolution_percent
    error_message = "schema_evolution_percent must be a whole number from 1 to 100."
  }
}

variable "schema_evolution_hours" {
  description = "With schema_evolution = auto: how long a field has been sent to become a column."
  type        = number
  default     = 24

  validation {
    condition     = var.schema_evolution_hours >= 0 && var.schema_evolution_hours <= 720 && floor(var.schema_evolution_hours) == var.schema_evolution_hours
    error_message = "schema_evolution_hours must be a whole number from 0 to 720."
  }
}

variable "schema_evolution_max_columns" {
  description = "With schema_evolution = auto: most columns that are added, until `clickstream catalog pull` has brought them into the catalog's file."
  type        = number
  default     = 10

  validation {
    condition     = var.schema_evolution_max_columns >= 0 && var.schema_evolution_max_columns <= 100 && floor(var.schema_evolution_max_columns) == var.schema_evolution_max_columns
    error_message = "schema_evolution_max_columns must be a whole number from 0 to 100."
  }
}
