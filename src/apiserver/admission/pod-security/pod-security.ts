import { goQuote } from '../../../api/go-quote.ts';
import { equalValues } from '../../../api/semantic-equal.ts';
import type { CronJob } from '../../../api/types/gen/batch-v1.ts';
import type { Namespace, Pod, PodTemplateSpec } from '../../../api/types/gen/core-v1.ts';
import { ALLOW, type Decision, deny, type Lister, type WriteRequest } from '../admission.ts';
import { decideNamespaceLabels } from './namespace-labels.ts';
import { policyOf, type Standard, standardText } from './policy.ts';
import { violationsOf } from './violations.ts';

const NAMESPACES = { group: '', resource: 'namespaces' };
/** Ways to write a pod that leave its containers as they are. */
const HARMLESS = ['binding', 'eviction', 'status'];

/** Workloads whose pods are looked at beforehand: they are warned about and audited, never refused. */
const TEMPLATED = new Set([
  'podtemplates',
  'replicationcontrollers',
  'replicasets.apps',
  'deployments.apps',
  'statefulsets.apps',
  'daemonsets.apps',
  'jobs.batch',
  'cronjobs.batch',
]);

/** Holds pods to the level that the labels of their namespace name, and those labels to what can be read. */
export function decidePodSecurity(request: WriteRequest, lister: Lister): Decision {
  const { resource, subresource, operation } = request;
  const name = resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`;
  if (operation === 'DELETE' || request.object === undefined) return ALLOW;
  if (name === 'namespaces' && subresource === '') return decideNamespaceLabels(request, lister);
  const isPod = name === 'pods' && !HARMLESS.includes(subresource);
  if (!isPod && !(TEMPLATED.has(name) && subresource === '')) return ALLOW;
  const pod = isPod ? (request.object as Pod) : templateOf(request.object, name);
  if (pod === undefined) return ALLOW;
  if (isPod && operation === 'UPDATE' && !isSignificant(pod as Pod, request.oldObject as Pod | undefined)) return ALLOW;
  const labels = (lister.get(NAMESPACES, '', request.namespace) as Namespace | undefined)?.metadata.labels;
  const { enforce, audit: auditPolicy, warn } = policyOf(labels);
  const refusal = isPod ? violationText(pod, enforce) : '';
  if (refusal !== '') return deny(request, `violates PodSecurity ${goQuote(standardText(enforce))}: ${refusal}`);
  const audit: Record<string, string> = isPod
    ? { 'pod-security.kubernetes.io/enforce-policy': standardText(enforce) }
    : {};
  const would = (standard: Standard): string | undefined => {
    const found = violationText(pod, standard);
    return found === '' ? undefined : `would violate PodSecurity ${goQuote(standardText(standard))}: ${found}`;
  };
  const audited = would(auditPolicy);
  if (audited !== undefined) audit['pod-security.kubernetes.io/audit-violations'] = audited;
  const warned = would(warn);
  return { kind: 'allow', warnings: warned === undefined ? [] : [warned], audit };
}

function violationText(pod: Pick<Pod, 'metadata' | 'spec'>, standard: Standard): string {
  return violationsOf(pod, standard)
    .map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`))
    .join(', ');
}

/** True for a change of images, or of which containers there are: what else of a pod can change is no matter of its level. */
function isSignificant({ spec }: Pod, old: Pod | undefined): boolean {
  const images = (containers: readonly { readonly image?: string | undefined }[] = []) =>
    containers.map(container => container.image ?? '');
  if (!equalValues(images(spec.containers), images(old?.spec.containers))) return true;
  if (!equalValues(images(spec.initContainers), images(old?.spec.initContainers))) return true;
  const before = new Map((old?.spec.ephemeralContainers ?? []).map(each => [each.name, each.image]));
  return (spec.ephemeralContainers ?? []).some(({ name, image }) => !before.has(name) || before.get(name) !== image);
}

function templateOf(object: object, resource: string): PodTemplateSpec | undefined {
  if (resource === 'cronjobs.batch') return (object as CronJob).spec.jobTemplate.spec.template;
  if (resource === 'podtemplates') return (object as { readonly template: PodTemplateSpec }).template;
  return (object as { readonly spec: { readonly template?: PodTemplateSpec } }).spec.template;
}
