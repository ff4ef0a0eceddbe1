import type { IpFamily } from '../../base/cidr.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import { kernelIsAtLeast } from '../../linux/kernel-version.ts';
import { ensureSysctl } from '../../linux/sysctl.ts';
import type { IpvsSettings } from '../settings.ts';
import { iptablesRunner } from './iptables.ts';
import { loadIpvs, openIpvs } from './ipvs.ts';
import { IpvsRules } from './ipvs-rules.ts';
import { loopbackRoute } from './loopback-route.ts';
import type { ModeFamily } from './mode.ts';

/** How often real servers that wait for their last connections are looked at, as upstream does: the kernel tells nobody when one ends. */
const DRAIN_MS = 60_000;

/** The kernel's settings that IPVS mode needs, as upstream sets them. */
export function ipvsSysctls(
  { strictArp }: IpvsSettings,
  hasReuseBug: boolean,
): readonly (readonly [name: string, value: string])[] {
  return [
    // masquerading needs the connections of IPVS in the kernel's table of them
    ['net/ipv4/vs/conntrack', '1'],
    // connections to a real server that is gone end, rather than wait for it
    ['net/ipv4/vs/expire_nodest_conn', '1'],
    ['net/ipv4/vs/expire_quiescent_template', '1'],
    ...(hasReuseBug ? ([['net/ipv4/vs/conn_reuse_mode', '0']] as const) : []),
    ['net/ipv4/ip_forward', '1'],
    ...(strictArp
      ? ([
          ['net/ipv4/conf/all/arp_ignore', '1'],
          ['net/ipv4/conf/all/arp_announce', '2'],
        ] as const)
      : []),
  ];
}

export interface IpvsModeOptions {
  readonly settings: IpvsSettings;
  readonly families: readonly IpFamily[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Opens IPVS in this network namespace. Throws `failed-precondition` where the kernel has none. */
export async function openIpvsFamilies({ settings, families, clock, log }: IpvsModeOptions): Promise<{
  readonly families: readonly ModeFamily[];
  close(): void;
}> {
  await loadIpvs();
  const kernel = openIpvs();
  const rules: IpvsRules[] = [];
  let cancel = (): void => {};
  const drain = (): void => {
    for (const each of rules)
      try {
        each.drain();
      } catch (error) {
        log.warn(`real servers that are wanted no more stay: ${errorMessage(error)}`);
        each.distrust();
      }
    cancel = clock.after(DRAIN_MS, drain);
  };
  try {
    // from 5.9 on the kernel itself sees to what the setting is for
    for (const [name, value] of ipvsSysctls(settings, !kernelIsAtLeast(5, 9))) ensureSysctl(name, value);
    if (Object.values(settings.timeouts).some(seconds => seconds > 0)) kernel.ipvs.setTimeouts(settings.timeouts);
  } catch (error) {
    kernel.close();
    throw error;
  }
  drain();
  const { scheduler, excludeCidrs } = settings;
  return {
    families: families.map(family => ({
      family,
      rules: node => {
        const made = new IpvsRules(node, {
          iptables: iptablesRunner(family),
          kernel,
          loopback: loopbackRoute(),
          scheduler,
          excludeCidrs,
        });
        rules.push(made);
        return made;
      },
    })),
    close() {
      cancel();
      kernel.close();
    },
  };
}
