import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createServer as createSocketServer, type Server as SocketServer } from 'node:net';
import { rootCertificates } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { ImportStep } from '../../src/cri/images/import-archive.ts';
import { contextFor } from '../../src/cri/images/trusted-certificates.ts';
import { listProcesses } from '../../src/linux/procfs.ts';
import { createImagesClient } from '../../src/rpc/images-client.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { type BuiltImage, buildImage, buildLayer } from '../harness/image-builder.ts';
import { EMPTY_STORE, openTestStore, storeContent } from '../harness/image-store.ts';
import { freePort, startLoopbackRegistry } from '../harness/loopback-registry.ts';
import { runDirectory } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

const never = new AbortController().signal;
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function listen(server: Server | SocketServer, closeConnections: () => void): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    closeConnections();
    server.close();
    await once(server, 'close');
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  return listen(server, () => server.closeAllConnections());
}

/** The bytes that a request for this image asks for. */
function bytesFor(image: BuiltImage, url: string): Buffer {
  const blob = [image.config, ...image.layers].find(b => url.endsWith(b.digest));
  return blob?.bytes ?? image.manifest.bytes;
}

async function randomImage(bytes: number): Promise<BuiltImage> {
  return buildImage([await buildLayer([[{ name: 'f' }, randomBytes(bytes)]])]);
}

