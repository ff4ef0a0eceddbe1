import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CAPABILITIES, decideCapabilities } from '../../../../src/cri/spec/capabilities.ts';
import { cgroupsPath, systemdScopePath } from '../../../../src/cri/spec/cgroup-path.ts';
import { buildContainerSpec } from '../../../../src/cri/spec/container-spec.ts';
import type { ContainerSpecInputs, CriContainerSecurityContext, CriMount } from '../../../../src/cri/spec/inputs.ts';
import { cleanPath, decideMounts } from '../../../../src/cri/spec/mounts.ts';
import { clampOomScoreAdj } from '../../../../src/cri/spec/oom-score.ts';
import { processArgs, processCwd, processEnv } from '../../../../src/cri/spec/process-args.ts';
import { clampRlimits } from '../../../../src/cri/spec/rlimits.ts';
import { buildSandboxSpec } from '../../../../src/cri/spec/sandbox-spec.ts';
import { defaultSeccomp } from '../../../../src/cri/spec/seccomp-default.ts';
import { decideSeccomp } from '../../../../src/cri/spec/security-profiles.ts';
import { decideSysctls } from '../../../../src/cri/spec/sysctls.ts';
import { processUser } from '../../../../src/cri/spec/user.ts';
import { CAPABILITY_NAMES } from '../../../../src/linux/capabilities.ts';
import { containerInputs, HOST, SECURITY, sandboxInputs, withResources, withSecurity } from './build-inputs.ts';

const SEED = { seed: 20_261_121 };

describe('arguments', () => {
  it.each([
    ['the image says all', [], [], ['/e', 'c']],
    ['args replace the cmd of the image alone', [], ['x'], ['/e', 'x']],
    ['a command replaces both', ['/n'], [], ['/n']],
    ['command and args stand alone', ['/n'], ['x', 'y'], ['/n', 'x', 'y']],
  ])('%s', (_why, command, args, expected) => {
    expect(processArgs({ command, args }, { entrypoint: ['/e'], cmd: ['c'] })).toEqual(expected);
  });

  it('refuses to run nothing', () => {
    expect(() => processArgs({ command: [], args: [] }, { entrypoint: [], cmd: [] })).toThrow('no command to run');
  });

  it.each([
    ['/w', '/i', '/w'],
    ['', '/i', '/i'],
    ['', '', '/'],
    ['rel', '/i', '/rel'],
  ])('starts in the directory: request "%s", image "%s" -> %s', (wanted, image, expected) => {
    expect(processCwd(wanted, image)).toBe(expected);
  });
});

describe('environment', () => {
  const name = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,5}$/);
  const pairs = fc.array(fc.tuple(name, fc.string()));

  it('has each key once, and the last word is the request, then the image, then the defaults', () => {
    fc.assert(
      fc.property(pairs, pairs, fc.boolean(), (image, request, tty) => {
        const env = processEnv(
          { envs: request.map(([key, value]) => ({ key, value })), tty },
          image.map(([key, value]) => `${key}=${value}`),
          'pod',
        );
        const expected = new Map<string, string>([
          ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
          ...(tty ? [['TERM', 'xterm'] as const] : []),
          ['HOSTNAME', 'pod'],
          ...image,
          ...request,
        ]);
        expect([...env].sort()).toEqual([...expected].map(([key, value]) => `${key}=${value}`).sort());
      }),
      SEED,
    );
  });

  it('keeps equals signs in values of the image', () => {
    expect(processEnv({ envs: [], tty: false }, ['OPTS=a=b=c'], 'h')).toContain('OPTS=a=b=c');
  });
});

