/** The streaming server of the built shim over TLS. */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { selfSignedForLoopback } from '../../src/cmd/self-signed.ts';
import { ExecRequest } from '../../src/rpc/cri-api.ts';
import { collect } from '../harness/bytes.ts';
import { type CriPod, removeCriPod, runCriPod } from '../harness/cri-pod.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { openCommand } from '../harness/stream-client.ts';

const { cert, key } = selfSignedForLoopback('streams', Date.now());
const WANTED = { stdin: true, stdout: true, stderr: true };

let runtime: RuntimeHost;
let netns: string;
let pod: CriPod;

beforeAll(async () => {
  runtime = await gantryHost({
    criConfig: 'streaming:\n  tlsCertFile: /run/streams.crt\n  tlsKeyFile: /run/streams.key\n',
    prepare: host => {
      writeFileSync(host.path('/run/streams.crt'), cert);
      writeFileSync(host.path('/run/streams.key'), key, { mode: 0o600 });
    },
  });
  netns = `/proc/${runtime.host.pid1.pid}/ns/net`;
  pod = await runCriPod(runtime.client, 'tls');
});
afterAll(async () => {
  await removeCriPod(runtime.client, pod);
  await runtime.delete();
});

async function urlOf(cmd: readonly string[]): Promise<string> {
  const request = ExecRequest.fromPartial({ containerId: pod.containerId, cmd: [...cmd], ...WANTED });
  return (await runtime.client.exec(request)).url;
}

it('carries a command both ways to a client that trusts its certificate', async () => {
  const url = await urlOf(['/bin/sh', '-c', 'cat; exit 3']);
  expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/exec\//);
  const command = await openCommand(netns, url, WANTED, cert);
  const output = collect(command.stdout);
  const sent = Buffer.alloc(1 << 20, 'over TLS ');
  command.stdin.end(sent);
  expect(sent.equals(await output)).toBe(true);
  expect((await command.end).details?.causes?.[0]?.message).toBe('3');
});

it('is not spoken to by one that does not', async () => {
  const url = await urlOf(['/bin/true']);
  await expect(openCommand(netns, url, WANTED)).rejects.toThrow(/self-signed certificate/);
});
