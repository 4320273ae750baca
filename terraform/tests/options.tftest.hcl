# Every optional feature, on and off.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package_dir = "tests/packages"
}

run "another_catalog_is_an_apply" {
  command = plan

  variables {
    catalog_file = "tests/packages/orders.json"
  }

  assert {
    condition     = toset([for table in aws_glue_catalog_table.lake : table.name]) == toset(["orders", "orders_parquet", "orders_rejects"]) && [for column in one(aws_glue_catalog_table.lake["events-parquet"].storage_descriptor).columns : column.name] == [for column in jsondecode(file("tests/packages/orders.json")).columns : column.name]
    error_message = "Tables must be made from the catalog that is named."
  }

  assert {
    condition     = aws_s3_object.catalog[filesha256("tests/packages/orders.json")].key == "artifacts/catalogs/${filesha256("tests/packages/orders.json")}.json" && aws_s3_object.catalog[filesha256("tests/packages/orders.json")].source == "tests/packages/orders.json"
    error_message = "The file must be uploaded under its hash."
  }

  assert {
    condition     = alltrue([for function in aws_lambda_function.function : function.environment[0].variables.LAKE_CATALOG == "s3://clickstream-123456789012-eu-central-1/artifacts/catalogs/${filesha256("tests/packages/orders.json")}.json"])
    error_message = "The functions must read it from there."
  }

  assert {
    condition     = toset(keys(aws_athena_named_query.saved)) == toset(["events-json_and_parquet_agree", "events-rejects_by_reason", "events-undeclared_fields"])
    error_message = "Only queries that name no column of another catalog may be saved."
  }

  assert {
    condition     = strcontains(output.commands["events"].query, "SELECT status, COUNT(*)") && strcontains(output.commands["events"].send_event, "\\\"order_no\\\":")
    error_message = "What to type next must be of the catalog's columns."
  }
}

run "streams_have_prefixes_and_tables_of_their_own" {
  command = plan

  variables {
    streams = {
      events = {}
      orders = { prefix = "shop/orders/", buffer_mb = 8, buffer_seconds = 60, transform_max_concurrency = 2 }
    }
  }

  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.events["orders"].extended_s3_configuration).prefix == "shop/orders/raw/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/"
    error_message = "A stream must deliver to its own prefix."
  }

  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.events["orders"].extended_s3_configuration).buffering_size == 8 && one(aws_kinesis_firehose_delivery_stream.events["events"].extended_s3_configuration).buffering_size == 64
    error_message = "A stream must take its own buffer, or the common one."
  }

  assert {
    condition     = toset([for table in aws_glue_catalog_table.lake : table.name]) == toset(["clickstream_events", "clickstream_events_parquet", "clickstream_rejects", "orders_clickstream_events", "orders_clickstream_events_parquet", "orders_clickstream_rejects"])
    error_message = "A stream must have tables of its own."
  }

  assert {
    condition     = one(aws_glue_catalog_table.lake["orders-parquet"].storage_descriptor).location == "s3://clickstream-123456789012-eu-central-1/shop/orders/processed/parquet/"
    error_message = "A stream's tables must lie under its prefix."
  }

  assert {
    condition     = length(aws_s3_bucket_notification.lake[0].queue) == 4
    error_message = "The bucket must notify of each stream's raw objects and errors."
  }

  assert {
    condition     = aws_lambda_function.function["orders-transform"].environment[0].variables.LAKE_RAW_PREFIX == "shop/orders/raw/" && aws_lambda_function.function["orders-transform"].environment[0].variables.LAKE_PARQUET_TABLE == "orders_clickstream_events_parquet"
    error_message = "A stream's functions must work on its prefix and tables."
  }

  assert {
    condition     = one(aws_lambda_event_source_mapping.function["orders-transform"].scaling_config).maximum_concurrency == 2
    error_message = "A stream must have its own concurrency."
  }

  assert {
    condition     = length(aws_scheduler_schedule.compact) == 6
    error_message = "Each stream must be compacted, cleaned up and audited."
  }
}

