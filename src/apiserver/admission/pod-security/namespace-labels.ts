import { goQuote } from '../../../api/go-quote.ts';
import { equalValues } from '../../../api/semantic-equal.ts';
import { invalidError } from '../../../api/status.ts';
import type { Namespace, Pod } from '../../../api/types/gen/core-v1.ts';
import { ALLOW, type Decision, type Lister, type WriteRequest } from '../admission.ts';
import { isStricter, policyOf, type Standard, standardText } from './policy.ts';
import { violationsOf } from './violations.ts';

const PODS = { group: '', resource: 'pods' };
/** Pods looked at when a namespace becomes stricter: upstream's number. */
const MAX_PODS = 3000;

/** Refuses labels of levels that cannot be read, and warns of pods that are there already and would not be let in any more. */
export function decideNamespaceLabels(request: WriteRequest, lister: Lister): Decision {
  const namespace = request.object as Namespace;
  const name = namespace.metadata.name ?? '';
  const policy = policyOf(namespace.metadata.labels);
  const before = policyOf((request.oldObject as Namespace | undefined)?.metadata.labels);
  const isUpdate = request.operation === 'UPDATE';
  if (policy.errors.length > 0 && !(isUpdate && equalValues(policy.errors, before.errors)))
    return { kind: 'deny', error: invalidError({ group: '', kind: 'Namespace' }, name, policy.errors) };
  if (!isUpdate || !isStricter(policy.enforce, before.enforce)) return ALLOW;
  return { kind: 'allow', warnings: warningsFor(name, policy.enforce, lister.list(PODS, name) as readonly Pod[]) };
}

function warningsFor(namespace: string, standard: Standard, pods: readonly Pod[]): readonly string[] {
  const checked = byController(pods).slice(0, MAX_PODS);
  const found = new Map<string, string[]>();
  for (const pod of checked) {
    const reasons = violationsOf(pod, standard)
      .map(({ reason }) => reason)
      .join(', ');
    if (reasons !== '') found.set(reasons, [...(found.get(reasons) ?? []), pod.metadata.name ?? '']);
  }
  const lines = [...found].map(([reasons, names]) => {
    const [first = ''] = names.toSorted();
    const others = names.length - 1;
    const more = others === 0 ? '' : ` (and ${others} other ${others === 1 ? 'pod' : 'pods'})`;
    return `${first}${more}: ${reasons}`;
  });
  return [
    ...(checked.length < pods.length
      ? [
          `new PodSecurity enforce level only checked against the first ${checked.length} of ${pods.length} existing pods`,
        ]
      : []),
    ...(lines.length > 0
      ? [
          `existing pods in namespace ${goQuote(namespace)} violate the new PodSecurity enforce level ${goQuote(standardText(standard))}`,
        ]
      : []),
    ...lines.toSorted(),
  ];
}

/** One pod of each controller before the others, which are like it. */
function byController(pods: readonly Pod[]): readonly Pod[] {
  const seen = new Set<string>();
  const [first, others]: [Pod[], Pod[]] = [[], []];
  for (const pod of pods) {
    const uid = pod.metadata.ownerReferences?.find(owner => owner.controller === true)?.uid;
    if (uid !== undefined && seen.has(uid)) others.push(pod);
    else first.push(pod);
    if (uid !== undefined) seen.add(uid);
  }
  return [...first, ...others];
}
