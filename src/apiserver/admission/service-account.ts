import type { Container, Pod, ServiceAccount, Volume } from '../../api/types/gen/core-v1.ts';
import { ALLOW, changeTo, type Decision, deny, isAbout, type Lister, type WriteRequest } from './admission.ts';
import { apiReference, isMirrorPod } from './mirror-pod.ts';

const ACCOUNTS = { group: '', resource: 'serviceaccounts' };
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** An hour, and seven seconds by which upstream's own volumes can be told from others. */
const TOKEN_SECONDS = 3607;
const ENFORCE_SECRETS = 'kubernetes.io/enforce-mountable-secrets';

/**
 * Gives a pod its service account, the volume with its token and its pull secrets. `suffix` ends the volume's name: five
 * random characters.
 */
export function decideServiceAccount(request: WriteRequest, lister: Lister, suffix: string): Decision {
  if (request.operation === 'UPDATE' && isAbout(request, '', 'pods', 'ephemeralcontainers'))
    return ephemeralDecision(request, lister);
  if (request.operation !== 'CREATE' || !isAbout(request, '', 'pods') || request.object === undefined) return ALLOW;
  const pod = request.object as Pod;
  if (isMirrorPod(pod)) return mirrorPod(request, pod);
  const serviceAccountName =
    (pod.spec.serviceAccountName ?? '') === '' ? 'default' : (pod.spec.serviceAccountName ?? '');
  const account = lister.get(ACCOUNTS, request.namespace, serviceAccountName) as ServiceAccount | undefined;
  if (account === undefined) return missingAccount(request, serviceAccountName);
  const refused = enforcesSecrets(account) ? unlistedSecret(pod, account) : undefined;
  if (refused !== undefined) return deny(request, refused);
  const named: Pod = {
    ...pod,
    spec: {
      ...pod.spec,
      serviceAccountName,
      serviceAccount: serviceAccountName,
      imagePullSecrets:
        (pod.spec.imagePullSecrets ?? []).length > 0 ? pod.spec.imagePullSecrets : account.imagePullSecrets,
    },
  };
  const automount = pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
  return changeTo(automount ? withToken(named, suffix) : named);
}

/** A pod from a file of a node cannot use what the API holds. */
function mirrorPod(request: WriteRequest, pod: Pod): Decision {
  const reference = apiReference(pod);
  if (reference !== undefined) return deny(request, `a mirror pod may not reference ${reference}`);
  const usesToken = (pod.spec.volumes ?? []).some(
    volume => volume.projected?.sources?.some(source => source.serviceAccountToken !== undefined) === true,
  );
  return usesToken ? deny(request, 'a mirror pod may not use ServiceAccountToken volume projections') : ALLOW;
}

function missingAccount(request: WriteRequest, name: string): Decision {
  return deny(
    request,
    `error looking up service account ${request.namespace}/${name}: serviceaccount "${name}" not found`,
  );
}

function enforcesSecrets({ metadata }: ServiceAccount): boolean {
  // what Go reads as true
  return /^(1|t|T|TRUE|true|True)$/.test(metadata.annotations?.[ENFORCE_SECRETS] ?? '');
}

function ephemeralDecision(request: WriteRequest, lister: Lister): Decision {
  const pod = request.object as Pod;
  const name = pod.spec.serviceAccountName ?? '';
  if (name === '')
    return deny(request, `no service account specified for pod ${request.namespace}/${pod.metadata.name}`);
  const account = lister.get(ACCOUNTS, request.namespace, name) as ServiceAccount | undefined;
  if (account === undefined) return missingAccount(request, name);
  const refused = enforcesSecrets(account)
    ? unlistedInContainers('ephemeral container', pod.spec.ephemeralContainers ?? [], account)
    : undefined;
  return refused === undefined ? ALLOW : deny(request, refused);
}

function unlistedSecret(pod: Pod, account: ServiceAccount): string | undefined {
  const listed = new Set((account.secrets ?? []).map(secret => secret.name ?? ''));
  const name = account.metadata.name ?? '';
  for (const { secret } of pod.spec.volumes ?? [])
    if (secret !== undefined && !listed.has(secret.secretName ?? ''))
      return `volume with secret.secretName="${secret.secretName ?? ''}" is not allowed because service account ${name} does not reference that secret`;
  const inContainers =
    unlistedInContainers('init container', pod.spec.initContainers ?? [], account) ??
    unlistedInContainers('container', pod.spec.containers, account);
  if (inContainers !== undefined) return inContainers;
  const pulls = new Set((account.imagePullSecrets ?? []).map(secret => secret.name ?? ''));
  const index = (pod.spec.imagePullSecrets ?? []).findIndex(secret => !pulls.has(secret.name ?? ''));
  return index < 0
    ? undefined
    : `imagePullSecrets[${index}].name="${pod.spec.imagePullSecrets?.[index]?.name}" is not allowed because service account ${name} does not reference that imagePullSecret`;
}

function unlistedInContainers(
  what: string,
  containers: readonly Pick<Container, 'name' | 'env' | 'envFrom'>[],
  account: ServiceAccount,
): string | undefined {
  const listed = new Set((account.secrets ?? []).map(secret => secret.name ?? ''));
  const because = `is not allowed because service account ${account.metadata.name ?? ''} does not reference that secret`;
  for (const container of containers) {
    for (const env of container.env ?? []) {
      const secret = env.valueFrom?.secretKeyRef?.name;
      if (secret !== undefined && !listed.has(secret))
        return `${what} ${container.name} with envVar ${env.name} referencing secret.secretName="${secret}" ${because}`;
    }
    for (const { secretRef } of container.envFrom ?? [])
      if (secretRef !== undefined && !listed.has(secretRef.name ?? ''))
        return `${what} ${container.name} with envFrom referencing secret.secretName="${secretRef.name}" ${because}`;
  }
  return undefined;
}

/** Every container gets the mount that has none at that path; the volume is made when one needs it. */
function withToken(pod: Pod, suffix: string): Pod {
  const volumes = pod.spec.volumes ?? [];
  const existing = volumes.find(volume => volume.name.startsWith('kube-api-access-'));
  const name = existing?.name ?? `kube-api-access-${suffix}`;
  let used = false;
  const mount = <C extends Container>(container: C): C => {
    if (container.volumeMounts?.some(entry => entry.mountPath === MOUNT_PATH) === true) return container;
    used = true;
    return {
      ...container,
      volumeMounts: [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath: MOUNT_PATH }],
    };
  };
  const initContainers = pod.spec.initContainers?.map(mount);
  const containers = pod.spec.containers.map(mount);
  const added = used && existing === undefined ? [tokenVolume(name)] : [];
  const all = volumes.length + added.length === 0 ? pod.spec.volumes : [...volumes, ...added];
  return { ...pod, spec: { ...pod.spec, initContainers, containers, volumes: all } };
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: TOKEN_SECONDS } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
}
