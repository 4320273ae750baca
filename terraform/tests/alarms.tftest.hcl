# Who is told what, and the dashboard.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package_dir = "tests/packages"
}

run "alarms_go_to_a_topic_of_their_own" {
  command = apply

  variables {
    alarm_emails = ["team@example.com"]
  }

  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.lake), values(aws_cloudwatch_metric_alarm.reject_ratio), values(aws_cloudwatch_metric_alarm.compaction_silent)) : alarm.alarm_actions == toset([aws_sns_topic.alarms[0].arn])])
    error_message = "Every alarm must reach the topic."
  }

  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.lake), values(aws_cloudwatch_metric_alarm.reject_ratio), values(aws_cloudwatch_metric_alarm.compaction_silent)) : length(alarm.alarm_description) > 40])
    error_message = "Every alarm must say what to do."
  }

  assert {
    condition     = aws_sns_topic_subscription.alarms["team@example.com"].topic_arn == aws_sns_topic.alarms[0].arn
    error_message = "Addresses must be subscribed."
  }

  assert {
    condition     = toset([for condition in data.aws_iam_policy_document.alarms[0].statement[0].condition : condition.variable]) == toset(["aws:SourceArn", "aws:SourceAccount"])
    error_message = "Only this lake's alarms may publish."
  }
}

run "alarms_watch_each_stream" {
  command = plan

  variables {
    streams = {
      events = {}
      orders = { prefix = "orders/", buffer_seconds = 60 }
    }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.lake["orders-firehose-freshness"].threshold == 360 && aws_cloudwatch_metric_alarm.lake["events-firehose-freshness"].threshold == 600
    error_message = "Freshness must be measured against the stream's own buffer."
  }

  assert {
    condition = (
      toset([for key in keys(aws_cloudwatch_metric_alarm.lake) : trimprefix(key, "orders-") if startswith(key, "orders-")]) ==
      toset([for key in keys(aws_cloudwatch_metric_alarm.lake) : trimprefix(key, "events-") if startswith(key, "events-")])
    )
    error_message = "Each stream must have all of its alarms."
  }

  assert {
    condition     = [for key in keys(aws_cloudwatch_metric_alarm.lake) : key if !startswith(key, "orders-") && !startswith(key, "events-")] == ["schedule-dead-letters"]
    error_message = "What the streams share must have its alarms once."
  }

  assert {
    condition = alltrue([
      for pair in setproduct(["transform", "compact"], ["errors", "throttles", "duration", "dead-letters"]) :
      contains(keys(aws_cloudwatch_metric_alarm.lake), "orders-${pair[0]}-${pair[1]}")
    ])
    error_message = "Each function must have its alarms."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.lake["orders-transform-duration"].threshold == 270000
    error_message = "Duration must be measured against nine tenths of the timeout, in milliseconds."
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.lake[0].dashboard_body).widgets) == 2 * 12 + 2
    error_message = "The dashboard must show each stream."
  }
}

run "the_queue_may_be_as_old_as_a_killed_function_makes_it" {
  command = plan

  variables {
    transform_timeout_seconds      = 120
    transform_batch_window_seconds = 10
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.lake["events-queue-age"].threshold == 6 * 120 + 10 + 300
    error_message = "One killed invocation hides its messages for the visibility timeout: that is no reason to wake anybody."
  }
}

run "plans_are_watched_at_the_schedules_pace" {
  command = plan

  variables {
    compact_schedule = "rate(90 minutes)"
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.lake["events-compaction-lag"].period == 7200 &&
      alltrue([for query in aws_cloudwatch_metric_alarm.compaction_silent["events"].metric_query : one(query.metric).period == 7200 if query.expression == null])
    )
    error_message = "A period must hold a plan, or the alarm would go on and off between two."
  }
}

run "a_daily_schedule_is_watched_for_lag_alone" {
  command = plan

  variables {
    compact_schedule = "cron(0 3 * * ? *)"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.lake["events-compaction-lag"].period == 86400 && length(aws_cloudwatch_metric_alarm.compaction_silent) == 0
    error_message = "Of a cron expression nobody here knows the interval."
  }
}

run "no_plan_is_missed_where_none_is_wanted" {
  command = plan

  variables {
    compact_enabled = false
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.compaction_silent) == 0
    error_message = "A schedule that is turned off is silent, and well."
  }
}

run "an_own_topic_is_used" {
  command = plan

  variables {
    alarm_topic = { arn = "arn:aws:sns:eu-central-1:123456789012:pager" }
  }

  assert {
    condition     = length(aws_sns_topic.alarms) == 0 && alltrue([for alarm in aws_cloudwatch_metric_alarm.lake : alarm.alarm_actions == toset(["arn:aws:sns:eu-central-1:123456789012:pager"])])
    error_message = "With a topic given, none may be created."
  }
}

run "alarms_and_dashboard_off" {
  command = plan

  variables {
    alarms_enabled    = false
    dashboard_enabled = false
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.lake) + length(aws_cloudwatch_metric_alarm.reject_ratio) + length(aws_cloudwatch_metric_alarm.compaction_silent) + length(aws_sns_topic.alarms) + length(aws_cloudwatch_dashboard.lake) == 0
    error_message = "Off, they must cost nothing."
  }
}
