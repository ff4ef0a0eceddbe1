import { isSecretName } from './secret-names.ts';

/** Passwords in URLs, percent-encoded or not: up to the path, and with slashes in them up to the next URL. An apostrophe ends a URL that has begun behind one. */
const PASSWORDS = [
  /(?<=')[a-z][a-z0-9+.-]{0,20}:\/\/[^\s"'/?#\\@:]*:([^\s"'/?#\\]{1,512})@/gi,
  /(?<!')\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s"/?#\\@:]*:([^\s"/?#\\]{1,512})@/gi,
  /(?<=')[a-z][a-z0-9+.-]{0,20}:\/\/[^\s"'/?#\\@:]*:((?:(?!:\/\/)[^\s"']){1,512})@/gi,
  /(?<!')\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s"/?#\\@:]*:((?:(?!:\/\/)[^\s"]){1,512})@/gi,
];
const SHORTEST = 6;

/** The secrets that a document names as such, and the passwords of URLs in it: to be found wherever else they turn up. Pure. */
export function secretsIn(document: unknown, name = ''): readonly string[] {
  if (typeof document === 'string') return isSecretName(name) ? spellings(document) : passwordsIn(document);
  if (Array.isArray(document)) return document.flatMap(item => secretsIn(item, name));
  if (typeof document !== 'object' || document === null) return [];
  return Object.entries(document).flatMap(([key, value]) => secretsIn(value, key));
}

/** The passwords of URLs in a text, as they stand there and decoded. Pure. */
export function passwordsIn(text: string): readonly string[] {
  const found = PASSWORDS.flatMap(pattern => [...text.matchAll(pattern)].map(([, password = '']) => password));
  return [...new Set(found)].flatMap(password => {
    try {
      return [password, decodeURIComponent(password)];
    } catch {
      return [password];
    }
  });
}

/** A secret as it stands, and what it is in base64: a key, or `user:password`, of which the password counts. */
function spellings(secret: string): readonly string[] {
  if (!/^[A-Za-z0-9+/]{8,}={0,2}$/.test(secret)) return [secret];
  const decoded = Buffer.from(secret, 'base64').toString('utf8');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what is no text has them
  if (/[\u0000-\u0008\u000e-\u001f\ufffd]/.test(decoded)) return [secret];
  const password = decoded.slice(decoded.indexOf(':') + 1);
  return [secret, decoded, ...(password.length >= SHORTEST ? [password] : [])];
}
