import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const NOT_A_LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const NOT_A_SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

const pods = new Judge('', 'pods', { spec: { containers: [{ name: 'app', image: 'nginx' }] } });

describe('which containers a pod may have', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    ['a pod', {}, []],
    ['no pod without containers', { 'spec.containers': [] }, ['spec.containers: Required value']],
    [
      'no container without name and image',
      { 'spec.containers': [{ name: '', image: '' }] },
      ['spec.containers[0].name: Required value', 'spec.containers[0].image: Required value'],
    ],
    [
      'no container with blanks around its image',
      { 'spec.containers.0.image': ' nginx ' },
      ['spec.containers[0].image: Invalid value: " nginx ": must not have leading or trailing whitespace'],
    ],
    [
      'no name twice',
      { 'spec.containers.1': { name: 'app', image: 'x' }, 'spec.initContainers': [{ name: 'app', image: 'x' }] },
      ['spec.containers[1].name: Duplicate value: "app"', 'spec.initContainers[0].name: Duplicate value: "app"'],
    ],
    [
      'no name that is none',
      { 'spec.containers.0.name': 'A_b' },
      [`spec.containers[0].name: Invalid value: "A_b": ${NOT_A_LABEL}`],
    ],
    [
      'no port twice, nor one that is none',
      {
        'spec.containers.0.ports': [
          { containerPort: 0 },
          { containerPort: 80, name: 'a' },
          { containerPort: 81, name: 'a', hostPort: 70000, protocol: 'ICMP' },
        ],
      },
      [
        'spec.containers[0].ports[0].containerPort: Required value',
        'spec.containers[0].ports[2].name: Duplicate value: "a"',
        'spec.containers[0].ports[2].hostPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
        'spec.containers[0].ports[2].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
      ],
    ],
    [
      'no port of the host for two containers',
      {
        'spec.containers.0.ports': [{ containerPort: 80, hostPort: 80 }],
        'spec.containers.1': { name: 'b', image: 'x', ports: [{ containerPort: 81, hostPort: 80 }] },
      },
      ['spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//80"'],
    ],
    [
      'no port that differs in the network of the host',
      { 'spec.hostNetwork': true, 'spec.containers.0.ports': [{ containerPort: 80, hostPort: 81 }] },
      [
        'spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true',
      ],
    ],
    [
      'no environment without names, or from two places',
      {
        'spec.containers.0.env': [
          { name: '' },
          { name: 'a=b' },
          { name: 'c', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'd', valueFrom: {} },
        ],
      },
      [
        'spec.containers[0].env[0].name: Required value',
        'spec.containers[0].env[1].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than \'=\'',
        'spec.containers[0].env[2].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
        'spec.containers[0].env[3].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ],
    ],
    [
      'no environment from fields that a pod does not show',
      {
        'spec.containers.0.env': [
          { name: 'a', valueFrom: { fieldRef: { fieldPath: 'spec.replicas' } } },
          { name: 'b', valueFrom: { resourceFieldRef: { resource: 'limits.pods' } } },
          { name: 'c', valueFrom: { configMapKeyRef: { name: '', key: '..' } } },
        ],
      },
      [
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.replicas": error converting fieldPath: field label not supported: spec.replicas',
        'spec.containers[0].env[1].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.pods": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"',
        `spec.containers[0].env[2].valueFrom.configMapKeyRef.name: Invalid value: "": ${NOT_A_SUBDOMAIN}`,
        'spec.containers[0].env[2].valueFrom.configMapKeyRef.key: Invalid value: "..": must not be \'..\'',
      ],
    ],
    [
      'no environment of nothing',
      {
        'spec.containers.0.envFrom': [{}, { prefix: 'a=', configMapRef: { name: '' } }, { secretRef: { name: 'A_b' } }],
      },
      [
        'spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
        'spec.containers[0].envFrom[1].prefix: Invalid value: "a=": a valid environment variable name must consist only of printable ASCII characters other than \'=\'',
        'spec.containers[0].envFrom[1].configMapRef.name: Required value',
        `spec.containers[0].envFrom[2].secretRef.name: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`,
      ],
    ],
    [
      'no mount of a volume that is not there',
      { 'spec.containers.0.volumeMounts': [{ name: 'x', mountPath: '/x' }] },
      ['spec.containers[0].volumeMounts[0].name: Not found: "x"'],
    ],
    [
      'no two mounts at one place',
      {
        'spec.volumes': [{ name: 'a', emptyDir: {} }],
        'spec.containers.0.volumeMounts': [
          { name: 'a', mountPath: '/x' },
          { name: 'a', mountPath: '/x', subPath: '../y' },
          { name: 'a', mountPath: '', subPath: 'x', subPathExpr: 'y' },
        ],
      },
      [
        'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/x": must be unique',
        'spec.containers[0].volumeMounts.subPath: Invalid value: "../y": must not contain \'..\'',
        'spec.containers[0].volumeMounts[2].mountPath: Required value',
        'spec.containers[0].volumeMounts[2].subPathExpr: Invalid value: "y": subPathExpr and subPath are mutually exclusive',
      ],
    ],
    [
      'no mount that goes both ways without privilege',
      {
        'spec.volumes': [{ name: 'a', emptyDir: {} }],
        'spec.containers.0.volumeMounts': [{ name: 'a', mountPath: '/x', mountPropagation: 'Bidirectional' }],
      },
      [
        'spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers',
      ],
    ],
    [
      'no mount that is read-only to the ground and yet written',
      {
        'spec.volumes': [{ name: 'a', emptyDir: {} }],
        'spec.containers.0.volumeMounts': [{ name: 'a', mountPath: '/x', recursiveReadOnly: 'Enabled' }],
      },
      ['spec.containers[0].volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true'],
    ],
    [
      'no device of a volume that is none',
      {
        'spec.volumes': [{ name: 'a', emptyDir: {} }],
        'spec.containers.0.volumeDevices': [
          { name: 'a', devicePath: '/dev/x' },
          { name: 'b', devicePath: '../y' },
        ],
      },
      [
        'spec.containers[0].volumeDevices[0].name: Invalid value: "a": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
        'spec.containers[0].volumeDevices[1].name: Not found: "b"',
        'spec.containers[0].volumeDevices[1].devicePath: Invalid value: "../y": can not contain backsteps (\'..\')',
      ],
    ],
    [
      'no policy that is unknown',
      { 'spec.containers.0.imagePullPolicy': 'x', 'spec.containers.0.terminationMessagePolicy': 'y' },
      [
        'spec.containers[0].terminationMessagePolicy: Unsupported value: "y": supported values: "File", "FallbackToLogsOnError"',
        'spec.containers[0].imagePullPolicy: Unsupported value: "x": supported values: "Always", "IfNotPresent", "Never"',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(pods.created(changes)).toEqual(errors);
  });
});

