import { describe, expect, it } from 'vitest';
import { applyCdiEdits, type CdiFile, cdiEditsFor, type LookUpNode } from '../../../../src/cri/spec/cdi-devices.ts';
import { requestedCdiDevices } from '../../../../src/cri/spec/cdi-names.ts';
import { type CdiEdits, parseCdiSpec } from '../../../../src/cri/spec/cdi-spec.ts';
import { buildContainerSpec } from '../../../../src/cri/spec/container-spec.ts';
import type { OciSpec } from '../../../../src/cri/spec/oci-spec.ts';
import { containerInputs, withSecurity } from './build-inputs.ts';

const withEdits = (containerEdits: object, more: object = {}): object => ({
  cdiVersion: '0.6.0',
  kind: 'vendor.com/gpu',
  devices: [{ name: 'gpu0', containerEdits }],
  ...more,
});
const ENV = { env: ['GPU=0'] };

describe('the CDI devices that a request names', () => {
  it('are those of its field, then those of annotations, each once', () => {
    const names = requestedCdiDevices([{ name: 'vendor.com/gpu=0' }, { name: 'vendor.com/gpu=0' }], {
      'cdi.k8s.io/plugin_x': 'vendor.com/gpu=1,vendor.com/gpu=0',
      'example.com/other': 'vendor.com/gpu=2',
    });
    expect(names).toEqual(['vendor.com/gpu=0', 'vendor.com/gpu=1']);
  });

  it.each([
    ['gpu0', 'it is not of the form vendor/class=name'],
    ['/dev/null', 'it is not of the form vendor/class=name'],
    ['1vendor/gpu=0', 'invalid vendor "1vendor"'],
    ['vendor.com/gpu-=0', 'invalid class "gpu-"'],
    ['vendor.com/gpu=0:', 'invalid device name "0:"'],
    ['vendor.com/gpu=a/b', 'invalid device name "a/b"'],
  ])('are refused in an annotation: %s', (name, problem) => {
    expect(() => requestedCdiDevices([], { 'cdi.k8s.io/x': name })).toThrow(
      `annotation cdi.k8s.io/x: invalid CDI device name "${name}": ${problem}`,
    );
  });
});

describe('a CDI specification', () => {
  it.each(['0.3.0', '0.5.0', 'v0.6.0', '0.7.0', '0.8.0', '1.0.0', '1.1.0'])('is read in version %s', cdiVersion => {
    expect(parseCdiSpec(withEdits(ENV, { cdiVersion })).kind).toBe('vendor.com/gpu');
  });

  it.each<[string, object, string]>([
    ['another version', withEdits(ENV, { cdiVersion: '2.0.0' }), 'invalid version "2.0.0"'],
    ['no kind', withEdits(ENV, { kind: undefined }), 'kind "": invalid vendor ""'],
    ['a kind without a class', withEdits(ENV, { kind: 'vendor.com' }), 'kind "vendor.com": invalid class ""'],
    ['no devices', withEdits(ENV, { devices: [] }), 'invalid spec, no devices'],
    ['an unknown field', withEdits(ENV, { extra: 1 }), 'the file: unknown field "extra"'],
    ['a wrong type', withEdits({ env: 'GPU=0' }), 'devices[0].containerEdits.env is not a list'],
    ['a device without edits', withEdits({ env: [] }), 'device "gpu0": empty device edits'],
    ['a variable without a name', withEdits({ env: ['=x'] }), 'device "gpu0": invalid environment variable "=x"'],
    ['a node without a path', withEdits({ deviceNodes: [{ path: '' }] }), 'invalid (empty) device path'],
    ['a node of no type', withEdits({ deviceNodes: [{ path: '/dev/x', type: 'z' }] }), 'invalid type "z"'],
    ['permissions', withEdits({ deviceNodes: [{ path: '/dev/x', permissions: 'x' }] }), 'invalid permissions "x"'],
    ['a hook of no name', withEdits({ hooks: [{ hookName: 'later', path: '/x' }] }), 'invalid hook name "later"'],
    ['a hook without a path', withEdits({ hooks: [{ hookName: 'prestart' }] }), 'with empty path'],
    ['a mount from nowhere', withEdits({ mounts: [{ containerPath: '/x' }] }), 'invalid mount, empty host path'],
    ['a mount to nowhere', withEdits({ mounts: [{ hostPath: '/x' }] }), 'invalid mount, empty container path'],
    [
      'a class of service outside',
      withEdits({ intelRdt: { closID: '../x' } }, { cdiVersion: '0.7.0' }),
      'invalid ClosID',
    ],
    ['text', 'vendor.com/gpu' as unknown as object, 'the file is not an object'],
  ])('is refused with %s', (_why, content, problem) => {
    expect(() => parseCdiSpec(content)).toThrow(problem);
  });

  it('is refused with a device twice', () => {
    const device = { name: 'gpu0', containerEdits: ENV };
    expect(() => parseCdiSpec(withEdits(ENV, { devices: [device, device] }))).toThrow('multiple device "gpu0"');
  });

  it.each<[string, string, object]>([
    ['0.4.0', '0.3.0', withEdits({ mounts: [{ hostPath: '/x', containerPath: '/x', type: 'tmpfs' }] })],
    ['0.5.0', '0.4.0', withEdits({ deviceNodes: [{ path: '/dev/x', hostPath: '/dev/y' }] })],
    ['0.5.0', '0.4.0', withEdits(ENV, { devices: [{ name: '0', containerEdits: ENV }] })],
    ['0.6.0', '0.5.0', withEdits(ENV, { annotations: { a: 'b' } })],
    ['0.6.0', '0.5.0', withEdits(ENV, { kind: 'vendor.com/gpu.x' })],
    ['0.7.0', '0.6.0', withEdits({ additionalGids: [5] })],
    ['1.1.0', '1.0.0', withEdits({ intelRdt: { schemata: ['L3:0=f'] } })],
  ])('must be of version %s or later, not %s, for what it uses', (least, cdiVersion, content) => {
    expect(() => parseCdiSpec({ ...content, cdiVersion })).toThrow(`the spec version must be at least v${least}`);
    expect(parseCdiSpec({ ...content, cdiVersion: least }).cdiVersion).toBe(least);
  });
});

