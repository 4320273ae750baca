output "bucket" {
  description = "The lake's bucket."
  value       = local.bucket.name
}

output "streams" {
  description = "Firehose stream of each entry of `streams`: producers send there."
  value       = { for key, stream in aws_kinesis_firehose_delivery_stream.events : key => stream.name }
}

output "database" {
  description = "Glue database of the tables."
  value       = local.database
}

output "tables" {
  description = "Names of the JSON, Parquet and rejects tables of each stream, and of each family that events are routed to."
  value       = { for key, stream in local.families : key => { for format, table in stream.tables : format => table.name } }

  precondition {
    condition     = length(local.broken_tables) == 0
    error_message = "The catalog would drop, rename, move or retype columns that these tables have: ${join(", ", local.broken_tables)}. Columns are added with \"added\": \"<today>\" and never taken away; `clickstream catalog diff` says which are meant."
  }
}

output "workgroup" {
  description = "Athena workgroup to query in."
  value       = aws_athena_workgroup.lake.name
}

output "functions" {
  description = "Names of the transform and compact function of each stream."
  value = {
    for key, family in local.families : key => {
      transform = aws_lambda_function.function["${family.stream}-transform"].function_name
      compact   = aws_lambda_function.function["${key}-compact"].function_name
    }
  }
}

output "queues" {
  description = "URLs of the queues of each stream: work and dead letters."
  value = {
    for key in keys(local.streams) : key => {
      transform      = aws_sqs_queue.work["${key}-transform"].id
      transform_dead = aws_sqs_queue.dead["${key}-transform"].id
      compact        = aws_sqs_queue.work["${key}-compact"].id
      compact_dead   = aws_sqs_queue.dead["${key}-compact"].id
    }
  }
}

output "schedule_dead_letter_queue" {
  description = "URL of the queue with schedule ticks that failed."
  value       = aws_sqs_queue.schedule_dead.id
}

output "partition_keys" {
  description = "Partition keys of the tables of each stream, in order."
  value       = local.partition_keys
}

output "environment" {
  description = "Environment of the functions of each stream, to run the same handlers elsewhere."
  value = {
    for key in keys(local.streams) : key => {
      transform = aws_lambda_function.function["${key}-transform"].environment[0].variables
      compact   = aws_lambda_function.function["${key}-compact"].environment[0].variables
    }
  }
}

output "kms_key_arn" {
  description = "KMS key that encrypts everything, or null."
  value       = local.kms_key_arn
}

output "bucket_notifications" {
  description = "What the bucket has to notify of, and whom: for the one notification of a bucket of yours, where bucket_notification_enabled is off."
  value       = local.notifications
}

output "lake_formation_revokes" {
  description = "With lake_formation_mode = \"strict\", the commands after which nobody reads by IAM alone: run them once, and again after adding a stream. One that finds nothing to revoke says so, and is done. Otherwise empty."
  value       = local.lake_formation_revokes
}

locals {
  # An event with all that producers send, and the column that tells kinds of events apart.
  sample_values = { string = "text", bigint = 1, double = 1.5, boolean = true, timestamp = "2025-11-26T10:00:00Z", json = {} }
  sample_events = {
    for key, catalog in local.catalogs : key => {
      for column in catalog.columns : try(column.from[0], column.name) => local.sample_values[column.type]
      if !contains(["processed_ts", "extra"], column.name) && try(column.retired, null) == null
    }
  }
  kinds = {
    for key, catalog in local.catalogs : key => coalesce(concat([for term in catalog.cluster_by : term if !strcontains(term, "(")], ["processed_ts"])...)
  }
}

output "commands" {
  description = "What to type next, per stream: send an event, query it, watch the functions, compact now, send dead letters back."
  value = {
    for key, stream in local.streams : key => {
      send_event = join(" ", [
        "aws firehose put-record --region ${local.region} --delivery-stream-name ${stream.name}",
        "--cli-binary-format raw-in-base64-out",
        "--record '${jsonencode({ Data = jsonencode(local.sample_events[key]) })}'",
      ])
      query = join(" ", [
        "aws athena start-query-execution --region ${local.region} --work-group ${aws_athena_workgroup.lake.name}",
        "--query-execution-context Database=${local.database}",
        "--query-string 'SELECT ${local.kinds[key]}, COUNT(*) FROM ${stream.tables["parquet"].name} GROUP BY ${local.kinds[key]}'",
      ])
      follow_transform = "aws logs tail ${aws_cloudwatch_log_group.function["${key}-transform"].name} --region ${local.region} --follow"
      compact_now      = "aws lambda invoke --region ${local.region} --function-name ${aws_lambda_function.function["${key}-compact"].function_name} --cli-binary-format raw-in-base64-out --payload '{\"action\":\"plan\"}' /dev/stdout"
      retry_transform  = "aws sqs start-message-move-task --region ${local.region} --source-arn ${aws_sqs_queue.dead["${key}-transform"].arn}"
      retry_compact    = "aws sqs start-message-move-task --region ${local.region} --source-arn ${aws_sqs_queue.dead["${key}-compact"].arn}"
    }
  }
}
