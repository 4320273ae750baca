# Columns that compaction has added by itself, as Terraform finds them in the bucket.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package_dir = "tests/packages"
}

run "a_lake_is_asked_for_none_unless_compaction_may_add_some" {
  command = plan

  assert {
    condition     = length(data.aws_s3_objects.overlay) == 0
    error_message = "the overlay is read although nothing may be in it"
  }

  assert {
    condition     = !anytrue([for statement in local.function_statements["events-compact"] : contains(statement.actions, "glue:UpdateTable")])
    error_message = "the compact function may change tables"
  }

  assert {
    condition     = !anytrue([for name in keys(aws_cloudwatch_metric_alarm.lake) : endswith(name, "evolution-failed")])
    error_message = "there is an alarm for what nobody does"
  }

  assert {
    condition     = local.environments["events-transform"].LAKE_SCHEMA_EVOLUTION == "propose"
    error_message = "accounts are not kept by default"
  }
}

run "a_lake_without_an_overlay_has_the_columns_of_its_file" {
  command = apply

  variables {
    schema_evolution = "auto"
  }

  override_data {
    target = data.aws_s3_objects.overlay
    values = { keys = [] }
  }

  assert {
    condition     = [for column in local.tables["events-json"].columns : column.name] == [for column in local.catalogs["events"].columns : column.name if column.type != "json" && contains(try(column.formats, ["json"]), "json")]
    error_message = "the JSON table has other columns than the file"
  }

  assert {
    condition = toset(flatten([
      for statement in local.function_statements["events-compact"] : statement.resources if contains(statement.actions, "glue:UpdateTable")
      ])) == toset(concat(
      local.glue_tables["events"]["json"],
      local.glue_tables["events"]["parquet"],
    ))
    error_message = "the compact function may change other tables than the two, or not these"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.lake["events-evolution-failed"].metric_name == "EvolutionFailed"
    error_message = "nobody is told when no column can be added"
  }

  assert {
    condition     = !anytrue([for statement in local.function_statements["events-transform"] : contains(statement.actions, "glue:UpdateTable")])
    error_message = "the transform function may change tables"
  }
}

run "what_compaction_has_added_is_planned_as_it_is" {
  command = apply

  variables {
    schema_evolution = "auto"
  }

  override_data {
    target = data.aws_s3_objects.overlay
    values = { keys = [
      "manifests/overlay/coupon/2026-11-28T103000Z.string",
      "manifests/overlay/coupon/2026-11-29T103000Z.bigint",
      "manifests/overlay/price/2026-11-27T103000Z.string",
      "manifests/overlay/seen_at/2026-11-27T103000Z.timestamp.iso-sql",
      "manifests/overlay/things/2026-11-29T103000Z.json",
      "manifests/overlay/notes.txt",
    ] }
  }

  assert {
    condition = [
      for column in slice(local.tables["events-parquet"].columns, length(local.catalogs["events"].columns), length(local.tables["events-parquet"].columns)) :
      "${column.name} ${column.type} ${column.comment}"
      ] == [
      "seen_at timestamp Added by schema_evolution",
      "coupon string Added by schema_evolution",
      "things string Added by schema_evolution",
    ]
    error_message = "the Parquet table does not end with what was added, by day, each name once, the file's own left out"
  }

  assert {
    condition     = reverse([for column in local.tables["events-json"].columns : "${column.name} ${column.type}"])[0] == "coupon string"
    error_message = "the JSON table declares what its SerDe cannot read, or not what was added"
  }

  assert {
    condition     = !anytrue([for column in local.tables["events-rejects"].columns : column.name == "coupon"])
    error_message = "rejects have events' columns"
  }
}