describe('finding CDI devices', () => {
  const file = (path: string, priority: number, env: string, more: object = {}): CdiFile => ({
    path,
    priority,
    spec: parseCdiSpec(withEdits({ env: [env] }, more)),
  });
  const NAME = 'vendor.com/gpu=gpu0';

  it('takes the file of the later directory', () => {
    const files = [file('/etc/cdi/a.yaml', 0, 'GPU=static'), file('/var/run/cdi/a.yaml', 1, 'GPU=dynamic')];
    expect(cdiEditsFor([NAME], files)).toEqual([{ env: ['GPU=dynamic'] }]);
  });

  it('puts what a file says for all of its devices first, and once', () => {
    const devices = ['a', 'b'].map(name => ({ name, containerEdits: { env: [`${name}=1`] } }));
    const files = [file('/etc/cdi/a.yaml', 0, '', { devices, containerEdits: { env: ['ALL=1'] } })];
    expect(cdiEditsFor(['vendor.com/gpu=b', 'vendor.com/gpu=a'], files).flatMap(e => e.env)).toEqual([
      'ALL=1',
      'b=1',
      'a=1',
    ]);
  });

  it('names every device that nobody describes, and the files that could not be read', () => {
    const files: CdiFile[] = [{ path: '/etc/cdi/bad.json', priority: 0, problem: 'invalid spec, no devices' }];
    expect(() => cdiEditsFor(['vendor.com/gpu=7', 'gpu8'], files)).toThrow(
      'unresolvable CDI devices vendor.com/gpu=7, gpu8 ("gpu8": it is not of the form vendor/class=name; /etc/cdi/bad.json: invalid spec, no devices)',
    );
  });

  it('refuses a device that two files of one directory describe, and names them', () => {
    const files = [file('/etc/cdi/a.yaml', 0, 'A=1'), file('/etc/cdi/b.yaml', 0, 'B=1')];
    expect(() => cdiEditsFor([NAME], files)).toThrow(
      `unresolvable CDI devices ${NAME} (in /etc/cdi/a.yaml and in /etc/cdi/b.yaml)`,
    );
  });
});

