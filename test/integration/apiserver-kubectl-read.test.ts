import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { TestApiServer } from '../harness/api-server.ts';
import { Kubectl, newestKubectl, suiteOf } from '../harness/kubectl.ts';
import { SAMPLE_FOUNDATIONS, SAMPLE_OBJECTS, SHOP } from '../harness/sample-objects.ts';
import { waitFor } from '../harness/wait-for.ts';

const suite = suiteOf(newestKubectl());

describe.skipIf(suite.skipped)(`kubectl reads from the API server ${suite.title}`, () => {
  let server: TestApiServer;
  let kubectl: Kubectl;
  let shop: Kubectl;

  beforeAll(async () => {
    server = await TestApiServer.start();
    kubectl = new Kubectl({
      program: suite.path,
      server,
      kubeconfig: server.kubeconfigFor('admin', ['system:masters']),
    });
    shop = kubectl.in(SHOP);
    await kubectl.given(SAMPLE_FOUNDATIONS).ok('create -f -');
    await kubectl.given(SAMPLE_OBJECTS).ok('create -f -');
    await kubectl.ok('create namespace many');
    const many = Array.from({ length: 25 }, (_, i) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `cm-${String(i).padStart(2, '0')}`, namespace: 'many', labels: { set: i < 10 ? 'a' : 'b' } },
      data: { order: String(100 - i) },
    }));
    await kubectl.given(many).ok('create -f -');
    const uid = await shop.ok('get pod one -o', 'jsonpath={.metadata.uid}');
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'one.1', namespace: SHOP },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: SHOP, name: 'one', uid },
      reason: 'Pulled',
      message: 'the image is there',
      type: 'Normal',
      source: { component: 'kubelet', host: 'node-1' },
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      count: 3,
    };
    await kubectl.given([event]).ok('create -f -');
  });

  afterAll(async () => {
    await server?.remove();
  });

  /** The kinds of discovery that are not among the samples: told by the server, made by it or by this file, or in a file of their own. */
  const ELSEWHERE = [
    'ComponentStatus',
    'Event',
    'Namespace',
    'ServiceAccount',
    'LimitRange',
    'CertificateSigningRequest',
    // not stored: kubelets tell them, and there are none here
    'NodeMetrics',
    'PodMetrics',
  ];
  const listed = async () => (await kubectl.ok('api-resources --verbs=list -o name')).split('\n').join(',');

  it('has a sample of every kind that discovery lists', async () => {
    const rows = (await kubectl.ok('api-resources --verbs=list --no-headers')).split('\n');
    const kinds = rows.map(row => row.trim().split(/ +/).at(-1));
    const samples = [...SAMPLE_OBJECTS.map(({ kind }) => kind), ...ELSEWHERE];
    expect([...new Set(kinds)].toSorted()).toEqual([...new Set(samples)].toSorted());
  });

  it.each([
    ['json', (text: string): unknown => JSON.parse(text)],
    ['yaml', (text: string): unknown => parse(text)],
  ])('gets every kind at once as %s', async (form, read) => {
    const { items } = read(await kubectl.ok(`get ${await listed()} -A -o ${form}`)) as { items: { kind: string }[] };
    const kinds = new Set(items.map(({ kind }) => kind));
    for (const { kind } of SAMPLE_OBJECTS) expect(kinds).toContain(kind);
  });

  it('gets every kind at once as names, and each of them again by its name', async () => {
    const out = await shop.ok(`get ${await listed()} -o name`);
    const samples = new Set(SAMPLE_OBJECTS.map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`));
    const names = out.split('\n').filter(name => samples.has(name.replace(/\.[^/]*/, '')));
    expect(names).toHaveLength(SAMPLE_OBJECTS.length);
    // kubectl holds itself back after ten requests
    const tens = names.flatMap((_, i) => (i % 10 === 0 ? [names.slice(i, i + 10)] : []));
    const again = await Promise.all(tens.map(ten => shop.ok(`get ${ten.join(' ')} -o name`)));
    expect(again.join('\n').split('\n')).toEqual(names);
  });

  it('prints every kind as a table, wide and not', async () => {
    const all = await listed();
    const [narrow, wide] = await Promise.all([
      kubectl.ok(`get ${all} -A --show-kind`),
      kubectl.ok(`get ${all} -A --show-kind -o wide`),
    ]);
    for (const { kind, metadata } of SAMPLE_OBJECTS) {
      const row = new RegExp(`^\\S* +${kind.toLowerCase()}(\\.\\S+)?/${metadata.name} +\\S`, 'm');
      expect(narrow).toMatch(row);
      expect(wide).toMatch(row);
    }
  });

  it.each([
    ['pods', /^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES\none +0\/1 +Pending +0 +/],
    [
      'deployments',
      /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\nweb +0\/2 +0 +0 +\S+ +main +registry.test\/web:1 +app=web$/,
    ],
    ['replicasets', /^NAME +DESIRED +CURRENT +READY +AGE +CONTAINERS +IMAGES +SELECTOR\nweb-1 +2 +0 +0 +/],
    [
      'daemonsets',
      /^NAME +DESIRED +CURRENT +READY +UP-TO-DATE +AVAILABLE +NODE SELECTOR +AGE +CONTAINERS +IMAGES +SELECTOR\n/,
    ],
    ['statefulsets', /^NAME +READY +AGE +CONTAINERS +IMAGES\ndb +0\/1 +\S+ +main +registry.test\/db:1$/],
    ['jobs', /^NAME +STATUS +COMPLETIONS +DURATION +AGE +CONTAINERS +IMAGES +SELECTOR\nonce +Running +0\/1 +/],
    [
      'cronjobs',
      /^NAME +SCHEDULE +TIMEZONE +SUSPEND +ACTIVE +LAST SCHEDULE +AGE +CONTAINERS +IMAGES +SELECTOR\nnightly +0 3 \* \* \* +<none> +False +0 +<none> /,
    ],
    [
      'hpa',
      /^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE\nweb +Deployment\/web +cpu: <unknown>\/80% +1 +5 +0 /,
    ],
    [
      'services',
      /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE +SELECTOR\nweb +ClusterIP +10(\.\d+){3} +<none> +80\/TCP +\S+ +app=web$/,
    ],
    ['ingresses', /^NAME +CLASS +HOSTS +ADDRESS +PORTS +AGE\nweb +<none> +web.test +80 +\S+$/],
    ['networkpolicies', /^NAME +POD-SELECTOR +AGE\ndeny +<none> +/],
    ['pdb', /^NAME +MIN AVAILABLE +MAX UNAVAILABLE +ALLOWED DISRUPTIONS +AGE\nweb +1 +N\/A +0 +/],
    [
      'nodes',
      /^NAME +STATUS +ROLES +AGE +VERSION +INTERNAL-IP +EXTERNAL-IP +OS-IMAGE +KERNEL-VERSION +CONTAINER-RUNTIME\nnode-1 +Unknown +<none> +/,
    ],
    [
      'pv',
      /^NAME +CAPACITY +ACCESS MODES +RECLAIM POLICY +STATUS +CLAIM +STORAGECLASS +VOLUMEATTRIBUTESCLASS +REASON +AGE +VOLUMEMODE\ndisk +1Gi +RWO +Retain +/,
    ],
    [
      'pvc',
      /^NAME +STATUS +VOLUME +CAPACITY +ACCESS MODES +STORAGECLASS +VOLUMEATTRIBUTESCLASS +AGE +VOLUMEMODE\ndata +Pending +slow +<unset> +/,
    ],
    [
      'storageclasses',
      /^NAME +PROVISIONER +RECLAIMPOLICY +VOLUMEBINDINGMODE +ALLOWVOLUMEEXPANSION +AGE\nslow +disk.example +Delete +Immediate +false /,
    ],
    ['endpoints', /^NAME +ENDPOINTS +AGE\nmanual +10.1.2.3:80 /],
    ['endpointslices', /^NAME +ADDRESSTYPE +PORTS +ENDPOINTS +AGE\nweb-x +IPv4 +80 +10.1.2.3 /],
    ['secrets', /^NAME +TYPE +DATA +AGE\nkeys +Opaque +1 /],
    [
      'events',
      /^LAST SEEN +TYPE +REASON +OBJECT +SUBOBJECT +SOURCE +MESSAGE +FIRST SEEN +COUNT +NAME\n\S+ +Normal +Pulled +pod\/one +kubelet, node-1 +the image is there +\S+ +3 +one.1$/,
    ],
    ['resourcequotas', /^NAME +REQUEST +LIMIT +AGE\nquota +\S+$/],
    ['rolebindings', /^NAME +ROLE +AGE +USERS +GROUPS +SERVICEACCOUNTS\nreader +Role\/reader +\S+ +jane *$/],
    ['leases', /^NAME +HOLDER +AGE\nleader +me /],
    [
      'priorityclass/important',
      /^NAME +VALUE +GLOBAL-DEFAULT +AGE +PREEMPTIONPOLICY\nimportant +1000 +false +\S+ +PreemptLowerPriority$/,
    ],
    ['controllerrevisions', /^NAME +CONTROLLER +REVISION +AGE\nrevision +<none> +1 /],
    ['podtemplates', /^NAME +CONTAINERS +IMAGES +POD LABELS\ntemplate +main +registry.test\/x:1 +app=x$/],
  ])('prints %s in the columns that people know', async (what, expected) => {
    expect(await shop.ok(`get ${what} -o wide`)).toMatch(expected);
  });

  it.each([
    ['a JSON path', 'get configmap settings -o', ['jsonpath={.data.colour}'], 'blue'],
    [
      'a JSON path over a list',
      'get cm -l set=a -n many -o',
      ['jsonpath={range .items[0:2]}{.metadata.name} {end}'],
      'cm-00 cm-01 ',
    ],
    ['a Go template', 'get cm settings -o', ['go-template={{.kind}} {{index .data "colour"}}'], 'ConfigMap blue'],
    [
      'columns of one’s own',
      'get cm settings --no-headers -o',
      ['custom-columns=N:.metadata.name,C:.data.colour'],
      'settings   blue',
    ],
    [
      'a label selector of sets',
      'get cm -n many -o name -l',
      ['set in (a),set!=b,!other', '--no-headers'],
      /^(configmap\/cm-0\d\n?){10}$/,
    ],
    [
      'a field selector',
      'get pods -o name --field-selector',
      ['spec.nodeName=node-1,status.phase!=Running'],
      'pod/one',
    ],
    ['labels as columns', 'get pods --no-headers -L app,tier', [], /^one .* web +front$/],
    ['all labels', 'get pods --no-headers --show-labels', [], /app=web,tier=front$/],
    [
      'an order by a field',
      'get cm -n many -o name --sort-by=.data.order',
      [],
      /^configmap\/cm-24\nconfigmap\/cm-23\n/,
    ],
    ['what is not there, ignored', 'get pod none --ignore-not-found', [], ''],
    [
      'what belongs to the category "all"',
      'get all -o name',
      [],
      /^pod\/one\nreplicationcontroller\/old\nservice\/web\ndaemonset.apps\/agent\n/,
    ],
    ['a subresource', 'get deployment web --subresource=scale -o', ['jsonpath={.kind} {.spec.replicas}'], 'Scale 2'],
    ['pages of ten', 'get cm -n many -o name --chunk-size=10', [], /^(configmap\/cm-\d\d\n?){25}$/],
    [
      'one page',
      'get --raw',
      ['/api/v1/namespaces/many/configmaps?limit=10'],
      /"continue":"[^"]+".*"remainingItemCount":15/,
    ],
    ['short names and groups', 'get deploy.v1.apps,po,svc -o name', [], 'deployment.apps/web\npod/one\nservice/web'],
    [
      'managed fields where they are asked for',
      'get cm settings -o yaml --show-managed-fields',
      [],
      /\n {2}name: settings\n/,
    ],
    ['the index of all paths', 'get --raw /', [], /"\/apis\/apps\/v1",\n.*"\/readyz\/etcd",\n.*"\/version"\n/s],
    ['without the server’s tables', 'get pod one --server-print=false --no-headers', [], /^one +\S+$/],
    [
      'an older version of a kind',
      'get horizontalpodautoscalers.v1.autoscaling web -o',
      ['jsonpath={.apiVersion} {.spec.targetCPUUtilizationPercentage}'],
      'autoscaling/v1 80',
    ],
    [
      'events of the newer group',
      'get events.v1.events.k8s.io one.1 -o',
      ['jsonpath={.regarding.name} {.note}'],
      'one the image is there',
    ],
    ['a version document', 'get --raw', ['/version'], /"gitVersion": "v1\.36\.\d+\+gantry\.\d+"/],
    ['a health check by name', 'get --raw', ['/readyz?verbose'], /\[\+\]etcd ok\n.*readyz check passed$/s],
    ['the health of components', 'get componentstatuses --no-headers', [], /^etcd-0 +Healthy +ok/m],
    ['events of an object', 'events --for pod/one --no-headers', [], /Normal +Pulled +Pod\/one +the image is there$/],
  ])('reads %s', async (_, command, more, expected) => {
    const out = await shop.ok(command, ...more);
    expect(out).toMatch(expected instanceof RegExp ? expected : new RegExp(`^${escaped(expected)}$`));
  });

  it.each([
    ['a name that is not there', 'get pod none', 'Error from server (NotFound): pods "none" not found'],
    ['a kind that is not there', 'get frogs', 'error: the server doesn\'t have a resource type "frogs"'],
    [
      'a field that cannot be selected by',
      'get pods --field-selector=spec.none=1',
      'Error from server (BadRequest): Unable to find "/v1, Resource=pods" that match label selector "", field selector "spec.none=1": field label not supported: spec.none',
    ],
    [
      'a label selector that cannot be read',
      'get pods -l a=b=c',
      'Error from server (BadRequest): Unable to find "/v1, Resource=pods" that match label selector "a=b=c", field selector "": found \'=\', expected: \',\' or \'end of string\'',
    ],
    [
      'a path that is not there',
      'get --raw /nothing',
      'Error from server (NotFound): the server could not find the requested resource',
    ],
    [
      'a page that cannot be continued',
      'get --raw /api/v1/pods?limit=1&continue=garbage',
      "Error from server (BadRequest): invalid continue token: continue key is not valid: invalid character '\\u0081' looking for beginning of value",
    ],
  ])('refuses %s in upstream’s words', async (_, command, expected) => {
    expect(await shop.fails(command)).toBe(expected);
  });

  it.each([
    [
      'pod/one',
      [
        'Node: +node-1/',
        'Labels: +app=web',
        "COLOUR: +<set to the key 'colour' of config map 'settings'>",
        'Liveness: +http-get http://:80/',
        'cpu: +200m',
        'Normal +Pulled +.*kubelet +the image is there',
      ],
    ],
    [
      'node/node-1',
      [
        'Taints: +node.kubernetes.io/not-ready:NoSchedule',
        'Non-terminated Pods: +\\(1 in total\\)',
        ' +shop +one +100m',
      ],
    ],
    ['service/web', ['Selector: +app=web', 'IP Families: +IPv4', 'TargetPort: +http/TCP', 'Endpoints: +10.1.2.3:80']],
    [
      'deployment/web',
      [
        'Replicas: +2 desired \\| 0 updated',
        'RollingUpdateStrategy: +25% max unavailable, 25% max surge',
        'Image: +registry.test/web:1',
      ],
    ],
    ['statefulset/db', ['Replicas: +1 desired \\| 0 total', 'Volume Claims: +<none>']],
    ['daemonset/agent', ['Desired Number of Nodes Scheduled: 0']],
    ['replicaset/web-1', ['Replicas: +0 current / 2 desired', 'Pods Status: +0 Running / 0 Waiting']],
    ['rc/old', ['Replicas: +0 current / 1 desired']],
    ['job/once', ['Parallelism: +1', 'Completion Mode: +NonIndexed', 'batch.kubernetes.io/job-name=once']],
    ['cronjob/nightly', ['Schedule: +0 3 \\* \\* \\*', 'Concurrency Policy: +Allow', 'Failed Job History Limit: +1']],
    ['hpa/web', ['Reference: +Deployment/web', '<unknown> / 80%']],
    ['ingress/web', ['web.test', '/ +web:80 \\(10.1.2.3:80\\)']],
    ['ingressclass/front', ['Controller: +test.example/front']],
    ['networkpolicy/deny', ['Selected pods are isolated for ingress connectivity', 'Policy Types: Ingress']],
    ['pdb/web', ['Min available: +1', 'Allowed disruptions: +0']],
    ['pv/disk', ['Capacity: +1Gi', 'HostPath \\(bare host directory volume\\)']],
    ['pvc/data', ['StorageClass: +slow', 'Status: +Pending', 'Used By: +<none>']],
    ['storageclass/slow', ['Provisioner: +disk.example', 'VolumeBindingMode: +Immediate']],
    ['csidriver/disk.example', ['Attach Required: +true', 'Fs Group Policy: +ReadWriteOnceWithFSType']],
    ['csinode/node-1', ['disk.example', 'Node ID: +n1']],
    ['priorityclass/important', ['Value: +1000', 'Description: +before the others']],
    ['runtimeclass/sandboxed', ['Handler: +sandboxed']],
    ['lease/leader', ['Holder Identity: +me', 'Lease Duration Seconds: +15']],
    ['endpointslice/web-x', ['AddressType: +IPv4', 'Addresses: +10.1.2.3', 'Ready: +true']],
    ['endpoints/manual', ['Addresses: +10.1.2.3', '80 +TCP']],
    ['role/reader', ['pods +\\[\\] +\\[\\] +\\[get list\\]']],
    ['rolebinding/reader', ['Name: +reader', 'User +jane']],
    ['clusterrole/node-reader', ['nodes +\\[\\] +\\[\\] +\\[get list\\]']],
    ['clusterrolebinding/node-reader', ['Group +dev']],
    ['podtemplate/template', ['Image: +registry.test/x:1']],
    ['controllerrevision/revision', ['Any: +thing']],
    ['quota/quota', ['Resource +Used +Hard']],
    ['limits/limits', ['Container +cpu +- +- +100m +200m']],
    ['serviceaccount/default', ['Image pull secrets: +<none>']],
    ['secret/keys', ['password: +6 bytes']],
    ['configmap/settings', ['colour:\n----\nblue']],
    ['namespace/shop', ['team=a', 'Status: +Active', 'Name: +quota', 'Container +cpu +- +- +100m +200m']],
    ['servicecidr/more', ['10.97.0.0/24']],
    ['ipaddress/10.97.0.9', ['services']],
    ['resourceclaim/gpu', ['Device Class Name: +gpu.example']],
    ['resourceslice/slice', ['Driver: +gpu.example']],
  ])('describes %s', async (what, expected) => {
    const out = await shop.ok(`describe ${what}`);
    for (const pattern of expected) expect(out).toMatch(new RegExp(pattern));
  });

  it.each([
    ['a field', 'explain pod.spec.nodeName', /FIELD: nodeName <string>/],
    [
      'a kind with all that is below it',
      'explain configmap --recursive',
      /immutable\t<boolean>\n.*metadata\t<ObjectMeta>\n +annotations\t<map\[string\]string>/s,
    ],
    [
      'a kind in a version that is asked for',
      'explain deployments --api-version=apps/v1',
      /GROUP: +apps\nKIND: +Deployment\nVERSION: +v1/,
    ],
    [
      'an enumeration',
      'explain ingress.spec.rules.http.paths.pathType',
      /FIELD: pathType <string>\nENUM:\n +Exact\n +ImplementationSpecific\n +Prefix\n/,
    ],
    ['a list of objects', 'explain deployment.spec.template.spec.containers.ports', /FIELD: ports <\[\]ContainerPort>/],
    ['a group', 'explain roles.rbac.authorization.k8s.io', /KIND: +Role\n/],
    ['the OpenAPI v2 form', 'explain hpa.spec --output=plaintext-openapiv2', /RESOURCE: spec|maxReplicas/],
  ])('explains %s', async (_, command, expected) => {
    expect(await kubectl.ok(command)).toMatch(expected);
  });

  it('says that a field is not there to explain', async () => {
    expect(await kubectl.fails('explain pod.spec.nonsense')).toBe('error: field "nonsense" does not exist');
  });

  it.each([
    ['by group', 'api-resources --api-group=batch -o name', /^cronjobs.batch\njobs.batch$/],
    ['by scope', 'api-resources --namespaced=false -o name', /(^|\n)nodes\n/],
    ['by verbs', 'api-resources --verbs=create,get,deletecollection -o name', /(^|\n)pods\n/],
    [
      'by category',
      'api-resources --categories=all -o name --sort-by=name',
      /^cronjobs.batch\ndaemonsets.apps\ndeployments.apps\n/,
    ],
    [
      'wide',
      'api-resources -o wide --no-headers',
      /^pods +po +v1 +true +Pod +create,delete,deletecollection,get,list,patch,update,watch +all$/m,
    ],
  ])('lists resources %s', async (_, command, expected) => {
    expect(await kubectl.ok(command)).toMatch(expected);
  });

  it('lists the versions that it serves, and none that went away', async () => {
    const versions = (await kubectl.ok('api-versions')).split('\n');
    expect(versions).toEqual(expect.arrayContaining(['v1', 'apps/v1', 'batch/v1', 'rbac.authorization.k8s.io/v1']));
    expect(versions.filter(version => /alpha|beta/.test(version))).toEqual(['metrics.k8s.io/v1beta1']);
  });

  it.each([
    ['--watch', /cm-00.*late.*late/s],
    ['--watch-only --output-watch-events', /^EVENT.*ADDED +late.*MODIFIED +late.*DELETED +late/s],
    ['--watch-only -o json', /"kind": "ConfigMap".*"name": "late"/s],
    ['--watch-only -l=set=late -o name', /configmap\/late/],
  ])('watches with %s', async (flags, expected) => {
    const watched = kubectl.in('many').background(`get configmaps ${flags}`);
    const others = kubectl.in('many');
    try {
      await waitFor('the events that were made', async saw => {
        await others.ok('create configmap late');
        await others.ok('label configmap late set=late');
        await others.ok('delete configmap late');
        saw(watched.seen());
        return expected.test(watched.seen());
      });
    } finally {
      await watched.end();
    }
  });

  it('watches events, of an object or of a type', async () => {
    const others = kubectl.in('many');
    const watched = [
      others.background('events --watch --for=Pod/eventful'),
      others.background('events -w --types=Warning'),
    ];
    try {
      await waitFor('the events', async saw => {
        await others
          .given([event('Normal', 'eventful'), event('Warning', 'eventful'), event('Warning', 'another')])
          .ok('create -f -');
        const [ofOne = [], ofType = []] = watched.map(each =>
          each
            .seen()
            .split('\n')
            .filter(line => line.includes('Tested')),
        );
        saw([ofOne, ofType]);
        expect(ofOne.filter(line => !line.includes('Pod/eventful'))).toEqual([]);
        expect(ofType.filter(line => !line.includes('Warning'))).toEqual([]);
        return ofOne.some(line => line.includes('Normal')) && ofType.some(line => line.includes('Pod/another'));
      });
    } finally {
      await Promise.all(watched.map(each => each.end()));
    }
  });

  it.each([
    ['a condition', 'pod/one', '--for=condition=Ready', { conditions: [{ type: 'Ready', status: 'True' }] }],
    ['a field', 'pod/one', '--for=jsonpath={.status.phase}=Running', { phase: 'Running' }],
  ])('waits for %s', async (_, what, condition, status) => {
    const waiting = shop.ok(`wait ${what} ${condition} --timeout=30s`);
    await shop.ok(`patch ${what} --subresource=status --type=merge -p`, JSON.stringify({ status }));
    expect(await waiting).toBe('pod/one condition met');
  });

  it('waits until an object is there, and until it is gone', async () => {
    const others = kubectl.in('many');
    const made = others.ok('wait configmap/awaited --for=create --timeout=30s');
    await others.ok('create configmap awaited');
    expect(await made).toBe('configmap/awaited condition met');
    const gone = others.ok('wait configmap/awaited --for=delete --timeout=30s');
    await others.ok('delete configmap awaited');
    await gone;
  });

  it('says after the time given that a wait was in vain', async () => {
    expect(await shop.fails('wait pod/one --for=condition=Never --timeout=100ms')).toBe(
      'error: timed out waiting for the condition on pods/one',
    );
  });

  it('serves as a proxy for clients without credentials', async () => {
    const proxy = kubectl.background('proxy --port=0');
    try {
      const address = await waitFor('the address', () => /127\.0\.0\.1:\d+/.exec(proxy.seen())?.[0]);
      const answer = await fetch(`http://${address}/api/v1/namespaces/${SHOP}/configmaps/settings`);
      expect(await answer.json()).toMatchObject({ kind: 'ConfigMap', data: { colour: 'blue' } });
    } finally {
      await proxy.end();
    }
  });

  it('dumps the cluster', async () => {
    const out = await kubectl.ok(`cluster-info dump --namespaces=${SHOP} -o json`);
    expect(out).toContain('"kind": "NodeList"');
    expect(out).toContain('"kind": "DeploymentList"');
    expect(stripVTControlCharacters(await kubectl.ok('cluster-info'))).toContain(
      `Kubernetes control plane is running at ${server.url}`,
    );
  });

  it('tells client and server version', async () => {
    const { serverVersion } = JSON.parse(await kubectl.ok('version -o json')) as { serverVersion: object };
    expect(serverVersion).toMatchObject({ major: '1', minor: '36' });
  });
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}

function event(type: string, pod: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: 'tested-' },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'many', name: pod },
    ...{ type, reason: 'Tested', message: 'as told', count: 1 },
    ...{ firstTimestamp: '2030-01-01T00:00:00Z', lastTimestamp: '2030-01-01T00:00:00Z' },
  };
}
