import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Pod } from '../../src/api/types/gen/core-v1.ts';
import { COUNTER } from './acknowledged-writes.ts';
import type { TestCluster } from './cluster.ts';
import { type NodeRuntime, runningPods } from './cluster-node-runtime.ts';
import { BUSYBOX } from './images.ts';
import type { Kubectl } from './kubectl.ts';
import { RUN_DIR } from './run-id.ts';
import { waitFor } from './wait-for.ts';

export const WEB_REPLICAS = 6;
const DATABASES = 2;
const COMPLETIONS = 6;
const PATIENCE = { timeoutMs: 120_000 };

/** Where containers write what they did. Hosts have the machine's /var/tmp, so all nodes write to the same files. */
const LEDGER = `${RUN_DIR}/ledger`;

const FROM_POD = [
  { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
  { name: 'POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
];
const LEDGER_VOLUME = { name: 'ledger', hostPath: { path: LEDGER, type: 'Directory' } };
const LEDGER_MOUNT = { name: 'ledger', mountPath: '/ledger' };
const STARTED = 'echo "$POD_NAME $POD_UID $REVISION" >>/ledger/started';

/** Asked to end, it serves on until the test says that nobody is led to it any more: no time has to be guessed for that. */
const WEB = `trap 'until [ -e /ledger/end-$REVISION ]; do sleep 0.1; done; exit 0' TERM
mkdir /w
echo "$POD_NAME $REVISION" >/w/index.html
${STARTED}
nc -ll -p 9000 -e cat &
httpd -f -p 8080 -h /w &
while :; do wait; done`;

const labels = (app: string) => ({ selector: { matchLabels: { app } }, metadata: { labels: { app } } });

function deployment(): object {
  const { selector, metadata } = labels('web');
  const container = {
    name: 'web',
    image: BUSYBOX,
    env: [...FROM_POD, { name: 'REVISION', value: '0' }],
    command: ['sh', '-c', WEB],
    readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 },
    volumeMounts: [LEDGER_MOUNT, { name: 'counter', mountPath: '/counter' }],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: WEB_REPLICAS,
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      revisionHistoryLimit: 2,
      selector,
      template: {
        metadata,
        spec: {
          // longer than anything here takes: it ends when it may
          terminationGracePeriodSeconds: 600,
          volumes: [LEDGER_VOLUME, { name: 'counter', configMap: { name: COUNTER } }],
          containers: [container],
        },
      },
    },
  };
}

function statefulSet(): object {
  const { selector, metadata } = labels('db');
  const alive = 'read up _ </proc/uptime; echo "$POD_NAME $POD_UID $up" >>/ledger/alive';
  const container = {
    name: 'db',
    image: BUSYBOX,
    env: [...FROM_POD, { name: 'REVISION', value: '0' }],
    command: ['sh', '-c', `trap 'exit 0' TERM; ${STARTED}; while :; do ${alive}; sleep 0.1; done`],
    volumeMounts: [LEDGER_MOUNT],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db' },
    spec: {
      replicas: DATABASES,
      serviceName: 'db',
      selector,
      template: {
        metadata,
        spec: { terminationGracePeriodSeconds: 3, volumes: [LEDGER_VOLUME], containers: [container] },
      },
    },
  };
}

function job(revision: number): object {
  const container = {
    name: 'count',
    image: BUSYBOX,
    env: [...FROM_POD, { name: 'REVISION', value: String(revision) }],
    command: ['sh', '-c', `${STARTED}; sleep 1; echo "$REVISION/$JOB_COMPLETION_INDEX" >>/ledger/completed`],
    volumeMounts: [LEDGER_MOUNT],
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: `count-${revision}`, labels: { app: 'count' } },
    spec: {
      completions: COMPLETIONS,
      parallelism: 2,
      completionMode: 'Indexed',
      backoffLimit: 0,
      template: {
        metadata: { labels: { app: 'count' } },
        spec: { restartPolicy: 'Never', volumes: [LEDGER_VOLUME], containers: [container] },
      },
    },
  };
}

function service(name: string, spec: object): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: name }, ...spec } };
}

/** A Deployment, a StatefulSet and Jobs whose containers write down each start, and so tell what was lost or done twice. */
export class CountedWorkload {
  readonly #kubectl: Kubectl;
  readonly #nodes: readonly NodeRuntime[];
  #revision = 0;
  #ports: readonly number[] = [];

