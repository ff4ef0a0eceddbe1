import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import type { Host, HostProcess } from '../../src/local-cluster/host/host.ts';
import { httpGet, run } from './host.ts';
import type { BuiltBlob, BuiltImage } from './image-builder.ts';
import { imageArchive } from './images.ts';
import { waitFor } from './wait-for.ts';

/** docker-registry inside a host, on its loopback: plain HTTP. */
export interface Registry {
  /** `127.0.0.1:5000`: a port of the host's own, so several hosts may have one each. */
  readonly address: string;
  /** Copies a test image into it and returns its reference there. */
  push(image: Parameters<typeof imageArchive>[0], name: string): Promise<string>;
  /** The same for an image that a test has built, whatever is in its layers. */
  pushBuilt(image: BuiltImage, name: string): Promise<string>;
  /** Replaces the bytes of a stored blob behind the registry's back. */
  tamper(blob: BuiltBlob, bytes: Buffer): void;
  stop(): Promise<void>;
}

const PORT = 5000;

/** A user as the registry asks for one: `hash` is the password's bcrypt. */
export interface RegistryUser {
  readonly username: string;
  readonly password: string;
  readonly hash: string;
}

/** Asks nobody for credentials unless there is a `user`. */
export async function startRegistry(host: Host, user?: RegistryUser): Promise<Registry> {
  const directory = `${host.dataDir}/registry`;
  mkdirSync(directory, { recursive: true });
  const users = `${directory}/users`;
  if (user !== undefined) writeFileSync(users, `${user.username}:${user.hash}\n`);
  writeFileSync(
    `${directory}/config.yml`,
    [
      'version: 0.1',
      `storage: { filesystem: { rootdirectory: "${directory}/data" }, delete: { enabled: true } }`,
      `http: { addr: "127.0.0.1:${PORT}" }`,
      ...(user === undefined ? [] : [`auth: { htpasswd: { realm: test, path: "${users}" } }`]),
      '',
    ].join('\n'),
  );
  const server: HostProcess = host.spawn(['docker-registry', 'serve', `${directory}/config.yml`], {
    logFile: `${directory}/log`,
  });
  await waitFor('the registry to answer', async saw => {
    const answer = await httpGet(host, PORT, '/v2/');
    saw(answer);
    return answer.status === (user === undefined ? 200 : 401);
  });
  const push = async (source: string, name: string): Promise<string> => {
    const reference = `127.0.0.1:${PORT}/${name}`;
    await run(host, [
      'skopeo',
      '--insecure-policy',
      'copy',
      '--dest-tls-verify=false',
      ...(user === undefined ? [] : [`--dest-creds=${user.username}:${user.password}`]),
      source,
      `docker://${reference}`,
    ]);
    return reference;
  };
  return {
    address: `127.0.0.1:${PORT}`,
    push: async (image, name) => push(`oci-archive:${await imageArchive(image)}`, name),
    async pushBuilt(image, name) {
      const layout = mkdtempSync(`${host.dataDir}/layout-`);
      writeLayout(layout, image);
      return push(`oci:${layout}:built`, name);
    },
    tamper(blob, bytes) {
      const hex = hexOf(blob);
      writeFileSync(`${directory}/data/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`, bytes);
    },
    async stop() {
      server.kill();
      await server.exited;
    },
  };
}

function writeLayout(layout: string, { manifest, config, layers }: BuiltImage): void {
  mkdirSync(`${layout}/blobs/sha256`, { recursive: true });
  for (const blob of [manifest, config, ...layers]) writeFileSync(`${layout}/blobs/sha256/${hexOf(blob)}`, blob.bytes);
  const entry = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: manifest.digest,
    size: manifest.bytes.length,
    annotations: { 'org.opencontainers.image.ref.name': 'built' },
  };
  writeFileSync(`${layout}/index.json`, JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  writeFileSync(`${layout}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
}

const hexOf = ({ digest }: BuiltBlob): string => digest.slice('sha256:'.length);
