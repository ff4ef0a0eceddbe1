import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPackages } from '../../src/api/schema/packages.ts';
import { EtcdClient } from '../../src/etcd/client.ts';
import { brokenCopies } from '../harness/broken-objects.ts';
import { TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { seededRandom } from '../harness/random.ts';
import { SAMPLE_FOUNDATIONS, SAMPLE_OBJECTS, SHOP } from '../harness/sample-objects.ts';
import { waitFor } from '../harness/wait-for.ts';

/** What decides over requests of others: breaking it closes the API, as it should. */
const DECIDING =
  /^(admissionregistration|apiregistration|apiextensions|flowschemas|prioritylevel|validating|mutating|resourcequotas|limitranges|priorityclasses|runtimeclasses|namespaces$|ranges|masterleases|services\/endpoints\/default)/;
/** Always the same, so that a run says of the program whether it became worse; GANTRY_SEED=n looks further. */
const random = seededRandom(Number(process.env['GANTRY_SEED'] ?? 11));
await loadPackages();

const deployment = (name: string): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: SHOP },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'c',
            image: BUSYBOX,
            command: ['sh', '-c', 'mkdir /w; hostname >/w/index.html; exec httpd -f -p 8080 -h /w'],
          },
        ],
      },
    },
  },
});
const service = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: SHOP },
  spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
});

/** The same without pods of its own: broken copies would fill the node with theirs. */
function asleep(sample: (typeof SAMPLE_OBJECTS)[number]): object {
  const spec = sample['spec'] as object;
  const still: Readonly<Record<string, object>> = {
    Deployment: { replicas: 0 },
    ReplicaSet: { replicas: 0 },
    ReplicationController: { replicas: 0 },
    StatefulSet: { replicas: 0 },
    Job: { suspend: true },
    CronJob: { suspend: true },
  };
  return sample.kind in still ? { ...sample, spec: { ...spec, ...still[sample.kind] } } : sample;
}

describe(`a cluster with broken objects of every kind (seed ${random.seed})`, () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  const shop = kubectl.in(SHOP);

  beforeAll(async () => {
    await cluster.create();
    expect(await cluster.run(['load image', await imageArchive(BUSYBOX)])).toMatchObject({ code: 0, err: '' });
    const foundations = SAMPLE_FOUNDATIONS.filter(({ kind }) => kind !== 'LimitRange');
    await kubectl.given(foundations).run('create -f -');
    // some are for other tests' servers and are refused here: there are enough
    await kubectl.given(SAMPLE_OBJECTS.filter(({ kind }) => kind !== 'ResourceQuota').map(asleep)).run('create -f -');
    const broken = await writeBroken();
    expect(broken).toBeGreaterThan(400);
    // who has them in memory as they were reads everything anew
    for (const daemon of ['gantry-control-plane', 'gantry-node'])
      await cluster.onNode('control-plane', 'sh', '-c', `kill -9 $(cat /run/host-services/${daemon}/supervise/pid)`);
    await waitFor('the API server to be back', async () => (await kubectl.ok('get --raw /readyz')) === 'ok', {
      timeoutMs: 60_000,
    });
  });
  afterAll(() => cluster.delete());

  async function writeBroken(): Promise<number> {
    const pem = async (name: string): Promise<Buffer> =>
      Buffer.from(await cluster.onNode('control-plane', 'cat', `/etc/kubernetes/pki/${name}`));
    const address = await kubectl.ok(
      `get node ${cluster.name}-control-plane -o jsonpath={.status.addresses[0].address}`,
    );
    const etcd = new EtcdClient({
      endpoints: [`https://${address}:2379`],
      tls: {
        ca: await pem('etcd/ca.crt'),
        cert: await pem('apiserver-etcd-client.crt'),
        key: await pem('apiserver-etcd-client.key'),
      },
    });
    let written = 0;
    try {
      const { kvs } = await etcd.range('/registry/', { end: '/registry0' });
      const seen = new Set<string>();
      for (const { key, value } of kvs) {
        const path = key.toString().slice('/registry/'.length);
        const folder = path.slice(0, path.lastIndexOf('/'));
        if (DECIDING.test(folder) || seen.has(folder) || value[0] !== '{'.charCodeAt(0)) continue;
        seen.add(folder);
        for (const { name, text } of brokenCopies(
          JSON.parse(value.toString()) as object,
          `broken-${seen.size}`,
          random,
        )) {
          await etcd.put(`/registry/${folder}/${name}`, Buffer.from(text));
          written += 1;
        }
      }
    } finally {
      etcd.connection.close();
    }
    return written;
  }

  it('runs a deployment behind a service that is found by its name', async () => {
    await kubectl.given([deployment('good'), service('good')]).ok('create -f -');
    expect(await shop.run('rollout status deployment/good --timeout=60s')).toMatchObject({ code: 0, err: '' });
    const asker = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'asker', namespace: SHOP } };
    const ask = 'until timeout 5 wget -qO- http://good; do sleep 1; done';
    const container = { name: 'c', image: BUSYBOX, command: ['sh', '-c', ask] };
    await kubectl.given([{ ...asker, spec: { restartPolicy: 'Never', containers: [container] } }]).ok('create -f -');
    await shop.ok('wait pod/asker --for=jsonpath={.status.phase}=Succeeded --timeout=60s');
    expect(await shop.ok('logs asker')).toMatch(/^good-/);
  });

  it('runs what the other controllers make: a job, a set, a daemon, and what belongs to a namespace', async () => {
    const selector = { matchLabels: { app: 'other' } };
    const container = { name: 'c', image: BUSYBOX, command: ['sleep', '3600'] };
    const template = {
      metadata: { labels: { app: 'other' } },
      spec: { terminationGracePeriodSeconds: 1, containers: [container] },
    };
    const once = { restartPolicy: 'Never', containers: [{ ...container, command: ['true'] }] };
    const of = (apiVersion: string, kind: string, spec: object): object => ({
      apiVersion,
      kind,
      metadata: { name: 'other', namespace: SHOP },
      spec,
    });
    await kubectl
      .given([
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } },
        of('batch/v1', 'Job', { template: { spec: once } }),
        of('apps/v1', 'StatefulSet', { replicas: 1, serviceName: 'other', selector, template }),
        of('apps/v1', 'DaemonSet', { selector, template }),
        of('policy/v1', 'PodDisruptionBudget', { minAvailable: 1, selector: { matchLabels: { app: 'good' } } }),
      ])
      .ok('create -f -');
    await shop.ok('wait job/other --for=condition=Complete --timeout=60s');
    await shop.ok('rollout status statefulset/other --timeout=60s');
    // a daemon's pod comes to the broken copies of the node too, where nobody runs it
    const here = `spec.nodeName=${cluster.name}-control-plane`;
    await shop.ok(`wait pods -l app=other --field-selector=${here} --for=condition=Ready --timeout=60s`);
    await shop.ok('wait pdb/other --for=jsonpath={.status.disruptionsAllowed}=1 --timeout=30s');
    await kubectl.ok('wait configmap/kube-root-ca.crt --namespace=other --for=create --timeout=30s');
    await kubectl.ok('delete namespace other --timeout=60s');
    await shop.ok('delete deployment good --timeout=30s');
    await shop.ok('wait pods -l app=good --for=delete --timeout=60s');
  });
});
