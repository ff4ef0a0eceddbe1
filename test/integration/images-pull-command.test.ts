import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createImagesClient } from '../../src/rpc/images-client.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { type BuiltImage, buildImage, buildLayer } from '../harness/image-builder.ts';
import { openTestStore } from '../harness/image-store.ts';
import { freePort } from '../harness/loopback-registry.ts';
import { type RegistryServer, serveImage } from '../harness/registry-server.ts';
import { runDirectory } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

const never = new AbortController().signal;
const BASIC = `Basic ${Buffer.from('me:s3cret').toString('base64')}`;

let image: BuiltImage;
let registry: RegistryServer;
let shim: ChildProcess;
let shimEnded: Promise<unknown>;
const directory = runDirectory('pull-command');
const socket = `${directory}/cri.sock`;

beforeAll(async () => {
  image = buildImage([
    await buildLayer([[{ name: 'f' }, randomBytes(500_000)]]),
    await buildLayer([[{ name: 'g' }, randomBytes(1000)]]),
  ]);
  registry = await serveImage(image, (request, response) => {
    if (request.headers.authorization === BASIC) return false;
    response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
    return true;
  });
  const settings = {
    socket,
    root: `${directory}/root`,
    state: `${directory}/state`,
    cni: { confDir: `${directory}/cni`, cacheDir: `${directory}/cni-cache`, journalDir: `${directory}/cni-journal` },
    registries: { shortNames: { aliases: { web: `${registry.address}/team/web` } } },
    metricsAddress: `127.0.0.1:${await freePort()}`,
  };
  mkdirSync(settings.cni.confDir);
  writeFileSync(`${directory}/cri.yaml`, JSON.stringify(settings));
  const [file = '', ...args] = gantryCommand('run', 'cri', '--config', `${directory}/cri.yaml`);
  shim = spawn(file, args, { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
  shimEnded = once(shim, 'close');
  await waitFor('the socket', () => existsSync(socket));
});

afterAll(async () => {
  shim.kill('SIGTERM');
  await shimEnded;
  await registry.close();
});

/** `gantry image pull` with an environment of its own. */
async function pull(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const [file = '', ...rest] = gantryCommand('image', 'pull', '--socket', socket, ...args);
  const environment = { PATH: process.env['PATH'], HOME: directory, ...env };
  const { stdout } = await promisify(execFile)(file, rest, { env: environment });
  return stdout.trim();
}

const refusal = (pulling: Promise<string>): Promise<string> =>
  pulling.then(
    () => 'pulled',
    error => String(error.stderr),
  );

/** A directory with a config.json. */
function dockerConfig(content: object): string {
  const folder = runDirectory('docker');
  writeFileSync(`${folder}/config.json`, JSON.stringify(content));
  return folder;
}

/** A helper on a PATH of its own that answers with these lines of shell. */
function helper(lines: string): string {
  const folder = runDirectory('helper');
  writeFileSync(`${folder}/docker-credential-test`, `#!/bin/sh\n${lines}\n`);
  chmodSync(`${folder}/docker-credential-test`, 0o755);
  return `${folder}:${process.env['PATH']}`;
}

describe('gantry image pull', () => {
  it('needs credentials where the registry does', async () => {
    expect(await refusal(pull([`${registry.address}/team/web:1`]))).toMatch(/asks for a user name and a password/);
  });

  it("takes them from the caller's docker config", async () => {
    const auths = { [registry.address]: { auth: Buffer.from('me:s3cret').toString('base64') } };
    const DOCKER_CONFIG = dockerConfig({ auths });
    expect(await pull([`${registry.address}/team/web:2`], { DOCKER_CONFIG })).toBe(image.config.digest);
  });

  it('takes them from a helper, which is asked for the registry', async () => {
    const DOCKER_CONFIG = dockerConfig({ credHelpers: { [registry.address]: 'test' } });
    const PATH = helper(
      `read server; [ "$1 $server" = "get ${registry.address}" ] && echo '{"Username":"me","Secret":"s3cret"}'`,
    );
    expect(await pull([`${registry.address}/team/web:3`], { DOCKER_CONFIG, PATH })).toBe(image.config.digest);
  });

  it('shows what it has for a registry to no other, though the shim takes the name for one there', async () => {
    const auths = { 'https://index.docker.io/v1/': { auth: Buffer.from('me:s3cret').toString('base64') } };
    const DOCKER_CONFIG = dockerConfig({ auths });
    const before = registry.requests.length;
    const said = await refusal(pull(['web:6'], { DOCKER_CONFIG }));
    const seen = registry.requests.slice(before).map(r => r.headers.authorization);
    expect(new Set(seen)).toEqual(new Set([undefined]));
    const why = `credentials of the request are for "registry-1.docker.io", not for ${registry.address}`;
    expect(said).toContain(`none were given (${why})`);
  });

  it('says which helper failed, and why', async () => {
    const file = `${dockerConfig({ credsStore: 'test' })}/config.json`;
    const args = ['--docker-config', file, `${registry.address}/team/web:4`];
    expect(await refusal(pull(args, { PATH: helper('echo locked >&2; exit 1') }))).toContain(
      `credentials in ${file} cannot be used: docker-credential-test get failed for ${registry.address}: locked`,
    );
    expect(await refusal(pull(args))).toContain('docker-credential-test cannot be run');
  });

  it('knows the short names of the shim, and so does everybody who asks for the image', async () => {
    const client = createImagesClient(`unix://${socket}`);
    const auth = {
      username: 'me',
      password: 's3cret',
      auth: '',
      serverAddress: '',
      identityToken: '',
      registryToken: '',
    };
    try {
      const seen: string[] = [];
      for await (const { layersDone, layersTotal, id } of client.pull({ image: 'web:5', auth }))
        seen.push(`${layersDone}/${layersTotal} ${id}`);
      expect(seen.at(-1)).toBe(`2/2 ${image.config.digest}`);
      const spec = { image: 'web:5', annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' };
      const status = await client.imageStatus({ image: spec, verbose: false });
      expect(status.image?.repoTags).toContain(`${registry.address}/team/web:5`);
    } finally {
      client.close();
    }
  });
});

describe("the shim's docker config files", () => {
  it('have the credentials of a request that brings none, and of mirrors', async () => {
    const auths = { [registry.address]: { username: 'me', password: 's3cret' } };
    const dockerConfigs = ['/nonexistent/config.json', `${dockerConfig({ auths })}/config.json`];
    const mirrors = { 'reg.example': [`http://${registry.address}`] };
    const { images } = await openTestStore({ registries: { dockerConfigs, mirrors } });
    expect((await images.pull(`${registry.address}/team/web:1`, undefined, never)).id).toBe(image.config.digest);
    expect((await images.pull('reg.example/web:1', undefined, never)).id).toBe(image.config.digest);
    await images.close();
  });

  it('that cannot be read are passed over, and the error of the pull says so', async () => {
    const file = `${runDirectory('docker')}/config.json`;
    writeFileSync(file, 'no JSON');
    const { images } = await openTestStore({ registries: { dockerConfigs: [file] } });
    await expect(images.pull(`${registry.address}/a:1`, undefined, never)).rejects.toThrow(
      `none were given (credentials in ${file} cannot be used: it is not JSON)`,
    );
    await images.close();
  });

  it('do not stand in for credentials that are for another registry', async () => {
    const { images } = await openTestStore();
    const login = { username: 'me', password: 's3cret', registryToken: '', identityToken: '' };
    const elsewhere = { ...login, serverAddress: 'https://other.example' };
    await expect(images.pull(`${registry.address}/a:1`, elsewhere, never)).rejects.toThrow(/none were given/);
    const here = { ...login, serverAddress: `https://${registry.address}/v2/` };
    expect((await images.pull(`${registry.address}/a:1`, here, never)).id).toBe(image.config.digest);
    await images.close();
  });
});
