"""Which layout of merged Parquet files an engine prefers: one day, merged in several settings.

`run` lands the events, merges them in each setting and asks a Trino the same questions of each;
`report` shows what it read. The catalog's defaults were chosen by it.
"""
