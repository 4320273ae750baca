# Where AWS goes by other names: China (aws-cn), and GovCloud (aws-us-gov).

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package_dir            = "tests/packages"
  kms_enabled            = true
  lake_formation_enabled = true
}

run "china" {
  command = apply

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-cn", dns_suffix = "amazonaws.com.cn" }
  }

  override_data {
    target = data.aws_region.current
    values = { id = "cn-north-1" }
  }

  # S3 asks for the key on a role's behalf by its address in the partition.
  assert {
    condition = flatten([
      for statement in data.aws_iam_policy_document.firehose["events"].statement :
      [for condition in statement.condition : condition.values if condition.variable == "kms:ViaService"]
    ]) == ["s3.cn-north-1.amazonaws.com.cn"]
    error_message = "Firehose's role must reach the key through China's S3."
  }

  # CloudWatch Logs alone of the services here has a principal with region and partition; the others
  # have one and the same everywhere.
  assert {
    condition = toset(flatten([
      for document in concat(
        [data.aws_iam_policy_document.kms[0], data.aws_iam_policy_document.alarms[0], data.aws_iam_policy_document.queue["events-transform"]],
        values(data.aws_iam_policy_document.trust),
      ) : [for statement in document.statement : [for principal in statement.principals : principal.identifiers if principal.type == "Service"]]
      ])) == toset([
      "logs.cn-north-1.amazonaws.com.cn", "s3.amazonaws.com", "cloudwatch.amazonaws.com", "events.amazonaws.com",
      "lambda.amazonaws.com", "firehose.amazonaws.com", "scheduler.amazonaws.com", "lakeformation.amazonaws.com",
    ])
    error_message = "Service principals must be those that China knows."
  }

  # Whatever ARN is put together here, of resources that the provider has not answered for.
  assert {
    condition = alltrue([
      for arn in flatten([
        [for key in ["transform", "compact"] : [for statement in data.aws_iam_policy_document.function["events-${key}"].statement : [for resource in statement.resources : resource if strcontains(resource, ":glue:")]]],
        [for statement in data.aws_iam_policy_document.kms[0].statement : [for principal in statement.principals : principal.identifiers if principal.type == "AWS"]],
        [for statement in data.aws_iam_policy_document.kms[0].statement : [for condition in statement.condition : condition.values if condition.test == "ArnLike"]],
        [for statement in data.aws_iam_policy_document.alarms[0].statement : [for condition in statement.condition : condition.values if condition.test == "ArnLike"]],
      ]) : startswith(arn, "arn:aws-cn:")
    ])
    error_message = "ARNs must be of the partition."
  }
}

run "govcloud" {
  command = apply

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-us-gov", dns_suffix = "amazonaws.com" }
  }

  override_data {
    target = data.aws_region.current
    values = { id = "us-gov-west-1" }
  }

  assert {
    condition     = contains(flatten([for statement in data.aws_iam_policy_document.kms[0].statement : [for principal in statement.principals : principal.identifiers]]), "logs.us-gov-west-1.amazonaws.com")
    error_message = "GovCloud must keep the common suffix."
  }

  assert {
    condition     = alltrue(flatten([for statement in data.aws_iam_policy_document.function["events-transform"].statement : [for resource in statement.resources : startswith(resource, "arn:aws-us-gov:") if strcontains(resource, ":glue:")]]))
    error_message = "ARNs must be of the partition."
  }
}
