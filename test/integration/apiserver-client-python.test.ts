import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApiServer } from '../harness/api-server.ts';
import { suiteOf } from '../harness/kubectl.ts';
import { python, pythonClient } from '../harness/python-client.ts';

const suite = suiteOf(pythonClient());

describe.skipIf(suite.skipped)(`python3-kubernetes against the API server ${suite.title}`, () => {
  let server: TestApiServer;
  let admin: string;
  let tests = 0;

  beforeAll(async () => {
    server = await TestApiServer.start();
    admin = server.kubeconfigFor('admin', ['system:masters']);
  });

  afterAll(async () => {
    await server?.remove();
  });

  /** The story as the administrator, in a namespace of its own. */
  const run = (story: string): Promise<unknown> => {
    tests += 1;
    const own = `
core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NS)))
core.create_namespaced_service_account(NS, client.V1ServiceAccount(metadata=client.V1ObjectMeta(name='default')))
`;
    return python(`${own}${story}`, admin, `p${tests}`);
  };

  it('creates, reads, replaces, lists and deletes', async () => {
    const told = await run(`
made = core.create_namespaced_config_map(NS, config_map('one', {'a': '1'}))
made.data = {'b': '2'}
replaced = core.replace_namespaced_config_map('one', NS, made)
read = core.read_namespaced_config_map('one', NS)
names = [each.metadata.name for each in core.list_namespaced_config_map(NS).items]
deleted = core.delete_namespaced_config_map('one', NS)
left = core.list_namespaced_config_map(NS).items
tell([made.metadata.namespace, read.data, replaced.metadata.resource_version == read.metadata.resource_version,
      type(read.metadata.creation_timestamp).__name__, names, deleted.status, left])
`);
    expect(told).toEqual([expect.stringMatching(/^p\d+$/), { b: '2' }, true, 'datetime', ['one'], 'Success', []]);
  });

  it('writes workloads, and what belongs to them', async () => {
    const told = await run(`
labels = {'app': 'web'}
pod = client.V1PodSpec(containers=[client.V1Container(name='main', image='registry.test/web:1')])
template = client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels=labels), spec=pod)
apps = client.AppsV1Api()
deployment = apps.create_namespaced_deployment(NS, client.V1Deployment(
    metadata=client.V1ObjectMeta(name='web'),
    spec=client.V1DeploymentSpec(selector=client.V1LabelSelector(match_labels=labels), template=template)))
apps.patch_namespaced_deployment_scale('web', NS, {'spec': {'replicas': 3}})
apps.patch_namespaced_deployment_status('web', NS, {'status': {'replicas': 2}})
now = apps.read_namespaced_deployment('web', NS)
service = core.create_namespaced_service(NS, client.V1Service(
    metadata=client.V1ObjectMeta(name='web'),
    spec=client.V1ServiceSpec(selector=labels, ports=[client.V1ServicePort(port=80)])))
hpa = client.AutoscalingV1Api().create_namespaced_horizontal_pod_autoscaler(NS, client.V1HorizontalPodAutoscaler(
    metadata=client.V1ObjectMeta(name='web'),
    spec=client.V1HorizontalPodAutoscalerSpec(max_replicas=3, target_cpu_utilization_percentage=70,
        scale_target_ref=client.V1CrossVersionObjectReference(api_version='apps/v1', kind='Deployment', name='web'))))
pod.node_name = 'n'
core.create_namespaced_pod(NS, client.V1Pod(metadata=client.V1ObjectMeta(name='one', labels=labels), spec=pod))
client.PolicyV1Api().create_namespaced_pod_disruption_budget(NS, client.V1PodDisruptionBudget(
    metadata=client.V1ObjectMeta(name='web'),
    spec=client.V1PodDisruptionBudgetSpec(min_available='50%', selector=client.V1LabelSelector(match_labels=labels))))
core.delete_namespaced_pod('one', NS, grace_period_seconds=0)
tell([deployment.spec.replicas, now.spec.replicas, now.status.replicas, service.spec.ip_families,
      hpa.spec.target_cpu_utilization_percentage, core.list_namespaced_pod(NS).items])
`);
    expect(told).toEqual([1, 3, 2, ['IPv4'], 70, []]);
  });

  it('reads lists in pages and by selectors', async () => {
    const told = await run(`
for i in range(5):
    core.create_namespaced_config_map(NS, config_map('cm-%d' % i, labels={'even': str(i % 2 == 0)}))
pages, token = [], None
while token != '':
    page = core.list_namespaced_config_map(NS, limit=2, _continue=token)
    pages.append([[each.metadata.name for each in page.items], page.metadata.remaining_item_count])
    token = page.metadata._continue or ''
even = core.list_namespaced_config_map(NS, label_selector='even=True', field_selector='metadata.name!=cm-0')
tell([pages, [each.metadata.name for each in even.items]])
`);
    expect(told).toEqual([
      [
        [['cm-0', 'cm-1'], 3],
        [['cm-2', 'cm-3'], 1],
        [['cm-4'], null],
      ],
      ['cm-2', 'cm-4'],
    ]);
  });

  it('watches from a resource version, ends by the time that it asked for, and goes on from there', async () => {
    const told = await run(`
start = core.list_namespaced_config_map(NS).metadata.resource_version
core.create_namespaced_config_map(NS, config_map('one'))
core.patch_namespaced_config_map('one', NS, {'data': {'a': '1'}})
watcher = watch.Watch()
first = [[event['type'], event['object'].metadata.name, event['object'].data]
         for event in watcher.stream(core.list_namespaced_config_map, NS, resource_version=start, timeout_seconds=1)]
core.delete_namespaced_config_map('one', NS)
second = [[event['type'], event['object'].metadata.name]
          for event in watch.Watch().stream(core.list_namespaced_config_map, NS, resource_version=watcher.resource_version, timeout_seconds=1)]
tell([first, second])
`);
    expect(told).toEqual([
      [
        ['ADDED', 'one', null],
        ['MODIFIED', 'one', { a: '1' }],
      ],
      [['DELETED', 'one']],
    ]);
  });

  it('is told 410 where it watches from a past that is gone', async () => {
    const probe = await run(`
old = core.list_namespaced_config_map(NS).metadata.resource_version
core.create_namespaced_config_map(NS, config_map('one'))
core.delete_namespaced_config_map('one', NS)
tell([NS, old, core.list_namespace().metadata.resource_version])
`);
    const [namespace, old, now] = probe as [string, string, string];
    await server.kill();
    const etcd = server.etcd.client();
    await etcd.compact(Number(now)).finally(() => etcd.close());
    await server.start();
    const story = `
try:
    for event in watch.Watch().stream(core.list_namespaced_config_map, NS, resource_version='${old}', timeout_seconds=5):
        raise Exception(event)
except ApiException as e:
    tell([e.status, e.reason])
`;
    expect(await python(story, admin, namespace)).toEqual([
      410,
      expect.stringMatching(/^Expired: too old resource version: \d+ \(\d+\)$/),
    ]);
  });

  it('patches by strategic merge and by JSON operations', async () => {
    const told = await run(`
core.create_namespaced_config_map(NS, config_map('one', {'a': '1', 'b': '2'}))
core.patch_namespaced_config_map('one', NS, {'data': {'a': None, 'c': '3'}})
core.patch_namespaced_config_map('one', NS, [{'op': 'test', 'path': '/data/c', 'value': '3'}, {'op': 'remove', 'path': '/data/b'}])
failed = refusal(core.patch_namespaced_config_map, 'one', NS, [{'op': 'test', 'path': '/data/c', 'value': '9'}])
tell([core.read_namespaced_config_map('one', NS).data, failed['status'], failed['reason']])
`);
    expect(told).toEqual([{ c: '3' }, 422, 'Invalid']);
  });

  it('works without types by discovery: the dynamic client', async () => {
    const told = await run(`
dyn = dynamic.DynamicClient(client.ApiClient())
maps = dyn.resources.get(api_version='v1', kind='ConfigMap')
maps.create(body={'metadata': {'name': 'one'}, 'data': {'a': '1'}}, namespace=NS)
merged = maps.patch(name='one', namespace=NS, body={'data': {'b': '2'}}, content_type='application/merge-patch+json')
items = maps.get(namespace=NS, label_selector='!none').items
deployments = dyn.resources.get(api_version='apps/v1', kind='Deployment')
deployments.create(namespace=NS, body={'metadata': {'name': 'web'}, 'spec': {
    'selector': {'matchLabels': {'a': 'b'}},
    'template': {'metadata': {'labels': {'a': 'b'}}, 'spec': {'containers': [{'name': 'c', 'image': 'registry.test/x'}]}}}})
scaled = deployments.scale.patch(name='web', namespace=NS, body={'spec': {'replicas': 2}}, content_type='application/merge-patch+json')
seen = [event['type'] for event in maps.watch(namespace=NS, resource_version='0', timeout=1)]
deleted = maps.delete(name='one', namespace=NS)
try:
    maps.get(name='one', namespace=NS)
except dynamic.exceptions.NotFoundError as e:
    gone = e.summary()
try:
    dyn.resources.get(api_version='example.com/v1', kind='Frog')
except dynamic.exceptions.ResourceNotFoundError as e:
    unknown = 'no matches' in str(e).lower()
tell([dict(merged.data), [each.metadata.name for each in items], scaled.spec.replicas, seen, deleted.status, gone, unknown])
`);
    expect(told).toEqual([{ a: '1', b: '2' }, ['one'], 2, ['ADDED'], 'Success', 'configmaps "one" not found', true]);
  });

  it('creates what a YAML file holds', async () => {
    const told = await run(`
import tempfile
with tempfile.NamedTemporaryFile('w', suffix='.yaml') as file:
    file.write("""
apiVersion: v1
kind: ConfigMap
metadata: {name: from-file}
data: {a: "1"}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}, policyTypes: [Ingress]}
""")
    file.flush()
    utils.create_from_yaml(client.ApiClient(), file.name, namespace=NS)
tell([core.read_namespaced_config_map('from-file', NS).data,
      client.NetworkingV1Api().read_namespaced_network_policy('deny', NS).spec.policy_types])
`);
    expect(told).toEqual([{ a: '1' }, ['Ingress']]);
  });

  it('raises what upstream refuses, in its words', async () => {
    const told = await run(`
core.create_namespaced_config_map(NS, config_map('one'))
old = core.read_namespaced_config_map('one', NS)
core.patch_namespaced_config_map('one', NS, {'data': {'a': '1'}})
tell([
    refusal(core.read_namespaced_config_map, 'none', NS),
    refusal(core.create_namespaced_config_map, NS, config_map('one')),
    refusal(core.replace_namespaced_config_map, 'one', NS, old),
    refusal(core.create_namespaced_config_map, NS, config_map('Upper')),
    refusal(core.list_namespaced_pod, NS, field_selector='spec.nonsense=1'),
    refusal(core.read_namespaced_pod_log, 'none', NS),
])
`);
    expect(told).toEqual([
      { status: 404, reason: 'NotFound', message: 'configmaps "none" not found' },
      { status: 409, reason: 'AlreadyExists', message: 'configmaps "one" already exists' },
      {
        status: 409,
        reason: 'Conflict',
        message:
          'Operation cannot be fulfilled on configmaps "one": the object has been modified; please apply your changes to the latest version and try again',
      },
      {
        status: 422,
        reason: 'Invalid',
        message: expect.stringMatching(/^ConfigMap "Upper" is invalid: metadata.name: Invalid value: "Upper"/),
      },
      { status: 400, reason: 'BadRequest', message: 'field label not supported: spec.nonsense' },
      { status: 404, reason: 'NotFound', message: 'pods "none" not found' },
    ]);
  });

  it('approves a certificate request, and asks for rights and tokens', async () => {
    const { stdout } = spawnSync('openssl', [
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-subj',
      '/CN=py',
    ]);
    const told = await run(`
certificates = client.CertificatesV1Api()
certificates.create_certificate_signing_request(client.V1CertificateSigningRequest(
    metadata=client.V1ObjectMeta(name='py'),
    spec=client.V1CertificateSigningRequestSpec(request='${stdout.toString('base64')}', usages=['client auth'],
        signer_name='kubernetes.io/kube-apiserver-client')))
request = certificates.read_certificate_signing_request('py')
request.status.conditions = [client.V1CertificateSigningRequestCondition(type='Approved', status='True', reason='Test')]
approved = certificates.replace_certificate_signing_request_approval('py', request)
review = client.AuthorizationV1Api().create_self_subject_access_review(client.V1SelfSubjectAccessReview(
    spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=client.V1ResourceAttributes(verb='get', resource='pods'))))
token = core.create_namespaced_service_account_token('default', NS, client.AuthenticationV1TokenRequest(
    spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600)))
named = client.AuthenticationV1Api().create_token_review(client.V1TokenReview(
    spec=client.V1TokenReviewSpec(token=token.status.token)))
tell([approved.status.conditions[0].type, approved.spec.username, review.status.allowed,
      named.status.user.username == 'system:serviceaccount:%s:default' % NS])
`);
    expect(told).toEqual(['Approved', 'admin', true, true]);
  });

  it('comes with a certificate without rights, or with a token that is none', async () => {
    const story = `tell(refusal(core.list_namespaced_pod, NS))`;
    expect(await python(story, server.kubeconfigFor('jane', ['dev']), 'default')).toEqual({
      status: 403,
      reason: 'Forbidden',
      message: 'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    });
    expect(await python(story, server.kubeconfigWithToken('nonsense'), 'default')).toMatchObject({
      status: 401,
      reason: 'Unauthorized',
    });
  });
});
