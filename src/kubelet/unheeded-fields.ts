import type { KubeletConfiguration } from '../api/types/gen/kubelet-v1beta1.ts';
import { type FieldUses, REASONS_OF_ALL, SO_ANYWAY_OF_ALL, unheededLines } from '../api/unheeded-fields.ts';

/** What this kubelet makes of each field of its configuration; a field that is read from now on goes from `reasons` to `heeded`. */
export const KUBELET_FIELDS: FieldUses = {
  heeded: [
    // where static pods and the runtime are
    ...['staticPodPath', 'fileCheckFrequency', 'containerRuntimeEndpoint', 'imageServiceEndpoint'],
    'runtimeRequestTimeout',
    // its server, and who may ask it
    ...['enableServer', 'enableDebuggingHandlers', 'address', 'port', 'healthzPort', 'healthzBindAddress'],
    ...['tlsCertFile', 'tlsPrivateKeyFile', 'rotateCertificates', 'serverTLSBootstrap'],
    ...['authentication', 'authorization', 'volumeStatsAggPeriod'],
    // the Node
    ...['registerNode', 'registerWithTaints', 'maxPods', 'nodeStatusUpdateFrequency', 'nodeStatusReportFrequency'],
    ...['nodeLeaseDurationSeconds', 'evictionPressureTransitionPeriod'],
    ...['evictionHard[memory.available]', 'evictionHard[pid.available]'],
    ...['evictionHard[nodefs.available]', 'evictionHard[nodefs.inodesFree]'],
    ...['kubeReserved[cpu]', 'kubeReserved[memory]', 'systemReserved[cpu]', 'systemReserved[memory]'],
    ...['enforceNodeAllocatable[pods]', 'enforceNodeAllocatable[none]'],
    // images
    ...['imagePullCredentialsVerificationPolicy', 'preloadedImagesVerificationAllowlist', 'serializeImagePulls'],
    ...['maxParallelImagePulls', 'imageMinimumGCAge', 'imageMaximumGCAge'],
    ...['imageGCHighThresholdPercent', 'imageGCLowThresholdPercent'],
    // groups and limits of pods
    ...['cgroupRoot', 'cgroupsPerQOS', 'cgroupDriver', 'cpuCFSQuota', 'cpuCFSQuotaPeriod', 'podPidsLimit'],
    ...['singleProcessOOMKill', 'failSwapOn', 'memorySwap', 'seccompDefault', 'allowedUnsafeSysctls'],
    // names, logs, restarts and ends of pods
    ...['clusterDNS', 'clusterDomain', 'resolvConf', 'podLogsDir', 'containerLogMaxSize', 'containerLogMaxFiles'],
    ...['containerLogMaxWorkers', 'containerLogMonitorInterval', 'crashLoopBackOff', 'shutdownGracePeriod'],
    ...['shutdownGracePeriodCriticalPods', 'shutdownGracePeriodByPodPriority'],
  ],
  reasons: [
    ...REASONS_OF_ALL,
    {
      why: 'there is no CPU manager: containers get shares and quotas of all CPUs',
      fields: ['cpuManagerPolicy', 'cpuManagerPolicyOptions', 'cpuManagerReconcilePeriod'],
    },
    {
      why: 'there is no CPU manager: systemReserved and kubeReserved keep CPU back, and no CPU is set apart',
      fields: ['reservedSystemCPUs'],
    },
    {
      why: 'there is no memory manager: containers get memory of all NUMA nodes',
      fields: ['memoryManagerPolicy', 'reservedMemory'],
    },
    {
      why: 'there is no topology manager: no resources are aligned',
      fields: ['topologyManagerPolicy', 'topologyManagerScope', 'topologyManagerPolicyOptions'],
    },
    {
      why: 'neither memory.min nor memory.high of a group is set',
      fields: ['memoryThrottlingFactor', 'memoryReservationPolicy'],
    },
    { why: 'the groups of QoS classes have no limits of memory', fields: ['qosReserved'] },
    {
      why: 'nothing is evicted: what evictionHard says is told as pressure by the Node',
      fields: ['evictionSoft', 'evictionSoftGracePeriod', 'evictionMaxPodGracePeriod', 'evictionMinimumReclaim'],
    },
    { why: 'the thresholds are those that evictionHard names', fields: ['mergeDefaultEvictionSettings'] },
    {
      why: 'memory.available, pid.available, nodefs.available and nodefs.inodesFree are all that is measured',
      fields: ['evictionHard'],
    },
    { why: 'pressure is looked for at intervals', fields: ['kernelMemcgNotification'] },
    { why: 'CPU and memory are all that is kept back', fields: ['systemReserved', 'kubeReserved'] },
    {
      why: 'pods alone are held to what is left for them',
      fields: ['enforceNodeAllocatable', 'systemReservedCgroup', 'kubeReservedCgroup'],
    },
    { why: 'no process of the machine is moved to another group', fields: ['kubeletCgroups', 'systemCgroups'] },
    { why: 'maxPods alone limits how many pods there are', fields: ['podsPerCore'] },
    { why: 'ephemeral storage is counted whatever it says', fields: ['localStorageCapacityIsolation'] },
    { why: 'LimitNOFILE= of the unit says it', fields: ['maxOpenFiles'] },
    { why: 'what it would show is on port, for those who may read it', fields: ['readOnlyPort'] },
    {
      why: 'the server speaks TLS 1.2 and 1.3, with the ciphers of its Node.js',
      fields: ['tlsCipherSuites', 'tlsCurvePreferences', 'tlsMinVersion'],
    },
    {
      why: "the runtime says when a stream ends that is idle: gantry's after 4 h",
      fields: ['streamingConnectionIdleTimeout'],
    },
    { why: 'no logs of the machine are served', fields: ['enableSystemLogHandler', 'enableSystemLogQuery'] },
    { why: 'nothing is traced', fields: ['tracing'] },
    {
      why: 'static pods come from staticPodPath alone',
      fields: ['staticPodURL', 'staticPodURLHeader', 'httpCheckFrequency'],
    },
    { why: 'a pod is looked at when something has changed, or is due', fields: ['syncFrequency'] },
    { why: 'the kubelet runs on', fields: ['runOnce'] },
    {
      why: 'every config map and secret of a pod is watched',
      fields: ['configMapAndSecretChangeDetectionStrategy'],
    },
    { why: 'no rate limits pulls: maxParallelImagePulls does', fields: ['registryPullQPS', 'registryBurst'] },
    { why: 'events are limited by what they are about: 25 of each at once', fields: ['eventRecordQPS', 'eventBurst'] },
    { why: 'requests are limited by no rate', fields: ['kubeAPIQPS', 'kubeAPIBurst'] },
    { why: 'the API server is spoken to in JSON', fields: ['contentType'] },
    { why: 'the Node names 50 images at most', fields: ['nodeStatusMaxImages'] },
    { why: 'the Node is registered without it', fields: ['providerID'] },
    { why: 'the networks of pods are those of the Node and of the CNI configuration', fields: ['podCIDR'] },
    { why: 'the CNI configuration says it', fields: ['hairpinMode'] },
    {
      why: 'the kubelet makes no rules of iptables',
      fields: ['makeIPTablesUtilChains', 'iptablesMasqueradeBit', 'iptablesDropBit'],
    },
    { why: 'parameters of the kernel are neither looked at nor changed', fields: ['protectKernelDefaults'] },
    {
      why: 'there are no volumes of plugins, and none to attach',
      fields: ['volumePluginDir', 'enableControllerAttachDetach'],
    },
    { why: 'the kubelet starts on cgroup v1, too', fields: ['failCgroupV1'] },
    { why: 'a pod with a user namespace gets 65536 ids', fields: ['userNamespaces'] },
  ],
  soAnyway: {
    ...SO_ANYWAY_OF_ALL,
    'userNamespaces.idsPerPod': [65_536],
    'evictionHard[imagefs.available]': ['15%', '0%'],
    'evictionHard[imagefs.inodesFree]': ['5%', '0%'],
    tlsMinVersion: ['VersionTLS12'],
    contentType: ['application/json'],
    hairpinMode: ['hairpin-veth'],
    registryPullQPS: [0],
    eventRecordQPS: [0],
    enableProfilingHandler: [false],
    enableDebugFlagsHandler: [false],
    enableSystemLogHandler: [false],
    makeIPTablesUtilChains: [false],
    enableControllerAttachDetach: [false],
    failCgroupV1: [false],
  },
};

/** A line for each field of the configuration that says something and changes nothing. Pure. */
export function unheededByKubelet(config: KubeletConfiguration): readonly string[] {
  return unheededLines(config, KUBELET_FIELDS);
}
