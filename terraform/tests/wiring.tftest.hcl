# With defaults: everything is there, and wired to the right neighbour.

mock_provider "aws" {
  source = "./tests/mocks"
}

# Different addresses, or any queue would pass for any other.
override_resource {
  target = aws_sqs_queue.work["events-transform"]
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:transform"
    id  = "https://sqs.eu-central-1.amazonaws.com/123456789012/transform"
  }
}

override_resource {
  target = aws_sqs_queue.dead["events-transform"]
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:transform-dead"
    id  = "https://sqs.eu-central-1.amazonaws.com/123456789012/transform-dead"
  }
}

override_resource {
  target = aws_sqs_queue.work["events-compact"]
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:compact.fifo"
    id  = "https://sqs.eu-central-1.amazonaws.com/123456789012/compact.fifo"
  }
}

override_resource {
  target = aws_sqs_queue.dead["events-compact"]
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:compact-dead.fifo"
    id  = "https://sqs.eu-central-1.amazonaws.com/123456789012/compact-dead.fifo"
  }
}

override_resource {
  target = aws_sqs_queue.schedule_dead
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:schedule-dead"
    id  = "https://sqs.eu-central-1.amazonaws.com/123456789012/schedule-dead"
  }
}

override_resource {
  target = aws_lambda_function.function["events-transform"]
  values = {
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:transform"
  }
}

override_resource {
  target = aws_lambda_function.function["events-compact"]
  values = {
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:compact"
  }
}

variables {
  package_dir = "tests/packages"
}

run "names" {
  command = plan

  assert {
    condition     = aws_s3_bucket.lake[0].bucket == "clickstream-123456789012-eu-central-1"
    error_message = "The bucket's name must tell lake, account and region."
  }

  assert {
    condition     = aws_kinesis_firehose_delivery_stream.events["events"].name == "clickstream-events"
    error_message = "The default stream must be clickstream-events."
  }

  assert {
    condition     = aws_glue_catalog_database.lake[0].name == "clickstream" && aws_athena_workgroup.lake.name == "clickstream"
    error_message = "Database and workgroup must be called clickstream."
  }

  assert {
    condition     = toset([for table in aws_glue_catalog_table.lake : table.name]) == toset(["clickstream_events", "clickstream_events_parquet", "clickstream_rejects"])
    error_message = "The three tables must have the catalog's names."
  }
}

run "firehose_lands_gzip_in_date_partitions" {
  command = plan

  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.events["events"].extended_s3_configuration).prefix == "raw/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/"
    error_message = "Raw objects must land in raw/ by the date of arrival."
  }

  assert {
    condition     = !startswith(one(aws_kinesis_firehose_delivery_stream.events["events"].extended_s3_configuration).error_output_prefix, "raw/") && strcontains(one(aws_kinesis_firehose_delivery_stream.events["events"].extended_s3_configuration).error_output_prefix, "!{firehose:error-output-type}/")
    error_message = "What could not be delivered must land outside raw/, by its kind."
  }

  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.events["events"].extended_s3_configuration).compression_format == "GZIP"
    error_message = "Raw objects must be gzip."
  }

  assert {
    condition     = one(one(aws_kinesis_firehose_delivery_stream.events["events"].extended_s3_configuration).processing_configuration).processors[0].type == "AppendDelimiterToRecord"
    error_message = "Firehose must put each record on a line of its own."
  }

  assert {
    condition     = one(one(aws_kinesis_firehose_delivery_stream.events["events"].extended_s3_configuration).cloudwatch_logging_options).enabled
    error_message = "Firehose must log what it could not deliver."
  }
}

