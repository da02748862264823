# Puts hinomi-agent into the container definitions of an ECS task.
#
#   module "hinomi" {
#     source                = "./deploy/terraform"
#     agent_image           = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/hinomi-agent:0.1"
#     server_url            = "https://hinomi.example:8443"
#     token_secret_arn      = aws_secretsmanager_secret.enrolment.arn
#     container_definitions = jsonencode([...])
#   }
#
#   resource "aws_ecs_task_definition" "shop" {
#     container_definitions = module.hinomi.container_definitions
#     pid_mode              = module.hinomi.pid_mode
#     execution_role_arn    = aws_iam_role.execution.arn # may read the secret
#     dynamic "volume" {
#       for_each = module.hinomi.volumes
#       content {
#         name = volume.value
#       }
#     }
#     ...
#   }
#
# The definitions have to be known when Terraform plans: what they take from resources that are not there yet makes the
# whole text unknown until it applies. The program `hinomi` runs where Terraform runs.

terraform {
  required_version = ">= 1.3"
  required_providers {
    external = {
      source  = "hashicorp/external"
      version = ">= 2.3"
    }
  }
}

variable "container_definitions" {
  description = "JSON, as jsonencode() gives it."
  type        = string
}

variable "agent_image" {
  description = "The image that has hinomi-agent and hinomi-shim."
  type        = string
}

variable "server_url" {
  description = "hinomi-server; null: the agent prints alerts."
  type        = string
  default     = null
}

variable "server_ca_sha256" {
  description = "SHA-256 of the certificate of the server's authority."
  type        = string
  default     = null
}

variable "token_secret_arn" {
  description = "The secret that holds the enrolment token. Needed with a server."
  type        = string
  default     = null
}

variable "priority" {
  description = "availability or security."
  type        = string
  default     = "availability"
  validation {
    condition     = contains(["availability", "security"], var.priority)
    error_message = "The priority is availability or security."
  }
}

variable "skip" {
  description = "Names of containers that are left alone."
  type        = list(string)
  default     = []
}

variable "image_configs" {
  description = "Paths of images' configurations, by container or image: for containers without an entryPoint."
  type        = map(string)
  default     = {}
}

variable "arguments" {
  description = "More options of `hinomi instrument`."
  type        = list(string)
  default     = []
}

variable "program" {
  description = "Where `hinomi` is."
  type        = string
  default     = "hinomi"
}

locals {
  server = var.server_url == null ? [] : concat(
    ["--server", var.server_url, "--token-secret", var.token_secret_arn],
    var.server_ca_sha256 == null ? [] : ["--server-ca", var.server_ca_sha256],
  )
  skip   = flatten([for name in var.skip : ["--skip", name]])
  images = flatten([for name, path in var.image_configs : ["--image-config", "${name}=${path}"]])
}

data "external" "instrumented" {
  program = concat(
    [var.program, "instrument", "--terraform", "--agent-image", var.agent_image, "--priority", var.priority],
    local.server, local.skip, local.images, var.arguments,
  )
  query = {
    container_definitions = var.container_definitions
  }
}

output "container_definitions" {
  description = "For aws_ecs_task_definition."
  value       = data.external.instrumented.result.container_definitions
}

output "pid_mode" {
  description = "For aws_ecs_task_definition: without it the agent sees nothing."
  value       = "task"
}

output "volumes" {
  description = "Names of the volumes that aws_ecs_task_definition has to have."
  value       = var.server_url == null ? ["hinomi"] : ["hinomi", "hinomi-state"]
}
