"""What the operations of ECS that Windlass has do not do: data for `windlass coverage`."""

from __future__ import annotations

from collections.abc import Mapping

PARTIAL: Mapping[str, str] = {
    "CreateCluster": (
        "configuration is stored, not acted on; containerInsights enhanced is as enabled; "
        "serviceConnectDefaults is refused"
    ),
    "UpdateCluster": "as CreateCluster",
    "UpdateClusterSettings": "containerInsights enhanced is as enabled",
    "CreateCapacityProvider": (
        "managedInstancesProvider is refused; managed scaling looks at CPU, memory and ports of waiting "
        "tasks, not at memberOf nor at zones"
    ),
    "UpdateCapacityProvider": "as CreateCapacityProvider",
    "RegisterTaskDefinition": (
        "environmentFiles, secretOptions and MANAGED_INSTANCES are refused; secrets are read when a launch "
        "is asked for; GPUs (resourceRequirements) count in "
        "placement only, no container gets one; requiresAttributes is shown and does not steer placement; "
        "stored and not acted on by the process runner: image, volumes, mountPoints, linuxParameters, "
        "readonlyRootFilesystem (the oci runner has images that were imported, host and task volumes, "
        "and those of Docker's local driver, volumesFrom, linuxParameters, systemControls of the "
        "container's own namespaces, privileged and a read-only root); the oci runner starts a container "
        "again with a fresh root file system; cpu and memory of the task limit its containers together "
        "under the oci runner with root, by others they are only reserved; networkMode and portMappings "
        "as far as the runner can (docs/nodes.md), port ranges of up to 1,000 ports; by no runner: links, "
        "hostname, DNS members, extraHosts, dockerSecurityOptions, interactive, "
        "pseudoTerminal, disableNetworking, repositoryCredentials, firelensConfiguration, credentialSpecs, "
        "pidMode, ipcMode, proxyConfiguration, inferenceAccelerators, "
        "ephemeralStorage, runtimePlatform, enableFaultInjection, executionRoleArn, "
        "the json-file driver's options; log drivers other than awslogs and json-file are refused"
    ),
    "RunTask": (
        "volumeConfigurations and MANAGED_INSTANCES are refused; public addresses are "
        "made up; stored or taken and not acted on: "
        "platformVersion, referenceId, overrides of executionRoleArn, ephemeralStorage, "
        "inferenceAccelerators; "
        "whether the task role exists is not checked"
    ),
    "DescribeTasks": (
        "attributes: ecs.cpu-architecture only; availabilityZone of tasks with an interface or on an "
        "instance only; network bindings port by port, ranges too"
    ),
    "ExecuteCommand": (
        "sessions are not encrypted (kmsKeyId is refused) and not logged; a client that lost its connection "
        "cannot resume; under the process runner commands run as the container's user, not as root"
    ),
    "CreateService": (
        "refused: the deployment controller CODE_DEPLOY, "
        "MANAGED_INSTANCES, serviceRegistries, volumeConfigurations, serviceConnectConfiguration, "
        "vpcLatticeConfigurations and Classic Load Balancers; with BLUE_GREEN, LINEAR and CANARY the roleArn "
        "of advancedConfiguration is not used, and maximumPercent counts for each set of tasks by itself"
    ),
    "CreateExpressGatewayService": (
        "its load balancer listens for HTTP, not HTTPS: there are no ACM certificates; all endpoints are "
        "PUBLIC, whatever the subnets; the infrastructure role is not used"
    ),
    "CreateTaskSet": ("refused: MANAGED_INSTANCES and serviceRegistries"),
    "UpdateService": "as CreateService; the deployment controller cannot be changed",
    "ListServicesByNamespace": "there are no namespaces, so every one is not found",
    "ListTasks": "daemonName is refused: there are no daemons",
    "StartTask": "as RunTask; requiresAttributes does not steer placement, so ATTRIBUTE is for memberOf only",
    "DeregisterContainerInstance": "by force: tasks are stopped; on AWS they run on with nobody to stop them",
    "ListContainerInstances": "filter: patterns are RE2's, not Java's",
    "RegisterContainerInstance": (
        "platformDevices and the signature of the identity document are not looked at; an instance whose "
        "document names no machine of this plane has no agent"
    ),
    "PutAccountSetting": "all but defaultLogDriverMode and awsvpcTrunking are stored, not acted on",
    "PutAccountSettingDefault": "all but defaultLogDriverMode and awsvpcTrunking are stored, not acted on",
}
