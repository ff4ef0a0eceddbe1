import { aggregateMessage } from '../../api/go-quote.ts';
import type { Clock } from '../../base/clock.ts';
import { errorCode, errorMessage, GantryError } from '../../base/errors.ts';
import { sha256Hex } from '../../base/hash.ts';
import type { Image, PodSandboxConfig } from '../../rpc/cri-api.ts';
import type { NeededImage } from '../decide/needed-images.ts';
import type { PresentImage } from '../decide/pod-memory.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import { credentialsFor, type Keyring, type RegistryCredential } from './keyring.ts';
import { goDurationMs, imageReference, planImage, pullFailure, repositoryOf } from './plan.ts';
import type { SecretUse } from './pull-access.ts';
import type { PullRecords } from './pull-records.ts';

/** `cut-off`: the runtime went away in the middle of a pull, which says nothing about the image. */
export type ImageOutcome = PresentImage | 'cut-off' | { readonly reason: string; readonly message: string };

export interface ImageRequest {
  readonly needed: NeededImage;
  readonly sandbox: PodSandboxConfig;
  /** Asked for once a pull is needed. Rejects with what is wrong with the secrets. */
  readonly keyring: () => Promise<Keyring>;
  /** Told what happens to the image, in upstream's words. */
  readonly onEvent: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
}

/** What remembers who may use which image. */
export type PullJournal = Pick<PullRecords, 'mustPull' | 'begin' | 'succeeded' | 'failed' | 'cutOff'>;

interface Pulled {
  readonly ref: string;
  readonly by: SecretUse | 'anybody';
  readonly ms: number;
}

/**
 * Brings images to the node. Pulls run side by side, at most `parallel` at a time; pods that want the same image with the same credentials at the same
 * moment share one pull.
 */
export class ImagePuller {
  readonly #runtime: ContainerRuntime;
  readonly #parallel: number;
  readonly #clock: Clock;
  readonly #records: PullJournal;
  readonly #onPulled: () => void;
  readonly #pulls = new Map<string, Promise<Pulled>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** `onPulled` is told after each pull. */
  constructor(
    runtime: ContainerRuntime,
    parallel: number,
    clock: Clock,
    records: PullJournal,
    onPulled: () => void = () => {},
  ) {
    this.#onPulled = onPulled;
    this.#runtime = runtime;
    this.#records = records;
    this.#parallel = parallel;
    this.#clock = clock;
  }

