import type { Secret } from '../../api/types/gen/core-v1.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import type { PodObjects } from '../objects/pod-objects.ts';
import { type Keyring, keyringOf } from './keyring.ts';

/**
 * The credentials of a pod's imagePullSecrets. One that is not there is left out, and `onMissing` is told of all that are: the registry may not ask for it.
 * Those of the pod's service account stand in the pod already, by admission.
 */
export async function podKeyring(
  { namespace, pod }: DesiredPod,
  objects: PodObjects,
  onMissing: (message: string) => void,
): Promise<Keyring> {
  const secrets: Secret[] = [];
  const missing: string[] = [];
  for (const { name = '' } of pod.spec.imagePullSecrets ?? []) {
    if (name === '') continue;
    try {
      secrets.push(await objects.secret(namespace, name));
    } catch {
      missing.push(name);
    }
  }
  if (missing.length > 0)
    onMissing(
      `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`,
    );
  return keyringOf(secrets);
}
