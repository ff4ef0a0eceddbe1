import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestApiServer } from '../harness/api-server.ts';
import { Kubectl, newestKubectl, suiteOf } from '../harness/kubectl.ts';
import { SAMPLE_FOUNDATIONS, SAMPLE_OBJECTS, SHOP } from '../harness/sample-objects.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Namespaces that are made at once, one for each test. */
const MAX_TESTS = 100;

const suite = suiteOf(newestKubectl());

describe.skipIf(suite.skipped)(`kubectl writes to the API server ${suite.title}`, () => {
  let server: TestApiServer;
  let kubectl: Kubectl;
  let folder: string;
  /** kubectl in a namespace of the running test. */
  let own: Kubectl;
  let namespaces = 0;

  beforeAll(async () => {
    server = await TestApiServer.start();
    folder = mkdtempSync(join(server.folder, 'files-'));
    kubectl = new Kubectl({
      program: suite.path,
      server,
      kubeconfig: server.kubeconfigFor('admin', ['system:masters']),
    });
    const made = Array.from({ length: MAX_TESTS }, (_, i) => `t${i + 1}`).flatMap(namespace => [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } },
    ]);
    await kubectl.given(made).ok('create --validate=false -f -');
  });

  beforeEach(() => {
    namespaces += 1;
    own = kubectl.in(`t${namespaces}`);
  });

  afterAll(async () => {
    await server?.remove();
  });

  const file = (name: string, content: string | object): string => {
    const path = join(folder, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  const configMap = (name: string, data: object, labels: object = { set: 'x' }) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels },
    data,
  });
  const secret = (name: string) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name } });
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', labels: { app: 'web' } },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'main', image: 'registry.test/web:1' }] },
      },
    },
  };
  const path = (jsonPath: string): string => `jsonpath={${jsonPath}}`;

  it.each([
    ['configmap one --from-literal=a=b', 'configmap/one', '.data.a', 'b'],
    ['secret generic one --from-literal=a=b', 'secret/one', '.data.a', 'Yg=='],
    [
      'secret generic one --type=kubernetes.io/basic-auth --from-literal=username=u',
      'secret/one',
      '.type',
      'kubernetes.io/basic-auth',
    ],
    [
      'secret docker-registry one --docker-server=r.test --docker-username=u --docker-password=p',
      'secret/one',
      '.type',
      'kubernetes.io/dockerconfigjson',
    ],
    [
      'deployment one --image=registry.test/x --replicas=3 --port=80',
      'deployment.apps/one',
      '.spec.template.spec.containers[0].ports[0].containerPort',
      '80',
    ],
    [
      'job one --image=registry.test/x -- date -u',
      'job.batch/one',
      '.spec.template.spec.containers[0].command',
      '["date","-u"]',
    ],
    ['cronjob one --image=registry.test/x --schedule=@daily', 'cronjob.batch/one', '.spec.schedule', '@daily'],
    [
      'ingress one --class=front --rule=a.test/x*=web:80,tls=keys',
      'ingress.networking.k8s.io/one',
      '.spec.rules[0].http.paths[0].pathType',
      'Prefix',
    ],
    [
      'pdb one --selector=app=web --max-unavailable=50%',
      'poddisruptionbudget.policy/one',
      '.spec.maxUnavailable',
      '50%',
    ],
    [
      'quota one --hard=pods=3,cpu=1 --scopes=NotTerminating',
      'resourcequota/one',
      '.spec.hard',
      '{"cpu":"1","pods":"3"}',
    ],
    [
      'role one --verb=get,list --resource=pods,deployments.apps/scale --resource-name=x',
      'role.rbac.authorization.k8s.io/one',
      '.rules[1].resources',
      '["deployments/scale"]',
    ],
    [
      'rolebinding one --clusterrole=view --user=jane --group=dev',
      'rolebinding.rbac.authorization.k8s.io/one',
      '.subjects[*].name',
      'jane dev',
    ],
    ['service clusterip one --tcp=80:8080', 'service/one', '.spec.ports[0].targetPort', '8080'],
    ['service clusterip one --clusterip=None', 'service/one', '.spec.clusterIP', 'None'],
    ['service nodeport one --tcp=80 --node-port=31234', 'service/one', '.spec.ports[0].nodePort', '31234'],
    ['service loadbalancer one --tcp=80', 'service/one', '.spec.type', 'LoadBalancer'],
    ['service externalname one --external-name=a.test', 'service/one', '.spec.externalName', 'a.test'],
    ['serviceaccount one', 'serviceaccount/one', '.metadata.name', 'one'],
  ])('creates, in a dry run first: %s', async (command, created, field, expected) => {
    const dry = await own.ok(`create --dry-run=server -o name ${command}`);
    expect(`${dry} is ${await own.ok(`get ${created} --ignore-not-found -o name`)}`).toBe(`${created} is `);
    expect(await own.ok(`create ${command}`)).toBe(`${created} created`);
    expect(await own.ok(`get ${created} -o`, path(field))).toBe(expected);
  });

  it.each([
    [
      'priorityclass p-one --value=10 --preemption-policy=Never',
      'priorityclass.scheduling.k8s.io/p-one',
      '.preemptionPolicy',
      'Never',
    ],
    [
      'clusterrole c-one --verb=get --non-resource-url=/x',
      'clusterrole.rbac.authorization.k8s.io/c-one',
      '.rules[0].nonResourceURLs',
      '["/x"]',
    ],
    [
      'clusterrole c-all --aggregation-rule=a=b',
      'clusterrole.rbac.authorization.k8s.io/c-all',
      '.aggregationRule.clusterRoleSelectors[0].matchLabels',
      '{"a":"b"}',
    ],
    [
      'clusterrolebinding b-one --clusterrole=view --serviceaccount=a:b',
      'clusterrolebinding.rbac.authorization.k8s.io/b-one',
      '.subjects[0].kind',
      'ServiceAccount',
    ],
    ['namespace n-one', 'namespace/n-one', '.status.phase', 'Active'],
  ])('creates for the whole cluster, in a dry run first: %s', async (command, created, field, expected) => {
    expect(await kubectl.ok(`create --dry-run=server ${command}`)).toBe(`${created} created (server dry run)`);
    expect(await kubectl.ok(`get ${created} --ignore-not-found`)).toBe('');
    expect(await kubectl.ok(`create ${command}`)).toBe(`${created} created`);
    expect(await kubectl.ok(`get ${created} -o`, path(field))).toBe(expected);
  });

  it('creates a job from a cron job, and a config map from files', async () => {
    await own.ok('create cronjob nightly --image=registry.test/x --schedule=@daily');
    await own.ok('create job now --from=cronjob/nightly');
    expect(await own.ok('get job now -o', path('.metadata.ownerReferences[0].name'))).toBe('nightly');
    file('page.html', '<p>');
    await own.at(folder).ok('create configmap files --from-file=page.html --from-file=other=page.html');
    expect(await own.ok('get configmap files -o', path('.data'))).toBe(
      '{"other":"\\u003cp\\u003e","page.html":"\\u003cp\\u003e"}',
    );
  });

  it('creates a TLS secret only of a pair that belongs together', async () => {
    const made = await own.fails(
      `create secret tls one --cert=${join(server.folder, 'server.crt')} --key=${join(server.folder, 'sa.key')}`,
    );
    expect(made).toContain('private key does not match public key');
    await own.ok(
      `create secret tls one --cert=${join(server.folder, 'server.crt')} --key=${join(server.folder, 'server.key')}`,
    );
    expect(await own.ok('get secret one -o', path('.type'))).toBe('kubernetes.io/tls');
  });

  it('applies every kind, and again without a change', async () => {
    const everything = file('everything.json', {
      apiVersion: 'v1',
      kind: 'List',
      items: [...SAMPLE_FOUNDATIONS, ...SAMPLE_OBJECTS],
    });
    const first = (await kubectl.ok(`apply -f ${everything}`)).split('\n');
    expect(first.filter(line => !line.endsWith(' created'))).toEqual([]);
    const again = (await kubectl.ok(`apply -f ${everything}`)).split('\n');
    // the patch strategy of its selector makes kubectl send it each time
    expect(again.filter(line => !line.endsWith(' unchanged'))).toEqual(['poddisruptionbudget.policy/web configured']);
    expect((await kubectl.run(`diff -f ${everything}`)).code).toBe(0);
    await kubectl.ok(`delete namespace ${SHOP} --wait=false`);
  });

  it('applies, and takes away what the last manifest had and this one has not', async () => {
    await own.given([configMap('one', { a: '1', b: '2' })]).ok('apply -f -');
    await own.ok('patch configmap one --type=merge -p {"data":{"other":"3"}}');
    expect(await own.given([configMap('one', { a: '9' })]).ok('apply -f -')).toBe('configmap/one configured');
    expect(await own.ok('get configmap one -o', path('.data'))).toBe('{"a":"9","other":"3"}');
  });

  it('merges lists by their keys when it applies, and keeps what a controller wrote', async () => {
    const sidecar = { name: 'side', image: 'registry.test/side:1' };
    await own.given([deployment]).ok('apply -f -');
    await own.ok('scale deployment web --replicas=7');
    const patch = { spec: { template: { spec: { containers: [sidecar] } } } };
    await own.ok('patch deployment web -p', JSON.stringify(patch));
    const { replicas: _, ...spec } = structuredClone(deployment.spec);
    const changed = { ...deployment, spec };
    spec.template.spec.containers = [{ name: 'main', image: 'registry.test/web:2' }];
    await own.given([changed]).ok('apply -f -');
    expect(await own.ok('get deployment web -o', path('.spec.template.spec.containers[*].image'))).toBe(
      'registry.test/side:1 registry.test/web:2',
    );
  });

  it('prunes what is no longer in the manifests of a label', async () => {
    await own
      .given([configMap('stays', { a: '1' }), configMap('goes', {}), configMap('other', {}, { set: 'y' })])
      .ok('apply -f -');
    const out = await own
      .given([configMap('stays', { a: '1' })])
      .ok('apply -f - --prune -l set=x --prune-allowlist=core/v1/ConfigMap');
    expect(out.split('\n')).toEqual(['configmap/stays unchanged', 'configmap/goes pruned']);
    expect(await own.ok('get configmaps -o name')).toBe('configmap/other\nconfigmap/stays');
  });

  it('prunes by the set that it keeps of what was applied together', async () => {
    const sets = own.at(folder, { KUBECTL_APPLYSET: 'true' });
    const apply = 'apply -f - --prune --applyset=parts';
    await sets.given([configMap('stays', { a: '1' }), configMap('goes', {}), secret('goes')]).ok(apply);
    const parent = JSON.parse(await own.ok('get secret parts -o json')) as {
      metadata: Record<string, Record<string, string>>;
    };
    const id = parent.metadata['labels']?.['applyset.kubernetes.io/id'] ?? '';
    expect(parent.metadata['annotations']).toMatchObject({
      'applyset.kubernetes.io/contains-group-kinds': 'ConfigMap,Secret',
      'applyset.kubernetes.io/tooling': expect.stringMatching(/^kubectl\/v1\./),
    });
    const labelled = (): Promise<string> =>
      own.ok(`get configmap,secret -l applyset.kubernetes.io/part-of=${id} -o name`);
    expect(await labelled()).toBe('configmap/goes\nconfigmap/stays\nsecret/goes');
    const out = await sets.given([configMap('stays', { a: '1' })]).ok(apply);
    expect(out.split('\n').toSorted()).toEqual([
      'configmap/goes pruned',
      'configmap/stays unchanged',
      'secret/goes pruned',
    ]);
    expect(await labelled()).toBe('configmap/stays');
  });

  it('applies, compares and deletes a kustomization', async () => {
    const base = join(folder, 'kustomized');
    mkdirSync(base);
    writeFileSync(
      join(base, 'kustomization.yaml'),
      'namePrefix: k-\nconfigMapGenerator:\n- name: gen\n  literals: [a=b]\n',
    );
    const [name] = (await own.ok(`apply -k ${base} -o name`)).split('\n');
    expect(name).toMatch(/^configmap\/k-gen-/);
    expect(await own.ok(`kustomize ${base}`)).toContain('a: b');
    expect((await own.run(`diff -k ${base}`)).code).toBe(0);
    expect(await own.ok(`delete -k ${base} -o name`)).toBe(name);
  });

  it('shows, sets and edits the last applied manifest', async () => {
    const manifest = file('last.json', configMap('one', { a: '1' }));
    await own.ok(`create -f ${manifest}`);
    await own.ok(`apply set-last-applied -f ${manifest} --create-annotation`);
    expect(JSON.parse(await own.ok('apply view-last-applied configmap/one -o json'))).toMatchObject({
      data: { a: '1' },
    });
    const editor = file('edit-last.sh', 'sed -i "s/a: \\"1\\"/a: \\"2\\"/" "$1"\n');
    await own.at(folder, { KUBE_EDITOR: `sh ${editor}` }).ok('apply edit-last-applied configmap/one');
    expect(JSON.parse(await own.ok('apply view-last-applied configmap/one -o json'))).toMatchObject({
      data: { a: '2' },
    });
  });

  it('tells by the exit code of diff whether something would change, and changes nothing', async () => {
    const manifest = file('diff.json', configMap('one', { a: '1' }));
    const missing = await own.run(`diff -f ${manifest}`);
    expect(missing).toMatchObject({ code: 1, out: expect.stringContaining('+  a: "1"') });
    await own.ok(`apply -f ${manifest}`);
    expect(await own.run(`diff -f ${manifest}`)).toEqual({ out: '', err: '', code: 0 });
    const changed = await own.run(`diff -f ${file('diff2.json', configMap('one', { a: '2' }))}`);
    expect(changed).toMatchObject({ code: 1, out: expect.stringMatching(/-\s+a: "1"\n\+\s+a: "2"/) });
    expect(await own.ok('get configmap one -o', path('.data.a'))).toBe('1');
    expect((await own.run('diff -f /nowhere')).code).toBe(2);
  });

  it('edits by the editor of the environment', async () => {
    await own.given([deployment]).ok('create -f -');
    const script = file('edit.sh', 'sed -i "s/replicas: 2/replicas: 4/" "$1"\n');
    expect(await own.at(folder, { EDITOR: `sh ${script}` }).ok('edit deployment web')).toBe(
      'deployment.apps/web edited',
    );
    expect(await own.ok('get deployment web -o', path('.spec.replicas'))).toBe('4');
    expect(await own.at(folder, { EDITOR: 'true' }).run('edit deployment web')).toMatchObject({
      err: 'Edit cancelled, no changes made.',
      code: 0,
    });
  });

  it('keeps a copy of an edit that is invalid, and the object as it was', async () => {
    await own.given([deployment]).ok('create -f -');
    const scratch = mkdtempSync(join(folder, 'tmp-'));
    const script = file('bad-edit.sh', 'sed -i "s/replicas: 2/replicas: -2/" "$1"\n');
    const err = await own.at(folder, { EDITOR: `sh ${script}`, TMPDIR: scratch }).fails('edit deployment web');
    expect(err).toContain('deployments.apps "web" is invalid');
    const [, copy = ''] = /A copy of your changes has been stored to "([^"]+)"/.exec(err) ?? [];
    expect(dirname(copy)).toBe(scratch);
    expect(readFileSync(copy, 'utf8')).toMatch(
      /# \* spec.replicas: Invalid value: -2: must be greater than or equal to 0/,
    );
    expect(await own.ok('get deployment web -o', path('.spec.replicas'))).toBe('2');
  });

  it('replaces, refuses to replace an older state, and replaces by force', async () => {
    await own.given([configMap('one', { a: '1' })]).ok('create -f -');
    const old = await own.ok('get configmap one -o json');
    expect(await own.given([configMap('one', { b: '1' })]).ok('replace -f -')).toBe('configmap/one replaced');
    expect(await own.ok('get configmap one -o', path('.data'))).toBe('{"b":"1"}');
    expect(await own.given(old).fails('replace -f -')).toContain(
      'Operation cannot be fulfilled on configmaps "one": the object has been modified; please apply your changes to the latest version and try again',
    );
    const before = await own.ok('get configmap one -o', path('.metadata.uid'));
    await own.given([configMap('one', { c: '1' })]).ok('replace --force -f -');
    expect(await own.ok('get configmap one -o', path('.metadata.uid'))).not.toBe(before);
    expect(await own.given([configMap('none', {})]).fails('replace -f -')).toContain('configmaps "none" not found');
  });

  it.each([
    [
      'strategic',
      '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"registry.test/s"}]}}}}',
      'registry.test/s registry.test/web:1',
    ],
    [
      'merge',
      '{"spec":{"template":{"spec":{"containers":[{"name":"only","image":"registry.test/o"}]}}}}',
      'registry.test/o',
    ],
    [
      'json',
      '[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"registry.test/j"}]',
      'registry.test/j',
    ],
  ])('patches by the %s rules', async (type, patch, images) => {
    await own.given([deployment]).ok('create -f -');
    expect(await own.ok(`patch deployment web --type=${type} -p`, patch)).toBe('deployment.apps/web patched');
    expect(await own.ok(`patch deployment web --type=${type} -p`, patch)).toBe(
      'deployment.apps/web patched (no change)',
    );
    expect(await own.ok('get deployment web -o', path('.spec.template.spec.containers[*].image'))).toBe(images);
  });

  it.each([
    [
      'a JSON patch whose test fails',
      'json',
      '[{"op":"test","path":"/data/a","value":"9"}]',
      'testing value /data/a failed',
    ],
    [
      'a JSON patch without a target',
      'json',
      '[{"op":"remove","path":"/data/none"}]',
      "error in remove for path: '/data/none': Unable to remove nonexistent key: none: missing value",
    ],
    [
      'a field that cannot change',
      'merge',
      '{"metadata":{"name":"two"}}',
      'the name of the object (two) does not match the name on the URL (one)',
    ],
  ])('refuses %s', async (_, type, patch, message) => {
    await own.given([configMap('one', { a: '1' })]).ok('create -f -');
    expect(await own.fails(`patch configmap one --type=${type} -p`, patch)).toContain(message);
  });

  it('patches the subresources status and scale, each only its own part', async () => {
    await own.given([deployment]).ok('create -f -');
    const both = JSON.stringify({ spec: { replicas: 9 }, status: { replicas: 1 } });
    await own.ok('patch deployment web --subresource=status --type=merge -p', both);
    expect(await own.ok('get deployment web -o', path('.spec.replicas'))).toBe('2');
    expect(await own.ok('get deployment web -o', path('.status.replicas'))).toBe('1');
    await own.ok('patch deployment web --subresource=scale --type=merge -p', JSON.stringify({ spec: { replicas: 9 } }));
    expect(await own.ok('get deployment web -o', path('.spec.replicas'))).toBe('9');
  });

  it('resizes a pod, and edits the status of one', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'one' },
      spec: { nodeName: 'n', containers: [{ name: 'main', image: 'registry.test/x' }] },
    };
    await own.given([pod]).ok('create -f -');
    const resized = { spec: { containers: [{ name: 'main', resources: { requests: { cpu: '150m' } } }] } };
    const err = await own.fails('patch pod one --subresource=resize -p', JSON.stringify(resized));
    expect(err).toContain('Pod QOS Class may not change as a result of resizing');
    const script = file('edit-status.sh', 'sed -i "s/phase: Pending/phase: Running/" "$1"\n');
    await own.at(folder, { EDITOR: `sh ${script}` }).ok('edit pod one --subresource=status');
    expect(await own.ok('get pod one --subresource=status -o', path('.status.phase'))).toBe('Running');
  });

  it('applies what cannot change only by force: deleted and created again', async () => {
    await own.given([deployment]).ok('apply -f -');
    const other = structuredClone(deployment);
    other.spec.selector.matchLabels.app = 'other';
    other.spec.template.metadata.labels.app = 'other';
    expect(await own.given([other]).fails('apply -f -')).toContain('field is immutable');
    await own.given([other]).ok('apply -f - --force');
    expect(await own.ok('get deployment web -o', path('.spec.selector.matchLabels.app'))).toBe('other');
  });

  it('posts and deletes at raw paths', async () => {
    const at = `/api/v1/namespaces/t${namespaces}/configmaps`;
    const made = await own.given('{"metadata":{"name":"raw"}}').ok(`create --raw ${at} -f -`);
    expect(JSON.parse(made)).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'raw' } });
    expect(JSON.parse(await own.ok(`delete --raw ${at}/raw`))).toMatchObject({ status: 'Success' });
  });

  it('labels and annotates, never over an older value or state unless told to', async () => {
    await own.given([configMap('one', {})]).ok('create -f -');
    expect(await own.ok('label configmap one a=b')).toBe('configmap/one labeled');
    expect(await own.fails('label configmap one a=c')).toBe(
      "error: 'a' already has a value (b), and --overwrite is false",
    );
    await own.ok('label configmap one a=c --overwrite');
    expect((await own.ok('label configmap one --list')).split('\n').toSorted()).toEqual(['a=c', 'set=x']);
    expect(await own.ok('label configmap one a-')).toBe('configmap/one unlabeled');
    expect(await own.fails('annotate configmap one n=1 --resource-version=1')).toContain(
      'the object has been modified',
    );
    expect(await own.ok('annotate configmap --all n=1')).toBe('configmap/one annotated');
    expect(await own.ok('annotate configmap one --list')).toBe('n=1');
    expect(await own.fails('label configmap one', 'bad=not a label')).toContain(
      'a valid label must be an empty string or consist of',
    );
  });

  it('deletes by file, label, all of a kind, and several kinds', async () => {
    const manifest = file('delete.json', configMap('by-file', {}));
    await own.given(['by-label', 'by-name', 'last'].map(name => configMap(name, {}, { name }))).ok('create -f -');
    await own.ok(`create -f ${manifest}`);
    expect(await own.ok(`delete -f ${manifest}`)).toContain('configmap "by-file" deleted');
    expect(await own.ok('delete configmap -l name=by-label -o name')).toBe('configmap/by-label');
    expect(await own.ok('delete configmap/by-name serviceaccount/default -o name')).toBe(
      'configmap/by-name\nserviceaccount/default',
    );
    expect(await own.ok('delete configmaps --all -o name')).toBe('configmap/last');
    expect(await own.ok('delete configmap none --ignore-not-found')).toBe('');
    expect(await own.fails('delete configmap none')).toBe('Error from server (NotFound): configmaps "none" not found');
  });

  it.each([
    ['foreground', '["foregroundDeletion"]'],
    ['orphan', '["orphan"]'],
  ])('leaves an object to its controller with --cascade=%s', async (cascade, finalizers) => {
    await own.given([deployment]).ok('create -f -');
    await own.ok(`delete deployment web --cascade=${cascade} --wait=false`);
    expect(await own.ok('get deployment web -o', path('.metadata.finalizers'))).toBe(finalizers);
  });

  it('deletes a pod with grace, and at once by force', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'one' },
      spec: { nodeName: 'n', containers: [{ name: 'c', image: 'registry.test/x' }] },
    };
    await own.given([pod]).ok('create -f -');
    await own.ok('delete pod one --grace-period=20 --wait=false');
    expect(await own.ok('get pod one -o', path('.metadata.deletionGracePeriodSeconds'))).toBe('20');
    expect(await own.ok('get pod one --no-headers')).toMatch(/^one +0\/1 +Terminating /);
    expect(await own.ok('delete pod one --force --grace-period=0 -o name')).toBe('pod/one');
    expect(await own.ok('get pods -o name')).toBe('');
  });

  it('waits for a deletion until the last finalizer is gone', async () => {
    await own
      .given([{ ...configMap('held', {}), metadata: { name: 'held', finalizers: ['test.example/hold'] } }])
      .ok('create -f -');
    const deleting = own.background('delete configmap held');
    try {
      await waitFor(
        'the mark of deletion',
        async () => (await own.ok('get configmap held -o', path('.metadata.deletionTimestamp'))) !== '',
      );
      expect(deleting.seen()).toContain('configmap "held" deleted');
      await own.ok('patch configmap held --type=merge -p {"metadata":{"finalizers":null}}');
      expect(await deleting.done()).toBe(0);
    } finally {
      await deleting.end();
    }
  });

  it.each([
    ['image deployment/web main=registry.test/web:9', '.spec.template.spec.containers[0].image', 'registry.test/web:9'],
    ['env deployment/web A=1', '.spec.template.spec.containers[0].env', '[{"name":"A","value":"1"}]'],
    [
      'resources deployment/web --limits=cpu=500m --requests=cpu=100m',
      '.spec.template.spec.containers[0].resources',
      '{"limits":{"cpu":"500m"},"requests":{"cpu":"100m"}}',
    ],
    ['serviceaccount deployment/web robot', '.spec.template.spec.serviceAccountName', 'robot'],
  ])('sets: %s', async (command, field, expected) => {
    await own.given([deployment]).ok('create -f -');
    await own.ok(`set ${command}`);
    expect(await own.ok('get deployment web -o', path(field))).toBe(expected);
    expect(await own.ok('get deployment web -o', path('.metadata.generation'))).toBe('2');
  });

  it('sets the selector of a service and the subjects of a binding', async () => {
    await own.ok('create service clusterip one --tcp=80');
    await own.ok('set selector service/one a=b');
    expect(await own.ok('get service one -o', path('.spec.selector'))).toBe('{"a":"b"}');
    await own.ok('create rolebinding one --clusterrole=view --user=jane');
    await own.ok('set subject rolebinding one --group=dev');
    expect(await own.ok('get rolebinding one -o', path('.subjects[*].name'))).toBe('jane dev');
  });

  it('scales, from the size that is told only, and sets an autoscaler above it', async () => {
    await own.given([deployment]).ok('create -f -');
    expect(await own.fails('scale deployment web --current-replicas=9 --replicas=1')).toBe(
      'error: Expected replicas to be 9, was 2',
    );
    expect(await own.ok('scale deployment web --current-replicas=2 --replicas=1')).toBe('deployment.apps/web scaled');
    await own.ok('autoscale deployment web --min=2 --max=6 --cpu-percent=70');
    expect(await own.ok('get hpa web --no-headers')).toMatch(/^web +Deployment\/web +cpu: <unknown>\/70% +2 +6 +0 /);
  });

  it('exposes a deployment, and runs a pod', async () => {
    await own.given([deployment]).ok('create -f -');
    expect(await own.ok('expose deployment web --port=80 --target-port=8080')).toBe('service/web exposed');
    expect(await own.ok('get service web -o', path('.spec.selector'))).toBe('{"app":"web"}');
    expect(
      await own.ok(
        'run one --image=registry.test/x --labels=a=b --port=80 --dry-run=server -o',
        path('.spec.restartPolicy'),
      ),
    ).toBe('Always');
    expect(await own.ok('get pods -o name')).toBe('');
    expect(await own.ok('run one --image=registry.test/x --restart=Never -- date')).toBe('pod/one created');
    expect(await own.ok('get pod one -o', path('.spec.containers[0].args'))).toBe('["date"]');
  });

  it.each(['create', 'apply', 'replace', 'delete'])('stores nothing for %s --dry-run=server', async verb => {
    await own.given([configMap('one', { a: '1' })]).ok('create -f -');
    const revision = await own.ok('get configmap one -o', path('.metadata.resourceVersion'));
    const name = verb === 'create' ? 'two' : 'one';
    const result = await own.given([configMap(name, { a: '2' })]).run(`${verb} -f - --dry-run=server`);
    expect(result).toMatchObject({ code: 0, out: expect.stringContaining('(server dry run)') });
    expect(await own.ok('get configmaps -o name')).toBe('configmap/one');
    expect(await own.ok('get configmap one -o', path('.metadata.resourceVersion'))).toBe(revision);
  });

  it.each([
    ['strict', 1, 'strict decoding error: unknown field "extra"'],
    ['warn', 0, 'Warning: unknown field "extra"'],
    ['ignore', 0, ''],
  ])('treats an unknown field as --validate=%s says', async (validate, code, message) => {
    const result = await own
      .given(JSON.stringify({ ...configMap('one', {}), extra: 1 }))
      .run(`create -f - --validate=${validate}`);
    expect(result).toMatchObject({ code, err: expect.stringContaining(message) });
    expect(result.err === '').toBe(message === '');
  });

  it.each([
    [
      'an invalid name',
      configMap('Upper', {}),
      'ConfigMap "Upper" is invalid: metadata.name: Invalid value: "Upper": a lowercase RFC 1123 subdomain must consist of',
    ],
    [
      'a wrong type',
      { ...configMap('one', {}), data: { a: 1 } },
      'json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ],
    [
      'a kind that is not there',
      { apiVersion: 'example.com/v1', kind: 'Frog', metadata: { name: 'x' } },
      'no matches for kind "Frog" in version "example.com/v1"',
    ],
    [
      'a missing selector',
      { ...deployment, spec: { template: deployment.spec.template } },
      'spec.selector: Required value',
    ],
    [
      'several mistakes at once',
      { ...deployment, spec: { ...deployment.spec, replicas: -1, minReadySeconds: -1 } },
      '* spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0',
    ],
  ])('refuses %s in upstream’s words', async (_, object, message) => {
    expect(await own.given(JSON.stringify(object)).fails('create -f -')).toContain(message);
  });

  it('refuses what is there already', async () => {
    const one = own.given([configMap('one', {})]);
    await one.ok('create -f -');
    expect(await one.fails('create -f -')).toBe(
      'Error from server (AlreadyExists): error when creating "STDIN": configmaps "one" already exists',
    );
  });
});
