import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApiServer } from '../harness/api-server.ts';
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
    [
      'runs a pod on the server without storing it',
      'run dry --image=registry.test/x --dry-run=server',
      [],
      /^pod\/dry created \(server dry run\)$/,
    ],
    ['exposes', 'expose deployment web --port=80 --name=exposed', [], /^service\/exposed exposed$/],
    ['sets an image', 'set image deployment/web main=registry.test/web:2', [], /^deployment.apps\/web image updated$/],
    ['scales', 'scale deployment web --replicas=3', [], /^deployment.apps\/web scaled$/],
    [
      'sets an autoscaler',
      'autoscale statefulset db --max=3',
      [],
      /^horizontalpodautoscaler.autoscaling\/db autoscaled$/,
    ],
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
    ['top node', 'error: Metrics API not available'],
  ])('cannot, for 1.36 has no more what it asks for: %s', async (command, message) => {
    expect((await shop.fails(command)).split('\n').at(-1)).toBe(message);
  });

  it('drains a node by evictions of the version that it knows', async () => {
    const out = await kubectl.ok('drain node-1 --force --grace-period=0 --timeout=20s');
    expect(out).toContain('pod/one evicted');
  });
});
