import { type FieldError, invalid, invalidFor, required } from './field-error.ts';
import { dns1123Subdomain } from './names.ts';

const PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const MATCHER = new RegExp(`^${PATH}$`);

/** The name of a controller: a domain and a path, `acme.io/foo`. */
export function validateDomainPrefixedPath(value: string, path: string): FieldError[] {
  if (value === '') return [required(path)];
  const slash = value.indexOf('/');
  const domain = value.slice(0, Math.max(slash, 0));
  const rest = value.slice(slash + 1);
  if (domain === '' || rest === '')
    return [invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  return [
    ...invalidFor(path, domain, dns1123Subdomain(domain)),
    ...(MATCHER.test(rest) ? [] : [invalid(path, rest, `Invalid path (regex used for validation is '${PATH}')`)]),
  ];
}
