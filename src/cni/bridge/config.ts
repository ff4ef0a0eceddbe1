import { parseCidr } from '../../base/cidr.ts';
import { parseRangeSets, type RangeSet } from '../host-local/ranges.ts';
import { CNI_ERROR, CniError } from '../protocol/error.ts';
import { Fields, isObject, type JsonObject, smallKeys } from '../protocol/json.ts';
import { NAME_PATTERN } from '../protocol/network-list.ts';
import type { ResultDns } from '../protocol/result.ts';
import { type CniVersion, chooseVersion } from '../protocol/versions.ts';
import { type Bandwidth, parseBandwidth } from './bandwidth.ts';
import { type HostPort, parseHostPorts } from './host-ports.ts';

export const DEFAULT_BRIDGE = 'gantry0';

export interface BridgeConfig {
  readonly cniVersion: CniVersion;
  readonly network: string;
  readonly bridge: string;
  /** Undefined leaves it to the kernel. */
  readonly mtu: number | undefined;
  /** The bridge carries the pools' gateway addresses, and the machine forwards. */
  readonly isGateway: boolean;
  /** The pod's default route leads to the bridge. */
  readonly isDefaultGateway: boolean;
  /** Traffic that leaves the pod network gets the machine's address. */
  readonly ipMasq: boolean;
  readonly hairpin: boolean;
  readonly rangeSets: readonly RangeSet[];
  readonly routes: readonly { readonly destination: string; readonly gateway: string | undefined }[];
  readonly dns: ResultDns;
  /** Of this pod (the capability portMappings). */
  readonly hostPorts: readonly HostPort[];
  /** Of this pod (the capability bandwidth). */
  readonly bandwidth: Bandwidth;
}

/** Keys of the reference bridge and host-local plugins that are not honoured, by their place in the configuration. */
const UNSUPPORTED = [
  'vlan',
  'vlanTrunk',
  'promiscMode',
  'macspoofchk',
  'portIsolation',
  'mac',
  'forceAddress',
  'enabledad',
  'disableContainerInterface',
  'ipam.dataDir',
  'ipam.resolvConf',
  'runtimeConfig.ips',
  'runtimeConfig.mac',
  'args.cni.ips',
  'args.cni.mac',
] as const;
/** CNI_ARGS of the same meaning. */
const UNSUPPORTED_ARGS: readonly string[] = ['IP', 'MAC'];

/** Throws CniError 2 when CNI_ARGS ask for an address: a pod that quietly got another one would be worse. */
export function refuseAddressArgs(args: readonly (readonly [string, string])[]): void {
  for (const [key, value] of args) if (UNSUPPORTED_ARGS.includes(key)) throw unsupported(`CNI_ARGS ${key}`, value);
}

/**
 * Reads the configuration of `gantry-bridge`. Keys are those of the reference bridge plugin with host-local inside (`ipam.ranges`, `ipam.routes`,
 * the old single `ipam.subnet`); isDefaultGateway, which implies isGateway, ipMasq and hairpinMode are on unless switched off.
 * `runtimeConfig.ipRanges` replaces the file's ranges. Keys that would change what a pod gets and are not honoured are refused. Throws CniError 1, 2 or 7; without any range error 11, because the pod CIDR may be still to come.
 */
