import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../harness/cluster.ts';
import { PROJECT } from '../harness/gantry-command.ts';
import { BUSYBOX, imageArchive, WEB_V1, WEB_V2 } from '../harness/images.ts';
import { type Program, suiteOf } from '../harness/kubectl.ts';
import { RUN_DIR } from '../harness/run-id.ts';
import { Terminal } from '../harness/terminal.ts';
import { waitFor } from '../harness/wait-for.ts';

/** `scripts/test soak` builds them: it takes minutes, and a cache that a clean clone has not. */
function goClient(name: string): Program {
  const path = join(PROJECT, '.cache/go-clients', name);
  if (existsSync(path)) return { path };
  return { missing: `there is no ${path}; scripts/test soak builds it where there is Go and a module proxy` };
}

const HELM = suiteOf(goClient('helm'));
const K9S = suiteOf(goClient('k9s'));

describe.skipIf(HELM.skipped && K9S.skipped)('clients written in Go', { timeout: 300_000 }, () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();

  beforeAll(async () => {
    await cluster.create();
    for (const image of [BUSYBOX, WEB_V1, WEB_V2] as const)
      expect(await cluster.run(['load image', await imageArchive(image)])).toMatchObject({ code: 0, err: '' });
  });
  afterAll(() => cluster.delete());

  describe.skipIf(HELM.skipped)(`helm ${HELM.title}`, () => {
    const helm = kubectl.with(HELM.path);
    const chart = `${RUN_DIR}/${cluster.name}-chart`;
    const answer = async (): Promise<string> => {
      const [pod = ''] = (await kubectl.ok('get pods -l app=shop -o name --field-selector=status.phase=Running')).split(
        '\n',
      );
      return kubectl.ok(`logs ${pod}`);
    };
    const history = async (): Promise<string[]> => {
      const rows = JSON.parse(await helm.ok('history shop -o json')) as {
        revision: number;
        status: string;
        description: string;
      }[];
      return rows.map(({ revision, status }) => `${revision} ${status}`);
    };

    beforeAll(() => {
      for (const [name, text] of Object.entries(CHART)) {
        mkdirSync(dirname(`${chart}/${name}`), { recursive: true });
        writeFileSync(`${chart}/${name}`, text);
      }
    });

    it('renders with what the server knows, and keeps nothing of it', async () => {
      const out = await helm.ok(`install shop ${chart} --dry-run=server`);
      expect(out).toMatch(/clusterVersion: "?v1\.36/);
      expect(await helm.ok('list -q')).toBe('');
    });

    it('installs, and waits until everything is ready', async () => {
      expect(await helm.ok(`install shop ${chart} --wait --timeout=120s`)).toMatch(
        /STATUS: deployed(.*\n)*.*shop at v1/,
      );
      expect(await kubectl.ok('get deployment shop -o jsonpath={.status.readyReplicas}')).toBe('2');
      expect(await answer()).toMatch(/^serving v1 shop-/);
      expect(JSON.parse(await helm.ok('list -o json'))).toMatchObject([
        { name: 'shop', revision: '1', status: 'deployed', chart: 'shop-1.2.3' },
      ]);
      expect(await helm.fails(`install shop ${chart}`)).toMatch(/cannot re-?use a name that is still in use/);
    });

    it('upgrades, and tells what it has', async () => {
      await helm.ok(`upgrade shop ${chart} --set=tag=v2 --wait --timeout=120s`);
      expect(await answer()).toMatch(/^serving v2 shop-/);
      expect(await history()).toEqual(['1 superseded', '2 deployed']);
      expect(await helm.ok('get values shop -o json')).toBe('{"tag":"v2"}');
      expect(await helm.ok('get manifest shop')).toContain('image: localhost/web:v2');
      expect(await helm.ok('status shop')).toContain('REVISION: 2');
    });

    it('tests a release by a pod, whose log it shows', async () => {
      const out = await helm.ok('test shop --logs --timeout=120s');
      expect(out).toMatch(/TEST SUITE: +shop-test\n(.*\n)*Phase: +Succeeded\n(.*\n)*.*v2 shop-/);
    });

    it('rolls back', async () => {
      await helm.ok('rollback shop 1 --wait --timeout=120s');
      expect(await answer()).toMatch(/^serving v1 shop-/);
      expect(await history()).toEqual(['1 superseded', '2 superseded', '3 deployed']);
    });

    it('undoes an upgrade that fails', async () => {
      const failing = `upgrade shop ${chart} --set=tag=none --rollback-on-failure --wait --timeout=5s`;
      expect(await helm.fails(failing)).toMatch(/has been rolled back/);
      expect((await history()).at(-1)).toBe('5 deployed');
      expect(await kubectl.ok('get deployment shop -o jsonpath={.spec.template.spec.containers[0].image}')).toBe(
        WEB_V1,
      );
    });

    it('keeps who owns which field, where it applies on the server', async () => {
      const managers = '{.metadata.managedFields[*].manager}{.metadata.managedFields[*].operation}';
      expect(await kubectl.ok('get configmap shop --show-managed-fields -o', `jsonpath=${managers}`)).toBe('helmApply');
    });

    it('uninstalls everything', async () => {
      await helm.ok('uninstall shop --wait --timeout=120s');
      await kubectl.ok(`wait pod -l app=shop --for=delete --timeout=140s`);
      expect(await kubectl.ok('get deployment,rs,pods,service,configmap,secret -l app=shop -o name')).toBe('');
      expect(await helm.ok('list -q')).toBe('');
    });
  });

  describe.skipIf(K9S.skipped)(`k9s ${K9S.title}`, () => {
    it('shows pods as they come and go, their logs, and a shell in one', async () => {
      const shown = kubectl.in('shown');
      await kubectl.ok('create namespace shown');
      await waitFor('its service account', () => shown.ok('get serviceaccount default'));
      await shown.ok(`run web --image=${WEB_V1}`);
      await shown.ok('wait pod/web --for=condition=Ready --timeout=140s');
      const terminal = await Terminal.open({ KUBECONFIG: cluster.kubeconfig, LANG: 'C.UTF-8' }, 160, 40);
      try {
        await terminal.type(`${K9S.path} -n shown -c pods --headless`);
        await terminal.shows(/web .*1\/1 +Running/);
        await shown.ok(`run another --image=${WEB_V1}`);
        await terminal.shows(/another .*1\/1 +Running/);
        await shown.ok('delete pod another --grace-period=1');
        await terminal.shows(/pods\(shown\)\[1\]/i);
        await terminal.press('l');
        await terminal.shows('serving v1 web');
        await terminal.press('Escape');
        await terminal.shows(/pods\(shown\)\[1\]/i);
        await terminal.press('d');
        await terminal.shows(/Describe\(shown\/web\)/);
        await terminal.press('G');
        await terminal.shows('Container started');
        await terminal.press('Escape');
        await terminal.shows(/pods\(shown\)\[1\]/i);
        await terminal.press('s');
        await terminal.shows('/ #');
        await terminal.type('echo $((6 * 7))');
        await terminal.shows(/^42$/m);
        await terminal.press('C-d');
        await terminal.shows(/pods\(shown\)\[1\]/i);
        await terminal.type(':nodes');
        await terminal.shows(new RegExp(`${cluster.name}-control-plane +Ready`));
        await terminal.type(':q');
        await terminal.shows('here$');
      } finally {
        await terminal.close();
      }
    });
  });
});

