# What the lake is called, and where its parts come from.

variable "name" {
  description = "Prefix of every resource's name. Lakes of one account and region need different names; in different regions they may have the same. Decide before the first event: bucket and database keep the names of their first apply."
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
    condition     = var.create_bucket || var.bucket_name != null
    error_message = "Without create_bucket, bucket_name must say which bucket is there."
  }

  validation {
    condition     = var.bucket_name == null || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name must have 3 to 63 lower-case letters, digits and hyphens (dots break TLS to virtual-hosted buckets)."
  }
}

variable "create_bucket" {
  description = "Create the bucket. Off, `bucket_name` names one of yours in this region: its policy, encryption, versioning and public access stay your business, while its notification and lifecycle become the lake's, and what it had of either is replaced."
  type        = bool
  default     = true
  nullable    = false
}

variable "bucket_notification_enabled" {
  description = "Set the bucket's notification. Off, for a bucket of yours that notifies others, too: put what the output `bucket_notifications` lists into its one configuration, or no event is ever transformed."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.bucket_notification_enabled || !var.create_bucket
    error_message = "bucket_notification_enabled can be off only for a bucket of yours (create_bucket = false)."
  }
}

variable "bucket_lifecycle_enabled" {
  description = "Set the bucket's lifecycle. Off, for a bucket of yours with rules of its own: nothing of the lake expires by this module then, and no rule may expire `processed/` or `manifests/`."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.bucket_lifecycle_enabled || !var.create_bucket
    error_message = "bucket_lifecycle_enabled can be off only for a bucket of yours (create_bucket = false)."
  }
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete the bucket with all events in it. For trials only."
  type        = bool
  default     = false
}

variable "database_name" {
  description = "Name of the Glue database that the tables go into. By default `name`, with underscores for hyphens."
  type        = string
  default     = null

  validation {
    condition     = var.database_name == null || can(regex("^[a-z0-9_]{1,255}$", var.database_name))
    error_message = "database_name must have 1 to 255 lower-case letters, digits and underscores, as Athena wants them."
  }

  validation {
    condition     = var.create_database || var.database_name != null
    error_message = "Without create_database, database_name must say which database is there."
  }
}

variable "create_database" {
  description = "Create the Glue database. Off, `database_name` names one that is there: only the tables are made."
  type        = bool
  default     = true
  nullable    = false
}

variable "catalog_file" {
  description = "Path of the catalog that says columns, types, personal data and table formats: tables are made from it, and it is uploaded for the functions to read. Check it first with `clickstream catalog check`. By default the one that is packaged; a stream may have its own."
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
  description = "Directory that `make package` or `clickstream package` filled: transform.zip, compact.zip and layer-<architecture>.zip. By default `dist` beside this directory."
  type        = string
  default     = null

  validation {
    condition = var.release != null || alltrue([
      for file in ["transform.zip", "compact.zip", "layer-${var.architecture}.zip"] :
      fileexists("${coalesce(var.package_dir, "${path.module}/../dist")}/${file}")
    ])
    error_message = "package_dir lacks transform.zip, compact.zip or layer-${var.architecture}.zip. Run `make package` in a checkout of this module's version; where the module comes from elsewhere, fill a directory by `clickstream package` and name it, or name a `release`."
  }

  validation {
    condition     = var.release == null || var.package_dir == null
    error_message = "Name a release or a package_dir, not both."
  }
}

variable "release" {
  description = "Where in S3 a release's files are, instead of `package_dir`: `{ location = \"<bucket>/<prefix>\", checksums = file(\"SHA256SUMS\") }`, of any region. They are copied into the lake's bucket, and refused if they are not what the checksums say."
  type        = object({ location = string, checksums = string })
  default     = null

  validation {
    condition     = var.release == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^/].*[^/]$", var.release.location))
    error_message = "release.location must be a bucket and a prefix without slashes around it, such as my-releases/clickstream/v0.2.0."
  }

  validation {
    condition = var.release == null || alltrue([
      for name in ["transform.zip", "compact.zip", "layer-${var.architecture}.zip"] :
      can(regex("(?m)^[0-9a-f]{64} [ *]${replace(name, ".", "\\.")}$", var.release.checksums))
    ])
    error_message = "release.checksums must be the text of the release's SHA256SUMS, with transform.zip, compact.zip and layer-${var.architecture}.zip."
  }
}

