import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Event, Pod } from '../../src/api/types/gen/core-v1.ts';
import { TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { waitFor } from '../harness/wait-for.ts';

interface Bad {
  /** Name of the pod. */
  readonly name: string;
  /** Of its one container, over one that sleeps. */
  readonly container?: object;
  readonly spec?: object;
  /** What is asked of it once it is there. */
  readonly phase?: string;
  /** Reason and message of the state of its container. */
  readonly waiting?: readonly [reason: string, message?: RegExp];
  readonly ended?: readonly [reason: string, exitCode: number];
  /** Reason and message of the pod itself. */
  readonly status?: readonly [reason: string, message: string];
  readonly condition?: readonly [type: string, status: string, reason: string, message: RegExp];
  readonly event?: readonly [type: string, reason: string, message: RegExp];
}

const configKey = (name: string, key: string, optional = false): object => ({
  env: [{ name: 'A', valueFrom: { configMapKeyRef: { name, key, optional } } }],
});
const secretKey = (name: string, key: string): object => ({
  env: [{ name: 'A', valueFrom: { secretKeyRef: { name, key } } }],
});
const volume = (source: object, mount: object = {}): Pick<Bad, 'spec' | 'container'> => ({
  spec: { volumes: [{ name: 'v', ...source }] },
  container: { volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] },
});
const configError = (message: RegExp): Pick<Bad, 'phase' | 'waiting' | 'event'> => ({
  phase: 'Pending',
  waiting: ['CreateContainerConfigError', message],
  event: ['Warning', 'Failed', new RegExp(`^Error: ${message.source.replace(/^\^/, '')}`)],
});
/** Upstream tells of volumes by events alone: the container is being created for as long. */
const mountError = (message: RegExp): Pick<Bad, 'phase' | 'waiting' | 'condition' | 'event'> => ({
  phase: 'Pending',
  waiting: ['ContainerCreating'],
  event: ['Warning', 'FailedMount', new RegExp(`^MountVolume.SetUp failed for volume "v" : ${message.source}`)],
});
const unscheduled = (message: RegExp): Pick<Bad, 'phase' | 'condition' | 'event'> => ({
  phase: 'Pending',
  condition: ['PodScheduled', 'False', 'Unschedulable', message],
  event: ['Warning', 'FailedScheduling', message],
});
const rejected = (reason: string, message: string): Pick<Bad, 'phase' | 'status' | 'event'> => ({
  phase: 'Failed',
  status: [reason, `Pod was rejected: ${message}`],
  event: ['Warning', reason, new RegExp(`^${message.replace(/[()]/g, '\\$&')}$`)],
});
const CRASH_LOOP = [
  'CrashLoopBackOff',
  /^back-off [\dms]+ restarting failed container=c pod=\S+_default\(\S+\)$/,
] as const;
const crashing = (reason: string, exitCode: number): Pick<Bad, 'phase' | 'waiting' | 'ended' | 'event'> => ({
  phase: 'Running',
  waiting: CRASH_LOOP,
  ended: [reason, exitCode],
  event: ['Warning', 'BackOff', /^Back-off restarting failed container c in pod \S+_default\(\S+\)$/],
});
/** What the runtime refuses is an end of the container, and is tried again after a pause as a crash is. */
const startError = (message: RegExp): Pick<Bad, 'phase' | 'waiting' | 'ended' | 'event'> => ({
  phase: 'Running',
  waiting: CRASH_LOOP,
  ended: ['StartError', 128],
  event: ['Warning', 'Failed', new RegExp(`^Error: ${message.source.replace(/^\^/, '')}`)],
});
const NOWHERE = 'localhost:1/nowhere:1';