describe('user', () => {
  const passwd = containerInputs().passwd;
  const group = containerInputs().group;
  const rows: [string, Partial<CriContainerSecurityContext>, string, [number, number, number[]]][] = [
    ['nobody says anything: root', {}, '', [0, 0, [0]]],
    ['a number in the image, known to passwd', {}, '1000', [1000, 1001, [1001, 50000, 50001]]],
    ['a name in the image', {}, 'app', [1000, 1001, [1001, 50000, 50001]]],
    ['user and group in the image', {}, 'app:logs', [1000, 50000, [50000, 50001]]],
    ['an unknown number has group 0', {}, '4711', [4711, 0, [0]]],
    ['the request beats the image', { runAsUser: { value: 7n } }, 'app:logs', [7, 0, [0]]],
    ['a name in the request', { runAsUsername: 'app' }, '', [1000, 1001, [1001, 50000, 50001]]],
    [
      'a group in the request',
      { runAsUser: { value: 1000n }, runAsGroup: { value: 9n }, supplementalGroups: [60n, 9n] },
      '',
      [1000, 9, [9, 50000, 50001, 60]],
    ],
    [
      'Strict leaves the memberships of the image out',
      { runAsUser: { value: 1000n }, supplementalGroups: [60n], supplementalGroupsPolicy: 1 },
      '',
      [1000, 1001, [1001, 60]],
    ],
  ];
  it.each(rows)('%s', (_why, context, imageUser, [uid, gid, additionalGids]) => {
    const user = processUser({ securityContext: { ...SECURITY, ...context }, imageUser, passwd, group });
    expect(user).toEqual({ uid, gid, additionalGids });
  });

  const hostile = 'root:x:0:0::/:\n1000:x:0:0::/:\nbig:x:4294967296:0::/:\nwide:x:5:4294967296::/:\n';
  it.each<[string, Partial<CriContainerSecurityContext>, string, [number, number]]>([
    ['the request', { runAsUser: { value: 1000n } }, '', [1000, 0]],
    ['the image', {}, '1000', [1000, 0]],
    ['the image, with a group', {}, '1000:0007', [1000, 7]],
  ])('a number in %s is that id, whatever names the image has', (_why, context, imageUser, [uid, gid]) => {
    const securityContext = { ...SECURITY, ...context };
    const user = processUser({ securityContext, imageUser, passwd: hostile, group: '0007:x:0:\n' });
    expect(user).toMatchObject({ uid, gid });
  });

  it.each(['big', 'wide'])('an entry with an id beyond the kernel is none (%s)', imageUser => {
    expect(() => processUser({ securityContext: SECURITY, imageUser, passwd: hostile, group: '' })).toThrow(
      `user "${imageUser}" is not in`,
    );
  });

  it.each<[string, Partial<CriContainerSecurityContext>, string, string]>([
    ['a name that passwd does not have', {}, 'nobody', 'user "nobody" is not in'],
    ['a group that the image does not have', {}, 'app:nope', 'group "nope" is not in'],
    ['a group without a user', { runAsGroup: { value: 1n } }, '', 'run_as_group is set without'],
    ['an id beyond the kernel', { runAsUser: { value: 4294967295n } }, '', 'user id 4294967295'],
  ])('refuses %s', (_why, context, imageUser, message) => {
    expect(() => processUser({ securityContext: { ...SECURITY, ...context }, imageUser, passwd, group })).toThrow(
      message,
    );
  });
});

describe('capabilities', () => {
  const decide = (add: string[], drop: string[], bounding = CAPABILITY_NAMES) =>
    decideCapabilities({
      privileged: false,
      capability: { addCapabilities: add, dropCapabilities: drop, addAmbientCapabilities: [] },
      bounding,
      known: CAPABILITY_NAMES,
    });

  it.each<[string, string[], string[], readonly string[]]>([
    ['nothing asked: the defaults', [], [], [...DEFAULT_CAPABILITIES]],
    [
      'names are taken with and without prefix, in any case',
      ['net_admin'],
      ['CAP_KILL'],
      [...DEFAULT_CAPABILITIES.filter(c => c !== 'CAP_KILL'), 'CAP_NET_ADMIN'],
    ],
    ['drop ALL and add one', ['NET_RAW'], ['ALL'], ['CAP_NET_RAW']],
    ['add ALL and drop one', ['ALL'], ['SYS_ADMIN'], CAPABILITY_NAMES.filter(c => c !== 'CAP_SYS_ADMIN')],
    ['drop wins over add', ['NET_RAW'], ['NET_RAW', 'ALL'], []],
  ])('%s', (_why, add, drop, expected) => {
    expect([...decide(add, drop).capabilities.effective].sort()).toEqual([...expected].sort());
  });

  it('leaves out what this process does not have, and says so', () => {
    const decided = decide(
      ['SYS_RESOURCE'],
      [],
      CAPABILITY_NAMES.filter(c => c !== 'CAP_SYS_RESOURCE'),
    );
    expect(decided.capabilities.bounding).not.toContain('CAP_SYS_RESOURCE');
    expect(decided.notes.join()).toContain('CAP_SYS_RESOURCE was asked for');
  });

  it('makes nothing inheritable that is not ambient', () => {
    expect(decide(['NET_RAW'], []).capabilities.inheritable).toEqual([]);
  });

  it('names an unknown capability', () => {
    expect(() => decide(['FLY'], [])).toThrow('unknown capability "CAP_FLY"');
  });
});