run "one_streams_functions_cannot_touch_the_others_files" {
  command = apply

  variables {
    streams = {
      events = {}
      orders = { prefix = "orders/" }
    }
  }

  assert {
    condition = alltrue(flatten([
      for statement in concat(data.aws_iam_policy_document.function["orders-transform"].statement, data.aws_iam_policy_document.function["orders-compact"].statement) : [
        # Catalogs, which name columns, are for all.
        for resource in statement.resources : strcontains(resource, "/orders/") if startswith(resource, "arn:aws:s3:::lake/") && !strcontains(resource, "/artifacts/catalogs/")
      ]
    ]))
    error_message = "The functions of orders must stay under orders/."
  }

  assert {
    condition = alltrue(flatten([
      for statement in concat(data.aws_iam_policy_document.function["events-transform"].statement, data.aws_iam_policy_document.function["events-compact"].statement) : [
        for resource in statement.resources : !strcontains(resource, "orders")
      ]
    ]))
    error_message = "The functions of events must not reach orders."
  }
}

run "each_family_has_a_catalog" {
  command = plan

  variables {
    streams = {
      web    = {}
      orders = { prefix = "orders/", table_prefix = "", catalog_file = "tests/packages/orders.json" }
      app    = { prefix = "app/", table_prefix = "", catalog_file = "tests/packages/app.json" }
      kiosk  = { prefix = "kiosk/", catalog_file = "tests/packages/app.json" }
    }
  }

  assert {
    condition = alltrue([
      [for column in one(aws_glue_catalog_table.lake["orders-parquet"].storage_descriptor).columns : column.name] == [for column in jsondecode(file("tests/packages/orders.json")).columns : column.name],
      [for column in one(aws_glue_catalog_table.lake["app-parquet"].storage_descriptor).columns : column.name] == [for column in jsondecode(file("tests/packages/app.json")).columns : column.name],
      aws_glue_catalog_table.lake["app-parquet"].name == "app_events_parquet",
      aws_glue_catalog_table.lake["kiosk-parquet"].name == "kiosk_app_events_parquet",
      aws_glue_catalog_table.lake["web-parquet"].name == "clickstream_events_parquet",
    ])
    error_message = "A stream's tables must be those of its catalog."
  }

  assert {
    condition = alltrue([
      [for key in aws_glue_catalog_table.lake["app-json"].partition_keys : key.name] == ["year", "month", "day", "hour"],
      [for key in aws_glue_catalog_table.lake["web-json"].partition_keys : key.name] == ["year", "month", "day"],
      endswith(one(aws_kinesis_firehose_delivery_stream.events["app"].extended_s3_configuration).prefix, "day=!{timestamp:dd}/hour=!{timestamp:HH}/"),
      endswith(one(aws_kinesis_firehose_delivery_stream.events["web"].extended_s3_configuration).prefix, "day=!{timestamp:dd}/"),
      aws_lambda_function.function["app-compact"].environment[0].variables.LAKE_PARTITION_KEYS == "year,month,day,hour",
    ])
    error_message = "A stream's partitions must be those of its catalog."
  }

  assert {
    condition     = length(aws_s3_object.catalog) == 3 && endswith(aws_lambda_function.function["kiosk-transform"].environment[0].variables.LAKE_CATALOG, "/${filesha256("tests/packages/app.json")}.json")
    error_message = "Each catalog must be uploaded once, and read by the functions of its streams."
  }

  assert {
    condition     = contains(keys(aws_athena_named_query.saved), "web-events_per_type") && !contains(keys(aws_athena_named_query.saved), "app-events_per_type") && strcontains(output.commands["app"].send_event, "battery") && strcontains(output.commands["app"].query, "SELECT build, COUNT(*) FROM app_events_parquet")
    error_message = "What names columns must be a stream's own."
  }
}

run "refuses_a_part_of_the_day_that_firehose_has_not" {
  command = plan

  variables {
    streams = { events = { catalog_file = "tests/packages/turns.json" } }
  }

  expect_failures = [aws_kinesis_firehose_delivery_stream.events]
}