run "raw_objects_reach_the_transform_function" {
  command = apply

  assert {
    condition = alltrue([
      aws_s3_bucket_notification.lake[0].queue[0].filter_prefix == "raw/",
      aws_s3_bucket_notification.lake[0].queue[0].filter_suffix == ".gz",
      aws_s3_bucket_notification.lake[0].queue[0].queue_arn == aws_sqs_queue.work["events-transform"].arn,
      aws_s3_bucket_notification.lake[0].queue[0].events == toset(["s3:ObjectCreated:*"]),
      aws_s3_bucket_notification.lake[0].queue[1].filter_prefix == "errors/",
      aws_s3_bucket_notification.lake[0].queue[1].queue_arn == aws_sqs_queue.work["events-transform"].arn,
    ])
    error_message = "The bucket must notify the transform queue of .gz objects under raw/, and of what Firehose could not deliver."
  }

  assert {
    condition = alltrue([
      for queue in aws_s3_bucket_notification.lake[0].queue :
      contains([for mapping in aws_lambda_event_source_mapping.function : mapping.event_source_arn], queue.queue_arn)
    ])
    error_message = "S3 sends a test message to every queue that it notifies: one that no function reads would keep it."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.function["events-transform"].event_source_arn == aws_sqs_queue.work["events-transform"].arn &&
      aws_lambda_event_source_mapping.function["events-transform"].function_name == aws_lambda_function.function["events-transform"].arn
    )
    error_message = "The transform queue must invoke the transform function."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.function["events-transform"].function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "A bad object must not send back the good ones of its batch."
  }

  assert {
    condition     = one(aws_lambda_event_source_mapping.function["events-transform"].scaling_config).maximum_concurrency == 20
    error_message = "The queue must not take the whole account's concurrency."
  }

  assert {
    condition     = aws_sqs_queue.work["events-transform"].visibility_timeout_seconds == 6 * aws_lambda_function.function["events-transform"].timeout
    error_message = "Messages must stay hidden for six times the function's timeout."
  }

  assert {
    condition = (
      jsondecode(aws_sqs_queue.work["events-transform"].redrive_policy).deadLetterTargetArn == aws_sqs_queue.dead["events-transform"].arn &&
      jsondecode(aws_sqs_queue.work["events-transform"].redrive_policy).maxReceiveCount == 10
    )
    error_message = "What fails ten times must go to the dead-letter queue."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_allow_policy.dead["events-transform"].redrive_allow_policy).sourceQueueArns == [aws_sqs_queue.work["events-transform"].arn]
    error_message = "Only the transform queue may use its dead-letter queue."
  }
}

run "ticks_reach_the_compact_function" {
  command = apply

  assert {
    condition     = { for key, schedule in aws_scheduler_schedule.compact : key => jsondecode(one(schedule.target).input).action } == { events-compact = "plan", events-cleanup = "cleanup", events-audit = "audit" }
    error_message = "One schedule must plan compaction, one clean up, one audit the raw zone."
  }

  assert {
    condition     = alltrue([for schedule in aws_scheduler_schedule.compact : one(schedule.target).arn == aws_lambda_function.function["events-compact"].arn && schedule.state == "ENABLED"])
    error_message = "Both schedules must invoke the compact function."
  }

  assert {
    condition     = alltrue([for schedule in aws_scheduler_schedule.compact : one(one(schedule.target).dead_letter_config).arn == aws_sqs_queue.schedule_dead.arn])
    error_message = "Lost ticks must be kept."
  }

  assert {
    condition = alltrue([
      aws_sqs_queue.work["events-compact"].fifo_queue,
      aws_sqs_queue.dead["events-compact"].fifo_queue,
      aws_sqs_queue.work["events-compact"].deduplication_scope == "messageGroup",
      aws_sqs_queue.work["events-compact"].visibility_timeout_seconds == 6 * aws_lambda_function.function["events-compact"].timeout,
      jsondecode(aws_sqs_queue.work["events-compact"].redrive_policy).deadLetterTargetArn == aws_sqs_queue.dead["events-compact"].arn,
    ])
    error_message = "The compact queue must be FIFO, so that a partition has one compactor at a time."
  }

  assert {
    condition = alltrue([
      aws_lambda_event_source_mapping.function["events-compact"].event_source_arn == aws_sqs_queue.work["events-compact"].arn,
      aws_lambda_event_source_mapping.function["events-compact"].batch_size == 1,
      aws_lambda_function.function["events-compact"].environment[0].variables.LAKE_COMPACT_QUEUE_URL == aws_sqs_queue.work["events-compact"].id,
    ])
    error_message = "The compact function must plan into its queue and take one partition at a time out of it."
  }

  assert {
    condition     = aws_lambda_function.function["events-compact"].environment[0].variables.LAKE_TRANSFORM_QUEUE_URL == aws_sqs_queue.work["events-transform"].id
    error_message = "What the audit finds must go to the stream's own queue."
  }

  assert {
    condition     = one(one(aws_lambda_function_event_invoke_config.compact["events"].destination_config).on_failure).destination == aws_sqs_queue.schedule_dead.arn
    error_message = "Ticks that the function failed on must be kept."
  }
}

