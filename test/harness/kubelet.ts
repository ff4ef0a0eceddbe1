import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Service } from '../../src/local-cluster/host/supervise.ts';
import { armable } from './fault.ts';
import { gantryCommand } from './gantry-command.ts';
import { httpGet } from './host.ts';
import type { RuntimeHost } from './runtime-host.ts';
import { waitFor } from './wait-for.ts';

/** What tests read of a pod in GET /pods. */
export interface SeenPod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly containerStatuses?: readonly SeenContainer[];
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

export interface SeenContainer {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount: number;
  readonly containerID?: string;
  readonly state?: {
    readonly running?: object;
    readonly waiting?: { readonly reason: string; readonly message?: string };
    readonly terminated?: { readonly exitCode: number; readonly reason?: string };
  };
}

/** The built `gantry run kubelet --standalone` beside a runtime, fed by files. */
export interface KubeletHost {
  readonly target: RuntimeHost;
  readonly service: Service;
  /** The pod's name as the kubelet lists it: a static pod's carries the node's name. */
  podName(name: string): string;
  /** Puts a manifest file there in one step, as an editor or a copy would not: the kubelet must also live with those, but not here. */
  writeManifest(file: string, text: string): void;
  removeManifest(file: string): void;
  /** GET /pods. */
  pods(): Promise<readonly SeenPod[]>;
  pod(name: string): Promise<SeenPod | undefined>;
  /** Waits until the pod's phase is Running and every container is; returns it. */
  running(name: string): Promise<SeenPod & { status: { podIP: string } }>;
  /** Waits until the kubelet lists no pod of that name. */
  gone(name: string): Promise<void>;
}

const PORT = 10250;
const MANIFESTS = '/etc/kubernetes/manifests';

export async function startKubelet(target: RuntimeHost): Promise<KubeletHost> {
  const { host } = target;
  mkdirSync(host.path(MANIFESTS), { recursive: true });
  const service = await host.supervise(
    'gantry-kubelet',
    armable(
      'gantry-kubelet',
      gantryCommand(
        'run',
        'kubelet',
        '--standalone',
        '--pod-manifest-path',
        MANIFESTS,
        '--container-runtime-endpoint',
        target.endpoint,
      ),
    ),
  );
  const pods = async (): Promise<readonly SeenPod[]> => {
    const { status, body } = await httpGet(host, PORT, '/pods');
    if (status !== 200) throw new Error(`GET /pods answered ${status}: ${body}`);
    return (JSON.parse(body) as { items: readonly SeenPod[] }).items;
  };
  const podName = (name: string): string => `${name}-${host.name}`;
  const pod = async (name: string): Promise<SeenPod | undefined> =>
    (await pods()).find(p => p.metadata.name === podName(name));
  await waitFor('the kubelet to answer', pods);
  return {
    target,
    service,
    podName,
    pods,
    pod,
    writeManifest(file, text) {
      // a name with a dot in front is no manifest, so the kubelet never sees half a file
      const temporary = host.path(`${MANIFESTS}/.${file}`);
      writeFileSync(temporary, text);
      renameSync(temporary, host.path(`${MANIFESTS}/${file}`));
    },
    removeManifest: file => rmSync(host.path(`${MANIFESTS}/${file}`), { force: true }),
    running: name =>
      waitFor(`pod ${name} to run`, async saw => {
        const seen = await pod(name);
        saw(seen?.status);
        const containers = seen?.status?.containerStatuses ?? [];
        const podIP = seen?.status?.podIP;
        if (seen === undefined || seen.status?.phase !== 'Running' || podIP === undefined) return undefined;
        if (containers.length === 0 || containers.some(c => c.state?.running === undefined)) return undefined;
        return { ...seen, status: { ...seen.status, podIP } };
      }),
    gone: name =>
      waitFor(`pod ${name} to be gone`, async saw => {
        const seen = await pod(name);
        saw(seen?.status);
        return seen === undefined;
      }).then(() => undefined),
  };
}

/** A manifest of one busybox container that runs `script`. */
export function podManifest(
  name: string,
  script: string,
  more: { resources?: object; image?: string; command?: readonly string[]; pullPolicy?: string } = {},
): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image: more.image ?? 'localhost/busybox:1.35',
          imagePullPolicy: more.pullPolicy ?? 'IfNotPresent',
          command: more.command ?? ['/bin/sh', '-c', script],
          ...(more.resources === undefined ? {} : { resources: more.resources }),
        },
      ],
    },
  });
}

/** What a container runs that ends at once when it is asked to. */
export const WAIT = 'trap "exit 0" TERM; sleep 100000 & wait';
