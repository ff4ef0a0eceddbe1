import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { Kubectl } from '../kubectl.ts';
import type { Vm } from './vm.ts';

/** Patience for what takes seconds on a machine and up to minutes in emulation, where a look costs half a second of the CPU that is waited for. */
export const LONG = { timeoutMs: 600_000, pauseMs: 2000 } as const;

/** Containers' processes with their starting times: `2841 91234`. The same list twice: nobody touched them. */
export async function containerProcesses(vm: Vm): Promise<string[]> {
  const out = await vm.sh(`
    find /sys/fs/cgroup/kubepods.slice -name cgroup.procs -exec cat {} + | sort -n | while read -r pid; do
      awk -v pid="$pid" '{ sub(/.*\\) /, ""); print pid, $20 }' "/proc/$pid/stat" 2>/dev/null || true
    done`);
  return out.split('\n').filter(line => line !== '');
}

/** Waits until every unit is active, and starts none: systemd calls a unit of Type=notify so when it has said that it is ready. */
export async function unitsActive(vm: Vm, units: readonly string[]): Promise<void> {
  const names = units.join(' ');
  // in the machine, since a look from outside costs it more than one of its own
  await vm.sh(`
    for i in {1..400}; do
      [ "$(systemctl is-active ${names} | sort -u)" != active ] || exit 0
      sleep 1.5
    done
    systemctl status --no-pager --lines 20 ${names}
    exit 1`);
}

/**
 * Runs `gantry init` on a machine of two CPUs of which one is used: both are until preflight, which wants them, has passed. A second one makes nothing faster in
 * emulation, and costs CPU time.
 */
export async function withTwoCpus(vm: Vm, init: () => Promise<string>): Promise<string> {
  const cpu = '/sys/devices/system/cpu/cpu1/online';
  await vm.sh(`echo 1 >${cpu}`);
  // the first that init writes
  const passed = `for i in {1..600}; do [ ! -e /etc/kubernetes/pki/ca.crt ] || break; sleep 0.5; done; echo 0 >${cpu}`;
  const [printed] = await Promise.all([init(), vm.sh(passed)]);
  return printed;
}

/** Kills a unit's daemon and waits until systemd has started another that is ready. */
export async function killDaemon(vm: Vm, unit: string): Promise<void> {
  await vm.sh(`
    pid() { systemctl show --property MainPID --value ${unit}; }
    old=$(pid)
    kill -9 "$old"
    for i in {1..600}; do
      now=$(pid)
      case $now in 0 | "$old") sleep 1 ;; *) exit ;; esac
    done
    systemctl status --no-pager --lines 20 ${unit}
    exit 1`);
  await unitsActive(vm, [unit]);
}

/** The pid of a unit's daemon. */
export async function mainPid(vm: Vm, unit: string): Promise<number> {
  return Number(await vm.sh(`systemctl show --property MainPID --value ${unit}`));
}

export interface KubectlOptions {
  readonly program: string;
  /** Where the kubeconfig is kept here. */
  readonly folder: string;
  /** The command that prints one in the VM. */
  readonly config: string;
}

/** kubectl of this machine by a forwarded port: the API server's certificate has the VM's names, not this machine's. */
export async function kubectlOf(vm: Vm, { program, folder, config }: KubectlOptions): Promise<Kubectl> {
  const port = await vm.forward(6443);
  const text = (await vm.sh(config)).replace(
    /^( *)server: .*$/m,
    `$1server: https://127.0.0.1:${port}\n$1tls-server-name: kubernetes`,
  );
  mkdirSync(folder, { recursive: true });
  const kubeconfig = `${folder}/${vm.name}.conf`;
  rmSync(kubeconfig, { force: true });
  writeFileSync(kubeconfig, text, { mode: 0o600 });
  return new Kubectl({ program, server: { folder }, kubeconfig, timeoutMs: 620_000 });
}
