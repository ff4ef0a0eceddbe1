import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { BuiltBlob, BuiltImage } from './image-builder.ts';
import { runDirectory } from './run-id.ts';
import { waitFor } from './wait-for.ts';

/** Debian's docker-registry on this machine's loopback, on a port of its own. */
export interface LoopbackRegistry {
  /** `127.0.0.1:<port>`. */
  readonly address: string;
  /** Uploads an image and returns its reference with the tag. */
  push(image: BuiltImage, name: string, tag: string): Promise<string>;
  /** Replaces the bytes of a stored blob behind the registry's back. */
  tamper(blob: BuiltBlob, bytes: Buffer): void;
  stop(): Promise<void>;
}

/** `extra` lines go to the end of its configuration. */
export async function startLoopbackRegistry(
  extra: readonly string[] = [],
  tls?: { cert: string; key: string },
): Promise<LoopbackRegistry> {
  const directory = runDirectory('registry');
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const tlsText = tls === undefined ? '' : `, tls: { certificate: "${tls.cert}", key: "${tls.key}" }`;
  writeFileSync(
    `${directory}/config.yml`,
    [
      'version: 0.1',
      'log: { level: error, accesslog: { disabled: true } }',
      `storage: { filesystem: { rootdirectory: "${directory}/data" } }`,
      `http: { addr: "${address}"${tlsText} }`,
      ...extra,
      '',
    ].join('\n'),
  );
  const child = spawn('docker-registry', ['serve', `${directory}/config.yml`], { stdio: 'ignore' });
  const base = `http://${address}`;
  await waitFor('the registry to answer', async () => (await fetch(`${base}/v2/`)).status > 0);
  const upload = async (name: string, blob: BuiltBlob): Promise<void> => {
    const start = await fetch(`${base}/v2/${name}/blobs/uploads/`, { method: 'POST' });
    const location = new URL(start.headers.get('location') ?? '', base);
    location.searchParams.set('digest', blob.digest);
    await expectStatus(
      201,
      await fetch(location, {
        method: 'PUT',
        body: new Uint8Array(blob.bytes),
        headers: { 'content-type': 'application/octet-stream' },
      }),
    );
  };
  return {
    address,
    async push(image, name, tag) {
      for (const blob of [image.config, ...image.layers]) await upload(name, blob);
      const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
      await expectStatus(
        201,
        await fetch(`${base}/v2/${name}/manifests/${tag}`, {
          method: 'PUT',
          body: new Uint8Array(image.manifest.bytes),
          headers,
        }),
      );
      return `${address}/${name}:${tag}`;
    },
    tamper(blob, bytes) {
      const hex = blob.digest.slice('sha256:'.length);
      writeFileSync(`${directory}/data/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`, bytes);
    },
    async stop() {
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

async function expectStatus(wanted: number, response: Response): Promise<void> {
  const body = await response.text();
  if (response.status !== wanted) throw new Error(`${response.url} answered ${response.status}: ${body}`);
}

/** A port that nothing listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
