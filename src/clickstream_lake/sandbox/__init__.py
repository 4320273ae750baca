"""A local AWS for pipelines on S3: moto's server with the parts that it lacks.

It knows nothing of the rest of the package: who starts it says what is provisioned in it, and what
code its functions run. `sandbox.sandbox.Sandbox` is the whole; README.md beside this file says how
to use it, what of AWS it answers, and what it does not.
"""
