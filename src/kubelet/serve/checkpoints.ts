import { join } from 'node:path';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import { missing, Refusal } from './refusal.ts';
import { runningContainer, targetPod } from './streams/find-running.ts';

/** What `/checkpoint/{namespace}/{pod}/{container}` names. */
export interface CheckpointTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

export interface CheckpointsOptions {
  /** Made by the kubelet at its start. */
  readonly directory: string;
  pods(): readonly Pod[];
  readonly runtime: Pick<ContainerRuntime, 'listContainers' | 'checkpointContainer'>;
  readonly clock: Clock;
}

/** POST /checkpoint: has the runtime write the state of a running container into an archive below the kubelet's root. */
export class Checkpoints {
  readonly #options: CheckpointsOptions;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the answer, which names the archive. `timeout` of the query is in seconds; the last one counts, without one the runtime's own. Throws 404 for what is not in
   * the pod and for a timeout that is no number, 500 with what the runtime says.
   */
  async take(target: CheckpointTarget, query: URLSearchParams, signal: AbortSignal): Promise<string> {
    const { directory, pods, runtime, clock } = this.#options;
    const pod = targetPod(pods(), { ...target, uid: '' });
    const { namespace, pod: name, container } = target;
    const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec ?? { containers: [] };
    if (![...containers, ...initContainers, ...ephemeralContainers].some(each => each.name === container))
      throw missing(`container ${container} does not exist`);
    const timeout = query.getAll('timeout').at(-1) ?? '0';
    if (!/^[+-]?\d{1,18}$/.test(timeout)) throw missing('cannot parse value of timeout parameter');
    const time = new Date(clock.now()).toISOString().slice(0, 19);
    const location = join(directory, `checkpoint-${name}_${namespace}-${container}-${time}Z.tar`);
    try {
      if (timeout.startsWith('-') && Number(timeout) < 0)
        throw new Error('CheckpointContainer requires the timeout value to be > 0');
      const id = await runningContainer(runtime, pod, { ...target, uid: '' }, signal);
      if (id === undefined) throw new Error(`container ${container} not found`);
      await runtime.checkpointContainer(id, location, BigInt(timeout.replace('+', '')), signal);
    } catch (error) {
      throw new Refusal(500, `checkpointing of ${namespace}/${name}/${container} failed (${errorMessage(error)})`);
    }
    return JSON.stringify({ items: [location] });
  }
}
