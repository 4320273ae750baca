# When somebody is told.

variable "alarms_enabled" {
  description = "Create the alarms, and the topic that they go to."
  type        = bool
  default     = true
}

variable "alarm_topic" {
  description = "SNS topic that alarms go to, as `{ arn = ... }`; by default one is created. It may be made in the same configuration. An own topic's policy must let cloudwatch.amazonaws.com publish."
  type        = object({ arn = string })
  default     = null

  validation {
    condition     = var.alarm_topic == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.alarm_topic.arn))
    error_message = "alarm_topic must have the ARN of a standard SNS topic."
  }
}

variable "alarm_emails" {
  description = "Addresses that get the alarms by e-mail, once each has confirmed it."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@[:space:]]+@[^@[:space:]]+\\.[^@[:space:]]+$", address))])
    error_message = "alarm_emails must be e-mail addresses."
  }

  validation {
    condition     = length(var.alarm_emails) == 0 || (var.alarms_enabled && var.alarm_topic == null)
    error_message = "alarm_emails subscribe to the topic that is created here: they need alarms_enabled, and no alarm_topic."
  }
}

variable "dashboard_enabled" {
  description = "Create the CloudWatch dashboard. The first three of an account are free."
  type        = bool
  default     = true
}

variable "alarm_reject_percent" {
  description = "Alarm when more than this share of the lines of five minutes is rejected, in percent."
  type        = number
  default     = 5

  validation {
    condition     = var.alarm_reject_percent > 0 && var.alarm_reject_percent < 100
    error_message = "alarm_reject_percent must be more than 0 and less than 100."
  }
}

variable "alarm_queue_age_seconds" {
  description = "Alarm when a raw object waits longer than this for the transform function; by default five minutes more than a message stays hidden whose function was killed."
  type        = number
  default     = null

  validation {
    condition     = var.alarm_queue_age_seconds == null ? true : var.alarm_queue_age_seconds >= 60 && floor(var.alarm_queue_age_seconds) == var.alarm_queue_age_seconds
    error_message = "alarm_queue_age_seconds must be a whole number of at least 60."
  }
}

variable "alarm_compaction_lag_hours" {
  description = "Alarm when a landing file that is worth compacting has waited longer than this."
  type        = number
  default     = 24

  validation {
    condition     = var.alarm_compaction_lag_hours >= 1 && var.alarm_compaction_lag_hours <= 24 * 365
    error_message = "alarm_compaction_lag_hours must be from 1 to 8760."
  }
}
