# One valid set, and one bad input at a time.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package_dir = "tests/packages"
}

run "refuses_name" {
  command = plan

  variables {
    name = "Click_Stream"
  }

  expect_failures = [var.name]
}

run "refuses_tags" {
  command = plan

  variables {
    tags = { "aws:mine" = "x" }
  }

  expect_failures = [var.tags]
}

run "refuses_bucket_name" {
  command = plan

  variables {
    bucket_name = "my.bucket"
  }

  expect_failures = [var.bucket_name]
}

run "refuses_database_name" {
  command = plan

  variables {
    database_name = "click-stream"
  }

  expect_failures = [var.database_name]
}

run "refuses_catalog_file" {
  command = plan

  variables {
    catalog_file = "variables.tf"
  }

  expect_failures = [var.catalog_file]
}

run "refuses_package_dir" {
  command = plan

  variables {
    package_dir = "tests"
  }

  expect_failures = [var.package_dir]
}

run "refuses_no_streams" {
  command = plan

  variables {
    streams = {}
  }

  expect_failures = [var.streams]
}

run "refuses_stream_key" {
  command = plan

  variables {
    streams = { Events = {} }
  }

  expect_failures = [var.streams]
}

run "refuses_stream_prefix" {
  command = plan

  variables {
    streams = { events = { prefix = "/orders" } }
  }

  expect_failures = [var.streams]
}

run "refuses_stream_prefix_reserved" {
  command = plan

  variables {
    streams = { events = { prefix = "raw/orders/" } }
  }

  expect_failures = [var.streams]
}

run "refuses_stream_prefixes_the_same" {
  command = plan

  variables {
    streams = { events = {}, orders = {} }
  }

  expect_failures = [var.streams]
}

run "refuses_stream_prefixes_nested" {
  command = plan

  variables {
    streams = { events = { prefix = "a/" }, orders = { prefix = "a/raw/b/" } }
  }

  expect_failures = [var.streams]
}

run "refuses_stream_tables_the_same" {
  command = plan

  variables {
    streams = { events = { prefix = "a/", table_prefix = "x_" }, orders = { prefix = "b/", table_prefix = "x_" } }
  }

  expect_failures = [aws_glue_catalog_table.lake]
}

run "refuses_tables_of_one_name_of_two_catalogs" {
  command = plan

  variables {
    streams = { web = {}, app = { prefix = "app/", table_prefix = "", catalog_file = "tests/packages/same.json" } }
  }

  expect_failures = [aws_glue_catalog_table.lake]
}

run "refuses_a_streams_catalog_that_is_not_there" {
  command = plan

  variables {
    streams = { web = { catalog_file = "no.json" } }
  }

  expect_failures = [var.streams]
}

run "refuses_stream_table_prefix" {
  command = plan

  variables {
    streams = { events = { table_prefix = "Orders-" } }
  }

  expect_failures = [var.streams]
}

run "refuses_stream_buffer_mb" {
  command = plan

  variables {
    streams = { events = { buffer_mb = 129 } }
  }

  expect_failures = [var.streams]
}

run "refuses_stream_buffer_seconds" {
  command = plan

  variables {
    streams = { events = { buffer_seconds = 901 } }
  }

  expect_failures = [var.streams]
}

run "refuses_stream_concurrency" {
  command = plan

  variables {
    streams = { events = { transform_max_concurrency = 1 } }
  }

  expect_failures = [var.streams]
}

run "refuses_firehose_buffer_mb" {
  command = plan

  variables {
    firehose_buffer_mb = 129
  }

  expect_failures = [var.firehose_buffer_mb]
}

run "refuses_firehose_buffer_seconds" {
  command = plan

  variables {
    firehose_buffer_seconds = 901
  }

  expect_failures = [var.firehose_buffer_seconds]
}

run "refuses_architecture" {
  command = plan

  variables {
    architecture = "riscv"
  }

  expect_failures = [var.architecture]
}

run "refuses_transform_memory_mb" {
  command = plan

  variables {
    transform_memory_mb = 256
  }

  expect_failures = [var.transform_memory_mb]
}

run "refuses_transform_timeout_seconds" {
  command = plan

  variables {
    transform_timeout_seconds = 901
  }

  expect_failures = [var.transform_timeout_seconds]
}

