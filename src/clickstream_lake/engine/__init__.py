"""A Trino of its own: brought, started, asked and stopped. Imports nothing else of the package.

Athena's engine version 3 is a relative of Trino. What can be had is the open-source server, of one
version, over the tables of Glue and S3: AWS's own or the sandbox's.
"""
