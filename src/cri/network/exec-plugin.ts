import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { oneLine } from '../../base/errors.ts';
import { CNI_ERROR, CniError, parseErrorObject } from '../../cni/protocol/error.ts';
import { type JsonObject, parseJsonObject } from '../../cni/protocol/json.ts';
import { type CniPlugin, checkRequest, type PluginRequest } from '../../cni/protocol/plugin.ts';
import { type CniResult, parseResult } from '../../cni/protocol/result.ts';
import { runCommand } from '../../linux/command.ts';

/** A plugin that has not answered by then is killed. The kubelet gives up on a sandbox after 4 minutes. */
const TIMEOUT_MS = 120_000;
const MAX_OUTPUT_BYTES = 4 << 20;

/** A plugin binary of others, run by the protocol of specification section 2: environment, configuration on stdin, answer on stdout. */
export class ExecPlugin implements CniPlugin {
  readonly #type: string;
  readonly #binDirs: readonly string[];

  constructor(type: string, binDirs: readonly string[]) {
    this.#type = type;
    this.#binDirs = binDirs;
  }

  async add(request: PluginRequest, signal?: AbortSignal): Promise<CniResult> {
    checkRequest(request, 'ADD');
    const output = await this.#run('ADD', request, JSON.stringify(request.config), signal);
    return parseResult(parseJsonObject(output, `the answer of ${this.#type}`));
  }

  async del(request: PluginRequest, signal?: AbortSignal): Promise<void> {
    checkRequest(request, 'DEL');
    await this.#run('DEL', request, JSON.stringify(request.config), signal);
  }

  async check(request: PluginRequest, signal?: AbortSignal): Promise<void> {
    checkRequest(request, 'CHECK');
    await this.#run('CHECK', request, JSON.stringify(request.config), signal);
  }

  async gc(config: JsonObject, signal?: AbortSignal): Promise<void> {
    await this.#run('GC', undefined, JSON.stringify(config), signal);
  }

  async status(config: JsonObject, signal?: AbortSignal): Promise<void> {
    await this.#run('STATUS', undefined, JSON.stringify(config), signal);
  }

  async version(signal?: AbortSignal): Promise<readonly string[]> {
    const output = await this.#run('VERSION', undefined, '{"cniVersion":"1.1.0"}', signal);
    const versions = parseJsonObject(output, `the answer of ${this.#type}`)['supportedVersions'];
    return Array.isArray(versions) ? versions.map(String) : [];
  }

  async #run(
    command: string,
    request: PluginRequest | undefined,
    input: string,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const result = await runCommand(this.#find(), [], {
      env: {
        PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
        CNI_COMMAND: command,
        CNI_PATH: this.#binDirs.join(':'),
        CNI_CONTAINERID: request?.containerId ?? '',
        CNI_NETNS: request?.netns ?? '',
        CNI_IFNAME: request?.ifname ?? '',
        CNI_ARGS: request?.args.map(([key, value]) => `${key}=${value}`).join(';') ?? '',
      },
      input,
      timeoutMs: TIMEOUT_MS,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      ...(signal === undefined ? {} : { signal }),
    });
    const output = result.stdout.toString('utf8');
    if (result.code === 0) return output;
    const how = result.signal === null ? `exit code ${result.code}` : `signal ${result.signal}`;
    const text = oneLine(`${result.stderr.toString('utf8')} ${output}`).slice(0, 1000);
    throw parseErrorObject(output) ?? new CniError(CNI_ERROR.internal, `${how}${text === '' ? '' : `: ${text}`}`);
  }

  #find(): string {
    for (const directory of this.#binDirs) {
      const file = join(directory, this.#type);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // the next directory may hold it
      }
    }
    throw new CniError(CNI_ERROR.invalidConfig, `no executable plugin "${this.#type}" in ${this.#binDirs.join(', ')}`);
  }
}
