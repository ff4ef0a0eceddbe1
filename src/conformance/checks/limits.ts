import { type Check, expectSame, expectThat } from '../check.ts';
import type { World } from '../world.ts';
import { WAIT } from './pods.ts';

const check = (name: string, run: (world: World) => Promise<void>): Check => ({ area: 'limits', name, run });

export const LIMIT_CHECKS: readonly Check[] = [
  check('ends a container that takes more memory than it may, and says OOMKilled', async world => {
    await world.pod('limit-memory', {
      main: {
        // tail keeps the one line that never ends
        script: 'exec tail /dev/zero',
        resources: { limits: { memory: '32Mi' } },
      },
      beside: { script: WAIT },
    });
    const pod = await world.until(
      'limit-memory',
      'to lose the container',
      each => each?.status?.containerStatuses?.some(({ state }) => state.terminated !== undefined) && each,
    );
    const of = (name: string) => pod.status?.containerStatuses?.find(each => each.name === name)?.state;
    expectSame('the reason', of('main')?.terminated?.reason, 'OOMKilled');
    expectSame('the exit code', of('main')?.terminated?.exitCode, 137);
    expectThat(of('beside')?.running !== undefined, 'the container beside it does not run', of('beside'));
  }),

  check('gives a container no more CPU than it may take', async world => {
    const text = await world.output('limit-cpu', {
      // what the shell and its children took: fields 14 to 17 of proc_pid_stat(5), in ticks of 10 ms
      script: `end=$(($(date +%s)+10))
        while [ $(date +%s) -lt $end ]; do i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; done
        read -r stat </proc/self/stat; set -- $stat; echo $((\${14}+\${15}+\${16}+\${17}))`,
      resources: { limits: { cpu: '200m' } },
    });
    const ticks = Number(text.trim());
    // 200 of 1000 ticks; a period or two more for what began before and ends after
    expectThat(ticks > 20 && ticks < 320, 'in 10 s with a limit of 0.2 CPUs it took', `${ticks / 100} s of CPU time`);
  }),

  check('gives a pod the class of service that its requests and limits make', async world => {
    const classOf = async (name: string, resources: object): Promise<string | undefined> => {
      await world.pod(name, { script: WAIT, resources });
      return (await world.untilReady(name)).status?.qosClass;
    };
    const some = { cpu: '10m', memory: '16Mi' };
    expectSame('the class of a pod without', await classOf('limit-none', {}), 'BestEffort');
    expectSame('the class of a pod with requests', await classOf('limit-some', { requests: some }), 'Burstable');
    expectSame('the class of a pod with limits', await classOf('limit-all', { limits: some }), 'Guaranteed');
  }),

  check('tells a container its own limits', async world => {
    const of = (name: string, resource: string, divisor: string): object => ({
      name,
      valueFrom: { resourceFieldRef: { resource, divisor } },
    });
    const text = await world.output('limit-told', {
      script: 'echo $CPU $MEMORY',
      resources: { limits: { cpu: '250m', memory: '64Mi' } },
      env: [of('CPU', 'limits.cpu', '1m'), of('MEMORY', 'limits.memory', '1Mi')] as never,
    });
    expectSame('its limits', text.trim(), '250 64');
  }),

  check('bounds a volume in memory by its size', async world => {
    const text = await world.output(
      'limit-volume',
      {
        script: 'dd if=/dev/zero of=/memory/file bs=1M count=8 2>&1; echo code $?; wc -c </memory/file',
        volumeMounts: [{ name: 'memory', mountPath: '/memory' }],
      },
      { volumes: [{ name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } }] },
    );
    expectThat(text.includes('No space left') && text.includes('4194304'), 'writing 8 MiB into 4 MiB', text);
  }),
];