describe('how a pod may be probed and stopped', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    [
      'a probe of each kind',
      {
        'spec.containers.0.livenessProbe': { exec: { command: ['x'] } },
        'spec.containers.0.readinessProbe': { httpGet: { port: 80 } },
        'spec.containers.0.startupProbe': { grpc: { port: 80 } },
      },
      [],
    ],
    [
      'no probe of nothing, nor of two things',
      {
        'spec.containers.0.livenessProbe': {},
        'spec.containers.0.readinessProbe': { tcpSocket: { port: 0 }, exec: { command: [] } },
      },
      [
        'spec.containers[0].livenessProbe: Required value: must specify a handler type',
        'spec.containers[0].readinessProbe.exec.command: Required value',
        'spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
      ],
    ],
    [
      'no probe with bad numbers',
      {
        'spec.containers.0.livenessProbe': {
          tcpSocket: { port: 80 },
          initialDelaySeconds: -1,
          successThreshold: 2,
          terminationGracePeriodSeconds: 0,
        },
      },
      [
        'spec.containers[0].livenessProbe.initialDelaySeconds: Invalid value: -1: must be greater than or equal to 0',
        'spec.containers[0].livenessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0',
        'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
      ],
    ],
    [
      'no grace for what does not stop',
      { 'spec.containers.0.readinessProbe': { tcpSocket: { port: 80 }, terminationGracePeriodSeconds: 5 } },
      [
        'spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes',
      ],
    ],
    [
      'no request over HTTP that is none',
      {
        'spec.containers.0.livenessProbe': {
          httpGet: { port: 'A_b', scheme: 'FTP', path: '', httpHeaders: [{ name: 'a b', value: 'x' }] },
        },
      },
      [
        'spec.containers[0].livenessProbe.httpGet.port: Invalid value: "A_b": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
        'spec.containers[0].livenessProbe.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS"',
        "spec.containers[0].livenessProbe.httpGet.httpHeaders: Invalid value: \"a b\": a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
      ],
    ],
    [
      'no hook that does nothing, or sleeps for too long',
      { 'spec.containers.0.lifecycle': { postStart: {}, preStop: { sleep: { seconds: 31 } } } },
      [
        'spec.containers[0].lifecycle.postStart: Required value: must specify a handler type',
        'spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)',
      ],
    ],
    [
      'no probe of what runs but once',
      {
        'spec.initContainers': [
          {
            name: 'init',
            image: 'x',
            livenessProbe: { tcpSocket: { port: 80 } },
            lifecycle: { preStop: { exec: { command: ['x'] } } },
          },
        ],
      },
      [
        'spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always',
        'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
      ],
    ],
    [
      'no restart of an init container that is no sidecar',
      { 'spec.initContainers': [{ name: 'init', image: 'x', restartPolicy: 'Sometimes' }] },
      [
        'spec.initContainers[0].restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
      ],
    ],
    [
      'no policy for growing that is unknown',
      {
        'spec.containers.0.resizePolicy': [
          { resourceName: 'pods', restartPolicy: 'x' },
          { resourceName: 'cpu', restartPolicy: 'NotRequired' },
          { resourceName: 'cpu', restartPolicy: 'NotRequired' },
        ],
      },
      [
        'spec.containers[0].resizePolicy: Unsupported value: "pods": supported values: "cpu", "memory"',
        'spec.containers[0].resizePolicy: Unsupported value: "x": supported values: "NotRequired", "RestartContainer"',
        'spec.containers[0].resizePolicy[2]: Duplicate value: "cpu"',
      ],
    ],
    [
      'no restart policy or deadline that cannot be',
      { 'spec.restartPolicy': 'x', 'spec.activeDeadlineSeconds': 0, 'spec.dnsPolicy': 'x' },
      [
        'spec.restartPolicy: Unsupported value: "x": supported values: "Always", "OnFailure", "Never"',
        'spec.dnsPolicy: Unsupported value: "x": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
        'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(pods.created(changes)).toEqual(errors);
  });
});
