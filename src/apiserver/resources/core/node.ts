import type { Node } from '../../../api/types/gen/core-v1.ts';
import { cidrWarnings } from '../../../api/validation/ip.ts';
import { AGE, column, columns, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { validateNode, validateNodeChange } from './node-rules.ts';

export const nodeStrategy = defineStrategy<Node>(
  { group: '', version: 'v1', plural: 'nodes' },
  {
    // A kubelet registers with its status, so a new node keeps it.
    initialStatus: node => node.status,
    prepareForCreate: node => withoutConfigStatus(withoutConfigSource(node)),
    prepareForUpdate: withoutConfigSource,
    prepareStatus: withoutConfigStatus,
    validate: validateNode,
    validateUpdate: (node, old) => [...validateNode(node), ...validateNodeChange(node, old)],
    validateStatus: validateNodeChange,
    warnings: warningsOf,
    columns: {
      definitions: [
        NAME,
        ...columns({
          Status: 'Whether the node is ready, and whether new pods may come to it.',
          Roles: 'The roles that its labels give the node.',
        }),
        AGE,
        column('Version', { description: 'The version of its kubelet.' }),
        ...columns(
          {
            'Internal-IP': 'The address of the node inside the cluster.',
            'External-IP': 'The address of the node for everybody outside.',
            'OS-Image': 'The operating system, as the node names it.',
            'Kernel-Version': 'The kernel that the node runs.',
            'Container-Runtime': 'The container runtime and its version.',
          },
          { wide: true },
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

/** Configuration of kubelets through their nodes is gone from upstream. A node that has it from then keeps it. */
function withoutConfigSource(node: Node, old?: Node): Node {
  if (node.spec.configSource === undefined || old?.spec.configSource !== undefined) return node;
  const { configSource, ...spec } = node.spec;
  return { ...node, spec };
}

function withoutConfigStatus(node: Node, old?: Node): Node {
  if (node.status.config === undefined || old?.status.config !== undefined) return node;
  const { config, ...status } = node.status;
  return { ...node, status };
}

function warningsOf({ spec }: Node): string[] {
  return [
    ...(spec.configSource === undefined ? [] : ['spec.configSource: the feature is removed']),
    ...((spec.externalID ?? '') === ''
      ? []
      : ['spec.externalID: this field is deprecated, and is unused by Kubernetes']),
    ...(spec.podCIDRs ?? []).flatMap((cidr, index) => cidrWarnings(`spec.podCIDRs[${index}]`, cidr)),
  ];
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
