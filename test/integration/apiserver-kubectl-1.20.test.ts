import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApiServer } from '../harness/api-server.ts';
import { certificateRequest } from '../harness/certificate-request.ts';
import { Kubectl, kubectl120, suiteOf } from '../harness/kubectl.ts';
import { SAMPLE_FOUNDATIONS, SAMPLE_OBJECTS, SHOP } from '../harness/sample-objects.ts';
import { waitFor } from '../harness/wait-for.ts';

const suite = suiteOf(kubectl120());

/** An old kubectl reads OpenAPI v2 as protobuf, discovers without aggregation, and knows versions that 1.36 has no more. */
describe.skipIf(suite.skipped)(`kubectl 1.20 against the API server ${suite.title}`, () => {
  let server: TestApiServer;
  let kubectl: Kubectl;
  let shop: Kubectl;
  let everything: string;

  beforeAll(async () => {
    server = await TestApiServer.start();
    kubectl = new Kubectl({
      program: suite.path,
      server,
      kubeconfig: server.kubeconfigFor('admin', ['system:masters']),
    });
    shop = kubectl.in(SHOP);
    everything = join(server.folder, 'everything.json');
    // a quota whose status no controller writes lets nothing through
    const items = [...SAMPLE_FOUNDATIONS, ...SAMPLE_OBJECTS.filter(({ kind }) => kind !== 'ResourceQuota')];
    writeFileSync(everything, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await kubectl.ok(`apply -f ${everything}`);
  });

  afterAll(async () => {
    await server?.remove();
  });

  const configMap = (name: string, data: object) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels: { set: 'x' } },
    data,
  });

  it('applies every kind again without a change but of what it cannot merge', async () => {
    const lines = (await kubectl.ok(`apply -f ${everything}`)).split('\n');
    // it does not know this version, so it compares lists as a whole
    expect(lines.filter(line => !line.endsWith(' unchanged'))).toEqual(['cronjob.batch/nightly configured']);
    expect((await kubectl.run(`diff -f ${everything}`)).code).toBe(0);
  });

  it('gets every kind that it discovers, as documents and as tables', async () => {
    const kinds = (await kubectl.ok('api-resources --verbs=list -o name')).split('\n');
    expect(kinds.length).toBeGreaterThan(45);
    const all = kinds.join(',');
    const [json, wide] = await Promise.all([
      kubectl.ok(`get ${all} -A -o json`),
      kubectl.ok(`get ${all} -A -o wide --show-kind`),
    ]);
    const found = new Set((JSON.parse(json) as { items: { kind: string }[] }).items.map(({ kind }) => kind));
    for (const { kind, metadata } of SAMPLE_OBJECTS.filter(each => each.kind !== 'ResourceQuota')) {
      expect(found).toContain(kind);
      expect(wide).toMatch(new RegExp(`^\\S* +${kind.toLowerCase()}(\\.\\S+)?/${metadata.name} +\\S`, 'm'));
    }
  });

  it.each([
    'pod/one',
    'node/node-1',
    'service/web',
    'deployment/web',
    'statefulset/db',
    'daemonset/agent',
    'replicaset/web-1',
    'rc/old',
    'job/once',
    'hpa/web',
    'ingress/web',
    'ingressclass/front',
    'networkpolicy/deny',
    'pv/disk',
    'pvc/data',
    'storageclass/slow',
    'csinode/node-1',
    'priorityclass/important',
    'runtimeclass/sandboxed',
    'lease/leader',
    'endpoints/manual',
    'role/reader',
    'rolebinding/reader',
    'clusterrole/node-reader',
    'clusterrolebinding/node-reader',
    'podtemplate/template',
    'controllerrevision/revision',
    'limits/limits',
    'serviceaccount/default',
    'secret/keys',
    'configmap/settings',
    'namespace/shop',
  ])('describes %s', async what => {
    const [, name = ''] = what.split('/');
    expect(await shop.ok(`describe ${what}`)).toMatch(new RegExp(`^Name: +${name}\n`));
  });

  it.each([
    ['explains a field', 'explain pod.spec.nodeName', [], /^KIND: +Pod\nVERSION: +v1\n\nFIELD: +nodeName <string>/],
    [
      'explains a kind with all below it',
      'explain deployment --recursive',
      [],
      / {3}spec\t<Object>\n.* {6}replicas\t<integer>/s,
    ],
    ['lists versions', 'api-versions', [], /^apps\/v1\n.*rbac.authorization.k8s.io\/v1\n.*v1$/s],
    [
      'selects by labels and fields',
      'get pods -l app=web --field-selector=spec.nodeName=node-1 -o name',
      [],
      /^pod\/one$/,
    ],
    [
      'reads page by page',
      'get clusterroles --chunk-size=5 -o name',
      [],
      /^(clusterrole.rbac.authorization.k8s.io\/\S+\n?){50,}$/,
    ],
    ['prints a JSON path', 'get configmap settings -o', ['jsonpath={.data.colour}'], /^blue$/],
    ['prints a Go template', 'get configmap settings -o', ['go-template={{.data.colour}}'], /^blue$/],
    [
      'prints own columns, sorted',
      'get pods,configmaps --sort-by=.metadata.name --no-headers -o',
      ['custom-columns=K:.kind,N:.metadata.name'],
      /^Pod +one\nConfigMap +settings$/,
    ],
    ['takes what is missing as nothing', 'get configmap none --ignore-not-found', [], /^$/],
    ['makes tables itself', 'get configmap settings --server-print=false --no-headers', [], /^settings +\d+s$/],
    ['tells versions', 'version --short', [], /^Client Version: v1\.20\.2\nServer Version: v1\.36\./],
    [
      'tells where the server is',
      'cluster-info',
      [],
      /Kubernetes control plane.* is running at .*https:\/\/127\.0\.0\.1:\d+/,
    ],
    ['gets raw paths', 'get --raw /healthz', [], /^ok$/],
    [
      'creates a deployment',
      'create deployment made --image=registry.test/x --port=80',
      [],
      /^deployment.apps\/made created$/,
    ],
    ['creates a job', 'create job made --image=registry.test/x -- date', [], /^job.batch\/made created$/],
    [
      'creates an ingress',
      'create ingress made --rule=a.test/x=web:80',
      [],
      /^ingress.networking.k8s.io\/made created$/,
    ],
    ['creates a secret', 'create secret generic made --from-literal=a=b', [], /^secret\/made created$/],
    [
      'creates a role',
      'create role made --verb=get --resource=pods',
      [],
      /^role.rbac.authorization.k8s.io\/made created$/,
    ],
    ['creates a service', 'create service nodeport made --tcp=80', [], /^service\/made created$/],
    ...[
      ['service clusterip made-inside --tcp=80', 'service/made-inside'],
      ['service loadbalancer made-outside --tcp=80', 'service/made-outside'],
      ['service externalname made-alias --external-name=a.test', 'service/made-alias'],
      ['configmap made --from-literal=a=b', 'configmap/made'],
      ['secret docker-registry made-pull --docker-username=a --docker-password=b', 'secret/made-pull'],
      ['serviceaccount made', 'serviceaccount/made'],
      ['rolebinding made --clusterrole=view --user=a', 'rolebinding.rbac.authorization.k8s.io/made'],
      ['clusterrole made --verb=get --non-resource-url=/x', 'clusterrole.rbac.authorization.k8s.io/made'],
      ['clusterrolebinding made --clusterrole=view --user=a', 'clusterrolebinding.rbac.authorization.k8s.io/made'],
      ['priorityclass made --value=10', 'priorityclass.scheduling.k8s.io/made'],
      ['namespace made', 'namespace/made'],
      ['quota made --hard=pods=3 --namespace=made', 'resourcequota/made'],
    ].map(([what = '', made = '']): [string, string, string[], RegExp] => [
      `creates: ${what}`,
      `create ${what}`,
      [],
      new RegExp(`^${made} created$`),
    ]),
    [
      'runs a pod on the server without storing it',
      'run dry --image=registry.test/x --dry-run=server',
      [],
      /^pod\/dry created \(server dry run\)$/,
    ],
    ['exposes', 'expose deployment web --port=80 --name=exposed', [], /^service\/exposed exposed$/],
    ['sets an image', 'set image deployment/web main=registry.test/web:2', [], /^deployment.apps\/web image updated$/],
    ['sets variables', 'set env deployment/web A=b', [], /^deployment.apps\/web env updated$/],
    [
      'sets resources',
      'set resources deployment/web --limits=cpu=1',
      [],
      /^deployment.apps\/web resource requirements updated$/,
    ],
    [
      'sets an account',
      'set serviceaccount deployment/web default',
      [],
      /^deployment.apps\/web serviceaccount updated$/,
    ],
    ['sets a selector', 'set selector service/web app=web', [], /^service\/web selector updated$/],
    [
      'sets a subject',
      'set subject rolebinding reader --user=bob',
      [],
      /^rolebinding.rbac.authorization.k8s.io\/reader subjects updated$/,
    ],
    ['scales', 'scale deployment web --replicas=3', [], /^deployment.apps\/web scaled$/],
    [
      'sets an autoscaler',
      'autoscale statefulset db --max=3',
      [],
      /^horizontalpodautoscaler.autoscaling\/db autoscaled$/,
    ],
    ['pauses a rollout', 'rollout pause deployment web', [], /^deployment.apps\/web paused$/],
    ['resumes a rollout', 'rollout resume deployment web', [], /^deployment.apps\/web resumed$/],
    ['restarts a rollout', 'rollout restart deployment web', [], /^deployment.apps\/web restarted$/],
    [
      'patches by strategic merge',
      'patch configmap settings -p {"data":{"more":"1"}}',
      [],
      /^configmap\/settings patched$/,
    ],
    [
      'patches by merge',
      'patch configmap settings --type=merge -p {"data":{"more":null}}',
      [],
      /^configmap\/settings patched$/,
    ],
    [
      'patches by JSON operations',
      'patch configmap settings --type=json -p [{"op":"add","path":"/data/x","value":"1"}]',
      [],
      /^configmap\/settings patched$/,
    ],
    ['labels', 'label configmap settings a=b', [], /^configmap\/settings labeled$/],
    ['annotates', 'annotate configmap settings a=b', [], /^configmap\/settings annotated$/],
    ['deletes', 'delete secret keys', [], /^secret "keys" deleted$/],
    ['deletes by label', 'delete secrets -l a=b', [], /^No resources found$/],
    [
      'copies a pod to debug it',
      'debug one --copy-to=copy --image=registry.test/tools --container=tools --attach=false',
      [],
      /^$/,
    ],
    ['finds both containers in the copy', 'get pod copy -o', ['jsonpath={.spec.containers[*].name}'], /^main tools$/],
    ['deletes by force', 'delete pod copy --force --grace-period=0', [], /^pod "copy" force deleted$/],
    ['taints', 'taint node node-1 a=b:NoSchedule', [], /^node\/node-1 tainted$/],
    ['closes a node', 'cordon node-1', [], /^node\/node-1 cordoned$/],
    ['opens it again', 'uncordon node-1', [], /^node\/node-1 uncordoned$/],
    ['asks for rights', 'auth can-i list pods', [], /^yes$/],
    ['asks for all rights', 'auth can-i --list', [], /\*\.\* +\[\] +\[\] +\[\*\]/],
    ['dumps the cluster', 'cluster-info dump -o json', [], /"kind": "NodeList"/],
  ])('%s', async (_, command, more, expected) => {
    expect(await shop.ok(command, ...more)).toMatch(expected);
  });

  it('validates by the OpenAPI document before it sends anything', async () => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, nonsense: 1 };
    expect(await shop.given(JSON.stringify(object)).fails('create -f -')).toContain(
      'ValidationError(ConfigMap): unknown field "nonsense" in io.k8s.api.core.v1.ConfigMap',
    );
  });

  it('edits', async () => {
    const script = join(server.folder, 'edit.sh');
    writeFileSync(script, 'sed -i "s/minReadySeconds: 5/minReadySeconds: 9/; s/replicas: [0-9]*/replicas: 4/" "$1"\n');
    const editing = shop.at(server.folder, { EDITOR: `sh ${script}` });
    expect(await editing.ok('edit replicaset web-1')).toBe('replicaset.apps/web-1 edited');
    expect(await shop.ok('get replicaset web-1 -o', 'jsonpath={.spec.replicas}')).toBe('4');
  });

  it('tells by the exit code of diff whether something would change, and changes nothing', async () => {
    const manifest = join(server.folder, 'diff.json');
    const given = (a: string) => writeFileSync(manifest, JSON.stringify(configMap('compared', { a })));
    given('1');
    expect(await shop.run(`diff -f ${manifest}`)).toMatchObject({
      code: 1,
      out: expect.stringContaining('+  a: "1"'),
    });
    await shop.ok(`apply -f ${manifest}`);
    expect(await shop.run(`diff -f ${manifest}`)).toEqual({ out: '', err: '', code: 0 });
    given('2');
    expect(await shop.run(`diff -f ${manifest}`)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/-\s+a: "1"\n\+\s+a: "2"/),
    });
    expect(await shop.ok('get configmap compared -o', 'jsonpath={.data.a}')).toBe('1');
    expect((await shop.run('diff -f /nowhere')).code).toBe(2);
  });

  it('replaces, refuses to replace an older state, and replaces by force', async () => {
    await shop.given([configMap('replaced', { a: '1' })]).ok('create -f -');
    const old = await shop.ok('get configmap replaced -o json');
    expect(await shop.given([configMap('replaced', { b: '1' })]).ok('replace -f -')).toBe(
      'configmap/replaced replaced',
    );
    expect(await shop.ok('get configmap replaced -o', 'jsonpath={.data}')).toBe('{"b":"1"}');
    expect(await shop.given(old).fails('replace -f -')).toContain(
      'Operation cannot be fulfilled on configmaps "replaced": the object has been modified; please apply your changes to the latest version and try again',
    );
    const before = await shop.ok('get configmap replaced -o', 'jsonpath={.metadata.uid}');
    await shop.given([configMap('replaced', { c: '1' })]).ok('replace --force -f -');
    expect(await shop.ok('get configmap replaced -o', 'jsonpath={.metadata.uid}')).not.toBe(before);
    expect(await shop.given([configMap('none', {})]).fails('replace -f -')).toContain('configmaps "none" not found');
    // a version that it does not know it sends as it is
    const job = await shop.ok('get cronjob nightly -o json');
    expect(await shop.given(job).ok('replace -f -')).toBe('cronjob.batch/nightly replaced');
  });

  it('shows and sets the last applied manifest, and prunes kinds that it is told', async () => {
    const last = () => shop.ok('apply view-last-applied configmap/kept -o json');
    const manifest = join(server.folder, 'last.json');
    writeFileSync(manifest, JSON.stringify(configMap('kept', { a: '1' })));
    await shop.ok(`create -f ${manifest}`);
    await shop.ok(`apply set-last-applied -f ${manifest} --create-annotation`);
    expect(JSON.parse(await last())).toMatchObject({ data: { a: '1' } });
    await shop.given([configMap('goes', {})]).ok('apply -f -');
    const prune = `apply -f ${manifest} --prune -l set=x --prune-whitelist=core/v1/ConfigMap`;
    expect((await shop.ok(prune)).split('\n')).toContain('configmap/goes pruned');
    expect(await shop.ok('get configmaps goes kept --ignore-not-found -o name')).toBe('configmap/kept');
  });

  /** Writes what a kubelet would. */
  async function setRunning(name: string): Promise<void> {
    const pod = JSON.parse(await shop.ok(`get pod ${name} -o json`)) as { status: object };
    const status = { ...pod.status, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    await shop
      .given(JSON.stringify({ ...pod, status }))
      .ok(`replace --raw /api/v1/namespaces/${SHOP}/pods/${name}/status -f -`);
  }

  it('waits for a condition until it holds, or until its time is over', async () => {
    await shop.ok('run awaited --image=registry.test/x');
    const ready = 'wait pod/awaited --for=condition=Ready';
    expect(await shop.fails(`${ready} --timeout=1s`)).toBe(
      'error: timed out waiting for the condition on pods/awaited',
    );
    const waiting = shop.background(`${ready} --timeout=30s`);
    try {
      await setRunning('awaited');
      expect(await waiting.done()).toBe(0);
      expect(waiting.seen()).toBe('pod/awaited condition met\n');
    } finally {
      await waiting.end();
    }
    expect(await shop.fails('wait configmap/none --for=condition=x')).toBe(
      'Error from server (NotFound): configmaps "none" not found',
    );
  });

  it('applies, compares and deletes a kustomization', async () => {
    const base = join(server.folder, 'kustomized');
    mkdirSync(base);
    writeFileSync(
      join(base, 'kustomization.yaml'),
      'namePrefix: k-\nconfigMapGenerator:\n- name: gen\n  literals: [a=b]\n',
    );
    const name = await shop.ok(`apply -k ${base} -o name`);
    expect(name).toMatch(/^configmap\/k-gen-\w+$/);
    expect(await shop.ok(`kustomize ${base}`)).toContain('a: b');
    expect((await shop.run(`diff -k ${base}`)).code).toBe(0);
    expect(await shop.ok(`delete -k ${base} -o name`)).toBe(name);
  });

  it('creates a TLS secret', async () => {
    const pair = `--cert=${join(server.folder, 'server.crt')} --key=${join(server.folder, 'server.key')}`;
    expect(await shop.ok(`create secret tls made-pair ${pair}`)).toBe('secret/made-pair created');
    expect(await shop.ok('get secret made-pair -o', 'jsonpath={.type}')).toBe('kubernetes.io/tls');
  });

  it('waits for a deletion', async () => {
    await shop.ok('create configmap leaving');
    expect(await shop.fails('wait configmap/leaving --for=delete --timeout=1s')).toBe(
      'error: timed out waiting for the condition on configmaps/leaving',
    );
    const waiting = shop.background('wait configmap/leaving --for=delete --timeout=30s --v=6');
    try {
      await waitFor('its first look', saw => {
        saw(waiting.seen());
        return /GET \S+\/configmaps\/leaving 200 OK/.test(waiting.seen());
      });
      await shop.ok('delete configmap leaving');
      expect(await waiting.done()).toBe(0);
      expect(waiting.seen()).toContain('configmap/leaving condition met\n');
    } finally {
      await waiting.end();
    }
  });

  it('reconciles roles and bindings: adds what is missing, and takes away only when told to', async () => {
    const rbac = 'rbac.authorization.k8s.io';
    const wanted = (verbs: readonly string[], user: string) =>
      shop.given([
        {
          apiVersion: `${rbac}/v1`,
          kind: 'Role',
          metadata: { name: 'reconciled', namespace: SHOP },
          rules: [{ apiGroups: [''], resources: ['configmaps'], verbs }],
        },
        {
          apiVersion: `${rbac}/v1`,
          kind: 'RoleBinding',
          metadata: { name: 'reconciled', namespace: SHOP },
          roleRef: { apiGroup: rbac, kind: 'Role', name: 'reconciled' },
          subjects: [{ apiGroup: rbac, kind: 'User', name: user }],
        },
      ]);
    const verbs = async () =>
      (await shop.ok('get role reconciled -o', 'jsonpath={.rules[*].verbs[*]}')).split(' ').toSorted();
    const users = () => shop.ok('get rolebinding reconciled -o', 'jsonpath={.subjects[*].name}');
    expect((await wanted(['get', 'list'], 'a').ok('auth reconcile -f -')).split('\n')).toEqual([
      `role.${rbac}/reconciled reconciled`,
      `rolebinding.${rbac}/reconciled reconciled`,
    ]);
    await wanted(['watch'], 'b').ok('auth reconcile -f -');
    expect({ verbs: await verbs(), users: await users() }).toEqual({ verbs: ['get', 'list', 'watch'], users: 'a b' });
    await wanted(['watch'], 'b').ok('auth reconcile -f - --remove-extra-permissions --remove-extra-subjects');
    expect({ verbs: await verbs(), users: await users() }).toEqual({ verbs: ['watch'], users: 'b' });
  });

  it('approves and denies certificate requests, once', async () => {
    await kubectl.given([certificateRequest('first'), certificateRequest('second')]).ok('create -f -');
    const states = () => kubectl.ok('get csr first second --no-headers');
    expect(await states()).toMatch(/^first .* admin .* Pending\nsecond .* admin .* Pending$/);
    expect(await kubectl.ok('certificate approve first')).toBe(
      'certificatesigningrequest.certificates.k8s.io/first approved',
    );
    expect(await kubectl.ok('certificate deny second')).toBe(
      'certificatesigningrequest.certificates.k8s.io/second denied',
    );
    expect(await states()).toMatch(/^first .* Approved\nsecond .* Denied$/);
    expect(await kubectl.fails('certificate deny first')).toBe(
      'error: certificate signing request "first" is already Approved',
    );
    expect(await kubectl.fails('certificate approve none')).toBe(
      'Error from server (NotFound): certificatesigningrequests.certificates.k8s.io "none" not found',
    );
    expect(await kubectl.ok('describe csr first')).toMatch(
      /Status: +Approved\nSubject:\n +Common Name: +first\n +Serial Number: +\n +Organization: +dev/,
    );
  });

  it('shows the history of a rollout, goes back, and follows its status, from what a controller leaves', async () => {
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', controller: true };
    const uid = await shop.ok('get deployment web -o', 'jsonpath={.metadata.uid}');
    const revision = (number: string) => ({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `web-r${number}`,
        labels: { app: 'web' },
        annotations: { 'deployment.kubernetes.io/revision': number },
        ownerReferences: [{ ...deployment, uid }],
      },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'main', image: `registry.test/web:r${number}` }] },
        },
      },
    });
    expect(await shop.fails('rollout undo deployment web')).toBe(
      'error: no rollout history found for deployment "web"',
    );
    await shop.given([revision('1'), revision('2')]).ok('create -f -');
    expect(await shop.ok('rollout history deployment web')).toMatch(/REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>/);
    expect(await shop.ok('rollout undo deployment web --to-revision=1')).toBe('deployment.apps/web rolled back');
    expect(await shop.ok('get deployment web -o', 'jsonpath={.spec.template.spec.containers[0].image}')).toBe(
      'registry.test/web:r1',
    );
    const following = shop.background('rollout status deployment web --timeout=30s');
    try {
      await waitFor('the first word', () =>
        following.seen().startsWith('Waiting for deployment spec update to be observed'),
      );
      const now = JSON.parse(await shop.ok('get deployment web -o json')) as {
        metadata: { generation: number };
        spec: { replicas: number };
      };
      const { replicas } = now.spec;
      const status = {
        observedGeneration: now.metadata.generation,
        replicas,
        updatedReplicas: replicas,
        readyReplicas: replicas,
        availableReplicas: replicas,
      };
      await shop
        .given(JSON.stringify({ ...now, status }))
        .ok(`replace --raw /apis/apps/v1/namespaces/${SHOP}/deployments/web/status -f -`);
      expect(await following.done()).toBe(0);
      expect(following.seen()).toContain('deployment "web" successfully rolled out');
    } finally {
      await following.end();
    }
  });

  it('serves as a proxy for clients without credentials', async () => {
    const proxy = kubectl.background('proxy --port=0');
    try {
      const address = await waitFor('the address', () => /127\.0\.0\.1:\d+/.exec(proxy.seen())?.[0]);
      const answer = await fetch(`http://${address}/api/v1/namespaces/${SHOP}/configmaps/settings`);
      expect(await answer.json()).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'settings' } });
    } finally {
      await proxy.end();
    }
  });

  it('watches', async () => {
    const watched = shop.background('get configmaps --watch-only --output-watch-events');
    try {
      await waitFor('the events', async saw => {
        await shop.ok('create configmap late');
        await shop.ok('delete configmap late');
        saw(watched.seen());
        return /ADDED +late.*DELETED +late/s.test(watched.seen());
      });
    } finally {
      await watched.end();
    }
  });

  it.each([
    ['describe cronjob nightly', 'Error from server (NotFound): the server could not find the requested resource'],
    ['describe pdb web', 'Error from server (NotFound): the server could not find the requested resource'],
    ['describe endpointslice web-x', 'Error from server (NotFound): the server could not find the requested resource'],
    [
      'create cronjob made --image=x --schedule=@daily',
      'error: failed to create cronjob: the server could not find the requested resource',
    ],
    [
      'create job made-now --from=cronjob/nightly',
      'error: from must be an existing cronjob: no kind "CronJob" is registered for version "batch/v1" in scheme "k8s.io/kubectl/pkg/scheme/scheme.go:28"',
    ],
    [
      'create pdb made --selector=a=b --min-available=1',
      'error: no matches for kind "PodDisruptionBudget" in version "policy/v1beta1"',
    ],
    [
      'debug one --image=x --attach=false',
      'error: error updating ephemeral containers: EphemeralContainers in version "v1" cannot be handled as a Pod: no kind "EphemeralContainers" is registered for version "v1"',
    ],
    ['top node', 'error: metrics not available yet'],
  ])('cannot, for 1.36 has no more what it asks for: %s', async (command, message) => {
    expect((await shop.fails(command)).split('\n').at(-1)).toBe(message);
  });

  it('cannot prune all kinds, for it lists cron jobs of a version that went away', async () => {
    expect(await shop.given([configMap('pruned', {})]).fails('apply -f - --prune -l set=x')).toBe(
      'error: error retrieving RESTMappings to prune: invalid resource batch/v1beta1, Kind=CronJob, Namespaced=true: no matches for kind "CronJob" in version "batch/v1beta1"',
    );
  });

  it('applies on the server, and shows what that would change', async () => {
    const given = (data: object) => shop.given(JSON.stringify(configMap('server-side', data)));
    expect(await given({ a: '1' }).ok('apply --server-side -f -')).toBe('configmap/server-side serverside-applied');
    expect(await given({ a: '2' }).ok('apply --server-side -f -')).toBe('configmap/server-side serverside-applied');
    expect(await given({ a: '3' }).run('diff --server-side -f -')).toMatchObject({ code: 1 });
    const refused = await given({ a: '4' }).fails('apply --server-side --field-manager=other -f -');
    expect(refused).toContain('Apply failed with 1 conflict: conflict with "kubectl": .data.a');
  });

  it.each([
    ['exec one -- date', 'no preferred addresses found; known addresses: []'],
    ['attach one', 'no preferred addresses found; known addresses: []'],
    ['cp one:/etc/hostname /nowhere', 'no preferred addresses found; known addresses: []'],
    ['get crd', 'error: the server doesn\'t have a resource type "crd"'],
  ])('says what cannot be reached, or is not served: %s', async (command, message) => {
    expect((await shop.fails(command)).split('\n').at(-1)).toContain(message);
  });

  it('says that a pod without a node has no ports to forward', async () => {
    await shop.ok('run forwarded --image=registry.test/x');
    await setRunning('forwarded');
    expect(await shop.fails('port-forward forwarded :80')).toBe(
      'error: error upgrading connection: pod forwarded does not have a host assigned',
    );
  });

  it.each([
    ['create token default', 'unknown command "token default"'],
    ['auth whoami', 'unknown command "whoami"'],
    ['events', 'unknown command "events"'],
    ['get pod one --subresource=status', 'unknown flag: --subresource'],
    ['get pod one --show-managed-fields', 'unknown flag: --show-managed-fields'],
    ['apply --validate=warn -f x', 'invalid argument "warn" for "--validate" flag'],
    ['wait pod/one --for=create', 'unrecognized condition: "create"'],
    ['wait pod/one --for=jsonpath={.kind}=Pod', 'unrecognized condition: "jsonpath={.kind}=Pod"'],
    ['wait configmap/none --for=delete', 'no matching resources found'],
  ])('does not know what came later: %s', async (command, message) => {
    expect(await kubectl.fails(command, `--namespace=${SHOP}`)).toContain(message);
  });

  it('drains a node by evictions of the version that it knows', async () => {
    const out = await kubectl.ok('drain node-1 --force --grace-period=0 --timeout=20s');
    expect(out).toContain('pod/one evicted');
  });
});
