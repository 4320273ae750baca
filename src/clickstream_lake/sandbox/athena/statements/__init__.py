"""Athena's statements: recognised once, and carried out on Glue and S3 for whichever engine.

`read.read_statement` tells what a text asks for; `run.Statements` does it. What needs rows is
asked of an engine.
"""
