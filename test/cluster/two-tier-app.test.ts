import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, DATABASE, FRONT_END, imageArchive } from '../harness/images.ts';
import { waitFor } from '../harness/wait-for.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function secret(data: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'database' }, type: 'Opaque', data };
}

const CREDENTIALS = { username: base64('keeper'), password: base64('open-sesame') };
function config(url: string): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'database' }, data: { url } };
}

const fromSecret = (name: string, key: string): object => ({
  name,
  valueFrom: { secretKeyRef: { name: 'database', key } },
});

function deployment(name: string, container: object): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: { app: name } },
    spec: {
      replicas: 1,
      // what is changed is seen at once, by a pod that is not there twice
      strategy: { type: 'Recreate' },
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 1, containers: [{ name, ...container }] },
      },
    },
  };
}

const DATABASE_TIER = [
  deployment('database', {
    image: DATABASE,
    ports: [{ containerPort: 27017 }],
    env: [fromSecret('DATABASE_ROOT_USERNAME', 'username'), fromSecret('DATABASE_ROOT_PASSWORD', 'password')],
    readinessProbe: { tcpSocket: { port: 27017 }, periodSeconds: 1 },
  }),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'database' },
    spec: { selector: { app: 'database' }, ports: [{ port: 27017, targetPort: 27017 }] },
  },
];

const FRONT_END_TIER = [
  deployment('front-end', {
    image: FRONT_END,
    ports: [{ containerPort: 8081 }],
    env: [
      fromSecret('DATABASE_USERNAME', 'username'),
      fromSecret('DATABASE_PASSWORD', 'password'),
      { name: 'DATABASE_SERVER', valueFrom: { configMapKeyRef: { name: 'database', key: 'url' } } },
    ],
    readinessProbe: { tcpSocket: { port: 8081 }, periodSeconds: 1 },
  }),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'front-end' },
    spec: { type: 'NodePort', selector: { app: 'front-end' }, ports: [{ port: 8081, targetPort: 8081 }] },
  },
];

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** What a front end says, to a line that is added where one is given. */
async function ask(url: string, line?: string): Promise<Answer> {
  const answer = await fetch(`${url}/cgi-bin/index.cgi`, {
    signal: AbortSignal.timeout(10_000),
    ...(line === undefined ? {} : { method: 'POST', body: line }),
  });
  return { status: answer.status, text: (await answer.text()).trim() };
}

