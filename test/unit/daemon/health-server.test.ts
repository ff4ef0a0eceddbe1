import { describe, expect, it } from 'vitest';
import { healthReport } from '../../../src/daemon/health-server.ts';

const good = { name: 'ping', check: () => {} };
const bad = {
  name: 'runtime',
  check: () => {
    throw new Error('socket is gone');
  },
};

describe('healthReport', () => {
  it('is the bare word when all is well', async () => {
    expect(await healthReport([good], false)).toEqual({ ok: true, text: 'ok' });
  });

  it('lists each check when asked to', async () => {
    expect((await healthReport([good], true)).text).toBe('[+]ping ok\nhealthz check passed\n');
  });

  it('speaks of the path that was asked', async () => {
    expect((await healthReport([good], true, 'livez')).text).toBe('[+]ping ok\nlivez check passed\n');
  });

  it('names the check that fails and why', async () => {
    expect(await healthReport([good, bad], false)).toEqual({
      ok: false,
      text: '[+]ping ok\n[-]runtime failed: socket is gone\nhealthz check failed\n',
    });
  });
});
