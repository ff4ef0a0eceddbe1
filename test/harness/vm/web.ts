import { WEB_V1 } from '../images.ts';
import { waitFor } from '../wait-for.ts';
import { LONG } from './installed-node.ts';
import type { TwoVms } from './two-vms.ts';
import type { Vm } from './vm.ts';

/** Questions to an address in a round: with two pods behind it, one round in 128 meets only one. */
const QUESTIONS = process.env['GANTRY_SOAK'] === '1' ? 50 : 8;

/** What a pod of this Deployment says. */
const ANSWER = /^v1 web-\S+$/;

const CONTAINER = {
  name: 'web',
  image: WEB_V1,
  resources: { limits: { cpu: '500m', memory: '64Mi' } },
  readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 2 },
};

/** A pod on each machine that says which it is, behind a Service with a port of the nodes. */
export const WEB = [
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
          containers: [CONTAINER],
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

export interface WebPod {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly ready: boolean;
}

/** Those that are not on their way out. */
export async function webPods({ kubectl }: TwoVms): Promise<readonly WebPod[]> {
  const { items } = JSON.parse(await kubectl.ok('get pods -l app=web -o json')) as {
    items: readonly {
      metadata: { name: string; uid: string; deletionTimestamp?: string };
      spec: { nodeName?: string };
      status: { conditions?: readonly { type: string; status: string }[] };
    }[];
  };
  return items
    .filter(pod => pod.metadata.deletionTimestamp === undefined)
    .map(({ metadata, spec, status }) => ({
      name: metadata.name,
      uid: metadata.uid,
      node: spec.nodeName ?? '',
      ready: status.conditions?.some(each => each.type === 'Ready' && each.status === 'True') ?? false,
    }));
}

/** Resolves with them when there is a ready one on each machine, and no other. */
export function webReady(vms: TwoVms): Promise<readonly WebPod[]> {
  return waitFor(
    'a ready pod of the Deployment on each machine',
    async saw => {
      const pods = await webPods(vms);
      saw(pods);
      const nodes = new Set(pods.filter(pod => pod.ready).map(pod => pod.node));
      return nodes.has(vms.one.name) && nodes.has(vms.two.name) && pods.length === 2 ? pods : undefined;
    },
    LONG,
  );
}

/** Resolves when both pods have answered at the cluster IP and at the other's node port from each machine, and by the Service's name from a pod, and nothing asked there after that went unanswered. */
export async function traffic(vms: TwoVms): Promise<void> {
  const { one, two, kubectl } = vms;
  const ip = await kubectl.ok('get service web -o jsonpath={.spec.clusterIP}');
  const [pod] = await webPods(vms);
  // busybox has timeout(1), which leaves a process in the container for as long as it is to wait, and wget -T, which ends with a segmentation fault
  const wget = `for i in $(seq ${QUESTIONS}); do wget -q -O - http://web.default.svc.cluster.local/ 2>&1 || echo "no answer: $?"; done`;
  await Promise.all([
    answers(one, ip),
    answers(two, ip),
    answers(one, `${two.address}:30080`),
    answers(two, `${one.address}:30080`),
    allAnswered('by name from a pod', () => kubectl.ok(`exec ${pod?.name} -- sh -c`, wget)),
  ]);
}

function answers(vm: Pick<Vm, 'name' | 'sh'>, address: string): Promise<void> {
  // one process for all of them, each on a connection of its own
  const urls = Array.from({ length: QUESTIONS }, () => `http://${address}/`).join(' ');
  const ask = `curl -sS --max-time 30 -H 'Connection: close' ${urls} 2>&1 || true`;
  return allAnswered(`at ${address} from ${vm.name}`, () => vm.sh(ask));
}

/** Waits for a round of questions that meets both pods; from then on rules, routes and pods are there, and each question of a further round has to be answered. */
async function allAnswered(where: string, ask: () => Promise<string>): Promise<void> {
  const round = async (): Promise<readonly string[]> => (await ask()).split('\n').filter(line => line !== '');
  await waitFor(
    `both pods to answer ${where}`,
    async saw => {
      const lines = await round();
      saw(lines);
      return new Set(lines.filter(line => ANSWER.test(line))).size === 2;
    },
    LONG,
  );
  const lines = await round();
  const answered = lines.filter(line => ANSWER.test(line)).length;
  if (answered !== QUESTIONS)
    throw new Error(
      `${answered} of ${QUESTIONS} questions ${where} were answered, after both pods had been met there:\n${lines.join('\n')}`,
    );
}
