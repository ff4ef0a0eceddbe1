import { parseDuration } from '../duration.ts';
import type { KubeletConfiguration } from '../types/gen/kubelet-v1beta1.ts';
import { defaultsOf, type TypeDefaults } from './apply.ts';

/** Upstream's defaults of the kubelet's configuration file in 1.36 (pkg/kubelet/apis/config/v1beta1/defaults.go). */
export const kubeletConfigurationDefaults: TypeDefaults = new Map([
  defaultsOf<KubeletConfiguration>('kubelet/v1beta1.KubeletConfiguration', config => ({
    ...serving(config),
    ...reporting(config),
    ...images(config),
    ...resources(config),
    ...podHandling(config),
    ...logs(config),
  })),
]);

/** The duration, or the default where it is zero: Go cannot tell a zero from an absent one. */
function duration(value: string | undefined, orElse: string): string {
  return value === undefined || parseDuration(value) === 0n ? orElse : value;
}

function serving(config: KubeletConfiguration): Partial<KubeletConfiguration> {
  const { authentication, authorization } = config;
  return {
    enableServer: config.enableServer ?? true,
    address: config.address || '0.0.0.0',
    port: config.port || 10250,
    authentication: {
      ...authentication,
      anonymous: { ...authentication.anonymous, enabled: authentication.anonymous.enabled ?? false },
      webhook: {
        ...authentication.webhook,
        enabled: authentication.webhook.enabled ?? true,
        cacheTTL: duration(authentication.webhook.cacheTTL, '2m0s'),
      },
    },
    authorization: {
      ...authorization,
      mode: authorization.mode || 'Webhook',
      webhook: {
        ...authorization.webhook,
        cacheAuthorizedTTL: duration(authorization.webhook.cacheAuthorizedTTL, '5m0s'),
        cacheUnauthorizedTTL: duration(authorization.webhook.cacheUnauthorizedTTL, '30s'),
      },
    },
    enableDebuggingHandlers: config.enableDebuggingHandlers ?? true,
    healthzPort: config.healthzPort ?? 10248,
    healthzBindAddress: config.healthzBindAddress || '127.0.0.1',
    streamingConnectionIdleTimeout: duration(config.streamingConnectionIdleTimeout, '4h0m0s'),
    enableSystemLogHandler: config.enableSystemLogHandler ?? true,
    enableProfilingHandler: config.enableProfilingHandler ?? true,
    enableDebugFlagsHandler: config.enableDebugFlagsHandler ?? true,
    makeIPTablesUtilChains: config.makeIPTablesUtilChains ?? true,
    iptablesMasqueradeBit: config.iptablesMasqueradeBit ?? 14,
    iptablesDropBit: config.iptablesDropBit ?? 15,
  };
}

function reporting(config: KubeletConfiguration): Partial<KubeletConfiguration> {
  const updateSet =
    config.nodeStatusUpdateFrequency !== undefined && parseDuration(config.nodeStatusUpdateFrequency) !== 0n;
  return {
    eventRecordQPS: config.eventRecordQPS ?? 50,
    eventBurst: config.eventBurst || 100,
    // Where only the update frequency is given, upstream reports as often as it updates.
    nodeStatusReportFrequency: duration(
      config.nodeStatusReportFrequency,
      updateSet ? config.nodeStatusUpdateFrequency : '5m0s',
    ),
    nodeStatusUpdateFrequency: duration(config.nodeStatusUpdateFrequency, '10s'),
    nodeLeaseDurationSeconds: config.nodeLeaseDurationSeconds || 40,
    nodeStatusMaxImages: config.nodeStatusMaxImages ?? 50,
    contentType: config.contentType || 'application/vnd.kubernetes.protobuf',
    kubeAPIQPS: config.kubeAPIQPS ?? 50,
    kubeAPIBurst: config.kubeAPIBurst || 100,
    registerNode: config.registerNode ?? true,
  };
}

