import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../harness/cluster.ts';
import { Flood, floodFromPod, type PodFlood } from '../harness/flood.ts';
import { BUSYBOX, imageArchive, WEB_V1, WEB_V2 } from '../harness/images.ts';

const ROUNDS = process.env['GANTRY_SOAK'] === '1' ? 30 : 3;

/** Three servers that take requests for a while after they were told to end, as every guide says, and none of which may be missing. */
function web(name: string, image: string, labels: Readonly<Record<string, string>>): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels },
        spec: {
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: labels },
            },
          ],
          containers: [
            {
              name: 'web',
              image,
              readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 },
              lifecycle: { preStop: { sleep: { seconds: 3 } } },
            },
          ],
        },
      },
    },
  };
}

function service(name: string, selector: Readonly<Record<string, string>>): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { type: 'NodePort', selector, ports: [{ port: 80, targetPort: 8080 }] },
  };
}

describe('under a flood of requests', () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  let addresses: string[] = [];

  beforeAll(async () => {
    await cluster.create('--nodes', '2');
    for (const image of [BUSYBOX, WEB_V1, WEB_V2] as const)
      expect(await cluster.run(['load image', await imageArchive(image)])).toMatchObject({ code: 0, err: '' });
    addresses = (
      await kubectl.ok('get nodes -o', 'jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}')
    ).split(' ');
  });
  afterAll(() => cluster.delete());

  /** From here by the node ports of both nodes, and from a pod on each of them by name and by address; every second client asks for what takes its time. */
  async function flooded(
    name: string,
    startsWith: string,
    change: (flood: Flood) => Promise<void>,
  ): Promise<{ answered: number; failures: unknown[] }> {
    const port = await kubectl.ok(`get service ${name} -o jsonpath={.spec.ports[0].nodePort}`);
    const clusterIp = await kubectl.ok(`get service ${name} -o jsonpath={.spec.clusterIP}`);
    const paths = ['/', '/cgi-bin/slow'];
    const pods: PodFlood[] = [];
    const urls = paths.flatMap(path => [`http://${name}${path}`, `http://${clusterIp}${path}`]);
    for (const role of ['control-plane', 'worker'])
      pods.push(
        await floodFromPod(kubectl, { name: `flood-${name}-${role}`, node: `${cluster.name}-${role}` }, urls, {
          clients: 1,
          startsWith,
        }),
      );
    const flood = new Flood(
      addresses.flatMap(address => paths.map(path => `http://${address}:${port}${path}`)),
      { clients: 2, startsWith },
    );
    await flood.flows();
    await change(flood);
    await flood.flows();
    await flood.stop();
    const ended = await Promise.all(pods.map(pod => pod.stop()));
    return {
      answered: flood.answers.length + ended.reduce((sum, { answered }) => sum + answered, 0),
      failures: [...flood.failures, ...ended.flatMap(({ failures }) => failures)],
    };
  }

  it(`replaces the image of a Deployment that may miss no pod ${ROUNDS} times, and fails no request`, async () => {
    await kubectl.given([web('shop', WEB_V1, { app: 'shop' }), service('shop', { app: 'shop' })]).ok('apply -f -');
    await kubectl.ok('rollout status deployment/shop --timeout=60s');
    const { failures, answered } = await flooded('shop', 'v', async flood => {
      for (let round = 1; round <= ROUNDS; round += 1) {
        await kubectl.ok(`set image deployment/shop web=${round % 2 === 1 ? WEB_V2 : WEB_V1}`);
        await kubectl.ok('rollout status deployment/shop --timeout=60s');
        await flood.flows();
      }
    });
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(500);
  });
});
