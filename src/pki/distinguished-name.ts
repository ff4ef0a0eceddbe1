import { DerReader, derOid, derSequence, derSet, derUtf8String, encodeDer, readOid, readString, TAG } from './der.ts';
import { OID } from './oids.ts';

/** A subject as Kubernetes reads it: the common name is the user, organizations are the groups. */
export interface DistinguishedName {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly organizationalUnits?: readonly string[];
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
  add(OID.organization, name.organizations);
  add(OID.organizationalUnit, name.organizationalUnits ?? []);
  add(OID.commonName, name.commonName === '' ? [] : [name.commonName]);
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

/** The last common name wins, as in Go; organizations keep their order. */
export function readName(der: Uint8Array): DistinguishedName {
  const attributes = readNameAttributes(der);
  const all = (oid: string): string[] => attributes.filter(a => a.oid === oid).map(a => a.value);
  const organizationalUnits = all(OID.organizationalUnit);
  return {
    commonName: all(OID.commonName).at(-1) ?? '',
    organizations: all(OID.organization),
    ...(organizationalUnits.length === 0 ? {} : { organizationalUnits }),
  };
}
