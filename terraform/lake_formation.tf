# Optional: Lake Formation decides who reads which columns. The functions keep working through their
# own roles; analysts need no S3 permission any more.

locals {
  lake_formation_tables = var.lake_formation_enabled ? local.tables : {}

  # Which function's role writes partitions of which table.
  lake_formation_writers = var.lake_formation_enabled ? merge([
    for key, stream in local.streams : merge(
      { for format in keys(stream.tables) : "${key}-transform-${format}" => { role = aws_iam_role.function["${key}-transform"].arn, table = "${key}-${format}" } },
      { for format in ["json", "parquet"] : "${key}-compact-${format}" => { role = aws_iam_role.function["${key}-compact"].arn, table = "${key}-${format}" } },
    )
  ]...) : {}

  lake_formation_reads = {
    for pair in setproduct(keys(local.lake_formation_tables), var.lake_formation_readers) :
    "${pair[0]} ${pair[1]}" => { table = pair[0], reader = pair[1] }
  }
}

resource "aws_lakeformation_resource" "lake" {
  count = var.lake_formation_enabled ? 1 : 0

  arn      = aws_s3_bucket.lake.arn
  role_arn = aws_iam_role.lake_formation[0].arn

  depends_on = [aws_iam_role_policy.lake_formation]
}

# What Lake Formation hands out to readers: nothing but the tables' files.
data "aws_iam_policy_document" "lake_formation" {
  count = var.lake_formation_enabled ? 1 : 0

  statement {
    sid     = "ReadTables"
    actions = ["s3:GetObject"]
    resources = flatten([
      for stream in local.streams : [
        "${aws_s3_bucket.lake.arn}/${stream.processed_prefix}*",
        "${aws_s3_bucket.lake.arn}/${stream.rejected_prefix}*",
      ]
    ])
  }

  statement {
    sid       = "ListTables"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.lake.arn]
  }

  dynamic "statement" {
    for_each = var.kms_enabled ? [1] : []

    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt"]
      resources = [local.kms_key_arn]
    }
  }
}

resource "aws_iam_role" "lake_formation" {
  count = var.lake_formation_enabled ? 1 : 0

  name                 = "${var.name}-lake-formation"
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
  permissions = ["ALTER", "DESCRIBE", "INSERT"]

  table {
    database_name = aws_glue_catalog_database.lake.name
    name          = aws_glue_catalog_table.lake[each.value.table].name
  }
}

resource "aws_lakeformation_permissions" "reader" {
  for_each = local.lake_formation_reads

  principal   = each.value.reader
  permissions = ["SELECT"]

  table_with_columns {
    database_name = aws_glue_catalog_database.lake.name
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
  for_each = var.lake_formation_enabled ? var.lake_formation_readers : []

  principal   = each.value
  permissions = ["DESCRIBE"]

  database {
    name = aws_glue_catalog_database.lake.name
  }
}
