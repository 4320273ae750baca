# Optional: Lake Formation decides who reads which columns. The functions keep working through their own
# roles. Readers need no S3 permission on the tables' files, but still theirs for the results of queries.
#
# By AWS's default, IAM_ALLOWED_PRINCIPALS has ALL on each new database and table, so that IAM alone suffices
# to read every column, whatever is granted here. `hybrid` opts the readers in: of them Lake Formation's
# grants alone count. `strict` takes the default away from everybody, by commands (no resource can:
# aws_lakeformation_permissions only adds, and aws_lakeformation_data_lake_settings replaces an account's).

locals {
  lake_formation_tables = var.lake_formation_enabled ? local.tables : {}

  # Which function's role writes partitions of which table. The audit of a routed family besides looks at its
  # stream's, whose files say how many events went to the family.
  lake_formation_writers = var.lake_formation_enabled ? merge([
    for key, stream in local.families : merge(
      { for format in ["json"] : "${key}-compact-of-stream" => { role = aws_iam_role.function["${key}-compact"].arn, table = "${stream.stream}-${format}", permissions = ["DESCRIBE"] } if contains(keys(local.routed), key) },
      { for format in keys(stream.tables) : "${key}-transform-${format}" => { role = aws_iam_role.function["${stream.stream}-transform"].arn, table = "${key}-${format}", permissions = local.lake_formation_writes } },
      { for format in ["json", "parquet"] : "${key}-compact-${format}" => { role = aws_iam_role.function["${key}-compact"].arn, table = "${key}-${format}", permissions = local.lake_formation_writes } },
    )
  ]...) : {}

  lake_formation_writes = ["ALTER", "DESCRIBE", "INSERT"]

  lake_formation_readers = var.lake_formation_enabled ? var.lake_formation_readers : {}

  lake_formation_reads = {
    for pair in setproduct(keys(local.lake_formation_tables), keys(local.lake_formation_readers)) :
    "${pair[0]} ${pair[1]}" => { table = pair[0], reader = local.lake_formation_readers[pair[1]] }
  }

  is_hybrid = var.lake_formation_mode == "hybrid"

  revoke_command = "aws lakeformation revoke-permissions --region ${local.region} --principal DataLakePrincipalIdentifier=IAM_ALLOWED_PRINCIPALS --permissions ALL --resource"
  lake_formation_revokes = !var.lake_formation_enabled || local.is_hybrid ? [] : concat(
    [
      # Or the next table would have the default again.
      "aws glue update-database --region ${local.region} --name ${local.database} --database-input '${jsonencode({ Name = local.database, Description = local.database_description, CreateTableDefaultPermissions = [] })}'",
      "${local.revoke_command} '${jsonencode({ Database = { Name = local.database } })}'",
    ],
    [for table in values(local.tables) : "${local.revoke_command} '${jsonencode({ Table = { DatabaseName = local.database, Name = table.name } })}'"],
  )
}

resource "aws_lakeformation_resource" "lake" {
  count = var.lake_formation_enabled ? 1 : 0

  arn                   = local.bucket.arn
  role_arn              = aws_iam_role.lake_formation[0].arn
  hybrid_access_enabled = local.is_hybrid

  # Once a location is registered, making a table there takes a right to it.
  depends_on = [aws_glue_catalog_table.lake, aws_iam_role_policy.lake_formation]
}

# What Lake Formation hands out to readers: nothing but the tables' files.
data "aws_iam_policy_document" "lake_formation" {
  count = var.lake_formation_enabled ? 1 : 0

  statement {
    sid     = "ReadTables"
    actions = ["s3:GetObject"]
    resources = flatten([
      for stream in local.families : [
        "${local.bucket.arn}/${stream.processed_prefix}*",
        "${local.bucket.arn}/${stream.rejected_prefix}*",
      ]
    ])
  }

  statement {
    sid       = "ListTables"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket.arn]
  }

  dynamic "statement" {
    for_each = var.kms_enabled ? [1] : []

    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt"]
      resources = [local.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${local.region}.${local.dns_suffix}"]
      }
    }
  }
}

resource "aws_iam_role" "lake_formation" {
  count = var.lake_formation_enabled ? 1 : 0

  name                 = "${var.name}-lake-formation${local.global_suffix}"
  description          = "Lake Formation reads the tables of ${var.name} for those it lets in"
  assume_role_policy   = data.aws_iam_policy_document.trust["lakeformation"].json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags
}

resource "aws_iam_role_policy" "lake_formation" {
  count = var.lake_formation_enabled ? 1 : 0

  name   = "read"
  role   = aws_iam_role.lake_formation[0].id
  policy = data.aws_iam_policy_document.lake_formation[0].json
}

# A partition may only be registered where its role may register locations.
resource "aws_lakeformation_permissions" "location" {
  for_each = { for key in keys(local.functions) : key => aws_iam_role.function[key].arn if var.lake_formation_enabled }

  principal   = each.value
  permissions = ["DATA_LOCATION_ACCESS"]

  data_location {
    arn = aws_lakeformation_resource.lake[0].arn
  }
}

resource "aws_lakeformation_permissions" "writer" {
  for_each = local.lake_formation_writers

  principal   = each.value.role
  permissions = each.value.permissions

  table {
    database_name = local.database
    name          = aws_glue_catalog_table.lake[each.value.table].name
  }
}

resource "aws_lakeformation_permissions" "reader" {
  for_each = local.lake_formation_reads

  principal   = each.value.reader
  permissions = ["SELECT"]

  table_with_columns {
    database_name = local.database
    name          = aws_glue_catalog_table.lake[each.value.table].name
    wildcard      = true
    # Lake Formation refuses to exclude what a table does not have.
    excluded_column_names = [
      for column in local.tables[each.value.table].columns : column.name
      if contains(var.lake_formation_excluded_columns, column.name)
    ]
  }
}

resource "aws_lakeformation_permissions" "reader_database" {
  for_each = local.lake_formation_readers

  principal   = each.value
  permissions = ["DESCRIBE"]

  database {
    name = local.database
  }
}

# From here on, Lake Formation decides about these.
resource "aws_lakeformation_opt_in" "reader" {
  for_each = local.is_hybrid ? local.lake_formation_reads : {}

  principal {
    data_lake_principal_identifier = each.value.reader
  }

  resource_data {
    # AWS tells the catalog, too: without it here, every plan would opt them in anew.
    table {
      catalog_id    = local.account_id
      database_name = local.database
      name          = aws_glue_catalog_table.lake[each.value.table].name
    }
  }

  depends_on = [aws_lakeformation_permissions.reader, aws_lakeformation_resource.lake]
}

resource "aws_lakeformation_opt_in" "reader_database" {
  for_each = local.is_hybrid ? local.lake_formation_readers : {}

  principal {
    data_lake_principal_identifier = each.value
  }

  resource_data {
    database {
      catalog_id = local.account_id
      name       = local.database
    }
  }

  depends_on = [aws_lakeformation_permissions.reader_database, aws_lakeformation_resource.lake]
}
