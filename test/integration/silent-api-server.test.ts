import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { gantryCommand } from '../harness/gantry-command.ts';

let server: Server;
let directory: string;
let url: string;
const held = new Set<Socket>();
beforeAll(async () => {
  // as a process that was stopped: the kernel takes connections for it
  server = createServer(socket => held.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  directory = mkdtempSync(`${tmpdir()}/gantry-silent-`);
  const kubeconfig = {
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 't' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(`${directory}/kubeconfig`, JSON.stringify(kubeconfig));
});
afterAll(() => {
  for (const socket of held) socket.destroy();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

function run(...args: string[]): Promise<{ code: number; seconds: number; err: string }> {
  const [file = '', ...words] = gantryCommand(...args, '--kubeconfig', `${directory}/kubeconfig`);
  const began = performance.now();
  return new Promise(resolve => {
    const child = execFile(file, words, (_, _out, err) =>
      resolve({ code: child.exitCode ?? -1, seconds: (performance.now() - began) / 1000, err }),
    );
  });
}

it.concurrent.each([
  ['token list', ['token', 'list'], /GET \/api\/v1\/namespaces\/kube-system\/secrets\?\S+/],
  ['token create', ['token', 'create'], /POST \/api\/v1\/namespaces\/kube-system\/secrets/],
  ['conformance', ['conformance', '--node', 'n'], /GET \/api\/v1\/nodes\/n/],
])('gantry %s says within seconds that an API server does not answer, and what to do', async (_, words, request) => {
  const { code, seconds, err } = await run(...words);
  const done = words.includes('create') ? ', and whether it has done it is not known' : '';
  expect(err.replace(request, 'REQUEST')).toBe(
    `gantry: the API server at ${url} did not answer REQUEST within 10 s${done}: on the control plane, "gantry status" tells how it is, and "gantry logs control-plane" what it had to say\n`,
  );
  expect(code).toBe(1);
  expect(seconds).toBeLessThan(20);
});
