"""What a client needs beside the endpoint to work on the sandbox. It takes any credentials."""

from typing import Final

REGION: Final = "us-east-1"
CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox"}
ENVIRONMENT: Final = {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION}
