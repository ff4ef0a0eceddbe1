/** Words in the name of a field, flag or variable whose value is a secret. */
const SECRET_WORDS = new Set([
  'password',
  'passwords',
  'passwd',
  'passphrase',
  'pwd',
  'psk',
  'secret',
  'secrets',
  'token',
  'tokens',
  'credential',
  'credentials',
  'apikey',
  'authorization',
  'cookie',
]);
/** Two words beside each other that say the same. */
const SECRET_PAIRS = new Set([
  'api key',
  'access key',
  'account key',
  'app key',
  'auth key',
  'certificate key',
  'client key',
  'encryption key',
  'hmac key',
  'license key',
  'master key',
  'private key',
  'secret key',
  'shared key',
  'signing key',
  'ssh key',
  'storage key',
  'tls key',
  'user key',
]);
/** `api`, `access`, …: what stands before `key` in them. */
const KEY_OF = [...SECRET_PAIRS].map(pair => pair.replace(/ key$/, '')).join('|');
/** Ends of names that are written as one word: PGPASSWORD, authtoken, restuserkey, ENCRYPTIONKEY. */
const SECRET_END = new RegExp(
  `(?:passwords?|passwd|passphrase|secrets?|tokens?|pwd|(?:${KEY_OF})keys?|(?<!^(?:by|com|encom|over|sur|tres|under))pass|pw|auth)$`,
);
/** Of these, what says so only as the last word: `auth-mode` and `pass-through` are about something else. */
const ONLY_LAST = /(?:pass|pw|auth)$/;
/** Names that are one as a whole. */
const SECRET_NAMES = new Set([
  'auth',
  'bearer',
  'dockerconfigjson',
  'dockercfg',
  'identitytoken',
  'pass',
  'privatekey',
  'registrytoken',
  'sas',
  'sig',
  'signature',
]);
/** What a name ends with when its value is about a secret and none itself. */
const HARMLESS_ENDS = new Set(
  `age algorithm audience audiences cache class cleaner controller count dir directory duration enabled endpoint expiration file files groups keyref
  kind length method mode mount mounts name names namespace namespaces path paths policy projection ref refs request requests review reviews rotation seconds selector
  signer size source sources timeout ttl type uri url usage usages version versions webhook`.split(/\s+/),
);

/** `--clientKeyData`, `client-key-data` and `CLIENT_KEY_DATA2` as the words that they are made of, without the numbers behind them. */
function wordsOf(name: string): readonly string[] {
  return (
    name
      .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
      .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
      .toLowerCase()
      .split(/[^a-z0-9]+/)
      // one of several
      .map(word => word.replace(/(?<!\d)\d+$/, ''))
      .filter(word => word !== '')
  );
}

/** Whether the value of a field, flag, header or variable of this name is a secret: rather once too often. Pure. */
export function isSecretName(name: string): boolean {
  const words = wordsOf(name);
  const last = words.at(-1) ?? '';
  if (words.length > 1 && isHarmlessEnd(words)) return false;
  if (SECRET_NAMES.has(words.join('')) || SECRET_NAMES.has(last)) return true;
  return words.some(
    (word, at) =>
      SECRET_WORDS.has(word) ||
      SECRET_PAIRS.has(`${word} ${words[at + 1]?.replace(/s$/, '') ?? ''}`) ||
      (SECRET_END.test(word) && (at === words.length - 1 || !ONLY_LAST.test(word))),
  );
}

/** Whether a field of this name is about a secret and none itself where it stands below the name of one: the `secretName` of a `secret`. Pure. */
export function isAboutSecret(name: string): boolean {
  return isHarmlessEnd(wordsOf(name));
}

/** The hash of a certificate is public, that of a password is not. */
function isHarmlessEnd(words: readonly string[]): boolean {
  const last = words.at(-1) ?? '';
  return HARMLESS_ENDS.has(last) || (/^hash(?:es)?$/.test(last) && words.at(-2) === 'cert');
}
