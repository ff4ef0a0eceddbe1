import { bigIntToIp, ipBytes } from '../base/cidr.ts';
import { invalidArgument } from '../base/errors.ts';
import {
  contextTag,
  DerReader,
  derBoolean,
  derInteger,
  derNamedBits,
  derOctetString,
  derOid,
  derSequence,
  encodeDer,
  readNamedBits,
  readOid,
  TAG,
} from './der.ts';
import { OID } from './oids.ts';

/** What a key may be used for; the number is the bit of RFC 5280 4.2.1.3. */
export const KEY_USAGE = {
  digitalSignature: 0,
  contentCommitment: 1,
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: 5,
  crlSign: 6,
  encipherOnly: 7,
  decipherOnly: 8,
} as const;
export type KeyUsage = keyof typeof KEY_USAGE;

export const EXTENDED_KEY_USAGE = {
  any: OID.anyExtendedKeyUsage,
  serverAuth: OID.serverAuth,
  clientAuth: OID.clientAuth,
  codeSigning: OID.codeSigning,
  emailProtection: OID.emailProtection,
  ipsecEndSystem: OID.ipsecEndSystem,
  ipsecTunnel: OID.ipsecTunnel,
  ipsecUser: OID.ipsecUser,
  timeStamping: OID.timeStamping,
  ocspSigning: OID.ocspSigning,
  microsoftServerGatedCrypto: OID.microsoftServerGatedCrypto,
  netscapeServerGatedCrypto: OID.netscapeServerGatedCrypto,
} as const;
export type ExtendedKeyUsage = keyof typeof EXTENDED_KEY_USAGE;

/** The names and addresses that a certificate is good for. */
export interface SubjectAltNames {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses?: readonly string[];
  readonly uris?: readonly string[];
}

export interface Extensions {
  /** Present: this is a CA, which may sign CAs below it to that depth. False: it says that it is none. */
  readonly ca?: { readonly pathLength?: number } | false;
  readonly keyUsages?: readonly KeyUsage[];
  readonly extendedKeyUsages?: readonly ExtendedKeyUsage[];
  readonly subjectAltNames?: SubjectAltNames;
  readonly subjectKeyIdentifier?: Uint8Array;
  readonly authorityKeyIdentifier?: Uint8Array;
}

/** The SEQUENCE OF Extension. Empty parts are left out. */
export function encodeExtensions(extensions: Extensions): Buffer {
  const list: Buffer[] = [];
  const add = (oid: string, critical: boolean, value: Uint8Array): void => {
    list.push(derSequence(derOid(oid), ...(critical ? [derBoolean(true)] : []), derOctetString(value)));
  };
  const { ca, keyUsages = [], extendedKeyUsages = [], subjectAltNames } = extensions;
  if (keyUsages.length > 0) add(OID.keyUsage, true, derNamedBits(keyUsages.map(usage => KEY_USAGE[usage])));
  if (extendedKeyUsages.length > 0)
    add(OID.extendedKeyUsage, false, derSequence(...extendedKeyUsages.map(usage => derOid(EXTENDED_KEY_USAGE[usage]))));
  if (ca === false) add(OID.basicConstraints, true, derSequence());
  else if (ca !== undefined)
    add(
      OID.basicConstraints,
      true,
      derSequence(derBoolean(true), ...(ca.pathLength === undefined ? [] : [derInteger(ca.pathLength)])),
    );
  if (extensions.subjectKeyIdentifier !== undefined)
    add(OID.subjectKeyIdentifier, false, derOctetString(extensions.subjectKeyIdentifier));
  if (extensions.authorityKeyIdentifier !== undefined)
    add(OID.authorityKeyIdentifier, false, derSequence(encodeDer(contextTag(0), extensions.authorityKeyIdentifier)));
  const names = subjectAltNames === undefined ? [] : encodeGeneralNames(subjectAltNames);
  if (names.length > 0) add(OID.subjectAltName, false, derSequence(...names));
  return derSequence(...list);
}

