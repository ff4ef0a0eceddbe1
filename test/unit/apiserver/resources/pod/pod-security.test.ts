import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const NOT_A_SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

const pods = new Judge('', 'pods', { spec: { containers: [{ name: 'app', image: 'nginx' }] } });

describe('what a pod may do to its host', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    [
      'no processes of the host and of the pod at once',
      { 'spec.shareProcessNamespace': true, 'spec.hostPID': true },
      [
        'spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled',
      ],
    ],
    [
      'no users of its own with namespaces of the host',
      { 'spec.hostUsers': false, 'spec.hostNetwork': true, 'spec.hostPID': true, 'spec.hostIPC': true },
      [
        'spec.hostNetwork: Forbidden: when `hostUsers` is false',
        'spec.HostPID: Forbidden: when `hostUsers` is false',
        'spec.HostIPC: Forbidden: when `hostUsers` is false',
      ],
    ],
    [
      'no user or group below zero',
      { 'spec.securityContext': { runAsUser: -1, runAsGroup: -1, fsGroup: -1, supplementalGroups: [-1] } },
      [
        'spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive',
        'spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
        'spec.securityContext.runAsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive',
        'spec.securityContext.supplementalGroups[0]: Invalid value: -1: must be between 0 and 2147483647, inclusive',
      ],
    ],
    [
      'no policy of groups that is unknown',
      { 'spec.securityContext': { fsGroupChangePolicy: 'x', supplementalGroupsPolicy: 'y', seLinuxChangePolicy: 'z' } },
      [
        'spec.securityContext.fsGroupChangePolicy: Unsupported value: "x": supported values: "Always", "OnRootMismatch"',
        'spec.securityContext.supplementalGroupsPolicy: Unsupported value: "y": supported values: "Merge", "Strict"',
        'spec.securityContext.seLinuxChangePolicy: Unsupported value: "z": supported values: "Recursive"',
      ],
    ],
    [
      'no kernel parameter twice, nor one that is none',
      {
        'spec.securityContext': {
          sysctls: [
            { name: 'kernel.x', value: '1' },
            { name: 'kernel/x', value: '1' },
            { name: 'a b', value: '1' },
            { name: '', value: '1' },
          ],
        },
      },
      [
        'spec.securityContext.sysctls[2].name: Invalid value: "a b": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
        'spec.securityContext.sysctls[3].name: Required value',
      ],
    ],
    [
      'no kernel parameter of the host',
      { 'spec.hostNetwork': true, 'spec.securityContext': { sysctls: [{ name: 'net.x', value: '1' }] } },
      [
        'spec.securityContext.sysctls[0].name: Invalid value: "net.x": may not be specified when \'hostNetwork\' is true',
      ],
    ],
    [
      'no profile that cannot be',
      {
        'spec.securityContext': { seccompProfile: { type: 'Localhost' }, appArmorProfile: { type: 'x' } },
        'spec.containers.0.securityContext': { seccompProfile: { type: 'Unconfined', localhostProfile: '../x' } },
      },
      [
        'spec.containers[0].securityContext.seccompProfile.localhostProfile: Invalid value: {"Type":"Unconfined","LocalhostProfile":"../x"}: can only be set when seccomp type is Localhost',
        'spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
        'spec.securityContext.appArmorProfile.type: Unsupported value: "x": supported values: "Localhost", "RuntimeDefault", "Unconfined"',
      ],
    ],
    [
      'no privilege that cannot rise',
      { 'spec.containers.0.securityContext': { privileged: true, allowPrivilegeEscalation: false, procMount: 'x' } },
      [
        'spec.containers[0].securityContext.procMount: Unsupported value: "x": supported values: "Default", "Unmasked"',
        'spec.containers[0].securityContext: Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":"x","SeccompProfile":null,"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      ],
    ],
    [
      'no fields of Linux in a pod of Windows',
      {
        'spec.os': { name: 'windows' },
        'spec.hostPID': true,
        'spec.securityContext': { runAsUser: 1, seLinuxOptions: {} },
        'spec.containers.0.securityContext': { privileged: true, capabilities: {} },
      },
      [
        'spec.securityContext.seLinuxOptions: Forbidden: cannot be set for a windows pod',
        'spec.hostPID: Forbidden: cannot be set for a windows pod',
        'spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod',
        'spec.containers[0].securityContext.capabilities: Forbidden: cannot be set for a windows pod',
        'spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod',
      ],
    ],
    [
      'no fields of Windows in a pod of Linux',
      { 'spec.os': { name: 'linux' }, 'spec.securityContext': { windowsOptions: { runAsUserName: 'x' } } },
      ['spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod'],
    ],
    [
      'no system that is unknown',
      { 'spec.os': { name: 'beos' } },
      ['spec.os: Unsupported value: "beos": supported values: "linux", "windows"'],
    ],
    [
      'no options of Windows that cannot be',
      {
        'spec.securityContext': {
          windowsOptions: {
            gmsaCredentialSpecName: 'A b',
            gmsaCredentialSpec: '',
            runAsUserName: 'a:b',
            hostProcess: true,
          },
        },
      },
      [
        `spec.securityContext.windowsOptions.gmsaCredentialSpecName: Invalid value: "A b": ${NOT_A_SUBDOMAIN}`,
        'spec.securityContext.windowsOptions.gmsaCredentialSpec: Invalid value: "": gmsaCredentialSpec cannot be an empty string',
        'spec.securityContext.windowsOptions.runAsUserName: Invalid value: "a:b": runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]',
        'spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers',
      ],
    ],
    [
      'no annotation that says something else than the field',
      {
        'metadata.annotations': { 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined' },
        'spec.securityContext': { seccompProfile: { type: 'RuntimeDefault' } },
      },
      ['spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match'],
    ],
    [
      'no annotation for a container that is not there',
      { 'metadata.annotations': { 'container.apparmor.security.beta.kubernetes.io/x': 'unconfined' } },
      [
        'metadata.annotations[container.apparmor.security.beta.kubernetes.io/x]: Invalid value: "x": container not found',
      ],
    ],
    [
      'no cost of deletion that is no number',
      { 'metadata.annotations': { 'controller.kubernetes.io/pod-deletion-cost': '01' } },
      [
        'metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "01": must be a 32bit integer',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(pods.created(changes)).toEqual(errors);
  });
});
