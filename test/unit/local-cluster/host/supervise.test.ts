import { describe, expect, it } from 'vitest';
import { runScript } from '../../../../src/local-cluster/host/supervise.ts';

describe('runScript', () => {
  it('keeps every word literal', () => {
    expect(runScript(['/bin/echo', "it's", '$HOME `x` "y"'], { A: "b'c" })).toBe(
      "#!/bin/sh\nexec 2>&1\nexport A='b'\\''c'\nexec '/bin/echo' 'it'\\''s' '$HOME `x` \"y\"'\n",
    );
  });

  it('refuses what is no variable name', () => {
    expect(() => runScript(['true'], { 'A;B': '1' })).toThrow('"A;B" is not an environment variable name');
  });
});
