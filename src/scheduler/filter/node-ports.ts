import { hostPortsOf, PortsInUse } from '../host-ports.ts';
import type { Filter, Refusal } from './filter.ts';

const NAME = 'NodePorts';
const TAKEN: Refusal = {
  plugin: NAME,
  isFinal: false,
  reasons: ["node(s) didn't have free ports for the requested pod ports"],
};

/** A port of a node is for one pod. */
export const nodePorts: Filter = {
  name: NAME,
  prepare({ hostPorts }) {
    if (hostPorts.length === 0) return undefined;
    return { check: ({ ports }) => (ports.conflictsWith(hostPorts) ? TAKEN : undefined) };
  },
  changes: ['node', 'pod'],
  mayHelp(change, { hostPorts }) {
    if (change.kind === 'node') return change.before === undefined;
    if (change.kind !== 'pod' || change.before === undefined || change.after !== undefined) return false;
    const freed = new PortsInUse();
    freed.add(hostPortsOf(change.before.spec), 1);
    return freed.conflictsWith(hostPorts);
  },
};