describe('the process that unpacks a layer', () => {
  it('fetches it too: its bytes do not pass through the shim', async () => {
    const registry = await startLoopbackRegistry();
    closing.push(() => registry.stop());
    const reference = await registry.push(await randomImage(24 << 20), 'test/large', '1');
    const directory = runDirectory('cri');
    const settings = {
      socket: `${directory}/cri.sock`,
      root: `${directory}/root`,
      state: `${directory}/state`,
      cni: { confDir: `${directory}/cni`, cacheDir: `${directory}/cni-cache`, journalDir: `${directory}/cni-journal` },
      metricsAddress: `127.0.0.1:${await freePort()}`,
    };
    mkdirSync(settings.cni.confDir);
    writeFileSync(`${directory}/cri.yaml`, JSON.stringify(settings));
    const [file = '', ...args] = gantryCommand('run', 'cri', '--config', `${directory}/cri.yaml`);
    const shim = spawn(file, args, { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
    const ended = once(shim, 'close');
    const client = createImagesClient(`unix://${settings.socket}`);
    const bytesRead = (): number =>
      Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${shim.pid}/io`, 'utf8'))?.[1] ?? Number.NaN);
    try {
      await waitFor('the socket', () => existsSync(settings.socket));
      await client.listImages({ filter: undefined });
      const before = bytesRead();
      const spec = { image: reference, annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' };
      await client.pullImage({ image: spec, auth: undefined, sandboxConfig: undefined });
      expect(bytesRead() - before).toBeLessThan(2 << 20);
    } finally {
      client.close();
      shim.kill('SIGTERM');
      await ended;
    }
  });

  it('is given credentials, but not where other processes can read them', async () => {
    const image = await randomImage(1000);
    const seen: string[] = [];
    const basic = `Basic ${Buffer.from('me:s3cret').toString('base64')}`;
    const address = await serve((request, response) => {
      const url = request.url ?? '';
      const isIn = request.headers.authorization === basic;
      const isLayer = isIn && url.endsWith(image.layers[0]?.digest ?? '');
      const processes = isLayer ? listProcesses().filter(p => p.ppid === process.pid) : [];
      const unpackers = processes.filter(p => p.cmdline.includes('unpack-layers'));
      seen.push(...unpackers.map(p => p.cmdline.join(' ') + readFileSync(`/proc/${p.pid}/environ`, 'utf8')));
      response.writeHead(isIn ? 200 : 401, { 'content-type': MANIFEST_TYPE, 'www-authenticate': 'Basic realm="r"' });
      response.end(isIn ? bytesFor(image, url) : '');
    });
    const { images } = await openTestStore();
    await images.pull(
      `${address}/a:1`,
      { username: 'me', password: 's3cret', registryToken: '', identityToken: '' },
      never,
    );
    expect(seen).toHaveLength(1);
    expect(seen.join()).toContain('PATH=');
    for (const secret of ['s3cret', basic.slice('Basic '.length), '"auth']) expect(seen.join()).not.toContain(secret);
    await images.close();
  });

  it('logs in again when the token has run out in the meantime', async () => {
    const image = await randomImage(1000);
    let issued = 0;
    const tokens = await serve((_request, response) => {
      issued += 1;
      response.end(JSON.stringify({ token: `T${issued}` }));
    });
    const address = await serve((request, response) => {
      const url = request.url ?? '';
      const valid = url.endsWith(image.layers[0]?.digest ?? '') ? 'Bearer T2' : 'Bearer T1';
      const isIn = request.headers.authorization === valid;
      const challenge = `Bearer realm="http://${tokens}/token",service="s"`;
      response.writeHead(isIn ? 200 : 401, { 'content-type': MANIFEST_TYPE, 'www-authenticate': challenge });
      response.end(isIn ? bytesFor(image, url) : '');
    });
    const { images } = await openTestStore();
    expect((await images.pull(`${address}/a:1`, undefined, never)).id).toBe(image.config.digest);
    expect(issued).toBe(2);
    await images.close();
  });

  it('asks again when the registry has closed the connection that was kept open', async () => {
    const image = await randomImage(1000);
    const used = new WeakSet<object>();
    let closed = 0;
    const address = await serve((request, response) => {
      const isKept = used.has(request.socket);
      used.add(request.socket);
      closed += Number(isKept);
      response.writeHead(200, { 'content-type': MANIFEST_TYPE });
      (isKept ? () => request.socket.destroy() : () => response.end(bytesFor(image, request.url ?? '')))();
    });
    const { images } = await openTestStore();
    expect((await images.pull(`${address}/a:1`, undefined, never)).id).toBe(image.config.digest);
    expect(closed).toBeGreaterThan(0);
    await images.close();
  });

  it('asks for a layer again when the registry breaks off, and gives up after the third time', async () => {
    const image = await randomImage(300_000);
    const layer = image.layers[0];
    let broken = 2;
    let asked = 0;
    const address = await serve((request, response) => {
      const bytes = bytesFor(image, request.url ?? '');
      const isLayer = bytes === layer?.bytes;
      asked += Number(isLayer);
      response.writeHead(200, { 'content-type': MANIFEST_TYPE, 'content-length': bytes.length });
      const breaksOff = isLayer && asked <= broken;
      (breaksOff
        ? () => response.write(bytes.subarray(0, 1000), () => response.destroy())
        : () => response.end(bytes))();
    });
    const { images, root } = await openTestStore();
    expect((await images.pull(`${address}/a:1`, undefined, never)).id).toBe(image.config.digest);
    expect(asked).toBe(3);
    await images.remove(`${address}/a:1`);
    [asked, broken] = [0, Number.POSITIVE_INFINITY];
    await expect(images.pull(`${address}/a:1`, undefined, never)).rejects.toMatchObject({ code: 'unavailable' });
    expect(asked).toBe(3);
    expect(storeContent(root)).toEqual(EMPTY_STORE);
    await images.close();
  });

  it('trusts the certificates that the shim trusts', async () => {
    const directory = runDirectory('tls');
    const [key, cert] = [`${directory}/key.pem`, `${directory}/cert.pem`];
    const subject = ['-subj', '/CN=registry', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const made = ['-keyout', key, '-out', cert, '-days', '2', ...subject];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...made],
      {
        stdio: 'ignore',
      },
    );
    const image = await randomImage(300_000);
    const secure = createSecureServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
      response.writeHead(200, { 'content-type': MANIFEST_TYPE }).end(bytesFor(image, request.url ?? ''));
    });
    const plain = createServer((_request, response) => response.writeHead(400).end('this port speaks HTTPS'));
    // As Go's servers do: plain HTTP on the port of HTTPS is answered with 400.
    const both = createSocketServer(socket => {
      socket.on('error', () => undefined);
      socket.once('data', first => {
        socket.pause();
        socket.unshift(first);
        (first[0] === 0x16 ? secure : plain).emit('connection', socket);
        process.nextTick(() => socket.resume());
      });
    });
    const address = await listen(both, () => {
      secure.closeAllConnections();
      plain.closeAllConnections();
    });
    const { images, root } = await openTestStore();
    await expect(images.pull(`${address}/a:1`, undefined, never)).rejects.toThrow(/TLS error/);
    const before = process.env['SSL_CERT_FILE'];
    process.env['SSL_CERT_FILE'] = cert;
    try {
      const record = await images.pull(`${address}/a:1`, undefined, never);
      expect(readFileSync(`${images.layerDirs(record.id)[0]}/f`)).toHaveLength(300_000);
      await images.remove(record.id);
    } finally {
      Object.assign(process.env, { SSL_CERT_FILE: before ?? '/etc/ssl/certs/ca-certificates.crt' });
    }
    expect(storeContent(root)).toEqual(EMPTY_STORE);
    await images.close();
  });
});

describe('the trusted certificates', () => {
  const before = process.env['SSL_CERT_FILE'];
  afterEach(() => {
    Object.assign(process.env, { SSL_CERT_FILE: before ?? '/etc/ssl/certs/ca-certificates.crt' });
  });

  it('are parsed once, and again when the file has changed', () => {
    const file = `${runDirectory('tls')}/bundle.pem`;
    const [first = '', second = ''] = rootCertificates;
    Object.assign(process.env, { SSL_CERT_FILE: file });
    writeFileSync(file, first);
    const context = contextFor(undefined);
    expect(contextFor(undefined)).toBe(context);
    writeFileSync(file, `${first}\n${second}`);
    const renewed = contextFor(undefined);
    expect(renewed).not.toBe(context);
    rmSync(file);
    expect(contextFor(undefined)).not.toBe(renewed);
  });
});

describe('an import', () => {
  it('tells how many bytes of how many are in, and an archive that is cut off is refused', async () => {
    const image = await randomImage(2 << 20);
    const registry = await startLoopbackRegistry();
    closing.push(() => registry.stop());
    const reference = await registry.push(image, 'test/progress', '1');
    const path = `${runDirectory('archive')}/image.tar`;
    const copy = ['--insecure-policy', 'copy', '-q', '--src-tls-verify=false', `docker://${reference}`];
    execFileSync('skopeo', [...copy, `oci-archive:${path}:docker.io/my/app:3`]);
    const { images } = await openTestStore();
    const steps: ImportStep[] = [];
    await images.importArchive(path, '', step => steps.push(step), never);
    const total = image.layers[0]?.bytes.length ?? 0;
    expect(steps[0]).toEqual({ message: `reading ${path}`, bytesDone: 0, bytesTotal: 0 });
    expect(steps.at(-1)).toMatchObject({ bytesDone: total, bytesTotal: total });
    const done = steps.map(s => s.bytesDone);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    truncateSync(path, 1 << 20);
    await expect(images.importArchive(path, '', () => {}, never)).rejects.toThrow(
      /is not an image archive.*middle of an entry/,
    );
    await images.close();
  });
});
