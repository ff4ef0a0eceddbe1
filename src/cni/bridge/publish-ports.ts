import { cidrContains } from '../../base/cidr.ts';
import type { AllocatedAddress } from '../host-local/plan.ts';
import type { AddressJournal } from '../journal/journal.ts';
import type { JournalEntry, JournalState } from '../journal/state.ts';
import type { BridgeApplier } from './apply.ts';
import type { BridgeConfig } from './config.ts';
import { hostPortChains, hostPortElements } from './host-ports.ts';
import { isAlive } from './liveness.ts';

/** Attachments that have ports of the machine: those that are being released have them no more. */
export function publishedIn(state: JournalState): readonly JournalEntry[] {
  return [...state.entries.values()].filter(
    entry => entry.hostPorts !== undefined && entry.state !== 'releasing' && isAlive(entry),
  );
}

/**
 * Leads the machine's ports to their pods: those of the pod that is being attached, and those of others whose rules somebody has taken away. Nothing is done
 * where no pod has any. Safe to repeat.
 */
export async function openHostPorts(
  apply: BridgeApplier,
  journal: AddressJournal,
  config: BridgeConfig,
  addresses: readonly AllocatedAddress[],
): Promise<void> {
  const published = journal.transaction(({ state }) => publishedIn(state));
  if (published.length === 0) return;
  if (addresses.some(({ range }) => range.subnet.family === 4)) apply.allowLoopbackOn(config.bridge);
  apply.ensureRules(`${hostPortElements(config.network, published)}${hostPortChains(config)}`);
  const ips = addresses.map(({ ip }) => ip);
  const subnets = config.rangeSets.flatMap(set => set.ranges.map(({ subnet }) => subnet));
  const isPod = (ip: string): boolean => subnets.some(subnet => cidrContains(subnet, ip));
  for (const { protocol, hostPort } of config.hostPorts)
    if (protocol === 'udp') await apply.forgetFlows(hostPort, ips, isPod);
}

/** Takes the ports of attachments away that the journal has released. Safe to repeat. */
export function closeHostPorts(apply: BridgeApplier, journal: AddressJournal): void {
  const published = journal.transaction(({ state }) => publishedIn(state));
  apply.runRules(hostPortElements(journal.network, published));
}

/** Whether flows of UDP may lead to the addresses of an attachment when it is gone: they are not free before these are forgotten. */
export function hasUdpPorts({ hostPorts = [] }: Pick<JournalEntry, 'hostPorts'>): boolean {
  return hostPorts.some(({ protocol }) => protocol === 'udp');
}

/**
 * Forgets the flows of UDP that released attachments had, after their ports are closed: the kernel would lead what comes to addresses that others get later. Safe to repeat.
 */
export async function forgetFlowsOf(
  apply: BridgeApplier,
  released: readonly Pick<JournalEntry, 'ips' | 'hostPorts'>[],
): Promise<void> {
  for (const { ips, hostPorts = [] } of released)
    for (const { protocol, hostPort } of hostPorts)
      if (protocol === 'udp') await apply.forgetFlows(hostPort, [], ip => ips.includes(ip));
}
