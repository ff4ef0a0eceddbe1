import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Named places between the steps of every operation at which a test can end the process: `GANTRY_FAULT=name` (or `name:3` for the third
 * pass) makes the process kill itself with SIGKILL there, as a crash would. `GANTRY_FAULT_FILE` names a file of such places, one a line, that need not be
 * there: the first line is armed, and taken out of the file when the process dies at it, so that the next life finds the next; after a first line `trace` all
 * places that are passed are written down instead. Unarmed, a call is a comparison of constants.
 */
const armedFile = process.env['GANTRY_FAULT_FILE'];
const armed = parseArmed(process.env['GANTRY_FAULT']);

interface Armed {
  readonly name: string;
  remaining: number;
}

function parseArmed(text: string | undefined): Armed | undefined {
  if (text === undefined || text === '') return undefined;
  const [name = '', count = '1'] = text.split(':');
  return { name, remaining: Number(count) };
}

/** Every fault point of the program: the tests arm each of them. A name that is not here does not compile. */
export const FAULT_POINTS = [
  'cri/run-pod-sandbox/recorded',
  'cri/run-pod-sandbox/netns-made',
  'cri/create-userns/process-started',
  'cri/create-userns/userns-bound',
  'cri/pin-namespaces/made',
  'cri/pin-namespaces/bound',
  'cri/run-pod-sandbox/bundle-made',
  'cri/run-pod-sandbox/files-written',
  'cri/run-pod-sandbox/shm-mounted',
  'cri/run-pod-sandbox/spec-written',
  'cri/run-pod-sandbox/network-added',
  'cri/run-pod-sandbox/infra-created',
  'cri/run-pod-sandbox/infra-started',
  'cri/run-pod-sandbox/ready',
  'cri/network-add/loopback-up',
  'cri/network-add/plugin-added',
  'cri/network-add/result-cached',
  'cri/network-del/plugins-deleted',
  'cri/network-del/result-forgotten',
  'cri/monitor-create/spawned',
  'cri/monitor-create/released',
  'cri/monitor-create/answered',
  'cri/undo-sandbox/runtime-deleted',
  'cri/undo-sandbox/network-deleted',
  'cri/undo-sandbox/node-released',
  'cri/stop-pod-sandbox/marked',
  'cri/stop-pod-sandbox/containers-stopped',
  'cri/stop-pod-sandbox/network-deleted',
  'cri/stop-pod-sandbox/infra-killed',
  'cri/stop-pod-sandbox/infra-deleted',
  'cri/stop-pod-sandbox/infra-stopped',
  'cri/stop-pod-sandbox/netns-removed',
  'cri/stop-pod-sandbox/node-released',
  'cri/stop-pod-sandbox/released',
  'cri/remove-pod-sandbox/marked',
  'cri/remove-pod-sandbox/containers-removed',
  'cri/remove-pod-sandbox/bundle-removed',
  'cri/remove-pod-sandbox/exit-forgotten',
  'cri/remove-pod-sandbox/record-deleted',
  'cri/create-container/directory-made',
  'cri/create-container/recorded',
  'cri/create-container/bundle-made',
  'cri/create-container/mount-points-made',
  'cri/create-container/layers-shown',
  'cri/create-container/layer-made',
  'cri/create-container/mount-shown',
  'cri/create-container/rootfs-mounted',
  'cri/create-container/image-volumes-mounted',
  'cri/create-container/spec-written',
  'cri/create-container/log-directory-made',
  'cri/create-container/ready',
  'cri/start-container/runtime-created',
  'cri/start-container/init-recorded',
  'cri/start-container/released',
  'cri/start-container/fifo-removed',
  'cri/start-container/started',
  'cri/start-container/recorded',
  'cri/exec-sync/written',
  'cri/exec-sync/started',
  'cri/exec-sync/ended',
  'cri/exec/written',
  'cri/exec/spawned',
  'cri/exec/started',
  'cri/attach/connected',
  'cri/reopen-container-log/asked',
  'cri/reopen-container-log/reopened',
  'cri/update-container-resources/updated',
  'cri/update-container-resources/recorded',
  'checkpoint/begun',
  'checkpoint/dumped',
  'checkpoint/layer-written',
  'checkpoint/archive-written',
  'checkpoint/in-place',
  'cri/update-pod-sandbox-resources/recorded',
  'cri/stop-container/signalled',
  'cri/stop-container/killed',
  'cri/exit/heard',
  'cri/exit/recorded',
  'cri/exit/runtime-deleted',
  'cri/exit/infra-recorded',
  'cri/remove-container/marked',
  'cri/remove-container/runtime-state-deleted',
  'cri/remove-container/runtime-deleted',
  'cri/remove-container/rootfs-unmounted',
  'cri/remove-container/image-volumes-unmounted',
  'cri/remove-container/bundle-removed',
  'cri/remove-container/exit-forgotten',
  'cri/remove-container/record-deleted',
  'cri/restore/loaded',
  'cri/restore/observed',
  'cri/restore/reaped',
  'cri/restore/step-done',
  'cri/restore/network-pruned',
  'cri/restore/restored',
  'cni/add/address-taken',
  'cni/add/link-made',
  'cni/add/link-configured',
  'cni/add/bandwidth-limited',
  'cni/add/ports-opened',
  'cni/del/released',
  'cni/del/quarantined',
  'cni/del/link-gone',
  'cni/del/address-released',
  'cni-runner/add/recorded',
  'cni-runner/del/plugin-done',
  'cni-runner/gc/deleted',
  'cni-runner/gc/plugin-done',
  'kubelet/pod/volumes-made',
  'kubelet/pod/cgroup-made',
  'kubelet/pod/sandbox-made',
  'kubelet/pod/container-created',
  'kubelet/pod/container-started',
  'kubelet/pod/containers-killed',
  'pod-resize/group-widened',
  'pod-resize/container-resized',
  'kubelet/pod/sandbox-removed',
  'volume/version-written',
  'volume/link-made',
  'volume/link-renamed',
  'node-credentials/requested',
  'node-credentials/certificate-written',
  'image/pull/layer-begun',
  'image/pull/layer-written',
  'image/pull/layer-renamed',
  'image/pull/layer-unpacked',
  'image/pull/names-doubled',
  'image/pull/manifest-recorded',
  'image/remove/record-deleted',
  'image/remove/layer-record-deleted',
  'image/remove/layer-taken-out',
  'bootstrap/init/preflight',
  'bootstrap/init/certs',
  'bootstrap/init/kubeconfig',
  'bootstrap/init/etcd',
  'bootstrap/init/control-plane',
  'bootstrap/init/kubelet-start',
  'bootstrap/init/wait-control-plane',
  'bootstrap/init/upload-config',
  'bootstrap/init/mark-control-plane',
  'bootstrap/init/bootstrap-token',
  'bootstrap/init/kubelet-finalize',
  'bootstrap/init/addon',
  'bootstrap/init/show-join-command',
  'bootstrap/join/preflight',
  'bootstrap/join/kubelet-start',
  'bootstrap/join/kubelet-wait-bootstrap',
  'bootstrap/reset/preflight',
  'bootstrap/reset/delete-node',
  'bootstrap/reset/remove-etcd-member',
  'reset/node-stopped',
  'reset/pods-stopped',
  'reset/daemons-stopped',
  'reset/thing-removed',
  'reset/all-removed',
  'bootstrap/reset/cleanup-node',
  'cluster/create/recorded',
  'cluster/create/network-made',
  'cluster/create/host-made',
  'cluster/create/initialized',
  'cluster/create/joined',
  'cluster/create/complete',
  'cluster/delete/hosts-deleted',
  'cluster/delete/network-removed',
  'cluster/delete/context-removed',
  'cluster/start/host-started',
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Marks the place; ends the process there when it is armed. */
export function faultPoint(name: FaultPoint): void {
  if (armedFile !== undefined) passArmedFile(armedFile, name);
  if (armed === undefined || armed.name !== name) return;
  armed.remaining -= 1;
  if (armed.remaining <= 0) process.kill(process.pid, 'SIGKILL');
}

/** As above for the first line of a file. Read at every place: a test arms a process while it runs. */
function passArmedFile(file: string, name: FaultPoint): void {
  let lines: string[];
  try {
    lines = readFileSync(file, 'utf8').split('\n');
  } catch {
    // nothing is armed now
    return;
  }
  const [first = '', ...others] = lines;
  if (first === 'trace') {
    appendFileSync(file, `\n${name}`);
    return;
  }
  const next = parseArmed(first);
  if (next?.name !== name) return;
  if (next.remaining > 1) {
    writeFileSync(file, [`${name}:${next.remaining - 1}`, ...others].join('\n'));
    return;
  }
  if (others.length === 0) rmSync(file);
  else writeFileSync(file, others.join('\n'));
  process.kill(process.pid, 'SIGKILL');
}
