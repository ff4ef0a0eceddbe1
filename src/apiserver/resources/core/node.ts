import { equalValues } from '../../../api/semantic-equal.ts';
import type { Node, Taint } from '../../../api/types/gen/core-v1.ts';
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  oneOf,
} from '../../../api/validation/field-error.ts';
import { labelValue, qualifiedName } from '../../../api/validation/names.ts';
import { validateQuantity } from '../../../api/validation/quantity.ts';
import { ipFamily, parseCidr } from '../../../base/cidr.ts';
import { AGE, column, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

const CIDR_TEXT = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
const POD_CIDR_TEXT = 'node updates may not change podCIDR except from "" to valid';

export const nodeStrategy = defineStrategy<Node>(
  { group: '', version: 'v1', plural: 'nodes' },
  {
    // A kubelet registers with its status, so a new node keeps it.
    initialStatus: node => node.status,
    prepareForCreate: withPodCidrs,
    prepareForUpdate: (node, old) => withPodCidrs({ ...node, status: old.status }),
    validate: node => [...taintErrors(node), ...capacityErrors(node), ...podCidrErrors(node)],
    validateUpdate: (node, old) => [...changeErrors(node, old), ...taintErrors(node)],
    validateStatus: (node, old) => changeErrors(node, old),
    columns: {
      definitions: [
        NAME,
        column('Status'),
        column('Roles'),
        AGE,
        column('Version'),
        ...['Internal-IP', 'External-IP', 'OS-Image', 'Kernel-Version', 'Container-Runtime'].map(name =>
          column(name, { wide: true }),
        ),
      ],
      cells: (node, now) => {
        const info = node.status.nodeInfo;
        const kernel = info.kernelVersion === '' ? '<unknown>' : info.kernelVersion;
        return [
          node.metadata.name ?? '',
          statusCell(node),
          rolesCell(node),
          ageCell(node, now),
          info.kubeletVersion,
          addressCell(node, 'InternalIP'),
          addressCell(node, 'ExternalIP'),
          info.osImage === '' ? '<unknown>' : info.osImage,
          info.architecture === '' ? kernel : `${kernel} (${info.architecture})`,
          info.containerRuntimeVersion === '' ? '<unknown>' : info.containerRuntimeVersion,
        ];
      },
    },
    fields: node => ({ 'spec.unschedulable': String(node.spec.unschedulable ?? false) }),
  },
);

/** podCIDR and the first of podCIDRs are one value, whichever was written. */
function withPodCidrs(node: Node): Node {
  const { podCIDR = '', podCIDRs = [] } = node.spec;
  const [first = ''] = podCIDRs;
  if (podCIDR === first) return node;
  if (podCIDRs.length === 0) return { ...node, spec: { ...node.spec, podCIDRs: [podCIDR] } };
  return { ...node, spec: { ...node.spec, podCIDR: first } };
}

function podCidrErrors(node: Node): FieldError[] {
  const cidrs = node.spec.podCIDRs ?? [];
  const at = 'spec.podCIDRs';
  const errors = cidrs.flatMap((cidr, index) => (isCidr(cidr) ? [] : [invalid(`${at}[${index}]`, cidr, CIDR_TEXT)]));
  if (errors.length > 0 || cidrs.length < 2) return errors;
  const families = new Set(cidrs.map(cidr => ipFamily(cidr.replace(/\/.*/, ''))));
  return families.size === cidrs.length
    ? []
    : [invalid(at, cidrs, 'may specify no more than one CIDR for each IP family')];
}

function isCidr(text: string): boolean {
  try {
    parseCidr(text);
    return true;
  } catch {
    return false;
  }
}

/** Upstream's paths: taints stand under metadata in its messages. */
function taintErrors(node: Node): FieldError[] {
  const seen = new Set<string>();
  return (node.spec.taints ?? []).flatMap((taint, index) => {
    const at = `metadata.taints[${index}]`;
    const errors = taintRules(taint, at);
    const pair = `${taint.key}:${taint.effect}`;
    if (seen.has(pair))
      errors.push({ ...duplicate(at, taint), detail: 'taints must be unique by key and effect pair' });
    seen.add(pair);
    return errors;
  });
}

function taintRules(taint: Taint, path: string): FieldError[] {
  const reasons = labelValue(taint.value ?? '');
  return [
    ...invalidFor(`${path}.key`, taint.key, qualifiedName(taint.key)),
    ...(reasons.length === 0 ? [] : [invalid(`${path}.value`, taint.value ?? '', reasons.join(';'))]),
    ...oneOf(`${path}.effect`, taint.effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
  ];
}

function capacityErrors(node: Node): FieldError[] {
  return (['capacity', 'allocatable'] as const).flatMap(side =>
    Object.entries(node.status[side] ?? {}).flatMap(([name, quantity]) =>
      validateQuantity(name, quantity, `status.${side}.${name}`),
    ),
  );
}

function changeErrors(node: Node, old: Node): FieldError[] {
  const errors = capacityErrors(node);
  const seen = new Set<string>();
  for (const [index, address] of (node.status.addresses ?? []).entries()) {
    const key = `${address.type}/${address.address}`;
    if (seen.has(key)) errors.push(duplicate(`status.addresses[${index}]`, address));
    seen.add(key);
  }
  const hadCidrs = old.spec.podCIDRs ?? [];
  if (hadCidrs.length > 0 && !equalValues(hadCidrs, node.spec.podCIDRs))
    errors.push(forbidden('spec.podCIDRs', POD_CIDR_TEXT));
  const provider = old.spec.providerID ?? '';
  if (provider !== '' && provider !== (node.spec.providerID ?? ''))
    errors.push(forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  if ((node.spec.externalID ?? '') !== (old.spec.externalID ?? ''))
    errors.push(forbidden('spec.externalID', 'may not be updated'));
  return errors;
}

function statusCell(node: Node): string {
  const ready = node.status.conditions?.find(condition => condition.type === 'Ready');
  const status = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return node.spec.unschedulable === true ? `${status},SchedulingDisabled` : status;
}

function rolesCell(node: Node): string {
  const roles = Object.entries(node.metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith('node-role.kubernetes.io/')) return [key.slice('node-role.kubernetes.io/'.length)];
    return key === 'kubernetes.io/role' ? [value] : [];
  });
  const text = [...new Set(roles.filter(role => role !== ''))].toSorted().join(',');
  return text === '' ? '<none>' : text;
}

function addressCell(node: Node, type: string): string {
  return node.status.addresses?.find(address => address.type === type)?.address ?? '<none>';
}
