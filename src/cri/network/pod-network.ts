import { type Clock, systemClock } from '../../base/clock.ts';
import { errorMessage, failedPrecondition, GantryError } from '../../base/errors.ts';
import { KeyedQueue } from '../../base/keyed-queue.ts';
import { aborted, deadlineSignal } from '../../base/signals.ts';
import { parseBridgeConfig } from '../../cni/bridge/config.ts';
import { bringLoopbackUp } from '../../cni/loopback/plugin.ts';
import { CNI_ERROR, CniError } from '../../cni/protocol/error.ts';
import { type NetworkList, pluginConfig, verbConfig } from '../../cni/protocol/network-list.ts';
import type { PluginRequest } from '../../cni/protocol/plugin.ts';
import { type CniResult, sandboxIps } from '../../cni/protocol/result.ts';
import { isAtLeast } from '../../cni/protocol/versions.ts';
import type { Logger } from '../../daemon/logger.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import { netnsExists } from '../../linux/netns.ts';
import type { CriConfig } from '../config.ts';
import { AttachmentCache, type CachedAttachment } from './attachment-cache.ts';
import { cniArgs, parsePodCidrs, runtimeValues } from './capabilities.ts';
import { NetworkConfiguration } from './configuration.ts';
import { PluginStatus } from './plugin-status.ts';
import { GANTRY_BRIDGE, Plugins } from './plugins.ts';
import type { NetworkAttachment, NetworkReadiness, PodNetwork } from './ports.ts';

export interface PodNetworkOptions {
  /** The link's name inside the pod; Kubernetes wants `eth0`. */
  readonly ifname?: string;
  readonly clock?: Clock;
}

/**
 * How long a DEL that nobody has asked for may hold up its sandbox's own, and GC of all plugins together every pod: plugins that work take well under a second, and a kubelet
 * waits for minutes. What is not done by then is tried again by the next prune.
 */
const PRUNE_STEP_MS = 10_000;

/**
 * The pod network by CNI, as README.md describes. Constructed in the network namespace that pods hang on. Only the configuration is read and its
 * directory watched; sockets are opened at the first pod.
 */
export function openPodNetwork(
  config: CriConfig['cni'],
  log: Logger,
  options: PodNetworkOptions = {},
): PodNetwork & { close(): Promise<void> } {
  return new CniPodNetwork(config, log, options.ifname ?? 'eth0', options.clock ?? systemClock);
}

class CniPodNetwork implements PodNetwork {
  readonly #log: Logger;
  readonly #ifname: string;
  readonly #configuration: NetworkConfiguration;
  readonly #plugins: Plugins;
  readonly #status: PluginStatus;
  readonly #cache: AttachmentCache;
  readonly #clock: Clock;
  /** The specification forbids two operations on one container at a time. */
  readonly #queue = new KeyedQueue<string>();
  /** Networks whose lack of a portMappings plugin was told. */
  readonly #warned = new Set<string>();
  #podCidrs: readonly string[] = [];
  #pruning: Promise<void> | undefined;
  /** While garbage is collected, which excludes every other operation. */
  #collecting: Promise<void> | undefined;

  constructor(config: CriConfig['cni'], log: Logger, ifname: string, clock: Clock) {
    this.#log = log;
    this.#ifname = ifname;
    this.#clock = clock;
    this.#plugins = new Plugins(config, log);
    this.#status = new PluginStatus(this.#plugins, clock, log);
    this.#configuration = new NetworkConfiguration(config.confDir, log, () => this.#takeUp());
    this.#takeUp();
    this.#cache = new AttachmentCache(config.cacheDir);
  }

  readiness(): NetworkReadiness {
    const { current } = this.#configuration;
    const notReady = (message: string): NetworkReadiness => ({
      ready: false,
      reason: 'NetworkPluginNotReady',
      message,
    });
    if (current.list === undefined) return notReady(current.reason);
    const ranges = this.#podCidrs.length === 0 ? {} : { ipRanges: this.#podCidrs.map(subnet => [{ subnet }]) };
    for (const plugin of current.list.plugins) {
      if (plugin.type !== GANTRY_BRIDGE) continue;
      try {
        parseBridgeConfig(pluginConfig(current.list, plugin, ranges, undefined));
      } catch (error) {
        return notReady(`${current.file}: ${errorMessage(error)}`);
      }
    }
    return this.#status.problem === '' ? { ready: true } : notReady(`${current.file}: ${this.#status.problem}`);
  }

  add(attachment: NetworkAttachment, signal?: AbortSignal): Promise<readonly string[]> {
    return this.#enter(attachment.sandboxId, () => this.#add(attachment, signal));
  }

