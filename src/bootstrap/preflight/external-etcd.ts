import { existsSync, readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { errorMessage } from '../../base/errors.ts';
import type { PreflightFacts } from './plan.ts';

export interface ExternalEtcdFiles {
  readonly httpEndpoints: readonly string[];
  /** PEM; empty where there is none. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

const PATIENCE_MS = 5000;
const MOST_BYTES = 4096;

/** What each endpoint says at /version, or why it does not. Reads the files anew; changes nothing. */
export function externalEtcdVersions(files: ExternalEtcdFiles): Promise<PreflightFacts['externalEtcd']> {
  return Promise.all(
    files.httpEndpoints.map(async endpoint => {
      try {
        const text = await get(`${endpoint.replace(/\/$/, '')}/version`, files);
        return { endpoint, version: String((JSON.parse(text) as { etcdserver?: unknown }).etcdserver ?? '') };
      } catch (error) {
        return { endpoint, error: errorMessage(error) };
      }
    }),
  );
}

function get(url: string, { caFile, certFile, keyFile }: ExternalEtcdFiles): Promise<string> {
  const pem = (path: string): Buffer | undefined => (path !== '' && existsSync(path) ? readFileSync(path) : undefined);
  const tls = { ca: pem(caFile), cert: pem(certFile), key: pem(keyFile) };
  return new Promise((resolve, reject) => {
    const options = { timeout: PATIENCE_MS, agent: false } as const;
    const call = url.startsWith('https:') ? httpsRequest(url, { ...options, ...tls }) : httpRequest(url, options);
    call.on('timeout', () => call.destroy(new Error(`no answer within ${PATIENCE_MS / 1000} s`)));
    call.on('error', reject);
    call.on('response', response => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MOST_BYTES) call.destroy(new Error('the answer is too long to be a version'));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () =>
        response.statusCode === 200
          ? resolve(Buffer.concat(chunks).toString())
          : reject(new Error(`it answers ${response.statusCode}`)),
      );
    });
    call.end();
  });
}
