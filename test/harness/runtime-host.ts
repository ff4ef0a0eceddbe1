import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import type { Host } from '../../src/local-cluster/host/host.ts';
import type { Service } from '../../src/local-cluster/host/supervise.ts';
import { type CriClient, createCriClient } from '../../src/rpc/cri-client.ts';
import { armable } from './fault.ts';
import { gantryCommand, PROJECT } from './gantry-command.ts';
import { run, testHost } from './host.ts';
import { BUSYBOX, imageArchive, PAUSE } from './images.ts';
import { waitFor } from './wait-for.ts';

export type RuntimeName = 'gantry' | 'containerd';

/** A host with a container runtime that is ready for pods: network configured, the busybox image there. */
export interface RuntimeHost {
  readonly host: Host;
  readonly runtime: RuntimeName;
  readonly service: Service;
  /** The runtime's socket as a process inside the host names it. */
  readonly endpoint: string;
  /** The configuration of the pod network. */
  readonly networkFile: string;
  /** A client that connects from outside, through the host's root. */
  readonly client: CriClient;
  importImage(reference: Parameters<typeof imageArchive>[0]): Promise<void>;
  /** Closes the client and deletes the host. */
  delete(): Promise<void>;
}

export interface RuntimeHostOptions {
  /** Lines of /etc/gantry/cri.yaml. */
  readonly criConfig?: string;
  /** Where containerd finds CNI plugins; Debian's unless given. */
  readonly cniBinDir?: string;
  /** Unless true, the busybox image is imported. */
  readonly withoutImage?: boolean;
  /** `NAME=value` of the environment of `gantry run cri`, besides its own. */
  readonly environment?: readonly string[];
  /** Runs before the runtime is started. */
  readonly prepare?: (host: Host) => void | Promise<void>;
}

/** Subnet of the pods in every test host: hosts do not see each other, so they may share it. */
export const POD_SUBNET = '10.244.0.0/24';

const NETWORK_FILE: Readonly<Record<RuntimeName, string>> = {
  gantry: '/etc/cni/net.d/10-gantry.conflist',
  containerd: '/etc/cni/net.d/10-peer.conflist',
};

/** A host in which the built `gantry run cri` is supervised. */
export async function gantryHost(options: RuntimeHostOptions = {}): Promise<RuntimeHost> {
  const host = await testHost();
  try {
    mkdirSync(host.path('/etc/cni/net.d'), { recursive: true });
    copyFileSync(`${PROJECT}/cni/10-gantry.conflist.json`, host.path(NETWORK_FILE.gantry));
    await options.prepare?.(host);
    if (options.criConfig !== undefined) writeFileSync(host.path('/etc/gantry/cri.yaml'), options.criConfig);
    const { environment } = options;
    const command = [...(environment === undefined ? [] : ['env', ...environment]), ...gantryCommand('run', 'cri')];
    const service = await host.supervise('gantry-cri', armable('gantry-cri', command));
    const importImage = async (reference: Parameters<typeof imageArchive>[0]): Promise<void> => {
      await run(host, gantryCommand('image', 'import', await imageArchive(reference)));
    };
    return await readyHost(host, 'gantry', service, '/run/gantry/cri.sock', importImage, options);
  } catch (error) {
    await host.delete();
    throw error;
  }
}

/** A host with Debian's containerd, runc and reference CNI plugins: the peer. */
export async function containerdHost(options: RuntimeHostOptions = {}): Promise<RuntimeHost> {
  const host = await testHost();
  try {
    mkdirSync(host.path('/etc/cni/net.d'), { recursive: true });
    writeFileSync(host.path(NETWORK_FILE.containerd), JSON.stringify(PEER_NETWORK));
    await options.prepare?.(host);
    const config = PEER_CONFIG.replace('/usr/lib/cni', options.cniBinDir ?? '/usr/lib/cni');
    writeFileSync(host.path('/etc/containerd/config.toml'), config);
    const service = await host.supervise('containerd', ['containerd']);
    const importImage = async (reference: Parameters<typeof imageArchive>[0]): Promise<void> => {
      await run(host, ['ctr', '--namespace', 'k8s.io', 'images', 'import', await imageArchive(reference)]);
    };
    await waitFor('containerd to serve', () => existsSync(host.path('/run/containerd/containerd.sock')));
    await importImage(PAUSE);
    return await readyHost(host, 'containerd', service, '/run/containerd/containerd.sock', importImage, options);
  } catch (error) {
    await host.delete();
    throw error;
  }
}

/** The runtime that the kubelet's tests run on: ours, or what GANTRY_TEST_RUNTIME names. */
export function testedRuntime(): RuntimeName {
  const name = process.env['GANTRY_TEST_RUNTIME'] ?? 'gantry';
  if (name !== 'gantry' && name !== 'containerd')
    throw new Error(`GANTRY_TEST_RUNTIME is "${name}"; it may be gantry or containerd`);
  return name;
}

export function runtimeHost(runtime: RuntimeName, options: RuntimeHostOptions = {}): Promise<RuntimeHost> {
  return runtime === 'gantry' ? gantryHost(options) : containerdHost(options);
}

async function readyHost(
  host: Host,
  runtime: RuntimeName,
  service: Service,
  socket: string,
  importImage: RuntimeHost['importImage'],
  options: RuntimeHostOptions,
): Promise<RuntimeHost> {
  const client = createCriClient(`unix://${host.path(socket)}`);
  try {
    await waitFor(`${runtime} in ${host.name} to be ready`, async saw => {
      const { status } = await client.status({ verbose: false }, { timeoutMs: 2_000 });
      saw(status);
      return status?.conditions.every(c => c.status) === true;
    });
    if (options.withoutImage !== true) await importImage(BUSYBOX);
  } catch (error) {
    client.close();
    throw error;
  }
  return {
    host,
    runtime,
    service,
    endpoint: `unix://${socket}`,
    networkFile: NETWORK_FILE[runtime],
    client,
    importImage,
    async delete() {
      client.close();
      await host.delete();
    },
  };
}

/** What our template gives a pod, said in the reference plugins' words. */
const PEER_NETWORK = {
  cniVersion: '1.0.0',
  name: 'peer',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isDefaultGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: POD_SUBNET }]] },
    },
  ],
};

/** runc unless a pod asks for the handler crun. restrict_oom_score_adj: a machine without CAP_SYS_RESOURCE cannot lower it, and every create would fail. */
const PEER_CONFIG = `
version = 2
oom_score = 0
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "${PAUSE}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun.options]
        BinaryName = "/usr/bin/crun"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
`;
