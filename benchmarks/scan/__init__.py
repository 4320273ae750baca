"""Bytes scanned: what Athena reads, and charges, for the same events in every layout.

`suite` holds the queries, `layouts` builds the files, `stage` puts them where Athena finds them,
`run` asks, compares and times, `independent` counts byte ranges on its own, `costs` does the sums
and `report` and `plots` show them.
"""