run "hour_partitions" {
  command = plan

  variables {
    hour_partition = true
  }

  assert {
    condition     = endswith(one(aws_kinesis_firehose_delivery_stream.events["events"].extended_s3_configuration).prefix, "day=!{timestamp:dd}/hour=!{timestamp:HH}/")
    error_message = "Firehose must add the hour to the prefix."
  }

  assert {
    condition     = alltrue([for table in aws_glue_catalog_table.lake : [for key in table.partition_keys : key.name] == ["year", "month", "day", "hour"]])
    error_message = "All tables must be partitioned by hour."
  }

  assert {
    condition     = aws_lambda_function.function["events-transform"].environment[0].variables.LAKE_PARTITION_KEYS == "year,month,day,hour" && aws_lambda_function.function["events-compact"].environment[0].variables.LAKE_PARTITION_KEYS == "year,month,day,hour"
    error_message = "Both functions must know of the hour."
  }
}

run "kms_on" {
  command = apply

  variables {
    kms_enabled = true
  }

  assert {
    condition = alltrue([
      one(one(aws_s3_bucket_server_side_encryption_configuration.lake[0].rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms",
      one(aws_s3_bucket_server_side_encryption_configuration.lake[0].rule).bucket_key_enabled,
      aws_kms_key.lake[0].enable_key_rotation,
      alltrue([for queue in [aws_sqs_queue.work["events-transform"], aws_sqs_queue.dead["events-transform"], aws_sqs_queue.work["events-compact"], aws_sqs_queue.dead["events-compact"], aws_sqs_queue.schedule_dead] : queue.kms_master_key_id == aws_kms_key.lake[0].arn]),
      alltrue([for group in [aws_cloudwatch_log_group.function["events-transform"], aws_cloudwatch_log_group.function["events-compact"], aws_cloudwatch_log_group.firehose["events"]] : group.kms_key_id == aws_kms_key.lake[0].arn]),
      aws_lambda_function.function["events-transform"].kms_key_arn == aws_kms_key.lake[0].arn,
      aws_sns_topic.alarms[0].kms_master_key_id == aws_kms_key.lake[0].arn,
      one(aws_kinesis_firehose_delivery_stream.events["events"].server_side_encryption).key_type == "CUSTOMER_MANAGED_CMK",
      one(one(one(aws_athena_workgroup.lake.configuration).result_configuration).encryption_configuration).encryption_option == "SSE_KMS",
    ])
    error_message = "The key must encrypt bucket, queues, logs, topic, functions, stream and results."
  }

  assert {
    condition     = alltrue([for document in [data.aws_iam_policy_document.function["events-transform"], data.aws_iam_policy_document.function["events-compact"], data.aws_iam_policy_document.firehose["events"], data.aws_iam_policy_document.scheduler] : contains([for statement in document.statement : statement.sid], "Encrypt")])
    error_message = "Every role must be allowed to use the key."
  }

  assert {
    condition = alltrue(flatten([
      for document in [data.aws_iam_policy_document.function["events-transform"], data.aws_iam_policy_document.function["events-compact"], data.aws_iam_policy_document.firehose["events"]] : [
        for statement in document.statement : [for condition in statement.condition : condition.variable] == ["kms:ViaService"] if statement.sid == "Encrypt"
      ]
    ]))
    error_message = "A role that works with data may use the key through the services that hold it, and not by itself."
  }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.kms[0].statement : statement.sid if length(statement.condition) == 0] == ["TheAccountAdministersIt", "ServicesThatSendToEncryptedQueues"]
    error_message = "Services that do not say on whose behalf they ask must not be asked for it."
  }
}

run "kms_off" {
  command = plan

  assert {
    condition     = length(aws_kms_key.lake) == 0 && output.kms_key_arn == null && aws_sqs_queue.work["events-transform"].sqs_managed_sse_enabled
    error_message = "Without the option no key may be created, and queues must use SQS's own."
  }
}

run "kms_with_an_own_key" {
  command = plan

  variables {
    kms_enabled = true
    kms_key     = { arn = "arn:aws:kms:eu-central-1:123456789012:key/11111111-1111-1111-1111-111111111111" }
  }

  assert {
    condition     = length(aws_kms_key.lake) == 0 && aws_sqs_queue.work["events-transform"].kms_master_key_id == "arn:aws:kms:eu-central-1:123456789012:key/11111111-1111-1111-1111-111111111111"
    error_message = "With a key given, none may be created."
  }
}

