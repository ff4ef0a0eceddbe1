import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Pod } from '../../src/api/types/gen/core-v1.ts';
import { COUNTER } from './acknowledged-writes.ts';
import type { TestCluster } from './cluster.ts';
import { type NodeRuntime, runningPods } from './cluster-node-runtime.ts';
import {
  COMPLETIONS,
  DATABASES,
  deployment,
  job,
  LEDGER,
  PASSING_REPLICAS,
  passing,
  passingNamespace,
  service,
  statefulSet,
  WEB_REPLICAS,
} from './counted-objects.ts';
import type { Kubectl } from './kubectl.ts';
import { waitFor } from './wait-for.ts';

const PATIENCE = { timeoutMs: 120_000 };
/** What tells why something is not rolled out. */
const SHOWN = 'deployments,replicasets,statefulsets,jobs,pods';

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
        ...passing(0),
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

  /** Begins to roll out another revision of Deployment and StatefulSet, and a Job beside them; the namespace of the last revision goes, another comes. */
  async update(): Promise<void> {
    await this.#kubectl.ok(`delete namespace ${passingNamespace(this.#revision)} --wait=false`);
    this.#revision += 1;
    await this.#kubectl.given([job(this.#revision), ...passing(this.#revision)]).ok('apply -f -');
    await this.#kubectl.ok(`set env deployment/web statefulset/db REVISION=${this.#revision}`);
  }

  /** Lets the pods of the Deployment end that are asked to and of an earlier revision. */
  earlierMayEnd(): void {
    mayEnd(this.#revision);
  }

  /** Resolves when what was begun is rolled out and the Job complete. */
  async rolledOut(): Promise<void> {
    const now = this.#revision;
    const rollouts = ['deployment/web', 'statefulset/db', `deployment/passing --namespace=${passingNamespace(now)}`];
    const ends = [
      `wait job/count-${now} --for=condition=Complete --timeout=50s`,
      `wait namespace/${passingNamespace(now - 1)} --for=delete --timeout=50s`,
    ];
    await Promise.all(
      [...rollouts.map(name => `rollout status ${name} --timeout=50s`), ...(now === 0 ? [] : ends)].map(command =>
        this.#again(command),
      ),
    );
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
          pods.length === WEB_REPLICAS + DATABASES + PASSING_REPLICAS &&
          new Set(pods.map(({ status }) => status?.podIP)).size === pods.length &&
          pods.every(pod => this.#isCurrent(pod)) &&
          JSON.stringify(wanted) === JSON.stringify(running)
        );
      },
      PATIENCE,
    );
  }

  /** Pods of Deployments and StatefulSet, by name. */
  async pods(): Promise<Pod[]> {
    const text = await this.#kubectl.ok('get pods --all-namespaces -l', 'app in (web,db,passing)', '-o', 'json');
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

  /** How many containers of each revision were ever started, of each workload: `web 3: 6`. There is no Job of revision 0. */
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
      `init ${revision}: ${DATABASES}`,
      `passing ${revision}: ${PASSING_REPLICAS}`,
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
    await this.#kubectl.ok(`delete namespace ${passingNamespace(this.#revision)} --timeout=50s`);
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
        if (code === 0) return true;
        const { out: objects } = await this.#kubectl.run(`get ${SHOWN} --all-namespaces -o wide`);
        saw(`${err}${out}\n${objects}`);
        return false;
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
