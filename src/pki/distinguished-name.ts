import { DerReader, derOid, derSequence, derSet, derUtf8String, encodeDer, readOid, readString, TAG } from './der.ts';
import { OID } from './oids.ts';

/** A subject as Kubernetes reads it: the common name is the user, organizations are the groups. */
export interface DistinguishedName {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly organizationalUnits?: readonly string[];
  readonly countries?: readonly string[];
  readonly localities?: readonly string[];
  readonly provinces?: readonly string[];
  readonly streetAddresses?: readonly string[];
  readonly postalCodes?: readonly string[];
  readonly serialNumber?: string;
}

/** The attributes of a name in their order. */
export interface NameAttribute {
  readonly oid: string;
  readonly value: string;
}

const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/;

/** The name as DER; the organizations are one multi-valued element, as Go writes them, so the bytes of a subject compare equal. */
export function encodeName(name: DistinguishedName): Buffer {
  const sets: Buffer[] = [];
  const add = (oid: string, values: readonly string[]): void => {
    if (values.length > 0) sets.push(derSet(...values.map(value => derSequence(derOid(oid), text(value)))));
  };
  add(OID.country, name.countries ?? []);
  add(OID.organization, name.organizations);
  add(OID.organizationalUnit, name.organizationalUnits ?? []);
  add(OID.locality, name.localities ?? []);
  add(OID.province, name.provinces ?? []);
  add(OID.streetAddress, name.streetAddresses ?? []);
  add(OID.postalCode, name.postalCodes ?? []);
  add(OID.commonName, name.commonName === '' ? [] : [name.commonName]);
  add(OID.serialNumber, name.serialNumber === undefined ? [] : [name.serialNumber]);
  return derSequence(...sets);
}

function text(value: string): Buffer {
  return PRINTABLE.test(value) ? encodeDer(TAG.printableString, Buffer.from(value, 'latin1')) : derUtf8String(value);
}

/** Every attribute of a name. Throws `invalid-argument` on what is not DER. */
export function readNameAttributes(der: Uint8Array): NameAttribute[] {
  const attributes: NameAttribute[] = [];
  for (const set of new DerReader(der).enter(TAG.sequence, 'a name').rest())
    for (const pair of new DerReader(set.content).rest()) {
      const reader = new DerReader(pair.content);
      const oid = readOid(reader.next(TAG.oid, 'the type of a name attribute').content);
      attributes.push({ oid, value: readString(reader.next()) });
    }
  return attributes;
}

/** The parts that may be there any number of times, in the order of Go's Name. */
const MANY = {
  organizationalUnits: OID.organizationalUnit,
  countries: OID.country,
  localities: OID.locality,
  provinces: OID.province,
  streetAddresses: OID.streetAddress,
  postalCodes: OID.postalCode,
} as const;

/** The last common name and serial number win, as in Go; what may be there many times keeps its order. Attributes that have no field are left out. */
export function readName(der: Uint8Array): DistinguishedName {
  const attributes = readNameAttributes(der);
  const all = (oid: string): string[] => attributes.filter(a => a.oid === oid).map(a => a.value);
  const many = Object.entries(MANY).map(([field, oid]) => [field, all(oid)] as const);
  const serialNumber = all(OID.serialNumber).at(-1);
  return {
    commonName: all(OID.commonName).at(-1) ?? '',
    organizations: all(OID.organization),
    ...Object.fromEntries(many.filter(([, values]) => values.length > 0)),
    ...(serialNumber === undefined ? {} : { serialNumber }),
  };
}
