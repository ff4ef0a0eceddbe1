import { describe, expect, it } from 'vitest';
import type { Service, ServicePort } from '../../../../src/api/types/gen/core-v1.ts';
import { notFound } from '../../../../src/base/errors.ts';
import { containerEnv } from '../../../../src/kubelet/env/container-env.ts';
import { envFileValue } from '../../../../src/kubelet/env/env-file.ts';
import { expand } from '../../../../src/kubelet/env/expand.ts';
import { serviceEnv } from '../../../../src/kubelet/env/service-env.ts';
import { NO_OBJECTS, type PodObjects } from '../../../../src/kubelet/objects/pod-objects.ts';
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

const NOTHING: PodObjects = {
  ...NO_OBJECTS,
  configMap: async (_, name) => {
    throw notFound(`configmap "${name}" not found`);
  },
  secret: async (_, name) => {
    throw notFound(`secret "${name}" not found`);
  },
};

describe('containerEnv', () => {
  const envOf = async (env: string, objects: Partial<PodObjects> = {}, resources = '{}', spec = '') => {
    const pod = podWith(`${spec}containers: [{name: main, image: i, resources: ${resources}, ${env}}]`);
    const [container] = pod.pod.spec.containers;
    if (container === undefined) throw new Error('no container');
    return containerEnv({
      pod,
      container,
      facts: { nodeName: 'n1', hostIPs: ['192.0.2.1', '2001:db8::1'], podIPs: ['10.0.0.5', 'fd00::5'] },
      allocatable: { milliCpu: 2500, memoryBytes: 1 << 30, storageBytes: 5000 },
      objects: { ...NOTHING, ...objects },
      readVolumeFile: (volume, path) => `A='of ${volume}/${path}'\n`,
    });
  };
  const entriesOf = async (...args: Parameters<typeof envOf>) =>
    Object.entries(Object.fromEntries(await envOf(...args)));

  it('lets a value refer to variables before it, and a later one of a name replace an earlier one', async () => {
    const env = await envOf(
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
  ])('reads the field %s', async (path, expected) => {
    const env = await envOf(`env: [{name: X, valueFrom: {fieldRef: {fieldPath: "${path}"}}}]`);
    expect(env.get('X')).toBe(expected);
  });

  it.each([
    ['{resource: limits.cpu}', '1', 'CPUs are rounded up'],
    ['{resource: limits.cpu, divisor: 1m}', '300', 'thousandths by the divisor'],
    ['{resource: requests.memory, divisor: 1Mi}', '64', 'a request that is not said is the limit'],
    ['{resource: limits.ephemeral-storage}', '5000', 'what the node can give for a limit that nobody set'],
    ['{resource: requests.ephemeral-storage}', '0', 'a request that nobody set'],
  ])('reads resourceFieldRef %s as %s: %s', async (ref, expected) => {
    const env = await envOf(
      `env: [{name: X, valueFrom: {resourceFieldRef: ${ref}}}]`,
      {},
      '{limits: {cpu: 300m, memory: 64Mi}}',
    );
    expect(env.get('X')).toBe(expected);
  });

  it('takes what the node can give for a limit that is not set', async () => {
    const env = await envOf(
      'env: [{name: C, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}, {name: M, valueFrom: {resourceFieldRef: {resource: limits.memory}}}]',
    );
    expect(Object.fromEntries(env)).toEqual({ C: '3', M: String(1 << 30) });
  });

  it('takes the limit of the pod as a whole before what the node can give', async () => {
    const env = await envOf(
      'env: [{name: C, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}, {name: M, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}]',
      {},
      '{limits: {memory: 64Mi}}',
      'resources: {limits: {cpu: "7", memory: 128Mi}}\n  ',
    );
    expect(Object.fromEntries(env)).toEqual({ C: '7', M: '64' });
  });

  const conf = { configMap: async () => ({ metadata: {}, data: { b: '2', a: '1', 'not.a-name': '3' } }) };
  const pass = { secret: async () => ({ metadata: {}, data: { p: Buffer.from('säcret').toString('base64') } }) };

  it('takes all keys of a config map and of a secret, with their prefix; env wins over them', async () => {
    expect(
      await entriesOf(
        'envFrom: [{configMapRef: {name: conf}}, {prefix: S_, secretRef: {name: pass}}], env: [{name: a, value: own}, {name: c, value: $(b)$(S_p)}]',
        { ...conf, ...pass },
      ),
    ).toEqual([
      ['b', '2'],
      ['not.a-name', '3'],
      ['S_p', 'säcret'],
      ['a', 'own'],
      ['c', '2säcret'],
    ]);
  });

  it.each([
    ['configMapKeyRef: {name: conf, key: b}', '2'],
    ['secretKeyRef: {name: pass, key: p}', 'säcret'],
    ['fileKeyRef: {volumeName: v, path: f, key: A}', 'of v/f'],
  ])('reads one value by %s', async (source, expected) => {
    const env = await envOf(
      `env: [{name: X, valueFrom: {${source}}}]`,
      { ...conf, ...pass },
      '{}',
      'volumes: [{name: v, emptyDir: {}}]\n  ',
    );
    expect(env.get('X')).toBe(expected);
  });

  it.each([
    ['env: [{name: X, valueFrom: {configMapKeyRef: {name: conf, key: k}}}]', {}, 'configmap "conf" not found'],
    ['env: [{name: X, valueFrom: {secretKeyRef: {name: pass, key: k}}}]', {}, 'secret "pass" not found'],
    ['envFrom: [{configMapRef: {name: conf}}]', {}, 'configmap "conf" not found'],
    ['envFrom: [{secretRef: {name: pass}}]', {}, 'secret "pass" not found'],
    [
      'env: [{name: X, valueFrom: {configMapKeyRef: {name: conf, key: k}}}]',
      conf,
      "couldn't find key k in ConfigMap default/conf",
    ],
    [
      'env: [{name: X, valueFrom: {secretKeyRef: {name: pass, key: k}}}]',
      pass,
      "couldn't find key k in Secret default/pass",
    ],
  ])('refuses %s, as upstream says it', async (env, objects, message) => {
    await expect(envOf(env, objects)).rejects.toMatchObject({ reason: 'CreateContainerConfigError', message });
  });

  it('leaves out optional references that lead nowhere', async () => {
    const env = await envOf(
      'envFrom: [{secretRef: {name: s, optional: true}}, {configMapRef: {name: s, optional: true}}], env: [{name: X, valueFrom: {secretKeyRef: {name: p, key: k, optional: true}}}, {name: Z, valueFrom: {configMapKeyRef: {name: p, key: k, optional: true}}}]',
    );
    expect(env.size).toBe(0);
  });

  it('says of a pod from a file why it cannot read objects', async () => {
    await expect(envOf('envFrom: [{configMapRef: {name: conf}}]', NO_OBJECTS)).rejects.toThrow(
      'ConfigMap "conf" cannot be read by a pod from a file: that needs an API server',
    );
  });

  it('lets values refer to variables of services, which come last', async () => {
    const services = () => [service('web', 'default', '10.1.0.9', [{ port: 80 }])];
    const env = await entriesOf('env: [{name: URL, value: "http://$(WEB_SERVICE_HOST)/"}]', { services });
    expect(env.slice(0, 3)).toEqual([
      ['URL', 'http://10.1.0.9/'],
      ['WEB_SERVICE_HOST', '10.1.0.9'],
      ['WEB_SERVICE_PORT', '80'],
    ]);
  });
});

const service = (
  name: string,
  namespace: string,
  clusterIP: string,
  ports: readonly Omit<ServicePort, 'targetPort'>[],
): Service => ({
  metadata: { name, namespace },
  spec: { clusterIP, ports: ports.map(port => ({ ...port, targetPort: port.port })) },
  status: { loadBalancer: {} },
});

describe('serviceEnv', () => {
  const api = service('kubernetes', 'default', '10.1.0.1', [{ name: 'https', port: 443 }]);

  it('names every port as upstream does', () => {
    const web = service('my-web', 'n', 'fd00::9', [
      { name: 'http', port: 80, protocol: 'TCP' },
      { name: 'dns-udp', port: 53, protocol: 'UDP' },
    ]);
    expect([...serviceEnv([web], 'n', true)]).toEqual([
      ['MY_WEB_SERVICE_HOST', 'fd00::9'],
      ['MY_WEB_SERVICE_PORT', '80'],
      ['MY_WEB_SERVICE_PORT_HTTP', '80'],
      ['MY_WEB_SERVICE_PORT_DNS_UDP', '53'],
      ['MY_WEB_PORT', 'tcp://[fd00::9]:80'],
      ['MY_WEB_PORT_80_TCP', 'tcp://[fd00::9]:80'],
      ['MY_WEB_PORT_80_TCP_PROTO', 'tcp'],
      ['MY_WEB_PORT_80_TCP_PORT', '80'],
      ['MY_WEB_PORT_80_TCP_ADDR', 'fd00::9'],
      ['MY_WEB_PORT_53_UDP', 'udp://[fd00::9]:53'],
      ['MY_WEB_PORT_53_UDP_PROTO', 'udp'],
      ['MY_WEB_PORT_53_UDP_PORT', '53'],
      ['MY_WEB_PORT_53_UDP_ADDR', 'fd00::9'],
    ]);
  });

  it.each([
    ['its own namespace and the API server', 'n', true, ['KUBERNETES', 'WEB']],
    ['the API server alone without links', 'n', false, ['KUBERNETES']],
    ['the API server alone where no service is its own', 'other', true, ['KUBERNETES']],
  ])('tells a pod of %s', (_, namespace, links, expected) => {
    const services = [
      api,
      service('web', 'n', '10.1.0.2', [{ port: 1 }]),
      service('headless', 'n', 'None', [{ port: 1 }]),
      service('external', 'n', '', []),
    ];
    const hosts = [...serviceEnv(services, namespace, links).keys()].filter(name => name.endsWith('_SERVICE_HOST'));
    expect(hosts).toEqual(expected.map(name => `${name}_SERVICE_HOST`));
  });
});

describe('envFileValue', () => {
  const FILE = "# a comment\n\nA='one'\n  B='two\nlines'  # more\nC= 'blank before the quote'\nD=''\n";
  it.each([
    ['A', 'one'],
    ['B', 'two\nlines'],
    ['C', ''],
    ['D', ''],
    ['E', ''],
  ])('%s is %j', (key, expected) => {
    expect(envFileValue(FILE, key)).toBe(expected);
  });

  it.each([
    ['nothing', "at line 1: missing '='"],
    ["='x'", 'at line 1: empty variable name'],
    ["\nA ='x'", "at line 2: whitespace before '=' is not allowed"],
    ['A=x', 'at line 1: value must be enclosed in single quotes'],
    ["A='x' y", 'at line 1: unexpected content after closing quote'],
    ["A='x\ny", 'starting at line 1: unclosed single quote'],
  ])('refuses %j', (text, message) => {
    expect(() => envFileValue(text, 'Z')).toThrow(message);
  });
});
