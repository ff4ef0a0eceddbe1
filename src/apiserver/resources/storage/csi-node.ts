import { equalAs } from '../../../api/semantic-equal.ts';
import type { CSINode, CSINodeDriver } from '../../../api/types/gen/storage-v1.ts';
import { duplicate, type FieldError, invalid, invalidFor, required } from '../../../api/validation/field-error.ts';
import { qualifiedName } from '../../../api/validation/names.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { csiDriverErrors } from '../../../api/validation/volume-plugins.ts';
import { AGE, column, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

const MAX_NODE_ID_BYTES = 256;

export const csiNodeStrategy = defineStrategy<CSINode>(
  { group: 'storage.k8s.io', version: 'v1', plural: 'csinodes' },
  {
    unconditionalUpdate: false,
    validate: validateNode,
    validateUpdate: (node, old) => [...validateNode(node), ...keptErrors(node.spec.drivers, old.spec.drivers)],
    columns: {
      definitions: [
        NAME,
        column('Drivers', { type: 'integer', description: 'How many CSI drivers are registered on the node.' }),
        AGE,
      ],
      cells: (node, now) => [node.metadata.name ?? '', node.spec.drivers.length, ageCell(node, now)],
    },
  },
);

function keptErrors(drivers: readonly CSINodeDriver[], before: readonly CSINodeDriver[]): FieldError[] {
  // a name that stands there twice is refused for that
  const byName = new Map(drivers.map(driver => [driver.name, driver]));
  return before.flatMap(old => {
    const driver = byName.get(old.name);
    return driver === undefined ? [] : driverKept(driver, old);
  });
}

/** A driver is removed and added anew, but for how many volumes it takes. */
function driverKept(driver: CSINodeDriver, old: CSINodeDriver): FieldError[] {
  const next = { ...driver, allocatable: undefined };
  return equalAs('storage/v1.CSINodeDriver', next, { ...old, allocatable: undefined })
    ? []
    : [invalid('spec.drivers', next, 'field is immutable')];
}

function validateNode({ spec }: CSINode): FieldError[] {
  const names = new Set<string>();
  return spec.drivers.flatMap((driver, index) => {
    const at = `spec.drivers[${index}]`;
    const { name, nodeID, allocatable } = driver;
    const errors = csiDriverErrors(name, `${at}.name`);
    if (nodeID === '') errors.push(required(`${at}.nodeID`));
    if (Buffer.byteLength(nodeID) > MAX_NODE_ID_BYTES)
      errors.push(invalid(`${at}.nodeID`, nodeID, `must be ${MAX_NODE_ID_BYTES} characters or less`));
    errors.push(...nonNegative(`${at}.allocatable.count`, allocatable?.count));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    return [...errors, ...topologyErrors(driver.topologyKeys, at)];
  });
}

/** Upstream reports them at the driver. */
function topologyErrors(keys: readonly string[], path: string): FieldError[] {
  const seen = new Set<string>();
  return keys.flatMap(key => {
    const isKnown = seen.has(key);
    seen.add(key);
    return [
      ...(key === '' ? [required(path)] : []),
      ...(isKnown ? [duplicate(path, key)] : []),
      ...invalidFor(path, key, qualifiedName(key)),
    ];
  });
}
