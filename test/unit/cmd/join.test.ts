import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { joinCommand } from '../../../src/cmd/join.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-join-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

// both are no phases, so that none is run: which of them is told of says which one counted
it.each([
  ['', 'skipPhases: there is no phase "sing"'],
  ['dance', '--skip-phases: there is no phase "dance"'],
])('--skip-phases=%s stands in the place of skipPhases of the file', async (skipPhases, because) => {
  const config = join(directory, 'join.yaml');
  const bootstrapToken = { token: 'abcdef.0123456789abcdef', apiServerEndpoint: '192.0.2.1:6443' };
  writeFileSync(
    config,
    JSON.stringify({
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'JoinConfiguration',
      discovery: { bootstrapToken: { ...bootstrapToken, unsafeSkipCAVerification: true } },
      skipPhases: ['sing'],
    }),
  );
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const code = await joinCommand(undefined, {
    token: '',
    discoveryToken: '',
    tlsBootstrapToken: '',
    discoveryFile: '',
    discoveryTokenCaCertHash: [],
    nodeIp: '192.0.2.2',
    nodeLabels: '',
    ignorePreflightErrors: '',
    config,
    skipPhases,
  });
  expect([code, said.mock.calls.join('')]).toEqual([3, expect.stringContaining(because)]);
});
