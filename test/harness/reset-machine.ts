import type { Host } from '../../src/local-cluster/host/host.ts';
import { OWN_DIRECTORIES } from '../../src/local-cluster/host/plan.ts';
import { gantryCommand } from './gantry-command.ts';
import { run, testHost } from './host.ts';
import { newestKubectl } from './kubectl.ts';
import { type MachineSnapshot, machineSnapshot, snapshotDifference } from './machine-snapshot.ts';
import { waitFor } from './wait-for.ts';

/** How a command ends that a fault point has killed. */
export const KILLED = 128 + 9;
const ADDRESS = '10.50.0.2';
/** Makes the machine a node that runs pods, too. */
export const INIT = gantryCommand(
  'init',
  `--apiserver-advertise-address=${ADDRESS}`,
  '--ignore-preflight-errors=NumCPU,Mem',
  '--no-control-plane-taint',
);
/** Each takes seconds, and a minute on a machine with too much to do. */
export const SLOW = { timeoutMs: 120_000 } as const;
export const RESET = gantryCommand('reset', '--force');

/** A machine with one link, as it is before anybody makes a node of it. */
export async function machine(): Promise<Host> {
  const host = await testHost();
  await run(host, [
    'sh',
    '-c',
    `ip link add eth0 type bridge; ip link set eth0 addrgenmode none; ip addr add ${ADDRESS}/24 dev eth0; ip link set eth0 up`,
  ]);
  await run(host, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  return host;
}

/** Its directories, what it changed of the machine's, and all that has no files. */
export function snapshot(host: Host): Promise<MachineSnapshot> {
  return machineSnapshot({
    run: script => run(host, ['sh'], { input: script }),
    roots: ['/run', ...OWN_DIRECTORIES],
    // the last two are mount(8)'s own, and where an external etcd writes all the time (/opt/external-etcd)
    pruned: ['/run/host-data', '/run/host-proc', '/run/mount', '/run/host-overlay/opt/upper/external-etcd'],
  });
}

/** Links go some milliseconds after their namespace; all else is gone when the command ends. */
export async function difference(host: Host, before: MachineSnapshot): Promise<string[]> {
  return waitFor(
    'nothing to have come or gone',
    async saw => {
      const lines = snapshotDifference(before, await snapshot(host));
      saw(lines);
      return lines.length === 0 && lines;
    },
    { timeoutMs: 2000 },
  );
}

/** By the machine's own admin.conf. */
export async function kubectl(host: Host, args: string, input?: object | readonly object[]): Promise<string> {
  const program = newestKubectl();
  if ('missing' in program) throw new Error(program.missing);
  const items =
    input === undefined ? undefined : JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [input].flat() });
  return run(host, [program.path, '--kubeconfig=/etc/kubernetes/admin.conf', ...args.split(' ')], {
    ...(items === undefined ? {} : { input: items }),
    timeoutMs: 90_000,
  });
}
