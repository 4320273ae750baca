# The clock of compaction, clean-up and the audit of the raw zone.

resource "aws_scheduler_schedule_group" "lake" {
  name = var.name
  tags = local.tags
}

locals {
  schedules = merge([
    for key, stream in local.families : {
      "${key}-compact" = {
        stream     = key
        expression = var.compact_schedule
        enabled    = var.compact_enabled
        input      = { action = "plan" }
        what       = "Plans the compaction of ${stream.name}"
      }
      "${key}-cleanup" = {
        stream     = key
        expression = var.cleanup_schedule
        enabled    = var.cleanup_enabled
        input      = { action = "cleanup" }
        what       = "Deletes replaced files of ${stream.name} after their grace period"
      }
      "${key}-audit" = {
        stream     = key
        expression = var.audit_schedule
        enabled    = var.audit_enabled
        input      = { action = "audit" }
        what       = "Finds raw objects of ${stream.name} that no transform took"
      }
    }
  ]...)
}

resource "aws_scheduler_schedule" "compact" {
  for_each = local.schedules

  name                         = "${var.name}-${each.key}"
  group_name                   = aws_scheduler_schedule_group.lake.name
  description                  = each.value.what
  state                        = each.value.enabled ? "ENABLED" : "DISABLED"
  schedule_expression          = each.value.expression
  schedule_expression_timezone = var.schedule_timezone
  kms_key_arn                  = local.kms_key_arn

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 5
  }

  target {
    arn      = aws_lambda_function.function["${each.value.stream}-compact"].arn
    role_arn = aws_iam_role.scheduler.arn
    input    = jsonencode(each.value.input)

    dead_letter_config {
      arn = aws_sqs_queue.schedule_dead.arn
    }

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 3
    }
  }

  # Creating a schedule, AWS checks that the role may invoke the target.
  depends_on = [aws_iam_role_policy.scheduler]
}
