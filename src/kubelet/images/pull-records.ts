import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { timeOf } from '../../api/time.ts';
import type { Clock } from '../../base/clock.ts';
import { errnoName } from '../../base/errors.ts';
import { sha256Hex } from '../../base/hash.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import { imageReference } from './plan.ts';
import {
  type ImageAccess,
  matchSecrets,
  nameOf,
  type SecretUse,
  type VerificationPolicy,
  withAccess,
} from './pull-access.ts';

const API_VERSION = 'kubelet.config.k8s.io/v1beta1';

interface PulledRecord {
  readonly kind: 'ImagePulledRecord';
  readonly apiVersion: string;
  readonly lastUpdatedTime: string;
  readonly imageRef: string;
  readonly credentialMapping?: { readonly [name: string]: ImageAccess };
}

/**
 * Which images this kubelet has pulled, and with what, in files as upstream keeps them: a pod may use an image that is there only if it could have pulled
 * it. `pulling/` has what is being pulled, so that a crash in the middle does not make an image look as if somebody had put it here.
 */
export class PullRecords {
  readonly #directory: string;
  readonly #policy: VerificationPolicy;
  readonly #clock: Clock;
  readonly #pulling = new Map<string, number>();

  /** `directory`: `/var/lib/kubelet/image_manager`. */
  constructor(directory: string, policy: VerificationPolicy, clock: Clock) {
    this.#directory = directory;
    this.#policy = policy;
    this.#clock = clock;
  }

  /** Whether a pod has to pull an image although it is there. `secrets` are those that it would show; asked for only where that matters. */
  async mustPull(image: string, ref: string, secrets: () => Promise<readonly SecretUse[]>): Promise<boolean> {
    const record = this.#read(ref);
    const pulled = record !== undefined || this.#pulling.has(image) || existsSync(this.#intentPath(image));
    const name = nameOf(image);
    if (!this.#policy(name, pulled)) return false;
    const access = record?.credentialMapping?.[name];
    if (access === undefined) return true;
    if (access.nodePodsAccessible === true) return false;
    if ((access.kubernetesSecrets ?? []).length === 0) return true;
    const { opens, learned } = matchSecrets(access, await secrets());
    if (learned !== undefined) this.#write(image, ref, learned);
    return !opens;
  }

  /** Before a pull. Throws where that cannot be written: without it the pull would not be remembered. */
  begin(image: string): void {
    const intent = { kind: 'ImagePullIntent', apiVersion: API_VERSION, image };
    writeFileAtomic(this.#intentPath(image), JSON.stringify(intent), { durable: true });
    this.#pulling.set(image, (this.#pulling.get(image) ?? 0) + 1);
  }

  /** After a pull: `by` is what the registry was shown. A record that cannot be written leaves what begin() wrote, and pods have to pull again. */
  succeeded(image: string, ref: string, by: SecretUse | 'anybody'): void {
    this.#write(image, ref, by);
    this.failed(image);
  }

  failed(image: string): void {
    if (this.#leave(image) === 0) rmSync(this.#intentPath(image), { force: true });
  }

  /** After a pull of which nobody knows how it ended: the image may be there, and then a pod has to pull it again. */
  cutOff(image: string): void {
    this.#leave(image);
  }

  /** An image is not here any more: one that somebody puts here later is another matter. */
  removed(ref: string): void {
    rmSync(this.#recordPath(ref), { force: true });
  }

  /** How many pulls of the image go on. */
  #leave(image: string): number {
    const count = Math.max(0, (this.#pulling.get(image) ?? 0) - 1);
    if (count > 0) this.#pulling.set(image, count);
    else this.#pulling.delete(image);
    return count;
  }

  /** Once, before the first pull: what was cut off is remembered as pulled by nobody knows whom, and what is not here any more is forgotten. */
  async settle(runtime: ContainerRuntime, signal: AbortSignal): Promise<void> {
    for (const name of entries(`${this.#directory}/pulling`)) {
      const intent = parsed<{ readonly image?: string }>(`${this.#directory}/pulling/${name}`);
      const reference = imageReference(intent?.image ?? '');
      const found = reference === undefined ? undefined : await runtime.imageStatus(reference, '', signal);
      if (found !== undefined && this.#read(found.id) === undefined)
        this.#write(intent?.image ?? '', found.id, undefined);
      rmSync(`${this.#directory}/pulling/${name}`, { force: true });
    }
    const known = new Set((await runtime.listImages(signal)).map(image => fileName(image.id)));
    for (const name of entries(`${this.#directory}/pulled`))
      if (!known.has(name)) rmSync(`${this.#directory}/pulled/${name}`, { force: true });
  }

  #write(image: string, ref: string, by: SecretUse | 'anybody' | undefined): void {
    const before = this.#read(ref)?.credentialMapping ?? {};
    const name = nameOf(image);
    const record: PulledRecord = {
      kind: 'ImagePulledRecord',
      apiVersion: API_VERSION,
      lastUpdatedTime: timeOf(this.#clock.now()),
      imageRef: ref,
      credentialMapping: by === undefined ? before : { ...before, [name]: withAccess(before[name], by) },
    };
    writeFileAtomic(this.#recordPath(ref), JSON.stringify(record), { durable: true });
  }

  /** One that is torn says at least that the image was pulled. */
  #read(ref: string): PulledRecord | undefined {
    const path = this.#recordPath(ref);
    if (!existsSync(path)) return undefined;
    const empty = { kind: 'ImagePulledRecord', apiVersion: API_VERSION, lastUpdatedTime: '', imageRef: ref } as const;
    return parsed<PulledRecord>(path) ?? empty;
  }

  #recordPath(ref: string): string {
    return `${this.#directory}/pulled/${fileName(ref)}`;
  }

  #intentPath(image: string): string {
    return `${this.#directory}/pulling/${fileName(image)}`;
  }
}

function fileName(text: string): string {
  return `sha256-${sha256Hex(text)}`;
}

function parsed<T>(path: string): T | undefined {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as T | null;
    return value === null || typeof value !== 'object' ? undefined : value;
  } catch {
    return undefined;
  }
}

function entries(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return [];
    throw error;
  }
}
