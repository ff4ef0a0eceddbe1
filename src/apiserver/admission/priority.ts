import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { PriorityClass } from '../../api/types/gen/scheduling-v1.ts';
import { ALLOW, changeTo, type Decision, deny, isAbout, type Lister, type WriteRequest } from './admission.ts';

const CLASSES = { group: 'scheduling.k8s.io', resource: 'priorityclasses' };

/** Turns the name of a priority class into its number. */
export function decidePriority(request: WriteRequest, lister: Lister): Decision {
  if (!isAbout(request, '', 'pods') || request.object === undefined || request.operation === 'DELETE') return ALLOW;
  const pod = request.object as Pod;
  if (request.operation === 'UPDATE') {
    // Clients that know no priorities write pods without them.
    const old = request.oldObject as Pod | undefined;
    const { priority, preemptionPolicy } = pod.spec;
    const kept = {
      priority: priority ?? old?.spec.priority,
      preemptionPolicy: preemptionPolicy ?? old?.spec.preemptionPolicy,
    };
    return changeTo({ ...pod, spec: { ...pod.spec, ...kept } } as Pod);
  }
  const name = pod.spec.priorityClassName ?? '';
  const found = name === '' ? defaultClass(lister) : (lister.get(CLASSES, '', name) as PriorityClass | undefined);
  if (name !== '' && found === undefined) return deny(request, `no PriorityClass with name ${name} was found`);
  const value = found?.value ?? 0;
  const policy = found?.preemptionPolicy ?? 'PreemptLowerPriority';
  const { priority, preemptionPolicy } = pod.spec;
  if (priority !== undefined && priority !== value)
    return deny(
      request,
      `the integer value of priority (${priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    );
  if (preemptionPolicy !== undefined && preemptionPolicy !== policy)
    return deny(
      request,
      `the string value of PreemptionPolicy (${preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    );
  const spec = {
    ...pod.spec,
    priorityClassName: name === '' ? found?.metadata.name : name,
    priority: value,
    preemptionPolicy: policy,
  };
  return changeTo({ ...pod, spec } as Pod);
}

/** Of several default classes the one of the lowest value counts. */
function defaultClass(lister: Lister): PriorityClass | undefined {
  const classes = lister.list(CLASSES, '') as readonly PriorityClass[];
  return classes.filter(candidate => candidate.globalDefault === true).toSorted((a, b) => a.value - b.value)[0];
}

/** Keeps the default class the only one. */
export function decideDefaultPriority(request: WriteRequest, lister: Lister): Decision {
  if (!isAbout(request, 'scheduling.k8s.io', 'priorityclasses')) return ALLOW;
  const object = request.object as PriorityClass | undefined;
  if (request.operation === 'DELETE' || object?.globalDefault !== true) return ALLOW;
  const other = defaultClass(lister);
  return other === undefined || (request.operation === 'UPDATE' && other.metadata.name === object.metadata.name)
    ? ALLOW
    : deny(
        request,
        `PriorityClass ${other.metadata.name ?? ''} is already marked as default. Only one default can exist`,
      );
}
