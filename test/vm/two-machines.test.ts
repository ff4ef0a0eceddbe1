import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AREAS } from '../../src/conformance/check.ts';
import { BUSYBOX, imageArchive, WEB_V1 } from '../harness/images.ts';
import { newestKubectl } from '../harness/kubectl.ts';
import { installCommands } from '../harness/readme-install.ts';
import { CONTROL_PLANE_UNITS, NODE_UNITS } from '../harness/units.ts';
import { allRenewed, servedCertificates } from '../harness/vm/certificates.ts';
import { freeNfs, hangNfs, mountNfs, serveNfs } from '../harness/vm/hung-nfs.ts';
import {
  containerProcesses,
  killDaemon,
  LONG,
  mainPid,
  unitsActive,
  withTwoCpus,
} from '../harness/vm/installed-node.ts';
import { onlyMode, type ProxyMode } from '../harness/vm/proxy-modes.ts';
import { TwoVms } from '../harness/vm/two-vms.ts';
import type { Vm } from '../harness/vm/vm.ts';
import { traffic, WEB, webPods, webReady } from '../harness/vm/web.ts';
import { waitFor } from '../harness/wait-for.ts';

/** `scripts/test vm` builds the package and says where it is. */
const DEB = process.env['GANTRY_DEB'] ?? '';
const KUBECTL = newestKubectl();
const INSTALL = installCommands();
const reason = 'missing' in KUBECTL ? KUBECTL.missing : DEB === '' ? 'GANTRY_DEB names no package' : '';
if (reason !== '') console.info(`skipped: ${reason}`);

/** How long certificates hold that are to be renewed: at two thirds, with a minute for a machine that has too much to do. */
const LIFE_S = 180;
const WATCHER = '/root/files/watcher.conf';
/** One check of each group. */
const CHECKS = [
  'runs init containers one after another',
  'asks by HTTP',
  'tells a container its own limits',
  'shows a Secret as files',
  'lets pods reach those of another node',
  'sends what goes to a service to each of its pods',
  'resolves a service by its short name',
  'starts a killed process again',
];

