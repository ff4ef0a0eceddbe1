import type { Clock } from '../../base/clock.ts';
import { errorCode, failedPrecondition } from '../../base/errors.ts';
import { ApiConnection } from '../../client/connection.ts';
import { readKubeconfig } from '../../client/kubeconfig.ts';
import type { Files } from '../files.ts';
import { ensureObject } from '../objects/ensure-object.ts';
import type { WantedObject } from '../objects/plan.ts';
import type { Services } from '../services.ts';
import type { InitSettings } from '../settings.ts';
import { waitUntil } from '../wait.ts';

/** What every phase of `init` is given. */
export interface InitContext {
  readonly settings: InitSettings;
  readonly files: Files;
  readonly services: Services | undefined;
  /** How this program is called: the beginning of the command lines of its daemons. */
  readonly gantry: readonly string[];
  readonly ignoredChecks: readonly string[];
  readonly clock: Clock;
  /** Tells something as it is, without the name of a phase. */
  readonly print: (text: string) => void;
}

/** kubeadm waits 1 minute for a call of the API. */
const CALL_PATIENCE_MS = 60_000;

/** Who keeps daemons running here. Throws `failed-precondition` where nobody does, as preflight says, too. */
export function servicesOf({ services }: Pick<InitContext, 'services'>): Services {
  if (services === undefined)
    throw failedPrecondition('nothing here keeps daemons running (phase preflight says more)');
  return services;
}

/** Works over a connection that a kubeconfig describes, and closes it. */
export async function withConnection<T>(
  kubeconfig: string,
  work: (connection: ApiConnection) => Promise<T>,
): Promise<T> {
  const connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-init' });
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}

/** Writes the objects, as `kubeconfig` may. The API server may be young: namespaces and rules of its own come a moment after it is ready. */
export async function ensureObjects(
  kubeconfig: string,
  objects: readonly WantedObject[],
  signal: AbortSignal,
): Promise<void> {
  await withConnection(kubeconfig, async connection => {
    for (const wanted of objects) {
      const { kind, metadata } = wanted.object;
      await waitUntil(
        {
          what: `${kind} ${metadata.name} to be written`,
          timeoutMs: CALL_PATIENCE_MS,
          pauseMs: 100,
          signal,
          isFinal: error => errorCode(error) === 'invalid-argument',
        },
        looking => ensureObject(connection, wanted, looking),
      );
    }
  });
}