  remove(attachment: NetworkAttachment, signal?: AbortSignal): Promise<void> {
    return this.#enter(attachment.sandboxId, async () => {
      const cached = this.#cache.find(attachment.sandboxId, this.#ifname);
      const present = cached.length > 0 ? cached : this.#attachmentNow(attachment);
      for (const found of present) await this.#del({ ...found, netns: attachment.netnsPath }, signal);
    });
  }

  prune(attached: () => ReadonlySet<string>, signal?: AbortSignal): Promise<void> {
    this.#pruning ??= this.#prune(attached, signal).finally(() => {
      this.#pruning = undefined;
    });
    return this.#pruning;
  }

  setPodCidr(cidr: string): void {
    const cidrs = parsePodCidrs(cidr);
    if (cidrs.length > 0) this.#podCidrs = cidrs;
  }

  async close(): Promise<void> {
    this.#configuration.close();
    this.#status.close();
    await this.#pruning?.catch(() => undefined);
    await this.#queue.idle();
    this.#plugins.close();
  }

  /** One operation on a sandbox at a time, and none while garbage is collected. */
  async #enter<T>(sandboxId: string, operation: () => Promise<T>): Promise<T> {
    while (this.#collecting !== undefined) await this.#collecting;
    return this.#queue.run(sandboxId, operation);
  }

  #takeUp(): void {
    this.#status.use(this.#configuration.current.list);
  }

  async #prune(attached: () => ReadonlySet<string>, parent: AbortSignal | undefined): Promise<void> {
    const round = deadlineSignal(0, 'the network to be pruned', parent, this.#clock);
    try {
      await this.#deleteStale(attached(), round.signal);
      faultPoint('cni-runner/gc/deleted');
      // Not begun while others are at work, rather than holding new pods up until the slowest of them has ended.
      const stopped = aborted(round.signal);
      while (this.#queue.busy && !round.signal.aborted) await Promise.race([this.#queue.idle(), stopped]);
      round.signal.throwIfAborted();
      const work = this.#collect(attached(), round.signal).finally(() => {
        this.#collecting = undefined;
      });
      this.#collecting = work.catch(() => undefined);
      await work;
    } finally {
      round.release();
    }
  }

  /** DEL for what is cached of other sandboxes, each in its own sandbox's turn: the others' operations go on. */
  async #deleteStale(keep: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const stale = this.#cache
      .list((file, error) => this.#log.warn({ file, err: error }, 'a cached attachment could not be read; it stays'))
      .filter(({ containerId, ifname }) => !keep.has(containerId) && ifname === this.#ifname)
      .map(({ containerId, list }) => ({ containerId, network: list.name }));
    for (const { containerId, network } of stale) {
      signal.throwIfAborted();
      await this.#queue.run(containerId, async () => {
        const step = deadlineSignal(PRUNE_STEP_MS, `DEL of network ${network}`, signal, this.#clock);
        try {
          // Its caller may have removed it while others had their turn.
          const cached = this.#cache.get(network, containerId, this.#ifname);
          if (cached !== undefined) await this.#del(cached, step.signal);
        } catch (error) {
          signal.throwIfAborted();
          this.#log.warn(
            { sandbox: containerId, err: error },
            'an attachment of an earlier run was not removed; it is tried again',
          );
        } finally {
          step.release();
        }
      });
    }
  }

  /** GC by the plugins of the list in force, then what our own hold of any network. */
  async #collect(keep: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { list } = this.#configuration.current;
    if (list !== undefined && !list.disableGc && isAtLeast(list.cniVersion, '1.1.0')) {
      const step = deadlineSignal(PRUNE_STEP_MS, `GC of network ${list.name}`, signal, this.#clock);
      try {
        await this.#gc(list, keep, step.signal);
      } finally {
        step.release();
      }
    }
    signal.throwIfAborted();
    await this.#plugins.prune(keep);
  }

  /** Goes on after a plugin that fails; none is asked after the signal has aborted. */
  async #gc(list: NetworkList, keep: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const valid = [...keep].map(containerID => ({ containerID, ifname: this.#ifname }));
    for (const plugin of list.plugins) {
      if (signal.aborted) return;
      try {
        await this.#plugins.get(plugin.type).gc(verbConfig(list, plugin, valid), signal);
        faultPoint('cni-runner/gc/plugin-done');
      } catch (error) {
        this.#log.warn(
          { err: pluginFailure('GC', plugin.type, list.name, error) },
          'a plugin could not collect garbage',
        );
      }
    }
  }

  async #add(attachment: NetworkAttachment, signal: AbortSignal | undefined): Promise<readonly string[]> {
    const [fresh] = this.#attachmentNow(attachment);
    const { current } = this.#configuration;
    if (fresh === undefined || current.list === undefined)
      throw failedPrecondition(current.list === undefined ? current.reason : 'no network configuration', {
        reason: 'NetworkPluginNotReady',
      });
    this.#warnAboutPorts(attachment, fresh);
    signal?.throwIfAborted();
    const { list } = fresh;
    const earlier = this.#cache.get(list.name, fresh.containerId, this.#ifname);
    // Refused here, before any plugin: a plugin's refusal would be followed by DEL, which takes away what works.
    if (earlier?.result !== undefined && netnsExists(earlier.netns))
      throw new GantryError(
        'already-exists',
        `sandbox ${fresh.containerId} is attached to network ${list.name} already`,
      );
    if (earlier !== undefined) await this.#del(earlier, signal);
    // Binaries may leave things behind that only their own DEL finds; our journal needs no such note.
    if (list.plugins.some(({ type }) => !this.#plugins.isOwn(type))) this.#cache.write(fresh);
    faultPoint('cni-runner/add/recorded');
    let result: CniResult | undefined;
    let type = 'loopback';
    try {
      bringLoopbackUp(attachment.netnsPath);
      faultPoint('cri/network-add/loopback-up');
      for (const plugin of list.plugins) {
        type = plugin.type;
        const config = pluginConfig(list, plugin, fresh.runtimeValues, result);
        result = await this.#plugins.get(type).add(requestOf(fresh, config), signal);
        faultPoint('cri/network-add/plugin-added');
      }
      const ips = result === undefined ? [] : sandboxIps(result, this.#ifname);
      if (ips.length === 0)
        throw new CniError(CNI_ERROR.invalidConfig, `the result has no address for ${this.#ifname}`);
      this.#cache.write({ ...fresh, result });
      faultPoint('cri/network-add/result-cached');
      return ips;
    } catch (error) {
      // The caller's signal may be what ended ADD, so cleaning up does not listen to it.
      await this.#del({ ...fresh, result }, undefined).catch((failure: unknown) =>
        this.#log.warn({ sandbox: attachment.sandboxId, err: failure }, 'DEL after a failed ADD failed too'),
      );
      signal?.throwIfAborted();
      throw pluginFailure('ADD', type, list.name, error);
    }
  }

  /** DEL for every plugin, last one first, though some fail; then the cached result goes. The first failure is thrown, and the cache stays. */
  async #del(attachment: CachedAttachment, signal: AbortSignal | undefined): Promise<void> {
    const { list } = attachment;
    const netns = netnsExists(attachment.netns) ? attachment.netns : '';
    let failure: unknown;
    for (const plugin of list.plugins.toReversed()) {
      // Versions before 0.4.0 know no result on DEL.
      const previous = isAtLeast(list.cniVersion, '0.4.0') ? attachment.result : undefined;
      const config = pluginConfig(list, plugin, attachment.runtimeValues, previous);
      try {
        await this.#plugins.get(plugin.type).del(requestOf({ ...attachment, netns }, config), signal);
        faultPoint('cni-runner/del/plugin-done');
      } catch (error) {
        signal?.throwIfAborted();
        failure ??= pluginFailure('DEL', plugin.type, list.name, error);
      }
    }
    if (failure !== undefined) throw failure;
    faultPoint('cri/network-del/plugins-deleted');
    this.#cache.remove(attachment);
    faultPoint('cri/network-del/result-forgotten');
  }

  /** The attachment under the list in force, none when there is none. */
  #attachmentNow(attachment: NetworkAttachment): CachedAttachment[] {
    const { list } = this.#configuration.current;
    if (list === undefined) return [];
    return [
      {
        containerId: attachment.sandboxId,
        ifname: this.#ifname,
        netns: attachment.netnsPath,
        list,
        args: cniArgs(attachment),
        runtimeValues: declaredValues(list, runtimeValues(attachment, this.#podCidrs)),
        result: undefined,
      },
    ];
  }

  #warnAboutPorts(attachment: NetworkAttachment, { list }: CachedAttachment): void {
    const able = list.plugins.some(({ capabilities }) => capabilities.has('portMappings'));
    if (attachment.portMappings.length === 0 || able || this.#warned.has(list.name)) return;
    this.#warned.add(list.name);
    this.#log.warn(
      { network: list.name, pod: `${attachment.pod.namespace}/${attachment.pod.name}` },
      'host ports are not opened: no plugin of the network takes the portMappings capability',
    );
  }
}

/** Those that some plugin of the list takes: no more is passed, and no more is kept for DEL. */
function declaredValues(list: NetworkList, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isDeclared = (name: string): boolean => list.plugins.some(({ capabilities }) => capabilities.has(name));
  return Object.fromEntries(Object.entries(values).filter(([name]) => isDeclared(name)));
}

function requestOf(attachment: CachedAttachment, config: PluginRequest['config']): PluginRequest {
  const { containerId, netns, ifname, args } = attachment;
  return { containerId, netns, ifname, args, config };
}

function pluginFailure(verb: string, type: string, network: string, cause: unknown): GantryError {
  const code = cause instanceof CniError ? ` (code ${cause.cniCode})` : '';
  const details = cause instanceof CniError && cause.details !== '' ? `; ${cause.details}` : '';
  const retry = cause instanceof CniError && cause.cniCode === CNI_ERROR.tryAgainLater;
  const message = `CNI plugin ${type} of network ${network} failed ${verb}: ${errorMessage(cause)}${details}${code}`;
  return new GantryError(retry ? 'unavailable' : 'internal', message, { cause });
}
