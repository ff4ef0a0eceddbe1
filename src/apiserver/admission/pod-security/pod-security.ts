import { goQuote } from '../../../api/go-quote.ts';
import { equalValues } from '../../../api/semantic-equal.ts';
import type { CronJob } from '../../../api/types/gen/batch-v1.ts';
import type { Namespace, Pod, PodTemplateSpec } from '../../../api/types/gen/core-v1.ts';
import { ALLOW, type Decision, deny, type Lister, type WriteRequest } from '../admission.ts';
import { BASELINE_CHECKS, type Check, RESTRICTED_CHECKS } from './checks.ts';

const NAMESPACES = { group: '', resource: 'namespaces' };
const LABEL = 'pod-security.kubernetes.io/';
const LEVELS = ['privileged', 'baseline', 'restricted'] as const;
type Level = (typeof LEVELS)[number];
type Mode = 'enforce' | 'audit' | 'warn';

interface Policy {
  readonly level: Level;
  readonly version: string;
}

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

/**
 * Holds pods to the level that the labels of their namespace name. All versions are checked by the newest rules. A label
 * that cannot be read counts as restricted where it enforces, and as privileged where it warns or audits.
 */
export function decidePodSecurity(request: WriteRequest, lister: Lister): Decision {
  const { resource, subresource, operation } = request;
  const name = resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`;
  if (operation === 'DELETE' || request.object === undefined) return ALLOW;
  const isPod = name === 'pods' && ['', 'ephemeralcontainers', 'resize'].includes(subresource);
  if (!isPod && !(TEMPLATED.has(name) && subresource === '')) return ALLOW;
  const labels = (lister.get(NAMESPACES, '', request.namespace) as Namespace | undefined)?.metadata.labels ?? {};
  const pod = isPod ? (request.object as Pod) : templateOf(request.object, name);
  if (pod === undefined) return ALLOW;
  if (isPod && operation === 'UPDATE' && equalValues(pod.spec, (request.oldObject as Pod | undefined)?.spec))
    return ALLOW;
  const enforce = policyOf(labels, 'enforce');
  const refusal = isPod ? violations(pod, enforce) : '';
  if (refusal !== '') return deny(request, `violates PodSecurity ${text(enforce)}: ${refusal}`);
  const audit: Record<string, string> = isPod
    ? { 'pod-security.kubernetes.io/enforce-policy': `${enforce.level}:${enforce.version}` }
    : {};
  const auditPolicy = policyOf(labels, 'audit');
  const audited = violations(pod, auditPolicy);
  if (audited !== '')
    audit['pod-security.kubernetes.io/audit-violations'] = `would violate PodSecurity ${text(auditPolicy)}: ${audited}`;
  const warnPolicy = policyOf(labels, 'warn');
  const warned = violations(pod, warnPolicy);
  const warnings = warned === '' ? [] : [`would violate PodSecurity ${text(warnPolicy)}: ${warned}`];
  return { kind: 'allow', warnings, audit };
}

function text({ level, version }: Policy): string {
  return goQuote(`${level}:${version}`);
}

function policyOf(labels: Readonly<Record<string, string>>, mode: Mode): Policy {
  const written = labels[`${LABEL}${mode}`] ?? 'privileged';
  const version = labels[`${LABEL}${mode}-version`] ?? 'latest';
  const level = LEVELS.find(known => known === written) ?? (mode === 'enforce' ? 'restricted' : 'privileged');
  return { level, version: /^(latest|v1\.\d+)$/.test(version) ? version : 'latest' };
}

function violations(pod: Pick<Pod, 'metadata' | 'spec'>, { level }: Policy): string {
  const checks: readonly Check[] =
    level === 'privileged' ? [] : level === 'baseline' ? BASELINE_CHECKS : RESTRICTED_CHECKS;
  return checks
    .flatMap(check => check(pod) ?? [])
    .map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`))
    .join(', ');
}

function templateOf(object: object, resource: string): PodTemplateSpec | undefined {
  if (resource === 'cronjobs.batch') return (object as CronJob).spec.jobTemplate.spec.template;
  if (resource === 'podtemplates') return (object as { readonly template: PodTemplateSpec }).template;
  return (object as { readonly spec: { readonly template?: PodTemplateSpec } }).spec.template;
}
