"""Athena on a laptop: SQL over tables as Glue describes them, with Athena's bill and Athena's API.

`clickstream.athena.engine.QueryEngine` runs and estimates statements, `clickstream.athena.api`
serves them through the Athena protocol.
"""
