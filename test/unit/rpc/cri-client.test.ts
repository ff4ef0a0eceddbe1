import { describe, expect, it } from 'vitest';
import { createCriClient, criTimeoutMs } from '../../../src/rpc/cri-client.ts';

describe('criTimeoutMs', () => {
  it.each([
    ['an ordinary call has the request time-out', 'RuntimeService/Version', {}, 120_000],
    ['a sandbox may take twice as long', 'RuntimeService/RunPodSandbox', {}, 240_000],
    ['stopping has the grace period on top', 'RuntimeService/StopContainer', { timeout: 30n }, 150_000],
    ['a negative grace period adds nothing', 'RuntimeService/StopContainer', { timeout: -1n }, 120_000],
    ['a command has its own time on top', 'RuntimeService/ExecSync', { timeout: 10n }, 130_000],
    ['a command without limit has none', 'RuntimeService/ExecSync', { timeout: 0n }, 0],
    ['a checkpoint has the time it asks for', 'RuntimeService/CheckpointContainer', { timeout: 10n }, 10_000],
    ['one that asks for none has the request time-out', 'RuntimeService/CheckpointContainer', { timeout: 0n }, 120_000],
    ['a pull has no limit', 'ImageService/PullImage', {}, 0],
    ['other image calls have the request time-out', 'ImageService/ImageStatus', {}, 120_000],
  ])('%s', (_sentence, call, request, expected) => {
    expect(criTimeoutMs(`/runtime.v1.${call}`, request, 120_000)).toBe(expected);
  });
});

describe('createCriClient', () => {
  it.each(['/run/x.sock', 'unix:/run/x.sock', 'unix://', 'tcp://127.0.0.1:1'])(
    'refuses the endpoint "%s"',
    endpoint => {
      expect(() => createCriClient(endpoint)).toThrow(/is not of the form unix:\/\/\/path/);
    },
  );

  it('offers all 41 calls', () => {
    const client = createCriClient('unix:///nonexistent');
    expect(Object.values(client).filter(value => typeof value === 'function')).toHaveLength(41 + 1);
    client.close();
  });
});
