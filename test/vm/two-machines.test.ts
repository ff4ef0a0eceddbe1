import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { imageArchive, WEB_V1 } from '../harness/images.ts';
import { type Kubectl, newestKubectl } from '../harness/kubectl.ts';
import { type MachineSnapshot, machineSnapshot, snapshotDifference } from '../harness/machine-snapshot.ts';
import { installCommands } from '../harness/readme-install.ts';
import { makeRunDirectory, RUN_DIR, removeRunDirectory } from '../harness/run-id.ts';
import {
  CONTROL_PLANE_UNITS,
  containerProcesses,
  kubectlOf,
  LONG,
  mainPid,
  NODE_UNITS,
  unitsActive,
} from '../harness/vm/installed-node.ts';
import { Vm } from '../harness/vm/vm.ts';
import { waitFor } from '../harness/wait-for.ts';

/** `scripts/test vm` builds the package and says where it is. */
const DEB = process.env['GANTRY_DEB'] ?? '';
const KUBECTL = newestKubectl();
const INSTALL = installCommands();
const reason = 'missing' in KUBECTL ? KUBECTL.missing : DEB === '' ? 'GANTRY_DEB names no package' : '';
if (reason !== '') console.info(`skipped: ${reason}`);

const WEB = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          terminationGracePeriodSeconds: 1,
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'DoNotSchedule',
              labelSelector: { matchLabels: { app: 'web' } },
            },
          ],
          containers: [
            {
              name: 'web',
              image: WEB_V1,
              resources: { limits: { cpu: '500m', memory: '64Mi' } },
              readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 2 },
            },
          ],
        },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      type: 'NodePort',
      selector: { app: 'web' },
      ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }],
    },
  },
];

