"""A local AWS for pipelines on S3: moto's server with the parts that it lacks.

It knows nothing of the rest of the package: its caller says what is provisioned in it, and what
code its functions run. `sandbox.sandbox.Sandbox` is the whole of it; README.md beside this file
says how to use it, and which parts of AWS it answers.
"""
