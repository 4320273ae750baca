# The provider that `make deploy` takes: it becomes terraform/.terraform.lock.hcl where there is none, and
# `terraform init` adds the hashes of your platform.
provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.100.0"
  constraints = ">= 5.100.0, < 7.0.0"
}
