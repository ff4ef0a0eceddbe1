import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { healthzUrl, waitForKubelet } from '../../../src/bootstrap/kubelet-health.ts';
import type { Services } from '../../../src/bootstrap/services.ts';

const services = { lastLog: async () => 'it has not begun', isRunning: async () => true } as unknown as Services;
const wait = (configuration: string, timeoutMs: number): Promise<void> =>
  waitForKubelet({ configuration, services, timeoutMs, signal: new AbortController().signal });

describe('the health of a kubelet', () => {
  it.each([
    ['', 'http://127.0.0.1:10248/healthz'],
    ['healthzPort: 20248\nhealthzBindAddress: 10.0.0.5', 'http://10.0.0.5:20248/healthz'],
    ['healthzBindAddress: 0.0.0.0', 'http://127.0.0.1:10248/healthz'],
    ['healthzBindAddress: "::"', 'http://127.0.0.1:10248/healthz'],
    ['healthzBindAddress: fd00::5', 'http://[fd00::5]:10248/healthz'],
    ['healthzPort: 0', undefined],
  ])('by %j is told at %s', (configuration, url) => {
    expect(healthzUrl(configuration)).toBe(url);
  });

  it('is waited for as long as was said, and no longer', async () => {
    const server = createServer((_, response) => response.writeHead(500).end('not yet')).listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(wait(`healthzPort: ${port}`, 150)).rejects.toThrow(
      /^waited 0 s for the kubelet to be healthy at .*; seen last: /,
    );
    server.close();
  });

  it('is not asked for where it is told nowhere', async () => {
    await wait('healthzPort: 0', 10);
  });
});
