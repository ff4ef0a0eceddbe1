import { ipFamily, parseCidr } from '../../base/cidr.ts';
import { CNI_ERROR, CniError } from './error.ts';
import { Fields, isObject, type JsonObject } from './json.ts';
import { type CniVersion, isAtLeast } from './versions.ts';

/** What ADD hands back, in the shape of version 1.1.0; other versions are converted on the way in and out. */
export interface CniResult {
  readonly interfaces: readonly ResultInterface[];
  readonly ips: readonly ResultIp[];
  readonly routes: readonly ResultRoute[];
  readonly dns: ResultDns;
}

export interface ResultInterface {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  /** The path of the network namespace, empty for a link on the host. */
  readonly sandbox?: string;
  readonly socketPath?: string;
  readonly pciID?: string;
}

export interface ResultIp {
  /** `ip/prefix`. */
  readonly address: string;
  readonly gateway?: string;
  /** Index into `interfaces`. */
  readonly interface?: number;
}

export interface ResultRoute {
  readonly dst: string;
  readonly gw?: string;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
}

export interface ResultDns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

/** The result as JSON of the given version. What a version cannot say is left out. */
export function formatResult(result: CniResult, cniVersion: CniVersion): JsonObject {
  if (!isAtLeast(cniVersion, '0.3.0')) return formatOldResult(result, cniVersion);
  const newest = isAtLeast(cniVersion, '1.1.0');
  const withVersion = !isAtLeast(cniVersion, '1.0.0');
  return {
    cniVersion,
    ...(result.interfaces.length === 0
      ? {}
      : {
          interfaces: result.interfaces.map(({ name, mac, sandbox, ...rest }) => ({
            name,
            ...(mac === undefined ? {} : { mac }),
            ...(newest ? rest : {}),
            ...(sandbox === undefined || sandbox === '' ? {} : { sandbox }),
          })),
        }),
    ips: result.ips.map(ip => ({ ...(withVersion ? { version: String(familyOf(ip.address)) } : {}), ...ip })),
    ...(result.routes.length === 0
      ? {}
      : {
          routes: result.routes.map(route =>
            newest ? route : { dst: route.dst, ...(route.gw === undefined ? {} : { gw: route.gw }) },
          ),
        }),
    dns: result.dns,
  };
}

/** Reads a plugin's answer of any version. Throws the decode error with what is wrong in it. */
export function parseResult(value: JsonObject): CniResult {
  try {
    if (value['ip4'] !== undefined || value['ip6'] !== undefined) return parseOldResult(value);
    const fields = new Fields(value, 'result.');
    return {
      interfaces: objects(fields, 'interfaces').map(parseInterface),
      ips: objects(fields, 'ips').map(parseIp),
      routes: objects(fields, 'routes').map(parseRoute),
      dns: parseDns(fields.object('dns') ?? {}),
    };
  } catch (error) {
    throw new CniError(CNI_ERROR.decode, `the plugin's result is invalid: ${(error as Error).message}`);
  }
}

/** The addresses on the link `ifname` inside the sandbox, without prefixes, in the order of the result: what the kubelet is told. */
export function sandboxIps(result: CniResult, ifname: string): string[] {
  return result.ips.flatMap(({ address, interface: index }) => {
    const link = index === undefined ? undefined : result.interfaces[index];
    // Without an interface reference the address can only be that of the one link that was asked for.
    const inside = index === undefined || (link?.name === ifname && link.sandbox !== undefined && link.sandbox !== '');
    return inside ? [address.split('/')[0] ?? ''] : [];
  });
}

function formatOldResult(result: CniResult, cniVersion: CniVersion): JsonObject {
  const family = (wanted: 4 | 6): JsonObject | undefined => {
    const ip = result.ips.find(({ address }) => familyOf(address) === wanted);
    if (ip === undefined) return undefined;
    const routes = result.routes
      .filter(({ dst }) => familyOf(dst) === wanted)
      .map(({ dst, gw }) => ({ dst, ...(gw === undefined ? {} : { gw }) }));
    return {
      ip: ip.address,
      ...(ip.gateway === undefined ? {} : { gateway: ip.gateway }),
      ...(routes.length === 0 ? {} : { routes }),
    };
  };
  const [ip4, ip6] = [family(4), family(6)];
  return {
    cniVersion,
    ...(ip4 === undefined ? {} : { ip4 }),
    ...(ip6 === undefined ? {} : { ip6 }),
    dns: result.dns,
  };
}

function parseOldResult(value: JsonObject): CniResult {
  const fields = new Fields(value, 'result.');
  const ips: ResultIp[] = [];
  const routes: ResultRoute[] = [];
  for (const name of ['ip4', 'ip6']) {
    const part = fields.object(name);
    if (part === undefined) continue;
    const inner = fields.nested(name);
    ips.push(parseIp({ address: part['ip'], gateway: part['gateway'] }));
    routes.push(...objects(inner, 'routes').map(parseRoute));
  }
  return { interfaces: [], ips, routes, dns: parseDns(fields.object('dns') ?? {}) };
}

function parseInterface(value: JsonObject): ResultInterface {
  const fields = new Fields(value, 'interfaces.');
  const mtu = fields.integer('mtu', 0, 0xffffffff);
  return {
    name: fields.string('name') ?? '',
    ...defined('mac', fields.string('mac')),
    ...defined('mtu', mtu === 0 ? undefined : mtu),
    ...defined('sandbox', fields.string('sandbox')),
    ...defined('socketPath', fields.string('socketPath')),
    ...defined('pciID', fields.string('pciID')),
  };
}

function parseIp(value: JsonObject): ResultIp {
  const fields = new Fields(value, 'ips.');
  const address = fields.string('address') ?? '';
  parseCidr(address);
  return {
    address,
    ...defined('gateway', fields.string('gateway')),
    ...defined('interface', fields.integer('interface', 0, 0xffff)),
  };
}

function parseRoute(value: JsonObject): ResultRoute {
  const fields = new Fields(value, 'routes.');
  const dst = fields.string('dst') ?? '';
  parseCidr(dst);
  const number = (name: string): number | undefined => fields.integer(name, 0, 0xffffffff);
  return {
    dst,
    ...defined('gw', fields.string('gw')),
    ...defined('mtu', number('mtu')),
    ...defined('advmss', number('advmss')),
    ...defined('priority', number('priority')),
    ...defined('table', number('table')),
    ...defined('scope', number('scope')),
  };
}

function parseDns(value: JsonObject): ResultDns {
  const fields = new Fields(value, 'dns.');
  return {
    ...defined('nameservers', fields.strings('nameservers')),
    ...defined('domain', fields.string('domain')),
    ...defined('search', fields.strings('search')),
    ...defined('options', fields.strings('options')),
  };
}

function objects(fields: Fields, name: string): JsonObject[] {
  return (fields.list(name) ?? []).map(item => {
    if (isObject(item)) return item;
    throw new CniError(CNI_ERROR.decode, `${name} holds ${JSON.stringify(item)}, which is not an object`);
  });
}

function defined<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

function familyOf(cidr: string): 4 | 6 {
  return ipFamily(cidr.split('/')[0] ?? '');
}
