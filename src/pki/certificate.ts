import { createHash, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import {
  contextConstructedTag,
  DerReader,
  derInteger,
  derSequence,
  derTime,
  derUnsigned,
  encodeDer,
  TAG,
} from './der.ts';
import { type DistinguishedName, encodeName, readName, readNameAttributes } from './distinguished-name.ts';
import {
  type ExtendedKeyUsage,
  encodeExtensions,
  type KeyUsage,
  type ReadExtensions,
  readExtensions,
  type SubjectAltNames,
} from './extensions.ts';
import { spkiDer, subjectKeyIdentifier } from './keys.ts';
import { OID } from './oids.ts';
import { encodePem } from './pem.ts';
import { signatureAlgorithm, signDer } from './signature.ts';

export interface CertificateSpec {
  readonly subject: DistinguishedName;
  /** Of the subject; a private key stands for its public half. */
  readonly publicKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly keyUsages: readonly KeyUsage[];
  readonly extendedKeyUsages?: readonly ExtendedKeyUsage[];
  readonly subjectAltNames?: SubjectAltNames;
  readonly ca?: { readonly pathLength?: number };
}

/** Who signs: a certificate with its private key. */
export interface Issuer {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

/** A certificate signed by `issuer`, DER. The serial number is 127 random bits. */
export function signCertificate(spec: CertificateSpec, issuer: Issuer): Buffer {
  const parts = certificateParts(issuer.certificate.raw);
  const authority = readExtensions(parts.extensions).subjectKeyIdentifier ?? subjectKeyIdentifier(parts.publicKeyInfo);
  return issue(spec, parts.subject, issuer.key, authority);
}

/** A certificate whose subject signs itself: a root. */
export function selfSignedCertificate(spec: CertificateSpec, key: KeyObject): Buffer {
  return issue(spec, encodeName(spec.subject), key, subjectKeyIdentifier(spkiDer(key)));
}

function issue(spec: CertificateSpec, issuerName: Buffer, issuerKey: KeyObject, authority: Buffer): Buffer {
  const spki = spkiDer(spec.publicKey);
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40; // positive and never short
  const content = derSequence(
    encodeDer(contextConstructedTag(0), derInteger(2)),
    derUnsigned(serial),
    signatureAlgorithm(issuerKey),
    issuerName,
    derSequence(derTime(spec.notBefore), derTime(spec.notAfter)),
    encodeName(spec.subject),
    spki,
    encodeDer(
      contextConstructedTag(3),
      encodeExtensions({
        keyUsages: spec.keyUsages,
        ...(spec.ca === undefined ? { ca: false } : { ca: spec.ca, subjectKeyIdentifier: subjectKeyIdentifier(spki) }),
        ...(spec.extendedKeyUsages === undefined ? {} : { extendedKeyUsages: spec.extendedKeyUsages }),
        ...(spec.subjectAltNames === undefined ? {} : { subjectAltNames: spec.subjectAltNames }),
        authorityKeyIdentifier: authority,
      }),
    ),
  );
  return signDer(content, issuerKey);
}

export function certificatePem(der: Uint8Array): string {
  return encodePem('CERTIFICATE', der);
}

interface CertificateParts {
  readonly subject: Buffer;
  readonly publicKeyInfo: Buffer;
  readonly extensions: Buffer;
}

function certificateParts(der: Uint8Array): CertificateParts {
  const reader = new DerReader(der)
    .enter(TAG.sequence, 'a certificate')
    .enter(TAG.sequence, 'the content of a certificate');
  reader.optional(contextConstructedTag(0));
  reader.next(TAG.integer, 'the serial number');
  reader.next(TAG.sequence, 'the algorithm');
  reader.next(TAG.sequence, 'the issuer');
  reader.next(TAG.sequence, 'the validity');
  const subject = reader.next(TAG.sequence, 'the subject').raw;
  const publicKeyInfo = reader.next(TAG.sequence, 'the public key').raw;
  const rest = reader.rest().find(element => element.tag === contextConstructedTag(3));
  return { subject, publicKeyInfo, extensions: rest?.content ?? Buffer.alloc(0) };
}

/** What a certificate says of its bearer, read from its DER: Node's text form cannot tell a newline in a name from two names. */
export interface CertificateIdentity extends DistinguishedName {
  /** The UIDs of the subject that upstream reads as the user's UID; a valid certificate has one at most. */
  readonly uids: readonly string[];
  readonly fingerprintSha256: string;
  readonly extensions: ReadExtensions;
}

export function certificateIdentity(der: Uint8Array): CertificateIdentity {
  const parts = certificateParts(der);
  return {
    ...readName(parts.subject),
    uids: readNameAttributes(parts.subject)
      .filter(attribute => attribute.oid === OID.userUid)
      .map(attribute => attribute.value),
    fingerprintSha256: createHash('sha256').update(der).digest('hex'),
    extensions: readExtensions(parts.extensions),
  };
}

/** The certificate as Node's class, for its validity dates and its checks. */
export function parseCertificate(pemOrDer: string | Uint8Array): X509Certificate {
  return new X509Certificate(pemOrDer);
}
