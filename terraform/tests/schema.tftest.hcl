# What a plan makes of a changed catalog, once there are tables.

mock_provider "aws" {
  source = "./tests/mocks"

  mock_data "aws_glue_catalog_table" {
    defaults = {
      storage_descriptor = []
    }
  }

  override_data {
    target          = data.aws_glue_catalog_table.deployed["events-parquet"]
    override_during = plan
    values = {
      name = "orders_parquet"
      storage_descriptor = [{
        columns = [
          { name = "order_no", type = "string", comment = "", parameters = {} },
          { name = "status", type = "string", comment = "", parameters = {} },
          { name = "placed_at", type = "timestamp", comment = "", parameters = {} },
          { name = "total", type = "double", comment = "", parameters = {} },
          { name = "lines", type = "bigint", comment = "", parameters = {} },
          { name = "shop", type = "string", comment = "", parameters = {} },
          { name = "gift", type = "boolean", comment = "", parameters = {} },
          { name = "address", type = "string", comment = "", parameters = {} },
          { name = "processed_ts", type = "timestamp", comment = "", parameters = {} },
          { name = "extra", type = "string", comment = "", parameters = {} },
        ]
      }]
    }
  }
}

variables {
  package_dir  = "tests/packages"
  catalog_file = "tests/packages/orders.json"
}

run "tables_are_made" {
  command = apply
}

run "the_same_catalog_is_no_change" {
  command = plan
}

run "a_column_added_in_the_middle_of_the_file_is_stored_at_the_end" {
  command = plan

  variables {
    catalog_file = "tests/packages/orders-added.json"
  }

  assert {
    condition     = slice([for column in one(aws_glue_catalog_table.lake["events-parquet"].storage_descriptor).columns : column.name], 8, 11) == ["processed_ts", "extra", "coupon"]
    error_message = "What was added later must be the last column, wherever the file has it."
  }
}

run "a_column_without_its_day_would_move_others" {
  command = plan

  variables {
    catalog_file = "tests/packages/orders-moved.json"
  }

  expect_failures = [output.tables]
}

run "no_column_is_dropped" {
  command = plan

  variables {
    catalog_file = "tests/packages/orders-dropped.json"
  }

  expect_failures = [output.tables]
}

run "no_column_is_renamed" {
  command = plan

  variables {
    catalog_file = "tests/packages/orders-renamed.json"
  }

  expect_failures = [output.tables]
}

run "no_column_is_retyped" {
  command = plan

  variables {
    catalog_file = "tests/packages/orders-retyped.json"
  }

  expect_failures = [output.tables]
}
