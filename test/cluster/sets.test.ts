import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../harness/cluster.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Serves its full name on port 80, as anybody, and ends at once when it is told to. */
const SERVE = "trap 'exit 0' TERM; mkdir /tmp/w; hostname -f >/tmp/w/index.html; httpd -f -p 80 -h /tmp/w & wait";
const CONTAINER = {
  name: 'c',
  image: BUSYBOX,
  command: ['sh', '-c', SERVE],
  readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1 },
  securityContext: { runAsUser: 1000, capabilities: { drop: ['ALL'] } },
};

const set = (kind: string, name: string, spec: object, pod: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [CONTAINER], ...pod } },
    ...spec,
  },
});

const headless = (name: string, spec: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { clusterIP: 'None', selector: { app: name }, ports: [{ name: 'http', port: 80 }], ...spec },
});

const GATE = 'example.com/opened';

describe('sets of pods on two nodes', () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  const control = `${cluster.name}-control-plane`;
  const worker = `${cluster.name}-worker`;
  let joinWords: readonly string[] = [];

  const nodesOf = async (app: string): Promise<string[]> =>
    (await kubectl.ok(`get pods -l app=${app} -o`, 'jsonpath={.items[*].spec.nodeName}')).split(' ').toSorted();
  const names = async (app: string): Promise<string> =>
    kubectl.ok(`get pods -l app=${app} -o`, 'jsonpath={.items[*].metadata.name}');
  const ofPod = (name: string, path: string): Promise<string> => kubectl.ok(`get pod ${name} -o`, `jsonpath={${path}}`);
  const rolledOut = (what: string): Promise<string> => kubectl.ok(`rollout status ${what} --timeout=60s`);

  /** Every change of pods from now on, as `ADDED web-0` and the like, with `ready` and `ending` where they are so. */
  const changes = async (app: string) => {
    const watch = kubectl.background(
      `get pods -l app=${app} --watch --output-watch-events -o`,
      'jsonpath={.type} {.object.metadata.name} {.object.status.conditions[?(@.type=="Ready")].status} {.object.metadata.deletionTimestamp}{"\\n"}',
    );
    const lines = (): string[] =>
      watch
        .seen()
        .split('\n')
        .map(line =>
          line
            .replace(/ True/, ' ready')
            .replace(/ False/, '')
            .replace(/ \d{4}-.*/, ' ending')
            .trim(),
        );
    return { lines, first: (pattern: RegExp) => lines().findIndex(line => pattern.test(line)), end: () => watch.end() };
  };

  let asked = 0;
  /** What a command in a pod writes. */
  const inPod = async (command: string): Promise<string> => {
    const name = `ask-${asked++}`;
    await kubectl.ok(`run ${name} --image=${BUSYBOX} --restart=Never --command -- sh -c`, `${command}; true`);
    await kubectl.ok(`wait pod/${name} --for=jsonpath={.status.phase}=Succeeded --timeout=60s`);
    return kubectl.ok(`logs ${name}`);
  };

  beforeAll(async () => {
    const said = await cluster.create('--nodes', '2');
    const [, words = '', pin = ''] = /gantry (join [^\n]+?) \\\s+(--discovery-token-ca-cert-hash \S+)/.exec(said) ?? [];
    joinWords = [...words.split(' '), ...pin.split(' ')];
    expect(await cluster.run(['load image', await imageArchive(BUSYBOX)])).toMatchObject({ code: 0, err: '' });
    await kubectl.given([set('DaemonSet', 'agent', {})]).ok('apply -f -');
    await rolledOut('daemonset/agent');
  });
  afterAll(() => cluster.delete());

  describe('a DaemonSet', () => {
    it('has a pod on each node that it tolerates, and on another when its taint goes', async () => {
      expect(await nodesOf('agent')).toEqual([worker]);
      await kubectl.ok(`taint node ${control} node-role.kubernetes.io/control-plane-`);
      await waitFor('the second pod', async () => (await nodesOf('agent')).length === 2);
      await rolledOut('daemonset/agent');
      expect(await nodesOf('agent')).toEqual([control, worker]);
      expect(await kubectl.ok('get daemonset agent')).toMatch(/^agent +2 +2 +2 +2 +2 +<none> /m);
    });

    it('is updated one node after the other, and taken back', async () => {
      const seen = await changes('agent');
      await waitFor('the watch to begin', () => seen.lines().length > 2);
      const before = seen.lines().length - 1;
      await kubectl.ok('set env daemonset/agent RELEASE=2');
      await rolledOut('daemonset/agent');
      const after = seen.lines().slice(before);
      await seen.end();
      const [first = -1, second = -1] = after.flatMap((line, i) => (line.startsWith('ADDED') ? [i] : []));
      const name = after[first]?.split(' ')[1];
      // the second goes when the first is ready
      const ready = after.indexOf(`MODIFIED ${name} ready`);
      const goes = after.findIndex((line, i) => i > first && line.endsWith(' ready ending'));
      expect(first).toBeGreaterThan(-1);
      expect(ready).toBeGreaterThan(first);
      expect(goes).toBeGreaterThan(ready);
      expect(second).toBeGreaterThan(goes);
      expect(await kubectl.ok('rollout history daemonset/agent')).toMatch(/^1 .*\n2 /m);
      await kubectl.ok('rollout undo daemonset/agent');
      await rolledOut('daemonset/agent');
      expect(await kubectl.ok('get pods -l app=agent -o', 'jsonpath={.items[*].spec.containers[0].env}')).toBe('');
    });

    it('follows the labels of nodes', async () => {
      await kubectl.ok('patch daemonset agent -p', '{"spec":{"template":{"spec":{"nodeSelector":{"disk":"fast"}}}}}');
      await waitFor('no pod to be left', async () => (await names('agent')) === '');
      await kubectl.ok(`label node ${worker} disk=fast`);
      await waitFor('the pod on the worker', async () => (await nodesOf('agent')).join() === worker);
      await kubectl.ok(`label node ${worker} disk-`);
      await waitFor('no pod to be left again', async () => (await names('agent')) === '');
      await kubectl.ok('patch daemonset agent -p', '{"spec":{"template":{"spec":{"nodeSelector":null}}}}');
      await waitFor('both pods', async () => (await nodesOf('agent')).join() === `${control},${worker}`);
      await rolledOut('daemonset/agent');
    });
  });

  describe('a StatefulSet', () => {
    beforeAll(async () => {
      await kubectl
        .given([headless('web'), set('StatefulSet', 'web', { serviceName: 'web', replicas: 3 })])
        .ok('apply -f -');
      await rolledOut('statefulset/web');
    });

    it('starts one pod after the other, each when the one before is ready', async () => {
      const seen = await changes('gated');
      await kubectl
        .given([
          headless('gated'),
          set(
            'StatefulSet',
            'gated',
            { serviceName: 'gated', replicas: 2 },
            { readinessGates: [{ conditionType: GATE }] },
          ),
        ])
        .ok('apply -f -');
      const open = (name: string): Promise<string> =>
        kubectl.ok(
          `patch pod ${name} --subresource=status -p`,
          JSON.stringify({ status: { conditions: [{ type: GATE, status: 'True' }] } }),
        );
      await kubectl.ok('wait --for=create pod/gated-0 --timeout=30s');
      await kubectl.ok('wait --for=condition=ContainersReady pod/gated-0 --timeout=30s');
      expect(await names('gated')).toBe('gated-0');
      await open('gated-0');
      await kubectl.ok('wait --for=create pod/gated-1 --timeout=30s');
      await open('gated-1');
      await rolledOut('statefulset/gated');
      await waitFor('the watch to have seen the last', () => seen.first(/gated-1 ready/) > -1);
      await seen.end();
      expect(seen.first(/ADDED gated-1/)).toBeGreaterThan(seen.first(/MODIFIED gated-0 ready/));
    });

    it('starts all at once with Parallel, and has their names before they are ready when the service says so', async () => {
      await kubectl
        .given([
          headless('crowd', { publishNotReadyAddresses: true }),
          set(
            'StatefulSet',
            'crowd',
            { serviceName: 'crowd', replicas: 3, podManagementPolicy: 'Parallel' },
            { readinessGates: [{ conditionType: GATE }] },
          ),
        ])
        .ok('apply -f -');
      await waitFor('three pods, none of them ready', async saw => {
        const status = await kubectl.ok(
          'get statefulset crowd -o',
          'jsonpath={.status.replicas}/{.status.readyReplicas}',
        );
        saw(status);
        return /^3\/0?$/.test(status) && (await names('crowd')) === 'crowd-0 crowd-1 crowd-2';
      });
      await kubectl.ok('wait --for=condition=ContainersReady pod/crowd-2 --timeout=30s');
      const answers = await waitFor('the name of one', async saw => {
        const said = await inPod('nslookup crowd-2.crowd.default.svc.cluster.local');
        saw(said);
        return said.includes('NXDOMAIN') ? undefined : said;
      });
      expect(answers).toContain(`Address: ${await ofPod('crowd-2', '.status.podIP')}`);
      await kubectl.ok('delete statefulset crowd gated');
    });

    it('gives each pod a name of its own, which others find', async () => {
      const domain = 'web.default.svc.cluster.local';
      const [ip0, ip1, ip2] = [0, 1, 2].map(i => ofPod(`web-${i}`, '.status.podIP'));
      const said = await inPod(
        `nslookup web-0.${domain}; nslookup ${domain}; nslookup -type=srv _http._tcp.${domain}; nslookup ${await ip1}; for i in 0 1 2; do timeout 10 wget -qO- http://web-$i.web; done`,
      );
      const addresses = (name: string): string[] =>
        [...said.matchAll(new RegExp(`^Name:\\t${name}\nAddress: (\\S+)$`, 'gm'))]
          .map(each => each[1] ?? '')
          .toSorted();
      expect(addresses(`web-0.${domain}`)).toEqual([await ip0]);
      expect(addresses(domain)).toEqual([await ip0, await ip1, await ip2].toSorted());
      for (const i of [0, 1, 2]) {
        expect(said).toMatch(
          new RegExp(`^_http\\._tcp\\.${domain}\\s+service = \\d+ \\d+ 80 web-${i}\\.${domain}$`, 'm'),
        );
        // what `hostname -f` says in the pod
        expect(said).toMatch(new RegExp(`^web-${i}\\.${domain}$`, 'm'));
      }
      expect(said).toMatch(new RegExp(`in-addr.arpa\\s+name = web-1.${domain}$`, 'm'));
    });

    it('makes a lost pod again under its name', async () => {
      const before = await ofPod('web-1', '.metadata.uid');
      await kubectl.ok('delete pod web-1');
      await waitFor('another pod of that name', async () => {
        const { out } = await kubectl.run('get pod web-1 -o', 'jsonpath={.metadata.uid}');
        return out !== '' && out !== before;
      });
      await rolledOut('statefulset/web');
      expect(await ofPod('web-1', '.metadata.labels.apps\\.kubernetes\\.io/pod-index')).toBe('1');
      const said = await inPod('nslookup web-1.web.default.svc.cluster.local; timeout 10 wget -qO- http://web-1.web');
      expect(said).toContain(`Address: ${await ofPod('web-1', '.status.podIP')}`);
      expect(said).toMatch(/^web-1\.web\.default\.svc\.cluster\.local$/m);
    });

    it('is updated from the end as far as its partition says', async () => {
      const hash = (name: string): Promise<string> => ofPod(name, '.metadata.labels.controller-revision-hash');
      const old = await hash('web-0');
      const patch = (partition: number): string =>
        JSON.stringify({ spec: { updateStrategy: { rollingUpdate: { partition } } } });
      await kubectl.ok('patch statefulset web -p', patch(2));
      await kubectl.ok('set env statefulset/web RELEASE=2');
      expect(await rolledOut('statefulset/web')).toContain(
        'partitioned roll out complete: 1 new pods have been updated',
      );
      expect([await hash('web-0'), await hash('web-1')]).toEqual([old, old]);
      const next = await hash('web-2');
      expect(next).not.toBe(old);
      // one below the partition comes back as it was
      await kubectl.ok('delete pod web-0');
      await rolledOut('statefulset/web');
      expect(await hash('web-0')).toBe(old);
      const seen = await changes('web');
      await waitFor('the watch to begin', () => seen.lines().length > 3);
      const before = seen.lines().length - 1;
      await kubectl.ok('patch statefulset web -p', patch(0));
      await waitFor('the last to be new', async () => {
        const { out } = await kubectl.run('get statefulset web -o', 'jsonpath={.status.currentRevision}');
        return out === next;
      });
      const after = seen.lines().slice(before);
      await seen.end();
      expect(after.filter(line => line.startsWith('ADDED')).map(line => line.split(' ')[1])).toEqual([
        'web-1',
        'web-0',
      ]);
      const ready = after.indexOf('MODIFIED web-1 ready');
      expect(after.findIndex(line => /web-0 .*ending/.test(line))).toBeGreaterThan(ready);
      expect([await hash('web-0'), await hash('web-1'), await hash('web-2')]).toEqual([next, next, next]);
    });

    it('shrinks from the end, one after the other, and names go with their pods', async () => {
      const seen = await changes('web');
      await waitFor('the watch to begin', () => seen.lines().length > 3);
      await kubectl.ok('scale statefulset web --replicas=1');
      await waitFor('one to be left', () => seen.first(/DELETED web-1/) > -1);
      await seen.end();
      expect(seen.first(/web-1 .*ending/)).toBeGreaterThan(seen.first(/DELETED web-2/));
      expect(await names('web')).toBe('web-0');
      expect(await inPod('nslookup web-1.web.default.svc.cluster.local 2>&1')).toContain('NXDOMAIN');
    });
  });

  it('has a pod of a DaemonSet on a node that joins', async () => {
    await kubectl.ok(`drain ${worker} --ignore-daemonsets --force`);
    await kubectl.ok(`delete node ${worker}`);
    const forget =
      'cd /run/host-services; for s in gantry-*; do printf d > $s/supervise/control; done; for s in gantry-*; do while [ -s $s/supervise/pid ]; do sleep 0.1; done; printf x > $s/supervise/control; done; rm -rf /etc/gantry/* /etc/kubernetes/* /var/lib/kubelet/pki';
    await cluster.onNode('worker', 'sh', '-c', forget);
    await kubectl.ok(`delete pod -l app=agent --field-selector spec.nodeName=${worker} --force --grace-period=0`);
    expect(await nodesOf('agent')).toEqual([control]);
    await cluster.onNode('worker', ...gantryCommand(...joinWords));
    await waitFor('its pod', async () => (await nodesOf('agent')).includes(worker));
    await rolledOut('daemonset/agent');
    // what ran there before has ended with the pods that it belonged to
    await waitFor('one web server to be left on the node', async saw => {
      const found = await cluster.onNode('worker', 'sh', '-c', 'pgrep -x httpd | wc -l');
      saw(found);
      return found.trim() === '1';
    });
  });
});