// one machine after the other would take twice as long, and each step stands on the one before: a failure ends the file
describe.skipIf(reason !== '')(`two machines with systemd ${reason}`, () => {
  let one: Vm;
  let two: Vm;
  let kubectl: Kubectl;
  let joinCommand = '';
  const clean = new Map<Vm, MachineSnapshot>();

  beforeAll(async () => {
    makeRunDirectory();
    [one, two] = await Promise.all([Vm.boot('one', { number: 1 }), Vm.boot('two', { number: 2 })]);
  });

  afterAll(async () => {
    await Promise.all([one?.stop(), two?.stop()]);
    removeRunDirectory();
  });

  const both = <T>(work: (vm: Vm) => Promise<T>): Promise<T[]> => Promise.all([work(one), work(two)]);

  // the script that lists a machine goes on where a tool is missing or says no
  const listOf = (vm: Vm): Promise<MachineSnapshot> =>
    machineSnapshot({ run: script => vm.sh(`set +e +o pipefail\n${script}`) });

  const webPods = async (): Promise<readonly { name: string; node: string; ready: boolean }[]> => {
    const { items } = JSON.parse(await kubectl.ok('get pods -l app=web -o json')) as {
      items: readonly {
        metadata: { name: string; deletionTimestamp?: string };
        spec: { nodeName?: string };
        status: { conditions?: readonly { type: string; status: string }[] };
      }[];
    };
    return items
      .filter(pod => pod.metadata.deletionTimestamp === undefined)
      .map(pod => ({
        name: pod.metadata.name,
        node: pod.spec.nodeName ?? '',
        ready: pod.status.conditions?.some(c => c.type === 'Ready' && c.status === 'True') ?? false,
      }));
  };

  const webReady = () =>
    waitFor(
      'a ready pod of the Deployment on each machine',
      async saw => {
        const pods = await webPods();
        saw(pods);
        const nodes = new Set(pods.filter(pod => pod.ready).map(pod => pod.node));
        return nodes.has(one.name) && nodes.has(two.name) && pods.length === 2 ? pods : undefined;
      },
      LONG,
    );

  /** Until each of the two pods has answered at this address, asked from there. */
  const bothAnswer = (what: string, ask: () => Promise<string>) =>
    waitFor(
      `both pods to answer ${what}`,
      async saw => {
        const answers = (await ask()).split('\n').filter(line => line !== '');
        saw(answers);
        return new Set(answers).size === 2;
      },
      LONG,
    );

  const curls = (vm: Vm, address: string) =>
    bothAnswer(`at ${address} from ${vm.name}`, () =>
      vm.sh(`for i in 1 2 3 4 5 6 7 8; do curl -s --max-time 10 http://${address}/ || true; done`),
    );

  const traffic = async (): Promise<void> => {
    const ip = await kubectl.ok('get service web -o jsonpath={.spec.clusterIP}');
    const [pod] = await webPods();
    await Promise.all([
      curls(one, ip),
      curls(two, ip),
      // the port of a node, from the other one
      curls(one, `${two.address}:30080`),
      curls(two, `${one.address}:30080`),
      bothAnswer('by name from a pod', () =>
        kubectl.ok(
          `exec ${pod?.name} -- sh -c`,
          'for i in 1 2 3 4 5 6 7 8; do timeout 10 wget -q -O - http://web.default.svc.cluster.local/; done; true',
        ),
      ),
    ]);
  };

  test('the first machine is made by the commands of README', async () => {
    await both(vm => vm.copy([DEB], '/root'));
    for (const vm of [one, two]) clean.set(vm, await listOf(vm));
    const output = await one.sh(`cd /root\n{ ${INSTALL.firstMachine.join('\n')}\n} 2>&1`);
    expect(output).toContain('Your Kubernetes control-plane has initialized successfully!');
    joinCommand = /^gantry join \S+:\d+ [\s\S]*?sha256:[0-9a-f]{64}/m.exec(output)?.[0] ?? '';
    expect(joinCommand, output).not.toBe('');
    await unitsActive(one, CONTROL_PLANE_UNITS);
    expect((await one.run('systemctl', 'is-active', 'etcd')).out).not.toBe('active');
    kubectl = await kubectlOf(one, 'path' in KUBECTL ? KUBECTL.path : '', RUN_DIR);
    await kubectl.ok(`wait --for=condition=Ready --timeout=200s node/${one.name}`);
  });

  test('the second machine is made by the commands of README, the last of them as init printed it', async () => {
    const commands = [...INSTALL.furtherMachine.slice(0, -1), joinCommand].join('\n');
    expect(await two.sh(`cd /root\n${commands}`)).toContain('This node has joined the cluster');
    await unitsActive(two, NODE_UNITS);
    await kubectl.ok(`wait --for=condition=Ready --timeout=200s node/${two.name}`);
  });

  test('a Deployment across both machines is reached by its Service and its name', async () => {
    const image = await imageArchive(WEB_V1);
    await both(async vm => {
      await vm.copy([image], '/root/files');
      await vm.sh('gantry image import /root/files/*.tar');
    });
    await kubectl.given(WEB).ok('apply -f -');
    await webReady();
    await traffic();
  });

  test('limits are those of cgroup v2, and what takes more memory than its limit is killed', async () => {
    const [pod] = await webPods();
    expect(await kubectl.ok(`exec ${pod?.name} -- cat`, '/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/cpu.max')).toBe(
      `${64 << 20}\n50000 100000`,
    );
    await kubectl
      .given([
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'greedy', namespace: 'default' },
          spec: {
            restartPolicy: 'Never',
            containers: [
              {
                name: 'greedy',
                image: WEB_V1,
                command: ['sh', '-c', 'tail /dev/zero'],
                resources: { limits: { memory: '32Mi' } },
              },
            ],
          },
        },
      ])
      .ok('apply -f -');
    await kubectl.ok('wait --for=jsonpath={.status.phase}=Failed --timeout=200s pod/greedy');
    expect(
      await kubectl.ok('get pod greedy -o', 'jsonpath={.status.containerStatuses[0].state.terminated.reason}'),
    ).toBe('OOMKilled');
    await kubectl.ok('delete pod greedy');
  });

  test.each([
    ['iptables', 'iptables-save -t nat', 'KUBE-SVC-'],
    ['ipvs', 'ipvsadm --list --numeric', 'TCP  10.96.0.1:443'],
    ['nftables', 'nft list tables', 'gantry'],
  ])('services work by %s', async (mode, command, trace) => {
    await both(async vm => {
      await vm.sh(`
        mkdir -p /etc/default
        echo 'GANTRY_EXTRA_ARGS=--proxy-mode=${mode}' >/etc/default/gantry-node
        systemctl restart gantry-node`);
      await unitsActive(vm, ['gantry-node']);
      await waitFor(
        `the rules of ${mode} on ${vm.name}`,
        async saw => {
          const rules = await vm.sh(command);
          saw(rules);
          return rules.includes(trace);
        },
        LONG,
      );
    });
    await traffic();
  });

  test.each(CONTROL_PLANE_UNITS)('%s is restarted and killed with -9, and no container is touched', async unit => {
    const machines = (NODE_UNITS as readonly string[]).includes(unit) ? [one, two] : [one];
    const before = await both(containerProcesses);
    expect(before.every(list => list.length >= 2)).toBe(true);
    await Promise.all(
      machines.map(async vm => {
        await vm.sh(`systemctl restart ${unit}`);
        await unitsActive(vm, [unit]);
        const old = await mainPid(vm, unit);
        await vm.sh(`kill -9 ${old}`);
        await waitFor(
          `${unit} on ${vm.name} to be started again`,
          async () => ![0, old].includes(await mainPid(vm, unit)),
          LONG,
        );
        await unitsActive(vm, [unit]);
      }),
    );
    expect(await both(containerProcesses)).toEqual(before);
    await webReady();
  });

  test('each machine is restarted, one by systemd and one by a power cut, and its pods come back without a leak', async () => {
    await two.reboot('hard');
    await unitsActive(two, NODE_UNITS);
    await one.reboot();
    await unitsActive(one, CONTROL_PLANE_UNITS);
    kubectl = await kubectlOf(one, 'path' in KUBECTL ? KUBECTL.path : '', RUN_DIR);
    await webReady();
    await traffic();
    for (const vm of [one, two])
      expect(await vm.sh("ip -o link show type veth | wc -l; findmnt -rn -o TARGET | grep -c '^/run/netns/'")).toBe(
        '1\n1',
      );
  });

  test('the commands of README take Gantry off the machines, which are then as they were', async () => {
    await both(vm => vm.sh('rm -rf /root/files /etc/default/gantry-node'));
    await kubectl.ok(`delete node ${two.name} --wait=false`);
    await both(vm => vm.sh(`cd /root\n${INSTALL.remove.join('\n')}`));
    for (const vm of [one, two]) {
      const after = await listOf(vm);
      expect(snapshotDifference(clean.get(vm) ?? new Map(), after)).toEqual([]);
    }
  });
});
