import type { Volume } from '../../../api/types/gen/core-v1.ts';
import { anyProcMount } from './baseline-checks.ts';
import { type Check, collect, plural, quoted, settings, those, type VersionedCheck } from './check.ts';

/** The check for pods of Linux: validation keeps these settings out of pods for Windows. */
const exceptWindows =
  (check: Check): Check =>
  pod =>
    pod.spec.os?.name === 'windows' ? undefined : check(pod);

/** The check for pods that share the users of their host: root of another user namespace is nobody there. */
const exceptOwnUsers =
  (check: Check): Check =>
  pod =>
    pod.spec.hostUsers === false ? undefined : check(pod);

const ALLOWED_VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

const volumes: Check = ({ spec }) => {
  const typeOf = ({ name: _name, ...sources }: Volume): string =>
    Object.entries(sources).find(([, source]) => source !== undefined)?.[0] ?? 'unknown';
  const bad = (spec.volumes ?? []).filter(volume => !ALLOWED_VOLUMES.includes(typeOf(volume)));
  if (bad.length === 0) return undefined;
  const types = [...new Set(bad.map(typeOf))].toSorted();
  return {
    reason: 'restricted volume types',
    detail: `${plural('volume', 'volumes', bad.length)} ${quoted(bad.map(volume => volume.name))} ${plural('uses', 'use', bad.length)} ${plural('restricted volume type', 'restricted volume types', types.length)} ${quoted(types)}`,
  };
};

const allowPrivilegeEscalation: Check = ({ spec }) => {
  const { names } = collect(spec, c => (c.securityContext?.allowPrivilegeEscalation === false ? [] : ['unset']));
  return names.length === 0
    ? undefined
    : {
        reason: 'allowPrivilegeEscalation != false',
        detail: `${those(names)} must set securityContext.allowPrivilegeEscalation=false`,
      };
};

const capabilities: Check = ({ spec }) => {
  const kept = collect(spec, c => (c.securityContext?.capabilities?.drop?.includes('ALL') === true ? [] : ['kept']));
  const added = collect(spec, c =>
    (c.securityContext?.capabilities?.add ?? []).filter(name => name !== 'NET_BIND_SERVICE'),
  );
  const details = [
    ...(kept.names.length > 0 ? [`${those(kept.names)} must set securityContext.capabilities.drop=["ALL"]`] : []),
    ...(added.names.length > 0
      ? [`${those(added.names)} must not include ${quoted(added.values)} in securityContext.capabilities.add`]
      : []),
  ];
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') };
};

const runAsNonRoot: Check = ({ spec }) => {
  const ofPod = spec.securityContext?.runAsNonRoot;
  const { setters } = settings(spec, ofPod === false ? ['false'] : [], c =>
    c.securityContext?.runAsNonRoot === false ? ['false'] : [],
  );
  if (setters.length > 0)
    return {
      reason: 'runAsNonRoot != true',
      detail: `${setters.join(' and ')} must not set securityContext.runAsNonRoot=false`,
    };
  const { names } = collect(spec, c => (ofPod === true || c.securityContext?.runAsNonRoot === true ? [] : ['unset']));
  return names.length === 0
    ? undefined
    : { reason: 'runAsNonRoot != true', detail: `pod or ${those(names)} must set securityContext.runAsNonRoot=true` };
};

const runAsUser: Check = ({ spec }) => {
  const { setters } = settings(spec, spec.securityContext?.runAsUser === 0 ? ['0'] : [], c =>
    c.securityContext?.runAsUser === 0 ? ['0'] : [],
  );
  return setters.length === 0
    ? undefined
    : { reason: 'runAsUser=0', detail: `${setters.join(' and ')} must not set runAsUser=0` };
};

const seccomp: Check = ({ spec }) => {
  const good = ['RuntimeDefault', 'Localhost'];
  const ofPod = spec.securityContext?.seccompProfile?.type;
  const bad = (type: string | undefined): string[] => (type === undefined || good.includes(type) ? [] : [type]);
  const { setters, values } = settings(spec, bad(ofPod), c => bad(c.securityContext?.seccompProfile?.type));
  if (setters.length > 0)
    return {
      reason: 'seccompProfile',
      detail: `${setters.join(' and ')} must not set securityContext.seccompProfile.type to ${quoted(values)}`,
    };
  const { names } = collect(spec, c =>
    ofPod !== undefined || c.securityContext?.seccompProfile !== undefined ? [] : ['unset'],
  );
  return names.length === 0
    ? undefined
    : {
        reason: 'seccompProfile',
        detail: `pod or ${those(names)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
      };
};

/** In the order of upstream's ids, which is the order of its messages. */
export const RESTRICTED_CHECKS: readonly VersionedCheck[] = [
  {
    id: 'allowPrivilegeEscalation',
    versions: [
      { since: 8, check: allowPrivilegeEscalation },
      { since: 25, check: exceptWindows(allowPrivilegeEscalation) },
    ],
  },
  {
    id: 'capabilities_restricted',
    standsFor: 'capabilities_baseline',
    versions: [
      { since: 22, check: capabilities },
      { since: 25, check: exceptWindows(capabilities) },
    ],
  },
  { id: 'procMount_restricted', standsFor: 'procMount', versions: [{ since: 35, check: anyProcMount }] },
  { id: 'restrictedVolumes', standsFor: 'hostPathVolumes', versions: [{ since: 0, check: volumes }] },
  {
    id: 'runAsNonRoot',
    versions: [
      { since: 0, check: runAsNonRoot },
      { since: 35, check: exceptOwnUsers(runAsNonRoot) },
    ],
  },
  {
    id: 'runAsUser',
    versions: [
      { since: 23, check: runAsUser },
      { since: 35, check: exceptOwnUsers(runAsUser) },
    ],
  },
  {
    id: 'seccompProfile_restricted',
    standsFor: 'seccompProfile_baseline',
    versions: [
      { since: 19, check: seccomp },
      { since: 25, check: exceptWindows(seccomp) },
    ],
  },
];