function encodeGeneralNames(names: SubjectAltNames): Buffer[] {
  const ascii = (tag: number, values: readonly string[]): Buffer[] =>
    values.map(value => {
      if (!/^[\x21-\x7e]+$/.test(value))
        throw invalidArgument(`${JSON.stringify(value)} cannot stand in a certificate: it is no printable ASCII`);
      return encodeDer(contextTag(tag), Buffer.from(value, 'latin1'));
    });
  return [
    ...ascii(2, names.dnsNames),
    ...ascii(1, names.emailAddresses ?? []),
    ...names.ipAddresses.map(ip => encodeDer(contextTag(7), ipBytes(ip))),
    ...ascii(6, names.uris ?? []),
  ];
}

/** What was read from the extensions of a certificate or a request. */
export interface ReadExtensions {
  readonly isCa: boolean;
  readonly keyUsages: readonly KeyUsage[];
  /** Object identifiers, known or not. */
  readonly extendedKeyUsages: readonly string[];
  readonly subjectAltNames: Required<SubjectAltNames>;
  readonly subjectKeyIdentifier: Buffer | undefined;
}

const NO_NAMES = { dnsNames: [], ipAddresses: [], emailAddresses: [], uris: [] };

/** Reads a SEQUENCE OF Extension; those that are not known are passed over. An empty input has none. */
export function readExtensions(der: Uint8Array): ReadExtensions {
  let isCa = false;
  let keyUsages: KeyUsage[] = [];
  let extendedKeyUsages: string[] = [];
  let subjectAltNames: Required<SubjectAltNames> = NO_NAMES;
  let keyIdentifier: Buffer | undefined;
  const list = der.length === 0 ? [] : new DerReader(der).enter(TAG.sequence, 'the extensions').rest();
  for (const element of list) {
    const reader = new DerReader(element.content);
    const oid = readOid(reader.next(TAG.oid, 'the type of an extension').content);
    reader.optional(TAG.boolean);
    const value = new DerReader(reader.next(TAG.octetString, 'the value of an extension').content);
    if (oid === OID.basicConstraints)
      isCa = value.enter(TAG.sequence, 'basicConstraints').optional(TAG.boolean)?.content[0] === 0xff;
    if (oid === OID.keyUsage) {
      const bits = readNamedBits(value.next(TAG.bitString, 'keyUsage').content);
      keyUsages = (Object.keys(KEY_USAGE) as KeyUsage[]).filter(usage => bits.includes(KEY_USAGE[usage]));
    }
    if (oid === OID.extendedKeyUsage)
      extendedKeyUsages = value
        .enter(TAG.sequence, 'extendedKeyUsage')
        .rest()
        .map(e => readOid(e.content));
    if (oid === OID.subjectKeyIdentifier) keyIdentifier = value.next(TAG.octetString, 'subjectKeyIdentifier').content;
    if (oid === OID.subjectAltName) subjectAltNames = readGeneralNames(value.enter(TAG.sequence, 'subjectAltName'));
  }
  return { isCa, keyUsages, extendedKeyUsages, subjectAltNames, subjectKeyIdentifier: keyIdentifier };
}

function readGeneralNames(reader: DerReader): Required<SubjectAltNames> {
  const dnsNames: string[] = [];
  const ipAddresses: string[] = [];
  const emailAddresses: string[] = [];
  const uris: string[] = [];
  for (const { tag, content } of reader.rest()) {
    if (tag === contextTag(1)) emailAddresses.push(content.toString('latin1'));
    if (tag === contextTag(2)) dnsNames.push(content.toString('latin1'));
    if (tag === contextTag(6)) uris.push(content.toString('latin1'));
    if (tag === contextTag(7)) ipAddresses.push(ipText(content));
  }
  return { dnsNames, ipAddresses, emailAddresses, uris };
}

function ipText(bytes: Buffer): string {
  if (bytes.length !== 4 && bytes.length !== 16) throw invalidArgument('a certificate holds an address of odd length');
  return bigIntToIp(BigInt(`0x${bytes.toString('hex')}`), bytes.length === 4 ? 4 : 6);
}