run "tracing_on" {
  command = apply

  variables {
    tracing_enabled = true
  }

  assert {
    condition     = one(aws_lambda_function.function["events-transform"].tracing_config).mode == "Active" && contains([for statement in data.aws_iam_policy_document.function["events-transform"].statement : statement.sid], "Trace")
    error_message = "Traces must be recorded and allowed."
  }
}

run "schedules_off" {
  command = plan

  variables {
    compact_enabled = false
    cleanup_enabled = false
    audit_enabled   = false
  }

  assert {
    condition     = alltrue([for schedule in aws_scheduler_schedule.compact : schedule.state == "DISABLED"])
    error_message = "Off, no schedule may run."
  }
}

run "legal_retention" {
  command = apply

  variables {
    raw_legal_retention_days = 300
  }

  assert {
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.lake[0].rule : rule.filter[0].prefix => rule.noncurrent_version_expiration[0].noncurrent_days if length(rule.noncurrent_version_expiration) > 0 } == { "raw/" = 300, "processed/" = 7, "rejected/" = 7, "manifests/" = 7, "errors/" = 7, "athena-results/" = 7, "artifacts/" = 7 }
    error_message = "No version of a raw object may expire before the law allows."
  }

  assert {
    condition     = contains([for statement in data.aws_iam_policy_document.lake_bucket[0].statement : statement.sid], "RawObjectsStayForTheLaw")
    error_message = "Nobody may delete raw objects by hand."
  }
}

run "raw_objects_for_ever" {
  command = plan

  variables {
    raw_glacier_days        = null
    raw_retention_days      = null
    rejected_retention_days = null
  }

  assert {
    condition     = !anytrue([for rule in aws_s3_bucket_lifecycle_configuration.lake[0].rule : contains(["events-raw", "events-rejected"], rule.id)])
    error_message = "Without a period nothing may expire."
  }
}

run "what_lies_beside_the_lake_may_expire" {
  command = plan

  variables {
    bucket_expiration_rules = { "exports/" = 14, "tmp/" = 1 }
  }

  assert {
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.lake[0].rule : rule.filter[0].prefix => rule.expiration[0].days if startswith(rule.id, "beside-the-lake-") } == { "exports/" = 14, "tmp/" = 1 }
    error_message = "Each prefix beside the lake must expire after its days."
  }
}

run "x86_64" {
  command = plan

  variables {
    architecture = "x86_64"
  }

  assert {
    condition     = aws_lambda_function.function["events-transform"].architectures == tolist(["x86_64"]) && startswith(aws_lambda_layer_version.dependencies.s3_key, "artifacts/layer-x86_64-")
    error_message = "Function and layer must be of the same architecture."
  }
}

run "settings_reach_the_functions" {
  command = plan

  variables {
    lake_settings    = { LAKE_MAX_RATIO = "800" }
    json_compression = "gzip"
  }

  assert {
    condition     = aws_lambda_function.function["events-transform"].environment[0].variables.LAKE_MAX_RATIO == "800" && aws_lambda_function.function["events-transform"].environment[0].variables.LAKE_JSON_COMPRESSION == "gzip"
    error_message = "Settings must reach the functions."
  }
}

run "a_boundary_bounds_every_role" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = alltrue([for role in [aws_iam_role.function["events-transform"], aws_iam_role.function["events-compact"], aws_iam_role.firehose["events"], aws_iam_role.scheduler] : role.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"])
    error_message = "Every role must have the boundary."
  }
}

run "code_signing_on" {
  command = apply

  variables {
    code_signing_enabled = true
  }

  override_resource {
    target = aws_signer_signing_job.package
    values = {
      signed_object = [{ s3 = [{ bucket = "lake", key = "artifacts/signed/package.zip" }] }]
    }
  }

  assert {
    condition = alltrue([
      for function in [aws_lambda_function.function["events-transform"], aws_lambda_function.function["events-compact"]] :
      function.filename == null && function.s3_key == "artifacts/signed/package.zip" && function.code_signing_config_arn == aws_lambda_code_signing_config.lake[0].arn
    ])
    error_message = "The functions must run signed code only."
  }

  assert {
    condition     = aws_lambda_layer_version.dependencies.s3_key == "artifacts/signed/package.zip" && length(aws_s3_object.layer) == 0 && toset(keys(aws_signer_signing_job.package)) == toset(["compact", "layer", "transform"])
    error_message = "Layer and functions must be signed."
  }

  assert {
    condition     = one(aws_lambda_code_signing_config.lake[0].policies).untrusted_artifact_on_deployment == "Enforce"
    error_message = "Unsigned code must be refused, not only reported."
  }
}

