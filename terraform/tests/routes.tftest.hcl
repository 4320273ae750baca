# One stream, several families: what is wired to whom, and what is refused.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package_dir = "tests/packages"
  streams = {
    web = {
      routes = {
        orders = { catalog_file = "tests/packages/orders.json", event_types = ["order_placed", "order_refunded"] }
        clicks = { catalog_file = "../src/clickstream_lake/catalogs/clickstream.json", event_types = ["click"], prefix = "shop/clicks/", table_prefix = "c_" }
      }
    }
  }
}

# Unlike any other queue's.
override_resource {
  target = aws_sqs_queue.work["web-transform"]
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:web-transform"
    id  = "https://sqs.eu-central-1.amazonaws.com/123456789012/web-transform"
  }
}

run "families_have_tables_and_a_compact_function_and_no_stream" {
  command = plan

  assert {
    condition     = keys(aws_kinesis_firehose_delivery_stream.events) == ["web"] && toset(keys(aws_lambda_function.function)) == toset(["web-transform", "web-compact", "orders-compact", "clicks-compact"])
    error_message = "A family that events are routed to must have a compact function, and neither a stream nor a transform function."
  }

  assert {
    condition     = aws_glue_catalog_table.lake["orders-parquet"].name == "orders_orders_parquet" && one(aws_glue_catalog_table.lake["orders-parquet"].storage_descriptor).location == "s3://clickstream-123456789012-eu-central-1/orders/processed/parquet/" && aws_glue_catalog_table.lake["clicks-json"].name == "c_clickstream_events" && one(aws_glue_catalog_table.lake["clicks-json"].storage_descriptor).location == "s3://clickstream-123456789012-eu-central-1/shop/clicks/processed/json/"
    error_message = "A family's tables must have its own prefix, in Glue and in the bucket."
  }

  assert {
    condition     = toset(keys(aws_scheduler_schedule.compact)) == toset(flatten([for key in ["web", "orders", "clicks"] : [for what in ["compact", "cleanup", "audit"] : "${key}-${what}"]]))
    error_message = "Each family must be compacted, cleaned up and audited."
  }

  assert {
    condition     = alltrue([for alarm in ["compaction-lag", "compact-errors", "compact-dead-letters", "untaken-objects"] : contains(keys(aws_cloudwatch_metric_alarm.lake), "orders-${alarm}")]) && length([for key in keys(aws_cloudwatch_metric_alarm.lake) : key if startswith(key, "orders-transform") || startswith(key, "orders-firehose")]) == 0 && contains(keys(aws_cloudwatch_metric_alarm.compaction_silent), "orders")
    error_message = "A family must have the alarms of its compaction, and none of a stream."
  }

  assert {
    condition     = length([for name in keys(aws_athena_named_query.saved) : name if startswith(name, "orders-")]) > 0 && output.tables["orders"].json == "orders_orders" && output.functions["orders"].transform == "clickstream-web-transform"
    error_message = "A family must have saved queries, and be among the outputs."
  }
}

run "functions_are_told_the_routes" {
  command = plan

  assert {
    condition     = aws_s3_object.routes["web"].key == "artifacts/routes/${sha256(aws_s3_object.routes["web"].content)}.json" && aws_lambda_function.function["web-transform"].environment[0].variables.LAKE_ROUTES == "s3://clickstream-123456789012-eu-central-1/${aws_s3_object.routes["web"].key}" && !contains(keys(aws_lambda_function.function["web-transform"].environment[0].variables), "LAKE_FAMILY")
    error_message = "The transform function must have the routes, by their hash."
  }

  assert {
    condition = jsondecode(aws_s3_object.routes["web"].content) == {
      route_by = "event_type"
      stream = {
        name   = "clickstream-web"
        prefix = ""
        tables = { json = "clickstream_events", parquet = "clickstream_events_parquet", rejects = "clickstream_rejects" }
      }
      families = {
        orders = {
          event_types = ["order_placed", "order_refunded"]
          catalog     = "s3://clickstream-123456789012-eu-central-1/artifacts/catalogs/${filesha256("tests/packages/orders.json")}.json"
          prefix      = "orders/"
          tables      = { json = "orders_orders", parquet = "orders_orders_parquet", rejects = "orders_orders_rejects" }
        }
        clicks = {
          event_types = ["click"]
          catalog     = "s3://clickstream-123456789012-eu-central-1/artifacts/catalogs/${filesha256("../src/clickstream_lake/catalogs/clickstream.json")}.json"
          prefix      = "shop/clicks/"
          tables      = { json = "c_clickstream_events", parquet = "c_clickstream_events_parquet", rejects = "c_clickstream_rejects" }
        }
      }
    }
    error_message = "The routes must say which events are of which family, and where that is."
  }

  assert {
    condition     = aws_lambda_function.function["orders-compact"].environment[0].variables.LAKE_FAMILY == "orders" && aws_lambda_function.function["orders-compact"].environment[0].variables.LAKE_RAW_PREFIX == "raw/" && aws_lambda_function.function["orders-compact"].environment[0].variables.LAKE_PROCESSED_PREFIX == "orders/processed/"
    error_message = "A family's compact function must know its own files, and its stream's raw objects."
  }
}

