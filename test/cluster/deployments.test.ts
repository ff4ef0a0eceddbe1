import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, imageArchive, WEB_V1, WEB_V2 } from '../harness/images.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Generous: a test does not fail because the machine is busy. */
const PATIENCE = '--timeout=140s';

describe('what kubectl is used for every day', { timeout: 300_000 }, () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  const worker = `${cluster.name}-worker`;
  let addresses: string[] = [];

  const rolledOut = (name: string): Promise<string> => kubectl.ok(`rollout status deployment/${name} ${PATIENCE}`);
  const namesOf = async (kind: string, selector: string): Promise<string[]> =>
    (await kubectl.ok(`get ${kind} -l ${selector} -o name`))
      .split('\n')
      .filter(name => name !== '')
      .toSorted();
  const field = (object: string, path: string): Promise<string> => kubectl.ok(`get ${object} -o jsonpath={${path}}`);

  /** One answer from the node port of each node. */
  async function answers(service: string): Promise<string[]> {
    const port = await field(`service ${service}`, '.spec.ports[0].nodePort');
    const ask = async (address: string): Promise<string> => {
      const answer = await fetch(`http://${address}:${port}`, { signal: AbortSignal.timeout(5000) });
      return (await answer.text()).trim();
    };
    return waitFor(`${service} to answer at both nodes`, () => Promise.all(addresses.map(ask)));
  }

  beforeAll(async () => {
    await cluster.create('--nodes', '2');
    for (const image of [BUSYBOX, WEB_V1, WEB_V2] as const)
      expect(await cluster.run(['load image', await imageArchive(image)])).toMatchObject({ code: 0, err: '' });
    addresses = (
      await kubectl.ok('get nodes -o', 'jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}')
    ).split(' ');
  });
  afterAll(() => cluster.delete());

  it('runs a pod and exposes it at a node port', async () => {
    expect(await kubectl.ok(`run solo --image=${WEB_V1} --port=8080`)).toBe('pod/solo created');
    expect(await kubectl.ok(`wait pod/solo --for=condition=Ready ${PATIENCE}`)).toBe('pod/solo condition met');
    expect(await kubectl.ok('expose pod solo --type=NodePort --port=80 --target-port=8080')).toBe(
      'service/solo exposed',
    );
    expect(await answers('solo')).toEqual(['v1 solo', 'v1 solo']);
    const told = await kubectl.ok('describe pod solo');
    const events = told.slice(told.indexOf('Events:')).split('\n').slice(3);
    expect(events.map(line => line.trim().split(/\s{2,}/))).toEqual([
      [
        'Normal',
        'Scheduled',
        expect.any(String),
        'default-scheduler',
        `Successfully assigned default/solo to ${worker}`,
      ],
      ['Normal', 'Pulled', expect.any(String), 'kubelet', expect.stringContaining(`image "${WEB_V1}" already present`)],
      ['Normal', 'Created', expect.any(String), 'kubelet', 'Container created'],
      ['Normal', 'Started', expect.any(String), 'kubelet', 'Container started'],
    ]);
    expect(told).toMatch(/^Status: +Running$/m);
    expect(told).toMatch(/^Node: +\S+-worker\/[\d.]+$/m);
    expect(await kubectl.ok('delete service/solo pod/solo')).toMatch(/^service "solo" deleted.*\npod "solo" deleted/);
    expect(await kubectl.fails('get pod solo')).toBe('Error from server (NotFound): pods "solo" not found');
  });

  it('creates a Deployment and exposes it: each of its pods answers', async () => {
    expect(await kubectl.ok(`create deployment day --image=${WEB_V1} --replicas=3 --port=8080`)).toBe(
      'deployment.apps/day created',
    );
    expect(await rolledOut('day')).toContain('deployment "day" successfully rolled out');
    expect(await kubectl.ok(`wait deployment/day --for=condition=Available ${PATIENCE}`)).toBe(
      'deployment.apps/day condition met',
    );
    expect(await kubectl.ok('expose deployment day --type=NodePort --target-port=8080')).toBe('service/day exposed');
    const names = (await namesOf('pods', 'app=day')).map(name => `v1 ${name.replace('pod/', '')}`);
    const seen = new Set<string>();
    await waitFor('an answer of each pod', async saw => {
      for (const answer of await answers('day')) seen.add(answer);
      saw([...seen]);
      return seen.size >= names.length;
    });
    expect([...seen].toSorted()).toEqual(names);
  });

  it('applies the same twice: the second time nothing is written, and nothing rolls out', async () => {
    const wanted = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'applied' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'applied' } },
        template: {
          metadata: { labels: { app: 'applied' } },
          spec: { containers: [{ name: 'web', image: WEB_V1, ports: [{ containerPort: 8080 }] }] },
        },
      },
    };
    const same = kubectl.given([wanted]);
    expect(await same.ok('apply -f -')).toBe('deployment.apps/applied created');
    await rolledOut('applied');
    const state = async (): Promise<object> => ({
      generation: await field('deployment applied', '.metadata.generation'),
      version: await field('deployment applied', '.metadata.resourceVersion'),
      sets: await namesOf('replicasets', 'app=applied'),
      pods: await namesOf('pods', 'app=applied'),
    });
    const before = await state();
    expect(await same.ok('apply -f -')).toBe('deployment.apps/applied unchanged');
    expect(await state()).toEqual(before);
    expect(await same.ok('diff -f -')).toBe('');
    // a label of the Deployment alone is no new template; the annotation by which kubectl keeps what was applied makes it a generation of its own
    const labelled = { ...wanted, metadata: { name: 'applied', labels: { team: 'a' } } };
    expect(await kubectl.given([labelled]).ok('apply -f -')).toBe('deployment.apps/applied configured');
    await rolledOut('applied');
    expect(await state()).toEqual({ ...before, generation: '2', version: expect.any(String) });
    await kubectl.ok('delete deployment applied');
  });

  it('scales: up, not from a number that it has not, to none, and back', async () => {
    expect(await kubectl.ok('scale deployment/day --replicas=4')).toBe('deployment.apps/day scaled');
    await rolledOut('day');
    expect(await namesOf('pods', 'app=day')).toHaveLength(4);
    expect(await kubectl.fails('scale deployment/day --replicas=9 --current-replicas=3')).toBe(
      'error: Expected replicas to be 3, was 4',
    );
    await kubectl.ok('scale deployment/day --replicas=0');
    await kubectl.ok(`wait pod -l app=day --for=delete ${PATIENCE}`);
    expect(await field('deployment day', '.status.readyReplicas')).toBe('');
    await expect(
      fetch(`http://${addresses[0]}:${await field('service day', '.spec.ports[0].nodePort')}`),
    ).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    await kubectl.ok('scale deployment/day --replicas=2');
    await rolledOut('day');
    expect((await answers('day')).every(answer => answer.startsWith('v1 day-'))).toBe(true);
  });

  it('tells how a rollout goes until it is over', async () => {
    await kubectl.ok(`set image deployment/day web=${WEB_V2}`);
    const said = await rolledOut('day');
    expect(said.split('\n').at(-1)).toBe('deployment "day" successfully rolled out');
    expect(await rolledOut('day')).toBe('deployment "day" successfully rolled out');
    expect((await answers('day')).every(answer => answer.startsWith('v2 day-'))).toBe(true);
  });

  it('keeps the history of its templates with their causes, and undoes to any of them', async () => {
    const history = async (): Promise<string[]> => {
      const said = await kubectl.ok('rollout history deployment/past');
      return said
        .split('\n')
        .slice(1)
        .map(line => line.trim());
    };
    await kubectl.ok(`create deployment past --image=${WEB_V1}`);
    // the third, a shell without a terminal, ends at once: its pods are never there
    for (const [index, image] of [WEB_V1, WEB_V2, BUSYBOX].entries()) {
      await kubectl.ok(`set image deployment/past *=${image}`);
      await kubectl.ok(`annotate --overwrite deployment past kubernetes.io/change-cause=cause${index + 1}`);
      await waitFor(`revision ${index + 1} and its cause`, async saw => {
        const lines = await history();
        saw(lines);
        return lines.includes(`${index + 1}         cause${index + 1}`);
      });
    }
    expect(await history()).toEqual([
      'REVISION  CHANGE-CAUSE',
      '1         cause1',
      '2         cause2',
      '3         cause3',
      '',
    ]);
    expect(await kubectl.ok('rollout history deployment/past --revision=2')).toMatch(
      /with revision #2[\s\S]*change-cause: cause2[\s\S]*Image:\s+localhost\/web:v2/,
    );
    expect(await kubectl.fails('rollout undo deployment/past --to-revision=7')).toBe(
      'error: unable to find specified revision 7 in history',
    );
    expect(await kubectl.ok('rollout undo deployment/past --to-revision=1')).toBe('deployment.apps/past rolled back');
    await rolledOut('past');
    expect(await field('deployment past', '.spec.template.spec.containers[0].image')).toBe(WEB_V1);
    expect(await history()).toEqual([
      'REVISION  CHANGE-CAUSE',
      '2         cause2',
      '3         cause3',
      '4         cause1',
      '',
    ]);
    await kubectl.ok('rollout undo deployment/past --to-revision=2');
    await rolledOut('past');
    expect(await namesOf('rs', 'app=past')).toHaveLength(3);
    await kubectl.ok('delete deployment past');
  });

  it('holds changes back while it is paused, and rolls all of them out at once', async () => {
    const sets = await namesOf('rs', 'app=day');
    expect(await kubectl.ok('rollout pause deployment/day')).toBe('deployment.apps/day paused');
    expect(await kubectl.fails('rollout pause deployment/day')).toBe('error: deployments.apps "day" is already paused');
    await kubectl.ok(`set image deployment/day web=${WEB_V1}`);
    await kubectl.ok('set env deployment/day COLOUR=red');
    expect(await kubectl.fails('rollout status deployment/day --timeout=2s')).toBe(
      'error: timed out waiting for the condition',
    );
    expect(await kubectl.fails('rollout undo deployment/day')).toContain(
      "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume",
    );
    expect(await kubectl.fails('rollout restart deployment/day')).toBe(
      `error: deployments.apps "day" can't restart paused deployment (run rollout resume first)`,
    );
    // its number follows all the same
    await kubectl.ok('scale deployment/day --replicas=3');
    await waitFor('three pods of the old template', async saw => {
      const ready = await field('deployment day', '.status.readyReplicas');
      saw(ready);
      return ready === '3';
    });
    expect(await namesOf('rs', 'app=day')).toEqual(sets);
    expect(await kubectl.ok('rollout resume deployment/day')).toBe('deployment.apps/day resumed');
    await rolledOut('day');
    expect(await namesOf('rs', 'app=day')).toHaveLength(sets.length + 1);
    expect((await answers('day')).every(answer => answer.startsWith('v1 day-'))).toBe(true);
  });

  it('restarts: other pods, the same image', async () => {
    const before = await namesOf('pods', 'app=day');
    expect(await kubectl.ok('rollout restart deployment/day')).toBe('deployment.apps/day restarted');
    await rolledOut('day');
    await waitFor('the pods of before to be gone', async saw => {
      const now = await namesOf('pods', 'app=day');
      saw(now);
      return now.every(name => !before.includes(name));
    });
    expect(await namesOf('pods', 'app=day')).toHaveLength(3);
    expect(await field('deployment day', '.spec.template.spec.containers[0].image')).toBe(WEB_V1);
  });

  it('follows the log of a pod to its end', async () => {
    const count = 'for i in 1 2 3 4 5 6 7 8; do echo line $i; sleep 0.3; done; echo over';
    await kubectl.ok(`run counter --image=${BUSYBOX} --restart=Never --command -- sh -c`, count);
    await kubectl.ok(`wait pod/counter --for=jsonpath={.status.phase}=Running ${PATIENCE}`);
    const lines = [1, 2, 3, 4, 5, 6, 7, 8].map(number => `line ${number}`);
    expect((await kubectl.ok('logs -f counter')).split('\n')).toEqual([...lines, 'over']);
    await kubectl.ok(`wait pod/counter --for=jsonpath={.status.phase}=Succeeded ${PATIENCE}`);
    expect((await kubectl.ok('logs -f counter --tail=2')).split('\n')).toEqual(['line 8', 'over']);
    await kubectl.ok('delete pod counter');
  });

  it('shows the logs of all pods of a Deployment, each line with its pod', async () => {
    const pods = await namesOf('pods', 'app=day');
    const lines = (await kubectl.ok('logs -l app=day --prefix --tail=1')).split('\n');
    expect(lines.toSorted()).toEqual(pods.map(pod => `[${pod}/web] serving v1 ${pod.replace('pod/', '')}`));
  });

  it('follows the log of a pod that is deleted: its last line comes, and the follower ends', async () => {
    await kubectl.ok(`run ender --image=${WEB_V1}`);
    await kubectl.ok(`wait pod/ender --for=condition=Ready ${PATIENCE}`);
    const follower = kubectl.background('logs -f ender');
    await waitFor('its first line', () => follower.seen().includes('serving'));
    await kubectl.ok('delete pod ender');
    expect(await follower.done()).toBe(0);
    expect(follower.seen()).toBe('serving v1 ender\nending\n');
  });

  it('orphans pods and sets, which the same Deployment takes back as they are', async () => {
    const wanted = await kubectl.ok('get deployment day -o json');
    const [sets, pods] = [await namesOf('rs', 'app=day'), await namesOf('pods', 'app=day')];
    expect(await kubectl.ok('delete deployment day --cascade=orphan')).toContain('deployment.apps "day" deleted');
    expect(await namesOf('rs', 'app=day')).toEqual(sets);
    expect(await namesOf('pods', 'app=day')).toEqual(pods);
    expect(await field('rs -l app=day', '.items[*].metadata.ownerReferences[*].name')).toBe('');
    const { apiVersion, kind, metadata, spec } = JSON.parse(wanted);
    const again = { apiVersion, kind, metadata: { name: metadata.name, labels: metadata.labels }, spec };
    await kubectl.given([again]).ok('create -f -');
    await rolledOut('day');
    expect(await namesOf('rs', 'app=day')).toEqual(sets);
    expect(await namesOf('pods', 'app=day')).toEqual(pods);
  });

  it.each(['background', 'foreground'])('deletes what belongs to it, in the %s', async cascade => {
    await kubectl.ok(`create deployment gone --image=${WEB_V1} --replicas=2`);
    await rolledOut('gone');
    await kubectl.ok(`delete deployment gone --cascade=${cascade}`);
    await waitFor('its sets and pods to be gone', async saw => {
      const left = await namesOf('rs,pods', 'app=gone');
      saw(left);
      return left.length === 0;
    });
  });
});
