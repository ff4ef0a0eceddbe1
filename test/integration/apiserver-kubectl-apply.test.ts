import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApiServer } from '../harness/api-server.ts';
import { newestKubectl, suiteOf } from '../harness/kubectl.ts';

const suite = suiteOf(newestKubectl());
const kubectl = suite.path;

interface Entry {
  readonly manager: string;
  readonly operation: string;
  readonly subresource?: string;
  readonly fieldsV1: object;
}

const deployment = (name: string, replicas: number, image = 'registry.test/web:1', more: object = {}): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: { app: name } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'web', image, ports: [{ containerPort: 80 }], ...more }] },
      },
    },
  });

describe.skipIf(suite.skipped)(`kubectl apply by the server ${suite.title}`, () => {
  let server: TestApiServer;
  let admin: string;

  const run = async (args: readonly string[], options: { input?: string; editor?: string; ok?: boolean } = {}) => {
    const { input, editor = 'true' } = options;
    const result = await execa(kubectl, [...args], {
      env: { KUBECONFIG: admin, HOME: server.folder, KUBE_EDITOR: editor },
      reject: options.ok !== false,
      ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    });
    return { out: result.stdout, err: result.stderr, code: result.exitCode };
  };
  const apply = (input: string, args: readonly string[] = [], ok = true) =>
    run(['apply', '--server-side', '-f', '-', ...args], { input, ok });
  const entriesOf = async (object: string): Promise<readonly Entry[]> => {
    const { out } = await run(['get', object, '-o', 'json', '--show-managed-fields']);
    return (JSON.parse(out) as { metadata: { managedFields?: readonly Entry[] } }).metadata.managedFields ?? [];
  };
  const managersOf = async (object: string): Promise<readonly string[]> =>
    (await entriesOf(object)).map(({ manager, operation, subresource }) =>
      // where it says no name, the command's file gives it: kubectl.1.33
      [
        manager.replace(/^kubectl\.[\d.]+$/, 'kubectl'),
        operation,
        ...(subresource === undefined ? [] : [subresource]),
      ].join(' '),
    );

  beforeAll(async () => {
    server = await TestApiServer.start();
    admin = server.kubeconfigFor('admin', ['system:masters']);
  });

  afterAll(async () => {
    await server?.remove();
  });

  it('creates, changes and takes away', async () => {
    expect((await apply(deployment('own', 2))).out).toBe('deployment.apps/own serverside-applied');
    expect(await managersOf('deployment/own')).toEqual(['kubectl Apply']);
    await apply(deployment('own', 3, 'registry.test/web:1', { env: [{ name: 'A', value: '1' }] }));
    await apply(deployment('own', 3));
    const { out } = await run(['get', 'deployment', 'own', '-o', 'json']);
    const { spec } = JSON.parse(out);
    expect([spec.replicas, spec.template.spec.containers[0].env]).toEqual([3, undefined]);
    expect(out).not.toContain('managedFields');
  });

  it('writes nothing where nothing changed', async () => {
    await apply(deployment('same', 1));
    const version = () => run(['get', 'deployment', 'same', '-o', 'jsonpath={.metadata.resourceVersion}']);
    const before = await version();
    await apply(deployment('same', 1));
    expect((await version()).out).toBe(before.out);
  });

  it('is told of conflicts, and forces them', async () => {
    await apply(deployment('torn', 1), ['--field-manager=one']);
    const refused = await apply(deployment('torn', 2, 'registry.test/web:2'), ['--field-manager=two'], false);
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringContaining(
        'error: Apply failed with 2 conflicts: conflicts with "one":\n- .spec.replicas\n- .spec.template.spec.containers[name="web"].image\n',
      ),
    ]);
    const forced = await apply(deployment('torn', 2, 'registry.test/web:2'), [
      '--field-manager=two',
      '--force-conflicts',
    ]);
    expect(forced.out).toBe('deployment.apps/torn serverside-applied');
    const again = await apply(deployment('torn', 1), ['--field-manager=one'], false);
    expect(again.err).toContain('conflicts with "two":');
  });

  it('goes on from what client-side apply has set, without a conflict', async () => {
    const manifest = deployment('moved', 1, 'registry.test/web:1', { env: [{ name: 'A', value: '1' }] });
    await run(['apply', '-f', '-'], { input: manifest });
    expect(await managersOf('deployment/moved')).toEqual(['kubectl-client-side-apply Update']);
    await apply(deployment('moved', 2));
    const { out } = await run(['get', 'deployment', 'moved', '-o', 'json']);
    const object = JSON.parse(out);
    // what client-side apply would remove goes here, too: kubectl has made its fields those of the new manager
    expect([object.spec.replicas, object.spec.template.spec.containers[0].env]).toEqual([2, undefined]);
    expect(await managersOf('deployment/moved')).toEqual(['kubectl-last-applied Apply', 'kubectl Apply']);
    expect((await run(['apply', '-f', '-'], { input: deployment('moved', 2) })).err).not.toContain('missing');
  });

  it('shows a difference beforehand', async () => {
    await apply(deployment('looked', 1));
    const diff = await run(['diff', '--server-side', '-f', '-'], { input: deployment('looked', 4), ok: false });
    expect([diff.code, diff.out]).toEqual([1, expect.stringMatching(/^- {2}replicas: 1\n\+ {2}replicas: 4$/m)]);
    const dry = await apply(deployment('looked', 4), ['--dry-run=server']);
    expect(dry.out).toBe('deployment.apps/looked serverside-applied (server dry run)');
    expect((await run(['get', 'deployment', 'looked', '-o', 'jsonpath={.spec.replicas}'])).out).toBe('1');
  });

  it('stands beside the other verbs, each of which is a manager', async () => {
    await apply(deployment('busy', 1));
    await run(['label', 'deployment', 'busy', 'tier=web']);
    await run(['annotate', 'deployment', 'busy', 'note=x']);
    await run(['scale', 'deployment', 'busy', '--replicas=5']);
    await run(['set', 'env', 'deployment/busy', 'B=2']);
    await run(['patch', 'deployment', 'busy', '-p', '{"spec":{"minReadySeconds":1}}']);
    await run(['edit', 'deployment', 'busy'], {
      editor: 'sed -i s/revisionHistoryLimit:.*/revisionHistoryLimit:\\ 3/',
    });
    expect([...(await managersOf('deployment/busy'))].sort()).toEqual([
      'kubectl Apply',
      'kubectl Update scale',
      'kubectl-annotate Update',
      'kubectl-edit Update',
      'kubectl-label Update',
      'kubectl-patch Update',
      'kubectl-set Update',
    ]);
    const refused = await apply(deployment('busy', 1), [], false);
    expect(refused.err).toContain(' with subresource "scale" using apps/v1: .spec.replicas');
    expect(refused.err).toContain('Apply failed with 1 conflict: conflict with "kubectl');
    const { out } = await run(['get', 'deployment', 'busy', '-o', 'json']);
    expect(JSON.parse(out)).toMatchObject({
      metadata: { labels: { tier: 'web' }, annotations: { note: 'x' } },
      spec: { replicas: 5, minReadySeconds: 1, revisionHistoryLimit: 3 },
    });
  });

  it('of a status and of many kinds at once', async () => {
    const kinds = [
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'many' }, data: { a: '1' } },
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'many' }, spec: { ports: [{ port: 80 }] } },
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'many' } },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'many' },
        rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
      },
      {
        apiVersion: 'autoscaling/v1',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'many' },
        spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'many', apiVersion: 'apps/v1' } },
      },
    ];
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: kinds });
    expect((await apply(list)).out.split('\n')).toHaveLength(kinds.length);
    expect((await apply(list)).out.split('\n')).toHaveLength(kinds.length);
    expect(await managersOf('hpa/many')).toEqual(['kubectl Apply']);
    const status = { ...JSON.parse(deployment('many', 1)), status: { replicas: 1 } };
    await apply(deployment('many', 1));
    await apply(JSON.stringify({ ...status, spec: undefined }), ['--subresource=status', '--field-manager=st']);
    expect(await managersOf('deployment/many')).toEqual(['kubectl Apply', 'st Apply status']);
  });

  it('refuses what is no object of its kind', async () => {
    const unknown = JSON.parse(deployment('wrong', 1));
    const refused = await apply(JSON.stringify({ ...unknown, spec: { ...unknown.spec, replcas: 1 } }), [], false);
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringContaining(
        'failed to create typed patch object (default/wrong; apps/v1, Kind=Deployment): .spec.replcas: field not declared in schema',
      ),
    ]);
    expect((await run(['get', 'deployment', 'wrong'], { ok: false })).code).toBe(1);
  });
});
