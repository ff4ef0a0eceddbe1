import { CNI_ERROR, CniError } from './error.ts';
import type { JsonObject } from './json.ts';
import { NAME_PATTERN } from './network-list.ts';
import type { CniResult } from './result.ts';

/** One call of a plugin: the specification's environment, and its stdin already parsed. */
export interface PluginRequest {
  readonly containerId: string;
  /** Path of the network namespace; empty is allowed for DEL. */
  readonly netns: string;
  readonly ifname: string;
  /** CNI_ARGS in order. */
  readonly args: readonly (readonly [string, string])[];
  readonly config: JsonObject;
}

/** A plugin, whether it runs in this process or is executed. Every method throws CniError. */
export interface CniPlugin {
  add(request: PluginRequest, signal?: AbortSignal): Promise<CniResult>;
  /** Safe to repeat, also when the namespace, the link or the address is gone or never was. */
  del(request: PluginRequest, signal?: AbortSignal): Promise<void>;
  /** Throws when the attachment is not as `prevResult` in the configuration says any more. Versions from 0.4.0 on. */
  check(request: PluginRequest, signal?: AbortSignal): Promise<void>;
  /** Gives up what belongs to none of the `cni.dev/valid-attachments` of the configuration. Versions from 1.1.0 on. */
  gc(config: JsonObject, signal?: AbortSignal): Promise<void>;
  /** Throws when ADD would not work now (50, 51). Versions from 1.1.0 on. */
  status(config: JsonObject, signal?: AbortSignal): Promise<void>;
  /** The versions it speaks. */
  version(signal?: AbortSignal): Promise<readonly string[]>;
}

/** The longest link name (IFNAMSIZ without the ending zero). */
const LINK_NAME_MAX = 15;

/** Throws error 4, with the variables' names, when the parameters break the specification's rules. */
export function checkRequest(request: PluginRequest, verb: 'ADD' | 'CHECK' | 'DEL'): void {
  const wrong: string[] = [];
  if (!NAME_PATTERN.test(request.containerId)) wrong.push('CNI_CONTAINERID');
  const { ifname } = request;
  if (ifname === '' || ifname.length > LINK_NAME_MAX || ifname === '.' || ifname === '..' || /[\s/:]/.test(ifname))
    wrong.push('CNI_IFNAME');
  if (verb !== 'DEL' && request.netns === '') wrong.push('CNI_NETNS');
  if (wrong.length > 0) throw new CniError(CNI_ERROR.invalidEnvironment, `missing or invalid: ${wrong.join(', ')}`);
}
