import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node as YamlNode } from 'yaml';
import { formatCidr, parseCidr } from '../base/cidr.ts';
import { errorMessage, invalidArgument } from '../base/errors.ts';
import { DEFAULT_CLUSTER } from '../bootstrap/settings.ts';

export type NodeRole = 'control-plane' | 'worker';

/** What a cluster consists of: kind's `Cluster`, as far as it is made here. */
export interface ClusterConfig {
  readonly nodes: readonly { readonly role: NodeRole; readonly labels: Readonly<Record<string, string>> }[];
  readonly podSubnet: string;
  readonly serviceSubnet: string;
  readonly apiServerPort: number;
}

const API_VERSION = 'kind.x-k8s.io/v1alpha4';
const DEFAULT_API_PORT = 6443;

/** A cluster of so many nodes: the first is the control plane. */
export function clusterOfNodes(count: number, said = String(count)): ClusterConfig {
  if (!Number.isInteger(count) || count < 1 || count > 50)
    throw invalidArgument(`--nodes: ${said} is not a number from 1 to 50`);
  return {
    nodes: Array.from({ length: count }, (_, i) => ({ role: i === 0 ? 'control-plane' : 'worker', labels: {} })),
    podSubnet: DEFAULT_CLUSTER.podSubnet,
    serviceSubnet: DEFAULT_CLUSTER.serviceSubnet,
    apiServerPort: DEFAULT_API_PORT,
  };
}

/**
 * Reads kind's `Cluster`. What is not made here (images, mounts, port mappings, feature gates, patches) is refused rather than passed over. Throws
 * `invalid-argument` that names file, line and field.
 */
export function parseClusterConfig(text: string, file: string): ClusterConfig & { readonly name: string | undefined } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [broken] = document.errors;
  if (broken !== undefined) throw invalidArgument(`${file}: ${errorMessage(broken).split(':')[0]}`);
  const at = (node: unknown): string => {
    const range = (node as YamlNode | null | undefined)?.range;
    return range === undefined || range === null ? file : `${file}:${lines.linePos(range[0]).line}`;
  };
  const fieldsOf = (node: unknown, path: string, known: readonly string[]): Map<string, unknown> => {
    if (!isMap(node)) throw invalidArgument(`${at(node)}: ${path === '' ? 'the document' : path} is no object`);
    const fields = new Map<string, unknown>();
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : '';
      const where = path === '' ? name : `${path}.${name}`;
      if (!known.includes(name))
        throw invalidArgument(`${at(key)}: the field ${where} is not supported here; there are ${known.join(', ')}`);
      fields.set(name, value);
    }
    return fields;
  };
  const textOf = (node: unknown, path: string): string | undefined => {
    if (node === undefined || node === null) return undefined;
    if (!isScalar(node) || (typeof node.value !== 'string' && typeof node.value !== 'number'))
      throw invalidArgument(`${at(node)}: ${path} is no text`);
    return String(node.value);
  };
  const subnet = (node: unknown, path: string, otherwise: string): string => {
    const value = textOf(node, path);
    if (value === undefined || value === '') return otherwise;
    try {
      return formatCidr(parseCidr(value));
    } catch (error) {
      throw invalidArgument(`${at(node)}: ${path}: ${errorMessage(error)}`);
    }
  };

  const root = fieldsOf(document.contents, '', ['apiVersion', 'kind', 'name', 'nodes', 'networking']);
  if (textOf(root.get('kind'), 'kind') !== 'Cluster' || textOf(root.get('apiVersion'), 'apiVersion') !== API_VERSION)
    throw invalidArgument(`${at(document.contents)}: it is no "kind: Cluster" of apiVersion ${API_VERSION}`);
  const networking = root.has('networking')
    ? fieldsOf(root.get('networking'), 'networking', ['ipFamily', 'apiServerPort', 'podSubnet', 'serviceSubnet'])
    : new Map<string, unknown>();
  const family = textOf(networking.get('ipFamily'), 'networking.ipFamily') ?? 'ipv4';
  if (family !== 'ipv4')
    throw invalidArgument(
      `${at(networking.get('ipFamily'))}: networking.ipFamily ${family} is not supported here yet; use ipv4`,
    );
  const port = Number(textOf(networking.get('apiServerPort'), 'networking.apiServerPort') ?? DEFAULT_API_PORT);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw invalidArgument(
      `${at(networking.get('apiServerPort'))}: networking.apiServerPort is not between 1 and 65535`,
    );
  const list = root.get('nodes');
  if (list !== undefined && !isSeq(list)) throw invalidArgument(`${at(list)}: nodes is no list`);
  const nodes = (isSeq(list) ? list.items : []).map((item, i) => {
    const path = `nodes[${i}]`;
    const fields = fieldsOf(item, path, ['role', 'labels']);
    const role = textOf(fields.get('role'), `${path}.role`) ?? 'control-plane';
    if (role !== 'control-plane' && role !== 'worker')
      throw invalidArgument(`${at(fields.get('role'))}: ${path}.role "${role}" is neither control-plane nor worker`);
    const labels = fields.get('labels');
    const pairs = isMap(labels) ? labels.items.map(({ key, value }) => [String(key), textOf(value, path) ?? '']) : [];
    return { role, labels: Object.fromEntries(pairs) as Record<string, string>, at: at(item) } as const;
  });
  const planes = nodes.filter(({ role }) => role === 'control-plane');
  if (nodes.length > 0 && planes.length === 0)
    throw invalidArgument(`${at(list)}: nodes has no control-plane; a cluster needs one`);
  if (planes[1] !== undefined)
    throw invalidArgument(`${planes[1].at}: a second control-plane node is not supported here yet`);
  const ordered = [...planes, ...nodes.filter(({ role }) => role === 'worker')];
  return {
    name: textOf(root.get('name'), 'name'),
    nodes: ordered.length === 0 ? clusterOfNodes(1).nodes : ordered.map(({ role, labels }) => ({ role, labels })),
    podSubnet: subnet(networking.get('podSubnet'), 'networking.podSubnet', DEFAULT_CLUSTER.podSubnet),
    serviceSubnet: subnet(networking.get('serviceSubnet'), 'networking.serviceSubnet', DEFAULT_CLUSTER.serviceSubnet),
    apiServerPort: port,
  };
}
