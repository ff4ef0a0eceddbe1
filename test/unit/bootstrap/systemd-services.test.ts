import { describe, expect, it } from 'vitest';
import { logEnd } from '../../../src/bootstrap/systemd-services.ts';

describe('logEnd', () => {
  it.each([
    ['nothing', '', '(empty)'],
    ['line breaks alone', '\n\n', '(empty)'],
    ['one line', 'bind: address already in use\n', 'bind: address already in use'],
    ['more lines than are told', 'a\nb\nc\nd\n', 'b | c | d'],
  ])('is of %s the last lines as one', (_what, text, end) => {
    expect(logEnd(text)).toBe(end);
  });

  it('keeps the end of what is too long', () => {
    const end = logEnd(`${'x'.repeat(5000)} the reason`);
    expect(end).toHaveLength(600);
    expect(end).toMatch(/ the reason$/);
  });
});
