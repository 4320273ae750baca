"""What whoever deploys may call, and nothing else: `python -m dev.deployer_policy`.

`calls.json` holds what Terraform was seen to call; `recorder.py` sees it, `policy.py` turns it into
statements.
"""
