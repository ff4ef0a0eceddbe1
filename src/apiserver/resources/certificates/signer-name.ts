import { type FieldError, invalid, required, tooLong } from '../../../api/validation/field-error.ts';
import { dns1123Label, dns1123Subdomain } from '../../../api/validation/names.ts';

const MAX_DOMAIN_BYTES = 253;
/** A path has room for a namespace, a dot and a name. */
const MAX_BYTES = MAX_DOMAIN_BYTES + 1 + 253 + 1 + 63;

/** The name of who signs: a domain and a path, `example.com/signer-name`. */
export function validateSignerName(name: string, path: string): FieldError[] {
  if (name === '') return [required(path)];
  const [domain = '', rest, ...more] = name.split('/');
  if (rest === undefined || more.length > 0)
    return [invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")];
  const labels = domain.split('.');
  return [
    ...(Buffer.byteLength(domain) > MAX_DOMAIN_BYTES ? [tooLong(path, MAX_DOMAIN_BYTES)] : []),
    ...firstBad(labels, dns1123Label, domain, path),
    ...(labels.length < 2
      ? [invalid(path, domain, 'should be a domain with at least two segments separated by dots')]
      : []),
    ...firstBad(rest.split('.'), dns1123Subdomain, rest, path),
    ...(Buffer.byteLength(name) > MAX_BYTES ? [tooLong(path, MAX_BYTES)] : []),
  ];
}

/** The errors of the first label that has some. */
function firstBad(
  labels: readonly string[],
  reasonsOf: (label: string) => string[],
  value: string,
  path: string,
): FieldError[] {
  for (const label of labels) {
    const reasons = reasonsOf(label);
    if (reasons.length > 0)
      return reasons.map(reason => invalid(path, value, `validating label ${JSON.stringify(label)}: ${reason}`));
  }
  return [];
}
