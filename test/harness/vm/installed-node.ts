import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { Kubectl } from '../kubectl.ts';
import { waitFor } from '../wait-for.ts';
import type { Vm } from './vm.ts';

/** The units of a control plane's node, in the order in which they need each other, and of a node that joined. */
export const CONTROL_PLANE_UNITS = ['gantry-etcd', 'gantry-control-plane', 'gantry-cri', 'gantry-node'] as const;
export const NODE_UNITS = ['gantry-cri', 'gantry-node'] as const;

/** Patience for what takes seconds on a machine and up to minutes in emulation. */
export const LONG = { timeoutMs: 400_000, pauseMs: 500 } as const;

/** Containers' processes with their starting times: `2841 91234`. The same list twice: nobody touched them. */
export async function containerProcesses(vm: Vm): Promise<string[]> {
  const out = await vm.sh(`
    find /sys/fs/cgroup/kubepods.slice -name cgroup.procs -exec cat {} + | sort -n | while read -r pid; do
      awk -v pid="$pid" '{ sub(/.*\\) /, ""); print pid, $20 }' "/proc/$pid/stat" 2>/dev/null || true
    done`);
  return out.split('\n').filter(line => line !== '');
}

/** Waits until every unit is active; systemd calls a unit of Type=notify so when it has said that it is ready. */
export async function unitsActive(vm: Vm, units: readonly string[]): Promise<void> {
  await waitFor(
    `${units.join(', ')} to be active on ${vm.name}`,
    async saw => {
      const { out } = await vm.run('systemctl', 'is-active', ...units);
      saw(out);
      return out.split('\n').every(state => state === 'active');
    },
    LONG,
  );
}

/** The pid of a unit's daemon. */
export async function mainPid(vm: Vm, unit: string): Promise<number> {
  return Number(await vm.sh(`systemctl show --property MainPID --value ${unit}`));
}

/** kubectl of this machine, as the administrator, by a forwarded port: the API server's certificate has the VM's names, not this machine's. */
export async function kubectlOf(vm: Vm, program: string, folder: string): Promise<Kubectl> {
  const port = await vm.forward(6443);
  const config = (await vm.sh('cat /etc/kubernetes/admin.conf')).replace(
    /^( *)server: .*$/m,
    `$1server: https://127.0.0.1:${port}\n$1tls-server-name: kubernetes`,
  );
  mkdirSync(folder, { recursive: true });
  const kubeconfig = `${folder}/${vm.name}.conf`;
  rmSync(kubeconfig, { force: true });
  writeFileSync(kubeconfig, config, { mode: 0o600 });
  return new Kubectl({ program, server: { folder }, kubeconfig, timeoutMs: 240_000 });
}