run "code_signing_off" {
  command = plan

  assert {
    condition     = length(aws_signer_signing_profile.lake) + length(aws_s3_object.unsigned) == 0 && aws_lambda_function.function["events-transform"].filename == "tests/packages/transform.zip"
    error_message = "Without the option nothing may be signed."
  }
}

run "lake_formation_on" {
  command = apply

  variables {
    lake_formation_enabled          = true
    lake_formation_readers          = { analyst = "arn:aws:iam::123456789012:role/analyst" }
    lake_formation_excluded_columns = ["user_agent", "extra"]
  }

  assert {
    condition = jsonencode({
      for key, grant in aws_lakeformation_permissions.reader : split(" ", key)[0] => sort(tolist(one(grant.table_with_columns).excluded_column_names))
    }) == jsonencode({ events-json = ["user_agent"], events-parquet = ["extra", "user_agent"], events-rejects = [] })
    error_message = "Readers must not see the excluded columns, of those that each table has."
  }

  assert {
    condition     = alltrue([for grant in aws_lakeformation_permissions.reader : toset(grant.permissions) == toset(["SELECT"])])
    error_message = "Readers may only read."
  }

  assert {
    condition     = length(aws_lakeformation_permissions.writer) == 5 && length(aws_lakeformation_permissions.location) == 2
    error_message = "Both functions must be able to register partitions."
  }

  assert {
    condition     = aws_lakeformation_resource.lake[0].arn == aws_s3_bucket.lake[0].arn
    error_message = "The bucket must be registered."
  }
}

run "lake_formation_hybrid" {
  command = apply

  variables {
    lake_formation_enabled = true
    lake_formation_readers = { analysts = "arn:aws:iam::123456789012:role/analyst" }
  }

  assert {
    condition     = aws_lakeformation_resource.lake[0].hybrid_access_enabled && toset(keys(aws_lakeformation_opt_in.reader)) == toset(keys(aws_lakeformation_permissions.reader)) && keys(aws_lakeformation_opt_in.reader_database) == ["analysts"]
    error_message = "Each reader must be opted in wherever it is granted something."
  }

  assert {
    condition     = length(output.lake_formation_revokes) == 0
    error_message = "Nobody else loses anything."
  }
}

run "lake_formation_strict" {
  command = apply

  variables {
    lake_formation_enabled = true
    lake_formation_mode    = "strict"
    lake_formation_readers = { team = "arn:aws:iam::123456789012:group/analysts" }
  }

  assert {
    condition     = !aws_lakeformation_resource.lake[0].hybrid_access_enabled && length(aws_lakeformation_opt_in.reader) == 0
    error_message = "Strict, nobody is an exception."
  }

  assert {
    condition     = length(output.lake_formation_revokes) == 2 + length(aws_glue_catalog_table.lake)
    error_message = "Default, database and each table must be revoked."
  }
}

run "lake_formation_off" {
  command = plan

  assert {
    condition     = length(aws_lakeformation_resource.lake) + length(aws_lakeformation_permissions.writer) + length(aws_iam_role.lake_formation) == 0
    error_message = "Without the option Lake Formation must stay out of it."
  }
}

run "limits_that_just_agree_are_taken" {
  command = plan

  variables {
    firehose_buffer_mb        = 128
    transform_timeout_seconds = 75
    transform_memory_mb       = 1769
    transform_tmp_mb          = 1024
    lake_settings             = { LAKE_MAX_OBJECT_BYTES = "268435456", LAKE_MAX_LINE_BYTES = "16777216" }
  }

  assert {
    condition     = aws_lambda_function.function["events-transform"].environment[0].variables.LAKE_MAX_OBJECT_BYTES == "268435456"
    error_message = "Limits that agree must reach the function."
  }
}

run "lambda_trusted_without_its_account" {
  command = plan

  variables {
    lambda_trust_source_account = false
  }

  assert {
    condition     = length(one(data.aws_iam_policy_document.trust["lambda"].statement).condition) == 0
    error_message = "The switch must take the condition away."
  }
}

