import { type Check, expectSame, expectThat } from '../check.ts';
import type { World } from '../world.ts';

/** Ends at once when it is asked to, unlike a `sleep` that is process 1. */
export const WAIT = 'trap "exit 0" TERM; while :; do sleep 1000 & wait $!; done';

const check = (name: string, run: (world: World) => Promise<void>): Check => ({ area: 'pods', name, run });

export const POD_CHECKS: readonly Check[] = [
  check('runs a command with its arguments and its environment', async world => {
    const text = await world.output('pod-command', {
      script: '',
      command: ['/bin/sh', '-c', 'echo "$0 $1 $GREETING $NODE"'],
      args: ['$(GREETING)', '$$(GREETING)'],
      env: [
        { name: 'GREETING', value: 'hello' },
        { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      ],
    });
    expectSame('what the container wrote', text.trim(), `hello $(GREETING) hello ${world.nodeName}`);
  }),

  check('tells a pod its own name, namespace, address and uid', async world => {
    const field = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } });
    const text = await world.output('pod-fields', {
      script: 'echo $NAME $NS $IP $ID',
      env: [
        field('NAME', 'metadata.name'),
        field('NS', 'metadata.namespace'),
        field('IP', 'status.podIP'),
        field('ID', 'metadata.uid'),
      ] as never,
    });
    const { metadata, status } = await world.pods.get(world.namespace, 'pod-fields', world.signal);
    expectSame(
      'what the environment tells',
      text.trim(),
      `pod-fields ${world.namespace} ${status?.podIP} ${metadata.uid}`,
    );
  }),

  check('runs init containers one after another, before the others', async world => {
    const mounts = { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] };
    const init = (name: string): object => world.container(name, { script: `echo ${name} >>/shared/order`, ...mounts });
    const text = await world.output(
      'pod-init',
      { script: 'cat /shared/order', ...mounts },
      { initContainers: [init('first'), init('second')] as never, volumes: [{ name: 'shared', emptyDir: {} }] },
    );
    expectSame('the order of the init containers', text, 'first\nsecond\n');
  }),

  check('keeps a sidecar running beside the others and lets the pod end with them', async world => {
    const sidecar = world.container('sidecar', {
      script: `echo up >/shared/up; ${WAIT}`,
      restartPolicy: 'Always',
    } as never);
    const mounts = { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] };
    const text = await world.output(
      'pod-sidecar',
      { script: 'until cat /shared/up; do sleep 0.1; done 2>/dev/null', ...mounts },
      { initContainers: [{ ...sidecar, ...mounts }], volumes: [{ name: 'shared', emptyDir: {} }] },
    );
    expectSame('what the sidecar wrote', text, 'up\n');
  }),

  check('tells the exit code of a container, and the message that it left', async world => {
    await world.pod('pod-exit', { script: 'echo because >/dev/termination-log; exit 3' });
    const { status } = await world.ended('pod-exit');
    const ended = status?.containerStatuses?.[0]?.state.terminated;
    expectSame('the phase', status?.phase, 'Failed');
    expectSame('the exit code', ended?.exitCode, 3);
    expectSame('the message', ended?.message?.trim(), 'because');
  }),

  check('takes the end of the log for the message where that is asked for', async world => {
    await world.pod('pod-log-message', {
      script: 'echo the last line; exit 1',
      terminationMessagePolicy: 'FallbackToLogsOnError',
    });
    const { status } = await world.ended('pod-log-message');
    expectSame('the message', status?.containerStatuses?.[0]?.state.terminated?.message?.trim(), 'the last line');
  }),

  check('runs the hook before the end, then asks a container to end, and leaves it the time', async world => {
    await world.ready(
      'pod-grace',
      {
        script: 'trap "sleep 1; echo asked and done; exit 0" TERM; echo up; while :; do sleep 0.1; done',
        lifecycle: { preStop: { exec: { command: ['/bin/sh', '-c', 'echo hook >/proc/1/fd/1'] } } },
      },
      { terminationGracePeriodSeconds: 30 },
    );
    const pieces = await world.follows('pod-grace');
    await world.remove('pod-grace');
    let text = '';
    for await (const piece of pieces) text += String(piece);
    expectSame('what the container wrote', text, 'up\nhook\nasked and done\n');
    await world.until('pod-grace', 'to be gone', pod => pod === undefined);
  }),

  check('kills a container that does not end within its grace', async world => {
    await world.ready('pod-stubborn', { script: 'trap "" TERM; while :; do sleep 0.1; done' });
    const began = performance.now();
    await world.remove('pod-stubborn', 2);
    await world.until('pod-stubborn', 'to be gone', pod => pod === undefined);
    const seconds = (performance.now() - began) / 1000;
    expectThat(seconds >= 1.9, 'the container had less than its 2 s of grace', `${seconds.toFixed(2)} s`);
  }),

  check('ends a pod that works longer than it may', async world => {
    await world.pod('pod-deadline', { script: WAIT }, { activeDeadlineSeconds: 1 });
    const { status } = await world.ended('pod-deadline');
    expectSame('the reason', status?.reason, 'DeadlineExceeded');
  }),

  check('runs a container as the user and group that it names, without privileges that it does not', async world => {
    const text = await world.output('pod-user', {
      script: 'id -u; id -g; grep CapEff /proc/self/status; grep NoNewPrivs /proc/self/status',
      securityContext: {
        runAsUser: 1234,
        runAsGroup: 2345,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      },
    });
    const [uid, gid, effective, noNew] = text.trim().split('\n');
    expectSame('the user', uid, '1234');
    expectSame('the group', gid, '2345');
    expectSame('its effective capabilities', effective?.split(/\s+/)[1], '0000000000000000');
    expectSame('no_new_privs', noNew?.split(/\s+/)[1], '1');
  }),

  check('refuses to run a container as root that must not be', async world => {
    await world.pod('pod-non-root', { script: WAIT, securityContext: { runAsNonRoot: true, runAsUser: 0 } });
    const because = await world.until(
      'pod-non-root',
      'to be refused',
      pod => pod?.status?.containerStatuses?.[0]?.state.waiting?.message,
    );
    expectThat(/runAsNonRoot|non-root/.test(because), 'the message names no reason', because);
  }),

  check('gives a container a root file system that it cannot write to, where asked', async world => {
    const text = await world.output('pod-read-only', {
      script: 'touch /file 2>&1; echo code $?',
      securityContext: { readOnlyRootFilesystem: true },
    });
    expectThat(/Read-only file system\s+code 1/.test(text), 'the file was written', text);
  }),

  check('gives a pod its name as host name, and the names that it lists', async world => {
    const text = await world.output(
      'pod-hosts',
      { script: 'hostname; grep -c "^192.0.2.7.*far.example" /etc/hosts; grep -c "$(hostname)" /etc/hosts' },
      { hostAliases: [{ ip: '192.0.2.7', hostnames: ['far.example'] }] },
    );
    expectSame('host name and lines of /etc/hosts', text, 'pod-hosts\n1\n1\n');
  }),

  check('lets containers of a pod see each other where they share their processes, and not otherwise', async world => {
    const scripts = { main: { script: 'sleep 1; ps' }, other: { script: 'exec sleep 4321' } };
    const sees = async (name: string, shareProcessNamespace: boolean): Promise<boolean> => {
      await world.pod(name, scripts, { shareProcessNamespace });
      await world.until(name, 'to have run ps', pod =>
        pod?.status?.containerStatuses?.some(each => each.name === 'main' && each.state.terminated !== undefined),
      );
      return (await world.log(name, '?container=main')).includes('sleep 4321');
    };
    expectThat(await sees('pod-shared', true), 'with a shared namespace the other process is not seen', '');
    expectThat(!(await sees('pod-apart', false)), 'without a shared namespace the other process is seen', '');
  }),

  check('runs a command in a container, with its output and its exit code', async world => {
    await world.ready('pod-exec', { script: WAIT });
    const ended = await world.exec('pod-exec', ['/bin/sh', '-c', 'echo out; echo err >&2; exit 7']);
    expectSame('how the command ended', JSON.stringify(ended), '{"exitCode":7,"stdout":"out\\n","stderr":"err\\n"}');
  }),

  check('gives the log from its end, and from a line on', async world => {
    await world.output('pod-log', { script: 'for i in 1 2 3 4 5; do echo line $i; done' });
    expectSame('the last two lines', await world.log('pod-log', '?tailLines=2'), 'line 4\nline 5\n');
    expectSame('the first bytes', await world.log('pod-log', '?limitBytes=6'), 'line 1');
  }),

  check('says that an image is not there', async world => {
    await world.pod('pod-no-image', {
      script: WAIT,
      image: 'localhost/gantry-conformance/none:1',
      imagePullPolicy: 'Never',
    });
    const reason = await world.until(
      'pod-no-image',
      'to tell why it waits',
      pod => pod?.status?.containerStatuses?.[0]?.state.waiting?.reason,
    );
    expectThat(reason === 'ErrImageNeverPull' || reason === 'ContainerCreating', 'the reason', reason);
    await world.until(
      'pod-no-image',
      'to say ErrImageNeverPull',
      pod => pod?.status?.containerStatuses?.[0]?.state.waiting?.reason === 'ErrImageNeverPull',
    );
  }),
];