describe('what a CDI device does to a specification', () => {
  const spec = buildContainerSpec(containerInputs()).spec;
  const onMachine: LookUpNode = path =>
    path === '/dev/gpu0' ? { type: 'c', major: 195, minor: 3, fileMode: 0o660 } : undefined;
  const edited = (edits: CdiEdits, before: OciSpec = spec): OciSpec => applyCdiEdits(before, [edits], onMachine);

  it('sets variables, in the place of those of the same name', () => {
    const { env } = edited({ env: ['GREETING=hello', 'GPU=0'] }).process;
    expect(env).toContain('GREETING=hello');
    expect(env.at(-1)).toBe('GPU=0');
    expect(env.filter(v => v.startsWith('GREETING='))).toHaveLength(1);
  });

  it('makes nodes with the numbers of the machine, and lets the container use them', () => {
    const { devices, resources } = edited({
      deviceNodes: [{ path: '/dev/gpu', hostPath: '/dev/gpu0', permissions: 'rw' }],
    }).linux;
    expect(devices).toEqual([{ path: '/dev/gpu', type: 'c', major: 195, minor: 3, fileMode: 0o660 }]);
    expect(resources.devices?.at(-1)).toEqual({ allow: true, type: 'c', major: 195, minor: 3, access: 'rw' });
  });

  it('gives nodes to the user of the container unless the file says whose they are', () => {
    const { spec: own } = buildContainerSpec(withSecurity({ runAsUser: { value: 1000n } }));
    const [mine, roots] =
      edited(
        { deviceNodes: [{ path: '/dev/gpu0' }, { path: '/dev/gpu1', hostPath: '/dev/gpu0', uid: 0, gid: 0 }] },
        own,
      ).linux.devices ?? [];
    expect([mine?.uid, roots?.uid]).toEqual([1000, 0]);
  });

  it('makes a node that the file describes whole, whether or not the machine has it', () => {
    const node = { path: '/dev/fuse2', type: 'c', major: 10, minor: 229 };
    expect(edited({ deviceNodes: [{ ...node, permissions: 'none' }] }).linux).toMatchObject({
      devices: [node],
      resources: { devices: spec.linux.resources.devices },
    });
  });

  it.each<[string, CdiEdits, string]>([
    [
      'a node that is not there',
      { deviceNodes: [{ path: '/dev/none' }] },
      '/dev/none is no device node of this machine',
    ],
    ['a node of another type', { deviceNodes: [{ path: '/dev/gpu0', type: 'b' }] }, 'host type mismatch (b, c)'],
    ['network devices', { netDevices: [{}] }, 'netDevices are not supported'],
  ])('is refused with %s', (_what, edits, problem) => {
    expect(() => edited(edits)).toThrow(
      `CDI device injection failed: ${problem}`.replace(
        'failed: host',
        'failed: CDI device ("/dev/gpu0", "/dev/gpu0"), host',
      ),
    );
  });

  it('mounts, in the place of what was mounted there, parents first', () => {
    const mounts = edited({
      mounts: [
        { hostPath: '/lib/gpu/x', containerPath: '/usr/lib/gpu/x', options: ['ro', 'bind'] },
        { hostPath: '/lib/gpu', containerPath: '/usr', options: ['rbind'] },
        { hostPath: '/our/hosts', containerPath: '/etc/hosts/' },
      ],
    }).mounts.filter(m => !/^\/(proc|dev|sys)/.test(m.destination));
    expect(mounts.map(m => [m.destination, m.source, m.options.join()])).toEqual([
      ['/usr', '/lib/gpu', 'rbind'],
      ['/etc/resolv.conf', '/run/gantry/cri/sandboxes/a/resolv.conf', 'rbind,rprivate,rw'],
      ['/etc/hostname', '/run/gantry/cri/sandboxes/a/hostname', 'rbind,rprivate,rw'],
      ['/etc/hosts', '/our/hosts', 'bind'],
      ['/usr/lib/gpu/x', '/lib/gpu/x', 'ro,bind'],
    ]);
  });

  it('adds hooks, groups and a class of the cache', () => {
    const result = edited({
      hooks: [
        { hookName: 'createContainer', path: '/usr/bin/ldconfig-hook', args: ['ldconfig-hook', '-x'], timeout: 5 },
      ],
      additionalGids: [0, 44, 44],
      intelRdt: { closID: 'gpu' },
    });
    expect(result.hooks).toEqual({
      createContainer: [{ path: '/usr/bin/ldconfig-hook', args: ['ldconfig-hook', '-x'], timeout: 5 }],
    });
    expect(result.process.user.additionalGids).toEqual([0, 44]);
    expect(result.linux.intelRdt).toEqual({ closID: 'gpu' });
  });

  it('leaves a specification as it is when there is nothing to do', () => {
    expect(applyCdiEdits(spec, [], onMachine)).toBe(spec);
  });
});
