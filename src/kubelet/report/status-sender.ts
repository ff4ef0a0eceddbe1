import type { Pod, PodStatus } from '../../api/types/gen/core-v1.ts';
import { errorCode, errorMessage, isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import type { Informed } from '../../client/informers.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import { isMirrorPod } from '../desired/api-pods.ts';
import { ANNOTATION } from '../runtime/labels.ts';
import { statusPatch } from './status-patch.ts';
import type { StatusStore } from './status-store.ts';

/** A server that is away or full is asked again after this, doubled up to the longest. */
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

export interface StatusSenderOptions {
  /** The pods that are bound to this node, as the API server has them. */
  readonly pods: Informed<Pod>;
  readonly statuses: StatusStore;
  /** The API server has now what was reported of that pod, or has the pod no more. */
  readonly onTold: (uid: string) => void;
  /** Look at that pod again. */
  readonly enqueue: (uid: string) => void;
  readonly onTrouble: (message: string) => void;
}

/**
 * Writes what the store has of each pod to the API server, and takes away pods that were deleted and ended. The only one who does. What counts is the newest:
 * what could not be sent meanwhile is never made up for. Keys are the uids of pods as this node knows them.
 */
export class StatusSender implements Reconciler {
  readonly name = 'pod-status';
  readonly #options: StatusSenderOptions;
  /** Deleted pods of which nothing is left on this node. */
  readonly #gone = new Set<string>();
  /** What the API server answered last, which the watch may not have brought yet. */
  readonly #answers = new Map<string, Pod>();
  readonly #failures = new Map<string, number>();
  /** What was written last of a pod, and what the API server does not take whenever it is sent. As JSON: a status is made anew at each look. */
  readonly #sent = new Map<string, string>();
  readonly #refused = new Map<string, string>();

  constructor(options: StatusSenderOptions) {
    this.#options = options;
    options.statuses.onReport(uid => options.enqueue(uid));
    options.pods.onChange(({ before, after }) => {
      const { uid = '' } = (after ?? before)?.metadata ?? {};
      if (after === undefined) {
        this.#forget(uid);
        options.onTold(uid);
      } else options.enqueue(this.#localUid(after));
    });
  }

  /** Nothing of the deleted pod is left here: it goes from the API server too, once its last status is there. */
  onGone(uid: string): void {
    this.#gone.add(uid);
    this.#options.enqueue(uid);
  }

  /** Whether nothing is left to be written of a pod: of one that the API server has not got, nothing is. */
  isTold(uid: string): boolean {
    const object = this.#newest(uid);
    const wanted = this.#options.statuses.get(uid)?.status;
    if (object === undefined || wanted === undefined || statusPatch(object.status, wanted) === undefined) return true;
    // the server may store it in another form than it was sent
    const text = JSON.stringify(wanted);
    return this.#sent.get(uid) === text || this.#refused.get(uid) === text;
  }

  async reconcile(uid: string, signal: AbortSignal): Promise<Outcome> {
    try {
      await this.#send(uid, signal);
      this.#failures.delete(uid);
      return SETTLED;
    } catch (error) {
      if (signal.aborted) return SETTLED;
      // it went meanwhile, or another took its name: the watch tells
      if (isNotFound(error) || errorCode(error) === 'aborted') return SETTLED;
      const failures = this.#failures.get(uid) ?? 0;
      this.#failures.set(uid, failures + 1);
      if (failures === 0) this.#options.onTrouble(`the status of pod ${uid} was not written: ${errorMessage(error)}`);
      return waitFor(Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 10), MAX_RETRY_MS), errorMessage(error));
    }
  }

  async #send(uid: string, signal: AbortSignal): Promise<void> {
    const { pods, statuses, onTold } = this.#options;
    const object = this.#newest(uid);
    if (object === undefined) return;
    const { namespace = '', name = '', uid: objectUid = '' } = object.metadata;
    const wanted = statuses.get(uid)?.status;
    const patch = wanted === undefined || this.#isRefused(uid, wanted) ? undefined : statusPatch(object.status, wanted);
    if (wanted !== undefined && patch !== undefined) {
      // the uid is a condition: a pod of the same name that came since is left alone
      const body = { metadata: { uid: objectUid }, status: patch };
      await this.#write(uid, { namespace, name, uid: objectUid }, body, wanted, signal);
      onTold(uid);
    }
    if (!this.#gone.has(uid) || object.metadata.deletionTimestamp === undefined) return;
    // with a grace of 0 it has been let go already, and waits for its finalizers only
    if (object.metadata.deletionGracePeriodSeconds === 0 && (object.metadata.finalizers ?? []).length > 0) return;
    await pods.client.delete(namespace, name, { gracePeriodSeconds: 0, preconditions: { uid: objectUid } }, signal);
  }

  #isRefused(uid: string, wanted: PodStatus): boolean {
    const refused = this.#refused.get(uid);
    return refused !== undefined && refused === JSON.stringify(wanted);
  }

  /** One that the rules of the API do not allow stays unwritten: it must not keep a pod from being let go. */
  async #write(
    uid: string,
    target: { readonly namespace: string; readonly name: string; readonly uid: string },
    body: object,
    wanted: PodStatus,
    signal: AbortSignal,
  ): Promise<void> {
    const { pods, onTrouble } = this.#options;
    const { namespace, name } = target;
    try {
      const answer = await pods.client.patch({ namespace, name, subresource: 'status' }, 'strategic', body, signal);
      this.#answers.set(target.uid, answer);
      this.#sent.set(uid, JSON.stringify(wanted));
    } catch (error) {
      if (errorCode(error) !== 'invalid-argument') throw error;
      onTrouble(`the API server refuses the status of pod ${namespace}/${name}: ${errorMessage(error)}`);
      this.#refused.set(uid, JSON.stringify(wanted));
    }
  }

  /** The pod of that uid in the API server, or the copy of the static pod of that uid. */
  #newest(uid: string): Pod | undefined {
    const { pods, statuses } = this.#options;
    const local = statuses.get(uid) ?? pods.store.list().find(each => each.metadata.uid === uid);
    if (local === undefined) return undefined;
    const stored = pods.store.get(local.metadata.namespace ?? '', local.metadata.name ?? '');
    if (stored === undefined || !isSamePod(stored, local)) return undefined;
    const answer = this.#answers.get(stored.metadata.uid ?? '');
    return answer !== undefined && version(answer) > version(stored) ? answer : stored;
  }

  /** By which uid this node knows a pod of the API server. */
  #localUid(stored: Pod): string {
    if (!isMirrorPod(stored)) return stored.metadata.uid ?? '';
    return this.#options.statuses.pods().find(pod => isSamePod(stored, pod))?.metadata.uid ?? '';
  }

  #forget(uid: string): void {
    this.#gone.delete(uid);
    this.#answers.delete(uid);
    this.#failures.delete(uid);
    this.#refused.delete(uid);
    this.#sent.delete(uid);
  }
}

/** A mirror pod has a uid of its own, and says by its hash what it is a copy of. */
function isSamePod(stored: Pod, local: Pod): boolean {
  const { name, namespace, uid, annotations } = stored.metadata;
  if (name !== local.metadata.name || namespace !== local.metadata.namespace) return false;
  const mirrored = annotations?.[ANNOTATION.configMirror];
  return mirrored === undefined
    ? uid === local.metadata.uid
    : mirrored === local.metadata.annotations?.[ANNOTATION.configHash];
}

function version(pod: Pod): bigint {
  const text = pod.metadata.resourceVersion ?? '';
  return /^\d+$/.test(text) ? BigInt(text) : 0n;
}
