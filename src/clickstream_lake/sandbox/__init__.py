"""A local AWS for a lake: moto's server with the parts that it lacks.

It knows nothing of the rest of the package: who starts it says what is provisioned in it, and what
code its functions run. `sandbox.sandbox.Sandbox` is the whole.
"""
