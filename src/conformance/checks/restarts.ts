import type { ContainerStatus, Pod } from '../../api/types/gen/core-v1.ts';
import { type Check, expectSame, expectThat } from '../check.ts';
import type { World } from '../world.ts';
import { WAIT } from './pods.ts';

const check = (name: string, run: (world: World) => Promise<void>): Check => ({ area: 'restarts', name, run });

const main = (pod: Pod | undefined): ContainerStatus | undefined => pod?.status?.containerStatuses?.[0];

export const RESTART_CHECKS: readonly Check[] = [
  check('starts a container again that has ended, and keeps how it ended', async world => {
    await world.pod(
      'restart-always',
      {
        script: `echo $(hostname); [ -e /data/been ] && { ${WAIT}; }; touch /data/been; exit 5`,
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
      { restartPolicy: 'Always', volumes: [{ name: 'data', emptyDir: {} }] },
    );
    const pod = await world.until(
      'restart-always',
      'to run a second time',
      each => main(each)?.restartCount === 1 && main(each)?.state.running !== undefined && each,
    );
    expectSame('the exit code before', main(pod)?.lastState.terminated?.exitCode, 5);
    expectSame('the log before', await world.log('restart-always', '?previous=true'), 'restart-always\n');
  }),

  check('starts a container that failed again, and one that did not no more', async world => {
    const volumes = [{ name: 'data', emptyDir: {} }];
    const volumeMounts = [{ name: 'data', mountPath: '/data' }] as const;
    await world.pod(
      'restart-failure',
      { script: '[ -e /data/been ] && exit 0; touch /data/been; exit 1', volumeMounts },
      { restartPolicy: 'OnFailure', volumes },
    );
    const pod = await world.ended('restart-failure');
    expectSame('the phase', pod.status?.phase, 'Succeeded');
    expectSame('how often it was started again', main(pod)?.restartCount, 1);
  }),

  check('does not start a container again that must not be', async world => {
    await world.pod('restart-never', { script: 'exit 1' });
    const pod = await world.ended('restart-never');
    expectSame('the phase', pod.status?.phase, 'Failed');
    expectSame('how often it was started again', main(pod)?.restartCount, 0);
  }),

  check('waits longer and longer before it starts a container that ends again and again', async world => {
    await world.pod('restart-loop', { script: 'exit 1' }, { restartPolicy: 'Always' });
    const pod = await world.until(
      'restart-loop',
      'to be in CrashLoopBackOff',
      each => main(each)?.state.waiting?.reason === 'CrashLoopBackOff' && (main(each)?.restartCount ?? 0) >= 1 && each,
    );
    const message = main(pod)?.state.waiting?.message ?? '';
    expectThat(/back-off (10|20|40)s/.test(message), 'the message', message);
  }),

  check('starts a killed process again in the same pod, with the same address and volumes', async world => {
    const before = await world.ready(
      'restart-killed',
      {
        script: `echo x >>/data/turns; ${WAIT}`,
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
      { restartPolicy: 'Always', shareProcessNamespace: true, volumes: [{ name: 'data', emptyDir: {} }] },
    );
    // in a shared process namespace the shell is not process 1, and can be killed from within
    const kill =
      'for p in /proc/[0-9]*; do grep -q turns $p/cmdline && [ $(basename $p) != $$ ] && kill -9 $(basename $p); done';
    await world.exec('restart-killed', ['sh', '-c', kill]).catch(() => undefined);
    const after = await world.until(
      'restart-killed',
      'to run a second time',
      each => main(each)?.restartCount === 1 && main(each)?.state.running !== undefined && each,
    );
    expectSame('its address', after.status?.podIP, before.status?.podIP ?? '');
    expectSame(
      'the turns in its volume',
      (await world.exec('restart-killed', ['cat', '/data/turns'])).stdout,
      'x\nx\n',
    );
  }),

  check('runs init containers once, not at each restart', async world => {
    const volumeMounts = [{ name: 'data', mountPath: '/data' }] as const;
    await world.pod(
      'restart-init',
      { script: `[ -e /data/been ] && { ${WAIT}; }; touch /data/been; exit 1`, volumeMounts },
      {
        restartPolicy: 'Always',
        initContainers: [world.container('init', { script: 'echo x >>/data/init', volumeMounts })],
        volumes: [{ name: 'data', emptyDir: {} }],
      },
    );
    await world.until(
      'restart-init',
      'to run a second time',
      each => main(each)?.restartCount === 1 && main(each)?.state.running !== undefined,
    );
    expectSame(
      'the turns of the init container',
      (await world.exec('restart-init', ['cat', '/data/init'])).stdout,
      'x\n',
    );
  }),
];
