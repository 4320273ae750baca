# What the lake is called, and where its parts come from.

variable "name" {
  description = "Prefix of every resource's name. Two lakes in one account and region need different names."
  type        = string
  default     = "clickstream"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must have 2 to 24 characters: lower-case letters, digits and single hyphens, starting with a letter and not ending with a hyphen."
  }
}

variable "tags" {
  description = "Tags of every resource, besides `Project`."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.tags) <= 40 && alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = "tags may hold at most 40 entries, and no key may start with aws:."
  }
}

variable "bucket_name" {
  description = "Name of the lake's bucket. By default `<name>-<account id>-<region>`."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_name == null || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name must have 3 to 63 lower-case letters, digits and hyphens (dots break TLS to virtual-hosted buckets)."
  }
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete the bucket with all events in it. For trials only."
  type        = bool
  default     = false
}

variable "database_name" {
  description = "Name of the Glue database that the tables go into."
  type        = string
  default     = "clickstream"

  validation {
    condition     = can(regex("^[a-z0-9_]{1,255}$", var.database_name))
    error_message = "database_name must have 1 to 255 lower-case letters, digits and underscores, as Athena wants them."
  }
}

variable "catalog_file" {
  description = "Path of the catalog that says columns, types and table formats. By default the one that the functions are packaged with; a plan fails while it is another than theirs."
  type        = string
  default     = null

  validation {
    condition = var.catalog_file == null || (
      can(jsondecode(file(var.catalog_file)).tables.parquet.name) &&
      can(jsondecode(file(var.catalog_file)).columns[0].name) &&
      can(jsondecode(file(var.catalog_file)).partition_keys[0])
    )
    error_message = "catalog_file must name a JSON file with `columns`, `partition_keys` and `tables`, such as src/clickstream_lake/catalogs/clickstream.json."
  }
}

variable "package_dir" {
  description = "Directory that `make package` filled: transform.zip, compact.zip, layer-<architecture>.zip and catalog.sha256. By default `dist` beside this directory."
  type        = string
  default     = null

  validation {
    condition = alltrue([
      for file in ["transform.zip", "compact.zip", "layer-${var.architecture}.zip", "catalog.sha256"] :
      fileexists("${coalesce(var.package_dir, "${path.module}/../dist")}/${file}")
    ])
    error_message = "package_dir lacks transform.zip, compact.zip, layer-${var.architecture}.zip or catalog.sha256. Run `make package` in a checkout of this module's version; where the module comes from elsewhere, copy its dist/ and let package_dir name the copy."
  }
}

variable "streams" {
  description = <<-EOT
    One Firehose stream, pair of functions and set of tables per family of events. The key names the
    stream (`<name>-<key>`). `prefix` goes before `raw/`, `processed/`, `rejected/` and `manifests/` in the bucket and
    must differ from stream to stream; `table_prefix` goes before the catalog's table names and defaults
    to the key for every stream that has a `prefix`. Buffers fall back to `firehose_buffer_*`.
  EOT
  type = map(object({
    prefix                    = optional(string, "")
    table_prefix              = optional(string)
    buffer_mb                 = optional(number)
    buffer_seconds            = optional(number)
    transform_max_concurrency = optional(number)
  }))
  default = {
    events = {}
  }

  validation {
    condition     = length(var.streams) >= 1 && length(var.streams) <= 10
    error_message = "streams must hold 1 to 10 streams."
  }

  validation {
    condition     = alltrue([for key in keys(var.streams) : can(regex("^[a-z][a-z0-9-]{0,14}[a-z0-9]$", key))])
    error_message = "Keys of streams must have 2 to 16 characters: lower-case letters, digits and hyphens, starting with a letter."
  }

  validation {
    condition     = alltrue([for stream in values(var.streams) : can(regex("^([a-z0-9][a-z0-9_-]*/)*$", stream.prefix))])
    error_message = "A stream's prefix must be empty or a path that ends with a slash and does not start with one, such as orders/."
  }

  validation {
    condition = alltrue([
      for stream in values(var.streams) :
      !contains(["raw", "processed", "rejected", "errors", "athena-results", "artifacts"], split("/", stream.prefix)[0])
    ])
    error_message = "A stream's prefix must not start with raw/, processed/, rejected/, errors/, athena-results/ or artifacts/: the lake uses those itself."
  }

  validation {
    # S3 refuses notifications whose prefixes overlap, and a table must not contain another's files.
    condition = alltrue([
      for a in setproduct(keys(var.streams), keys(var.streams)) :
      a[0] == a[1] || (
        var.streams[a[0]].prefix != var.streams[a[1]].prefix &&
        !startswith("${var.streams[a[0]].prefix}raw/", "${var.streams[a[1]].prefix}raw/") &&
        !startswith("${var.streams[a[0]].prefix}processed/", "${var.streams[a[1]].prefix}processed/")
      )
    ])
    error_message = "Every stream needs a prefix of its own that lies in no other stream's raw/ or processed/."
  }

  validation {
    condition = length(distinct([
      for key, stream in var.streams :
      coalesce(stream.table_prefix, stream.prefix == "" ? "-" : key)
    ])) == length(var.streams)
    error_message = "Two streams have the same table_prefix, so their tables would have the same names."
  }

  validation {
    condition     = alltrue([for stream in values(var.streams) : can(regex("^[a-z0-9_]{0,64}$", coalesce(stream.table_prefix, "-") == "-" ? "" : stream.table_prefix))])
    error_message = "A stream's table_prefix may hold up to 64 lower-case letters, digits and underscores."
  }

  validation {
    condition = alltrue([
      for stream in values(var.streams) :
      (stream.buffer_mb == null || try(stream.buffer_mb >= 1 && stream.buffer_mb <= 128 && floor(stream.buffer_mb) == stream.buffer_mb, false)) &&
      (stream.buffer_seconds == null || try(stream.buffer_seconds >= 0 && stream.buffer_seconds <= 900 && floor(stream.buffer_seconds) == stream.buffer_seconds, false))
    ])
    error_message = "A stream's buffer_mb must be a whole number from 1 to 128, its buffer_seconds one from 0 to 900: Firehose takes no others."
  }

  validation {
    condition = alltrue([
      for stream in values(var.streams) :
      stream.transform_max_concurrency == null || try(stream.transform_max_concurrency >= 2 && stream.transform_max_concurrency <= 1000 && floor(stream.transform_max_concurrency) == stream.transform_max_concurrency, false)
    ])
    error_message = "A stream's transform_max_concurrency must be a whole number from 2 to 1000."
  }
}

variable "hour_partition" {
  description = "Add `hour` to the partition keys of prefix, tables and functions. Decide before the first event: it does not change what is already there."
  type        = bool
  default     = false
}
