# The transform function, and the queue in front of it.

variable "architecture" {
  description = "Processor of both functions. arm64 costs about a fifth less per second."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "transform_memory_mb" {
  description = "Memory of the transform function in MB. Lambda gives one whole vCPU at 1769 MB."
  type        = number
  default     = 1769

  validation {
    condition     = var.transform_memory_mb >= 512 && var.transform_memory_mb <= 10240 && floor(var.transform_memory_mb) == var.transform_memory_mb
    error_message = "transform_memory_mb must be a whole number from 512 (less does not hold the libraries and their buffers) to 10240."
  }

  validation {
    condition     = var.transform_memory_mb >= local.base_memory_mb + local.memory_per_line_byte * local.max_line_mb
    error_message = "transform_memory_mb must be at least 256 plus 64 times the MiB of LAKE_MAX_LINE_BYTES: a line full of empty objects takes 64 bytes of memory for each of its own."
  }
}

variable "transform_timeout_seconds" {
  description = "How long one batch of raw objects may take. A tenth of it, 30 seconds at most, is kept for handing back what is not done."
  type        = number
  default     = 300

  validation {
    condition     = var.transform_timeout_seconds >= 10 && var.transform_timeout_seconds <= 900 && floor(var.transform_timeout_seconds) == var.transform_timeout_seconds
    error_message = "transform_timeout_seconds must be a whole number from 10 to 900."
  }

  validation {
    condition     = local.worst_object_seconds <= var.transform_timeout_seconds - min(30, 0.1 * var.transform_timeout_seconds)
    error_message = "transform_timeout_seconds, less a tenth of it for handing back, must be at least half a second for each MB of the largest Firehose buffer, and as many times that as transform_memory_mb is below 1769: that is what the worst input takes. Give more time or memory, or lower the buffer."
  }
}

variable "transform_tmp_mb" {
  description = "Size of the transform function's /tmp in MB. Outputs are finished there before anything is uploaded, so it must hold one raw object's JSON and Parquet."
  type        = number
  default     = 4096

  validation {
    condition     = var.transform_tmp_mb >= 512 && var.transform_tmp_mb <= 10240 && floor(var.transform_tmp_mb) == var.transform_tmp_mb
    error_message = "transform_tmp_mb must be a whole number from 512 to 10240."
  }

  validation {
    condition     = var.transform_tmp_mb >= local.tmp_per_object_byte * local.max_object_mb
    error_message = "transform_tmp_mb must be at least four times LAKE_MAX_OBJECT_BYTES (512 MiB by default): JSON and Parquet of an object lie there together, and events of 20 bytes come out three times as large."
  }
}

variable "transform_batch_size" {
  description = "Most raw objects that one invocation gets."
  type        = number
  default     = 10

  validation {
    condition     = var.transform_batch_size >= 1 && var.transform_batch_size <= 100 && floor(var.transform_batch_size) == var.transform_batch_size
    error_message = "transform_batch_size must be a whole number from 1 to 100."
  }

  validation {
    condition     = var.transform_batch_size <= 10 || var.transform_batch_window_seconds >= 1
    error_message = "Batches of more than 10 messages need transform_batch_window_seconds of at least 1: SQS hands out 10 at a time."
  }
}

variable "transform_batch_window_seconds" {
  description = "How long to wait for a batch to fill. 0 invokes at once."
  type        = number
  default     = 0

  validation {
    condition     = var.transform_batch_window_seconds >= 0 && var.transform_batch_window_seconds <= 300 && floor(var.transform_batch_window_seconds) == var.transform_batch_window_seconds
    error_message = "transform_batch_window_seconds must be a whole number from 0 to 300."
  }
}

variable "transform_max_concurrency" {
  description = "Most invocations of the transform function that one stream's queue starts at the same time."
  type        = number
  default     = 20

  validation {
    condition     = var.transform_max_concurrency >= 2 && var.transform_max_concurrency <= 1000 && floor(var.transform_max_concurrency) == var.transform_max_concurrency
    error_message = "transform_max_concurrency must be a whole number from 2 to 1000, which is what SQS event sources take."
  }
}

variable "transform_reserved_concurrency" {
  description = "Concurrency reserved for each transform function, taken out of the account's; -1 reserves none. The queue already caps it, so this only helps where other functions crowd the account."
  type        = number
  default     = -1

  validation {
    condition     = var.transform_reserved_concurrency >= -1 && floor(var.transform_reserved_concurrency) == var.transform_reserved_concurrency
    error_message = "transform_reserved_concurrency must be -1 or a whole number from 1 on."
  }

  validation {
    condition = var.transform_reserved_concurrency == -1 || alltrue([
      for stream in values(var.streams) :
      var.transform_reserved_concurrency >= coalesce(stream.transform_max_concurrency, var.transform_max_concurrency)
    ])
    error_message = "transform_reserved_concurrency must be -1 or at least transform_max_concurrency: below it, throttled messages wear out their receive count and end as dead letters."
  }
}

variable "transform_visibility_seconds" {
  description = "How long SQS hides a message that a function works on. By default six times the timeout plus the batch window, which AWS asks for."
  type        = number
  default     = null

  validation {
    condition = var.transform_visibility_seconds == null || try(
      var.transform_visibility_seconds >= 6 * var.transform_timeout_seconds + var.transform_batch_window_seconds &&
      var.transform_visibility_seconds <= 43200, false
    )
    error_message = "transform_visibility_seconds must be at least six times transform_timeout_seconds plus transform_batch_window_seconds, and at most 43200."
  }
}

variable "transform_max_receives" {
  description = "How often a raw object is tried before it goes to the dead-letter queue. It comes back after 15 s, twice that and so on, at most 15 minutes: ten tries take over an hour, five take four minutes."
  type        = number
  default     = 10

  validation {
    condition     = var.transform_max_receives >= 2 && var.transform_max_receives <= 100 && floor(var.transform_max_receives) == var.transform_max_receives
    error_message = "transform_max_receives must be a whole number from 2 (one try would make every throttle a dead letter) to 100."
  }
}

variable "json_compression" {
  description = "Compression of the JSON landing files: `none` is fastest to write, `gzip` makes Athena scan several times less."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "gzip"], var.json_compression)
    error_message = "json_compression must be none or gzip."
  }
}

