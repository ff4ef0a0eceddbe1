import type { Container } from '../../api/types/gen/core-v1.ts';
import { errorCode, errorMessage } from '../../base/errors.ts';
import type { Image, PodSandboxConfig } from '../../rpc/cri-api.ts';
import type { PresentImage } from '../decide/pod-memory.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import { imageReference, planImage, pullFailureReason } from './plan.ts';

/** `cut-off`: the runtime went away in the middle of a pull, which says nothing about the image. */
export type ImageOutcome = PresentImage | 'cut-off' | { readonly reason: string; readonly message: string };

/**
 * Brings images to the node. Pulls run side by side, at most `parallel` at a time; pods that want the same image at the same moment share one pull.
 */
export class ImagePuller {
  readonly #runtime: ContainerRuntime;
  readonly #parallel: number;
  readonly #pulls = new Map<string, Promise<string>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(runtime: ContainerRuntime, parallel: number) {
    this.#runtime = runtime;
    this.#parallel = parallel;
  }

  /**
   * Looks whether the image is there and answers with it or with why it cannot be; where it must be pulled, answers with a promise of the outcome
   * that never rejects. Rejects only when the runtime cannot be asked.
   */
  async ensure(
    container: Container,
    sandbox: PodSandboxConfig,
    signal: AbortSignal,
  ): Promise<ImageOutcome | { readonly pull: Promise<ImageOutcome> }> {
    const image = container.image ?? '';
    const reference = imageReference(image);
    if (reference === undefined)
      return {
        reason: 'InvalidImageName',
        message: `Failed to apply default image tag "${image}": invalid reference format`,
      };
    const present = await this.#runtime.imageStatus(reference, '', signal);
    switch (planImage(container.imagePullPolicy ?? 'IfNotPresent', present !== undefined)) {
      case 'use':
        return presentImage(present, reference);
      case 'refuse':
        return {
          reason: 'ErrImageNeverPull',
          message: `Container image "${image}" is not present with pull policy of Never`,
        };
      case 'pull':
        return { pull: this.#pull(reference, sandbox, signal) };
    }
  }

  async #pull(reference: string, sandbox: PodSandboxConfig, signal: AbortSignal): Promise<ImageOutcome> {
    try {
      let pull = this.#pulls.get(reference);
      if (pull === undefined) {
        pull = this.#limited(() => this.#runtime.pullImage(reference, '', sandbox, signal)).finally(() =>
          this.#pulls.delete(reference),
        );
        this.#pulls.set(reference, pull);
      }
      const ref = await pull;
      return presentImage(await this.#runtime.imageStatus(ref, '', signal), ref);
    } catch (error) {
      const message = errorMessage(error);
      if (errorCode(error) === 'unavailable' && !(await this.#reachable(signal))) return 'cut-off';
      return { reason: pullFailureReason(message), message: `failed to pull image "${reference}": ${message}` };
    }
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
