"""What `windlass coverage batch` says of operations that are not full."""

from __future__ import annotations

from collections.abc import Mapping

_EC2 = (
    "stored, not acted on: allocationStrategy, imageId, ec2KeyPair, instanceRole, placementGroup, "
    "bidPercentage, spotIamFleetRole, ec2Configuration, scalingPolicy, a desiredvCpus of the caller's, "
    "serviceRole and context; instances are in no Auto Scaling group; environments on EKS are refused"
)

PARTIAL: Mapping[str, str] = {
    "CreateComputeEnvironment": _EC2,
    "UpdateComputeEnvironment": "as CreateComputeEnvironment; updatePolicy and updateToLatestImageVersion "
    "change nothing: no instance is replaced",
    "CreateJobQueue": "service environments and queues on EKS are refused",
    "UpdateJobQueue": "service environments are refused",
    "CreateSchedulingPolicy": "quotaSharePolicy is refused",
    "UpdateSchedulingPolicy": "quotaSharePolicy is refused",
    "GetJobQueueSnapshot": "earliestTimeAtPosition is when the job became RUNNABLE; no quota shares",
    "ListJobs": "multiNodeJobId lists nothing: there are no multi-node jobs",
    "SubmitJob": "refused: jobs of multi-node definitions, eksPropertiesOverride, "
    "consumableResourcePropertiesOverride; attempts are units of their own, which ECS does not list",
    "RegisterJobDefinition": "refused: eksProperties, consumable resources, S3 Files, secretOptions, log "
    "drivers other than awslogs and json-file; nodeProperties are stored, SubmitJob refuses multi-node jobs; "
    "images, volumes, linuxParameters and the like as far as the runner can, see ecs RegisterTaskDefinition; "
    "stored, not acted on: EFS volumes, repositoryCredentials, firelensConfiguration, "
    "enableExecuteCommand, ipcMode, pidMode, ephemeralStorage, runtimePlatform, platform versions, "
    "GPUs (they count in placement only); roles are not looked up",
}
