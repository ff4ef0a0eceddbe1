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
import { cidrWarnings, isStrictlyInside, networkFamilyOf, validateLegacyCidr } from '../../../api/validation/ip.ts';
import { validateLabelSelector } from '../../../api/validation/label-selector.ts';
import { portName, portNumber } from '../../../api/validation/names.ts';
import { AGE, column, NAME, selectorCell } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

export const networkPolicyStrategy = defineStrategy<NetworkPolicy>(
  { group: 'networking.k8s.io', version: 'v1', plural: 'networkpolicies' },
  {
    generation: ['spec'],
    validate: policy => policyErrors(policy, NOTHING_KEPT),
    validateUpdate: (policy, old) =>
      policyErrors(policy, {
        anyValue: hasSelectorErrors(old),
        cidrs: new Set(blocksOf(old).flatMap(([{ cidr, except = [] }]) => [cidr, ...except])),
      }),
    warnings: blockWarnings,
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

/** What the stored policy has and may keep: values in selectors that no label has, and networks in loose spellings. */
interface Kept {
  readonly anyValue: boolean;
  readonly cidrs: ReadonlySet<string>;
}

const NOTHING_KEPT: Kept = { anyValue: false, cidrs: new Set() };

function hasSelectorErrors({ spec }: NetworkPolicy): boolean {
  return validateLabelSelector(spec.podSelector, '').length > 0;
}

function policyErrors({ spec }: NetworkPolicy, kept: Kept): FieldError[] {
  return [
    ...validateLabelSelector(spec.podSelector, 'spec.podSelector', kept),
    ...(spec.ingress ?? []).flatMap(({ ports, from }, i) =>
      ruleErrors(ports, from, kept, `spec.ingress[${i}]`, 'from'),
    ),
    ...(spec.egress ?? []).flatMap(({ ports, to }, i) => ruleErrors(ports, to, kept, `spec.egress[${i}]`, 'to')),
    ...typeErrors(spec.policyTypes ?? []),
  ];
}

function ruleErrors(
  ports: readonly NetworkPolicyPort[] = [],
  peers: readonly NetworkPolicyPeer[] = [],
  kept: Kept,
  path: string,
  side: string,
): FieldError[] {
  return [
    ...ports.flatMap((port, i) => portErrors(port, `${path}.ports[${i}]`)),
    ...peers.flatMap((peer, i) => peerErrors(peer, kept, `${path}.${side}[${i}]`)),
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

function peerErrors(
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
  kept: Kept,
  path: string,
): FieldError[] {
  const selects = podSelector !== undefined || namespaceSelector !== undefined;
  const errors = [
    ...validateLabelSelector(podSelector, `${path}.podSelector`, kept),
    ...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`, kept),
    ...(ipBlock === undefined ? [] : blockErrors(ipBlock, kept.cidrs, `${path}.ipBlock`)),
  ];
  if (!selects && ipBlock === undefined) errors.push(required(path, 'must specify a peer'));
  if (selects && ipBlock !== undefined) errors.push(forbidden(path, 'may not specify both ipBlock and another peer'));
  return errors;
}

function blockErrors({ cidr, except = [] }: IPBlock, kept: ReadonlySet<string>, path: string): FieldError[] {
  if (cidr === '') return [required(`${path}.cidr`)];
  const errors = validateLegacyCidr(`${path}.cidr`, cidr, kept);
  if (networkFamilyOf(cidr) === undefined) return errors;
  for (const [index, text] of except.entries()) {
    const at = `${path}.except[${index}]`;
    errors.push(...validateLegacyCidr(at, text, kept));
    if (networkFamilyOf(text) !== undefined && !isStrictlyInside(text, cidr))
      errors.push(invalid(at, text, 'must be a strict subset of `cidr`'));
  }
  return errors;
}

/** Every block of addresses with its path. */
function blocksOf({ spec }: NetworkPolicy): (readonly [IPBlock, string])[] {
  const of = (peers: readonly NetworkPolicyPeer[] = [], path: string): (readonly [IPBlock, string])[] =>
    peers.flatMap(({ ipBlock }, i) => (ipBlock === undefined ? [] : [[ipBlock, `${path}[${i}].ipBlock`] as const]));
  return [
    ...(spec.ingress ?? []).flatMap((rule, i) => of(rule.from, `spec.ingress[${i}].from`)),
    ...(spec.egress ?? []).flatMap((rule, i) => of(rule.to, `spec.egress[${i}].to`)),
  ];
}

function blockWarnings(policy: NetworkPolicy): string[] {
  return blocksOf(policy).flatMap(([{ cidr, except = [] }, path]) => [
    ...cidrWarnings(`${path}.cidr`, cidr),
    ...except.flatMap((text, i) => cidrWarnings(`${path}.except[${i}]`, text)),
  ]);
}
