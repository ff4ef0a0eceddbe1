import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../src/linux/command.ts';
import { builtPackage } from '../harness/debian-package.ts';

const work = mkdtempSync(join(tmpdir(), 'gantry-package-'));
const { deb, missing } = await builtPackage(work);
const hasLintian = existsSync('/usr/bin/lintian');
if (missing !== '') console.log(`skipped: ${missing}`);
if (!hasLintian) console.log('skipped: lintian is not installed, so the package is not checked by it');
afterAll(() => rmSync(work, { recursive: true, force: true }));

const output = async (program: string, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await runCommand(program, args);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stderr.toString()}`);
  return stdout.toString();
};

/** The package again, with another version and a small file in the place of its Node, which makes no difference to what is looked at. */
async function repacked(version: string): Promise<string> {
  const root = `${work}/${version}`;
  await output('dpkg-deb', '-R', deb, root);
  const control = readFileSync(`${root}/DEBIAN/control`, 'utf8').replace(/^Version: .*$/m, `Version: ${version}`);
  writeFileSync(`${root}/DEBIAN/control`, control);
  copyFileSync('/usr/bin/true', `${root}/usr/lib/gantry/node`);
  const sum = createHash('md5').update(readFileSync('/usr/bin/true')).digest('hex');
  const sums = readFileSync(`${root}/DEBIAN/md5sums`, 'utf8');
  writeFileSync(`${root}/DEBIAN/md5sums`, sums.replace(/^\w+(?= {2}usr\/lib\/gantry\/node$)/m, sum));
  const target = `${work}/gantry_${version}_amd64.deb`;
  await output('dpkg-deb', '--root-owner-group', '-Zgzip', '-z1', '--build', root, target);
  rmSync(root, { recursive: true, force: true });
  return target;
}

interface Entry {
  readonly mode: string;
  readonly owner: string;
  readonly path: string;
}

describe.skipIf(missing !== '')('the Debian package', () => {
  let entries: readonly Entry[];
  const files = (): readonly string[] => entries.map(({ path }) => path);

  beforeAll(async () => {
    const lines = (await output('dpkg-deb', '-c', deb)).trimEnd().split('\n');
    entries = lines.map(line => {
      const [mode = '', owner = '', , , , path = ''] = line.split(/\s+/);
      return { mode, owner, path: path.replace(/^\./, '') };
    });
  });

  it.each([
    ['the command', '/usr/bin/gantry', '-rwxr-xr-x'],
    ['a Node of its own', '/usr/lib/gantry/node', '-rwxr-xr-x'],
    ['the program', '/usr/lib/gantry/gantry.mjs', '-rw-r--r--'],
    ["koffi's native part", '/usr/lib/gantry/node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node', '-rw-r--r--'],
    ['the unit of the runtime', '/lib/systemd/system/gantry-cri.service', '-rw-r--r--'],
    ['the unit of the node', '/lib/systemd/system/gantry-node.service', '-rw-r--r--'],
    ['the unit of the control plane', '/lib/systemd/system/gantry-control-plane.service', '-rw-r--r--'],
    ['the unit of etcd', '/lib/systemd/system/gantry-etcd.service', '-rw-r--r--'],
    ["the condition of Debian's etcd", '/lib/systemd/system/etcd.service.d/10-gantry.conf', '-rw-r--r--'],
    ['the CNI launcher', '/usr/lib/gantry/cni/gantry-bridge', '-rwxr-xr-x'],
    ['a template of the pod network', '/usr/share/gantry/cni/10-gantry.conflist', '-rw-r--r--'],
    ['a man page', '/usr/share/man/man8/gantry-init.8.gz', '-rw-r--r--'],
    ['completion for bash', '/usr/share/bash-completion/completions/gantry', '-rw-r--r--'],
    ['completion for zsh', '/usr/share/zsh/vendor-completions/_gantry', '-rw-r--r--'],
    ['completion for fish', '/usr/share/fish/vendor_completions.d/gantry.fish', '-rw-r--r--'],
    ['the configuration', '/etc/gantry/cri.yaml', '-rw-r--r--'],
    ['the licences of what is bundled', '/usr/share/doc/gantry/third-party-licenses.txt.gz', '-rw-r--r--'],
  ])('holds %s', (_what, path, mode) => {
    expect(entries).toContainEqual({ mode, owner: 'root/root', path });
  });

  it('is all of root, holds no source maps, and nothing outside of the places of a package', () => {
    expect(new Set(entries.map(({ owner }) => owner))).toEqual(new Set(['root/root']));
    expect(files().filter(path => path.endsWith('.map'))).toEqual([]);
    expect(files().filter(path => !/^\/($|(etc|lib|usr)\/)/.test(path))).toEqual([]);
  });

  it('marks every file of /etc as configuration', async () => {
    const conffiles = (await output('dpkg-deb', '-I', deb, 'conffiles')).trimEnd().split('\n');
    expect(conffiles).toEqual(files().filter(path => path.startsWith('/etc/') && !path.endsWith('/')));
  });

  it.skipIf(!hasLintian)('has no errors of lintian', async () => {
    const small = await repacked('9.0');
    const { stdout } = await runCommand('lintian', ['--allow-root', '--tag-display-limit', '0', small]);
    expect(
      stdout
        .toString()
        .split('\n')
        .filter(line => line.startsWith('E:')),
    ).toEqual([]);
  });
});

/** The machine's own files under a layer in memory, so that its dpkg can install and remove; nothing of it reaches the machine. */
describe.skipIf(missing !== '')('installing it', () => {
  const root = `${work}/root`;
  const inside = (path: string): string => `${root}${path}`;
  const CALLS = '/run/systemctl-calls';
  const ACTIVE = '/run/active-units';

  beforeAll(async () => {
    const layer = `${work}/layer`;
    mkdirSync(layer);
    mkdirSync(root);
    await output('mount', '-t', 'tmpfs', 'tmpfs', layer);
    for (const name of ['upper', 'work']) mkdirSync(`${layer}/${name}`);
    await output(
      'mount',
      '-t',
      'overlay',
      'overlay',
      '-o',
      `lowerdir=/,upperdir=${layer}/upper,workdir=${layer}/work`,
      root,
    );
    await output('mount', '-t', 'proc', 'proc', inside('/proc'));
    for (const path of [
      '/run',
      '/tmp',
      '/var/lib/gantry',
      '/etc/gantry',
      '/etc/kubernetes',
      '/var/lib/gantry-hosts',
      '/opt/cni',
    ]) {
      mkdirSync(inside(path), { recursive: true });
      await output('mount', '-t', 'tmpfs', 'tmpfs', inside(path));
    }
    // mounts would keep the directories: only /run and /tmp are to stay
    for (const path of ['/var/lib/gantry', '/etc/gantry', '/etc/kubernetes', '/var/lib/gantry-hosts', '/opt/cni']) {
      await output('umount', inside(path));
      rmSync(inside(path), { recursive: true, force: true });
    }
    mkdirSync(inside('/dev'), { recursive: true });
    symlinkSync('/proc/self/fd', inside('/dev/fd'));
    copyFileSync(deb, inside('/tmp/first.deb'));
    copyFileSync(await repacked('9.1'), inside('/tmp/second.deb'));
  });
  afterAll(async () => {
    await runCommand('umount', ['-R', root]);
    await runCommand('umount', [`${work}/layer`]);
  });

  async function chroot(...argv: string[]): Promise<{ code: number | null; text: string }> {
    const env = {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      DEBIAN_FRONTEND: 'noninteractive',
    };
    const { code, stdout, stderr } = await runCommand('chroot', [root, ...argv], { env });
    return { code, text: `${stdout.toString()}${stderr.toString()}` };
  }
  // What it depends on may be missing on this machine: the VM installs it with apt-get. Nobody reads man pages here, whose index would be made anew each time.
  const FORCED = ['--force-depends', '--force-confold', '--force-unsafe-io', '--no-triggers'];
  const dpkg = (...args: string[]): ReturnType<typeof chroot> => chroot('dpkg', ...FORCED, ...args);

  /** From here on systemd seems to run: its commands write down what they are asked for. */
  function pretendSystemd(active: readonly string[], activating: readonly string[] = []): void {
    mkdirSync(inside('/run/systemd/system'), { recursive: true });
    const fake = `#!/bin/sh
