import { parseJson } from '../../../api/decode/json/decode-json.ts';
import { goQuote } from '../../../api/go-quote.ts';
import type { Node, Taint } from '../../../api/types/gen/core-v1.ts';
import {
  addErrors,
  duplicate,
  type FieldError,
  forbidden,
  internalError,
  invalid,
  required,
} from '../../../api/validation/field-error.ts';
import { networkFamilyOf, validateLegacyCidr } from '../../../api/validation/ip.ts';
import { validateQuantity } from '../../../api/validation/quantity.ts';
import { validateTaints } from '../../../api/validation/tolerations.ts';
import { errorMessage } from '../../../base/errors.ts';

const POD_CIDR_TEXT = 'node updates may not change podCIDR except from "" to valid';
const TAINTS = 'scheduler.alpha.kubernetes.io/taints';
const AVOID_PODS = 'scheduler.alpha.kubernetes.io/preferAvoidPods';
const MAX_FEATURE_BYTES = 253;

/** The rules of a node as it is. Taints stand under metadata in upstream's paths. */
export function validateNode(node: Node): FieldError[] {
  return [
    ...annotationErrors(node),
    ...validateTaints(node.spec.taints ?? [], 'metadata.taints'),
    ...resourceErrors(node),
    ...swapErrors(node),
    ...featureErrors(node),
    ...podCidrErrors(node),
  ];
}

/** The rules of a change, be it of the node or of its status alone. */
export function validateNodeChange(node: Node, old: Node): FieldError[] {
  const errors = [...annotationErrors(node), ...resourceErrors(node), ...featureErrors(node), ...addressErrors(node)];
  const had = old.spec.podCIDRs ?? [];
  const has = node.spec.podCIDRs ?? [];
  const changed = had.filter((cidr, index) => cidr !== has[index]);
  if (had.length > 0 && had.length !== has.length) errors.push(forbidden('spec.podCIDRs', POD_CIDR_TEXT));
  else errors.push(...changed.map(() => forbidden('spec.podCIDRs', POD_CIDR_TEXT)));
  const provider = old.spec.providerID ?? '';
  if (provider !== '' && provider !== (node.spec.providerID ?? ''))
    errors.push(forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  addErrors(errors, validateTaints(node.spec.taints ?? [], 'metadata.taints'));
  if ((node.spec.externalID ?? '') !== (old.spec.externalID ?? ''))
    errors.push(forbidden('spec.externalID', 'may not be updated'));
  return errors;
}

/** Old annotations that hold JSON. */
function annotationErrors({ metadata }: Node): FieldError[] {
  const { annotations = {} } = metadata;
  const at = 'metadata.annotations';
  const taints = parsed(annotations[TAINTS]);
  const avoid = parsed(annotations[AVOID_PODS]);
  return [
    ...(taints.fault === undefined
      ? validateTaints(listOf(taints.value).map(taintOf), `${at}.${TAINTS}`)
      : [invalid(at, TAINTS, taints.fault)]),
    ...(avoid.fault === undefined
      ? listOf(own(avoid.value, 'preferAvoidPods')).flatMap((entry, index) =>
          avoidErrors(entry, `${at}.${AVOID_PODS}[${index}]`),
        )
      : [invalid(`${at}.AvoidPods`, AVOID_PODS, avoid.fault)]),
  ];
}

function parsed(text: string | undefined): { readonly value?: unknown; readonly fault?: string } {
  if (text === undefined || text === '') return {};
  try {
    return { value: parseJson(text) };
  } catch (error) {
    return { fault: errorMessage(error) };
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function own(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
}

function taintOf(value: unknown): Taint {
  const text = (key: string): string => {
    const part = own(value, key);
    return typeof part === 'string' ? part : '';
  };
  return { key: text('key'), value: text('value'), effect: text('effect') as Taint['effect'] };
}

function avoidErrors(entry: unknown, path: string): FieldError[] {
  const controller = own(own(entry, 'podSignature'), 'podController');
  if (controller === undefined || controller === null) return [required(`${path}.PodSignature`)];
  return own(controller, 'controller') === true
    ? []
    : [invalid(`${path}.PodSignature.PodController.Controller`, false, 'must point to a controller')];
}

function resourceErrors({ status }: Node): FieldError[] {
  return (['capacity', 'allocatable'] as const).flatMap(side =>
    Object.entries(status[side] ?? {}).flatMap(([name, quantity]) =>
      validateQuantity(name, quantity, `status.${side}.${name}`),
    ),
  );
}

function swapErrors({ status }: Node): FieldError[] {
  const capacity = status.nodeInfo.swap?.capacity;
  return capacity === undefined || capacity > 0
    ? []
    : [invalid('metadata.nodeSwapStatus.capacity', capacity, 'must be greater than zero')];
}

/** Names of features in the order of their bytes, each once. */
function featureErrors({ status }: Node): FieldError[] {
  const features = status.declaredFeatures ?? [];
  const at = 'status.declaredFeatures';
  return features.flatMap((feature, index) => {
    const errors = featureNameErrors(feature).map(reason => invalid(`${at}[${index}]`, feature, reason));
    const next = features[index + 1];
    if (next === undefined) return errors;
    if (feature === next) errors.push(duplicate(`${at}[${index + 1}]`, next));
    else if (feature > next) errors.push(invalid(`${at}[${index + 1}]`, next, 'list must be sorted alphabetically'));
    return errors;
  });
}

function featureNameErrors(name: string): string[] {
  const what = `invalid feature name ${goQuote(name)}`;
  if (Buffer.byteLength(name) > MAX_FEATURE_BYTES)
    return [`${what}: must be no more than ${MAX_FEATURE_BYTES} characters`];
  return /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/.test(name)
    ? []
    : [
        `${what}: must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`,
      ];
}

function podCidrErrors({ spec: { podCIDRs = [] } }: Node): FieldError[] {
  const at = 'spec.podCIDRs';
  const errors = podCIDRs.flatMap((cidr, index) => validateLegacyCidr(`${at}[${index}]`, cidr));
  if (podCIDRs.length < 2) return errors;
  const families = podCIDRs.map(networkFamilyOf);
  const unread = families.indexOf(undefined);
  if (unread !== -1)
    errors.push(
      internalError(
        at,
        `invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[${unread}]: <nil> (invalid CIDR address: ${podCIDRs[unread]})`,
      ),
    );
  if (unread === -1 && podCIDRs.length === 2 && families[0] !== families[1]) return errors;
  return [...errors, invalid(at, podCIDRs, 'may specify no more than one CIDR for each IP family')];
}

function addressErrors({ status }: Node): FieldError[] {
  const seen = new Set<string>();
  return (status.addresses ?? []).flatMap(({ type, address }, index) => {
    const key = `${type}/${address}`;
    const twice = seen.has(key);
    seen.add(key);
    return twice ? [duplicate(`status.addresses[${index}]`, { Type: type, Address: address })] : [];
  });
}