variable "parquet_compression" {
  description = "Compression of the Parquet files: zstd, or snappy for very old readers."
  type        = string
  default     = "zstd"

  validation {
    condition     = contains(["zstd", "snappy"], var.parquet_compression)
    error_message = "parquet_compression must be zstd or snappy."
  }
}

variable "log_level" {
  description = "Log level of both functions."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "lake_settings" {
  description = "Further settings of both functions by their environment names, such as `{ LAKE_MAX_RATIO = \"800\" }`."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([
      for key in keys(var.lake_settings) : contains([
        "LAKE_MAX_LINE_BYTES", "LAKE_MAX_DEPTH", "LAKE_MAX_KEYS", "LAKE_MAX_OBJECT_BYTES", "LAKE_MAX_RATIO",
        "LAKE_PARQUET_COMPRESSION_LEVEL", "LAKE_ROW_GROUP_ROWS",
      ], key)
    ])
    error_message = "lake_settings takes LAKE_MAX_LINE_BYTES, LAKE_MAX_DEPTH, LAKE_MAX_KEYS, LAKE_MAX_OBJECT_BYTES, LAKE_MAX_RATIO, LAKE_PARQUET_COMPRESSION_LEVEL and LAKE_ROW_GROUP_ROWS; everything else has a variable of its own."
  }

  validation {
    condition     = alltrue([for value in values(var.lake_settings) : can(regex("^[0-9]{1,18}$", value))])
    error_message = "Every value of lake_settings must be a whole number, written as text."
  }

  validation {
    condition     = try(tonumber(var.lake_settings["LAKE_MAX_OBJECT_BYTES"]), local.limit_defaults.LAKE_MAX_OBJECT_BYTES) >= local.object_per_buffer * local.largest_buffer_mb * 1048576
    error_message = "LAKE_MAX_OBJECT_BYTES must be at least twice the largest Firehose buffer: Firehose exceeds it when it catches up, and a larger object is rejected whole."
  }

  validation {
    condition = (
      try(tonumber(var.lake_settings["LAKE_MAX_LINE_BYTES"]), local.limit_defaults.LAKE_MAX_LINE_BYTES) <=
      try(tonumber(var.lake_settings["LAKE_MAX_OBJECT_BYTES"]), local.limit_defaults.LAKE_MAX_OBJECT_BYTES)
    )
    error_message = "LAKE_MAX_LINE_BYTES must not exceed LAKE_MAX_OBJECT_BYTES."
  }
}
