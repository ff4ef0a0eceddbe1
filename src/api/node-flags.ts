import { ipFamily, isIp } from '../base/cidr.ts';
import { invalidArgument } from '../base/errors.ts';
import type { Taint } from './types/gen/core-v1.ts';
import { labelValue, qualifiedName } from './validation/names.ts';

/** What a kubelet's flags say of its Node: read by the kubelet, and before it by those who start it so. */

/** Labels of the project's own namespaces that a kubelet may give to its node (upstream's list). */
const ALLOWED_LABELS = new Set([
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'kubernetes.io/arch',
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
]);
const ALLOWED_NAMESPACES = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
/** What a taint may do to pods that do not tolerate it. */
export const TAINT_EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const;

/** `--node-labels`: `name=value`, apart by commas. Throws `invalid-argument` for what is no label, and for those that are not a node's to give itself. */
export function parseNodeLabels(text: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const word of words(text)) {
    const [, name, value] = /^([^=]+)=(.*)$/.exec(word) ?? [];
    if (name === undefined || value === undefined) throw invalidArgument(`--node-labels: "${word}" is not name=value`);
    if (qualifiedName(name).length > 0 || labelValue(value).length > 0)
      throw invalidArgument(`--node-labels: "${word}" is no label`);
    labels[name] = value;
  }
  const refused = Object.keys(labels).filter(name => !mayGiveItself(name));
  if (refused.length > 0)
    throw invalidArgument(
      `unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [${refused.join(' ')}]: ` +
        `--node-labels in the 'kubernetes.io' namespace must begin with an allowed prefix (${ALLOWED_NAMESPACES.join(', ')}) ` +
        `or be in the specifically allowed set (${[...ALLOWED_LABELS].join(', ')}); others an admin gives to the Node: ` +
        `kubectl label node NAME ${refused.map(name => `${name}=${labels[name]}`).join(' ')}`,
    );
  return labels;
}

/** `--register-with-taints`: `key=value:effect` or `key:effect`, apart by commas. Throws `invalid-argument`. */
export function parseTaints(text: string): readonly Taint[] {
  return words(text).map(word => {
    const [, key, value, effect] = /^([^=:]+)(?:=([^:]*))?:([A-Za-z]+)$/.exec(word) ?? [];
    const known = TAINT_EFFECTS.find(each => each === effect);
    if (key === undefined || known === undefined || qualifiedName(key).length > 0 || labelValue(value ?? '').length > 0)
      throw invalidArgument(
        `--register-with-taints: "${word}" is not key=value:effect with the effect ${TAINT_EFFECTS.join(', ')}`,
      );
    return { key, ...(value === undefined || value === '' ? {} : { value }), effect: known };
  });
}

/** `--node-ip`: one address, or one of each family, apart by a comma. Throws `invalid-argument`. */
export function parseNodeIps(text: string): readonly string[] {
  const addresses = text.split(',').map(word => word.trim());
  const wrong = addresses.find(address => !isIp(address));
  if (wrong !== undefined) throw invalidArgument(`--node-ip: "${wrong}" is not an IP address`);
  const [first = '', second] = addresses;
  if (addresses.length > 2 || (second !== undefined && ipFamily(first) === ipFamily(second)))
    throw invalidArgument(`--node-ip: "${text}" is neither one address nor one of each family`);
  return addresses;
}

function mayGiveItself(label: string): boolean {
  const slash = label.indexOf('/');
  if (slash < 0) return true;
  const namespace = label.slice(0, slash);
  if (!isIn(namespace, 'kubernetes.io') && !isIn(namespace, 'k8s.io')) return true;
  return ALLOWED_LABELS.has(label) || ALLOWED_NAMESPACES.some(allowed => isIn(namespace, allowed));
}

function isIn(namespace: string, parent: string): boolean {
  return namespace === parent || namespace.endsWith(`.${parent}`);
}

function words(text: string): readonly string[] {
  return text
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '');
}
