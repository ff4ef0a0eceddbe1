import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../../src/api/types/gen/core-v1.ts';
import type { Level } from '../../../../src/apiserver/admission/pod-security/policy.ts';
import { violationsOf } from '../../../../src/apiserver/admission/pod-security/violations.ts';

/** A pod that restricted lets in by every version, but for what it is given. */
function podWith(spec: object, container: object = {}, annotations: Record<string, string> = {}): Pod {
  const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
  return {
    metadata: { name: 'x', annotations },
    spec: {
      containers: [{ name: 'app', image: 'i', resources: {}, securityContext, ...container }],
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      ...spec,
    },
    status: {},
  };
}
const found = (pod: Pod, level: Level, version: string): string =>
  violationsOf(pod, { level, version })
    .map(({ reason, detail }) => `${reason} (${detail})`)
    .join(', ');

const good = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
const inPod = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
const withSysctl = (name: string): Pod => podWith({ securityContext: { ...inPod, sysctls: [{ name, value: '1' }] } });
const onWindows = (pod: Pod): Pod => ({ ...pod, spec: { ...pod.spec, os: { name: 'windows' } } });
const ofOwnUsers = (pod: Pod): Pod => ({ ...pod, spec: { ...pod.spec, hostUsers: false } });

const escalating = podWith({}, { securityContext: { capabilities: good.capabilities } });
const undropped = podWith({}, { securityContext: { allowPrivilegeEscalation: false } });
const adding = podWith({}, { securityContext: { ...good, capabilities: { drop: ['ALL'], add: ['CHOWN'] } } });
const unconfined = podWith({ securityContext: { ...inPod, seccompProfile: { type: 'Unconfined' } } });
const withoutSeccomp = podWith({ securityContext: { runAsNonRoot: true } });
const ofRoot = podWith({ securityContext: { ...inPod, runAsUser: 0 } });
const asAnyone = podWith({ securityContext: { seccompProfile: inPod.seccompProfile } });
const unmasked = podWith({}, { securityContext: { ...good, procMount: 'Unmasked' } });
const ofEngine = podWith({ securityContext: { ...inPod, seLinuxOptions: { type: 'container_engine_t' } } });
const probing = podWith({}, { livenessProbe: { tcpSocket: { host: '10.0.0.1', port: 1 } } });
const annotated = podWith(
  {},
  {},
  {
    'seccomp.security.alpha.kubernetes.io/pod': 'unconfined',
    'container.seccomp.security.alpha.kubernetes.io/app': 'docker/default',
    'container.seccomp.security.alpha.kubernetes.io/other': 'unconfined',
  },
);

const ESCALATION =
  'allowPrivilegeEscalation != false (container "app" must set securityContext.allowPrivilegeEscalation=false)';
const DROP = 'unrestricted capabilities (container "app" must set securityContext.capabilities.drop=["ALL"])';
const ADD = 'unrestricted capabilities (container "app" must not include "CHOWN" in securityContext.capabilities.add)';
const UNCONFINED = 'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")';
const NO_SECCOMP =
  'seccompProfile (pod or container "app" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")';
const NON_ROOT = 'runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true)';
const UNMASKED = 'procMount (container "app" must not set securityContext.procMount to "Unmasked")';

