import { describe, expect, it } from 'vitest';
import { containerEnv } from '../../../../src/kubelet/env/container-env.ts';
import { expand } from '../../../../src/kubelet/env/expand.ts';
import { podWith } from '../pods.ts';

describe('expand', () => {
  const lookup = (name: string): string | undefined => ({ A: 'one', B: '' })[name];
  it.each([
    ['plain', 'plain', 'text without a dollar stays'],
    ['$(A)', 'one', 'a known name is replaced'],
    ['x$(A)y$(A)', 'xoneyone', 'more than once'],
    ['$(B)', '', 'a variable may be empty'],
    ['$(C)', '$(C)', 'a name that is not known stays as it is written'],
    ['$$(A)', '$(A)', 'two dollars are one, and hide a reference'],
    ['$$$(A)', '$one', 'the third dollar begins a reference again'],
    ['$A', '$A', 'shell notation means nothing here'],
    ['$(A', '$(A', 'a reference that does not end is text'],
    ['cost: 5$', 'cost: 5$', 'a dollar at the end is a dollar'],
    ['$($(A))', '$($(A))', 'references do not nest'],
  ])('%s becomes %s: %s', (text, expected) => {
    expect(expand(text, lookup)).toBe(expected);
  });
});

describe('containerEnv', () => {
  const envOf = (env: string, resources = '{}') => {
    const pod = podWith(`containers: [{name: main, image: i, resources: ${resources}, ${env}}]`);
    const [container] = pod.pod.spec.containers;
    if (container === undefined) throw new Error('no container');
    return containerEnv({
      pod,
      container,
      facts: { nodeName: 'n1', hostIPs: ['192.0.2.1', '2001:db8::1'], podIPs: ['10.0.0.5', 'fd00::5'] },
      allocatable: { milliCpu: 2500, memoryBytes: 1 << 30 },
    });
  };

  it('lets a value refer to variables before it, and a later one of a name replace an earlier one', () => {
    const env = envOf(
      `env: [{name: A, value: "1"}, {name: B, value: "$(A)$(Z)"}, {name: A, value: "2"}, {name: C, value: $(A)}]`,
    );
    expect(Object.fromEntries(env)).toEqual({ A: '2', B: '1$(Z)', C: '2' });
  });

  it.each([
    ['metadata.name', 'web-n1'],
    ['metadata.namespace', 'default'],
    ["metadata.labels['app']", 'demo'],
    ['spec.nodeName', 'n1'],
    ['status.hostIP', '192.0.2.1'],
    ['status.podIP', '10.0.0.5'],
    ['status.podIPs', '10.0.0.5,fd00::5'],
  ])('reads the field %s', (path, expected) => {
    const env = envOf(`env: [{name: X, valueFrom: {fieldRef: {fieldPath: "${path}"}}}]`);
    expect(env.get('X')).toBe(expected);
  });

  it.each([
    ['{resource: limits.cpu}', '1', 'CPUs are rounded up'],
    ['{resource: limits.cpu, divisor: 1m}', '300', 'thousandths by the divisor'],
    ['{resource: requests.memory, divisor: 1Mi}', '64', 'a request that is not said is the limit'],
    ['{resource: limits.ephemeral-storage}', '0', 'a limit that nobody set'],
  ])('reads resourceFieldRef %s as %s: %s', (ref, expected) => {
    const env = envOf(`env: [{name: X, valueFrom: {resourceFieldRef: ${ref}}}]`, '{limits: {cpu: 300m, memory: 64Mi}}');
    expect(env.get('X')).toBe(expected);
  });

  it('takes what the node can give for a limit that is not set', () => {
    const env = envOf(
      'env: [{name: C, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}, {name: M, valueFrom: {resourceFieldRef: {resource: limits.memory}}}]',
    );
    expect(Object.fromEntries(env)).toEqual({ C: '3', M: String(1 << 30) });
  });

  it.each([
    ['env: [{name: X, valueFrom: {configMapKeyRef: {name: conf, key: k}}}]', /env X refers to ConfigMap "conf"/],
    ['env: [{name: X, valueFrom: {secretKeyRef: {name: pass, key: k}}}]', /env X refers to Secret "pass"/],
    ['envFrom: [{configMapRef: {name: conf}}]', /envFrom refers to ConfigMap "conf"/],
  ])('refuses %s, by name', (env, message) => {
    expect(() => envOf(env)).toThrow(message);
  });

  it('leaves out optional references to objects of the API', () => {
    const env = envOf(
      'envFrom: [{secretRef: {name: s, optional: true}}], env: [{name: X, valueFrom: {secretKeyRef: {name: p, key: k, optional: true}}}]',
    );
    expect(env.size).toBe(0);
  });
});
