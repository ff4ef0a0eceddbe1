import { builtinTable } from '../../api/schema/builtin.ts';
import type { StructType } from '../../api/schema/table.ts';
import { type FieldUses, isIn, reasonOf } from '../../api/unheeded-fields.ts';
import type { ControlPlanePart } from '../component-arguments.ts';
import { MISSING_OF_PARTS } from './control-plane-flags.ts';
import { reasonFor } from './flag-reasons.ts';
import { FIELDS_OF_FLAGS, GONE_FROM_KUBELET, MISSING_OF_KUBELET } from './kubelet-flags.ts';

/** What messages call the parts of the control plane. */
export const CALLED: Readonly<Record<ControlPlanePart, string>> = {
  apiServer: 'API server',
  controllerManager: 'controller manager',
  scheduler: 'scheduler',
};

/** What there is to say of a flag that a part has not here, in the place of "no flag here"; undefined where upstream's has none of that name either. Pure. */
export function upstreamPartFlag(part: ControlPlanePart, name: string): string | undefined {
  const why = reasonFor(name, MISSING_OF_PARTS[part]);
  return why === undefined ? undefined : missingFlag(CALLED[part], why);
}

/** The line of a flag that upstream's daemon of that name has and Gantry's has not; `why` may be empty. Pure. */
export function missingFlag(called: string, why: string): string {
  return `a flag of upstream's ${called} that Gantry's has not${inBrackets(why)}: leave it out`;
}

/**
 * The same of the kubelet. A setting that Gantry's heeds as a field of its configuration is told as that, and `where` it is to be said; of one that changes nothing, by `fields`, why. Pure.
 */
export function upstreamKubeletFlag(name: string, fields: FieldUses, where: string): string | undefined {
  const missing = reasonFor(name, MISSING_OF_KUBELET);
  if (missing !== undefined) return missingFlag('kubelet', missing);
  const until = reasonFor(name, GONE_FROM_KUBELET);
  if (until !== undefined) return `a flag of upstream's kubelet until ${until}, and none of Gantry's: leave it out`;
  const field = reasonFor(name, FIELDS_OF_FLAGS) ?? fieldOfThatName(name);
  if (field === undefined) return undefined;
  if (isHeeded(field, fields))
    return `a setting of upstream's kubelet, and no flag of Gantry's: it is ${field} of KubeletConfiguration ${where}`;
  // a field that no flag of upstream's is for, and that changes nothing: nothing to lead anybody to
  return Object.hasOwn(FIELDS_OF_FLAGS, name) ? missingFlag('kubelet', reasonOf(field, fields) ?? '') : undefined;
}

/** The field, of one value or a list, whose name in the way of flags is `name`: upstream has none for the newer ones. */
function fieldOfThatName(name: string): string | undefined {
  const kind: StructType = builtinTable.struct('kubelet/v1beta1.KubeletConfiguration');
  return [...kind.json].find(([field, { type }]) => type.kind !== 'struct' && inTheWayOfFlags(field) === name)?.[0];
}

/** `cpuCFSQuota` is `cpu-cfs-quota`. */
function inTheWayOfFlags(field: string): string {
  return field
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1-$2')
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase();
}

/** Whether it is heeded, or single keys of it are. */
function isHeeded(field: string, { heeded }: FieldUses): boolean {
  return isIn(field, heeded) || heeded.some(each => each.startsWith(`${field}[`));
}

function inBrackets(why: string): string {
  return why === '' ? '' : ` (${why})`;
}
