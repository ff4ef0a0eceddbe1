import { describe, expect, it } from 'vitest';
import { PacedSizes } from '../../../../src/cri/streaming/paced-sizes.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

const size = (width: number) => ({ width, height: 24 });

describe('PacedSizes', () => {
  const world = () => {
    const clock = new FakeClock();
    const applied: string[] = [];
    const sizes = new PacedSizes(({ width }) => applied.push(`${width} at ${clock.monotonic()}`), clock);
    return { clock, applied, sizes };
  };

  it('passes the first on at once, and of those that follow the newest when there was time to read it', async () => {
    const { clock, applied, sizes } = world();
    for (const width of [81, 80, 90]) sizes.tell(size(width));
    await clock.advance(100);
    expect(applied).toEqual(['81 at 0', '90 at 50']);
  });

  it('says the last once more, and is quiet then', async () => {
    const { clock, applied, sizes } = world();
    sizes.tell(size(80));
    await clock.advance(10_000);
    expect(applied).toEqual(['80 at 0', '80 at 1050']);
    expect(clock.pending).toBe(0);
  });

  it('does not say again what has been overtaken', async () => {
    const { clock, applied, sizes } = world();
    sizes.tell(size(80));
    await clock.advance(500);
    sizes.tell(size(70));
    await clock.advance(10_000);
    expect(applied).toEqual(['80 at 0', '70 at 500', '70 at 1550']);
  });

  it('is over when it is ended', async () => {
    const { clock, applied, sizes } = world();
    sizes.tell(size(80));
    sizes.tell(size(70));
    sizes.end();
    sizes.tell(size(60));
    await clock.advance(10_000);
    expect(applied).toEqual(['80 at 0']);
  });
});
