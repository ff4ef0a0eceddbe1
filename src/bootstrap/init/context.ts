import type { Taint } from '../../api/types/gen/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { errorCode, failedPrecondition } from '../../base/errors.ts';
import { ApiConnection } from '../../client/connection.ts';
import { readKubeconfig } from '../../client/kubeconfig.ts';
import type { Disk } from '../disk.ts';
import type { Files } from '../files.ts';
import { ensureObject } from '../objects/ensure-object.ts';
import type { WantedObject } from '../objects/plan.ts';
import type { SocketNeed } from '../preflight/sockets.ts';
import type { Services } from '../services.ts';
import { apiServerUrl, type InitSettings } from '../settings.ts';
import { waitUntil } from '../wait.ts';
import { dryObject } from './dry-run.ts';

/** What every phase of `init` is given. */
export interface InitContext {
  readonly settings: InitSettings;
  readonly files: Files;
  readonly disk: Disk;
  /** In a host of a local cluster, whose disk and swap are the machine's. */
  readonly insideHost: boolean;
  /** Nothing is changed: what would be is told. */
  readonly dryRun: boolean;
  readonly services: Services | undefined;
  /** How this program is called: the beginning of the command lines of its daemons. */
  readonly gantry: readonly string[];
  /** Where the container runtime of this machine serves besides its socket, by its own configuration. */
  readonly runtimeSockets: readonly SocketNeed[];
  readonly ignoredChecks: readonly string[];
  /** A phase is run alone without a configuration: that it names no external etcd says nothing of the one that the cluster has. */
  readonly saysNoConfiguration?: boolean;
  /** This command says which taints the node has: one that was marked before keeps those that it has, otherwise. */
  readonly taintsSaid: boolean;
  /** Taints of a command before that this one says no more. */
  readonly taintsDropped: readonly Taint[];
  /** What the ConfigMaps of the cluster hold could not be read before, and nothing new is asked for: those that are there stay. */
  readonly keepsUploaded: boolean;
  readonly clock: Clock;
  /** Tokens are not told: a log may keep what is. */
  readonly skipTokenPrint: boolean;
  /** What is done once preflight has passed, in a dry run too; nothing where that is run alone. */
  readonly onPassed?: () => void;
  /** Tells something as it is, without the name of a phase. */
  readonly print: (text: string) => void;
}

/** Who keeps daemons running here. Throws `failed-precondition` where nobody does, as preflight says, too. */
export function servicesOf({ services }: Pick<InitContext, 'services'>): Services {
  if (services === undefined)
    throw failedPrecondition('nothing here keeps daemons running (phase preflight says more)');
  return services;
}

/** Works over a connection with the credentials of a kubeconfig to this node's own API server, as kubeadm does: what stands before it may not know of it yet. */
export async function withConnection<T>(
  { settings }: Pick<InitContext, 'settings'>,
  kubeconfig: string,
  work: (connection: ApiConnection) => Promise<T>,
): Promise<T> {
  const endpoint = { ...readKubeconfig(kubeconfig), server: apiServerUrl(settings) };
  const connection = new ApiConnection(endpoint, { userAgent: 'gantry-init' });
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}

/** Writes the objects, as admin.conf may unless another is named. The API server may be young: namespaces and rules of its own come a moment after it is ready. */
export async function ensureObjects(
  context: InitContext,
  objects: readonly WantedObject[],
  signal: AbortSignal,
  kubeconfig: string = context.files.adminConf,
): Promise<void> {
  if (context.dryRun) {
    for (const { object } of objects) context.print(dryObject(object));
    return;
  }
  await withConnection(context, kubeconfig, async connection => {
    for (const wanted of objects) {
      const { kind, metadata } = wanted.object;
      await waitUntil(
        {
          what: `${kind} ${metadata.name} to be written`,
          timeoutMs: context.settings.patience.apiCallMs,
          pauseMs: 100,
          signal,
          isFinal: error => errorCode(error) === 'invalid-argument',
        },
        looking => ensureObject(connection, wanted, looking),
      );
    }
  });
}
