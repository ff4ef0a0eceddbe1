import { expect, it } from 'vitest';
import { UnreadAnswers } from '../../../../src/apiserver/serve/unread-answers.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

const answers = () => {
  const clock = new FakeClock();
  const unread = new UnreadAnswers(100, clock);
  const cut: string[] = [];
  const hold = (name: string, bytes: number) => unread.hold(bytes, () => cut.push(name));
  return { clock, unread, cut, hold };
};

it('refuses what does not fit beside answers whose clients read on', () => {
  const { unread, cut, hold } = answers();
  const first = hold('first', 60);
  expect(hold('second', 60)).toBeUndefined();
  first?.taken(20);
  expect(hold('second', 60)).toBeDefined();
  expect([unread.bytes, cut]).toEqual([80, []]);
});

it('cuts off those that stall, the longest stalled first, and no more of them than it must', async () => {
  const { clock, unread, cut, hold } = answers();
  const first = hold('first', 30);
  hold('second', 30);
  hold('third', 30);
  await clock.advance(2000);
  first?.taken(30);
  expect(hold('fourth', 40)).toBeDefined();
  expect([unread.bytes, cut]).toEqual([100, ['second']]);
});

it('lets a single answer be larger than all may be', () => {
  const { unread, hold } = answers();
  const large = hold('large', 1000);
  expect(large).toBeDefined();
  expect(hold('small', 1)).toBeUndefined();
  large?.release();
  large?.release();
  large?.taken(5);
  expect(unread.bytes).toBe(0);
});
