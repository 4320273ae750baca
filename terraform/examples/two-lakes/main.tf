# Two lakes beside each other in one account and region, and one of the same name in another region.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0" # what every test of the module ran with
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

provider "aws" {
  alias  = "west"
  region = "eu-west-1"
}

variable "package_dir" {
  description = "Directory that `make package` filled; by default the project's dist."
  type        = string
  default     = null

  validation {
    condition     = var.package_dir == null || can(regex(".", var.package_dir))
    error_message = "package_dir must be a path, or null."
  }
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete the events, too."
  type        = bool
  default     = false
}

# Nothing but their names differs: buckets, databases, workgroups and all else are named after them.
module "shop" {
  source = "../.."

  name          = "shop"
  package_dir   = var.package_dir
  force_destroy = var.force_destroy
}

module "blog" {
  source = "../.."

  name          = "blog"
  package_dir   = var.package_dir
  force_destroy = var.force_destroy
}

module "shop_west" {
  source    = "../.."
  providers = { aws = aws.west }

  name          = "shop"
  package_dir   = var.package_dir
  force_destroy = var.force_destroy
}

output "lakes" {
  description = "Names and commands to go on with, by lake."
  value       = { shop = module.shop, blog = module.blog, shop_west = module.shop_west }
}