case "$1 $2" in
'--quiet is-active') grep -qx -- "$3 active" ${ACTIVE}; exit ;;
'--quiet is-enabled') grep -q -- "^$3 " ${ACTIVE}; exit ;;
'is-active '*) sed -n "s/^$2 //p" ${ACTIVE}; grep -qx -- "$2 active" ${ACTIVE}; exit ;;
esac
echo "\${0##*/} $*" >>${CALLS}
`;
    for (const name of ['systemctl', 'deb-systemd-invoke'])
      writeFileSync(inside(`/usr/local/sbin/${name}`), fake, { mode: 0o755 });
    writeFileSync(
      inside(ACTIVE),
      [...active.map(unit => `${unit} active\n`), ...activating.map(unit => `${unit} activating\n`)].join(''),
    );
    writeFileSync(inside(CALLS), '');
  }
  const calls = (): readonly string[] => readFileSync(inside(CALLS), 'utf8').trimEnd().split('\n');

  it('works where no systemd runs, starts nothing, and says what becomes of etcd', async () => {
    const { code, text } = await dpkg('-i', '/tmp/first.deb');
    expect({ code, text }).toMatchObject({
      code: 0,
      text: expect.stringContaining('etcd.service of Debian is kept from starting'),
    });
    expect(text).toContain('gantry init makes the first node of a cluster');
    expect((await chroot('readlink', '/opt/cni/bin/gantry-bridge', '/opt/cni/bin/loopback')).text).toBe(
      '/usr/lib/gantry/cni/gantry-bridge\n/usr/lib/gantry/cni/loopback\n',
    );
    expect(existsSync(inside('/etc/gantry/allow-debian-etcd'))).toBe(false);
  });

  it('gives the command, with its own Node, and its completion', async () => {
    expect(await chroot('gantry', '--version')).toMatchObject({
      code: 0,
      text: expect.stringMatching(/^v1\.\d+\.\d+\+gantry\.\d+\n$/),
    });
    const script =
      '. /usr/share/bash-completion/completions/gantry; COMP_WORDS=(gantry run c); COMP_CWORD=2; _gantry; declare -p COMPREPLY';
    expect((await chroot('bash', '-c', script)).text).toMatch(/"cri".*"control-plane"/);
  });

  it('upgrades with the daemons restarted that run, etcd and containers left alone, and changed configuration kept', async () => {
    // the last one waits for its next try
    pretendSystemd(['gantry-cri.service', 'gantry-etcd.service'], ['gantry-node.service']);
    writeFileSync(inside('/etc/gantry/cri.yaml'), 'runtime: runc\n');
    expect(await dpkg('-i', '/tmp/second.deb')).toMatchObject({ code: 0 });
    expect(calls()).toEqual([
      'systemctl --system daemon-reload',
      'deb-systemd-invoke restart gantry-cri.service',
      'deb-systemd-invoke restart gantry-node.service',
    ]);
    expect(readFileSync(inside('/etc/gantry/cri.yaml'), 'utf8')).toBe('runtime: runc\n');
  });

  it('goes on where its removal is given up: with its launchers and the daemons that ran', async () => {
    pretendSystemd(['gantry-cri.service', 'gantry-node.service', 'gantry-etcd.service']);
    const prerm = inside('/var/lib/dpkg/info/gantry.prerm');
    const whole = readFileSync(prerm, 'utf8');
    writeFileSync(prerm, `${whole}exit 1\n`);
    expect((await dpkg('-r', 'gantry')).code).not.toBe(0);
    writeFileSync(prerm, whole);
    expect(calls().filter(call => !call.includes(' stop '))).toEqual([
      'deb-systemd-invoke start gantry-etcd.service',
      'deb-systemd-invoke start gantry-cri.service',
      'deb-systemd-invoke start gantry-node.service',
    ]);
    expect((await chroot('ls', '-A', '/opt/cni/bin')).text).toBe('gantry-bridge\nloopback\n');
  });

  it('is removed with its daemons stopped, and says that the node was not reset', async () => {
    pretendSystemd([]);
    mkdirSync(inside('/etc/kubernetes'));
    writeFileSync(inside('/etc/kubernetes/kubelet.conf'), '');
    const { code, text } = await dpkg('-r', 'gantry');
    expect({ code, text }).toMatchObject({
      code: 0,
      text: expect.stringContaining('this machine is still the node of a cluster'),
    });
    expect(calls()).toEqual([
      'deb-systemd-invoke stop gantry-node.service',
      'deb-systemd-invoke stop gantry-cri.service',
      'deb-systemd-invoke stop gantry-control-plane.service',
      'deb-systemd-invoke stop gantry-etcd.service',
      'systemctl --system daemon-reload',
    ]);
    expect((await chroot('ls', '-A', '/opt/cni/bin')).text).toBe('');
    expect(existsSync(inside('/etc/gantry/cri.yaml'))).toBe(true);
  });

  it('keeps what a reset needs when a node is purged that was not reset: its marker, its settings, what its containers stand on', async () => {
    for (const path of ['/var/lib/gantry/images', '/run/gantry/cri']) mkdirSync(inside(path), { recursive: true });
    writeFileSync(inside('/etc/gantry/gantry-cri.env'), 'GANTRY_ARGS=\n');
    writeFileSync(inside('/etc/gantry/bootstrap.json'), '{}\n');
    await chroot('mkdir', '-p', '/etc/systemd/system/multi-user.target.wants');
    await chroot('ln', '-s', '/lib/systemd/system/gantry-cri.service', '/etc/systemd/system/multi-user.target.wants/');
    const { code, text } = await dpkg('-P', 'gantry');
    expect(code).toBe(0);
    expect(text).toContain(
      '/etc/gantry, /var/lib/gantry and /run/gantry are kept: this machine is still a node (/etc/gantry/bootstrap.json)',
    );
    const kept = ['/etc/gantry/bootstrap.json', '/etc/gantry/gantry-cri.env', '/var/lib/gantry/images', '/run/gantry'];
    expect(kept.filter(path => !existsSync(inside(path)))).toEqual([]);
    expect((await chroot('ls', '/etc/systemd/system/multi-user.target.wants')).text).not.toContain('gantry');
  });

  it('says then that the node is still there when it is installed again, and keeps its cri.yaml when that is purged', async () => {
    const again = await dpkg('-i', '/tmp/second.deb');
    expect(again).toMatchObject({
      code: 0,
      text: expect.stringContaining('still a node (/etc/gantry/bootstrap.json)'),
    });
    expect(again.text).toContain('To end it: gantry reset --force');
    expect(again.text).not.toContain('nothing runs yet');
    const told = 'root: /data/gantry\n';
    writeFileSync(inside('/etc/gantry/cri.yaml'), told, { mode: 0o600 });
    await chroot('chmod', '600', '/etc/gantry/cri.yaml');
    expect(await dpkg('-P', 'gantry')).toMatchObject({ code: 0 });
    const kept = `/etc/gantry/cri.yaml.kept-${createHash('md5').update(told).digest('hex').slice(0, 8)}`;
    expect((await chroot('sh', '-c', 'ls /etc/gantry/cri.yaml*')).text).toBe(`${kept}\n`);
    expect(readFileSync(inside(kept), 'utf8')).toBe(told);
    expect((await chroot('stat', '-c', '%a', kept)).text).toBe('600\n');
  });

  it('keeps all of it, too, while containers of a runtime stand that no init has started', async () => {
    expect(await dpkg('-i', '/tmp/second.deb')).toMatchObject({
      code: 0,
      text: expect.stringMatching(/\/etc\/gantry\/cri\.yaml\.kept-[0-9a-f]{8} is a cri\.yaml that it had/),
    });
    rmSync(inside('/etc/gantry/bootstrap.json'));
    mkdirSync(inside('/run/gantry/cri/mounted'));
    await output('mount', '-t', 'tmpfs', 'tmpfs', inside('/run/gantry/cri/mounted'));
    const { code, text } = await dpkg('-P', 'gantry');
    await output('umount', inside('/run/gantry/cri/mounted'));
    expect(code).toBe(0);
    expect(text).toContain('/etc/gantry, /var/lib/gantry and /run/gantry are kept: file systems of containers');
    expect(existsSync(inside('/var/lib/gantry/images'))).toBe(true);
  });

  it('is purged of what is its own after a reset, except where something is mounted, and names what it leaves', async () => {
    expect(await dpkg('-i', '/tmp/second.deb')).toMatchObject({ code: 0 });
    for (const path of ['/var/lib/gantry-hosts/a', '/var/log/gantry/disk'])
      mkdirSync(inside(path), { recursive: true });
    await output('mount', '-t', 'tmpfs', 'tmpfs', inside('/var/log/gantry/disk'));
    const { code, text } = await dpkg('-P', 'gantry');
    await output('umount', inside('/var/log/gantry/disk'));
    expect(code).toBe(0);
    expect(text).toContain('/var/log/gantry is kept: something is mounted in it');
    expect(text).toContain('/etc/kubernetes is kept');
    expect(text).toContain('/var/lib/gantry-hosts is kept');
    const left = ['/etc/gantry', '/var/lib/gantry', '/run/gantry', '/opt/cni'].filter(path => existsSync(inside(path)));
    expect(left).toEqual([]);
    expect(existsSync(inside('/etc/kubernetes/kubelet.conf'))).toBe(true);
    expect(existsSync(inside('/var/log/gantry/disk'))).toBe(true);
  });

  it('leaves an etcd that is in use, and a CNI plugin that is there, as they are', async () => {
    pretendSystemd(['etcd.service']);
    mkdirSync(inside('/opt/cni/bin'), { recursive: true });
    writeFileSync(inside('/opt/cni/bin/loopback'), 'of somebody else');
    const { code, text } = await dpkg('-i', '/tmp/second.deb');
    expect({ code, text }).toMatchObject({
      code: 0,
      text: expect.stringContaining('etcd.service of Debian was in use here and is left alone'),
    });
    expect(existsSync(inside('/etc/gantry/allow-debian-etcd'))).toBe(true);
    expect(calls()).toEqual(['systemctl --system daemon-reload']);
    expect(await dpkg('-P', 'gantry')).toMatchObject({ code: 0 });
    expect(readFileSync(inside('/opt/cni/bin/loopback'), 'utf8')).toBe('of somebody else');
    expect(existsSync(inside('/etc/gantry'))).toBe(false);
  });
});