run "functions" {
  command = plan

  assert {
    condition = alltrue([
      for function in [aws_lambda_function.function["events-transform"], aws_lambda_function.function["events-compact"]] :
      function.runtime == "python3.13" && function.architectures == tolist(["arm64"])
    ])
    error_message = "Functions must run python3.13 on arm64."
  }

  assert {
    condition = (
      aws_lambda_function.function["events-transform"].handler == "handler.handler" &&
      aws_lambda_function.function["events-compact"].handler == "handler.handler"
    )
    error_message = "Handlers must be the functions' own."
  }

  assert {
    condition = (
      aws_lambda_function.function["events-transform"].source_code_hash == filebase64sha256("tests/packages/transform.zip") &&
      aws_lambda_function.function["events-compact"].source_code_hash == filebase64sha256("tests/packages/compact.zip") &&
      aws_lambda_layer_version.dependencies.source_code_hash == filebase64sha256("tests/packages/layer-arm64.zip")
    )
    error_message = "Only a changed package may redeploy."
  }

  assert {
    condition     = startswith(aws_lambda_layer_version.dependencies.s3_key, "artifacts/layer-arm64-")
    error_message = "The layer must go through the bucket, under a name that its content decides."
  }

  assert {
    condition = {
      for key in ["LAKE_DATABASE", "LAKE_JSON_TABLE", "LAKE_PARQUET_TABLE", "LAKE_REJECTS_TABLE", "LAKE_PARTITION_KEYS", "LAKE_RAW_PREFIX", "LAKE_PROCESSED_PREFIX", "LAKE_REJECTED_PREFIX", "LAKE_MANIFESTS_PREFIX", "LAKE_ERRORS_PREFIX", "POWERTOOLS_SERVICE_NAME"] :
      key => aws_lambda_function.function["events-transform"].environment[0].variables[key]
      } == {
      LAKE_DATABASE           = "clickstream"
      LAKE_JSON_TABLE         = "clickstream_events"
      LAKE_PARQUET_TABLE      = "clickstream_events_parquet"
      LAKE_REJECTS_TABLE      = "clickstream_rejects"
      LAKE_PARTITION_KEYS     = "year,month,day"
      LAKE_RAW_PREFIX         = "raw/"
      LAKE_PROCESSED_PREFIX   = "processed/"
      LAKE_REJECTED_PREFIX    = "rejected/"
      LAKE_MANIFESTS_PREFIX   = "manifests/"
      LAKE_ERRORS_PREFIX      = "errors/"
      POWERTOOLS_SERVICE_NAME = "clickstream-events-transform"
    }
    error_message = "The transform function must be told where everything is."
  }

  assert {
    condition = alltrue([
      for stream in local.streams : alltrue([
        for other in [stream.raw_prefix, stream.processed_prefix, stream.rejected_prefix, stream.errors_prefix] :
        !startswith(stream.manifests_prefix, other) && !startswith(other, stream.manifests_prefix)
      ])
    ])
    error_message = "Manifests must lie apart from what queries read and from what starts a function."
  }

  assert {
    condition     = aws_lambda_function.function["events-compact"].environment[0].variables.LAKE_TIME_BUDGET_SECONDS == "780"
    error_message = "Compaction must stop taking up work two minutes before its timeout."
  }
}

