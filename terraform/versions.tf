terraform {
  # 1.9: validations may look at other variables.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

# There is no provider block here, so that this directory is both things at once: a root module that
# takes region and credentials from the environment (AWS_REGION, AWS_PROFILE), and a module that
# other configurations call with a provider of their own (see examples/).
