import { existsSync, readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { errorMessage } from '../../base/errors.ts';
import { EtcdClient, prefixEnd } from '../../etcd/client.ts';
import { certificateIdentity, parseCertificate } from '../../pki/certificate.ts';
import { EXTENDED_KEY_USAGE } from '../../pki/extensions.ts';
import { readPrivateKey } from '../../pki/keys.ts';
import type { EndpointFailure, ExternalEtcdAccess, ExternalEtcdFacts } from './external-etcd-plan.ts';

const PATIENCE_MS = 5000;
/** For what is known to listen already. */
const PLAIN_PATIENCE_MS = 1000;
const MOST_BYTES = 4096;
/** Where all keys of a cluster are. */
const CLUSTER_KEYS = '/registry/';

/** Asks every endpoint, all at once: some seconds at most. Reads the files anew; changes nothing. */
export async function readExternalEtcd(access: ExternalEtcdAccess): Promise<ExternalEtcdFacts> {
  const fileProblems = problemsOfFiles(access);
  // what they would say then is of the files
  if (fileProblems.length > 0) return { access, fileProblems, versions: [], stores: [] };
  const versions = await Promise.all(access.httpEndpoints.map(endpoint => versionOf(endpoint, access)));
  const failed = versions.filter(({ failure }) => failure !== undefined).map(({ endpoint }) => endpoint);
  const asked = access.endpoints.filter(endpoint => !failed.includes(endpoint));
  return { access, fileProblems, versions, stores: await Promise.all(asked.map(each => storeOf(each, access))) };
}

/** What is wrong with the files for TLS, before anybody is asked with them. */
function problemsOfFiles({ caFile, certFile, keyFile }: ExternalEtcdAccess): readonly string[] {
  const given = [caFile, certFile, keyFile].filter(path => path !== '');
  const missing = given.filter(path => !existsSync(path));
  if (missing.length > 0) return missing.map(path => `${path} doesn't exist`);
  const problems: string[] = [];
  const tried = <T>(path: string, read: (text: string) => T): T | undefined => {
    try {
      return path === '' ? undefined : read(readFileSync(path, 'utf8'));
    } catch (error) {
      problems.push(`${path}: ${errorMessage(error)}`);
      return undefined;
    }
  };
  tried(caFile, parseCertificate);
  const certificate = tried(certFile, parseCertificate);
  const key = tried(keyFile, readPrivateKey);
  if (certificate === undefined || key === undefined) return problems;
  if (!certificate.checkPrivateKey(key)) problems.push(`${keyFile} is not the key of ${certFile}`);
  if (Date.parse(certificate.validTo) <= Date.now()) problems.push(`${certFile} has expired at ${certificate.validTo}`);
  if (Date.parse(certificate.validFrom) > Date.now())
    problems.push(`${certFile} is not valid before ${certificate.validFrom}: is the clock right?`);
  const { extendedKeyUsages } = certificateIdentity(certificate.raw).extensions;
  const { clientAuth, any } = EXTENDED_KEY_USAGE;
  if (extendedKeyUsages.length > 0 && ![clientAuth, any].some(usage => extendedKeyUsages.includes(usage)))
    problems.push(`${certFile} is no certificate of a client: its extended key usages lack clientAuth`);
  return problems;
}

type Files = Pick<ExternalEtcdAccess, 'caFile' | 'certFile' | 'keyFile'>;

async function versionOf(endpoint: string, access: ExternalEtcdAccess): Promise<ExternalEtcdFacts['versions'][number]> {
  try {
    const text = await get(`${endpoint.replace(/\/$/, '')}/version`, access);
    return { endpoint, version: String((JSON.parse(text) as { etcdserver?: unknown }).etcdserver ?? '') };
  } catch (error) {
    const failure = failureOf(error);
    // a server without TLS may end the connection before its answer in plain HTTP was read
    const isReset = endpoint.startsWith('https:') && failure.code === 'ECONNRESET';
    return { endpoint, failure: isReset ? { ...failure, plainHttp: await speaksPlainHttp(endpoint) } : failure };
  }
}

/** Whether what an `https:` endpoint leads to tells its version where it is asked without TLS. */
function speaksPlainHttp(endpoint: string): Promise<boolean> {
  const plain = endpoint.replace(/^https:/, 'http:').replace(/\/$/, '');
  return get(`${plain}/version`, { caFile: '', certFile: '', keyFile: '' }, PLAIN_PATIENCE_MS).then(
    () => true,
    () => false,
  );
}

/** Counts the keys of clusters as the API server would read them: by one member, with the word of most. */
async function storeOf(endpoint: string, access: ExternalEtcdAccess): Promise<ExternalEtcdFacts['stores'][number]> {
  const { ca, ...pair } = tlsOf(access);
  let client: EtcdClient | undefined;
  try {
    client = new EtcdClient({
      endpoints: [endpoint],
      timeoutMs: PATIENCE_MS,
      retryMs: 0,
      ...(ca === undefined ? {} : { tls: { ca, ...pair } }),
    });
    const { count } = await client.range(CLUSTER_KEYS, { end: prefixEnd(CLUSTER_KEYS), countOnly: true });
    return { endpoint, keys: count };
  } catch (error) {
    return { endpoint, failure: failureOf(error) };
  } finally {
    client?.close();
  }
}

function failureOf(error: unknown): EndpointFailure {
  const code = (error as { code?: unknown } | undefined)?.code;
  return { code: typeof code === 'string' ? code : '', message: errorMessage(error) };
}

function tlsOf({ caFile, certFile, keyFile }: Files): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  const pem = (name: string, path: string): object => (path === '' ? {} : { [name]: readFileSync(path) });
  return { ...pem('ca', caFile), ...pem('cert', certFile), ...pem('key', keyFile) };
}

function get(url: string, access: Files, patienceMs = PATIENCE_MS): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { agent: false } as const;
    const call = url.startsWith('https:')
      ? httpsRequest(url, { ...options, ...tlsOf(access) })
      : httpRequest(url, options);
    const late = Object.assign(new Error(`no answer within ${patienceMs / 1000} s`), { code: 'ETIMEDOUT' });
    const timer = setTimeout(() => call.destroy(late), patienceMs);
    call.on('close', () => clearTimeout(timer));
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
          : reject(new Error(`it answers HTTP ${response.statusCode}`)),
      );
    });
    call.end();
  });
}