run "tables_come_from_the_catalog" {
  command = plan

  assert {
    condition     = toset([for guard in aws_s3_object.guard : guard.key]) == toset(["processed/json/READ-BY-GLUE-PARTITIONS.json", "processed/parquet/READ-BY-GLUE-PARTITIONS.parquet"])
    error_message = "Readers that list the prefix of a table must meet a file that they cannot read."
  }

  assert {
    condition     = { for column in one(aws_glue_catalog_table.lake["events-json"].storage_descriptor).columns : column.name => column.type } == { for column in local.catalogs["events"].columns : column.name => local.catalogs["events"].tables.json.types[column.type] if local.catalogs["events"].tables.json.types[column.type] != null && try(contains(column.formats, "json"), true) }
    error_message = "The JSON table must declare the catalog's columns that its SerDe can read."
  }

  assert {
    condition     = [for column in one(aws_glue_catalog_table.lake["events-parquet"].storage_descriptor).columns : column.name] == [for column in local.catalogs["events"].columns : column.name]
    error_message = "The Parquet table must declare all columns, in the catalog's order."
  }

  assert {
    condition = (
      !contains([for column in one(aws_glue_catalog_table.lake["events-json"].storage_descriptor).columns : column.name], "properties") &&
      !contains([for column in one(aws_glue_catalog_table.lake["events-json"].storage_descriptor).columns : column.name], "extra") &&
      contains([for column in one(aws_glue_catalog_table.lake["events-parquet"].storage_descriptor).columns : column.name], "extra")
    )
    error_message = "The JSON table must declare neither json columns nor columns of Parquet alone."
  }

  assert {
    condition     = alltrue([for table in aws_glue_catalog_table.lake : [for key in table.partition_keys : key.name] == ["year", "month", "day"] && alltrue([for key in table.partition_keys : key.type == "string"])])
    error_message = "All tables must be partitioned by year, month and day, as strings."
  }

  assert {
    condition     = one(one(aws_glue_catalog_table.lake["events-json"].storage_descriptor).ser_de_info).serialization_library == "org.apache.hive.hcatalog.data.JsonSerDe"
    error_message = "The JSON table must use the Hive SerDe: OpenX's can return too many or too few rows."
  }

  assert {
    condition     = alltrue([for table in aws_glue_catalog_table.lake : !can(table.parameters["projection.enabled"])])
    error_message = "Partition projection would ignore the locations that compaction swaps."
  }

  assert {
    condition     = !contains(flatten([for table in aws_glue_catalog_table.lake : [for column in one(table.storage_descriptor).columns : column.name]]), "user_id")
    error_message = "No table may declare PII."
  }
}

run "bucket_is_closed" {
  command = plan

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.lake[0].block_public_acls,
      aws_s3_bucket_public_access_block.lake[0].block_public_policy,
      aws_s3_bucket_public_access_block.lake[0].ignore_public_acls,
      aws_s3_bucket_public_access_block.lake[0].restrict_public_buckets,
      one(aws_s3_bucket_ownership_controls.lake[0].rule).object_ownership == "BucketOwnerEnforced",
      one(aws_s3_bucket_versioning.lake[0].versioning_configuration).status == "Enabled",
      one(one(aws_s3_bucket_server_side_encryption_configuration.lake[0].rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256",
      !aws_s3_bucket.lake[0].force_destroy,
    ])
    error_message = "The bucket must be private, versioned, encrypted and safe from destroy."
  }

  assert {
    condition     = anytrue([for statement in data.aws_iam_policy_document.lake_bucket[0].statement : statement.effect == "Deny" && one(statement.condition).variable == "aws:SecureTransport"])
    error_message = "The bucket must refuse plain HTTP."
  }
}

run "lifecycle" {
  command = plan

  assert {
    condition     = toset([for rule in aws_s3_bucket_lifecycle_configuration.lake[0].rule : rule.id]) == toset(["events-raw", "events-rejected", "events-errors", "athena-results", "old-versions", "incomplete-uploads"])
    error_message = "Raw objects, rejects, errors, query results, old versions and unfinished uploads must have an end."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.lake[0].rule :
      !anytrue([for expiration in rule.expiration : try(expiration.days > 0, false)]) || !anytrue([for kept in ["processed/", "manifests/"] : startswith(kept, rule.filter[0].prefix) || startswith(rule.filter[0].prefix, kept)])
    ])
    error_message = "The lifecycle must never expire current files of the tables or their manifests: that is the clean-up's business."
  }
}

