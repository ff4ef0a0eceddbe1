import type { Node } from '../../api/types/gen/core-v1.ts';
import { type Cidr, formatCidr, parseCidr } from '../../base/cidr.ts';
import { GantryError, isNotFound } from '../../base/errors.ts';
import { SETTLED } from '../../base/outcome.ts';
import { keyOf } from '../../client/api-object.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { NODES } from '../resources.ts';
import { CidrPool, EXHAUSTED } from './cidr-pool.ts';
import type { NodeCidrRanges } from './ranges.ts';

/** Gives each node a network of each range, for the addresses of its pods. A network is never given to two. */
export function nodeIpamController(ranges: NodeCidrRanges): ControllerRow {
  return {
    name: 'node-ipam-controller',
    alias: 'nodeipam',
    eventSource: 'cidrAllocator',
    inputs: [NODES],
    outputs: [NODES],
    // one after another: there is nothing to gain, and two would look for a free network at once
    workers: 1,
    make(parts) {
      const allocation = new Allocation(ranges, parts);
      return { name: this.name, reconcile: (key, signal) => allocation.reconcile(key, signal) };
    },
  };
}

interface Given {
  readonly cidrs: readonly Cidr[];
  readonly letGo: () => void;
}

class Allocation {
  readonly #parts: ControllerParts;
  readonly #pools: readonly CidrPool[];
  readonly #nodes;
  readonly #writer;
  /** By UID: what nodes have, as the store shows them. */
  readonly #held = new Map<string, () => void>();
  /** By UID: what was chosen for nodes that the store shows without. It stays theirs whatever became of the write. */
  readonly #given = new Map<string, Given>();

  constructor({ ranges, services }: NodeCidrRanges, parts: ControllerParts) {
    this.#parts = parts;
    this.#pools = ranges.map(({ range, nodePrefix }) => new CidrPool(range, nodePrefix));
    for (const pool of this.#pools) for (const service of services) pool.hold(service);
    this.#nodes = parts.informed<Node>(NODES);
    this.#writer = parts.client<Node>(NODES);
    this.#nodes.onChange(({ key, before, after }) => {
      const [had, has] = [before, after].map(node => [node?.metadata.uid, node?.spec.podCIDRs].join());
      if (had === has) return;
      if (after !== undefined) this.#hold(after);
      if (before !== undefined && before.metadata.uid !== after?.metadata.uid) this.#letGo(before);
      if (after !== undefined && needsCidrs(after)) parts.enqueue(key);
    });
  }

  async reconcile(key: string, signal: AbortSignal) {
    const node = this.#nodes.store.getByKey(key);
    if (node === undefined || !needsCidrs(node)) return SETTLED;
    const { uid = '', name = '' } = node.metadata;
    const given = this.#given.get(uid) ?? this.#choose(node);
    const podCIDRs = given.cidrs.map(formatCidr);
    try {
      // the uid makes it a write to this very node
      const patch = { metadata: { uid }, spec: { podCIDR: podCIDRs[0], podCIDRs } };
      await this.#writer.patch({ namespace: '', name }, 'strategic', patch, signal);
      this.#parts.log.info({ node: name, podCIDRs }, 'node has its networks');
    } catch (error) {
      if (isNotFound(error)) return SETTLED;
      this.#record(node, 'CIDRAssignmentFailed');
      throw error;
    }
    return SETTLED;
  }

  /** What the store shows is held first, and what was chosen let go of then: never is a network free in between. */
  #hold(node: Node): void {
    const { uid = '', name } = node.metadata;
    const { podCIDRs = [] } = node.spec;
    if (podCIDRs.length === 0) return;
    const holds = podCIDRs.map((text, index) => {
      const hold = this.#holdOne(text, this.#pools[index]);
      if (hold === undefined)
        this.#parts.log.warn(
          { node: name, podCIDR: text },
          'a network of this node is in none of the ranges of --cluster-cidr',
        );
      return hold;
    });
    this.#held.get(uid)?.();
    this.#held.set(uid, () => {
      for (const letGo of holds) letGo?.();
    });
    this.#given.get(uid)?.letGo();
    this.#given.delete(uid);
  }

  #holdOne(text: string, pool: CidrPool | undefined): (() => void) | undefined {
    try {
      return pool?.hold(parseCidr(text));
    } catch {
      return undefined;
    }
  }

  #letGo({ metadata: { uid = '' } }: Node): void {
    this.#held.get(uid)?.();
    this.#held.delete(uid);
    this.#given.get(uid)?.letGo();
    this.#given.delete(uid);
    // somebody may wait for a network
    for (const node of this.#nodes.store.list()) if (needsCidrs(node)) this.#parts.enqueue(keyOf(node));
  }

  #choose(node: Node): Given {
    const cidrs = this.#pools.map(pool => pool.next());
    const found = cidrs.filter(cidr => cidr !== undefined);
    if (found.length < cidrs.length) {
      this.#record(node, 'CIDRNotAvailable');
      const index = cidrs.indexOf(undefined);
      throw new GantryError('resource-exhausted', `failed to allocate cidr from ${this.#pools[index]}: ${EXHAUSTED}`);
    }
    const holds = found.map((cidr, index) => this.#pools[index]?.hold(cidr));
    const given = {
      cidrs: found,
      letGo: () => {
        for (const letGo of holds) letGo?.();
      },
    };
    this.#given.set(node.metadata.uid ?? '', given);
    return given;
  }

  #record(node: Node, status: string): void {
    const { name = '' } = node.metadata;
    const target = { apiVersion: 'v1', kind: 'Node', object: node };
    this.#parts.events.record(target, 'Normal', status, `Node ${name} status is now: ${status}`);
  }
}

function needsCidrs({ metadata, spec }: Node): boolean {
  return metadata.deletionTimestamp === undefined && (spec.podCIDRs ?? []).length === 0;
}
