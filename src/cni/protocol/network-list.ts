import { CNI_ERROR, CniError } from './error.ts';
import { Fields, isObject, type JsonObject, parseJsonObject } from './json.ts';
import { type CniResult, formatResult } from './result.ts';
import { type CniVersion, chooseVersion } from './versions.ts';

/** The specification's pattern for network names and container ids (section 2, "Parameters"). */
export const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

export interface NetworkList {
  readonly name: string;
  /** The newest version that both sides speak: `cniVersion` and `cniVersions` of the file. */
  readonly cniVersion: CniVersion;
  /** The network's owner wants no GC: others attach pods to it too. */
  readonly disableGc: boolean;
  readonly plugins: readonly PluginEntry[];
  /** The list as JSON, as kept beside cached results. */
  readonly text: string;
}

export interface PluginEntry {
  /** The name of the binary, or of one of our own plugins. */
  readonly type: string;
  /** What the plugin takes at run time (`portMappings`, `bandwidth`, …). */
  readonly capabilities: ReadonlySet<string>;
  readonly config: JsonObject;
}

/**
 * Reads a `.conflist` (`single` false) or turns a `.conf` or `.json` with one plugin into a list (`single` true). `pluginsOf` gives the objects of the
 * `.conf` files in the directory of the list's name, which follow those of the list itself unless it says loadOnlyInlinedPlugins (1.1.0,
 * section 1). Throws CniError.
 */
export function parseNetworkList(
  text: string,
  single: boolean,
  pluginsOf: (name: string) => readonly unknown[] = () => [],
): NetworkList {
  const object = parseJsonObject(text, 'the network configuration');
  const fields = new Fields(object);
  const name = fields.string('name') ?? '';
  if (!NAME_PATTERN.test(name))
    throw new CniError(CNI_ERROR.invalidConfig, `the name ${JSON.stringify(name)} is missing or has odd characters`);
  // A file without a version is one of the time before it was required.
  const offered = [fields.string('cniVersion') ?? '0.2.0', ...(fields.strings('cniVersions') ?? [])];
  const cniVersion = chooseVersion(offered);
  if (cniVersion === undefined)
    throw new CniError(CNI_ERROR.incompatibleVersion, `none of the versions ${offered.join(', ')} is spoken here`);
  const others = single || fields.boolean('loadOnlyInlinedPlugins') === true ? [] : pluginsOf(name);
  const entries: readonly unknown[] = single ? [object] : [...(fields.list('plugins') ?? []), ...others];
  if (entries.length === 0) throw new CniError(CNI_ERROR.invalidConfig, 'the list names no plugins');
  const list = single ? { cniVersion: offered[0], name, plugins: [object] } : { ...object, plugins: entries };
  const disableGc = !single && fields.boolean('disableGC') === true;
  return { name, cniVersion, disableGc, plugins: entries.map(parseEntry), text: JSON.stringify(list) };
}

function parseEntry(value: unknown): PluginEntry {
  if (!isObject(value)) throw new CniError(CNI_ERROR.invalidConfig, 'an entry of plugins is not an object');
  const fields = new Fields(value);
  const type = fields.string('type') ?? '';
  if (type === '' || type.includes('/') || type === '.' || type === '..')
    throw new CniError(CNI_ERROR.invalidConfig, `the plugin type ${JSON.stringify(type)} is not the name of a program`);
  const capabilities = Object.entries(fields.object('capabilities') ?? {}).filter(([, on]) => on === true);
  return { type, capabilities: new Set(capabilities.map(([name]) => name)), config: value };
}

/** What a plugin gets on stdin for STATUS; with the valid attachments, under both names that libcni writes, for GC. */
export function verbConfig(
  list: NetworkList,
  plugin: PluginEntry,
  attachments?: readonly { readonly containerID: string; readonly ifname: string }[],
): JsonObject {
  const lists =
    attachments === undefined ? {} : { 'cni.dev/valid-attachments': attachments, 'cni.dev/attachments': attachments };
  return { ...pluginConfig(list, plugin, {}, undefined), ...lists };
}

/**
 * What a plugin gets on stdin (specification section 3): its own object with the list's name and version, the run-time values it has declared
 * a capability for, and the result so far. `capabilities` is taken out.
 */
export function pluginConfig(
  list: NetworkList,
  plugin: PluginEntry,
  runtimeValues: JsonObject,
  previous: CniResult | undefined,
): JsonObject {
  const { capabilities: _, runtimeConfig: __, ...own } = plugin.config;
  const wanted = Object.entries(runtimeValues).filter(([name]) => plugin.capabilities.has(name));
  return {
    ...own,
    name: list.name,
    cniVersion: list.cniVersion,
    ...(wanted.length === 0 ? {} : { runtimeConfig: Object.fromEntries(wanted) }),
    ...(previous === undefined ? {} : { prevResult: formatResult(previous, list.cniVersion) }),
  };
}