variable "streams" {
  description = <<-EOT
    One Firehose stream, pair of functions and set of tables per family of events. The key names the
    stream (`<name>-<key>`). `prefix` goes before `raw/`, `processed/`, `rejected/` and `manifests/` in the bucket and
    must differ from stream to stream; `table_prefix` goes before the catalog's table names and defaults
    to the key for every stream that has a `prefix`. `catalog_file` says the family's columns,
    partitions and personal data; without it `catalog_file` of the lake does. Buffers fall back to `firehose_buffer_*`.

    `routes` names families that some events of the stream are of, where producers cannot be split: each has
    a catalog, and the values of `route_by`, a top-level field, that its events have. It gets tables, a compact
    function and alarms of its own, under `prefix` (`<family>/`) and with `table_prefix` (`<family>_`); what no route
    names stays in the stream's own family. docs/schemas.md says what it costs.
  EOT
  type = map(object({
    prefix                    = optional(string, "")
    table_prefix              = optional(string)
    catalog_file              = optional(string)
    buffer_mb                 = optional(number)
    buffer_seconds            = optional(number)
    transform_max_concurrency = optional(number)
    route_by                  = optional(string, "event_type")
    routes = optional(map(object({
      catalog_file = string
      event_types  = list(string)
      prefix       = optional(string)
      table_prefix = optional(string)
    })), {})
  }))
  default = {
    events = {}
  }

  validation {
    condition     = length(var.streams) >= 1 && length(var.streams) <= 10
    error_message = "streams must hold 1 to 10 streams."
  }

  validation {
    condition = alltrue([
      for stream in values(var.streams) : stream.catalog_file == null || (
        can(jsondecode(file(stream.catalog_file)).tables.parquet.name) &&
        can(jsondecode(file(stream.catalog_file)).columns[0].name) &&
        can(jsondecode(file(stream.catalog_file)).partition_keys[0])
      )
    ])
    error_message = "A stream's catalog_file must name a JSON file with `columns`, `partition_keys` and `tables`: `clickstream catalog check` says more."
  }

  validation {
    condition = alltrue(flatten([
      for stream in values(var.streams) : [
        for route in values(stream.routes) :
        can(jsondecode(file(route.catalog_file)).tables.parquet.name) &&
        can(jsondecode(file(route.catalog_file)).columns[0].name) &&
        can(jsondecode(file(route.catalog_file)).partition_keys[0])
      ]
    ]))
    error_message = "A route's catalog_file must name a JSON file with `columns`, `partition_keys` and `tables`: `clickstream catalog check` says more."
  }

  validation {
    condition     = alltrue([for stream in values(var.streams) : length(stream.routes) <= 9])
    error_message = "A stream may have at most 9 routes."
  }

  validation {
    condition     = alltrue(flatten([for stream in values(var.streams) : [for route in values(stream.routes) : length(route.event_types) > 0]]))
    error_message = "A route must have event_types: without them no event would be of its family."
  }

  validation {
    # JSON and UTF-8, as the functions compare them; src/clickstream_lake/lake/routes.py checks the rest.
    condition = alltrue(flatten([
      for stream in values(var.streams) : [
        for kind in flatten(values(stream.routes)[*].event_types) : length(kind) >= 1 && length(kind) <= 256 && !can(regex("[[:cntrl:]]", kind))
      ]
    ]))
    error_message = "An event type of a route must have 1 to 256 characters, and no control character."
  }

  validation {
    condition = alltrue([
      for stream in values(var.streams) :
      length(distinct(flatten(values(stream.routes)[*].event_types))) == length(flatten(values(stream.routes)[*].event_types))
    ])
    error_message = "An event type may be in one route of a stream only, and once."
  }

  validation {
    condition = (
      length(distinct(concat(keys(var.streams), flatten([for stream in values(var.streams) : keys(stream.routes)])))) ==
      length(concat(keys(var.streams), flatten([for stream in values(var.streams) : keys(stream.routes)])))
    )
    error_message = "The families of routes must have other keys than all streams, and than those of other streams' routes."
  }

  validation {
    condition     = alltrue([for stream in values(var.streams) : can(regex("^[A-Za-z_][A-Za-z0-9_.-]{0,127}$", stream.route_by))])
    error_message = "A stream's route_by must be the name of one top-level field: ASCII letters, digits, underscores, dots and hyphens."
  }

  validation {
    # A table must not contain another's files, nor be among raw objects.
    condition = alltrue(flatten([
      for stream in values(var.streams) : [
        for key, route in stream.routes :
        can(regex("^([a-z0-9][a-z0-9_-]*/)+$", coalesce(route.prefix, "${key}/"))) &&
        !contains(["raw", "processed", "rejected", "manifests", "errors", "athena-results", "artifacts"], split("/", coalesce(route.prefix, "${key}/"))[0]) &&
        alltrue([
          for other in concat(values(var.streams)[*].prefix, flatten([for each in values(var.streams) : [for name, of in each.routes : coalesce(of.prefix, "${name}/") if name != key]])) :
          coalesce(route.prefix, "${key}/") != other && alltrue([
            for folder in ["raw/", "processed/", "rejected/", "manifests/", "errors/"] :
            !startswith(coalesce(route.prefix, "${key}/"), "${other}${folder}") && !startswith(other, "${coalesce(route.prefix, "${key}/")}${folder}")
          ])
        ])
      ]
    ]))
    error_message = "A route needs a prefix of its own: a path that ends with a slash, is no stream's and no other route's, and lies in none of their folders."
  }

  validation {
    condition     = alltrue(flatten([for stream in values(var.streams) : [for route in values(stream.routes) : can(regex("^[a-z0-9_]{0,64}$", coalesce(route.table_prefix, "-") == "-" ? "" : route.table_prefix))]]))
    error_message = "A route's table_prefix may hold up to 64 lower-case letters, digits and underscores."
  }

  validation {
    # A role's name has 64 characters: lake, stream, "transform" and the longest region's name.
    condition     = alltrue([for key in concat(keys(var.streams), flatten([for stream in values(var.streams) : keys(stream.routes)])) : length(var.name) + length(key) <= 37])
    error_message = "name and a stream's key may have 37 characters together: roles are named after both, the function and the region."
  }

  validation {
    condition     = alltrue([for key in concat(keys(var.streams), flatten([for stream in values(var.streams) : keys(stream.routes)])) : can(regex("^[a-z][a-z0-9-]{0,14}[a-z0-9]$", key))])
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
