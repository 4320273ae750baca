"""Bytes scanned: what Athena reads, and charges, for the same events in every layout.

`suite` holds the queries, `layouts` builds the files, `stage` puts them where Athena finds them,
`run` asks and times, `independent` counts byte ranges on its own, `costs` does the sums and
`figures` and `report` show them. `command.bench` runs it all.
"""
