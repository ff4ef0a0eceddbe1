import { bootstrapSignerController } from './bootstrap-tokens/bootstrap-signer.ts';
import { tokenCleanerController } from './bootstrap-tokens/token-cleaner.ts';
import { requestApprovingController } from './certificates/approving.ts';
import { requestCleanerController } from './certificates/cleaner.ts';
import { requestSigningController } from './certificates/signing.ts';
import type { SigningAuthority } from './certificates/signing-authority.ts';
import { clusterRoleAggregationController } from './clusterrole-aggregation/clusterrole-aggregation.ts';
import type { ControllerRow } from './controller.ts';
import { cronJobController } from './cronjob/cronjob.ts';
import { daemonSetController } from './daemonset/daemonset.ts';
import { deploymentController } from './deployment/deployment.ts';
import { disruptionController } from './disruption/disruption.ts';
import { endpointsController } from './endpoints/endpoints.ts';
import { endpointSliceController } from './endpointslice/endpoint-slice.ts';
import { endpointSliceMirroringController } from './endpointslice-mirroring/endpoint-slice-mirroring.ts';
import { garbageCollector } from './garbage-collector/garbage-collector.ts';
import { jobController } from './job/job.ts';
import { namespaceController } from './namespace/namespace.ts';
import { nodeDnsController } from './node-dns/node-dns.ts';
import { nodeIpamController } from './node-ipam/node-ipam.ts';
import type { NodeCidrRanges } from './node-ipam/ranges.ts';
import {
  DEFAULT_NODE_LIFECYCLE,
  type NodeLifecycleSettings,
  nodeLifecycleController,
} from './node-lifecycle/node-lifecycle.ts';
import { podGarbageCollector, TERMINATED_POD_THRESHOLD } from './pod-gc/pod-gc.ts';
import { claimProtectionController } from './protection/claim-protection.ts';
import { attributesClassProtectionController, volumeProtectionController } from './protection/protection.ts';
import { replicaSetController, replicationControllerController } from './replicas/replica-set.ts';
import { resourceQuotaController } from './resource-quota/resource-quota.ts';
import { rootCaPublisher } from './root-ca/root-ca.ts';
import { serviceAccountController } from './service-account/service-account.ts';
import { serviceCidrController } from './service-cidr/service-cidr.ts';
import { statefulSetController } from './statefulset/statefulset.ts';
import { taintEvictionController } from './taint-eviction/taint-eviction.ts';
import { ttlAfterFinishedController } from './ttl-after-finished/ttl-after-finished.ts';

export interface ControllerSettings {
  /** The CA bundle that pods verify the API server by, in PEM; without it, it is not published. */
  readonly rootCa?: string;
  /** So many pods that have ended are kept, 12,500 unless given; 0: all of them. */
  readonly terminatedPodThreshold?: number;
  /** Signs certificate requests for at most so long; without it, nobody does. */
  readonly signing?: { readonly authority: SigningAuthority; readonly maxMs: number };
  /** Where the networks of nodes come from; without it, nodes are given none. */
  readonly nodeCidrs?: NodeCidrRanges;
  /** When nodes count as lost; upstream's numbers unless given. */
  readonly nodeLifecycle?: NodeLifecycleSettings;
}

/** Those that run only with what they need, by all their names: `--controllers` may speak of them all the same. */
const CONDITIONAL: readonly Pick<ControllerRow, 'name' | 'alias'>[] = [
  { name: 'root-ca-certificate-publisher-controller', alias: 'root-ca-cert-publisher' },
  { name: 'certificatesigningrequest-signing-controller', alias: 'csrsigning' },
  { name: 'node-ipam-controller', alias: 'nodeipam' },
];

/** Every controller with what it reads and writes. The list is the only place that knows them all. */
export function allControllers({
  rootCa,
  terminatedPodThreshold = TERMINATED_POD_THRESHOLD,
  signing,
  nodeCidrs,
  nodeLifecycle = DEFAULT_NODE_LIFECYCLE,
}: ControllerSettings): readonly ControllerRow[] {
  return [
    serviceAccountController,
    ...(rootCa === undefined ? [] : [rootCaPublisher(rootCa)]),
    namespaceController,
    deploymentController,
    statefulSetController,
    jobController,
    cronJobController,
    replicaSetController,
    replicationControllerController,
    resourceQuotaController,
    claimProtectionController,
    volumeProtectionController,
    attributesClassProtectionController,
    endpointsController,
    endpointSliceController,
    endpointSliceMirroringController,
    podGarbageCollector(terminatedPodThreshold),
    ttlAfterFinishedController,
    clusterRoleAggregationController,
    serviceCidrController,
    garbageCollector,
    requestApprovingController,
    ...(signing === undefined ? [] : [requestSigningController(signing.authority, signing.maxMs)]),
    requestCleanerController,
    ...(nodeCidrs === undefined ? [] : [nodeIpamController(nodeCidrs)]),
    nodeLifecycleController(nodeLifecycle),
    taintEvictionController,
    nodeDnsController,
    disruptionController,
    daemonSetController,
    bootstrapSignerController,
    tokenCleanerController,
  ];
}

/**
 * The controllers that `--controllers` chooses: `*` is all that are on by default, `-name` leaves one out, names choose; the first that speaks of a controller
 * counts. Throws on a name that there is not, with those that there are; a name counts with and without `-controller` at its end, and by its alias.
 */
export function chosenControllers(rows: readonly ControllerRow[], wanted: readonly string[]): readonly ControllerRow[] {
  const short = (text: string): string => text.replace(/-controller$/, '');
  const all = [...rows, ...CONDITIONAL];
  const byAlias = new Map(all.flatMap(({ alias, name }) => (alias === undefined ? [] : [[alias, short(name)]])));
  const named = (text: string): string => byAlias.get(text) ?? short(text);
  const known = new Set(all.map(row => named(row.name)));
  const choices = wanted
    .filter(each => each !== '*')
    .map(each => ({ name: named(each.replace(/^-/, '')), isOn: !each.startsWith('-') }));
  const unknown = choices.find(({ name }) => !known.has(name));
  if (unknown !== undefined)
    throw new Error(
      `--controllers: there is no controller ${JSON.stringify(unknown.name)}; there are ${[...known].join(', ')}`,
    );
  const isAll = wanted.includes('*');
  return rows.filter(({ name, isOffByDefault }) => {
    const choice = choices.find(each => each.name === named(name));
    return choice?.isOn ?? (isAll && isOffByDefault !== true);
  });
}
