import { invalidArgument } from '../../base/errors.ts';
import type { CriCapability } from './inputs.ts';
import type { OciCapabilities } from './oci-spec.ts';

/** What a container has when it asks for nothing: CRI-O's default list. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_KILL',
];

export interface CapabilityDecision {
  readonly capabilities: OciCapabilities;
  readonly notes: readonly string[];
}

export interface CapabilityRequest {
  readonly privileged: boolean;
  readonly capability: CriCapability | undefined;
  /** Bounding set of this process: the most that can be given. */
  readonly bounding: readonly string[];
  /** Every name the program knows; anything else in a request is an error. */
  readonly known: readonly string[];
}

/**
 * Capabilities of a container. Privileged has the whole bounding set. Else: the defaults; add ALL starts from the bounding set, drop ALL from nothing (and
 * wins over add ALL); then single names are added, then single names dropped. Ambient ones are also inheritable; nothing else is inheritable, so that a
 * set-capability file in an image gains nothing. What this process does not have itself is left out with a note.
 * Throws `invalid-argument` for an unknown name.
 */
export function decideCapabilities(request: CapabilityRequest): CapabilityDecision {
  const { privileged, capability, bounding, known } = request;
  if (privileged) return { capabilities: sets(bounding, []), notes: [] };
  const add = (capability?.addCapabilities ?? []).map(normalize);
  const drop = (capability?.dropCapabilities ?? []).map(normalize);
  const ambient = (capability?.addAmbientCapabilities ?? []).map(normalize);
  for (const name of [...add, ...drop, ...ambient]) {
    if (name !== 'CAP_ALL' && !known.includes(name)) throw invalidArgument(`unknown capability "${name}"`);
  }
  const singles = [...add, ...ambient].filter(name => name !== 'CAP_ALL');
  const start = drop.includes('CAP_ALL') ? [] : add.includes('CAP_ALL') ? bounding : DEFAULT_CAPABILITIES;
  const wanted = new Set([...start, ...singles].filter(name => !drop.includes(name)));
  const granted = known.filter(name => wanted.has(name) && bounding.includes(name));
  const grantedAmbient = (ambient.includes('CAP_ALL') ? granted : ambient).filter(name => granted.includes(name));
  const missing = singles.filter(name => wanted.has(name) && !bounding.includes(name));
  return {
    capabilities: sets(granted, [...new Set(grantedAmbient)]),
    notes: missing.map(name => `${name} was asked for, but this daemon does not have it itself; left out`),
  };
}

function sets(granted: readonly string[], ambient: readonly string[]): OciCapabilities {
  return { bounding: granted, effective: granted, permitted: granted, inheritable: ambient, ambient };
}

function normalize(name: string): string {
  const upper = name.toUpperCase();
  return upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}
