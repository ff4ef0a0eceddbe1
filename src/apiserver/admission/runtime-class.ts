import { goQuote } from '../../api/go-quote.ts';
import { compareQuantities } from '../../api/quantity.ts';
import type { Pod, ResourceList } from '../../api/types/gen/core-v1.ts';
import type { RuntimeClass } from '../../api/types/gen/node-v1.ts';
import { ALLOW, changeTo, type Decision, deny, isAbout, type Lister, type WriteRequest } from './admission.ts';
import { mergedTolerations } from './merged-tolerations.ts';

const CLASSES = { group: 'node.k8s.io', resource: 'runtimeclasses' };
const MISMATCH = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

/** What the runtime class of a pod says of its overhead, and of the nodes that have the runtime. */
export function decideRuntimeClass(request: WriteRequest, lister: Lister): Decision {
  const found = classOf(request, lister);
  if (found === undefined) return ALLOW;
  if (found.kind === 'missing') return found.decision;
  const pod = request.object as Pod;
  const { overhead, scheduling } = found.runtimeClass ?? {};
  const given = pod.spec.overhead ?? {};
  if (overhead !== undefined && Object.keys(given).length > 0 && !isSame(given, overhead.podFixed ?? {}))
    return deny(request, MISMATCH);
  const selector = scheduling?.nodeSelector ?? {};
  for (const [key, value] of Object.entries(selector)) {
    const own = pod.spec.nodeSelector?.[key];
    if (own !== undefined && own !== value)
      return deny(
        request,
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
      );
  }
  const spec = {
    ...pod.spec,
    ...(overhead === undefined ? {} : { overhead: overhead.podFixed }),
    ...(scheduling === undefined
      ? {}
      : {
          nodeSelector: { ...pod.spec.nodeSelector, ...selector },
          tolerations: mergedTolerations([...(pod.spec.tolerations ?? []), ...(scheduling.tolerations ?? [])]),
        }),
  };
  return changeTo({ ...pod, spec } as Pod);
}

/** Refuses an overhead that the runtime class does not have. */
export function decideOverhead(request: WriteRequest, lister: Lister): Decision {
  const found = classOf(request, lister);
  if (found === undefined) return ALLOW;
  if (found.kind === 'missing') return found.decision;
  const { overhead } = (request.object as Pod).spec;
  const wanted = found.runtimeClass?.overhead;
  if (wanted !== undefined) return isSame(overhead ?? {}, wanted.podFixed ?? {}) ? ALLOW : deny(request, MISMATCH);
  return overhead === undefined
    ? ALLOW
    : deny(request, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
}

type Found =
  | { readonly kind: 'found'; readonly runtimeClass: RuntimeClass | undefined }
  | { readonly kind: 'missing'; readonly decision: Decision };

/** Undefined where the write is about no new pod. */
function classOf(request: WriteRequest, lister: Lister): Found | undefined {
  if (request.operation !== 'CREATE' || !isAbout(request, '', 'pods')) return undefined;
  const name = (request.object as Pod).spec.runtimeClassName;
  if (name === undefined) return { kind: 'found', runtimeClass: undefined };
  const runtimeClass = lister.get(CLASSES, '', name) as RuntimeClass | undefined;
  if (runtimeClass !== undefined) return { kind: 'found', runtimeClass };
  return { kind: 'missing', decision: deny(request, `pod rejected: RuntimeClass ${goQuote(name)} not found`) };
}

function isSame(a: ResourceList, b: ResourceList): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every(name => {
    const [left, right] = [a[name], b[name]];
    return left !== undefined && right !== undefined && compareQuantities(left, right) === 0;
  });
}