run "refuses_less_memory_than_the_longest_line_takes" {
  command = plan

  variables {
    transform_memory_mb = 1000
    lake_settings       = { LAKE_MAX_LINE_BYTES = "16777216" }
  }

  expect_failures = [var.transform_memory_mb]
}

run "refuses_a_timeout_that_the_worst_input_of_a_buffer_outlasts" {
  command = plan

  variables {
    transform_timeout_seconds = 36
  }

  expect_failures = [var.transform_timeout_seconds]
}

run "refuses_a_timeout_that_the_worst_input_outlasts_on_part_of_a_cpu" {
  command = plan

  variables {
    transform_timeout_seconds = 120
    transform_memory_mb       = 512
    streams                   = { events = {}, orders = { prefix = "orders/", buffer_mb = 128 } }
  }

  expect_failures = [var.transform_timeout_seconds]
}

run "refuses_transform_tmp_mb" {
  command = plan

  variables {
    transform_tmp_mb = 256
  }

  expect_failures = [var.transform_tmp_mb]
}

run "refuses_transform_batch_size" {
  command = plan

  variables {
    transform_batch_size = 0
  }

  expect_failures = [var.transform_batch_size]
}

run "refuses_big_batches_without_a_window" {
  command = plan

  variables {
    transform_batch_size = 11
  }

  expect_failures = [var.transform_batch_size]
}

run "refuses_transform_batch_window_seconds" {
  command = plan

  variables {
    transform_batch_window_seconds = 301
  }

  expect_failures = [var.transform_batch_window_seconds]
}

run "refuses_transform_max_concurrency" {
  command = plan

  variables {
    transform_max_concurrency = 1
  }

  expect_failures = [var.transform_max_concurrency]
}

run "refuses_transform_reserved_concurrency" {
  command = plan

  variables {
    transform_reserved_concurrency = 0
  }

  expect_failures = [var.transform_reserved_concurrency]
}

run "refuses_reserved_below_the_queues_concurrency" {
  command = plan

  variables {
    transform_reserved_concurrency = 19
  }

  expect_failures = [var.transform_reserved_concurrency]
}

run "refuses_a_tmp_that_the_largest_object_fills" {
  command = plan

  variables {
    transform_tmp_mb = 2047
  }

  expect_failures = [var.transform_tmp_mb]
}

run "refuses_visibility_below_six_timeouts" {
  command = plan

  variables {
    transform_visibility_seconds = 1799
  }

  expect_failures = [var.transform_visibility_seconds]
}

run "refuses_transform_max_receives" {
  command = plan

  variables {
    transform_max_receives = 1
  }

  expect_failures = [var.transform_max_receives]
}

run "refuses_json_compression" {
  command = plan

  variables {
    json_compression = "zip"
  }

  expect_failures = [var.json_compression]
}

run "refuses_parquet_compression" {
  command = plan

  variables {
    parquet_compression = "gzip"
  }

  expect_failures = [var.parquet_compression]
}

run "refuses_log_level" {
  command = plan

  variables {
    log_level = "TRACE"
  }

  expect_failures = [var.log_level]
}

run "refuses_lake_settings_key" {
  command = plan

  variables {
    lake_settings = { LAKE_BUCKET = "1" }
  }

  expect_failures = [var.lake_settings]
}

run "refuses_objects_smaller_than_twice_the_buffer" {
  command = plan

  variables {
    firehose_buffer_mb = 128
    lake_settings      = { LAKE_MAX_OBJECT_BYTES = "268435455" }
  }

  expect_failures = [var.lake_settings]
}

run "refuses_lines_longer_than_objects" {
  command = plan

  variables {
    transform_memory_mb = 10240
    firehose_buffer_mb  = 1
    lake_settings       = { LAKE_MAX_OBJECT_BYTES = "4194304", LAKE_MAX_LINE_BYTES = "4194305" }
  }

  expect_failures = [var.lake_settings]
}

run "refuses_lake_settings_value" {
  command = plan

  variables {
    lake_settings = { LAKE_MAX_RATIO = "many" }
  }

  expect_failures = [var.lake_settings]
}