/** What upstream's kubelet and scheduler say of each; of a volume that is optional, nothing. */
const BAD: readonly Bad[] = [
  { name: 'config-map-in-env', container: configKey('none', 'k'), ...configError(/^configmap "none" not found$/) },
  { name: 'secret-in-env', container: secretKey('none', 'k'), ...configError(/^secret "none" not found$/) },
  {
    name: 'config-map-without-key',
    container: configKey('there', 'none'),
    ...configError(/^couldn't find key none in ConfigMap default\/there$/),
  },
  {
    name: 'secret-without-key',
    container: secretKey('there', 'none'),
    ...configError(/^couldn't find key none in Secret default\/there$/),
  },
  {
    name: 'config-map-as-env',
    container: { envFrom: [{ configMapRef: { name: 'none' } }] },
    ...configError(/^configmap "none" not found$/),
  },
  {
    name: 'secret-as-env',
    container: { envFrom: [{ secretRef: { name: 'none' } }] },
    ...configError(/^secret "none" not found$/),
  },
  { name: 'optional-in-env', container: configKey('none', 'k', true), phase: 'Running' },
  {
    name: 'optional-as-env',
    container: { envFrom: [{ secretRef: { name: 'none', optional: true } }] },
    phase: 'Running',
  },
  { name: 'optional-volume', ...volume({ configMap: { name: 'none', optional: true } }), phase: 'Running' },
  {
    name: 'config-map-volume',
    ...volume({ configMap: { name: 'none' } }),
    ...mountError(/configmap "none" not found$/),
  },
  { name: 'secret-volume', ...volume({ secret: { secretName: 'none' } }), ...mountError(/secret "none" not found$/) },
  {
    name: 'volume-without-key',
    ...volume({ configMap: { name: 'there', items: [{ key: 'none', path: 'p' }] } }),
    ...mountError(/configmap references non-existent config key: none$/),
  },
  {
    name: 'projected-volume',
    ...volume({ projected: { sources: [{ secret: { name: 'none' } }] } }),
    ...mountError(/secret "none" not found$/),
  },
  {
    name: 'host-path-missing',
    ...volume({ hostPath: { path: '/none', type: 'Directory' } }),
    ...mountError(/hostPath type check failed: \/none is not a directory/),
  },
  {
    name: 'host-path-other',
    ...volume({ hostPath: { path: '/etc/hosts', type: 'Socket' } }),
    ...mountError(/hostPath type check failed: \/etc\/hosts is not a socket file/),
  },
  {
    name: 'sub-path-of-nothing',
    ...volume({ emptyDir: {} }, { subPathExpr: '$(NONE)' }),
    ...configError(/^missing value for NONE$/),
  },
  {
    name: 'claim',
    ...volume({ persistentVolumeClaim: { claimName: 'none' } }),
    ...unscheduled(/^0\/1 nodes are available: persistentvolumeclaim "none" not found\./),
  },
  {
    name: 'image-not-there',
    container: { image: NOWHERE },
    phase: 'Pending',
    waiting: ['ImagePullBackOff', /^Back-off pulling image "localhost:1\/nowhere:1": /],
    event: ['Normal', 'BackOff', /^Back-off pulling image "localhost:1\/nowhere:1"$/],
  },
  {
    name: 'image-never',
    container: { image: 'localhost/none:1', imagePullPolicy: 'Never' },
    phase: 'Pending',
    waiting: ['ErrImageNeverPull', /^Container image "localhost\/none:1" is not present with pull policy of Never$/],
    event: ['Warning', 'ErrImageNeverPull', /is not present with pull policy of Never$/],
  },
  {
    name: 'image-without-sense',
    container: { image: 'No:Such:Name' },
    phase: 'Pending',
    waiting: ['InvalidImageName', /^Failed to apply default image tag "No:Such:Name": /],
    event: ['Warning', 'InspectFailed', /^Failed to apply default image tag "No:Such:Name": /],
  },
  {
    name: 'pull-secret',
    spec: { imagePullSecrets: [{ name: 'none' }] },
    container: { image: 'localhost:1/nowhere:2' },
    phase: 'Pending',
    event: [
      'Warning',
      'FailedToRetrieveImagePullSecret',
      /^Unable to retrieve some image pull secrets \(none\); attempting to pull the image may not succeed\.$/,
    ],
  },
  {
    name: 'selector',
    spec: { nodeSelector: { no: 'such' } },
    ...unscheduled(/^0\/1 nodes are available: 1 node\(s\) didn't match Pod's node affinity\/selector\./),
  },
  {
    name: 'large',
    container: { resources: { requests: { cpu: '1k' } } },
    ...unscheduled(/^0\/1 nodes are available: 1 Insufficient cpu\./),
  },
  { name: 'no-command', container: { command: ['/none'] }, ...startError(/^exec: "\/none": /) },
  { name: 'not-on-path', container: { command: ['none'] }, ...startError(/^exec: "none": /) },
  {
    name: 'working-directory',
    container: { workingDir: '/etc/passwd' },
    ...startError(/^working directory "\/etc\/passwd": not a directory$/),
  },
  { name: 'crash', container: { command: ['sh', '-c', 'exit 3'] }, ...crashing('Error', 3) },
  {
    name: 'memory',
    container: {
      command: ['sh', '-c', 'x=a; while :; do x=$x$x; done'],
      resources: { limits: { memory: '20Mi' } },
    },
    ...crashing('OOMKilled', 137),
  },
  {
    name: 'root',
    container: { securityContext: { runAsNonRoot: true } },
    ...configError(
      /^container has runAsNonRoot and image will run as root \(pod: "root_default\([0-9a-f-]{36}\)", container: c\)$/,
    ),
  },
  {
    name: 'other-container',
    container: {
      env: [{ name: 'A', valueFrom: { resourceFieldRef: { containerName: 'none', resource: 'limits.cpu' } } }],
    },
    ...configError(/^container none not found$/),
  },
  {
    name: 'sysctl',
    spec: { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } },
    ...rejected('SysctlForbidden', 'forbidden sysctl: "kernel.msgmax" not allowlisted'),
  },
  {
    name: 'deadline',
    spec: { activeDeadlineSeconds: 1 },
    phase: 'Failed',
    status: ['DeadlineExceeded', 'Pod was active on the node longer than the specified deadline'],
    event: ['Normal', 'DeadlineExceeded', /^Pod was active on the node longer than the specified deadline$/],
  },
];

const GOOD = 'good';
const LOST = 'lost';
function podOf({ name, spec, container }: Pick<Bad, 'name' | 'spec' | 'container'>): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { test: 'bad' } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'c', image: BUSYBOX, command: ['sleep', '3600'], ...container }],
      ...spec,
    },
  };
}

