import { invalidArgument } from '../../base/errors.ts';

/** Annotations by which older clients ask for CDI devices: `cdi.k8s.io/<anything>: vendor.com/class=name,…`. */
const ANNOTATION_PREFIX = 'cdi.k8s.io/';

/**
 * The qualified names (`vendor.com/class=name`) of the CDI devices that a container asks for, each once: those of its own field, then those of annotations.
 * Throws `invalid-argument` for an annotation that names no device.
 */
export function requestedCdiDevices(
  fields: readonly { readonly name: string }[],
  annotations: Readonly<Record<string, string>>,
): readonly string[] {
  const annotated = Object.entries(annotations)
    .filter(([key]) => key.startsWith(ANNOTATION_PREFIX))
    .flatMap(([key, value]) =>
      value.split(',').map(name => {
        const problem = qualifiedNameProblem(name);
        if (problem !== undefined)
          throw invalidArgument(`annotation ${key}: invalid CDI device name "${name}": ${problem}`);
        return name;
      }),
    );
  return [...new Set([...fields.map(({ name }) => name), ...annotated])];
}

/** What is wrong with a qualified name; undefined when nothing is. */
export function qualifiedNameProblem(text: string): string | undefined {
  const [, vendor = '', kind = '', name = ''] = /^([^/=]+)\/([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === '') return 'it is not of the form vendor/class=name';
  return vendorProblem(vendor) ?? classProblem(kind) ?? deviceNameProblem(name);
}

/** The rules of the CDI specification for each part of a name. */
export function vendorProblem(vendor: string): string | undefined {
  return /^[A-Za-z]([\w.-]*[A-Za-z0-9])?$/.test(vendor) ? undefined : `invalid vendor "${vendor}"`;
}

export function classProblem(kind: string): string | undefined {
  return /^[A-Za-z]([\w.-]*[A-Za-z0-9])?$/.test(kind) ? undefined : `invalid class "${kind}"`;
}

export function deviceNameProblem(name: string): string | undefined {
  return /^[A-Za-z0-9]([\w.:-]*[A-Za-z0-9])?$/.test(name) ? undefined : `invalid device name "${name}"`;
}