run "refuses_compact_schedule" {
  command = plan

  variables {
    compact_schedule = "hourly"
  }

  expect_failures = [var.compact_schedule]
}

run "refuses_cleanup_schedule" {
  command = plan

  variables {
    cleanup_schedule = "rate(0 hours)"
  }

  expect_failures = [var.cleanup_schedule]
}

run "refuses_audit_schedule" {
  command = plan

  variables {
    audit_schedule = "rate(0 hours)"
  }

  expect_failures = [var.audit_schedule]
}

run "refuses_audit_grace_minutes" {
  command = plan

  variables {
    audit_grace_minutes = -1
  }

  expect_failures = [var.audit_grace_minutes]
}

run "refuses_schedule_timezone" {
  command = plan

  variables {
    schedule_timezone = "+02:00"
  }

  expect_failures = [var.schedule_timezone]
}

run "refuses_compact_memory_mb" {
  command = plan

  variables {
    compact_memory_mb = 512
  }

  expect_failures = [var.compact_memory_mb]
}

run "refuses_compact_timeout_seconds" {
  command = plan

  variables {
    compact_timeout_seconds = 60
  }

  expect_failures = [var.compact_timeout_seconds]
}

run "refuses_compact_tmp_mb" {
  command = plan

  variables {
    compact_tmp_mb = 20000
  }

  expect_failures = [var.compact_tmp_mb]
}

run "refuses_tmp_too_small_for_a_merge" {
  command = plan

  variables {
    compact_tmp_mb = 1000
  }

  expect_failures = [var.compact_tmp_mb]
}

run "refuses_compact_target_file_mb" {
  command = plan

  variables {
    compact_target_file_mb = 0
  }

  expect_failures = [var.compact_target_file_mb]
}

run "refuses_compact_min_files" {
  command = plan

  variables {
    compact_min_files = 1
  }

  expect_failures = [var.compact_min_files]
}

run "refuses_compact_lookback_days" {
  command = plan

  variables {
    compact_lookback_days = 0
  }

  expect_failures = [var.compact_lookback_days]
}

run "refuses_compact_stale_schema_partitions" {
  command = plan

  variables {
    compact_stale_schema_partitions = 0
  }

  expect_failures = [var.compact_stale_schema_partitions]
}

run "refuses_schema_evolution" {
  command = plan

  variables {
    schema_evolution = "always"
  }

  expect_failures = [var.schema_evolution]
}

run "refuses_schema_evolution_percent" {
  command = plan

  variables {
    schema_evolution_percent = 0
  }

  expect_failures = [var.schema_evolution_percent]
}

run "refuses_schema_evolution_hours" {
  command = plan

  variables {
    schema_evolution_hours = 721
  }

  expect_failures = [var.schema_evolution_hours]
}

run "refuses_schema_evolution_max_columns" {
  command = plan

  variables {
    schema_evolution_max_columns = 101
  }

  expect_failures = [var.schema_evolution_max_columns]
}

run "refuses_compact_grace_seconds" {
  command = plan

  variables {
    compact_grace_seconds = 2592001
  }

  expect_failures = [var.compact_grace_seconds]
}

run "refuses_grace_shorter_than_queries" {
  command = plan

  variables {
    compact_grace_seconds = 3600
  }

  expect_failures = [var.compact_grace_seconds]
}

run "refuses_compact_max_concurrency" {
  command = plan

  variables {
    compact_max_concurrency = 1
  }

  expect_failures = [var.compact_max_concurrency]
}

run "refuses_compact_reserved_concurrency" {
  command = plan

  variables {
    compact_reserved_concurrency = 5
  }

  expect_failures = [var.compact_reserved_concurrency]
}

run "refuses_compact_max_receives" {
  command = plan

  variables {
    compact_max_receives = 1
  }

  expect_failures = [var.compact_max_receives]
}

run "refuses_raw_glacier_days" {
  command = plan

  variables {
    raw_glacier_days = 0
  }

  expect_failures = [var.raw_glacier_days]
}

run "refuses_raw_retention_days" {
  command = plan

  variables {
    raw_retention_days = 0
  }

  expect_failures = [var.raw_retention_days]
}