run "who_has_a_project_tag_keeps_it" {
  command = plan

  variables {
    tags = { project = "ours" }
  }

  assert {
    condition     = local.tags == tomap({ project = "ours" })
    error_message = "IAM takes Project and project for one key."
  }
}

run "tags_that_differ_in_case_alone" {
  command = plan

  variables {
    tags = { Team = "a", team = "b" }
  }

  expect_failures = [aws_iam_role.function]
}

run "a_database_that_is_there" {
  command = plan

  variables {
    create_database = false
    database_name   = "shared"
  }

  assert {
    condition     = length(aws_glue_catalog_database.lake) == 0 && alltrue([for table in aws_glue_catalog_table.lake : table.database_name == "shared"]) && output.database == "shared"
    error_message = "The tables must go into the database that is there."
  }
}

run "a_bucket_that_is_there" {
  command = plan

  variables {
    create_bucket               = false
    bucket_name                 = "ours"
    bucket_notification_enabled = false
    bucket_lifecycle_enabled    = false
  }

  assert {
    condition     = length(aws_s3_bucket.lake) + length(aws_s3_bucket_policy.lake) + length(aws_s3_bucket_versioning.lake) + length(aws_s3_bucket_public_access_block.lake) + length(aws_s3_bucket_ownership_controls.lake) + length(aws_s3_bucket_server_side_encryption_configuration.lake) + length(aws_s3_bucket_notification.lake) + length(aws_s3_bucket_lifecycle_configuration.lake) == 0
    error_message = "The bucket must stay its owner's."
  }

  assert {
    condition     = output.bucket == "ours" && one(aws_glue_catalog_table.lake["events-json"].storage_descriptor).location == "s3://ours/processed/json/" && one(aws_kinesis_firehose_delivery_stream.events["events"].extended_s3_configuration).bucket_arn == "arn:aws:s3:::ours"
    error_message = "Everything must work in that bucket."
  }
}

run "what_a_bucket_of_yours_has_to_notify_of" {
  command = apply

  variables {
    create_bucket               = false
    bucket_name                 = "ours"
    bucket_notification_enabled = false
  }

  assert {
    condition     = [for each in output.bucket_notifications : "${each.id} ${each.filter_prefix} ${each.filter_suffix}"] == ["events-raw raw/ .gz", "events-errors errors/ "]
    error_message = "The owner must be told what to notify of."
  }
}

run "a_release_in_s3" {
  command = plan

  variables {
    package_dir = null
    release = {
      location  = "releases/clickstream/v1"
      checksums = join("", [for name in ["transform.zip", "compact.zip", "layer-arm64.zip"] : "${filesha256("tests/packages/${name}")}  ${name}\n"])
    }
  }

  override_resource {
    target = aws_s3_object_copy.package["transform"]
    values = { checksum_sha256 = "of something else" }
  }

  assert {
    condition     = local.package_hashes == { transform = filebase64sha256("tests/packages/transform.zip"), compact = filebase64sha256("tests/packages/compact.zip"), layer = filebase64sha256("tests/packages/layer-arm64.zip") }
    error_message = "Hashes must be what SHA256SUMS says, as Lambda writes them."
  }

  assert {
    condition     = aws_s3_object_copy.package["layer"].source == "releases/clickstream/v1/layer-arm64.zip" && aws_lambda_function.function["events-compact"].s3_key == aws_s3_object_copy.package["compact"].key && aws_lambda_function.function["events-compact"].filename == null && length(aws_s3_object.layer) == 0
    error_message = "Functions and layer must come from the release, through the lake's bucket."
  }
}

run "a_release_that_is_not_what_it_says" {
  command = apply

  variables {
    package_dir = null
    release = {
      location  = "releases/clickstream/v1"
      checksums = join("", [for name in ["transform.zip", "compact.zip", "layer-arm64.zip"] : "${filesha256("tests/packages/${name}")}  ${name}\n"])
    }
  }

  override_resource {
    target = aws_s3_object_copy.package
    values = { checksum_sha256 = "of something else" }
  }

  expect_failures = [aws_s3_object_copy.package]
}

run "a_caller_plans_with_what_it_makes_itself" {
  command = plan

  module {
    source = "./tests/caller"
  }
}
