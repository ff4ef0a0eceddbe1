import { COUNTER } from './acknowledged-writes.ts';
import { BUSYBOX } from './images.ts';
import { RUN_DIR } from './run-id.ts';

export const WEB_REPLICAS = 6;
export const DATABASES = 2;
export const PASSING_REPLICAS = 2;
export const COMPLETIONS = 6;

/** Where containers write what they did. Hosts have the machine's /var/tmp, so all nodes write to the same files. */
export const LEDGER = `${RUN_DIR}/ledger`;

const FROM_POD = [
  { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
  { name: 'POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
];
const LEDGER_VOLUME = { name: 'ledger', hostPath: { path: LEDGER, type: 'Directory' } };
const LEDGER_MOUNT = { name: 'ledger', mountPath: '/ledger' };
const STARTED = 'echo "$POD_NAME $POD_UID $REVISION" >>/ledger/started';
const ENDING = "trap 'exit 0' TERM; ";
/** One failure would restart the container: none is to be seen where only the answer is lost. A busy machine has time enough. */
const LIVENESS = { periodSeconds: 1, timeoutSeconds: 60, failureThreshold: 1 };

/** Asked to end, it serves on until the test says that nobody is led to it any more: no time has to be guessed for that. */
const WEB = `trap 'until [ -e /ledger/end-$REVISION ]; do sleep 0.1; done; exit 0' TERM
mkdir /w
echo "$POD_NAME $REVISION" >/w/index.html
${STARTED}
nc -ll -p 9000 -e cat &
httpd -f -p 8080 -h /w &
while :; do wait; done`;

const labels = (app: string) => ({ selector: { matchLabels: { app } }, metadata: { labels: { app } } });

export function deployment(): object {
  const { selector, metadata } = labels('web');
  const container = {
    name: 'web',
    image: BUSYBOX,
    env: [...FROM_POD, { name: 'REVISION', value: '0' }],
    command: ['sh', '-c', WEB],
    startupProbe: { httpGet: { port: 8080 }, periodSeconds: 1, failureThreshold: 600 },
    readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1, timeoutSeconds: 60 },
    livenessProbe: { httpGet: { port: 8080 }, ...LIVENESS },
    volumeMounts: [LEDGER_MOUNT, { name: 'counter', mountPath: '/counter' }],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: WEB_REPLICAS,
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      revisionHistoryLimit: 2,
      selector,
      template: {
        metadata,
        spec: {
          // longer than anything here takes: it ends when it may
          terminationGracePeriodSeconds: 600,
          volumes: [LEDGER_VOLUME, { name: 'counter', configMap: { name: COUNTER } }],
          containers: [container],
        },
      },
    },
  };
}

export function statefulSet(): object {
  const { selector, metadata } = labels('db');
  const alive = 'read up _ </proc/uptime; echo "$POD_NAME $POD_UID $up" >>/ledger/alive';
  const container = {
    name: 'db',
    image: BUSYBOX,
    env: [...FROM_POD, { name: 'REVISION', value: '0' }],
    command: ['sh', '-c', `${ENDING}${STARTED}; while :; do ${alive}; sleep 0.1; done`],
    livenessProbe: { exec: { command: ['true'] }, ...LIVENESS },
    volumeMounts: [LEDGER_MOUNT],
  };
  const { name: _, livenessProbe: _probe, ...like } = container;
  const initContainer = {
    ...like,
    name: 'init',
    command: ['sh', '-c', STARTED.replace('$POD_NAME', 'init-$POD_NAME')],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db' },
    spec: {
      replicas: DATABASES,
      serviceName: 'db',
      selector,
      template: {
        metadata,
        spec: {
          terminationGracePeriodSeconds: 3,
          volumes: [LEDGER_VOLUME],
          initContainers: [initContainer],
          containers: [container],
        },
      },
    },
  };
}

export function job(revision: number): object {
  const container = {
    name: 'count',
    image: BUSYBOX,
    env: [...FROM_POD, { name: 'REVISION', value: String(revision) }],
    command: ['sh', '-c', `${STARTED}; sleep 1; echo "$REVISION/$JOB_COMPLETION_INDEX" >>/ledger/completed`],
    volumeMounts: [LEDGER_MOUNT],
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: `count-${revision}`, labels: { app: 'count' } },
    spec: {
      completions: COMPLETIONS,
      parallelism: 2,
      completionMode: 'Indexed',
      backoffLimit: 0,
      template: {
        metadata: { labels: { app: 'count' } },
        spec: { restartPolicy: 'Never', volumes: [LEDGER_VOLUME], containers: [container] },
      },
    },
  };
}

/** A namespace with a Deployment, which is there for a revision and goes with the next. */
export function passing(revision: number): object[] {
  const name = passingNamespace(revision);
  const { selector, metadata } = labels('passing');
  const container = {
    name: 'passing',
    image: BUSYBOX,
    env: [...FROM_POD, { name: 'REVISION', value: String(revision) }],
    command: ['sh', '-c', `${ENDING}${STARTED}; while :; do sleep 0.1; done`],
    volumeMounts: [LEDGER_MOUNT],
  };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'passing', namespace: name },
      spec: {
        replicas: PASSING_REPLICAS,
        selector,
        template: {
          metadata,
          spec: { terminationGracePeriodSeconds: 3, volumes: [LEDGER_VOLUME], containers: [container] },
        },
      },
    },
  ];
}

export function passingNamespace(revision: number): string {
  return `passing-${revision}`;
}

export function service(name: string, spec: object): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: name }, ...spec } };
}
