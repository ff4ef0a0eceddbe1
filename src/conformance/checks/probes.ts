import type { Pod } from '../../api/types/gen/core-v1.ts';
import { type Check, expectSame, expectThat } from '../check.ts';
import type { World } from '../world.ts';
import { WAIT } from './pods.ts';

const check = (name: string, run: (world: World) => Promise<void>): Check => ({ area: 'probes', name, run });

const isReady = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
const restarts = (pod: Pod | undefined): number => pod?.status?.containerStatuses?.[0]?.restartCount ?? 0;

/** Serves files of /www on 8080. */
export const HTTP_SERVER = 'mkdir -p /www; echo ok >/www/ok; exec httpd -f -p 8080 -h /www';

export const PROBE_CHECKS: readonly Check[] = [
  check('makes a pod ready when its probe succeeds, and no longer when it fails', async world => {
    await world.pod('probe-ready', {
      script: WAIT,
      readinessProbe: { exec: { command: ['cat', '/tmp/ready'] }, periodSeconds: 1, failureThreshold: 1 },
    });
    await world.until('probe-ready', 'to run', pod => pod?.status?.phase === 'Running');
    expectThat(!isReady(await world.pods.get(world.namespace, 'probe-ready')), 'the pod is ready before its probe', '');
    await world.exec('probe-ready', ['touch', '/tmp/ready']);
    await world.until('probe-ready', 'to be ready', isReady);
    await world.exec('probe-ready', ['rm', '/tmp/ready']);
    await world.until('probe-ready', 'not to be ready any more', pod => pod !== undefined && !isReady(pod));
    expectSame('how often it was restarted', restarts(await world.pods.get(world.namespace, 'probe-ready')), 0);
  }),

  check('restarts a container whose liveness probe fails, and says so', async world => {
    await world.pod(
      'probe-live',
      {
        script: `touch /tmp/alive; ${WAIT}`,
        livenessProbe: {
          exec: { command: ['cat', '/tmp/alive'] },
          initialDelaySeconds: 1,
          periodSeconds: 1,
          failureThreshold: 1,
        },
      },
      { restartPolicy: 'Always' },
    );
    await world.untilReady('probe-live');
    await world.exec('probe-live', ['rm', '/tmp/alive']);
    await world.until('probe-live', 'to be restarted', pod => restarts(pod) === 1);
    await world.until(
      'probe-live',
      'to run again',
      pod => pod?.status?.containerStatuses?.[0]?.state.running !== undefined,
    );
  }),

  check('leaves a container alone until its startup probe has succeeded', async world => {
    await world.pod(
      'probe-startup',
      {
        script: `sleep 3; touch /tmp/up; ${WAIT}`,
        startupProbe: { exec: { command: ['cat', '/tmp/up'] }, periodSeconds: 1, failureThreshold: 60 },
        livenessProbe: { exec: { command: ['cat', '/tmp/up'] }, periodSeconds: 1, failureThreshold: 1 },
      },
      { restartPolicy: 'Always' },
    );
    const pod = await world.untilReady('probe-startup');
    expectSame('how often it was restarted', restarts(pod), 0);
    expectSame('whether it has started', String(pod.status?.containerStatuses?.[0]?.started), 'true');
  }),

  check('asks by HTTP, and takes an error for a failure', async world => {
    await world.pod('probe-http', {
      script: HTTP_SERVER,
      ports: [{ name: 'web', containerPort: 8080 }],
      readinessProbe: { httpGet: { path: '/ok', port: 'web' }, periodSeconds: 1, failureThreshold: 1 },
    });
    await world.untilReady('probe-http');
    await world.exec('probe-http', ['rm', '/www/ok']);
    await world.until('probe-http', 'not to be ready any more', pod => pod !== undefined && !isReady(pod));
  }),

  check('asks by connecting', async world => {
    await world.pod('probe-tcp', {
      script: `sleep 1; ${HTTP_SERVER}`,
      readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
    });
    await world.untilReady('probe-tcp');
  }),

  check('gives up on a probe that takes too long', async world => {
    await world.pod(
      'probe-slow',
      {
        script: WAIT,
        livenessProbe: {
          exec: { command: ['sleep', '1000'] },
          timeoutSeconds: 1,
          periodSeconds: 1,
          failureThreshold: 1,
        },
      },
      { restartPolicy: 'Always' },
    );
    await world.until('probe-slow', 'to be restarted', pod => restarts(pod) >= 1);
  }),
];
