import { describe, expect, it } from 'vitest';
import { buildContainerSpec } from '../../../../src/cri/spec/container-spec.ts';
import type { CriIdMapping, CriNamespaceOption, CriUserNamespace } from '../../../../src/cri/spec/inputs.ts';
import { buildSandboxSpec } from '../../../../src/cri/spec/sandbox-spec.ts';
import { isIdMapped, machineId, podUserNamespace } from '../../../../src/cri/spec/user-namespace.ts';
import { containerInputs, sandboxInputs, withSecurity } from './build-inputs.ts';

const LINE: CriIdMapping = { hostId: 131_072, containerId: 0, length: 65_536 };
const OCI_LINE = { hostID: 131_072, containerID: 0, size: 65_536 };
const POD = { uids: [OCI_LINE], gids: [OCI_LINE] };
const USERNS = { ...POD, path: '/run/gantry/cri/userns/a' };
const asking = (
  usernsOptions: Partial<CriUserNamespace>,
  more: Partial<CriNamespaceOption> = {},
): CriNamespaceOption => ({
  network: 0,
  pid: 1,
  ipc: 0,
  targetId: '',
  usernsOptions: { mode: 0, uids: [LINE], gids: [LINE], ...usernsOptions },
  ...more,
});
const inside = { ...containerInputs().sandbox, userns: USERNS };

describe('the user namespace that a pod asks for', () => {
  it('is the machine’s where nothing is said, and in mode NODE', () => {
    expect(podUserNamespace(undefined)).toBeUndefined();
    expect(podUserNamespace(asking({ mode: 2, uids: [], gids: [] }))).toBeUndefined();
  });

  it('has the ids of the request in mode POD', () => {
    expect(podUserNamespace(asking({}))).toEqual(POD);
  });

  it.each<[string, CriNamespaceOption, string]>([
    ['no ids', asking({ uids: [] }), 'can\'t use user namespace mode "POD" without UID and GID mappings'],
    [
      'ids in mode NODE',
      asking({ mode: 2 }),
      'can\'t use user namespace mode "NODE" with mappings. Got 1 UID mappings and 1 GID mappings',
    ],
    ['mode CONTAINER', asking({ mode: 1 }), 'unsupported user namespace mode: "CONTAINER"'],
    ['a mode that is none', asking({ mode: 9 }), 'unsupported user namespace mode: "9"'],
    ['two lines', asking({ gids: [LINE, LINE] }), 'GID mapping: only one mapping line supported, got 2 mapping lines'],
    ['an empty line', asking({ uids: [{ ...LINE, length: 0 }] }), 'UID mapping: invalid mapping length: 0'],
    ['no root', asking({ uids: [{ ...LINE, containerId: 1 }] }), 'UID mapping: it begins at 1'],
    ['the host network', asking({}, { network: 2 }), 'a pod on the host network cannot have a user namespace'],
  ])('is refused with %s', (_why, options, message) => {
    expect(() => podUserNamespace(options)).toThrow(`user namespace configuration: ${message}`);
  });
});

describe('specifications of a pod with a user namespace', () => {
  it('join the bound one and tell its ids, sandbox and container alike', () => {
    const sandbox = buildSandboxSpec(sandboxInputs({}, { userns: USERNS })).spec.linux;
    const container = buildContainerSpec(withSecurity({ namespaceOptions: asking({}) }, { sandbox: inside })).spec
      .linux;
    for (const { namespaces, uidMappings, gidMappings } of [sandbox, container]) {
      expect(namespaces).toContainEqual({ type: 'user', path: USERNS.path });
      expect([uidMappings, gidMappings]).toEqual([POD.uids, POD.gids]);
    }
  });

  it('let the groups ping that there are', () => {
    const { sysctl } = buildSandboxSpec(sandboxInputs({}, { userns: USERNS })).spec.linux;
    expect(sysctl?.['net.ipv4.ping_group_range']).toBe('0 65535');
  });

  it.each<[string, CriNamespaceOption | undefined]>([
    ['none', undefined],
    ['other ids', asking({ uids: [{ ...LINE, hostId: 196_608 }] })],
  ])('refuse a container that asks for %s', (_what, namespaceOptions) => {
    expect(() => buildContainerSpec(withSecurity({ namespaceOptions }, { sandbox: inside }))).toThrow(
      'user namespace config for sandbox is different from container',
    );
  });

  it('refuse a container that asks for one in a pod without', () => {
    expect(() => buildContainerSpec(withSecurity({ namespaceOptions: asking({}) }))).toThrow(
      "Sandbox userns config: the machine's - Container userns config: uids 0:131072:65536 gids 0:131072:65536",
    );
  });
});

describe('users of a pod with a user namespace', () => {
  it.each<[string, Parameters<typeof withSecurity>[0], string]>([
    ['a user', { runAsUser: { value: 65_536n } }, 'user id 65536 has no place'],
    ['a group', { runAsUser: { value: 1n }, runAsGroup: { value: 70_000n } }, 'group id 70000 has no place'],
    ['a supplemental group', { supplementalGroups: [70_000n] }, 'group id 70000 has no place'],
  ])('must have a place in it: %s', (_which, changes, message) => {
    const inputs = withSecurity({ ...changes, namespaceOptions: asking({}) }, { sandbox: inside });
    expect(() => buildContainerSpec(inputs)).toThrow(`${message} in the pod's user namespace`);
  });

  it('may be the last', () => {
    const inputs = withSecurity({ runAsUser: { value: 65_535n }, namespaceOptions: asking({}) }, { sandbox: inside });
    expect(buildContainerSpec(inputs).spec.process.user.uid).toBe(65_535);
  });
});

describe('mounts with id mappings', () => {
  const mount = { containerPath: '/data', uidMappings: [LINE], gidMappings: [LINE] };

  it('are those that name the pod’s ids', () => {
    expect(isIdMapped(mount, POD)).toBe(true);
    expect(isIdMapped({ ...mount, uidMappings: [], gidMappings: [] }, POD)).toBe(false);
  });

  it('are refused in a pod without a user namespace, and with other ids', () => {
    expect(() => isIdMapped(mount, undefined)).toThrow('mount /data: uid_mappings and gid_mappings need a pod with');
    expect(() => isIdMapped({ ...mount, gidMappings: [] }, POD)).toThrow(
      "mount /data: its id mappings (uids 0:131072:65536 gids ) are not the pod's (uids 0:131072:65536 gids 0:131072:65536)",
    );
  });
});

describe('ids as the machine knows them', () => {
  it.each([
    ['root', 0, 131_072],
    ['the last', 65_535, 196_607],
    ['one that has none', 65_536, 65_536],
  ])('%s', (_which, id, expected) => {
    expect(machineId(id, POD.uids)).toBe(expected);
  });

  it('are the same without mappings', () => {
    expect(machineId(1000)).toBe(1000);
  });
});