describe('oom_score_adj', () => {
  it('is always one that the kernel grants', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: -1000, max: 1000 }), fc.boolean(), (wanted, current, canLower) => {
        const { value, reason } = clampOomScoreAdj(wanted, { current, canLower });
        expect(value).toBeGreaterThanOrEqual(canLower ? -1000 : current);
        expect(value).toBeLessThanOrEqual(1000);
        expect(reason === undefined).toBe(value === wanted);
      }),
      SEED,
    );
  });
});

describe('rlimits', () => {
  it('never exceed what this process may set, and soft never hard', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.option(fc.nat(), { nil: undefined }), (soft, hard, most) => {
        const own = most === undefined ? undefined : new Map([['RLIMIT_NOFILE', most]]);
        const { rlimits, notes } = clampRlimits([{ type: 'RLIMIT_NOFILE', soft, hard }], own);
        expect(rlimits[0]?.hard).toBe(Math.min(hard, most ?? hard));
        expect(rlimits[0]?.soft).toBe(Math.min(soft, hard, most ?? hard));
        expect(notes).toHaveLength(hard > (most ?? hard) ? 1 : 0);
      }),
      SEED,
    );
  });
});

describe('cgroup paths', () => {
  it.each([
    ['/kubepods/besteffort/pod1', '/kubepods/besteffort/pod1/x'],
    ['kubepods/', '/kubepods/x'],
    ['', '/gantry/x'],
    ['kubepods-burstable-pod1_2.slice', 'kubepods-burstable-pod1_2.slice:gantry:x'],
    ['/kubepods.slice/kubepods-pod1.slice', 'kubepods-pod1.slice:gantry:x'],
  ])('below "%s": %s', (parent, expected) => {
    expect(cgroupsPath(parent, 'x')).toBe(expected);
  });

  it('never leave the root', () => {
    expect(() => cgroupsPath('/kubepods/../..', 'x')).toThrow('may not contain ".."');
  });

  it('of systemd spell out each level of a slice', () => {
    expect(systemdScopePath('kubepods-burstable-pod1_2.slice:gantry:x')).toBe(
      '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/gantry-x.scope',
    );
    expect(() => systemdScopePath('a--b.slice:gantry:x')).toThrow('not the name of a systemd slice');
  });
});

describe('sysctls', () => {
  it('take slashes as separators, with dots inside a name', () => {
    const own = { network: true, ipc: true };
    expect(decideSysctls({ 'net/ipv4/conf/eth0.1/forwarding': '1' }, own)).toEqual({
      'net.ipv4.conf.eth0/1.forwarding': '1',
    });
  });

  it('set the domain name of a pod that has its own host name', () => {
    expect(decideSysctls({ 'kernel.domainname': 'x' }, { network: true, ipc: true })).toEqual({
      'kernel.domainname': 'x',
    });
  });

  it.each([
    ['net.ipv4.tcp_syncookies', { network: false, ipc: true }, 'host network'],
    ['kernel.domainname', { network: false, ipc: true }, 'host network'],
    ['kernel.shmmax', { network: true, ipc: false }, 'IPC namespace'],
    ['vm.swappiness', { network: true, ipc: true }, 'whole machine'],
    ['kernel.panic', { network: true, ipc: true }, 'whole machine'],
  ])('refuse %s', (name, own, message) => {
    expect(() => decideSysctls({ [name]: '1' }, own)).toThrow(message);
  });
});

