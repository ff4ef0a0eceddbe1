import { badRequest } from '../refusal.ts';

export type StreamKind = 'exec' | 'attach' | 'portForward';

/** What of a pod a path is about. */
export interface PodTarget {
  readonly kind: StreamKind | 'run';
  readonly namespace: string;
  readonly pod: string;
  /** Empty where the path names none: then the name alone counts. */
  readonly uid: string;
  /** Empty for port-forward. */
  readonly container: string;
}

const WITH_CONTAINER = /^\/(exec|attach|run)\/([^/]+)\/([^/]+)(?:\/([^/]+))?\/([^/]+)$/;
const WITHOUT_CONTAINER = /^\/(portForward)\/([^/]+)\/([^/]+)(?:\/([^/]+))?$/;

/** Reads `/{exec,attach,run}/{namespace}/{pod}[/{uid}]/{container}` and `/portForward/{namespace}/{pod}[/{uid}]`. Undefined for other paths. Throws 400 for what is no text. Pure. */
export function podTarget(path: string): PodTarget | undefined {
  const found = WITH_CONTAINER.exec(path) ?? WITHOUT_CONTAINER.exec(path);
  if (found === null) return undefined;
  const [kind, namespace = '', pod = '', uid = '', container = ''] = found.slice(1).map(part => decode(part ?? ''));
  return { kind: kind as PodTarget['kind'], namespace, pod, uid, container };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest(`the path has a part that is no text: ${part}`);
  }
}
