import type { Taint } from '../../api/types/gen/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import type { EventRecorder, EventTarget } from '../../client/event-recorder.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { KubeletApi } from '../kubelet-api.ts';
import type { ContainerRuntime, RuntimeVersion } from '../runtime/ports.ts';
import type { KubeletSettings } from '../settings.ts';
import { amountOf, type Thresholds } from './eviction-thresholds.ts';
import { fileSystemBytes, readMachineInfo } from './machine-facts.ts';
import { keepNodeLease } from './node-lease.ts';
import type { NodeIdentity } from './node-object.ts';
import { NodeReporter } from './node-reporter.ts';

/** What configuration says about the Node. */
export interface NodeSetup {
  readonly register: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly kubeletVersion: string;
  /** Of the kubelet's server. */
  readonly port: number;
  readonly thresholds: Thresholds;
  readonly pressureTransitionMs: number;
  readonly statusCheckMs: number;
  readonly statusReportMs: number;
  readonly leaseSeconds: number;
}

export interface NodeReporting {
  readonly reporter: NodeReporter;
  /** Until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** What events of the node are about: upstream's kubelets name themselves by name in place of the uid, and people look for that. */
export function nodeTarget(name: string): EventTarget {
  return { apiVersion: 'v1', kind: 'Node', object: { metadata: { name, uid: name } } };
}

/** The part of the kubelet that tells the API server of the node: the Node and its lease. */
export function nodeReporting(
  setup: NodeSetup,
  parts: {
    readonly api: KubeletApi;
    readonly settings: KubeletSettings;
    readonly runtime: ContainerRuntime;
    readonly version: RuntimeVersion;
    readonly recorder: EventRecorder | undefined;
    readonly onRuntimeChange: () => void;
    readonly clock: Clock;
    readonly log: Logger;
  },
): NodeReporting {
  const { api, settings, runtime, clock, log } = parts;
  const target = nodeTarget(settings.nodeName);
  const reporter = new NodeReporter({
    api,
    identity: identityOf(setup, settings, parts.version),
    register: setup.register,
    runtime,
    onEvent: ({ type, reason, message }) => parts.recorder?.record(target, type, reason, message),
    onRuntimeChange: parts.onRuntimeChange,
    rootDir: settings.rootDir,
    thresholds: setup.thresholds,
    pressureTransitionMs: setup.pressureTransitionMs,
    checkMs: setup.statusCheckMs,
    reportMs: setup.statusReportMs,
    clock,
    log,
  });
  const lease = {
    connection: api.connection,
    nodeName: settings.nodeName,
    nodeUid: () => reporter.node?.metadata.uid,
    durationSeconds: setup.leaseSeconds,
    clock,
    onTrouble: (message: string) => log.warn(message),
  };
  return {
    reporter,
    async run(signal) {
      let leasing: Promise<void> | undefined;
      await reporter.run(signal, () => {
        leasing = keepNodeLease(lease, signal);
      });
      await leasing;
    },
  };
}

function identityOf(setup: NodeSetup, settings: KubeletSettings, version: RuntimeVersion): NodeIdentity {
  const storageBytes = fileSystemBytes(settings.rootDir);
  return {
    name: settings.nodeName,
    ips: settings.hostIPs,
    labels: setup.labels,
    taints: setup.taints,
    machine: readMachineInfo(),
    runtimeVersion: `${version.name}://${version.version}`,
    kubeletVersion: setup.kubeletVersion,
    port: setup.port,
    resources: {
      capacity: settings.capacity,
      allocatable: settings.allocatable,
      storageBytes,
      storageReservedBytes: amountOf(setup.thresholds.get('nodefs.available'), storageBytes),
      maxPods: settings.maxPods,
    },
  };
}
