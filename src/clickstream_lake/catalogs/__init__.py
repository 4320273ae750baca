"""The schemas, one per family of events: read by Python, and by Terraform by path."""
