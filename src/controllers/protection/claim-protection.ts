import type { PersistentVolumeClaim, Pod } from '../../api/types/gen/core-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import type { Informed } from '../../client/informers.ts';
import type { Change } from '../../client/object-store.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { PERSISTENT_VOLUME_CLAIMS, PODS } from '../resources.ts';
import { claimsOf, isHeld, isUnprotected, protectedObject, usesClaim } from './plan.ts';

const FINALIZER = 'kubernetes.io/pvc-protection';
const BY_CLAIM = 'protection by claim';
/** Pods at a time when the server is asked. */
const PAGE = 500;
/** A pod that the server has is soon in the store too, and tells when it goes. */
const UNSEEN_POD_MS = 5_000;

/** Claims stay, once deleted, until no pod that has a node names them. Its keys are namespaces: their pods are asked for once, for all claims in them. */
export const claimProtectionController: ControllerRow = {
  name: 'persistentvolumeclaim-protection-controller',
  alias: 'pvc-protection',
  inputs: [PERSISTENT_VOLUME_CLAIMS, PODS],
  outputs: [PERSISTENT_VOLUME_CLAIMS],
  workers: 1,
  make: parts => new ClaimProtection(parts),
};

class ClaimProtection implements Reconciler {
  readonly name = 'persistentvolumeclaim-protection-controller';
  readonly #parts: ControllerParts;
  readonly #claims: Informed<PersistentVolumeClaim>;
  readonly #pods: Informed<Pod>;
  readonly #writer: ResourceClient<PersistentVolumeClaim>;
  readonly #podReader: ResourceClient<Pod>;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#claims = parts.informed<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS);
    this.#pods = parts.informed<Pod>(PODS);
    this.#writer = parts.client<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS);
    this.#podReader = parts.client<Pod>(PODS);
    this.#pods.store.addIndex(BY_CLAIM, pod => claimsOf(pod).map(name => `${pod.metadata.namespace}/${name}`));
    this.#claims.onChange(({ after }) => {
      if (after !== undefined && (isHeld(after, FINALIZER) || isUnprotected(after, FINALIZER)))
        parts.enqueue(after.metadata.namespace ?? '');
    });
    this.#pods.onChange(change => this.#onPod(change));
  }

  async reconcile(namespace: string, signal: AbortSignal): Promise<Outcome> {
    const claims = this.#claims.store.list(namespace);
    const held = claims.filter(claim => isHeld(claim, FINALIZER));
    // an informer may not know of a pod that was bound a moment ago: what seems free is asked for
    const seemFree = held.filter(claim => !this.#isUsed(claim));
    const free = seemFree.length === 0 ? [] : await this.#reallyFree(namespace, seemFree, signal);
    let failure: unknown;
    for (const claim of [...free, ...claims.filter(each => isUnprotected(each, FINALIZER))]) {
      const wanted = protectedObject(claim, FINALIZER, false);
      if (wanted === undefined) continue;
      await this.#writer.update(wanted, signal).catch(error => {
        // the others in the namespace are not kept by one that cannot be written
        if (!isNotFound(error)) failure ??= error;
      });
    }
    if (failure !== undefined) throw failure;
    return free.length === seemFree.length ? SETTLED : waitFor(UNSEEN_POD_MS, 'a pod that is not seen yet');
  }

  #onPod({ before, after }: Change<Pod>): void {
    const { namespace = '' } = before?.metadata ?? {};
    for (const name of before === undefined ? [] : claimsOf(before)) {
      const claim = this.#claims.store.get(namespace, name);
      const isLetGo = claim !== undefined && isHeld(claim, FINALIZER) && !(after && usesClaim(after, claim));
      if (isLetGo) this.#parts.enqueue(namespace);
    }
  }

  #isUsed(claim: PersistentVolumeClaim): boolean {
    const { namespace, name } = claim.metadata;
    return this.#pods.store.byIndex(BY_CLAIM, `${namespace}/${name}`).some(pod => usesClaim(pod, claim));
  }

  async #reallyFree(
    namespace: string,
    claims: readonly PersistentVolumeClaim[],
    signal: AbortSignal,
  ): Promise<readonly PersistentVolumeClaim[]> {
    let free = claims;
    let next = '';
    do {
      const page = await this.#podReader.list(namespace, { limit: PAGE, continue: next }, signal);
      free = free.filter(claim => !page.items.some(pod => usesClaim(pod, claim)));
      next = page.metadata.continue ?? '';
    } while (next !== '' && free.length > 0);
    return free;
  }
}
