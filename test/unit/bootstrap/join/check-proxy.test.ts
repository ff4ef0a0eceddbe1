import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { afterAll, describe, expect, it } from 'vitest';
import { filesBelow } from '../../../../src/bootstrap/files.ts';
import { checkProxy } from '../../../../src/bootstrap/join/check-proxy.ts';

describe('the service proxy that a cluster wants of a machine', () => {
  const root = mkdtempSync(`${tmpdir()}/gantry-check-proxy-`);
  const context = { files: filesBelow(root), ignoredChecks: [], insideHost: true };
  const said: string[] = [];
  const check = (text: string, ignoredChecks: readonly string[] = []): Promise<void> =>
    checkProxy({ ...context, ignoredChecks }, text, line => said.push(line));

  afterAll(() => {
    rmSync(root, { recursive: true });
  });

  it('may have a port that somebody has, and goes without it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await check(`healthzBindAddress: 127.0.0.1:${port}\nmetricsBindAddress: 127.0.0.1:1\n`);
    expect(said[0]).toMatch(new RegExp(`^\t\\[WARNING Port-${port}\\]: Port ${port} is in use, by `));
    server.close();
  });

  it.each(['- a', 'mode: [', ''])('cannot be read from %j', async text => {
    await expect(check(text)).rejects.toThrow(/^the ConfigMap kube-proxy in kube-system cannot be read: /);
  });
});