run "refuses_raw_expires_before_glacier_pays" {
  command = plan

  variables {
    raw_retention_days = 60
  }

  expect_failures = [var.raw_retention_days]
}

run "refuses_raw_legal_retention_days" {
  command = plan

  variables {
    raw_legal_retention_days = 0
  }

  expect_failures = [var.raw_legal_retention_days]
}

run "refuses_raw_expires_before_the_law_allows" {
  command = plan

  variables {
    raw_legal_retention_days = 366
  }

  expect_failures = [var.raw_legal_retention_days]
}

run "refuses_legal_retention_with_force_destroy" {
  command = plan

  variables {
    raw_legal_retention_days = 30
    force_destroy            = true
  }

  expect_failures = [var.raw_legal_retention_days]
}

run "refuses_rejected_retention_days" {
  command = plan

  variables {
    rejected_retention_days = 0
  }

  expect_failures = [var.rejected_retention_days]
}

run "refuses_errors_retention_days" {
  command = plan

  variables {
    errors_retention_days = 0
  }

  expect_failures = [var.errors_retention_days]
}

run "refuses_an_expiry_rule_over_everything" {
  command = plan

  variables {
    bucket_expiration_rules = { "" = 30 }
  }

  expect_failures = [var.bucket_expiration_rules]
}

run "refuses_an_expiry_rule_over_a_table" {
  command = plan

  variables {
    bucket_expiration_rules = { "processed/json/" = 30 }
  }

  expect_failures = [var.bucket_expiration_rules]
}

run "refuses_an_expiry_rule_without_a_slash" {
  command = plan

  variables {
    bucket_expiration_rules = { raw = 30 }
  }

  expect_failures = [var.bucket_expiration_rules]
}

run "refuses_an_expiry_rule_over_another_streams_manifests" {
  command = plan

  variables {
    streams                 = { events = {}, orders = { prefix = "shop/orders/" } }
    bucket_expiration_rules = { "shop/" = 30 }
  }

  expect_failures = [var.bucket_expiration_rules]
}

run "refuses_an_expiry_rule_after_no_day" {
  command = plan

  variables {
    bucket_expiration_rules = { "exports/" = 0 }
  }

  expect_failures = [var.bucket_expiration_rules]
}

run "refuses_an_expiry_rule_in_a_lifecycle_of_yours" {
  command = plan

  variables {
    create_bucket            = false
    bucket_name              = "ours"
    bucket_lifecycle_enabled = false
    bucket_expiration_rules  = { "exports/" = 14 }
  }

  expect_failures = [var.bucket_expiration_rules]
}

run "refuses_noncurrent_version_days" {
  command = plan

  variables {
    noncurrent_version_days = 0
  }

  expect_failures = [var.noncurrent_version_days]
}

run "refuses_incomplete_upload_days" {
  command = plan

  variables {
    incomplete_upload_days = 0
  }

  expect_failures = [var.incomplete_upload_days]
}

run "refuses_athena_scan_cutoff_gb" {
  command = plan

  variables {
    athena_scan_cutoff_gb = 0
  }

  expect_failures = [var.athena_scan_cutoff_gb]
}

run "refuses_athena_results_days" {
  command = plan

  variables {
    athena_results_days = 0
  }

  expect_failures = [var.athena_results_days]
}

run "refuses_kms_key" {
  command = plan

  variables {
    kms_enabled = true
    kms_key     = { arn = "alias/lake" }
  }

  expect_failures = [var.kms_key]
}