describe('mounts', () => {
  const mount = (changes: Partial<CriMount>): CriMount => ({
    containerPath: '/data',
    hostPath: '/v',
    readonly: false,
    propagation: 0,
    recursiveReadOnly: false,
    ...changes,
  });
  const decide = (...mounts: CriMount[]) =>
    decideMounts({
      mounts,
      sandbox: containerInputs().sandbox,
      privileged: false,
      readonlyRootfs: false,
      recursiveReadOnly: false,
    });

  it('have every parent before its children', () => {
    const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }).map(p => `/${p.join('/')}`);
    fc.assert(
      fc.property(fc.uniqueArray(path), paths => {
        const order = decide(...paths.map(containerPath => mount({ containerPath }))).mounts.map(m => m.destination);
        for (const [index, destination] of order.entries())
          expect(order.slice(0, index).filter(before => before.startsWith(`${destination}/`))).toEqual([]);
      }),
      SEED,
    );
  });

  const heldBy = (...propagation: string[]) => ({ target: '/srv', propagation });
  it.each<[string, Partial<CriMount>]>([
    ['private ones', { propagation: 0, heldBy: heldBy() }],
    ['those from the machine, held by a shared mount', { propagation: 1, heldBy: heldBy('shared:7') }],
    ['those from the machine, held by a slave of another', { propagation: 1, heldBy: heldBy('master:7') }],
    ['those both ways, held by a shared mount', { propagation: 2, heldBy: heldBy('shared:7', 'master:3') }],
  ])('spread as the mount that holds their source does: %s', (_which, changes) => {
    expect(() => decide(mount(changes))).not.toThrow();
  });

  it.each<[string, Partial<CriMount>, string]>([
    ['from the machine', { propagation: 1, heldBy: heldBy() }, 'it is not a shared or slave mount'],
    ['both ways', { propagation: 2, heldBy: heldBy() }, 'it is not a shared mount'],
    ['both ways, from a slave', { propagation: 2, heldBy: heldBy('master:7') }, 'it is not a shared mount'],
  ])('are refused where nothing could spread: %s', (_which, changes, why) => {
    expect(() => decide(mount(changes))).toThrow(`path "/v" is mounted on "/srv" but ${why}`);
  });

  it('of a whole /dev keep the defaults beneath it away', () => {
    const destinations = decide(mount({ containerPath: '/dev', hostPath: '/dev' })).mounts.map(m => m.destination);
    expect(destinations.filter(d => d.startsWith('/dev'))).toEqual(['/dev']);
  });

  it.each<[string, Partial<CriMount>, string]>([
    ['recursive read-only of a writable mount', { recursiveReadOnly: true }, 'needs readonly'],
    [
      'recursive read-only with propagation',
      { recursiveReadOnly: true, readonly: true, propagation: 1 },
      'needs private',
    ],
    ['recursive read-only where it cannot be had', { recursiveReadOnly: true, readonly: true }, 'Linux 5.12'],
    ['no source', { hostPath: '' }, 'no host path'],
    ['a target outside', { containerPath: '/a/../../b' }, 'leads out of the root'],
  ])('refuse %s', (_why, changes, message) => {
    expect(() => decide(mount(changes))).toThrow(message);
  });

  it('have clean paths', () => {
    expect(cleanPath('//a/./b/../c/')).toBe('/a/c');
  });
});