const METADATA = `metadata:
  name: {{ .Release.Name }}
  labels: {app: {{ .Release.Name }}}`;

const CHART: Readonly<Record<string, string>> = {
  'Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.2.3\nappVersion: "1"\n',
  'values.yaml': 'tag: v1\nreplicas: 2\n',
  'templates/NOTES.txt': '{{ .Release.Name }} at {{ .Values.tag }}\n',
  'templates/settings.yaml': `apiVersion: v1
kind: ConfigMap
${METADATA}
data:
  clusterVersion: {{ .Capabilities.KubeVersion.Version | quote }}
  old: {{ (lookup "v1" "Namespace" "" "default").metadata.name | quote }}
`,
  'templates/deployment.yaml': `apiVersion: apps/v1
kind: Deployment
${METADATA}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata:
      labels: {app: {{ .Release.Name }}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: localhost/web:{{ .Values.tag }}
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}
`,
  'templates/service.yaml': `apiVersion: v1
kind: Service
${METADATA}
spec:
  selector: {app: {{ .Release.Name }}}
  ports: [{port: 80, targetPort: http}]
`,
  'templates/tests/answers.yaml': `apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-test
  annotations: {helm.sh/hook: test, helm.sh/hook-delete-policy: before-hook-creation}
spec:
  restartPolicy: Never
  containers: [{name: ask, image: ${BUSYBOX}, command: [wget, -qO-, "http://{{ .Release.Name }}"]}]
`,
};
