import { describe, expect, it } from 'vitest';
import { decodeManifest } from '../../../../src/api/decode/manifest.ts';
import { fieldErrorText } from '../../../../src/api/validation/field-error.ts';

const meta = { name: 'web', namespace: 'default' };
const base = { name: 'a', image: 'b:1' };

function errorsOf(metadata: object, spec: object): string[] {
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [base], ...spec } });
  const { objects, problems } = decodeManifest(text);
  expect(problems).toEqual([]);
  return objects.flatMap(({ kind, object }) => kind.validate(object).map(fieldErrorText));
}

const c = (container: object) => ({ containers: [{ ...base, ...container }] });
const mounted = (mount: object, volume: object = {}) => ({
  ...c({ volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] }),
  volumes: [{ name: 'v', ...volume }],
});

describe('metadata of a pod', () => {
  it.each([
    ['a name is needed', { namespace: 'x' }, 'metadata.name: Required value: name or generateName is required'],
    ['a namespace is needed', { name: 'x' }, 'metadata.namespace: Required value'],
    [
      'a name is a DNS subdomain',
      { ...meta, name: 'A_b' },
      'metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of',
    ],
    ['a name is not too long', { ...meta, name: 'a'.repeat(254) }, 'must be no more than 253 characters'],
    [
      'a label key is a qualified name',
      { ...meta, labels: { 'a b': 'x' } },
      'metadata.labels: Invalid value: "a b": name part must consist of',
    ],
    [
      'a label value has its form',
      { ...meta, labels: { a: 'x/y' } },
      'metadata.labels: Invalid value: "x/y": a valid label must be an empty string or',
    ],
    [
      'annotations are not endless',
      { ...meta, annotations: { a: 'x'.repeat(262144) } },
      'metadata.annotations: Too long: may not be more than 262144 bytes',
    ],
  ])('%s', (_, metadata, text) => {
    expect(errorsOf(metadata, {}).join('\n')).toContain(text);
  });
});

describe('a valid pod', () => {
  it.each([
    ['the smallest one', {}],
    [
      'one with a bit of everything',
      {
        ...c({
          ports: [
            { name: 'http', containerPort: 80 },
            { name: 'dns', containerPort: 53, protocol: 'UDP' },
          ],
          env: [
            { name: 'A.b-c', value: 'x' },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: 'L', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
            { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
          ],
          volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'a/b' }],
          resources: { limits: { cpu: 1, memory: '1Gi', 'example.com/gpu': 1 } },
          livenessProbe: { tcpSocket: { port: 'http' } },
          lifecycle: { preStop: { sleep: { seconds: 5 } } },
          securityContext: {
            runAsUser: 1000,
            capabilities: { drop: ['ALL'] },
            seccompProfile: { type: 'RuntimeDefault' },
          },
        }),
        initContainers: [
          { ...base, name: 'side', restartPolicy: 'Always', startupProbe: { exec: { command: ['true'] } } },
        ],
        volumes: [{ name: 'v', hostPath: { path: '/srv', type: 'Directory' } }],
        dnsConfig: { nameservers: ['fd00::1'], searches: ['a_b.example.', '.'] },
        hostAliases: [{ ip: '10.0.0.1', hostnames: ['db'] }],
        tolerations: [{ operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 3 }],
      },
    ],
  ])('has no errors: %s', (_, spec) => {
    expect(errorsOf(meta, spec)).toEqual([]);
  });
});

