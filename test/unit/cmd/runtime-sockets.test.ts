import { describe, expect, it } from 'vitest';
import { runtimeSockets } from '../../../src/cmd/runtime-sockets.ts';
import { DEFAULT_CRI_CONFIG } from '../../../src/cri/config.ts';

describe('what the runtime serves on by TCP', () => {
  it('is what its configuration says', () => {
    const where = (metricsAddress: string | undefined, address: string | undefined) =>
      runtimeSockets({ metricsAddress, streaming: { address, tlsCertFile: '', tlsKeyFile: '' } });
    const of = { protocol: 'tcp', of: 'runtime' };
    expect(runtimeSockets(DEFAULT_CRI_CONFIG)).toEqual([{ ...of, address: '127.0.0.1', port: 10_260 }]);
    expect(where('[::1]:7', '10.0.0.5:8')).toEqual([
      { ...of, address: '::1', port: 7 },
      { ...of, address: '10.0.0.5', port: 8 },
    ]);
    expect(where(undefined, undefined)).toEqual([]);
  });
});