  /**
   * Looks whether the image is there and answers with it or with why it cannot be; where it must be pulled, answers with a promise of the outcome
   * that never rejects. Rejects only when the runtime cannot be asked.
   */
  async ensure(
    request: ImageRequest,
    signal: AbortSignal,
  ): Promise<ImageOutcome | { readonly pull: Promise<ImageOutcome> }> {
    const { needed, onEvent } = request;
    const image = needed.image ?? '';
    const reference = imageReference(image);
    if (reference === undefined) {
      const message = `Failed to apply default image tag "${image}": invalid reference format`;
      onEvent('Warning', 'InspectFailed', message);
      return { reason: 'InvalidImageName', message };
    }
    const policy = needed.imagePullPolicy ?? 'IfNotPresent';
    const found = await this.#inspect(request, reference, signal);
    // to a pod that may not use it, an image is not there
    const present = found !== undefined && policy !== 'Always' && (await this.#mayUse(request, reference, found));
    switch (planImage(policy, present)) {
      case 'use':
        onEvent(
          'Normal',
          'Pulled',
          `Container image "${image}" already present on machine and can be accessed by the pod`,
        );
        return presentImage(found, reference);
      case 'refuse': {
        const message = `Container image "${image}" is not present with pull policy of Never`;
        onEvent('Warning', 'ErrImageNeverPull', message);
        return { reason: 'ErrImageNeverPull', message };
      }
      case 'pull':
        return { pull: this.#pull(request, reference, signal) };
    }
  }

  async #inspect(
    { needed, onEvent }: ImageRequest,
    reference: string,
    signal: AbortSignal,
  ): Promise<Image | undefined> {
    try {
      return await this.#runtime.imageStatus(reference, '', signal);
    } catch (error) {
      if (errorCode(error) !== 'unavailable')
        onEvent('Warning', 'InspectFailed', `Failed to inspect image "${needed.image ?? ''}": ${errorMessage(error)}`);
      throw error;
    }
  }

  /** A pod whose secrets cannot be read has none to show. */
  async #mayUse({ needed, keyring }: ImageRequest, reference: string, found: Image): Promise<boolean> {
    const secrets = async (): Promise<readonly SecretUse[]> =>
      credentialsFor(await keyring().catch((): Keyring => new Map()), repositoryOf(reference)).map(c => c.secret);
    return !(await this.#records.mustPull(needed.image ?? '', found.id, secrets));
  }

  async #pull(request: ImageRequest, reference: string, signal: AbortSignal): Promise<ImageOutcome> {
    const { sandbox, keyring, onEvent } = request;
    const image = request.needed.image ?? '';
    const startedAt = this.#clock.monotonic();
    try {
      const credentials = credentialsFor(await keyring(), repositoryOf(reference));
      onEvent('Normal', 'Pulling', `Pulling image "${image}"`);
      const pulled = await this.#shared(image, reference, sandbox, credentials, signal);
      const found = await this.#runtime.imageStatus(pulled.ref, '', signal);
      const waited = goDurationMs(this.#clock.monotonic() - startedAt);
      onEvent(
        'Normal',
        'Pulled',
        `Successfully pulled image "${image}" in ${goDurationMs(pulled.ms)} (${waited} including waiting). Image size: ${found?.size ?? 0n} bytes.`,
      );
      return presentImage(found, pulled.ref);
    } catch (error) {
      if (errorCode(error) === 'unavailable' && !(await this.#reachable(signal))) return 'cut-off';
      const message = errorMessage(error);
      onEvent('Warning', 'Failed', `Failed to pull image "${image}": ${message}`);
      return pullFailure(image, message);
    }
  }

  #shared(
    image: string,
    reference: string,
    sandbox: PodSandboxConfig,
    credentials: readonly RegistryCredential[],
    signal: AbortSignal,
  ): Promise<Pulled> {
    const key = `${image} ${credentials.length === 0 ? '' : sha256Hex(JSON.stringify(credentials))}`;
    const known = this.#pulls.get(key);
    if (known !== undefined) return known;
    const pull = this.#limited(async () => {
      const startedAt = this.#clock.monotonic();
      this.#records.begin(image);
      let pulled: Omit<Pulled, 'ms'>;
      try {
        pulled = await this.#tryEach(reference, sandbox, credentials, signal);
      } catch (error) {
        if (errorCode(error) === 'unavailable') this.#records.cutOff(image);
        else this.#records.failed(image);
        throw error;
      }
      const found = await this.#runtime.imageStatus(pulled.ref, '', signal);
      this.#records.succeeded(image, found?.id ?? pulled.ref, pulled.by);
      this.#onPulled();
      return { ...pulled, ms: this.#clock.monotonic() - startedAt };
    }).finally(() => this.#pulls.delete(key));
    this.#pulls.set(key, pull);
    return pull;
  }

  /** One credential after another until the registry takes one; without any, as nobody. */
  async #tryEach(
    reference: string,
    sandbox: PodSandboxConfig,
    credentials: readonly RegistryCredential[],
    signal: AbortSignal,
  ): Promise<Omit<Pulled, 'ms'>> {
    if (credentials.length === 0) {
      const ref = await this.#runtime.pullImage(reference, '', undefined, sandbox, signal);
      return { ref, by: 'anybody' };
    }
    const errors: unknown[] = [];
    for (const credential of credentials) {
      try {
        const ref = await this.#runtime.pullImage(reference, '', credential, sandbox, signal);
        return { ref, by: credential.secret };
      } catch (error) {
        errors.push(error);
      }
    }
    const [first] = errors;
    throw new GantryError(errorCode(first), aggregateMessage(errors.map(errorMessage)), { cause: first });
  }

  /** A registry that is down and a runtime that is away have the same code; only the second does not answer the next call either. */
  async #reachable(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#runtime.version(signal);
      return true;
    } catch {
      return false;
    }
  }

  async #limited<T>(task: () => Promise<T>): Promise<T> {
    while (this.#running >= this.#parallel) await new Promise<void>(resolve => this.#waiting.push(resolve));
    this.#running += 1;
    try {
      return await task();
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}

function presentImage(image: Image | undefined, reference: string): PresentImage {
  return {
    ref: image?.id ?? reference,
    uid: image?.uid === undefined ? undefined : Number(image.uid.value),
    username: image?.username ?? '',
  };
}