describe('resources', () => {
  const withoutHugetlb = { host: { ...HOST, hugetlb: false } };
  it('leave out the huge page limits of 0 that every kubelet sends, where there is no controller to set them', () => {
    const hugepageLimits = [
      { pageSize: '2MB', limit: 0n },
      { pageSize: '1GB', limit: 0n },
    ];
    expect(buildContainerSpec(withResources({ hugepageLimits })).spec.linux.resources.hugepageLimits).toHaveLength(2);
    const { spec } = buildContainerSpec(withResources({ hugepageLimits }, withoutHugetlb));
    expect(spec.linux.resources).not.toHaveProperty('hugepageLimits');
  });

  it('with a real huge page limit need the controller', () => {
    const hugepageLimits = [{ pageSize: '2MB', limit: 4_194_304n }];
    expect(() => buildContainerSpec(withResources({ hugepageLimits }, withoutHugetlb))).toThrow(
      'the hugepage limit 2MB (4194304 bytes) needs the cgroup controller hugetlb',
    );
  });

  it('may not ask v1 for raw v2 values', () => {
    expect(() => buildContainerSpec(withResources({ unified: { 'memory.high': '1' } }))).toThrow(
      'unified resources (memory.high) need cgroup v2',
    );
  });

  it('have no swap limit where the kernel does not count swap', () => {
    const { spec } = buildContainerSpec(
      withResources({ memoryLimitInBytes: 1024n }, { host: { ...HOST, swapAccounting: false } }),
    );
    expect(spec.linux.resources.memory).toEqual({ limit: 1024 });
  });

  it('say nothing of an unlimited quota, which every new group has', () => {
    expect(buildContainerSpec(withResources({ cpuQuota: -1n })).spec.linux.resources.cpu).toEqual({});
  });
});

describe('security profiles', () => {
  const seccomp = (profileType: number, loaded?: object, privileged = false): object | undefined =>
    decideSeccomp({
      profile: { profileType, localhostRef: 'a' },
      loaded,
      privileged,
      architecture: 'x64',
      capabilities: ['CAP_CHOWN'],
    });

  it('unconfined, privileged and none at all give no filter, a local one is passed on', () => {
    const loaded = { defaultAction: 'SCMP_ACT_ALLOW' };
    const nothing = { profile: undefined, loaded: undefined, privileged: false, architecture: 'x64', capabilities: [] };
    expect(decideSeccomp(nothing)).toBeUndefined();
    expect(seccomp(1)).toBeUndefined();
    expect(seccomp(0, undefined, true)).toBeUndefined();
    expect(seccomp(2, loaded)).toBe(loaded);
    expect(seccomp(2, loaded, true)).toBeUndefined();
    expect(() => seccomp(2)).toThrow('"a" was not found');
    expect(() => seccomp(3)).toThrow('profile type 3 is unknown');
  });

  it('of the runtime are our own profile', () => {
    expect(seccomp(0)).toEqual(defaultSeccomp('x64', ['CAP_CHOWN']));
  });
});

describe('namespaces', () => {
  it.each<[string, ContainerSpecInputs, string]>([
    [
      'a target that does not run',
      withSecurity({ namespaceOptions: { network: 0, pid: 3, ipc: 0, targetId: 'gone' } }),
      'container "gone"',
    ],
  ])('refuse %s', (_why, inputs, message) => {
    expect(() => buildContainerSpec(inputs)).toThrow(message);
  });

  it('refuse a pod network without a namespace', () => {
    expect(() => buildSandboxSpec(sandboxInputs({}, { netnsPath: undefined }))).toThrow('has no network namespace');
  });

  const typesOf = (inputs: ContainerSpecInputs): string[] =>
    buildContainerSpec(inputs).spec.linux.namespaces.map(({ type }) => type);
  const hostNetwork = { ...containerInputs().sandbox, netnsPath: undefined };

  it.each([
    ['a container of a pod on the host network is on it', 0, hostNetwork, ['mount', 'pid', 'ipc']],
    [
      'one of another pod is on the network of its pod',
      2,
      containerInputs().sandbox,
      ['mount', 'pid', 'ipc', 'network', 'uts'],
    ],
  ])('%s, whatever it says itself', (_sentence, network, sandbox, expected) => {
    const namespaceOptions = { network, pid: 1, ipc: 0, targetId: '' };
    expect(typesOf(withSecurity({ namespaceOptions }, { sandbox }))).toEqual(expected);
  });
});
