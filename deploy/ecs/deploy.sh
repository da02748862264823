#!/bin/bash
# A step of a pipeline: instruments a task definition, registers it, and has a service deploy it.
#
#     deploy.sh CLUSTER SERVICE TASKDEF.json [OPTION of hinomi instrument...]
#
# How it is deployed is the service's: rolling, or ECS's own blue/green, linear and canary (controller ECS), or CodeDeploy's
# blue/green (controller CODE_DEPLOY; its appspec is APPSPEC, or appspec.yaml beside the definition). The file itself stays
# as it is. Whatever fails ends the step before the service is touched: nothing is deployed that is not instrumented.
# HINOMI and AWS name the programs.
set -euo pipefail

if [[ $# -lt 3 ]]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
cluster=$1 service=$2 definition=$3
shift 3
hinomi=${HINOMI:-hinomi} aws=${AWS:-aws}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$hinomi" instrument "$@" -o "$work/taskdef.json" "$definition"

controller=$("$aws" ecs describe-services --cluster "$cluster" --services "$service" \
    --query 'services[0].deploymentController.type || `"ECS"`' --output text)
case $controller in
ECS)
    arn=$("$aws" ecs register-task-definition --cli-input-json "file://$work/taskdef.json" \
        --query taskDefinition.taskDefinitionArn --output text)
    "$aws" ecs update-service --cluster "$cluster" --service "$service" --task-definition "$arn" \
        --query service.serviceArn --output text
    "$aws" ecs wait services-stable --cluster "$cluster" --services "$service"
    ;;
CODE_DEPLOY)
    # Registers the definition, puts its ARN into the appspec, and waits for the deployment.
    "$aws" ecs deploy --cluster "$cluster" --service "$service" --task-definition "$work/taskdef.json" \
        --codedeploy-appspec "${APPSPEC:-$(dirname "$definition")/appspec.yaml}"
    ;;
*)
    echo "deploy.sh: the service's deployment controller is $controller, which deploys by other means" >&2
    exit 1
    ;;
esac
