import { access } from 'node:fs/promises';
import { errorMessage, isNotFound } from '../../../base/errors.ts';
import type { StatusStore } from '../../report/status-store.ts';
import type { ContainerRuntime } from '../../runtime/ports.ts';
import { badRequest, missing, Refusal } from '../refusal.ts';
import { logContainerId } from './log-container.ts';
import { parseLogOptions } from './log-options.ts';
import { type LogWriter, readLog } from './read-log.ts';

export interface LogRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly query: URLSearchParams;
}

/** Finds the logs of containers by what the statuses say and the runtime knows of their files. */
export class ContainerLogs {
  readonly #statuses: StatusStore;
  readonly #runtime: ContainerRuntime;
  readonly #now: () => number;

  constructor(statuses: StatusStore, runtime: ContainerRuntime, now: () => number) {
    this.#statuses = statuses;
    this.#runtime = runtime;
    this.#now = now;
  }

  /** The pieces of a log. Throws a Refusal before the first of them. */
  async open(
    { namespace, pod: name, container, query }: LogRequest,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Buffer>> {
    const options = logOptions(query, this.#now());
    const pod = this.#statuses.pods().find(p => p.metadata.namespace === namespace && p.metadata.name === name);
    if (pod === undefined) throw missing(`pod ${JSON.stringify(name)} does not exist`);
    const containerId = logContainerId(pod, container, options.previous);
    const id = containerId.replace(/^.*:\/\//, '');
    const { uid = '' } = pod.metadata;
    let path: string | undefined;
    try {
      path = (await this.#runtime.containerStatus(id, signal))?.logPath;
    } catch (error) {
      throw badRequest(`unable to retrieve container logs for ${containerId}: ${errorMessage(error)}`);
    }
    if (path === undefined) throw badRequest(`unable to retrieve container logs for ${containerId}`);
    await mustExist(path);
    return readLog(path, options, options.follow ? this.#writer(uid, id) : undefined, signal);
  }

  /** Running as the newest status has it; one of a pod that is gone has ended. */
  #writer(uid: string, id: string): LogWriter {
    const statuses = this.#statuses;
    return {
      isRunning: () => {
        const {
          containerStatuses = [],
          initContainerStatuses = [],
          ephemeralContainerStatuses = [],
        } = statuses.get(uid)?.status ?? {};
        return [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].some(
          c => c.state.running !== undefined && c.containerID?.endsWith(`://${id}`) === true,
        );
      },
      onChange: listener => statuses.onPod(uid, listener),
    };
  }
}

async function mustExist(path: string): Promise<void> {
  try {
    await access(path);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw badRequest(`failed to try resolving symlinks in path "${path}": lstat ${path}: no such file or directory`);
  }
}

function logOptions(query: URLSearchParams, now: number): ReturnType<typeof parseLogOptions> {
  try {
    return parseLogOptions(query, now);
  } catch (error) {
    throw new Refusal((error as { code?: unknown }).code === 'failed-precondition' ? 422 : 400, errorMessage(error));
  }
}
