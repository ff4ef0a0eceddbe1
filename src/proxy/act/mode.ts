import type { IpFamily } from '../../base/cidr.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import { readSysctl } from '../../linux/sysctl.ts';
import { tableOf } from '../compile/layout.ts';
import type { NodeSettings } from '../desired/node-settings.ts';
import type { ProxySettings } from '../settings.ts';
import { watchCanaries } from './canaries.ts';
import type { FamilyRules } from './family-rules.ts';
import { checkIptables, iptablesRunner } from './iptables.ts';
import { IptablesRules } from './iptables-rules.ts';
import { openIpvsFamilies } from './ipvs-mode.ts';
import { loopbackRoute } from './loopback-route.ts';
import { openNft } from './nft.ts';
import { NftablesRules } from './nftables-rules.ts';
import { removeIptablesRules, removeIpvs, removeNftablesRules } from './remove.ts';

export interface ModeOptions {
  readonly settings: ProxySettings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Somebody else changed the rules of a family. */
  readonly onTouched: (family: IpFamily) => void;
}

export interface ModeFamily {
  readonly family: IpFamily;
  readonly rules: (node: NodeSettings) => FamilyRules;
}

/** A mode whose programs and libraries are there. */
export interface OpenMode {
  readonly families: readonly ModeFamily[];
  /** Takes away what a proxy of ours left here in another mode. What cannot be taken away is told to the log. */
  removeOthers(signal: AbortSignal): Promise<void>;
  close(): void;
}

const FAMILIES = [4, 6] as const;

/** Opens the mode of the settings in this network namespace. Throws `failed-precondition` with what is missing. */
export function openMode(options: ModeOptions): Promise<OpenMode> {
  switch (options.settings.mode) {
    case 'nftables':
      return openNftables(options);
    case 'iptables':
      return openIptables(options);
    case 'ipvs':
      return openIpvsMode(options);
  }
}

async function openNftables({ log, onTouched }: ModeOptions): Promise<OpenMode> {
  const nft = openNft(FAMILIES.map(tableOf), table => {
    for (const family of FAMILIES) if (tableOf(family) === table) onTouched(family);
  });
  return {
    families: FAMILIES.map(family => ({ family, rules: node => new NftablesRules(node, nft, log) })),
    removeOthers: signal => removeEach(log, [() => removeIptablesRules(signal)]),
    close: () => nft.close(),
  };
}

async function openIptables({ settings, clock, log, signal, onTouched }: ModeOptions): Promise<OpenMode> {
  const families = await iptablesFamilies(log, signal);
  const lenient = Number(readSysctl('net/netfilter/nf_conntrack_tcp_be_liberal') ?? 0) !== 0;
  const stops = families.map(family =>
    watchCanaries(iptablesRunner(family), settings.syncMs, clock, () => onTouched(family)),
  );
  return {
    families: families.map(family => ({
      family,
      rules: node => new IptablesRules(node, iptablesRunner(family), lenient, loopbackRoute()),
    })),
    // the chains of IPVS mode went as its own came
    removeOthers: signal => removeEach(log, [removeNftablesRules, () => removeIpvs(signal)]),
    close() {
      for (const stop of stops) stop();
    },
  };
}

async function openIpvsMode({ settings, clock, log, signal, onTouched }: ModeOptions): Promise<OpenMode> {
  const families = await iptablesFamilies(log, signal);
  const ipvs = await openIpvsFamilies({ settings: settings.ipvs, families, clock, log });
  const stops = families.map(family =>
    watchCanaries(iptablesRunner(family), settings.syncMs, clock, () => onTouched(family)),
  );
  return {
    families: ipvs.families,
    removeOthers: () => removeEach(log, [removeNftablesRules]),
    close() {
      for (const stop of stops) stop();
      ipvs.close();
    },
  };
}

/** IPv4 has to be there; a machine without IPv6 is served without. */
async function iptablesFamilies(log: Logger, signal: AbortSignal): Promise<IpFamily[]> {
  await checkIptables(4, signal);
  try {
    await checkIptables(6, signal);
    return [4, 6];
  } catch (error) {
    signal.throwIfAborted();
    log.warn(`services are not served in IPv6: ${errorMessage(error)}`);
    return [4];
  }
}

async function removeEach(log: Logger, removals: readonly (() => Promise<void>)[]): Promise<void> {
  for (const remove of removals)
    try {
      await remove();
    } catch (error) {
      log.warn(`rules of another mode stay: ${errorMessage(error)}`);
    }
}