describe('the rules of a pod’s spec, one at a time', () => {
  it.each([
    ['containers are needed', { containers: [] }, 'spec.containers: Required value'],
    ['a container has a name', c({ name: '' }), 'spec.containers[0].name: Required value'],
    [
      'a container’s name is a DNS label',
      c({ name: 'a.b' }),
      'spec.containers[0].name: Invalid value: "a.b": must not contain dots',
    ],
    ['names are unique', { containers: [base, base] }, 'spec.containers[1].name: Duplicate value: "a"'],
    [
      'names are unique over init containers',
      { initContainers: [base] },
      'spec.initContainers[0].name: Duplicate value: "a"',
    ],
    ['an image is needed', { containers: [{ name: 'a' }] }, 'spec.containers[0].image: Required value'],
    [
      'pull policies are three',
      c({ imagePullPolicy: 'Sometimes' }),
      'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
    ],
    [
      'restart policies are three',
      { restartPolicy: 'Maybe' },
      'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
    ],
    [
      'DNS policies are four',
      { dnsPolicy: 'X' },
      'spec.dnsPolicy: Unsupported value: "X": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
    ],
    [
      'no DNS policy needs a configuration',
      { dnsPolicy: 'None' },
      'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None',
    ],
    [
      'a name server is an address',
      { dnsConfig: { nameservers: ['x'] } },
      'spec.dnsConfig.nameservers[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      'a deadline is positive',
      { activeDeadlineSeconds: 0 },
      'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
    ],
    ['a host name is a DNS label', { hostname: 'a.b' }, 'spec.hostname: Invalid value: "a.b": must not contain dots'],
    ['a port has a number', c({ ports: [{ name: 'x' }] }), 'spec.containers[0].ports[0].containerPort: Required value'],
    [
      'a port is at most 65535',
      c({ ports: [{ containerPort: 70000 }] }),
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [
      'port names are unique',
      c({
        ports: [
          { name: 'x', containerPort: 1 },
          { name: 'x', containerPort: 2 },
        ],
      }),
      'spec.containers[0].ports[1].name: Duplicate value: "x"',
    ],
    [
      'a port’s name is short',
      c({ ports: [{ name: 'a'.repeat(16), containerPort: 1 }] }),
      'spec.containers[0].ports[0].name: Invalid value: "aaaaaaaaaaaaaaaa": must be no more than 15 characters',
    ],
    [
      'a protocol is known',
      c({ ports: [{ containerPort: 1, protocol: 'ICMP' }] }),
      'spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      'host ports do not collide',
      c({
        ports: [
          { containerPort: 1, hostPort: 5 },
          { containerPort: 2, hostPort: 5 },
        ],
      }),
      'spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//5"',
    ],
    [
      'host ports are container ports in the host’s network',
      { ...c({ ports: [{ containerPort: 1, hostPort: 5 }] }), hostNetwork: true },
      'spec.containers[0].ports[0].hostPort: Invalid value: 5: must match `containerPort` when `hostNetwork` is true',
    ],
    ['a variable has a name', c({ env: [{ value: 'x' }] }), 'spec.containers[0].env[0].name: Required value'],
    [
      'a variable’s name has no equals sign',
      c({ env: [{ name: 'A=B' }] }),
      'spec.containers[0].env[0].name: Invalid value: "A=B": a valid environment variable name must consist only of printable ASCII characters other than \'=\'',
    ],
    [
      'a variable has one value',
      c({ env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    ],
    [
      'a field of the pod is a known one',
      c({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.x' } } }] }),
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.x": error converting fieldPath: field label not supported: spec.x',
    ],
    [
      'a divisor fits its resource',
      c({ env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1Ki' } } }] }),
      'spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor\'s values 1m and 1 are supported with the cpu resource',
    ],
    [
      'a mount names a volume',
      c({ volumeMounts: [{ name: 'x', mountPath: '/x' }] }),
      'spec.containers[0].volumeMounts[0].name: Not found: "x"',
    ],
    ['a mount has a path', mounted({ mountPath: '' }), 'spec.containers[0].volumeMounts[0].mountPath: Required value'],
    [
      'a sub path stays inside',
      mounted({ subPath: 'a/../../b' }),
      'spec.containers[0].volumeMounts.subPath: Invalid value: "a/../../b": must not contain \'..\'',
    ],
    [
      'a sub path is relative',
      mounted({ subPath: '/b' }),
      'spec.containers[0].volumeMounts.subPath: Invalid value: "/b": must be a relative path',
    ],
    [
      'two-way propagation is for the privileged',
      mounted({ mountPropagation: 'Bidirectional' }),
      'spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers',
    ],
    [
      'volume names are unique',
      { volumes: [{ name: 'v' }, { name: 'v' }] },
      'spec.volumes[1].name: Duplicate value: "v"',
    ],
    [
      'a volume has one source',
      { volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] },
      'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
    ],
    [
      'a host path is given',
      { volumes: [{ name: 'v', hostPath: { path: '' } }] },
      'spec.volumes[0].hostPath.path: Required value',
    ],
    [
      'a host path does not step back',
      { volumes: [{ name: 'v', hostPath: { path: '/a/../b' } }] },
      'spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
    ],
    [
      'a host path’s type is known',
      { volumes: [{ name: 'v', hostPath: { path: '/a', type: 'Dir' } }] },
      'spec.volumes[0].hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
    ],
    [
      'a mode is octal 0 to 0777',
      { volumes: [{ name: 'v', secret: { secretName: 's', defaultMode: 512 } }] },
      'spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive',
    ],
    [
      'requests are not over limits',
      c({ resources: { limits: { cpu: 1 }, requests: { cpu: 2 } } }),
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ],
    [
      'a resource is not negative',
      c({ resources: { requests: { cpu: -1 } } }),
      'spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0',
    ],
    [
      'a resource is a known one',
      c({ resources: { requests: { storage: 1 } } }),
      'spec.containers[0].resources.requests[storage]: Invalid value: "storage": must be a standard resource for containers',
    ],
    [
      'devices are not overcommitted',
      c({ resources: { limits: { 'example.com/gpu': 2 }, requests: { 'example.com/gpu': 1 } } }),
      'spec.containers[0].resources.requests: Invalid value: "1": must be equal to example.com/gpu limit of 2',
    ],
    [
      'a probe does something',
      c({ livenessProbe: {} }),
      'spec.containers[0].livenessProbe: Required value: must specify a handler type',
    ],
    [
      'a probe does one thing',
      c({ readinessProbe: { exec: { command: ['a'] }, tcpSocket: { port: 1 } } }),
      'spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
    ],
    [
      'a liveness probe needs one success',
      c({ livenessProbe: { exec: { command: ['a'] }, successThreshold: 2 } }),
      'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
    ],
    [
      'a probe’s command is given',
      c({ livenessProbe: { exec: {} } }),
      'spec.containers[0].livenessProbe.exec.command: Required value',
    ],
    [
      'a probe’s port is one',
      c({ livenessProbe: { tcpSocket: { port: 0 } } }),
      'spec.containers[0].livenessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
    [
      'an init container is not probed',
      { initContainers: [{ ...base, name: 'i', livenessProbe: { exec: { command: ['a'] } } }] },
      'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
    [
      'a sleep is within the grace period',
      c({ lifecycle: { preStop: { sleep: { seconds: 31 } } } }),
      'spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)',
    ],
    [
      'a user id is not negative',
      c({ securityContext: { runAsUser: -1 } }),
      'spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ],
    [
      'a privileged container escalates',
      c({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
      'spec.containers[0].securityContext: Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
    ],
    [
      'a seccomp profile of the node is named',
      { securityContext: { seccompProfile: { type: 'Localhost' } } },
      'spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
    ],
    [
      'sysctls of the network need a network',
      { hostNetwork: true, securityContext: { sysctls: [{ name: 'net.ipv4.ip_forward', value: '1' }] } },
      'spec.securityContext.sysctls[0].name: Invalid value: "net.ipv4.ip_forward": may not be specified when \'hostNetwork\' is true',
    ],
    [
      'processes are not shared twice',
      { hostPID: true, shareProcessNamespace: true },
      'spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled',
    ],
    [
      'a user namespace has its own network',
      { hostUsers: false, hostNetwork: true },
      'spec.hostNetwork: Forbidden: when `hostUsers` is false',
    ],
    [
      'a toleration without a key takes all',
      { tolerations: [{ operator: 'Equal', value: 'x' }] },
      'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
    [
      'pod-level resources are a few',
      { resources: { requests: { 'ephemeral-storage': '1Gi' } } },
      'spec.resources.requests[ephemeral-storage]: Unsupported value: "ephemeral-storage": supported values: "cpu", "hugepages-", "memory"',
    ],
  ])('%s', (_, spec, text) => {
    expect(errorsOf(meta, spec)).toEqual([text]);
  });

  it('devices come whole, in the limit and in the request that follows from it', () => {
    expect(errorsOf(meta, c({ resources: { limits: { 'example.com/gpu': '500m' } } }))).toEqual([
      'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
      'spec.containers[0].resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer',
    ]);
  });
});
