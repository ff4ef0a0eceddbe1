import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

/** Every kind that makes pods treats its template alike. */
const labels = { app: 'web' };
const pod = { containers: [{ name: 'app', image: 'nginx' }] };
const template = { metadata: { labels }, spec: pod };
const workload = { spec: { selector: { matchLabels: labels }, template } };
const once = { metadata: { labels }, spec: { ...pod, restartPolicy: 'Never' } };
const manual = { spec: { manualSelector: true, selector: { matchLabels: labels }, template: once } };
const scheduled = { spec: { schedule: '* * * * *', jobTemplate: { spec: { template: once } } } };

const kinds: readonly [plural: string, kind: Judge, path: string][] = [
  ...['deployments', 'replicasets', 'daemonsets', 'statefulsets'].map(
    plural => [plural, new Judge('apps', plural, workload), 'spec.template'] as [string, Judge, string],
  ),
  ['jobs', new Judge('batch', 'jobs', { spec: { ...manual.spec, suspend: true } }), 'spec.template'],
  ['cronjobs', new Judge('batch', 'cronjobs', scheduled), 'spec.jobTemplate.spec.template'],
];

describe.each(kinds)('the template of %s', (_, kind, path) => {
  const selectsBeta: Changes = { [`${path}.spec.nodeSelector`]: { 'beta.kubernetes.io/os': 'linux' } };
  const warning = `${path}.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead`;

  it('is warned of when it comes and when it changes', () => {
    expect(kind.warned(selectsBeta)).toEqual([warning]);
    expect(kind.replaced(selectsBeta).warnings).toEqual([warning]);
    expect(kind.replaced({ 'metadata.labels': { a: 'b' } }, selectsBeta).warnings).toEqual([]);
  });

  it('keeps faults that are stored, and takes no new ones', () => {
    const terms = [
      { topologyKey: 'a', labelSelector: { matchExpressions: [{ key: 'a', operator: 'In', values: ['-'] }] } },
    ];
    const fault = {
      [`${path}.spec.affinity`]: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
    };
    expect(kind.created(fault)).toHaveLength(1);
    expect(kind.changed({ 'metadata.labels': { a: 'b' } }, fault)).toEqual([]);
  });

  it('loses what upstream has switched off, but for what is stored', () => {
    const signal = {
      [`${path}.spec.os`]: { name: 'linux' },
      [`${path}.spec.containers.0.lifecycle`]: { stopSignal: 'SIGUSR1' },
    };
    expect(JSON.stringify(kind.prepared(signal))).not.toContain('SIGUSR1');
    expect(JSON.stringify(kind.replaced({}, signal).object)).toContain('SIGUSR1');
  });
});

describe('a selector', () => {
  const odd = { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['-'] }] };
  const chosen = kinds.filter(([plural]) => plural === 'daemonsets' || plural === 'jobs');

  it.each(chosen)('of %s keeps values that no label has', (_, kind) => {
    expect(kind.created({ 'spec.selector': odd })).toHaveLength(1);
    expect(kind.changed({ 'metadata.labels': { a: 'b' } }, { 'spec.selector': odd })).toEqual([]);
  });
});

it('claims of a stateful set are warned of as claims are', () => {
  const sets = new Judge('apps', 'statefulsets', workload);
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1500m' } } };
  const claims = { 'spec.volumeClaimTemplates': [{ metadata: { name: 'data' }, spec }] };
  const said = 'fractional byte value "1500m" is invalid, must be an integer';
  expect(sets.warned(claims)).toEqual([`spec.volumeClaimTemplates[0].resources.requests[storage]: ${said}`]);
  expect(sets.replaced({}, claims).warnings).toEqual([
    `spec.volumeClaimTemplates[0].Spec.resources.requests[storage]: ${said}`,
  ]);
});