  constructor(cluster: TestCluster, nodes: readonly NodeRuntime[]) {
    this.#kubectl = cluster.kubectl();
    this.#nodes = nodes;
  }

  /** Makes it, on every node of the cluster, and waits until it runs. */
  async apply(): Promise<void> {
    mkdirSync(LEDGER, { recursive: true });
    await this.#kubectl.run('taint nodes --all node-role.kubernetes.io/control-plane:NoSchedule-');
    await this.#kubectl
      .given([
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: COUNTER }, data: { n: '0' } },
        deployment(),
        service('web', {
          type: 'NodePort',
          ports: [
            { name: 'http', port: 80, targetPort: 8080 },
            { name: 'echo', port: 9000 },
          ],
        }),
        statefulSet(),
        service('db', { clusterIP: 'None' }),
      ])
      .ok('apply -f -');
    await this.rolledOut();
    const ports = await this.#kubectl.ok('get service web -o jsonpath={.spec.ports[*].nodePort}');
    this.#ports = ports.split(' ').map(Number);
  }

  /** `ADDRESS:PORT` of each node. */
  async addresses(port: 'http' | 'echo'): Promise<string[]> {
    const path = 'jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}';
    const nodes = (await this.#kubectl.ok('get nodes -o', path)).split(' ');
    return nodes.map(address => `${address}:${this.#ports[port === 'http' ? 0 : 1]}`);
  }

  /** Begins to roll out another revision of Deployment and StatefulSet, and a Job beside them. */
  async update(): Promise<void> {
    this.#revision += 1;
    await this.#kubectl.given([job(this.#revision)]).ok('apply -f -');
    await this.#kubectl.ok(`set env deployment/web statefulset/db REVISION=${this.#revision}`);
  }

  /** Lets the pods of the Deployment end that are asked to and of an earlier revision. */
  earlierMayEnd(): void {
    mayEnd(this.#revision);
  }

  /** Resolves when what was begun is rolled out and the Job complete. */
  async rolledOut(): Promise<void> {
    const rollouts = ['deployment/web', 'statefulset/db'].map(name =>
      this.#again(`rollout status ${name} --timeout=50s`),
    );
    const jobs =
      this.#revision === 0 ? [] : [`wait job/count-${this.#revision} --for=condition=Complete --timeout=50s`];
    await Promise.all([...rollouts, ...jobs.map(command => this.#again(command))]);
  }

  /** Waits until exactly the wanted pods are there, in the API and in the runtimes, each container in its first attempt. */
  async settled(): Promise<void> {
    await waitFor(
      'exactly the wanted pods in the API and in the runtimes',
      async saw => {
        const pods = await this.pods();
        const wanted = pods.map(({ metadata, status }) => ({
          pod: metadata.name,
          uid: metadata.uid,
          id: status?.containerStatuses?.[0]?.containerID?.replace(/.*:\/\//, ''),
        }));
        const running = (await runningPods(this.#nodes)).map(({ pod, uid, containers }) => ({
          pod,
          uid,
          id: containers.map(text => text.split(' ')[1]).join(),
        }));
        saw({ wanted: wanted.map(each => JSON.stringify(each)), running: running.map(each => JSON.stringify(each)) });
        return (
          pods.length === WEB_REPLICAS + DATABASES &&
          new Set(pods.map(({ status }) => status?.podIP)).size === pods.length &&
          pods.every(pod => this.#isCurrent(pod)) &&
          JSON.stringify(wanted) === JSON.stringify(running)
        );
      },
      PATIENCE,
    );
  }

  /** Pods of Deployment and StatefulSet that have not ended, by name. */
  async pods(): Promise<Pod[]> {
    const text = await this.#kubectl.ok('get pods -l', 'app in (web,db)', '-o', 'json');
    const { items } = JSON.parse(text) as { items: Pod[] };
    const key = ({ metadata }: Pod): string => `${metadata.name} ${metadata.uid}`;
    return items.toSorted((a, b) => key(a).localeCompare(key(b)));
  }

  /** `ADDRESS:PORT` of the pods of the Deployment that are not asked to end. */
  async endpoints(port: number): Promise<string[]> {
    return (await this.pods())
      .filter(({ metadata }) => metadata.labels?.['app'] === 'web' && metadata.deletionTimestamp === undefined)
      .map(({ status }) => `${status?.podIP}:${port}`)
      .toSorted();
  }

  /** How many containers of each revision were ever started, of the Deployment, the StatefulSet and the Jobs: `web 3: 6`. A Job is none of revision 0. */
  starts(): string[] {
    const counts = new Map<string, number>();
    for (const line of lines('started')) {
      const [pod = '', , revision = ''] = line.split(' ');
      const key = `${pod.split('-')[0]} ${revision}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return [...counts].map(([key, count]) => `${key}: ${count}`).toSorted();
  }

  /** What `starts` is when each container was started once. */
  startsOnce(): string[] {
    return Array.from({ length: this.#revision + 1 }, (_, revision) => [
      `db ${revision}: ${DATABASES}`,
      `web ${revision}: ${WEB_REPLICAS}`,
      ...(revision === 0 ? [] : [`count ${revision}: ${COMPLETIONS}`]),
    ])
      .flat()
      .toSorted();
  }

  /** Indexes of Jobs that were not completed, or were more than once. */
  completedOtherThanOnce(): string[] {
    const completed = lines('completed');
    return Array.from({ length: this.#revision }, (_, i) =>
      Array.from({ length: COMPLETIONS }, (_each, index) => `${i + 1}/${index}`),
    )
      .flat()
      .map(key => `${key}: ${completed.filter(line => line === key).length}`)
      .filter(text => !text.endsWith(': 1'));
  }

  /** Pods of one name of the StatefulSet that ran at the same time, by what they wrote while they ran. */
  doubled(): string[] {
    const spans = new Map<string, { readonly name: string; readonly first: number; last: number }>();
    for (const line of lines('alive')) {
      const [name = '', uid = '', up = ''] = line.split(' ');
      const span = spans.get(uid);
      if (span === undefined) spans.set(uid, { name, first: Number(up), last: Number(up) });
      else span.last = Number(up);
    }
    const all = [...spans.values()];
    return all.flatMap((a, i) =>
      all
        .slice(i + 1)
        .filter(b => a.name === b.name && a.first <= b.last && b.first <= a.last)
        .map(b => `${a.name} from ${a.first} to ${a.last} and from ${b.first} to ${b.last}`),
    );
  }

  /** Waits until the volumes of all pods of the Deployment, as they are on the nodes, show this value of the config map that counts. */
  async shown(value: string): Promise<void> {
    await waitFor(
      `all pods to see ${value}`,
      async saw => {
        const pods = (await this.pods()).filter(({ metadata }) => metadata.labels?.['app'] === 'web');
        const seen = pods.map(({ metadata, spec }) => {
          const host = this.#nodes.find(({ name }) => spec?.nodeName?.endsWith(`-${name}`))?.host;
          const path = `/var/lib/kubelet/pods/${metadata.uid}/volumes/kubernetes.io~configmap/counter/n`;
          return readFileSync(host?.path(path) ?? path, 'utf8');
        });
        saw(seen);
        return seen.every(each => each === value);
      },
      PATIENCE,
    );
  }

  /** Deletes it all, and waits until the API server has nothing of it. */
  async delete(): Promise<void> {
    mayEnd(this.#revision + 1);
    await this.#kubectl.ok('delete deployment/web statefulset/db service/web service/db --timeout=50s');
    await this.#kubectl.ok('delete job -l app=count --timeout=50s');
    await this.#kubectl.ok('wait pods --all --for=delete --timeout=60s');
  }

  #isCurrent({ metadata, spec, status }: Pod): boolean {
    return (
      metadata.deletionTimestamp === undefined &&
      spec?.containers[0]?.env?.find(({ name }) => name === 'REVISION')?.value === String(this.#revision) &&
      status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True') === true &&
      status.containerStatuses?.[0]?.restartCount === 0
    );
  }

  /** A command that waits for something and may lose its server while it does. */
  #again(command: string): Promise<true> {
    return waitFor(
      `kubectl ${command}`,
      async saw => {
        const { code, out, err } = await this.#kubectl.run(command);
        saw(`${err}${out}`);
        return code === 0;
      },
      PATIENCE,
    );
  }
}

/** Pods of so many revisions, from the first. */
function mayEnd(revisions: number): void {
  for (let revision = 0; revision < revisions; revision += 1) writeFileSync(`${LEDGER}/end-${revision}`, '');
}

function lines(file: string): string[] {
  const path = `${LEDGER}/${file}`;
  return existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter(line => line !== '')
    : [];
}