run "least_privilege" {
  command = apply

  assert {
    condition = alltrue([
      for document in [data.aws_iam_policy_document.function["events-transform"], data.aws_iam_policy_document.firehose["events"], data.aws_iam_policy_document.scheduler] :
      !contains(flatten([for statement in document.statement : tolist(statement.actions)]), "s3:DeleteObject")
    ])
    error_message = "Only the clean-up may delete."
  }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.function["events-compact"].statement : statement.sid if contains(statement.actions, "s3:DeleteObject")] == ["CleanUpReplacedFiles"]
    error_message = "Deleting must stand in a statement of its own."
  }

  assert {
    condition = alltrue(flatten([
      for statement in data.aws_iam_policy_document.function["events-compact"].statement : [
        for resource in statement.resources : !strcontains(resource, "raw/")
      ] if contains(statement.actions, "s3:DeleteObject") || contains(statement.actions, "s3:PutObject")
    ]))
    error_message = "The compact function must not touch raw objects."
  }

  assert {
    condition = alltrue(flatten([
      for document in [data.aws_iam_policy_document.function["events-transform"], data.aws_iam_policy_document.function["events-compact"], data.aws_iam_policy_document.firehose["events"], data.aws_iam_policy_document.scheduler] : [
        for statement in document.statement : [
          for action in statement.actions : !strcontains(action, "*")
        ]
      ]
    ]))
    error_message = "No role may have an action with a wildcard."
  }

  assert {
    condition = alltrue(flatten([
      for document in [data.aws_iam_policy_document.function["events-transform"], data.aws_iam_policy_document.function["events-compact"], data.aws_iam_policy_document.firehose["events"], data.aws_iam_policy_document.scheduler] : [
        for statement in document.statement : !contains(statement.resources, "*")
      ]
    ]))
    error_message = "No role may reach all resources."
  }

  assert {
    condition = alltrue([
      for service, document in data.aws_iam_policy_document.trust :
      service == "lakeformation" || contains(flatten([for statement in document.statement : [for condition in statement.condition : condition.values]]), "123456789012")
    ])
    error_message = "Every trust policy must name the account, where AWS says that the service does."
  }

  assert {
    condition = alltrue([
      for name in concat([for role in aws_iam_role.function : role.name], [for role in aws_iam_role.firehose : role.name], [aws_iam_role.scheduler.name], [aws_cloudwatch_dashboard.lake[0].dashboard_name]) :
      endswith(name, "-eu-central-1")
    ])
    error_message = "What an account has once for all regions must be named after the region."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.queue["events-transform"].statement :
      toset([for condition in statement.condition : condition.variable]) == toset(["aws:SourceArn", "aws:SourceAccount"]) if statement.effect == "Allow"
    ])
    error_message = "Only this account's lake bucket may send to the transform queue."
  }
}

run "workgroup" {
  command = plan

  assert {
    condition = alltrue([
      one(aws_athena_workgroup.lake.configuration).enforce_workgroup_configuration,
      one(aws_athena_workgroup.lake.configuration).bytes_scanned_cutoff_per_query == 1024 * 1024 * 1024 * 1024,
      one(aws_athena_workgroup.lake.configuration).publish_cloudwatch_metrics_enabled,
    ])
    error_message = "The workgroup must enforce its settings, cut off big scans and publish metrics."
  }

  assert {
    condition     = length(aws_athena_named_query.saved) == length(fileset(local.queries_dir, "*.sql")) + length(fileset("../src/clickstream_lake/catalogs/clickstream.queries", "*.sql")) && length(aws_athena_named_query.saved) > 3 && alltrue([for query in aws_athena_named_query.saved : length(query.description) > 10 && !strcontains(query.query, "$${")])
    error_message = "Every query of queries/ and of the catalog's own must be saved, with a description and with table names filled in."
  }
}