run "refuses_kms_key_without_kms" {
  command = plan

  variables {
    kms_key = { arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
  }

  expect_failures = [var.kms_key]
}

run "refuses_log_retention_days" {
  command = plan

  variables {
    log_retention_days = 31
  }

  expect_failures = [var.log_retention_days]
}

run "refuses_permissions_boundary_arn" {
  command = plan

  variables {
    permissions_boundary_arn = "boundary"
  }

  expect_failures = [var.permissions_boundary_arn]
}

run "refuses_alarm_topic" {
  command = plan

  variables {
    alarm_topic = { arn = "pager" }
  }

  expect_failures = [var.alarm_topic]
}

run "refuses_alarm_emails" {
  command = plan

  variables {
    alarm_emails = ["nobody"]
  }

  expect_failures = [var.alarm_emails]
}

run "refuses_emails_without_a_topic" {
  command = plan

  variables {
    alarm_emails   = ["a@example.com"]
    alarms_enabled = false
  }

  expect_failures = [var.alarm_emails]
}

run "refuses_alarm_reject_percent" {
  command = plan

  variables {
    alarm_reject_percent = 0
  }

  expect_failures = [var.alarm_reject_percent]
}

run "refuses_alarm_queue_age_seconds" {
  command = plan

  variables {
    alarm_queue_age_seconds = 30
  }

  expect_failures = [var.alarm_queue_age_seconds]
}

run "refuses_alarm_compaction_lag_hours" {
  command = plan

  variables {
    alarm_compaction_lag_hours = 0
  }

  expect_failures = [var.alarm_compaction_lag_hours]
}

run "refuses_lake_formation_readers" {
  command = plan

  variables {
    lake_formation_enabled = true
    lake_formation_readers = { analyst = "analyst" }
  }

  expect_failures = [var.lake_formation_readers]
}

run "refuses_readers_without_lake_formation" {
  command = plan

  variables {
    lake_formation_readers = { analyst = "arn:aws:iam::123456789012:role/analyst" }
  }

  expect_failures = [var.lake_formation_readers]
}

run "refuses_lake_formation_excluded_columns" {
  command = plan

  variables {
    lake_formation_excluded_columns = ["password"]
  }

  expect_failures = [var.lake_formation_excluded_columns]
}

run "refuses_lake_formation_mode" {
  command = plan

  variables {
    lake_formation_mode = "loose"
  }

  expect_failures = [var.lake_formation_mode]
}

run "refuses_a_group_in_hybrid_mode" {
  command = plan

  variables {
    lake_formation_enabled = true
    lake_formation_readers = { team = "arn:aws:iam::123456789012:group/analysts" }
  }

  expect_failures = [var.lake_formation_readers]
}

run "refuses_lake_formation_over_a_bucket_of_yours" {
  command = plan

  variables {
    lake_formation_enabled = true
    create_bucket          = false
    bucket_name            = "ours"
  }

  expect_failures = [var.lake_formation_enabled]
}

run "refuses_a_database_without_a_name" {
  command = plan

  variables {
    create_database = false
  }

  expect_failures = [var.database_name]
}

run "refuses_a_bucket_without_a_name" {
  command = plan

  variables {
    create_bucket = false
  }

  expect_failures = [var.bucket_name]
}

run "refuses_the_lakes_own_bucket_without_notification" {
  command = plan

  variables {
    bucket_notification_enabled = false
  }

  expect_failures = [var.bucket_notification_enabled]
}

run "refuses_the_lakes_own_bucket_without_lifecycle" {
  command = plan

  variables {
    bucket_lifecycle_enabled = false
  }

  expect_failures = [var.bucket_lifecycle_enabled]
}

run "refuses_legal_retention_in_a_bucket_of_yours" {
  command = plan

  variables {
    create_bucket            = false
    bucket_name              = "ours"
    raw_legal_retention_days = 30
  }

  expect_failures = [var.raw_legal_retention_days]
}

run "refuses_names_that_are_too_long_together" {
  command = plan

  variables {
    name    = "a-lake-of-some-length-xx"
    streams = { of-sixteen-chars = {} }
  }

  expect_failures = [var.streams]
}

run "refuses_release_location" {
  command = plan

  variables {
    package_dir = null
    release     = { location = "s3://releases/v1/", checksums = join("", [for name in ["transform.zip", "compact.zip", "layer-arm64.zip"] : "${sha256(name)}  ${name}\n"]) }
  }

  expect_failures = [var.release]
}

run "refuses_release_checksums" {
  command = plan

  variables {
    package_dir = null
    release     = { location = "releases/v1", checksums = "${sha256("x")}  transform.zip\n" }
  }

  expect_failures = [var.release]
}

run "refuses_a_release_and_a_directory" {
  command = plan

  variables {
    release = { location = "releases/v1", checksums = join("", [for name in ["transform.zip", "compact.zip", "layer-arm64.zip"] : "${sha256(name)}  ${name}\n"]) }
  }

  expect_failures = [var.package_dir]
}
