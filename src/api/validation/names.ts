import { isIP } from 'node:net';

/** The formats of names in the API. Each function returns upstream's reasons against a value; empty where it is well formed. */

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const QUALIFIED_NAME = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const CONFIG_MAP_KEY = '[-._a-zA-Z0-9]+';
const HEADER_NAME = '[-A-Za-z0-9]+';

const MATCHERS = new Map<string, RegExp>();

function matches(pattern: string, value: string): boolean {
  const matcher = MATCHERS.get(pattern) ?? new RegExp(`^${pattern}$`);
  MATCHERS.set(pattern, matcher);
  return matcher.test(value);
}

function regexError(message: string, pattern: string, ...examples: string[]): string {
  return `${message} (e.g. ${examples.map(example => `'${example}'`).join(',  or ')}, regex used for validation is '${pattern}')`;
}

/** Upstream counts bytes everywhere, and says so in label keys and values only. */
function maxLength(value: string, bytes: number, unit: 'bytes' | 'characters' = 'characters'): string[] {
  return Buffer.byteLength(value) > bytes ? [`must be no more than ${bytes} ${unit}`] : [];
}

/** The beginning of a name as the name that is checked: a dash may end it, since something follows. Upstream takes one more character with it. */
export function asPrefix(value: string): string {
  return value.length > 1 && value.endsWith('-') ? `${value.slice(0, -2)}a` : value;
}

export function dns1123Label(value: string): string[] {
  if (matches(LABEL, value)) return maxLength(value, 63);
  return [
    ...maxLength(value, 63),
    // A name that would do but for its dots is told so, as upstream does.
    matches(SUBDOMAIN, value)
      ? 'must not contain dots'
      : regexError(
          "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
          LABEL,
          'my-name',
          '123-abc',
        ),
  ];
}

export function dns1123Subdomain(value: string): string[] {
  return subdomain(value, 'characters');
}

function subdomain(value: string, unit: 'bytes' | 'characters'): string[] {
  const long = maxLength(value, 253, unit);
  if (matches(SUBDOMAIN, value)) return long;
  return [
    ...long,
    regexError(
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
      SUBDOMAIN,
      'example.com',
    ),
  ];
}

const LABEL_WITH_UNDERSCORE = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SUBDOMAIN_WITH_UNDERSCORE = `${LABEL_WITH_UNDERSCORE}(\\.${LABEL_WITH_UNDERSCORE})*`;

/** A search domain of DNS, where underscores are in use. */
export function dns1123SubdomainWithUnderscore(value: string): string[] {
  const long = maxLength(value, 253);
  if (matches(SUBDOMAIN_WITH_UNDERSCORE, value)) return long;
  return [
    ...long,
    regexError(
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
      SUBDOMAIN_WITH_UNDERSCORE,
      'example.com',
    ),
  ];
}

/** A label key, an annotation key, a condition type: `[prefix/]name`. */
export function qualifiedName(value: string): string[] {
  const parts = value.split('/');
  const errors: string[] = [];
  const [first = '', second] = parts;
  const name = second ?? first;
  if (parts.length > 2)
    return [
      `${regexError(
        "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        QUALIFIED_NAME,
        'MyName',
        'my.name',
        '123-abc',
      )} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  if (second !== undefined) {
    if (first === '') errors.push('prefix part must be non-empty');
    else errors.push(...subdomain(first, 'bytes').map(reason => `prefix part ${reason}`));
  }
  if (name === '') errors.push('name part must be non-empty');
  else errors.push(...maxLength(name, 63, 'bytes').map(reason => `name part ${reason}`));
  if (!matches(QUALIFIED_NAME, name))
    errors.push(
      `name part ${regexError("must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character", QUALIFIED_NAME, 'MyName', 'my.name', '123-abc')}`,
    );
  return errors;
}

export function labelValue(value: string): string[] {
  const long = maxLength(value, 63, 'bytes');
  if (value === '' || matches(QUALIFIED_NAME, value)) return long;
  return [
    ...long,
    regexError(
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
      `(${QUALIFIED_NAME})?`,
      'MyValue',
      'my_value',
      '12345',
    ),
  ];
}

/** The relaxed rule that holds since 1.34. */
export function envVarName(value: string): string[] {
  return /^[\x20-\x3c\x3e-\x7e]+$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

export function configMapKey(value: string): string[] {
  const errors = maxLength(value, 253);
  if (!matches(CONFIG_MAP_KEY, value))
    errors.push(
      regexError(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        CONFIG_MAP_KEY,
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    );
  if (value === '.') errors.push("must not be '.'");
  else if (value.startsWith('..')) errors.push(value === '..' ? "must not be '..'" : "must not start with '..'");
  return errors;
}

export function httpHeaderName(value: string): string[] {
  return matches(HEADER_NAME, value)
    ? []
    : [regexError("a valid HTTP header must consist of alphanumeric characters or '-'", HEADER_NAME, 'X-Header-Name')];
}

export function portNumber(value: number): string[] {
  return value >= 1 && value <= 65535 ? [] : ['must be between 1 and 65535, inclusive'];
}

/** The name of a port: an IANA service name. */
export function portName(value: string): string[] {
  const errors = maxLength(value, 15);
  if (!/^[-a-z0-9]+$/.test(value))
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) errors.push('must contain at least one letter (a-z)');
  if (value.includes('--')) errors.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) errors.push('must not begin or end with a hyphen');
  return errors;
}

export function ipAddress(value: string): string[] {
  return isIP(value) === 0 ? ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'] : [];
}

/** User and group ids. */
export function numericId(value: number): string[] {
  return value >= 0 && value <= 2147483647 ? [] : ['must be between 0 and 2147483647, inclusive'];
}

/** What may stand as one segment of a path: RBAC's names. */
export function pathSegmentName(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter(part => value.includes(part)).map(part => `may not contain '${part}'`);
}

const WILDCARD = `\\*\\.${SUBDOMAIN}`;

/** A host name whose first label is a star. */
export function wildcardSubdomain(value: string): string[] {
  const errors = maxLength(value, 253);
  return matches(WILDCARD, value)
    ? errors
    : [
        ...errors,
        regexError(
          "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
          WILDCARD,
          '*.example.com',
        ),
      ];
}