export function parseBridgeConfig(given: JsonObject): BridgeConfig {
  const { runtimeConfig } = given;
  const config = runtimeConfig === undefined ? given : { ...given, runtimeConfig: smallKeys(runtimeConfig) };
  const fields = new Fields(config);
  const version = fields.string('cniVersion') ?? '0.2.0';
  const cniVersion = chooseVersion([version]);
  if (cniVersion === undefined)
    throw new CniError(CNI_ERROR.incompatibleVersion, `CNI version ${version} is not spoken here`);
  const network = fields.string('name') ?? '';
  if (!NAME_PATTERN.test(network))
    throw new CniError(
      CNI_ERROR.invalidConfig,
      `field name: ${JSON.stringify(network)} is missing or has odd characters`,
    );
  const bridge = fields.string('bridge') ?? DEFAULT_BRIDGE;
  if (!/^[^\s/:]{1,15}$/.test(bridge) || bridge === '.' || bridge === '..')
    throw new CniError(CNI_ERROR.invalidConfig, `field bridge: ${JSON.stringify(bridge)} is not a link name`);
  refuseUnsupported(config);
  const ipam = fields.nested('ipam');
  const ipamType = ipam.string('type') ?? 'host-local';
  if (ipamType !== 'host-local')
    throw new CniError(
      CNI_ERROR.unsupportedField,
      `field ipam.type (${JSON.stringify(ipamType)}) is not supported by gantry-bridge; it allocates as host-local does`,
    );
  const isDefaultGateway = fields.boolean('isDefaultGateway') ?? fields.boolean('isGateway') ?? true;
  return {
    cniVersion,
    network,
    bridge,
    mtu: fields.integer('mtu', 0, 65535) || undefined,
    isGateway: isDefaultGateway || fields.boolean('isGateway') === true,
    isDefaultGateway,
    ipMasq: fields.boolean('ipMasq') ?? true,
    hairpin: fields.boolean('hairpinMode') ?? true,
    rangeSets: rangeSets(fields),
    routes: (ipam.list('routes') ?? []).map(parseRoute),
    dns: (fields.object('dns') ?? {}) as ResultDns,
    hostPorts: parseHostPorts(fields.nested('runtimeConfig').list('portMappings') ?? []),
    bandwidth: parseBandwidth(fields.nested('runtimeConfig')),
  };
}

function refuseUnsupported(config: JsonObject): void {
  for (const path of UNSUPPORTED) {
    const value = path
      .split('.')
      .reduce<unknown>((parent, name) => (isObject(parent) ? parent[name] : undefined), config);
    if (!isUnset(value)) throw unsupported(`field ${path}`, value);
  }
}

/** A key that is written down with the value that it has when it is not. */
function isUnset(value: unknown): boolean {
  return !value || (Array.isArray(value) && value.length === 0);
}

function unsupported(what: string, value: unknown): CniError {
  return new CniError(
    CNI_ERROR.unsupportedField,
    `${what} (${JSON.stringify(value)}) is not supported by gantry-bridge`,
  );
}

function rangeSets(fields: Fields): RangeSet[] {
  const given = fields.nested('runtimeConfig').list('ipRanges');
  const ipam = fields.nested('ipam');
  if (given !== undefined && given.length > 0) return parseRangeSets(given, 'runtimeConfig.ipRanges');
  const single = ipam.string('subnet') === undefined ? [] : [[fields.object('ipam')]];
  const sets = parseRangeSets([...single, ...(ipam.list('ranges') ?? [])], 'ipam.ranges');
  if (sets.length === 0)
    throw new CniError(
      CNI_ERROR.tryAgainLater,
      'no address ranges: ipam.ranges is empty and the runtime has passed no pod CIDR yet',
    );
  return sets;
}

function parseRoute(value: unknown, index: number): { destination: string; gateway: string | undefined } {
  const field = `ipam.routes[${index}]`;
  if (!isObject(value)) throw new CniError(CNI_ERROR.invalidConfig, `field ${field} must be an object`);
  const fields = new Fields(value, `${field}.`);
  const destination = fields.string('dst') ?? '';
  try {
    parseCidr(destination);
  } catch {
    throw new CniError(CNI_ERROR.invalidConfig, `field ${field}.dst: ${JSON.stringify(destination)} is not a CIDR`);
  }
  return { destination, gateway: fields.string('gw') };
}

/** DEL needs no more of the configuration than this, so that it works when the rest has become invalid. */
export function networkName(config: JsonObject): string {
  const name = config['name'];
  if (typeof name !== 'string' || !NAME_PATTERN.test(name))
    throw new CniError(CNI_ERROR.invalidConfig, `field name: ${JSON.stringify(name)} is missing or has odd characters`);
  return name;
}

/** What STATUS looks at. A missing range is passed over (error 11): it may come with ADD. */
export function statusFacts(config: JsonObject): { network: string; bridge: string; usesNft: boolean } {
  try {
    const { network, bridge, ipMasq } = parseBridgeConfig(config);
    return { network, bridge, usesNft: ipMasq };
  } catch (error) {
    if (!(error instanceof CniError && error.cniCode === CNI_ERROR.tryAgainLater)) throw error;
    const fields = new Fields(config);
    const bridge = fields.string('bridge') ?? DEFAULT_BRIDGE;
    return { network: networkName(config), bridge, usesNft: fields.boolean('ipMasq') ?? true };
  }
}
