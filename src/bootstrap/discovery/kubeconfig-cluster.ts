import { parse } from 'yaml';
import { failedPrecondition } from '../../base/errors.ts';
import { parseCertificate } from '../../pki/certificate.ts';
import { pemBlocks } from '../../pki/pem.ts';

export interface DiscoveredCluster {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
}

type Part = Readonly<Record<string, unknown>>;

/** Server and CA of a kubeconfig that names nobody, or of its current context. Throws `failed-precondition` that names `where` it is and what is wrong in it, whatever it is. Pure. */
export function clusterOfKubeconfig(text: string, where: string): DiscoveredCluster {
  const malformed = (what: string): Error => failedPrecondition(`malformed kubeconfig in ${where}: ${what}`);
  if (text.trim() === '') throw malformed('it is empty');
  let config: Part;
  try {
    config = partOf(parse(text, { maxAliasCount: 100 }));
  } catch {
    throw malformed('it is no YAML');
  }
  const clusters = partsOf(config['clusters']);
  const context = partsOf(config['contexts']).find(({ name }) => name === config['current-context']);
  const named = partOf(context?.['context'])['cluster'];
  const chosen = clusters.find(({ name }) => (name ?? '') === '') ?? clusters.find(({ name }) => name === named);
  const { server, 'certificate-authority-data': data } = partOf(chosen?.['cluster']);
  if (typeof server !== 'string' || typeof data !== 'string')
    throw malformed('it needs a cluster with a server and certificate-authority-data');
  if (!/^https:\/\/[^\s?#@]+$/i.test(server) || !URL.canParse(server))
    throw malformed(`the server "${server}" of its cluster is no https:// URL`);
  const ca = Buffer.from(data, 'base64').toString();
  if (!isBundle(ca))
    throw malformed('the certificate-authority-data of its cluster is no certificate (PEM, in base64)');
  return { server: server.replace(/\/+$/, ''), ca };
}

function partsOf(list: unknown): readonly Part[] {
  return Array.isArray(list) ? list.map(partOf).filter(part => Object.keys(part).length > 0) : [];
}

function partOf(value: unknown): Part {
  return typeof value === 'object' && value !== null ? (value as Part) : {};
}

/** Whether all certificates of a text can be read, and it has one. */
function isBundle(text: string): boolean {
  try {
    const found = pemBlocks(text).filter(({ label }) => label === 'CERTIFICATE');
    for (const { content } of found) parseCertificate(content);
    return found.length > 0;
  } catch {
    return false;
  }
}
