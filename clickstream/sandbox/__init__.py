"""The local stand-in for AWS: moto's server with the parts that it lacks, and a lake in it."""

from clickstream.sandbox.errors import SandboxError
from clickstream.sandbox.provision import LakeSettings, Provision, by_catalog
from clickstream.sandbox.provision_terraform import by_terraform
from clickstream.sandbox.resources import Resources
from clickstream.sandbox.sandbox import Sandbox

__all__ = [
    "LakeSettings",
    "Provision",
    "Resources",
    "Sandbox",
    "SandboxError",
    "by_catalog",
    "by_terraform",
]
