import { mkdirSync, writeFileSync } from 'node:fs';
import type { Host, HostProcess } from '../../src/local-cluster/host/host.ts';
import { httpGet, run } from './host.ts';
import { imageArchive } from './images.ts';
import { waitFor } from './wait-for.ts';

/** docker-registry inside a host, on its loopback: plain HTTP, without credentials. */
export interface Registry {
  /** `127.0.0.1:5000`: a port of the host's own, so several hosts may have one each. */
  readonly address: string;
  /** Copies a test image into it and returns its reference there. */
  push(image: Parameters<typeof imageArchive>[0], name: string): Promise<string>;
  stop(): Promise<void>;
}

const PORT = 5000;

export async function startRegistry(host: Host): Promise<Registry> {
  const directory = `${host.dataDir}/registry`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    `${directory}/config.yml`,
    [
      'version: 0.1',
      `storage: { filesystem: { rootdirectory: "${directory}/data" }, delete: { enabled: true } }`,
      `http: { addr: "127.0.0.1:${PORT}" }`,
      '',
    ].join('\n'),
  );
  const server: HostProcess = host.spawn(['docker-registry', 'serve', `${directory}/config.yml`], {
    logFile: `${directory}/log`,
  });
  await waitFor('the registry to answer', async saw => {
    const answer = await httpGet(host, PORT, '/v2/');
    saw(answer);
    return answer.status === 200;
  });
  return {
    address: `127.0.0.1:${PORT}`,
    async push(image, name) {
      const reference = `127.0.0.1:${PORT}/${name}`;
      await run(host, [
        'skopeo',
        '--insecure-policy',
        'copy',
        '--dest-tls-verify=false',
        `oci-archive:${await imageArchive(image)}`,
        `docker://${reference}`,
      ]);
      return reference;
    },
    async stop() {
      server.kill();
      await server.exited;
    },
  };
}