// one machine after the other would take twice as long, and each step stands on the one before: a failure ends the file
describe.skipIf(reason !== '')(`two machines with systemd ${reason}`, () => {
  let vms: TwoVms;
  let one: Vm;
  let two: Vm;

  beforeAll(async () => {
    vms = await TwoVms.boot('path' in KUBECTL ? KUBECTL.path : '');
    ({ one, two } = vms);
    const { code } = await one.run('test', '-e', '/etc/kubernetes/admin.conf');
    if (code === 0) await vms.connect();
  });

  beforeEach(({ task, onTestFinished, onTestFailed }) => {
    onTestFinished(vms.time(task.name));
    onTestFailed(async () => console.info(await vms.trouble()));
  });

  afterAll(async () => {
    if (vms === undefined) return;
    console.info(vms.times());
    const kept = await vms.end();
    if (kept !== '') console.info(kept);
  });

  const both = <T>(work: (vm: Vm) => Promise<T>): Promise<T[]> => vms.both(work);
  const inHome = (vm: Vm, commands: readonly string[]): Promise<string> =>
    vm.sh(`cd /root\n{ ${commands.join('\n')}\n} 2>&1`);

  /** The command that `init` prints for the other machine. */
  const joinCommand = (printed: string): string => {
    const [command = ''] = /^gantry join \S+:\d+ [\s\S]*?sha256:[0-9a-f]{64}/m.exec(printed) ?? [];
    expect(command, printed).not.toBe('');
    return command;
  };

  /** One that has just joined registers itself after the command has ended. */
  const nodeReady = async (vm: Vm): Promise<string> => {
    await waitFor('the node to be there', () => vms.kubectl.ok(`get node ${vm.name}`), LONG);
    return vms.kubectl.ok(`wait --for=condition=Ready --timeout=600s node/${vm.name}`);
  };

  const importImages = (vm: Vm): Promise<string> =>
    vm.sh('for file in /root/files/*.tar; do gantry image import $file; done');

  test('machines are made by the commands of README, the last one of the second as init printed it', async () => {
    const files = await Promise.all([WEB_V1, BUSYBOX].map(image => imageArchive(image as typeof WEB_V1)));
    const install = async (vm: Vm, commands: readonly string[]): Promise<void> => {
      await vm.copy([DEB], '/root');
      await vm.copy(files, '/root/files');
      if (vm === two) await serveNfs(two);
      // Gantry's units want it, and it stays reached
      await vm.sh('systemctl start network-online.target');
      await vms.remember(vm, 'clean');
      await inHome(vm, commands);
      await vms.remember(vm, 'installed');
    };
    const init = INSTALL.firstMachine.at(-1) ?? '';
    // the second one gets ready beside the first, and the first has its images beside the second's join
    const [printed] = await Promise.all([
      install(one, INSTALL.firstMachine.slice(0, -1)).then(() => withTwoCpus(one, () => inHome(one, [init]))),
      install(two, INSTALL.furtherMachine.slice(0, -1)),
    ]);
    expect(printed).toContain('Your Kubernetes control-plane has initialized successfully!');
    await unitsActive(one, CONTROL_PLANE_UNITS);
    await vms.connect();
    const [joined] = await Promise.all([inHome(two, [joinCommand(printed)]), importImages(one)]);
    expect(joined).toContain('This node has joined the cluster');
    await unitsActive(two, NODE_UNITS);
    await Promise.all([both(nodeReady), importImages(two)]);
  });

  test('a Deployment across both machines is reached by its Service and its name', async () => {
    await vms.kubectl.given(WEB).ok('apply -f -');
    await webReady(vms);
    await traffic(vms);
  });

  test('limits are those of cgroup v2, and what takes more memory than its limit is killed', async () => {
    const { kubectl } = vms;
    const [pod] = await webPods(vms);
    expect(await kubectl.ok(`exec ${pod?.name} -- cat`, '/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/cpu.max')).toBe(
      `${64 << 20}\n50000 100000`,
    );
    const limits = { limits: { memory: '32Mi' } };
    const greedy = { name: 'greedy', image: WEB_V1, command: ['sh', '-c', 'tail /dev/zero'], resources: limits };
    const metadata = { name: 'greedy', namespace: 'default' };
    const spec = { restartPolicy: 'Never', containers: [greedy] };
    await kubectl.given([{ apiVersion: 'v1', kind: 'Pod', metadata, spec }]).ok('apply -f -');
    await kubectl.ok('wait --for=jsonpath={.status.phase}=Failed --timeout=600s pod/greedy');
    expect(
      await kubectl.ok('get pod greedy -o', 'jsonpath={.status.containerStatuses[0].state.terminated.reason}'),
    ).toBe('OOMKilled');
    await kubectl.ok('delete pod greedy');
  });

  test.each(['iptables', 'ipvs', 'nftables'] as const satisfies readonly ProxyMode[])(
    'services work by %s, and nothing is left of the mode before',
    async mode => {
      await both(async vm => {
        await vm.sh(`
          echo 'GANTRY_EXTRA_ARGS=--proxy-mode=${mode}' >/etc/default/gantry-node
          systemctl restart gantry-node`);
        await unitsActive(vm, ['gantry-node']);
        await onlyMode(vm, mode);
      });
      await traffic(vms);
    },
  );

  // each machine has a CPU of its own in this one: the daemons of the control plane in the first, meanwhile those of a node in the second
  test('every daemon is restarted and killed with -9, and no container is touched', async () => {
    const before = await both(containerProcesses);
    expect(before.every(list => list.length >= 2)).toBe(true);
    const oneByOne = async (vm: Vm, units: readonly string[]): Promise<void> => {
      for (const unit of units) {
        await vm.sh(`systemctl restart ${unit}`);
        await unitsActive(vm, [unit]);
        await killDaemon(vm, unit);
      }
    };
    await Promise.all([oneByOne(one, ['gantry-etcd', 'gantry-control-plane']), oneByOne(two, NODE_UNITS)]);
    expect(await both(containerProcesses)).toEqual(before);
    await both(nodeReady);
    await webReady(vms);
  });

  test('certificates with a short life are renewed in the running units while the node is checked by gantry conformance', async () => {
    // of this kubeconfig nobody renews the certificate
    await one.sh(
      `umask 77; gantry kubeconfig user --client-name=watcher --org=system:masters --validity-period=1h >${WATCHER}`,
    );
    await vms.connect(`cat ${WATCHER}`);
    const ports = [6443, 2379];
    const long = await servedCertificates(one, ports);
    // what holds for a year is replaced by what is to be renewed soon, without a restart
    await one.sh(
      `for name in all kubelet-client; do gantry certs renew $name --certificate-validity-period=${LIFE_S}s; done`,
    );
    await waitFor(
      'the new certificates to be served',
      async saw => {
        const now = await servedCertificates(one, ports);
        saw(now);
        return now.every(print => !long.includes(print));
      },
      LONG,
    );
    const pids = (): Promise<number[]> =>
      Promise.all([
        ...CONTROL_PLANE_UNITS.map(unit => mainPid(one, unit)),
        ...NODE_UNITS.map(unit => mainPid(two, unit)),
      ]);
    const before = { pids: await pids(), served: await servedCertificates(one, ports) };
    const failures: string[] = [];
    let asked = 0;
    let isOver = false;
    const asking = ['get nodes', `get --raw /api/v1/nodes/${two.name}/proxy/healthz`].map(async command => {
      while (!isOver) {
        const { code, err } = await vms.kubectl.run(command);
        asked += 1;
        if (code !== 0) failures.push(`${new Date().toISOString()} ${command}: ${err}`);
        // each question is a handshake, which takes the machine longer than what it answers
        await setTimeout(500);
      }
    });
    const [renewed, conformance] = await Promise.all([
      // the kubelet has signed its own serving certificate, for a year
      allRenewed(one, ['/var/lib/kubelet/pki/kubelet.crt']),
      // the first machine has the control plane to compute, and the second a CPU of its own
      one.run(
        ...['gantry', 'conformance', '--node', two.name, '--image', BUSYBOX, '--focus', CHECKS.join('|')],
        ...['--parallel', '2', '--kubeconfig', WATCHER, '--timeout', '300s'],
        ...['--report', '/root/files/report.txt', '--junit', '/root/files/report.xml'],
      ),
    ]).finally(() => {
      isOver = true;
    });
    await Promise.all(asking);
    expect(renewed).toHaveLength(12);
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(20);
    expect(await pids()).toEqual(before.pids);
    const served = await servedCertificates(one, ports);
    expect(served.filter(print => before.served.includes(print))).toEqual([]);
    const report = await one.sh('cat /root/files/report.txt');
    expect(conformance.code, `${report}\n${conformance.err}`).toBe(0);
    expect(conformance.out).toContain('8 hold, 0 broken, 0 could not be seen here');
    for (const area of AREAS) expect(report).toContain(`\n${area}\n  ok `);
    expect(await one.sh('cat /root/files/report.xml')).toContain(
      '<testsuites name="gantry conformance" tests="8" failures="0"',
    );
    await one.sh(`rm /root/files/report.* ${WATCHER}`);
    await vms.connect();
  });

  test('both machines are restarted, one by systemd and one by a power cut, and their pods come back without a leak', async () => {
    await Promise.all([one.reboot(), two.reboot('hard')]);
    await Promise.all([unitsActive(one, CONTROL_PLANE_UNITS), unitsActive(two, NODE_UNITS)]);
    await vms.connect();
    await webReady(vms);
    await traffic(vms);
    const count = "ip -o link show type veth | wc -l; findmnt -rn -o TARGET | grep -c '^/run/gantry/cri/netns/'";
    expect(await both(vm => vm.sh(count))).toEqual(['1\n1', '1\n1']);
  });

  test('nothing is left of a node that was reset after everything was killed in the middle of a rolling update, nor of one that was purged in use, installed again, and reset beside mounts whose NFS server is gone', async () => {
    await both(vm => vm.sh('rm /etc/default/gantry-node'));
    await serveNfs(two);
    const pod = (await webPods(vms)).find(({ node }) => node === two.name);
    const containers = await containerProcesses(two);
    const said = await two.sh('apt-get purge --yes gantry 2>&1');
    expect(said).toContain('this machine is still the node of a cluster');
    expect(said).toContain('/etc/kubernetes is kept');
    expect(await containerProcesses(two)).toEqual(containers);
    await Promise.all([resetWhenKilled(), resetBesideHungMounts(pod?.uid ?? '')]);
  });

  const resetWhenKilled = async (): Promise<void> => {
    const version = {
      spec: { template: { spec: { containers: [{ name: 'web', env: [{ name: 'V', value: '2' }] }] } } },
    };
    await vms.kubectl.ok('patch deployment web --patch', JSON.stringify(version));
    await waitFor('a third pod', async () => (await webPods(vms)).length > 2, LONG);
    const [reset = '', ...removal] = INSTALL.remove;
    const printed = await one.sh(`systemctl kill --kill-whom=main --signal=KILL 'gantry-*.service'; ${reset}`);
    expect(printed).toContain('Stopping the daemons of this node');
    expect(await vms.differenceFrom(one, 'installed')).toEqual([]);
    await inHome(one, removal);
    expect(await vms.differenceFrom(one, 'clean')).toEqual([]);
  };

  const resetBesideHungMounts = async (uid: string): Promise<void> => {
    const volume = `/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~nfs/data`;
    const films = '/var/lib/gantry/films';
    await mountNfs(two, 'pod', volume);
    await mountNfs(two, 'films', films);
    await hangNfs(two, volume);
    const printed = await inHome(two, [INSTALL.furtherMachine[0] ?? '', ...INSTALL.remove]);
    expect(printed).toContain(`Unmounted ${volume}`);
    expect(printed).toContain(`Left as it is: ${films} (nfs4 of 127.0.0.1:/srv/films`);
    await freeNfs(two);
    expect(await two.sh(`cat ${films}/file /srv/pod/file`)).toBe('data\ndata');
    await two.sh(`umount ${films}; rmdir ${films}; rmdir --ignore-fail-on-non-empty /var/lib/gantry`);
    expect(await vms.differenceFrom(two, 'clean')).toEqual([]);
  };
});
