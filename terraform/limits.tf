# Limits that have to agree with each other: the table is in docs/settings.md. Validations of variables
# use these figures, but none that depends on its own variable, which would be a cycle. What a function
# can see for itself it checks once more at its start (src/clickstream_lake/lake/room.py; a test compares).

locals {
  # Of what lake_settings may set.
  limit_defaults = { LAKE_MAX_LINE_BYTES = 4194304, LAKE_MAX_OBJECT_BYTES = 536870912 }
  limits         = { for name, default in local.limit_defaults : name => try(tonumber(var.lake_settings[name]), default) }
  max_line_mb    = local.limits.LAKE_MAX_LINE_BYTES / 1048576
  max_object_mb  = local.limits.LAKE_MAX_OBJECT_BYTES / 1048576

  base_memory_mb       = 256 # libraries and one row group
  memory_per_line_byte = 64  # of the longest line, if it is full of empty objects
  tmp_per_object_byte  = 4   # JSON and Parquet; click events come to 1.1, events of 20 bytes to 3
  tmp_per_target_byte  = 4   # inputs and outputs of a merge together

  # Firehose may write more than its buffer when it has to catch up.
  largest_buffer_mb = max([for stream in local.streams : stream.buffer_mb]...)
  object_per_buffer = 2

  # What the transform promises of any input, for a MB on one vCPU.
  worst_seconds_per_mb = 0.5
  one_vcpu_mb          = 1769
  worst_object_seconds = local.worst_seconds_per_mb * local.largest_buffer_mb * 1.048576 * max(1, local.one_vcpu_mb / var.transform_memory_mb)
}
