import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { BuiltImage } from './image-builder.ts';

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** A server under a test's own control: it says what a registry would say of one image, unless `first` answers in its place. */
export interface RegistryServer {
  /** `127.0.0.1:<port>`. */
  readonly address: string;
  /** Paths asked for, in their order, with what stands behind `?`. */
  readonly paths: string[];
  readonly requests: IncomingMessage[];
  close(): Promise<void>;
}

/** Answers a request and returns true, or leaves it to the server. */
export type FirstAnswer = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Serves the image under every repository and tag. `tls` makes it an HTTPS server. */
export async function serveImage(
  image: BuiltImage,
  first: FirstAnswer = () => false,
  tls?: ServerOptions,
): Promise<RegistryServer> {
  const paths: string[] = [];
  const requests: IncomingMessage[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    paths.push(request.url ?? '');
    requests.push(request);
    if (first(request, response)) return;
    const blob = [image.config, ...image.layers].find(b => request.url?.includes(`/blobs/${b.digest}`));
    const isManifest = request.url?.includes('/manifests/') === true;
    const bytes = blob?.bytes ?? (isManifest ? image.manifest.bytes : undefined);
    if (bytes === undefined) response.writeHead(404).end();
    else {
      const digest = isManifest ? { 'docker-content-digest': image.manifest.digest } : {};
      response.writeHead(200, { 'content-type': MANIFEST_TYPE, 'content-length': bytes.length, ...digest }).end(bytes);
    }
  };
  const server: Server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    paths,
    requests,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
