import { goQuote } from '../../../../api/go-quote.ts';
import { badRequestError, conflictError, invalidError } from '../../../../api/status.ts';
import type { Binding, Pod } from '../../../../api/types/gen/core-v1.ts';
import { addErrors, type FieldError, notSupported, required } from '../../../../api/validation/field-error.ts';
import { validateAnnotations, validateLabels } from '../../../../api/validation/object-meta.ts';
import type { StrategyContext } from '../../strategy.ts';
import { withPodCondition } from './condition.ts';

const BINDINGS = { group: '', resource: 'pods/binding' };

/** Throws what is wrong with a binding before the pod is looked at. `podName` is the name in the path. */
export function checkBinding(binding: Binding, podName: string): void {
  const { name = '' } = binding.metadata;
  if (name !== podName) throw badRequestError('name in URL does not match name in Binding object');
  const { kind = '', name: target = '' } = binding.target;
  const errors: FieldError[] = [];
  if (kind !== '' && kind !== 'Node') errors.push(notSupported('target.kind', kind, ['Node', '<empty>']));
  if (target === '') errors.push(required('target.name'));
  // they become those of the pod, which could not be written any more if they were wrong
  addErrors(errors, validateLabels(binding.metadata.labels, 'metadata.labels'));
  addErrors(errors, validateAnnotations(binding.metadata.annotations, 'metadata.annotations'));
  if (errors.length > 0) throw invalidError({ group: '', kind: 'Binding' }, name, errors);
}

/**
 * The pod on its node. A pod is bound once: 409 where it has a node, is being deleted or waits at its gates. Labels and
 * annotations of the binding go to the pod.
 */
export function bindPod(pod: Pod, binding: Binding, context: Pick<StrategyContext, 'now'>): Pod {
  const { name = '' } = pod.metadata;
  const refuse = (because: string): never => {
    throw conflictError(BINDINGS, name, because);
  };
  if (pod.metadata.deletionTimestamp !== undefined)
    refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  const assigned = pod.spec.nodeName ?? '';
  if (assigned !== '') refuse(`pod ${name} is already assigned to node ${goQuote(assigned)}`);
  if ((pod.spec.schedulingGates ?? []).length > 0) refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  const { labels, annotations } = pod.metadata;
  const bound: Pod = {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: merged(labels, binding.metadata.labels),
      annotations: merged(annotations, binding.metadata.annotations),
    },
    spec: { ...pod.spec, nodeName: binding.target.name },
    status: { ...pod.status, nominatedNodeName: undefined },
  };
  return withPodCondition(bound, { type: 'PodScheduled', status: 'True' }, context.now);
}

type Texts = Readonly<Record<string, string>> | undefined;

function merged(texts: Texts, more: Texts): Texts {
  return more === undefined ? texts : { ...texts, ...more };
}
