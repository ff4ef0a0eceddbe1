import { type Cidr, ipFamily, ipToBigInt, isIp, lastAddress, parseCidr } from '../../base/cidr.ts';
import { apiServiceAddress } from '../settings.ts';
import type { PreflightFacts } from './plan.ts';

/** Of addresses and networks those that a client of HTTPS would reach by way of a proxy, by the variables that Go's and curl's clients heed. Of a network its first address counts. */
export function proxiedTargets(
  targets: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): PreflightFacts['proxied'] {
  const proxy = env['HTTPS_PROXY'] || env['https_proxy'] || '';
  if (proxy === '') return [];
  const exceptions = (env['NO_PROXY'] || env['no_proxy'] || '').split(',').map(word => word.trim());
  return targets.flatMap(target => {
    const isNetwork = target.includes('/');
    const address = isNetwork ? apiServiceAddress({ serviceSubnet: target }) : target;
    const isDirect = exceptions.some(exception => excepts(exception, address));
    return isDirect ? [] : [{ target, isNetwork, proxy: withoutCredentials(proxy) }];
  });
}

/** Who a proxy is told that one is ends with the last @: passwords have slashes and an @ themselves, and a scheme need not be there. */
function withoutCredentials(proxy: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(proxy)?.[0] ?? '';
  return `${scheme}${proxy.slice(Math.max(scheme.length, proxy.lastIndexOf('@') + 1))}`;
}

function excepts(exception: string, host: string): boolean {
  if (exception === '') return false;
  if (exception === '*' || exception === host) return true;
  const cidr = isIp(host) ? readCidr(exception) : undefined;
  if (cidr !== undefined) {
    const value = ipToBigInt(host);
    return cidr.family === ipFamily(host) && value >= cidr.base && value <= lastAddress(cidr);
  }
  return !isIp(host) && host.endsWith(exception.startsWith('.') ? exception : `.${exception}`);
}

function readCidr(text: string): Cidr | undefined {
  try {
    return text.includes('/') ? parseCidr(text) : undefined;
  } catch {
    return undefined;
  }
}
