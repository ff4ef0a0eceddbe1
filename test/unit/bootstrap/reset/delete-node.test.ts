import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { kubeconfigText } from '../../../../src/bootstrap/kubeconfig-file.ts';
import type { ResetContext } from '../../../../src/bootstrap/reset/context.ts';
import { RESET_PHASES } from '../../../../src/bootstrap/reset/phases.ts';

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

async function said(
  text: string | undefined,
  silent: readonly string[] = [],
  name: string | undefined = 'n1',
): Promise<readonly string[]> {
  const root = mkdtempSync(join(tmpdir(), 'delete-node-'));
  roots.push(root);
  const kubeconfig = join(root, 'kubelet.conf');
  if (text !== undefined) writeFileSync(kubeconfig, text);
  const lines: string[] = [];
  const context = {
    nodeObject: { name: name === '' ? undefined : name, kubeconfig },
    names: { silent },
  } as unknown as ResetContext;
  const phase = RESET_PHASES.find(({ name }) => name === 'delete-node');
  await phase?.run?.(context, line => lines.push(line.replaceAll(root, '')), new AbortController().signal);
  return lines;
}

const BY_HAND = 'so run "kubectl delete node n1" where you administer the cluster';

describe('phase delete-node of reset', () => {
  const pair = '/var/lib/kubelet-that-is-gone/pki/kubelet-client-current.pem';
  const withPair = kubeconfigText({
    clusterName: 'c',
    server: 'https://127.0.0.1:1',
    ca: 'ca',
    user: 'u',
    credentials: { 'client-certificate': pair, 'client-key': pair },
  });

  it('reads nothing where the pair that kubelet.conf names is on a disk that does not answer', async () => {
    expect(await said(withPair, ['/var/lib/kubelet-that-is-gone'])).toEqual([
      `The Node "n1" is not deleted, ${BY_HAND}: the disk or server of ${pair} does not answer`,
    ]);
  });

  it('goes on where a reset that was killed has taken the pair that kubelet.conf names', async () => {
    expect(await said(withPair)).toEqual([
      expect.stringMatching(new RegExp(`^The Node "n1" is not deleted, ${BY_HAND}: .*${pair}`)),
    ]);
  });

  it.each([
    ['is no kubeconfig', 'kind: Pod\n'],
    ['names a certificate that is none', badPair()],
  ])('goes on where --kubeconfig %s', async (_what, text) => {
    expect(await said(text)).toEqual([expect.stringContaining(`The Node "n1" is not deleted, ${BY_HAND}: `)]);
  });

  it('deletes none where nothing tells its name', async () => {
    expect(await said(withPair, [], '')).toEqual([
      expect.stringMatching(
        /^No Node is deleted: neither .* Name it by --node-name, or run "kubectl delete node NAME"/,
      ),
    ]);
  });

  it('says what to do where there is no kubeconfig', async () => {
    expect(await said(undefined)).toEqual([
      `There is no /kubelet.conf here (--kubeconfig names another one), ${BY_HAND}`,
    ]);
  });
});

function badPair(): string {
  const data = Buffer.from('none').toString('base64');
  const credentials = { 'client-certificate-data': data, 'client-key-data': data };
  return kubeconfigText({ clusterName: 'c', server: 'https://127.0.0.1:1', ca: 'none', user: 'u', credentials });
}
