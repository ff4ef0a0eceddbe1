import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

interface PemBlock {
  readonly type: string;
  readonly text: string;
}

/** What is wrong with a certificate and its key in PEM, in the words of Go's TLS; undefined where they fit. */
export function keyPairFault(certificates: string, key: string): string | undefined {
  const certificateBlocks = pemBlocks(certificates);
  const [leaf] = certificateBlocks.filter(block => block.type === 'CERTIFICATE');
  if (leaf === undefined) return noCertificate(certificateBlocks);
  const keyBlocks = pemBlocks(key);
  const keyBlock = keyBlocks.find(block => isKey(block.type));
  if (keyBlock === undefined) return noKey(keyBlocks);
  const certificate = read(() => new X509Certificate(leaf.text));
  if (certificate === undefined) return 'x509: malformed certificate';
  const privateKey = read(() => createPrivateKey(keyBlock.text));
  if (privateKey === undefined) return 'tls: failed to parse private key';
  return mismatch(certificate, privateKey);
}

function isKey(type: string): boolean {
  return type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY');
}

/** The blocks between lines that begin and lines that end one. In linear time: a text may begin thousands and end none. */
function pemBlocks(text: string): PemBlock[] {
  const marks = [...text.matchAll(/^-----(BEGIN|END) ([^\r\n]*)/gm)].flatMap(({ index, 1: word, 2: rest = '' }) => {
    const label = rest.slice(0, Math.max(rest.indexOf('-----'), 0));
    return rest.includes('-----') ? [{ index, label, isEnd: word === 'END' }] : [];
  });
  // from behind: of each label the next end is known then
  const ends = new Map<string, number>();
  const found: (PemBlock & { readonly index: number })[] = [];
  for (const { index, label, isEnd } of marks.toReversed()) {
    if (isEnd) ends.set(label, index + `-----END ${label}-----`.length);
    const end = isEnd ? undefined : ends.get(label);
    if (end !== undefined) found.push({ index, type: label, text: text.slice(index, end) });
  }
  let after = 0;
  return found.toReversed().filter(block => {
    const isNext = block.index >= after;
    if (isNext) after = block.index + block.text.length;
    return isNext;
  });
}

function noCertificate(blocks: readonly PemBlock[]): string {
  const [first] = blocks;
  if (first === undefined) return 'tls: failed to find any PEM data in certificate input';
  if (blocks.length === 1 && first.type.endsWith('PRIVATE KEY'))
    return 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched';
  return `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [${blocks.map(block => block.type).join(' ')}]`;
}

function noKey(blocks: readonly PemBlock[]): string {
  const [first] = blocks;
  if (first === undefined) return 'tls: failed to find any PEM data in key input';
  if (blocks.length === 1 && first.type === 'CERTIFICATE')
    return 'tls: found a certificate rather than a key in the PEM for the private key';
  return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [${blocks.map(block => block.type).join(' ')}]`;
}

function mismatch(certificate: X509Certificate, key: KeyObject): string | undefined {
  if (certificate.publicKey.asymmetricKeyType !== key.asymmetricKeyType)
    return 'tls: private key type does not match public key type';
  return certificate.checkPrivateKey(key) ? undefined : 'tls: private key does not match public key';
}

function read<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    // What cannot be read is told in one sentence, whatever OpenSSL says of it.
    return undefined;
  }
}
