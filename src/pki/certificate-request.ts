import { createPublicKey, type KeyObject } from 'node:crypto';
import { invalidArgument } from '../base/errors.ts';
import {
  contextConstructedTag,
  DerReader,
  derInteger,
  derOid,
  derSequence,
  derSet,
  encodeDer,
  readOid,
  TAG,
} from './der.ts';
import { type DistinguishedName, encodeName, readName } from './distinguished-name.ts';
import { encodeExtensions, readExtensions, type SubjectAltNames } from './extensions.ts';
import { publicHalf, spkiDer } from './keys.ts';
import { OID } from './oids.ts';
import { decodeOnePem, encodePem } from './pem.ts';
import { readSignedDer, signDer, verifySignedDer } from './signature.ts';

export interface CertificateRequestSpec {
  readonly subject: DistinguishedName;
  readonly subjectAltNames?: SubjectAltNames;
}

/** A PKCS #10 request in PEM, signed with the key that it asks a certificate for. */
export function createCertificateRequest(spec: CertificateRequestSpec, key: KeyObject): string {
  const attributes =
    spec.subjectAltNames === undefined
      ? []
      : [
          derSequence(
            derOid(OID.extensionRequest),
            derSet(encodeExtensions({ subjectAltNames: spec.subjectAltNames })),
          ),
        ];
  const content = derSequence(
    derInteger(0),
    encodeName(spec.subject),
    spkiDer(publicHalf(key)),
    encodeDer(contextConstructedTag(0), ...attributes),
  );
  return encodePem('CERTIFICATE REQUEST', signDer(content, key));
}

/** What a request asks for. */
export interface CertificateRequest {
  readonly subject: DistinguishedName;
  readonly subjectAltNames: Required<SubjectAltNames>;
  readonly publicKey: KeyObject;
}

/** Reads a request and checks that its sender holds the key. Throws `invalid-argument` when it is malformed or the signature is not the key's. */
export function readCertificateRequest(pem: string): CertificateRequest {
  const signed = readSignedDer(decodeOnePem('CERTIFICATE REQUEST', pem), 'a certificate request');
  const reader = new DerReader(signed.content).enter(TAG.sequence, 'a certificate request');
  reader.next(TAG.integer, 'the version');
  const subject = readName(reader.next(TAG.sequence, 'the subject').raw);
  const spki = reader.next(TAG.sequence, 'the public key').raw;
  const attributes = reader.optional(contextConstructedTag(0))?.content ?? Buffer.alloc(0);
  const publicKey = readSpki(spki);
  if (!verifySignedDer(signed, publicKey)) throw invalidArgument(notSigned(publicKey));
  return { subject, publicKey, subjectAltNames: readExtensions(requestedExtensions(attributes)).subjectAltNames };
}

/** Upstream's words, which an API server shows to the sender. */
function notSigned(key: KeyObject): string {
  if (key.asymmetricKeyType === 'rsa') return 'crypto/rsa: verification error';
  return `x509: ${key.asymmetricKeyType === 'ed25519' ? 'Ed25519' : 'ECDSA'} verification failure`;
}

function requestedExtensions(attributes: Buffer): Buffer {
  for (const attribute of new DerReader(attributes).rest()) {
    const reader = new DerReader(attribute.content);
    if (readOid(reader.next(TAG.oid, 'the type of an attribute').content) === OID.extensionRequest)
      return reader.enter(TAG.set, 'the values of an attribute').next(TAG.sequence, 'the extensions').raw;
  }
  return Buffer.alloc(0);
}

function readSpki(der: Buffer): KeyObject {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' });
  } catch (cause) {
    throw invalidArgument('the certificate request holds no public key that can be read', { cause });
  }
}
