# The pipeline's story, left to right: events in, queue, transform, compaction, queries. One row of
# graphs per step, and the same for every stream.

locals {
  # Each graph: title, and lines of [namespace, metric, dimensions, statistic, label].
  dashboard_graphs = flatten([
    for key, stream in local.streams : [
      {
        title = "${stream.name}: events into Firehose"
        lines = [
          ["AWS/Firehose", "IncomingRecords", { DeliveryStreamName = stream.name }, "Sum", "records in"],
          ["AWS/Firehose", "ThrottledRecords", { DeliveryStreamName = stream.name }, "Sum", "throttled"],
        ]
      },
      {
        title = "${stream.name}: Firehose delivery"
        lines = [
          ["AWS/Firehose", "DeliveryToS3.DataFreshness", { DeliveryStreamName = stream.name }, "Maximum", "oldest undelivered, s"],
          ["AWS/Firehose", "DeliveryToS3.Success", { DeliveryStreamName = stream.name }, "Average", "success"],
        ]
      },
      {
        title = "${stream.name}: raw objects waiting"
        lines = [
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "${stream.name}-transform" }, "Maximum", "waiting"],
          ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", { QueueName = "${stream.name}-transform" }, "Maximum", "in work"],
          ["AWS/SQS", "ApproximateAgeOfOldestMessage", { QueueName = "${stream.name}-transform" }, "Maximum", "oldest, s"],
        ]
      },
      {
        title = "${stream.name}: transform function"
        lines = [
          ["AWS/Lambda", "Invocations", { FunctionName = "${stream.name}-transform" }, "Sum", "invocations"],
          ["AWS/Lambda", "Errors", { FunctionName = "${stream.name}-transform" }, "Sum", "errors"],
          ["AWS/Lambda", "Throttles", { FunctionName = "${stream.name}-transform" }, "Sum", "throttles"],
          ["AWS/Lambda", "ConcurrentExecutions", { FunctionName = "${stream.name}-transform" }, "Maximum", "at once"],
        ]
      },
      {
        title = "${stream.name}: transform duration (timeout ${var.transform_timeout_seconds} s)"
        lines = [
          ["AWS/Lambda", "Duration", { FunctionName = "${stream.name}-transform" }, "p50", "median, ms"],
          ["AWS/Lambda", "Duration", { FunctionName = "${stream.name}-transform" }, "Maximum", "longest, ms"],
        ]
      },
      {
        title = "${stream.name}: rows"
        lines = [
          [local.metrics_namespace, "RowsIn", { service = "${stream.name}-transform" }, "Sum", "lines in"],
          [local.metrics_namespace, "RowsPublished", { service = "${stream.name}-transform" }, "Sum", "published"],
          [local.metrics_namespace, "RowsRejected", { service = "${stream.name}-transform" }, "Sum", "rejected"],
          [local.metrics_namespace, "ValuesMismatched", { service = "${stream.name}-transform" }, "Sum", "values mismatched"],
        ]
      },
      {
        title  = "${stream.name}: rejects by reason"
        search = "SEARCH('{${local.metrics_namespace},reason,service} MetricName=\"RowsRejectedByReason\" service=\"${stream.name}-transform\"', 'Sum', 300)"
        lines  = []
      },
      {
        title = "${stream.name}: raw objects with trouble"
        lines = [
          [local.metrics_namespace, "ObjectsCorrupt", { service = "${stream.name}-transform" }, "Sum", "rejected whole"],
          [local.metrics_namespace, "ObjectsFailed", { service = "${stream.name}-transform" }, "Sum", "failed"],
          [local.metrics_namespace, "ObjectsStale", { service = "${stream.name}-transform" }, "Sum", "replaced after merging"],
          [local.metrics_namespace, "ObjectsUndelivered", { service = "${stream.name}-transform" }, "Sum", "undelivered by Firehose"],
        ]
      },
      {
        title = "${stream.name}: bytes in and out"
        lines = [
          [local.metrics_namespace, "BytesIn", { service = "${stream.name}-transform" }, "Sum", "raw (gzip)"],
          [local.metrics_namespace, "BytesJson", { service = "${stream.name}-transform" }, "Sum", "JSON"],
          [local.metrics_namespace, "BytesParquet", { service = "${stream.name}-transform" }, "Sum", "Parquet"],
        ]
      },
      {
        title = "${stream.name}: compaction"
        lines = [
          [local.metrics_namespace, "PartitionsPlanned", { service = "${stream.name}-compact" }, "Sum", "planned"],
          [local.metrics_namespace, "PartitionsCompacted", { service = "${stream.name}-compact" }, "Sum", "compacted"],
          [local.metrics_namespace, "PartitionsFailed", { service = "${stream.name}-compact" }, "Sum", "failed"],
          [local.metrics_namespace, "OldestWaiting", { service = "${stream.name}-compact" }, "Maximum", "lag, s"],
        ]
      },
      {
        title = "${stream.name}: files before and after compaction"
        lines = [
          [local.metrics_namespace, "FilesBefore", { service = "${stream.name}-compact" }, "Sum", "before"],
          [local.metrics_namespace, "FilesAfter", { service = "${stream.name}-compact" }, "Sum", "after"],
          [local.metrics_namespace, "FilesDeleted", { service = "${stream.name}-compact" }, "Sum", "cleaned up"],
        ]
      },
      {
        title = "${stream.name}: dead letters"
        lines = [
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "${stream.name}-transform-dead" }, "Maximum", "transform"],
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "${stream.name}-compact-dead.fifo" }, "Maximum", "compact"],
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "${var.name}-schedule-dead" }, "Maximum", "schedule"],
        ]
      },
    ]
  ])

  athena_graphs = [
    {
      title  = "Athena: bytes scanned"
      search = "SEARCH('Namespace=\"AWS/Athena\" MetricName=\"ProcessedBytes\" WorkGroup=\"${var.name}\"', 'Sum', 300)"
      lines  = []
    },
    {
      title  = "Athena: longest query, ms"
      search = "SEARCH('Namespace=\"AWS/Athena\" MetricName=\"TotalExecutionTime\" WorkGroup=\"${var.name}\"', 'Maximum', 300)"
      lines  = []
    },
  ]

  dashboard_widgets = [
    for index, graph in concat(local.dashboard_graphs, local.athena_graphs) : {
      type   = "metric"
      width  = 8
      height = 6
      x      = 8 * (index % 3)
      y      = 6 * floor(index / 3)
      properties = {
        title  = graph.title
        region = local.region
        view   = "timeSeries"
        period = 300
        metrics = concat(
          [
            for line in graph.lines : concat(
              [line[0], line[1]],
              flatten([for name, value in line[2] : [name, value]]),
              [{ stat = line[3], label = line[4] }],
            )
          ],
          [for search in [try(graph.search, null)] : [{ expression = search, label = "" }] if search != null],
        )
      }
    }
  ]
}

resource "aws_cloudwatch_dashboard" "lake" {
  count = var.dashboard_enabled ? 1 : 0

  # Dashboards are the whole account's, as roles are.
  dashboard_name = "${var.name}${local.global_suffix}"
  dashboard_body = jsonencode({ widgets = local.dashboard_widgets })
}
