import { describe, expect, it } from 'vitest';
import type { Pod, PodStatus } from '../../../../src/api/types/gen/core-v1.ts';
import { FirstLook } from '../../../../src/kubelet/report/first-look.ts';
import { StatusStore } from '../../../../src/kubelet/report/status-store.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

const pod = { metadata: { name: 'a', namespace: 'default' }, spec: {} } as Pod;

describe('the first look at the pods of a node', () => {
  const set = () => {
    const statuses = new StatusStore();
    const clock = new FakeClock();
    const look = new FirstLook(statuses, clock);
    let isOver = false;
    const stop = new AbortController();
    const over = look.over(stop.signal).then(() => {
      isOver = true;
    });
    const settled = async (): Promise<boolean> => {
      await new Promise(resolve => setImmediate(resolve));
      return isOver;
    };
    return {
      statuses,
      clock,
      look,
      stop,
      over,
      settled,
      report: (uid: string) => statuses.report(uid, pod, {} as PodStatus),
    };
  };

  it('is over when each pod of all sources has been reported', async () => {
    const { look, report, settled } = set();
    report('a');
    expect(await settled()).toBe(false);
    look.expect(['a', 'b']);
    expect(await settled()).toBe(false);
    report('b');
    expect(await settled()).toBe(true);
  });

  it('does not wait for a pod that is not wanted any more', async () => {
    const { look, settled } = set();
    look.expect(['a']);
    expect(await settled()).toBe(false);
    look.expect([]);
    expect(await settled()).toBe(true);
  });

  it('stays over, whatever pods come later', async () => {
    const { look, over } = set();
    look.expect([]);
    await over;
    look.expect(['new']);
    await look.over(new AbortController().signal);
  });

  it('is not waited for longer than 5 seconds', async () => {
    const { clock, settled } = set();
    await clock.advance(4999);
    expect(await settled()).toBe(false);
    await clock.advance(1);
    expect(await settled()).toBe(true);
  });

  it('is not waited for by who has left', async () => {
    const { stop, settled } = set();
    stop.abort();
    expect(await settled()).toBe(true);
  });
});
