"""Athena on a laptop: SQL over tables as Glue describes them, with Athena's bill and Athena's API.

`engine.QueryEngine` runs and estimates statements, `api.AthenaApi` serves them through the Athena
protocol.
"""
