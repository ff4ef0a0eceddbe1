import { describe, expect, it } from 'vitest';
import { EventNames } from '../../../src/client/event-names.ts';
import { FakeClock } from '../../harness/fake-clock.ts';
import { seededRandom } from '../../harness/random.ts';

describe('names of events', () => {
  it('are that of the object and the time in nanoseconds', () => {
    expect(new EventNames(new FakeClock(), () => 0.5).next('web')).toBe(
      `web.${(1_893_456_000_000_500_000n).toString(16)}`,
    );
  });

  it('are in the order in which they were given, within a millisecond and after it', async () => {
    const clock = new FakeClock();
    const names = new EventNames(clock, seededRandom(7).next);
    const given: string[] = [];
    for (let round = 0; round < 50; round += 1) {
      for (let each = 0; each < 20; each += 1) given.push(names.next('web'));
      await clock.advance(round % 3);
    }
    expect(given.toSorted()).toEqual(given);
    expect(new Set(given).size).toBe(given.length);
  });

  it('are others where two tell of one object in the same millisecond', () => {
    const clock = new FakeClock();
    const random = seededRandom(11).next;
    const [one, two] = [new EventNames(clock, random), new EventNames(clock, random)];
    expect(one.next('web')).not.toBe(two.next('web'));
  });

  it('are UUIDs for an object whose name is no name for an event', () => {
    expect(new EventNames(new FakeClock(), () => 0).next('system:node')).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-/);
  });
});
