import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../../../api/types/gen/networking-v1.ts';
import {
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  required,
} from '../../../api/validation/field-error.ts';
import { validateLabelSelector } from '../../../api/validation/label-selector.ts';
import { portName, portNumber } from '../../../api/validation/names.ts';
import { ipToBigInt, lastAddress, parseCidr } from '../../../base/cidr.ts';
import { AGE, column, NAME, selectorCell } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

const CIDR_TEXT = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

export const networkPolicyStrategy = defineStrategy<NetworkPolicy>(
  { group: 'networking.k8s.io', version: 'v1', plural: 'networkpolicies' },
  {
    generation: ['spec'],
    validate: ({ spec }) => [
      ...validateLabelSelector(spec.podSelector, 'spec.podSelector'),
      ...(spec.ingress ?? []).flatMap((rule, i) => ruleErrors(rule.ports, rule.from, `spec.ingress[${i}]`, 'from')),
      ...(spec.egress ?? []).flatMap((rule, i) => ruleErrors(rule.ports, rule.to, `spec.egress[${i}]`, 'to')),
      ...typeErrors(spec.policyTypes ?? []),
    ],
    columns: {
      definitions: [
        NAME,
        column('Pod-Selector', { description: 'The labels of the pods that the policy is about.' }),
        AGE,
      ],
      cells: (policy, now) => [policy.metadata.name ?? '', selectorCell(policy.spec.podSelector), ageCell(policy, now)],
    },
  },
);

function ruleErrors(
  ports: readonly NetworkPolicyPort[] = [],
  peers: readonly NetworkPolicyPeer[] = [],
  path: string,
  side: string,
): FieldError[] {
  return [
    ...ports.flatMap((port, i) => portErrors(port, `${path}.ports[${i}]`)),
    ...peers.flatMap((peer, i) => peerErrors(peer, `${path}.${side}[${i}]`)),
  ];
}

function typeErrors(types: readonly string[]): FieldError[] {
  const at = 'spec.policyTypes';
  if (types.length > 2) return [invalid(at, types, 'may not specify more than two policyTypes')];
  return types.flatMap((type, index) =>
    type === 'Ingress' || type === 'Egress' ? [] : [notSupported(`${at}[${index}]`, type, ['Ingress', 'Egress'])],
  );
}

function portErrors({ protocol, port, endPort }: NetworkPolicyPort, path: string): FieldError[] {
  const protocols = ['TCP', 'UDP', 'SCTP'];
  const errors: FieldError[] = [];
  if (protocol !== undefined && !protocols.includes(protocol))
    errors.push(notSupported(`${path}.protocol`, protocol, protocols));
  const noEnd = (detail: string): FieldError[] =>
    endPort === undefined ? [] : [invalid(`${path}.endPort`, endPort, detail)];
  if (port === undefined) return [...errors, ...noEnd('may not be specified when `port` is not specified')];
  if (typeof port === 'string')
    return [
      ...errors,
      ...noEnd('may not be specified when `port` is non-numeric'),
      ...invalidFor(`${path}.port`, port, portName(port)),
    ];
  errors.push(...invalidFor(`${path}.port`, port, portNumber(port)));
  if (endPort === undefined) return errors;
  if (endPort < port) errors.push(invalid(`${path}.endPort`, port, 'must be greater than or equal to `port`'));
  return [...errors, ...invalidFor(`${path}.endPort`, endPort, portNumber(endPort))];
}

function peerErrors({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, path: string): FieldError[] {
  const selects = podSelector !== undefined || namespaceSelector !== undefined;
  const errors = [
    ...validateLabelSelector(podSelector, `${path}.podSelector`),
    ...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`),
    ...(ipBlock === undefined ? [] : blockErrors(ipBlock, `${path}.ipBlock`)),
  ];
  if (!selects && ipBlock === undefined) errors.push(required(path, 'must specify a peer'));
  if (selects && ipBlock !== undefined) errors.push(forbidden(path, 'may not specify both ipBlock and another peer'));
  return errors;
}

function blockErrors({ cidr, except = [] }: IPBlock, path: string): FieldError[] {
  if (cidr === '') return [required(`${path}.cidr`)];
  const outer = readCidr(cidr);
  if (outer === undefined) return [invalid(`${path}.cidr`, cidr, CIDR_TEXT)];
  return except.flatMap((text, index) => {
    const at = `${path}.except[${index}]`;
    const inner = readCidr(text);
    if (inner === undefined) return [invalid(at, text, CIDR_TEXT)];
    const inside =
      inner.family === outer.family &&
      inner.prefix > outer.prefix &&
      ipToBigInt(text.replace(/\/.*/, '')) >= outer.base &&
      lastAddress(inner) <= lastAddress(outer);
    return inside ? [] : [invalid(at, text, 'must be a strict subset of `cidr`')];
  });
}

function readCidr(text: string): ReturnType<typeof parseCidr> | undefined {
  try {
    return parseCidr(text);
  } catch {
    return undefined;
  }
}
