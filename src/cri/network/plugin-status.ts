import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import { CniError } from '../../cni/protocol/error.ts';
import { type NetworkList, type PluginEntry, verbConfig } from '../../cni/protocol/network-list.ts';
import { isAtLeast } from '../../cni/protocol/versions.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { Plugins } from './plugins.ts';

/** How often plugins are asked while they are well, and while one is not: it cannot tell by itself that it is again. */
const WELL_MS = 3_600_000;
const ILL_MS = 10_000;

/**
 * What the plugins of the list in force answer to STATUS. Asked when a list comes into force, every hour, and every ten seconds while one says that it cannot serve. Lists of
 * versions before 1.1.0 know no STATUS and are well.
 */
export class PluginStatus {
  readonly #plugins: Plugins;
  readonly #clock: Clock;
  readonly #log: Logger;
  #list: NetworkList | undefined;
  /** What is wrong; empty where nothing is. */
  #problem = '';
  #wasIll = false;
  /** Whether the plugins of this list, or of one that it has followed without a gap, have answered. */
  #hasAnswer = false;
  #stop = new AbortController();
  #cancelTimer = (): void => {};

  constructor(plugins: Plugins, clock: Clock, log: Logger) {
    this.#plugins = plugins;
    this.#clock = clock;
    this.#log = log;
  }

  /** Why the network cannot serve, as far as its plugins have said; empty when it can. */
  get problem(): string {
    return this.#problem;
  }

  /** Takes up another list, or none. Answers to earlier questions are not waited for any more; the last one holds until the new list has been asked. */
  use(list: NetworkList | undefined): void {
    this.close();
    this.#stop = new AbortController();
    this.#list = list;
    if (list === undefined || !isAtLeast(list.cniVersion, '1.1.0')) {
      this.#problem = '';
      this.#wasIll = false;
      this.#hasAnswer = list !== undefined;
      return;
    }
    // Plugins in this process answer at once; the first program is not taken for well before it has said so. After that the last answer holds: a kubelet asks every second, and a list that is
    // only written anew would take the node out of service.
    if (!this.#hasAnswer)
      this.#problem = list.plugins.every(({ type }) => this.#plugins.isOwn(type))
        ? ''
        : `the plugins of network ${list.name} are being asked for their status`;
    void this.#ask(list, this.#stop.signal);
  }

  close(): void {
    this.#cancelTimer();
    this.#stop.abort(new Error('the network list is not in force any more'));
  }

  async #ask(list: NetworkList, signal: AbortSignal): Promise<void> {
    let problem = '';
    for (const plugin of list.plugins) {
      problem = await this.#problemOf(list, plugin, signal);
      if (problem !== '') break;
    }
    if (signal.aborted || this.#list !== list) return;
    if (problem !== '' && problem !== this.#problem)
      this.#log.warn({ network: list.name }, `the pod network is not available: ${problem}`);
    if (problem === '' && this.#wasIll) this.#log.info({ network: list.name }, 'the pod network is available again');
    this.#wasIll = problem !== '';
    this.#hasAnswer = true;
    this.#problem = problem;
    this.#cancelTimer = this.#clock.after(problem === '' ? WELL_MS : ILL_MS, () => void this.#ask(list, signal));
  }

  async #problemOf(list: NetworkList, plugin: PluginEntry, signal: AbortSignal): Promise<string> {
    try {
      await this.#plugins.get(plugin.type).status(verbConfig(list, plugin), signal);
      return '';
    } catch (error) {
      const code = error instanceof CniError ? ` (code ${error.cniCode})` : '';
      return `CNI plugin ${plugin.type} of network ${list.name} failed STATUS: ${errorMessage(error)}${code}`;
    }
  }
}