function images(config: KubeletConfiguration): Partial<KubeletConfiguration> {
  return {
    registryPullQPS: config.registryPullQPS ?? 5,
    registryBurst: config.registryBurst || 10,
    imageMinimumGCAge: duration(config.imageMinimumGCAge, '2m0s'),
    imageGCHighThresholdPercent: config.imageGCHighThresholdPercent ?? 85,
    imageGCLowThresholdPercent: config.imageGCLowThresholdPercent ?? 80,
    // One pull at a time, unless the number of parallel pulls says otherwise.
    serializeImagePulls: config.serializeImagePulls ?? (config.maxParallelImagePulls ?? 0) < 2,
    imagePullCredentialsVerificationPolicy:
      config.imagePullCredentialsVerificationPolicy || 'NeverVerifyPreloadedImages',
  };
}

function resources(config: KubeletConfiguration): Partial<KubeletConfiguration> {
  return {
    oomScoreAdj: config.oomScoreAdj ?? -999,
    cgroupsPerQOS: config.cgroupsPerQOS ?? true,
    cgroupDriver: config.cgroupDriver || 'cgroupfs',
    cpuManagerPolicy: config.cpuManagerPolicy || 'none',
    cpuManagerReconcilePeriod: duration(config.cpuManagerReconcilePeriod, '10s'),
    memoryManagerPolicy: config.memoryManagerPolicy || 'None',
    topologyManagerPolicy: config.topologyManagerPolicy || 'none',
    topologyManagerScope: config.topologyManagerScope || 'container',
    maxPods: config.maxPods || 110,
    podPidsLimit: Math.max(config.podPidsLimit ?? -1, -1),
    cpuCFSQuota: config.cpuCFSQuota ?? true,
    cpuCFSQuotaPeriod: config.cpuCFSQuotaPeriod ?? '100ms',
    maxOpenFiles: config.maxOpenFiles || 1000000,
    evictionPressureTransitionPeriod: duration(config.evictionPressureTransitionPeriod, '5m0s'),
    mergeDefaultEvictionSettings: config.mergeDefaultEvictionSettings ?? false,
    failSwapOn: config.failSwapOn ?? true,
    failCgroupV1: config.failCgroupV1 ?? true,
    enforceNodeAllocatable: config.enforceNodeAllocatable ?? ['pods'],
    memoryThrottlingFactor: config.memoryThrottlingFactor ?? 0.9,
    localStorageCapacityIsolation: config.localStorageCapacityIsolation ?? true,
  };
}

function podHandling(config: KubeletConfiguration): Partial<KubeletConfiguration> {
  return {
    syncFrequency: duration(config.syncFrequency, '1m0s'),
    fileCheckFrequency: duration(config.fileCheckFrequency, '20s'),
    httpCheckFrequency: duration(config.httpCheckFrequency, '20s'),
    volumeStatsAggPeriod: duration(config.volumeStatsAggPeriod, '1m0s'),
    runtimeRequestTimeout: duration(config.runtimeRequestTimeout, '2m0s'),
    hairpinMode: config.hairpinMode || 'promiscuous-bridge',
    resolvConf: config.resolvConf ?? '/etc/resolv.conf',
    enableControllerAttachDetach: config.enableControllerAttachDetach ?? true,
    configMapAndSecretChangeDetectionStrategy: config.configMapAndSecretChangeDetectionStrategy || 'Watch',
    volumePluginDir: config.volumePluginDir || '/usr/libexec/kubernetes/kubelet-plugins/volume/exec/',
    seccompDefault: config.seccompDefault ?? false,
    containerRuntimeEndpoint: config.containerRuntimeEndpoint || 'unix:///run/containerd/containerd.sock',
    crashLoopBackOff: {
      ...config.crashLoopBackOff,
      maxContainerRestartPeriod: config.crashLoopBackOff.maxContainerRestartPeriod ?? '5m0s',
    },
  };
}

function logs(config: KubeletConfiguration): Partial<KubeletConfiguration> {
  return {
    podLogsDir: config.podLogsDir || '/var/log/pods',
    containerLogMaxSize: config.containerLogMaxSize || '10Mi',
    containerLogMaxFiles: config.containerLogMaxFiles ?? 5,
    containerLogMaxWorkers: config.containerLogMaxWorkers ?? 1,
    containerLogMonitorInterval: config.containerLogMonitorInterval ?? '10s',
    logging: {
      ...config.logging,
      format: config.logging.format || 'text',
      flushFrequency: config.logging.flushFrequency === '0s' ? '5s' : config.logging.flushFrequency,
    },
  };
}