describe('versions of PodSecurity', () => {
  const cases: readonly [sentence: string, pod: Pod, level: Level, before: [string, string], from: [string, string]][] =
    [
      ['privilege escalation is looked at', escalating, 'restricted', ['v1.7', ''], ['v1.8', ESCALATION]],
      [
        'in Windows there is no privilege escalation',
        onWindows(escalating),
        'restricted',
        ['v1.24', ESCALATION],
        ['v1.25', ''],
      ],
      ['capabilities are to be dropped', undropped, 'restricted', ['v1.21', ''], ['v1.22', DROP]],
      ['in Windows there are no capabilities', onWindows(undropped), 'restricted', ['v1.24', DROP], ['v1.25', '']],
      ['capabilities that baseline allows are too many', adding, 'restricted', ['v1.21', ''], ['v1.22', ADD]],
      ['the field of seccomp counts', unconfined, 'baseline', ['v1.18', ''], ['v1.19', UNCONFINED]],
      ['a seccomp profile is asked for', withoutSeccomp, 'restricted', ['v1.18', ''], ['v1.19', NO_SECCOMP]],
      ['in Windows there is no seccomp', onWindows(withoutSeccomp), 'restricted', ['v1.24', NO_SECCOMP], ['v1.25', '']],
      ...(['baseline', 'restricted'] as const).map(
        level =>
          [
            `annotations of seccomp count no more for ${level}`,
            annotated,
            level,
            ['v1.18', 'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")'],
            ['v1.19', ''],
          ] as (typeof cases)[number],
      ),
      [
        'user 0 is looked at',
        ofRoot,
        'restricted',
        ['v1.22', ''],
        ['v1.23', 'runAsUser=0 (pod must not set runAsUser=0)'],
      ],
      [
        'user 0 of a user namespace is nobody',
        ofOwnUsers(ofRoot),
        'restricted',
        ['v1.34', 'runAsUser=0 (pod must not set runAsUser=0)'],
        ['v1.35', ''],
      ],
      ['root is any user of a user namespace', ofOwnUsers(asAnyone), 'restricted', ['v1.34', NON_ROOT], ['v1.35', '']],
      ['a user namespace may show its /proc', ofOwnUsers(unmasked), 'baseline', ['v1.34', UNMASKED], ['v1.35', '']],
      [
        'by restricted no pod shows its /proc',
        ofOwnUsers(unmasked),
        'restricted',
        ['v1.34', UNMASKED],
        ['v1.35', UNMASKED],
      ],
      [
        'container engines have a type of SELinux',
        ofEngine,
        'baseline',
        ['v1.30', 'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "container_engine_t")'],
        ['v1.31', ''],
      ],
      ...(
        [
          ['net.ipv4.ip_local_reserved_ports', 27],
          ['net.ipv4.tcp_keepalive_time', 29],
          ['net.ipv4.tcp_keepalive_probes', 29],
          ['net.ipv4.tcp_rmem', 32],
          ['net.ipv4.tcp_wmem', 32],
        ] as const
      ).map(
        ([name, since]) =>
          [
            `${name} is safe`,
            withSysctl(name),
            'baseline',
            [`v1.${since - 1}`, `forbidden sysctls (${name})`],
            [`v1.${since}`, ''],
          ] as (typeof cases)[number],
      ),
      [
        'hosts of probes are looked at',
        probing,
        'baseline',
        ['v1.33', ''],
        ['v1.34', 'probe or lifecycle host (container "app" uses probe or lifecycle host "10.0.0.1")'],
      ],
    ];
  it.each(cases)('%s', (_, pod, level, [before, was], [from, is]) => {
    expect([before, from].map(version => found(pod, level, version))).toEqual([was, is]);
  });

  it.each(['v1.35', 'v1.36', 'v1.99', 'v1.1000000', 'latest'])('counts %s as the newest rules', version => {
    expect(found(escalating, 'restricted', version)).toBe(ESCALATION);
    expect(found(ofOwnUsers(unmasked), 'baseline', version)).toBe('');
  });

  it.each(['v1.0', 'v1.18', 'v1.34', 'latest'])('asks for what was always asked for by %s too', version => {
    const hostile = podWith({ hostNetwork: true, volumes: [{ name: 'v', hostPath: { path: '/' } }] });
    expect(found(hostile, 'baseline', version)).toBe(
      'host namespaces (hostNetwork=true), hostPath volumes (volume "v")',
    );
    expect(found(hostile, 'restricted', version)).toBe(
      'host namespaces (hostNetwork=true), restricted volume types (volume "v" uses restricted volume type "hostPath")',
    );
  });
});