describe('pods that cannot run', () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  /** What the API server showed last. */
  let seen: readonly (Pod | Event)[] = [];
  const look = async (): Promise<void> => {
    const list = JSON.parse(await kubectl.ok('get pods,events -o json')) as { readonly items: typeof seen };
    seen = list.items;
  };
  const isEvent = (item: Pod | Event): item is Event => 'involvedObject' in item;
  const pods = (): readonly Pod[] => seen.filter(item => !isEvent(item)) as readonly Pod[];
  const find = (wanted: string): Pod | undefined => pods().find(({ metadata }) => metadata.name === wanted);
  let before: Pod | undefined;

  beforeAll(async () => {
    await cluster.create();
    expect(await cluster.run(['load image', await imageArchive(BUSYBOX)])).toMatchObject({ code: 0, err: '' });
    await kubectl.ok('create configmap there --from-literal=a=b');
    await kubectl.ok('create secret generic there --from-literal=a=b');
    await kubectl.given([podOf({ name: GOOD })]).ok('apply -f -');
    await kubectl.ok(`wait pod/${GOOD} --for=condition=Ready --timeout=60s`);
    await look();
    before = find(GOOD);
    const lost = podOf({ name: LOST, spec: { nodeName: 'no-such-node' } });
    await kubectl.given([lost, ...BAD.map(podOf)]).ok('create -f -');
  });
  afterAll(() => cluster.delete());

  it.each(BAD)('$name: has the status and the event that upstream documents', async bad => {
    await waitFor(
      'status and event',
      async saw => {
        const pod = find(bad.name);
        const told = seen.filter(isEvent).filter(({ involvedObject }) => involvedObject.name === bad.name);
        if (pod !== undefined && shows(bad, pod, told)) return true;
        saw({ status: pod?.status, told: told.map(({ type, reason, message }) => [type, reason, message]) });
        await look();
        return false;
      },
      { timeoutMs: 60_000 },
    );
  });

  it.each([
    [
      'serviceAccountName',
      { serviceAccountName: 'none' },
      'error looking up service account default/none: serviceaccount "none" not found',
    ],
    ['runtimeClassName', { runtimeClassName: 'none' }, 'pod rejected: RuntimeClass "none" not found'],
    ['priorityClassName', { priorityClassName: 'none' }, 'no PriorityClass with name none was found'],
  ])('are not taken by the API server where %s names nothing', async (_, spec, because) => {
    expect(await kubectl.given([podOf({ name: 'refused', spec })]).fails('create -f -')).toContain(
      `pods "refused" is forbidden: ${because}`,
    );
  });

  it('leave their neighbour alone', async () => {
    await look();
    expect(find(GOOD)?.status.containerStatuses).toMatchObject([
      { ready: true, restartCount: 0, containerID: before?.status.containerStatuses?.[0]?.containerID },
    ]);
    const late = 'late';
    await kubectl.given([podOf({ name: late })]).ok('create -f -');
    await kubectl.ok(`wait pod/${late} --for=condition=Ready --timeout=30s`);
  });

  it('run as soon as what they lacked is there', async () => {
    await kubectl.ok('create configmap none --from-literal=k=v');
    await kubectl.ok('create secret generic none --from-literal=k=v');
    await kubectl.ok(
      'wait pod/config-map-in-env pod/secret-in-env pod/config-map-as-env pod/config-map-volume pod/secret-volume',
      '--for=condition=Ready',
      '--timeout=30s',
    );
  });

  it('of a node that there is not fail and go, by the pod garbage collector', async () => {
    await waitFor(
      'the pod of no node to go',
      async saw => {
        await look();
        saw(find(LOST)?.status);
        return find(LOST) === undefined;
      },
      { timeoutMs: 90_000 },
    );
  });

  it('go at once when they are deleted, and nothing of them stays', async () => {
    await kubectl.ok('delete pods -l test=bad --timeout=30s');
    await look();
    expect(pods()).toEqual([]);
    await waitFor('nothing of pods to be on the node', async saw => {
      const left = await cluster.onNode('control-plane', 'ls', '/var/lib/kubelet/pods');
      saw(left);
      return left === '';
    });
  });
});

function shows(bad: Bad, { status }: Pod, told: readonly Event[]): boolean {
  const { state, lastState } = status.containerStatuses?.[0] ?? {};
  const { phase, waiting, ended, status: own, condition, event } = bad;
  const is = (text: string | undefined, wanted: RegExp | undefined): boolean => wanted?.test(text ?? '') ?? true;
  return (
    (phase === undefined || status.phase === phase) &&
    (waiting === undefined || (state?.waiting?.reason === waiting[0] && is(state.waiting.message, waiting[1]))) &&
    (ended === undefined ||
      (lastState?.terminated?.reason === ended[0] && lastState.terminated.exitCode === ended[1])) &&
    (own === undefined || (status.reason === own[0] && status.message === own[1])) &&
    (condition === undefined ||
      (status.conditions ?? []).some(
        each =>
          each.type === condition[0] &&
          each.status === condition[1] &&
          each.reason === condition[2] &&
          is(each.message, condition[3]),
      )) &&
    (event === undefined ||
      told.some(each => each.type === event[0] && each.reason === event[1] && is(each.message, event[2])))
  );
}