run "functions_may_do_what_routes_ask_for" {
  command = apply

  assert {
    condition     = local.environments["orders-compact"].LAKE_TRANSFORM_QUEUE_URL == "https://sqs.eu-central-1.amazonaws.com/123456789012/web-transform"
    error_message = "A family's compact function must queue what was overlooked where its stream's transform takes it."
  }

  assert {
    condition = toset(flatten([for statement in local.function_statements["web-transform"] : statement.resources if statement.sid == "PublishFiles"])) == toset([
      for prefix in ["processed/", "rejected/", "orders/processed/", "orders/rejected/", "shop/clicks/processed/", "shop/clicks/rejected/"] : "${local.bucket.arn}/${prefix}*"
    ])
    error_message = "The transform function must publish in each family."
  }

  assert {
    condition = toset(flatten([for statement in local.function_statements["web-transform"] : statement.resources if contains(["ReadManifests", "KeepCatalogs"], statement.sid)])) == toset(flatten([
      for prefix in ["", "orders/", "shop/clicks/"] : [for place in ["manifests/", "manifests/catalogs/"] : "${local.bucket.arn}/${prefix}${place}*"]
    ]))
    error_message = "It must read the manifests of each, and keep their catalogs."
  }

  assert {
    condition = toset(flatten([for statement in local.function_statements["web-transform"] : statement.resources if statement.sid == "RegisterPartitions"])) == toset(flatten([
      for family in ["web", "orders", "clicks"] : values(local.glue_tables[family])
    ]))
    error_message = "It must register the partitions of each."
  }

  assert {
    condition = toset(flatten([for statement in local.function_statements["orders-compact"] : statement.resources if contains(statement.actions, "s3:PutObject")])) == toset([
      for prefix in ["orders/processed/", "orders/manifests/"] : "${local.bucket.arn}/${prefix}*"
    ])
    error_message = "A family's compact function may write its own files alone."
  }

  assert {
    condition = toset(flatten([for statement in local.function_statements["orders-compact"] : statement.resources if startswith(statement.sid, "ReadWhatTheStream") || startswith(statement.sid, "SeeWhereTheStream")])) == toset(concat(
      [for prefix in ["processed/json/", "manifests/", "rejected/"] : "${local.bucket.arn}/${prefix}*"],
      local.glue_tables["web"]["json"],
    ))
    error_message = "It must read what its stream says of it."
  }

  assert {
    condition     = !anytrue([for statement in concat(local.function_statements["web-compact"], local.function_statements["web-transform"]) : startswith(statement.sid, "ReadWhatTheStream")])
    error_message = "The stream's own functions have no use for that."
  }
}

run "a_familys_audit_may_look_at_its_streams_table_under_lake_formation" {
  command = plan

  variables {
    lake_formation_enabled = true
  }

  assert {
    condition = {
      for key, writer in local.lake_formation_writers : key => writer.table if endswith(key, "-compact-of-stream")
    } == { "orders-compact-of-stream" = "web-json", "clicks-compact-of-stream" = "web-json" }
    error_message = "The compact function of a family must be let see its stream's JSON table."
  }

  assert {
    condition     = aws_lakeformation_permissions.writer["orders-compact-of-stream"].permissions == toset(["DESCRIBE"])
    error_message = "It must not be let write there."
  }
}

