import { CNI_ERROR, CniError, errorObject } from './error.ts';
import { type JsonObject, parseJsonObject } from './json.ts';
import type { CniPlugin, PluginRequest } from './plugin.ts';
import { formatResult } from './result.ts';
import { CNI_VERSIONS, type CniVersion, chooseVersion } from './versions.ts';

export interface CniAnswer {
  /** What goes to stdout; empty for verbs that answer nothing. */
  readonly output: string;
  readonly exitCode: number;
}

/** Answers one call of a plugin by a runtime (specification section 2): the environment and stdin in, stdout and exit code out. Never rejects. */
export async function serveCni(
  plugin: CniPlugin,
  env: Readonly<Record<string, string | undefined>>,
  input: string,
): Promise<CniAnswer> {
  let version: CniVersion = '1.1.0';
  try {
    const config = parseJsonObject(input, 'the configuration on stdin');
    version = versionOf(config);
    return { output: await answer(plugin, env, config, version), exitCode: 0 };
  } catch (error) {
    return { output: JSON.stringify(errorObject(error, version)), exitCode: 1 };
  }
}

async function answer(
  plugin: CniPlugin,
  env: Readonly<Record<string, string | undefined>>,
  config: JsonObject,
  version: CniVersion,
): Promise<string> {
  const command = env['CNI_COMMAND'] ?? '';
  switch (command) {
    case 'ADD':
      return JSON.stringify(formatResult(await plugin.add(requestOf(env, config)), version));
    case 'DEL':
      await plugin.del(requestOf(env, config));
      return '';
    case 'CHECK':
      await plugin.check(requestOf(env, config));
      return '';
    case 'GC':
      await plugin.gc(config);
      return '';
    case 'STATUS':
      await plugin.status(config);
      return '';
    case 'VERSION':
      return JSON.stringify({ cniVersion: version, supportedVersions: await plugin.version() });
    default:
      throw new CniError(CNI_ERROR.invalidEnvironment, `unknown CNI_COMMAND: ${JSON.stringify(command)}`);
  }
}

/** A configuration without a version is of the time before it was required. */
function versionOf(config: JsonObject): CniVersion {
  const given = config['cniVersion'] ?? '0.2.0';
  const version = typeof given === 'string' ? chooseVersion([given]) : undefined;
  if (version !== undefined) return version;
  throw new CniError(
    CNI_ERROR.incompatibleVersion,
    `CNI version ${JSON.stringify(given)} is not spoken here; those that are: ${CNI_VERSIONS.join(', ')}`,
  );
}

function requestOf(env: Readonly<Record<string, string | undefined>>, config: JsonObject): PluginRequest {
  const pairs = (env['CNI_ARGS'] ?? '').split(';').filter(pair => pair !== '');
  const args = pairs.map(pair => {
    const at = pair.indexOf('=');
    if (at <= 0) throw new CniError(CNI_ERROR.invalidEnvironment, `CNI_ARGS: ${JSON.stringify(pair)} is not KEY=VALUE`);
    return [pair.slice(0, at), pair.slice(at + 1)] as const;
  });
  return {
    containerId: env['CNI_CONTAINERID'] ?? '',
    netns: env['CNI_NETNS'] ?? '',
    ifname: env['CNI_IFNAME'] ?? '',
    args,
    config,
  };
}
