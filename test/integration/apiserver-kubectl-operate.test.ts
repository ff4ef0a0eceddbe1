import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestApiServer } from '../harness/api-server.ts';
import { Kubectl, newestKubectl, suiteOf } from '../harness/kubectl.ts';
import { waitFor } from '../harness/wait-for.ts';

const suite = suiteOf(newestKubectl());

describe.skipIf(suite.skipped)(`kubectl operates nodes and workloads ${suite.title}`, () => {
  let server: TestApiServer;
  let kubectl: Kubectl;
  /** A node of the running test, and kubectl in its namespace, which holds a running pod of a replica set on that node. */
  let node: string;
  let own: Kubectl;
  let tests = 0;

  beforeAll(async () => {
    server = await TestApiServer.start();
    kubectl = new Kubectl({
      program: suite.path,
      server,
      kubeconfig: server.kubeconfigFor('admin', ['system:masters']),
    });
  });

  beforeEach(async () => {
    tests += 1;
    const namespace = `t${tests}`;
    node = `node-${tests}`;
    own = kubectl.in(namespace);
    const template = {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image: 'registry.test/web:1' }] },
    };
    const spec = { replicas: 1, selector: { matchLabels: { app: 'web' } }, template };
    await kubectl
      .given([
        { apiVersion: 'v1', kind: 'Node', metadata: { name: node, labels: { kind: 'worker' } } },
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } },
        { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace }, spec },
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'web-1', namespace }, spec },
      ])
      .ok('create --validate=false -f -');
    const uid = await own.ok('get replicaset web-1 -o', path('.metadata.uid'));
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid, controller: true };
    await kubectl
      .given([
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'one', namespace, labels: { app: 'web' }, ownerReferences: [owner] },
          spec: { ...template.spec, nodeName: node, terminationGracePeriodSeconds: 0 },
        },
      ])
      .ok('create --validate=false -f -');
    const running = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    await own.ok('patch pod one --subresource=status --type=merge -p', JSON.stringify({ status: running }));
  });

  afterAll(async () => {
    await server?.remove();
  });

  const path = (jsonPath: string): string => `jsonpath={${jsonPath}}`;

  it('taints a node, changes the taint, and takes it away', async () => {
    const taints = () => kubectl.ok(`get node ${node} -o`, path('.spec.taints[*].key'));
    expect(await kubectl.ok(`taint node ${node} dedicated=db:NoSchedule`)).toBe(`node/${node} tainted`);
    expect(await taints()).toBe('dedicated node.kubernetes.io/not-ready');
    expect(await kubectl.fails(`taint node ${node} dedicated=web:NoSchedule`)).toContain(
      'already has dedicated taint(s)',
    );
    expect(await kubectl.ok(`taint node ${node} dedicated=web:NoSchedule --overwrite`)).toBe(`node/${node} modified`);
    expect(await kubectl.ok(`taint node ${node} dedicated-`)).toBe(`node/${node} untainted`);
    expect(await taints()).toBe('node.kubernetes.io/not-ready');
  });

  it('closes a node for pods, and opens it again', async () => {
    expect(await kubectl.ok(`cordon ${node}`)).toBe(`node/${node} cordoned`);
    expect(await kubectl.ok(`cordon ${node}`)).toBe(`node/${node} already cordoned`);
    expect(await kubectl.ok(`get node ${node} --no-headers`)).toMatch(/Unknown,SchedulingDisabled/);
    expect(await kubectl.ok('get nodes -o name --field-selector=spec.unschedulable=true')).toBe(`node/${node}`);
    expect(await kubectl.ok(`uncordon ${node}`)).toBe(`node/${node} uncordoned`);
  });

  it('drains a node by evictions', async () => {
    const out = await kubectl.ok(`drain ${node} --timeout=20s`);
    expect(out.split('\n')).toEqual(expect.arrayContaining([`node/${node} cordoned`, `node/${node} drained`]));
    expect(out).toContain('pod/one evicted');
    expect(await own.ok('get pods -o name')).toBe('');
  });

  it('waits with a drain while a disruption budget forbids the eviction', async () => {
    await own.ok('create pdb web --selector=app=web --min-available=1');
    await writeBudget({
      expectedPods: 1,
      currentHealthy: 1,
      desiredHealthy: 1,
      disruptionsAllowed: 0,
      observedGeneration: 1,
    });
    const draining = kubectl.background(`drain ${node} --timeout=30s`);
    try {
      await waitFor('the refusal', saw => {
        saw(draining.seen());
        return draining.seen().includes("Cannot evict pod as it would violate the pod's disruption budget.");
      });
      await writeBudget({
        expectedPods: 1,
        currentHealthy: 1,
        desiredHealthy: 0,
        disruptionsAllowed: 1,
        observedGeneration: 1,
      });
      expect(await draining.done()).toBe(0);
    } finally {
      await draining.end();
    }
  });

  /** Writes what the disruption controller would. */
  async function writeBudget(status: object): Promise<void> {
    await own.ok('patch pdb web --subresource=status --type=merge -p', JSON.stringify({ status }));
  }

  it('pauses, resumes and restarts a rollout', async () => {
    expect(await own.ok('rollout pause deployment web')).toBe('deployment.apps/web paused');
    expect(await own.ok('get deployment web -o', path('.spec.paused'))).toBe('true');
    expect(await own.fails('rollout restart deployment web')).toContain(
      "can't restart paused deployment (run rollout resume first)",
    );
    expect(await own.ok('rollout resume deployment web')).toBe('deployment.apps/web resumed');
    expect(await own.ok('rollout restart deployment web')).toBe('deployment.apps/web restarted');
    expect(await own.ok('get deployment web -o yaml')).toContain('kubectl.kubernetes.io/restartedAt:');
  });

  it('follows the status of a rollout as a controller writes it', async () => {
    const following = own.background('rollout status deployment web --timeout=30s');
    try {
      await waitFor('the first word', () =>
        following.seen().startsWith('Waiting for deployment spec update to be observed'),
      );
      const status = { observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 };
      await own.ok('patch deployment web --subresource=status --type=merge -p', JSON.stringify({ status }));
      expect(await following.done()).toBe(0);
      expect(following.seen()).toContain('deployment "web" successfully rolled out');
    } finally {
      await following.end();
    }
  });

  it('shows the history of a rollout and goes back, from the revisions that a controller leaves', async () => {
    const replicaSet = async (name: string, revision: string, image: string): Promise<void> => {
      const uid = await own.ok('get deployment web -o', path('.metadata.uid'));
      const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image }] } };
      await own
        .given([
          {
            apiVersion: 'apps/v1',
            kind: 'ReplicaSet',
            metadata: {
              name,
              labels: { app: 'web' },
              annotations: { 'deployment.kubernetes.io/revision': revision },
              ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid, controller: true }],
            },
            spec: { replicas: 0, selector: { matchLabels: { app: 'web' } }, template },
          },
        ])
        .ok('create -f -');
    };
    expect(await own.fails('rollout undo deployment web')).toBe('error: no rollout history found for deployment "web"');
    await replicaSet('web-a', '1', 'registry.test/web:0');
    await replicaSet('web-b', '2', 'registry.test/web:1');
    expect(await own.ok('rollout history deployment web')).toMatch(/REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>/);
    expect(await own.ok('rollout history deployment web --revision=1')).toContain('registry.test/web:0');
    expect(await own.ok('rollout undo deployment web --to-revision=1')).toBe('deployment.apps/web rolled back');
    expect(await own.ok('get deployment web -o', path('.spec.template.spec.containers[0].image'))).toBe(
      'registry.test/web:0',
    );
  });

  it('goes back to a revision of a stateful set, whose patch replaces the whole template', async () => {
    const spec = {
      serviceName: 'db',
      selector: { matchLabels: { app: 'db' } },
      template: {
        metadata: { labels: { app: 'db', extra: 'yes' } },
        spec: {
          containers: [
            { name: 'main', image: 'registry.test/db:2' },
            { name: 'side', image: 'registry.test/s' },
          ],
        },
      },
    };
    await own.given([{ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db' }, spec }]).ok('create -f -');
    const uid = await own.ok('get statefulset db -o', path('.metadata.uid'));
    const old = {
      metadata: { labels: { app: 'db' } },
      spec: { containers: [{ name: 'main', image: 'registry.test/db:1' }] },
    };
    await own
      .given([
        {
          apiVersion: 'apps/v1',
          kind: 'ControllerRevision',
          metadata: {
            name: 'db-1',
            labels: { app: 'db' },
            ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid, controller: true }],
          },
          revision: 1,
          data: { spec: { template: { $patch: 'replace', ...old } } },
        },
      ])
      .ok('create -f -');
    expect(await own.ok('rollout history statefulset db --revision=1')).toContain('registry.test/db:1');
    expect(await own.ok('rollout undo statefulset db --to-revision=1')).toBe('statefulset.apps/db rolled back');
    const { template } = JSON.parse(await own.ok('get statefulset db -o', path('.spec'))) as typeof spec;
    expect(template).toMatchObject(old);
    expect(template.spec.containers).toHaveLength(1);
    expect(template.metadata.labels).toEqual({ app: 'db' });
  });

  it('adds an ephemeral container for debugging', async () => {
    await own.ok('debug one --image=registry.test/tools --profile=general --container=tools --attach=false');
    expect(await own.ok('get pod one -o', path('.spec.ephemeralContainers[*].name'))).toBe('tools');
  });

  it('debugs by a changed copy of a pod', async () => {
    await own.ok('debug one --copy-to=copy --set-image=*=registry.test/debug --profile=general --attach=false');
    expect(await own.ok('get pod copy -o', path('.spec.containers[0].image'))).toBe('registry.test/debug');
  });

  it.each([
    ['exec one -- true', 'no preferred addresses found; known addresses: []'],
    ['attach one', 'no preferred addresses found; known addresses: []'],
    ['cp one:/etc/hostname /nowhere', 'no preferred addresses found; known addresses: []'],
    ['port-forward one :80', 'no preferred addresses found; known addresses: []'],
    ['get --raw /api/v1/nodes/none/proxy/stats/summary', 'nodes "none" not found'],
    [
      'get --raw /api/v1/namespaces/default/services/https:kubernetes:/proxy/healthz',
      'endpoints "kubernetes" not found',
    ],
    ['top pod', 'metrics not available yet'],
    ['top node', 'metrics not available yet'],
  ])('says that it cannot: %s', async (command, message) => {
    // how kubectl begins depends on its version
    expect((await own.fails(command)).slice(-message.length - 2)).toBe(`: ${message}`);
  });
});
