import { failedPrecondition } from '../base/errors.ts';
import type { KubeletSettings } from './settings.ts';

/** Uids become directory and cgroup names: what upstream makes is hex or a UUID, and nothing else is taken. */
const UID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

export function isPodUid(text: string): boolean {
  return UID.test(text);
}

type Roots = Pick<KubeletSettings, 'rootDir' | 'podLogsDir'>;

/** What the API server gives, and what is made of the text of a manifest. */
const USUAL_UID = '([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})';

/** All of serve/serving-certificate.ts, credentials/certificate-store.ts and credentials/tls-bootstrap.ts, and nothing else that may be called kubelet-something. */
const CERTIFICATE =
  /^(kubelet\.(crt|key)|kubelet-(client|server)-(current\.pem\.new|(current|\d{4}(-\d{2}){5})\.pem)|kubelet-client\.key\.tmp)(\.tmp-[0-9a-f]{8})?$/;

/** All that a kubelet makes below its `rootDir`: a path, and which names in it; the whole of it where there are none. `mounts` says what is mounted below these names. */
export const ROOT_DIR_CONTENTS = {
  marks: [],
  made: [
    { path: 'pods', holds: new RegExp(`^${USUAL_UID}$`), mounts: 'a volume of a pod' },
    { path: 'checkpoints', holds: /^checkpoint-/ },
    ...['pulling', 'pulled'].map(name => ({ path: `image_manager/${name}` })),
    { path: 'pki', holds: CERTIFICATE },
  ],
} as const;

/** The same below its `--cert-dir`. */
export const CERT_DIR_CONTENTS = { marks: [], made: [{ path: '.', holds: CERTIFICATE }] } as const;

/** The same below `podLogsDir`. */
export const POD_LOGS_CONTENTS = {
  marks: [],
  made: [{ path: '.', holds: new RegExp(`^[^_]+_[^_]+_${USUAL_UID}$`) }],
} as const;

export function podsDir(roots: Roots): string {
  return `${roots.rootDir}/pods`;
}

/** Where archives of checkpoints are written; nobody but an admin removes them. */
export function checkpointsDir({ rootDir }: Pick<Roots, 'rootDir'>): string {
  return `${rootDir}/checkpoints`;
}

/** `/var/lib/kubelet/pods/<uid>`. Throws for a uid that is no plain name. */
export function podDir(roots: Roots, uid: string): string {
  if (!isPodUid(uid)) throw failedPrecondition(`pod uid "${uid}" cannot be a directory name`);
  return `${podsDir(roots)}/${uid}`;
}

/** `/var/log/pods/<namespace>_<name>_<uid>`. */
export function podLogDir(
  roots: Roots,
  pod: { readonly namespace: string; readonly name: string; readonly uid: string },
): string {
  return `${roots.podLogsDir}/${pod.namespace}_${pod.name}_${pod.uid}`;
}

/** The uid in the name of a pod's log directory: all after the second `_`, since namespaces and names hold none and uids may. Undefined for other names. */
export function uidOfLogDir(name: string): string | undefined {
  return /^[^_]+_[^_]+_(.+)$/.exec(name)?.[1];
}
