variable "region" {
  description = "AWS region of the lake."
  type        = string
  default     = "eu-central-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be a region's name such as eu-central-1."
  }
}

variable "release_location" {
  description = "Bucket and prefix of a release's files, in any region: `aws s3 cp --recursive` of a release's files puts them there."
  type        = string

  validation {
    condition     = strcontains(var.release_location, "/")
    error_message = "release_location must be a bucket and a prefix, such as my-releases/clickstream/v0.2.0."
  }
}

variable "release_checksums" {
  description = "The release's SHA256SUMS, kept beside this configuration: it decides what runs."
  type        = string
  default     = "SHA256SUMS"

  validation {
    condition     = fileexists(var.release_checksums)
    error_message = "release_checksums must be the path of a release's SHA256SUMS."
  }
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete the events, too."
  type        = bool
  default     = false
}
