/**
 * Named places between the steps of every operation at which a test can end the process: `GANTRY_FAULT=name` (or `name:3` for the third
 * pass) makes the process kill itself with SIGKILL there, as a crash would. Unarmed, a call is one comparison of a constant.
 */
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
  'cri/run-pod-sandbox/network-added',
  'cri/run-pod-sandbox/infra-created',
  'cri/run-pod-sandbox/infra-started',
  'cri/stop-pod-sandbox/containers-stopped',
  'cri/stop-pod-sandbox/network-deleted',
  'cri/stop-pod-sandbox/infra-stopped',
  'cri/remove-pod-sandbox/containers-removed',
  'cri/remove-pod-sandbox/marked',
  'cri/create-container/recorded',
  'cri/create-container/rootfs-mounted',
  'cri/create-container/image-volumes-mounted',
  'cri/create-container/runtime-created',
  'cri/start-container/released',
  'cri/start-container/started',
  'cri/stop-container/signalled',
  'cri/update-container-resources/updated',
  'cri/remove-container/marked',
  'cri/remove-container/runtime-deleted',
  'cni/add/address-taken',
  'cni/add/link-made',
  'cni/add/link-configured',
  'cni/add/bandwidth-limited',
  'cni/add/ports-opened',
  'cni/del/released',
  'cni/del/quarantined',
  'cni/del/link-gone',
  'cni/del/address-released',
  'kubelet/pod/volumes-made',
  'kubelet/pod/cgroup-made',
  'kubelet/pod/sandbox-made',
  'kubelet/pod/container-created',
  'kubelet/pod/container-started',
  'kubelet/pod/containers-killed',
  'kubelet/pod/sandbox-removed',
  'volume/version-written',
  'volume/link-made',
  'volume/link-renamed',
  'node-credentials/requested',
  'node-credentials/certificate-written',
  'image/pull/layer-unpacked',
  'image/pull/manifest-recorded',
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
  'bootstrap/join/preflight',
  'bootstrap/join/kubelet-start',
  'bootstrap/join/kubelet-wait-bootstrap',
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
  if (armed === undefined || armed.name !== name) return;
  armed.remaining -= 1;
  if (armed.remaining <= 0) process.kill(process.pid, 'SIGKILL');
}
