import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KubeletHost, type SeenContainer, startKubelet, WAIT } from '../harness/kubelet.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { type RuntimeHost, runtimeHost, testedRuntime } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Where pods and the test leave each other files. */
const SHARED = '/var/lib/kubelet-probes';

let target: RuntimeHost;
let kubelet: KubeletHost;
beforeAll(async () => {
  target = await runtimeHost(testedRuntime());
  mkdirSync(target.host.path(SHARED), { recursive: true });
  kubelet = await startKubelet(target);
});
afterAll(() => target.delete());

const run = (name: string, script: string, container: object, spec: object = {}): void =>
  kubelet.writeManifest(
    `${name}.yaml`,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        terminationGracePeriodSeconds: 2,
        containers: [
          {
            name: 'main',
            image: 'localhost/busybox:1.35',
            command: ['/bin/sh', '-c', script],
            volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
            ...container,
          },
        ],
        volumes: [{ name: 'shared', hostPath: { path: SHARED } }],
        ...spec,
      },
    }),
  );
const main = (name: string, what: string, test: (container: SeenContainer) => boolean): Promise<SeenContainer> =>
  waitFor(`${name} ${what}`, async saw => {
    const [container] = (await kubelet.pod(name))?.status?.containerStatuses ?? [];
    saw(container);
    return container !== undefined && test(container) ? container : undefined;
  });
const end = async (name: string): Promise<void> => {
  kubelet.removeManifest(`${name}.yaml`);
  await kubelet.gone(name);
  await expectNoLeftovers(target);
};
const shared = (file: string): string => target.host.path(`${SHARED}/${file}`);

describe('probes on a node', () => {
  it('find a container ready over HTTP when it is, and unready again, and restart nothing for that', async () => {
    const httpGet = { path: '/ready', port: 'web' };
    run(
      'http',
      `mkdir /www; httpd -p 8080 -h /www; until [ -e /shared/open ]; do sleep 0.1; done; echo ok >/www/ready; until [ ! -e /shared/open ]; do sleep 0.1; done; rm /www/ready; ${WAIT}`,
      {
        ports: [{ name: 'web', containerPort: 8080 }],
        readinessProbe: { httpGet, periodSeconds: 1, failureThreshold: 1 },
        livenessProbe: { tcpSocket: { port: 'web' }, periodSeconds: 1, initialDelaySeconds: 1 },
      },
    );
    await kubelet.running('http');
    expect(await main('http', 'to run unready', c => c.state?.running !== undefined)).toMatchObject({ ready: false });
    await target.host.exec(['touch', `${SHARED}/open`]);
    await main('http', 'to be ready', c => c.ready === true);
    await target.host.exec(['rm', `${SHARED}/open`]);
    expect(await main('http', 'to be unready', c => c.ready === false)).toMatchObject({ restartCount: 0 });
    await end('http');
  });

  it('find a container unready that says so on its way out, and end it no sooner because it does not live', async () => {
    const check = { exec: { command: ['cat', '/tmp/ok'] }, periodSeconds: 1, failureThreshold: 1 };
    run(
      'ending',
      'trap "rm /tmp/ok; until [ -e /shared/go ]; do sleep 0.1; done; exit 0" TERM; touch /tmp/ok; while true; do sleep 0.1; done',
      { readinessProbe: check, livenessProbe: check },
      { terminationGracePeriodSeconds: 60 },
    );
    await main('ending', 'to be ready', c => c.ready === true);
    kubelet.removeManifest('ending.yaml');
    const unready = await main('ending', 'to be unready', c => c.ready === false);
    expect(unready).toMatchObject({ restartCount: 0, state: { running: expect.anything() } });
    await target.host.exec(['touch', `${SHARED}/go`]);
    await kubelet.gone('ending');
    await expectNoLeftovers(target);
  });

  it('end a container whose life they do not find, and it begins anew', async () => {
    run('exec', `touch /tmp/ok; sleep 2; rm /tmp/ok; ${WAIT}`, {
      livenessProbe: {
        exec: { command: ['cat', '/tmp/ok'] },
        periodSeconds: 1,
        failureThreshold: 1,
        initialDelaySeconds: 1,
      },
    });
    await main('exec', 'to begin anew', c => c.restartCount === 1);
    await end('exec');
  });

  it('end a command that takes too long, with all that it started', async () => {
    run('slow', WAIT, {
      readinessProbe: {
        exec: { command: ['sh', '-c', 'sleep 12345 & sleep 12345'] },
        periodSeconds: 1,
        timeoutSeconds: 1,
      },
    });
    await kubelet.running('slow');
    await waitFor('some probes to be over', async saw => {
      const { stdout } = await target.host.exec(['ps', 'axo', 'args']);
      const running = stdout.split('\n').filter(line => line === 'sleep 12345').length;
      saw(running);
      return running >= 2;
    });
    expect(await main('slow', 'to run', c => c.state?.running !== undefined)).toMatchObject({ ready: false });
    await end('slow');
  });

  it('wait for the startup probe, and end a container that never starts', async () => {
    const failing = { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 2 };
    run('startup', WAIT, { startupProbe: failing, livenessProbe: failing });
    await main('startup', 'to begin anew', c => c.restartCount === 1);
    await end('startup');
  });
});

describe('lifecycle hooks on a node', () => {
  it('run after the start and before the end, within the grace', async () => {
    run('hooks', `trap "cat /shared/hooked >/shared/seen; exit 0" TERM; sleep 100000 & wait`, {
      lifecycle: {
        postStart: { exec: { command: ['sh', '-c', 'echo started >>/shared/hooked'] } },
        preStop: { exec: { command: ['sh', '-c', 'sleep 0.5; echo stopping >>/shared/hooked'] } },
      },
    });
    await kubelet.running('hooks');
    expect(readFileSync(shared('hooked'), 'utf8')).toBe('started\n');
    await end('hooks');
    expect(readFileSync(shared('seen'), 'utf8')).toBe('started\nstopping\n');
  });

  it('that do not end hold up the end for the grace, no longer', async () => {
    run(
      'endless',
      WAIT,
      { lifecycle: { preStop: { exec: { command: ['sleep', '1000'] } } } },
      { terminationGracePeriodSeconds: 3 },
    );
    await kubelet.running('endless');
    const began = performance.now();
    await end('endless');
    expect(performance.now() - began).toBeGreaterThan(2_500);
  });

  it('that fail after the start end the container', async () => {
    run('failing', WAIT, { lifecycle: { postStart: { exec: { command: ['sh', '-c', 'echo no; exit 3'] } } } });
    const { state } = await main('failing', 'to be told', c => c.state?.waiting?.reason === 'PostStartHookError');
    expect(state?.waiting?.message).toContain('PostStartHook of main failed: no');
    await end('failing');
  });

  it('sleep, and ask over HTTP', async () => {
    run('others', `mkdir /www; echo ok >/www/x; httpd -p 8080 -h /www; ${WAIT}`, {
      lifecycle: { postStart: { sleep: { seconds: 1 } }, preStop: { httpGet: { port: 8080, path: '/x' } } },
    });
    await kubelet.running('others');
    await end('others');
    expect(existsSync(shared('nothing'))).toBe(false);
  });
});
