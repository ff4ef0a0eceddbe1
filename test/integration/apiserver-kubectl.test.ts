import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApiServer } from '../harness/api-server.ts';
import { newestKubectl, suiteOf } from '../harness/kubectl.ts';
import { waitFor } from '../harness/wait-for.ts';

const suite = suiteOf(newestKubectl());
const kubectl = suite.path;

describe.skipIf(suite.skipped)(`kubectl against the API server ${suite.title}`, () => {
  let server: TestApiServer;
  let admin: string;

  const run = async (args: readonly string[], options: { config?: string; input?: string; ok?: boolean } = {}) => {
    const result = await execa(kubectl, [...args], {
      env: { KUBECONFIG: options.config ?? admin, HOME: server.folder },
      reject: options.ok !== false,
      ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    });
    return { out: result.stdout, err: result.stderr, code: result.exitCode };
  };

  beforeAll(async () => {
    server = await TestApiServer.start();
    admin = server.kubeconfigFor('admin', ['system:masters']);
  });

  afterAll(async () => {
    await server?.remove();
  });

  it('finds the resources, with their short names and groups', async () => {
    const { out } = await run(['api-resources', '--no-headers']);
    expect(out).toMatch(/^pods +po +v1 +true +Pod$/m);
    expect(out).toMatch(/^deployments +deploy +apps\/v1 +true +Deployment$/m);
    expect(out).not.toContain('customresourcedefinitions');
    expect((await run(['api-versions'])).out.split('\n')).toContain('rbac.authorization.k8s.io/v1');
  });

  it('has the namespaces, the service and the priority classes of every cluster', async () => {
    const names = (await run(['get', 'namespaces', '-o', 'name'])).out.split('\n');
    expect(names).toEqual(['default', 'kube-node-lease', 'kube-public', 'kube-system'].map(n => `namespace/${n}`));
    expect((await run(['get', 'svc', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}'])).out).toBe('10.96.0.1');
    expect((await run(['get', 'priorityclass', '-o', 'name'])).out).toContain('system-node-critical');
  });

  it('creates, reads, labels, patches and deletes', async () => {
    await run(['create', 'configmap', 'one', '--from-literal=a=b']);
    await run(['label', 'configmap', 'one', 'tier=web']);
    await run(['patch', 'configmap', 'one', '-p', '{"data":{"strategic":"1"}}']);
    await run(['patch', 'configmap', 'one', '--type=merge', '-p', '{"data":{"merge":"1"}}']);
    await run(['patch', 'configmap', 'one', '--type=json', '-p', '[{"op":"remove","path":"/data/a"}]']);
    const { out } = await run(['get', 'configmap', '-l', 'tier=web', '-o', 'jsonpath={.items[*].data}']);
    expect(JSON.parse(out)).toEqual({ strategic: '1', merge: '1' });
    expect((await run(['get', 'configmap', 'one'])).out).toMatch(/^NAME +DATA +AGE\none +2 +/);
    await run(['delete', 'configmap', 'one']);
    const gone = await run(['get', 'configmap', 'one'], { ok: false });
    expect(gone.err).toBe('Error from server (NotFound): configmaps "one" not found');
  });

  it('applies on the client side, and again without a change', async () => {
    const manifest = JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'web', image: 'registry.test/web:1' }] },
        },
      },
    });
    expect((await run(['apply', '-f', '-'], { input: manifest })).out).toBe('deployment.apps/web created');
    expect((await run(['apply', '-f', '-'], { input: manifest })).out).toBe('deployment.apps/web unchanged');
    const changed = manifest.replace('web:1', 'web:2');
    expect((await run(['apply', '-f', '-'], { input: changed })).out).toBe('deployment.apps/web configured');
    await run(['scale', 'deployment', 'web', '--replicas=5']);
    const path = 'jsonpath={.spec.replicas} {.metadata.generation} {.spec.template.spec.containers[0].image}';
    expect((await run(['get', 'deployment', 'web', '-o', path])).out).toBe('5 3 registry.test/web:2');
    expect((await run(['describe', 'deployment', 'web'])).out).toContain('RollingUpdateStrategy:');
  });

  it('refuses unknown fields and invalid objects in words that say why', async () => {
    const unknown = await run(['create', '-f', '-'], {
      input: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"nonsense":1}',
      ok: false,
    });
    expect(unknown.err).toContain('strict decoding error: unknown field "nonsense"');
    const invalid = await run(['create', 'configmap', 'Upper'], { ok: false });
    expect(invalid.err).toContain('ConfigMap "Upper" is invalid: metadata.name: Invalid value: "Upper"');
  });

  it('watches', async () => {
    const child = spawn(kubectl, ['get', 'configmap', '--watch', '--output-watch-events', '--no-headers'], {
      env: { ...process.env, KUBECONFIG: admin, HOME: server.folder },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let seen = '';
    child.stdout.on('data', piece => {
      seen += String(piece);
    });
    try {
      await run(['create', 'configmap', 'watched']);
      await waitFor('ADDED', () => /ADDED +watched/.test(seen));
      await run(['label', 'configmap', 'watched', 'a=b']);
      await waitFor('MODIFIED', () => /MODIFIED +watched/.test(seen));
      await run(['delete', 'configmap', 'watched']);
      await waitFor('DELETED', () => /DELETED +watched/.test(seen));
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('explains fields from its OpenAPI documents', async () => {
    const { out } = await run(['explain', 'pod.spec.nodeName']);
    expect(out).toContain('FIELD: nodeName <string>');
    expect((await run(['explain', 'deployment.spec'])).out).toContain('replicas');
  });

  it('tells people apart by certificate and gives rights by RBAC', async () => {
    const jane = server.kubeconfigFor('jane', ['dev']);
    const refused = await run(['get', 'pods'], { config: jane, ok: false });
    expect(refused.err).toBe(
      'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    );
    await run(['create', 'rolebinding', 'jane', '--clusterrole=view', '--user=jane']);
    expect((await run(['auth', 'can-i', 'list', 'pods'], { config: jane })).out).toBe('yes');
    expect((await run(['auth', 'can-i', 'delete', 'pods'], { config: jane, ok: false })).out).toBe('no');
    expect((await run(['get', 'pods'], { config: jane })).err).toBe('No resources found in default namespace.');
  });

  it('takes tokens of service accounts until the account is deleted', async () => {
    await run(['create', 'serviceaccount', 'robot']);
    await run(['create', 'rolebinding', 'robot', '--clusterrole=edit', '--serviceaccount=default:robot']);
    const token = (await run(['create', 'token', 'robot'])).out.trim();
    const robot = server.kubeconfigWithToken(token);
    expect((await run(['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'], { config: robot })).out).toBe(
      'system:serviceaccount:default:robot',
    );
    await run(['create', 'configmap', 'by-robot'], { config: robot });
    await run(['delete', 'serviceaccount', 'robot']);
    const after = await run(['get', 'configmap'], { config: robot, ok: false });
    expect(after.err).toContain('You must be logged in to the server');
  });

  it('keeps everything over kill -9', async () => {
    await run(['create', 'configmap', 'kept', '--from-literal=a=b']);
    await server.kill();
    await server.start();
    expect((await run(['get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}'])).out).toBe('b');
  });

  it('dry-runs, deletes collections and keeps what has finalizers', async () => {
    await run(['create', 'configmap', 'dry', '--dry-run=server']);
    expect((await run(['get', 'configmap', 'dry'], { ok: false })).code).toBe(1);
    const file = join(server.folder, 'held.json');
    writeFileSync(
      file,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'held', labels: { set: 'x' }, finalizers: ['test.example/hold'] },
      }),
    );
    await run(['create', '-f', file]);
    await run(['delete', 'configmap', '-l', 'set=x', '--wait=false']);
    const path = 'jsonpath={.metadata.deletionTimestamp}';
    expect((await run(['get', 'configmap', 'held', '-o', path])).out).not.toBe('');
    await run(['patch', 'configmap', 'held', '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
    expect((await run(['get', 'configmap', 'held'], { ok: false })).err).toContain('NotFound');
  });
});
