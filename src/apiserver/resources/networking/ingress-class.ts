import type { IngressClass, IngressClassParametersReference } from '../../../api/types/gen/networking-v1.ts';
import { validateDomainPrefixedPath } from '../../../api/validation/domain-prefixed.ts';
import {
  type FieldError,
  forbidden,
  invalidFor,
  notSupported,
  required,
  tooLong,
} from '../../../api/validation/field-error.ts';
import { dns1123Label } from '../../../api/validation/names.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { AGE, columns, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { validateTypedReference } from './typed-reference.ts';

const MAX_CONTROLLER_BYTES = 250;

export const ingressClassStrategy = defineStrategy<IngressClass>(
  { group: 'networking.k8s.io', version: 'v1', plural: 'ingressclasses' },
  {
    generation: ['spec'],
    validate: validateClass,
    validateUpdate: (ingressClass, old) => [
      ...immutable('spec.controller', ingressClass.spec.controller ?? '', old.spec.controller ?? ''),
      ...validateClass(ingressClass),
    ],
    columns: {
      definitions: [
        NAME,
        ...columns({
          Controller: 'The controller that serves ingresses of this class.',
          Parameters: 'The object with what else the controller has to know.',
        }),
        AGE,
      ],
      cells: (ingressClass, now) => {
        const { parameters, controller = '' } = ingressClass.spec;
        const isDefault = ingressClass.metadata.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true';
        const group = parameters?.apiGroup === undefined ? '' : `.${parameters.apiGroup}`;
        return [
          `${ingressClass.metadata.name ?? ''}${isDefault ? ' (default)' : ''}`,
          controller,
          parameters === undefined ? '<none>' : `${parameters.kind}${group}/${parameters.name}`,
          ageCell(ingressClass, now),
        ];
      },
    },
  },
);

function validateClass({ spec }: IngressClass): FieldError[] {
  const { controller = '', parameters } = spec;
  return [
    ...(Buffer.byteLength(controller) > MAX_CONTROLLER_BYTES ? [tooLong('spec.controller', MAX_CONTROLLER_BYTES)] : []),
    ...validateDomainPrefixedPath(controller, 'spec.controller'),
    ...(parameters === undefined ? [] : parameterErrors(parameters, 'spec.parameters')),
  ];
}

function parameterErrors(parameters: IngressClassParametersReference, path: string): FieldError[] {
  const { scope, namespace } = parameters;
  const errors = validateTypedReference(parameters, path);
  if (scope === undefined) return [...errors, required(`${path}.scope`)];
  switch (scope) {
    case 'Namespace':
      return namespace === undefined
        ? [...errors, required(`${path}.namespace`, "`parameters.scope` is set to 'Namespace'")]
        : [...errors, ...invalidFor(`${path}.namespace`, namespace, dns1123Label(namespace))];
    case 'Cluster':
      return namespace === undefined
        ? errors
        : [...errors, forbidden(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'")];
    default:
      return [...errors, notSupported(`${path}.scope`, scope, ['Cluster', 'Namespace'])];
  }
}