run "without_routes_there_are_none" {
  command = plan

  variables {
    streams = { web = {} }
  }

  assert {
    condition     = length(aws_s3_object.routes) == 0 && alltrue([for function in aws_lambda_function.function : !contains(keys(function.environment[0].variables), "LAKE_ROUTES")])
    error_message = "A stream without routes must not be told of any."
  }
}

run "an_event_type_in_two_routes" {
  command = plan

  variables {
    streams = { web = { routes = {
      orders = { catalog_file = "tests/packages/orders.json", event_types = ["order_placed", "paid"] }
      bills  = { catalog_file = "tests/packages/orders.json", event_types = ["paid"] }
    } } }
  }

  expect_failures = [var.streams]
}

run "a_route_without_event_types" {
  command = plan

  variables {
    streams = { web = { routes = { orders = { catalog_file = "tests/packages/orders.json", event_types = [] } } } }
  }

  expect_failures = [var.streams]
}

run "a_route_with_an_empty_event_type" {
  command = plan

  variables {
    streams = { web = { routes = { orders = { catalog_file = "tests/packages/orders.json", event_types = [""] } } } }
  }

  expect_failures = [var.streams]
}

run "a_route_whose_catalog_is_missing" {
  command = plan

  variables {
    streams = { web = { routes = { orders = { catalog_file = "tests/packages/none.json", event_types = ["paid"] } } } }
  }

  expect_failures = [var.streams]
}

run "a_route_with_the_key_of_a_stream" {
  command = plan

  variables {
    streams = {
      web = { routes = { app = { catalog_file = "tests/packages/orders.json", event_types = ["paid"], prefix = "apps/" } } }
      app = { prefix = "app/" }
    }
  }

  expect_failures = [var.streams]
}

run "routes_of_two_streams_with_one_key" {
  command = plan

  variables {
    streams = {
      web = { routes = { orders = { catalog_file = "tests/packages/orders.json", event_types = ["paid"] } } }
      app = { prefix = "app/", routes = { orders = { catalog_file = "tests/packages/orders.json", event_types = ["paid"], prefix = "app-orders/", table_prefix = "app_orders_" } } }
    }
  }

  expect_failures = [var.streams]
}

run "a_route_with_the_prefix_of_a_stream" {
  command = plan

  variables {
    streams = {
      web = { routes = { orders = { catalog_file = "tests/packages/orders.json", event_types = ["paid"], prefix = "app/" } } }
      app = { prefix = "app/" }
    }
  }

  expect_failures = [var.streams]
}

run "a_route_among_raw_objects" {
  command = plan

  variables {
    streams = { web = { routes = { orders = { catalog_file = "tests/packages/orders.json", event_types = ["paid"], prefix = "raw/orders/" } } } }
  }

  expect_failures = [var.streams]
}

run "more_routes_than_a_stream_may_have" {
  command = plan

  variables {
    streams = { web = { routes = { for n in range(10) : "f${n}" => { catalog_file = "tests/packages/orders.json", event_types = ["t${n}"] } } } }
  }

  expect_failures = [var.streams]
}

run "a_table_prefix_of_a_route_with_a_hyphen" {
  command = plan

  variables {
    streams = { web = { routes = { orders = { catalog_file = "tests/packages/orders.json", event_types = ["paid"], table_prefix = "my-" } } } }
  }

  expect_failures = [var.streams]
}

run "a_route_by_a_path" {
  command = plan

  variables {
    streams = { web = { route_by = "$.type", routes = { orders = { catalog_file = "tests/packages/orders.json", event_types = ["paid"] } } } }
  }

  expect_failures = [var.streams]
}

run "a_route_with_other_partition_keys" {
  command = plan

  variables {
    streams = { web = { routes = { app = { catalog_file = "examples/production/catalogs/app.json", event_types = ["paid"] } } } }
  }

  expect_failures = [aws_s3_object.routes]
}

run "a_route_with_the_tables_of_its_stream" {
  command = plan

  variables {
    streams = { web = { routes = { clicks = { catalog_file = "../src/clickstream_lake/catalogs/clickstream.json", event_types = ["click"], table_prefix = "" } } } }
  }

  expect_failures = [aws_glue_catalog_table.lake]
}

run "files_of_a_family_that_would_expire" {
  command = plan

  variables {
    bucket_expiration_rules = { "orders/" = 30 }
  }

  expect_failures = [var.bucket_expiration_rules]
}