describe('a front end and its database', () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  beforeAll(async () => {
    await cluster.create('--nodes', '2');
    for (const image of [BUSYBOX, DATABASE, FRONT_END] as const)
      expect(await cluster.run(['load image', await imageArchive(image)])).toMatchObject({ code: 0, err: '' });
  });
  afterAll(() => cluster.delete());

  /** The addresses at which both nodes answer for a service. */
  const urlsOf = async (namespace: string): Promise<string[]> => {
    const port = await kubectl.in(namespace).ok('get service front-end -o jsonpath={.spec.ports[0].nodePort}');
    const addresses = await kubectl.ok(
      'get nodes -o',
      'jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}',
    );
    return addresses.split(' ').map(address => `http://${address}:${port}`);
  };
  const eventually = (namespace: string, expected: Answer): Promise<true | undefined> =>
    waitFor(
      `the front end of ${namespace} to answer ${expected.status} ${expected.text}`,
      async saw => {
        const [url = ''] = await urlsOf(namespace);
        const answer = await ask(url);
        saw(answer);
        return answer.status === expected.status && answer.text === expected.text ? true : undefined;
      },
      { timeoutMs: 60_000, pauseMs: 100 },
    );

  describe('applied one after the other', () => {
    beforeAll(async () => {
      await kubectl.given([secret(CREDENTIALS)]).ok('apply -f -');
      await kubectl.given(DATABASE_TIER).ok('apply -f -');
      await kubectl.ok('rollout status deployment/database --timeout=60s');
      await kubectl.given([config('database')]).ok('apply -f -');
      await kubectl.given(FRONT_END_TIER).ok('apply -f -');
      await kubectl.ok('rollout status deployment/front-end --timeout=60s');
    });

    it('store and show what was posted, at each node', async () => {
      const [one = '', other = ''] = await urlsOf('default');
      await eventually('default', { status: 200, text: '' });
      expect(await ask(one, 'bread & butter')).toEqual({ status: 200, text: 'bread & butter' });
      await waitFor('the other node to answer', async () => (await ask(other)).status === 200);
      expect(await ask(other)).toEqual({ status: 200, text: 'bread & butter' });
      expect(await kubectl.ok('logs deployment/front-end')).toContain('as its user keeper');
    });

    it('keep out whoever does not know the password', async () => {
      const command = 'timeout 10 wget -qO- http://database:27017/cgi-bin/lines';
      await kubectl.ok(`run stranger --image=${BUSYBOX} --restart=Never --command -- sh -c`, command);
      await kubectl.ok('wait pod/stranger --for=jsonpath={.status.phase}=Failed --timeout=30s');
      expect(await kubectl.ok('logs stranger')).toBe('wget: server returned error: HTTP/1.1 401 Unauthorized');
    });

    it('are described by where their values come from, not by the values', async () => {
      const said = await kubectl.ok('describe pod -l app=front-end');
      expect(said).toMatch(/DATABASE_PASSWORD: +<set to the key 'password' in secret 'database'> +Optional: false/);
      expect(said).toMatch(/DATABASE_SERVER: +<set to the key 'url' of config map 'database'> +Optional: false/);
      expect(said).not.toContain('sesame');
    });

    it('take a new password when they are restarted, each by itself', async () => {
      await kubectl.given([secret({ ...CREDENTIALS, password: base64('barley') })]).ok('apply -f -');
      await kubectl.ok('rollout restart deployment/front-end');
      await kubectl.ok('rollout status deployment/front-end --timeout=60s');
      await eventually('default', { status: 502, text: 'wget: server returned error: HTTP/1.1 401 Unauthorized' });
      await kubectl.ok('rollout restart deployment/database');
      await kubectl.ok('rollout status deployment/database --timeout=60s');
      // what it kept was its container's
      await eventually('default', { status: 200, text: '' });
    });
  });

  describe('applied in the wrong order', () => {
    const shop = kubectl.in('shop');
    const waitingOf = async (): Promise<string> =>
      shop.ok(
        'get pod -l app=front-end -o',
        'jsonpath={.items[0].status.containerStatuses[0].state.waiting.reason}: {.items[0].status.containerStatuses[0].state.waiting.message}',
      );
    const waiting = (expected: string): Promise<true | undefined> =>
      waitFor(
        `the front end to wait with ${expected}`,
        async saw => {
          const said = await waitingOf();
          saw(said);
          return said === expected ? true : undefined;
        },
        { timeoutMs: 60_000, pauseMs: 100 },
      );
    beforeAll(() => kubectl.ok('create namespace shop'));

    it('wait for a Secret that is missing', async () => {
      await shop.given(FRONT_END_TIER).ok('apply -f -');
      await waiting('CreateContainerConfigError: secret "database" not found');
      expect(await shop.ok('get pods')).toMatch(/front-end-\S+ +0\/1 +CreateContainerConfigError +0 /);
      expect(await shop.ok('get events --field-selector reason=Failed')).toContain(
        'Error: secret "database" not found',
      );
    });

    it('wait for the key that the Secret does not have', async () => {
      await shop.given([secret({ username: CREDENTIALS.username })]).ok('apply -f -');
      await waiting("CreateContainerConfigError: couldn't find key password in Secret shop/database");
    });

    it('wait for a ConfigMap that is missing', async () => {
      await shop.given([secret(CREDENTIALS)]).ok('apply -f -');
      await waiting('CreateContainerConfigError: configmap "database" not found');
    });

    it('start when all is there, and tell that there is no database', async () => {
      // names under the cluster's domain are no other server's business, which may be slow to answer
      await shop.given([config('database.shop.svc.cluster.local')]).ok('apply -f -');
      await shop.ok('rollout status deployment/front-end --timeout=60s');
      await eventually('shop', { status: 502, text: "wget: bad address 'database.shop.svc.cluster.local:27017'" });
    });

    it('work when the database comes, without another restart', async () => {
      await shop.given(DATABASE_TIER).ok('apply -f -');
      await eventually('shop', { status: 200, text: '' });
      const [url = ''] = await urlsOf('shop');
      expect(await ask(url, 'late bread')).toEqual({ status: 200, text: 'late bread' });
      expect(await shop.ok('get pods -o', 'jsonpath={.items[*].status.containerStatuses[*].restartCount}')).toBe('0 0');
    });
  });
});
