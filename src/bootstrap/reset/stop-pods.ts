import { errorMessage, GantryError, isNotFound } from '../../base/errors.ts';
import { deadlineSignal } from '../../base/signals.ts';
import { type CriClient, createCriClient } from '../../rpc/cri-client.ts';
import { ContainerState } from '../../rpc/gen/runtime/v1/container.ts';

/** What a container has between SIGTERM and SIGKILL. Whoever resets a node does not wait for grace periods of minutes; a database writes its log in this time. */
const GRACE_SECONDS = 2;
/** For a runtime that is there and busy. */
const ANSWER_PATIENCE_MS = 5000;
/** From one pod that is gone to the next, the grace period in it: longer only where something hangs. However many there are, the end comes after the second. */
const NEXT_POD_PATIENCE_MS = 8000;
const PODS_PATIENCE_MS = 60_000;

export interface StoppedPods {
  /** As `namespace/name`. */
  readonly stopped: readonly string[];
  /** One line for each that is left to be taken away by its state on disk. */
  readonly problems: readonly string[];
}

type PodRuntime = Pick<
  CriClient,
  'listPodSandbox' | 'listContainers' | 'stopContainer' | 'stopPodSandbox' | 'removePodSandbox'
>;

/** The names of pods that the runtime has; undefined where none answers in time. */
export async function listPods(endpoint: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
  return withRuntime(endpoint, signal, ANSWER_PATIENCE_MS, async (client, stop) => {
    const { items } = await client.listPodSandbox(
      { filter: undefined },
      { signal: stop, timeoutMs: ANSWER_PATIENCE_MS },
    );
    return items.map(({ id, metadata }) => nameOf(id, metadata));
  }).catch(() => {
    signal.throwIfAborted();
    return undefined;
  });
}

/**
 * Stops and removes every pod by way of the runtime, all at once: its plugins give addresses back, and processes may end by themselves. Never takes longer than
 * some seconds, whatever hangs; throws when the runtime does not answer at all.
 */
export function stopPods(endpoint: string, signal: AbortSignal): Promise<StoppedPods> {
  return withRuntime(endpoint, signal, PODS_PATIENCE_MS, stopAll);
}

async function stopAll(client: PodRuntime, whole: AbortSignal): Promise<StoppedPods> {
  const [{ items }, { containers }] = await Promise.all([
    client.listPodSandbox({ filter: undefined }, { signal: whole, timeoutMs: ANSWER_PATIENCE_MS }),
    client.listContainers({ filter: undefined }, { signal: whole, timeoutMs: ANSWER_PATIENCE_MS }),
  ]);
  const problems: string[] = [];
  const stopped: string[] = [];
  const stall = new StallSignal(NEXT_POD_PATIENCE_MS, whole);
  const { signal } = stall;
  const running = new Map<string, string[]>();
  for (const { id, podSandboxId, state } of containers)
    if (state === ContainerState.CONTAINER_RUNNING)
      running.set(podSandboxId, [...(running.get(podSandboxId) ?? []), id]);
  await Promise.all(
    items.map(async ({ id: podSandboxId, metadata }) => {
      const name = nameOf(podSandboxId, metadata);
      try {
        const stops = (running.get(podSandboxId) ?? []).map(containerId =>
          client.stopContainer({ containerId, timeout: BigInt(GRACE_SECONDS) }, { signal }),
        );
        await Promise.all(stops);
        await client.stopPodSandbox({ podSandboxId }, { signal });
        await client.removePodSandbox({ podSandboxId }, { signal });
        stall.progress();
        stopped.push(name);
      } catch (error) {
        if (isNotFound(error)) stopped.push(name);
        else problems.push(`${name}: ${errorMessage(error)}`);
      }
    }),
  );
  stall.end();
  return { stopped, problems };
}

function nameOf(id: string, metadata: { readonly namespace: string; readonly name: string } | undefined): string {
  return metadata === undefined ? id : `${metadata.namespace}/${metadata.name}`;
}

/** Aborts when nothing has gone on for so long. */
class StallSignal {
  readonly signal: AbortSignal;
  readonly #stalled = new AbortController();
  readonly #ms: number;
  #timer: NodeJS.Timeout;

  constructor(ms: number, whole: AbortSignal) {
    this.#ms = ms;
    this.signal = AbortSignal.any([this.#stalled.signal, whole]);
    this.#timer = this.#begin();
  }

  progress(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#begin();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #begin(): NodeJS.Timeout {
    const reason = new GantryError('deadline-exceeded', `no pod was removed in ${this.#ms / 1000} s`);
    return setTimeout(() => this.#stalled.abort(reason), this.#ms);
  }
}

async function withRuntime<T>(
  endpoint: string,
  signal: AbortSignal,
  patienceMs: number,
  work: (client: PodRuntime, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const client = createCriClient(endpoint, { requestTimeoutMs: patienceMs });
  const deadline = deadlineSignal(patienceMs, `the runtime at ${endpoint}`, signal);
  try {
    return await work(client, deadline.signal);
  } finally {
    deadline.release();
    client.close();
  }
}
