/**
 * The text form of the schema table, as scripts/gen-api writes it. A row is a string, because a string of 40 KB loads in
 * no time and is parsed type by type when a walker first asks for the type (src/api/schema/table.ts).
 *
 * A struct is one line per field, in the order of the Go declaration (the order of upstream's JSON):
 *
 *     <json name, or "." for an inlined struct> <type> <protobuf number, 0 for none> [flags] [key=value …]
 *
 *     type    string bool int32 int64 uint32 float64 bytes, $Special, Name of this package, pkg/version.Name;
 *             in front: * pointer, [] list of, {} map from string to
 *     flags   o omitempty, z omitzero, ? +optional, ! +required, u union discriminator
 *     keys    p patchStrategy, k patchMergeKey, l listType, K listMapKeys, m mapType, s structType, d default as JSON (last)
 *
 * A first line `@s=atomic` is the structType of the struct itself. Another named type is `=<type>`, then `wrapped` where
 * a list is a message of its own in protobuf, then the values of an enum as a JSON list.
 */

/** One Go package of the API. */
export interface PackageRows {
  /** Prefix of its type ids: `core/v1` in `core/v1.Pod`. */
  readonly id: string;
  readonly goPath: string;
  readonly group: string;
  readonly version: string;
  /** The protobuf package, empty where upstream defines none. */
  readonly proto: string;
  readonly types: Readonly<Record<string, string>>;
}

/** One field line, split; the type is still text. */
export interface FieldRow {
  readonly name: string;
  readonly inline: boolean;
  readonly pointer: boolean;
  readonly type: string;
  readonly proto: number;
  readonly flags: string;
  readonly attributes: ReadonlyMap<string, string>;
}

/** Splits the row of a struct. Throws on a line that is not in the grammar: the table is wrong, not the user. */
export function parseStructRow(text: string): { readonly fields: readonly FieldRow[]; readonly structType?: string } {
  const lines = text === '' ? [] : text.split('\n');
  const structType = lines[0]?.startsWith('@s=') ? lines.shift()?.slice(3) : undefined;
  const fields = lines.map(parseFieldRow);
  return structType === undefined ? { fields } : { fields, structType };
}

function parseFieldRow(line: string): FieldRow {
  const [name, typeText, proto, ...rest] = line.split(' ');
  if (name === undefined || typeText === undefined || proto === undefined)
    throw new Error(`schema row "${line}" is cut`);
  const flags = rest[0] !== undefined && !rest[0].includes('=') ? (rest.shift() ?? '') : '';
  const attributes = new Map<string, string>();
  for (let i = 0; i < rest.length; i++) {
    const token = rest[i] ?? '';
    const key = token.slice(0, token.indexOf('='));
    // A default is JSON and may hold spaces, so it takes the rest of the line.
    if (key === 'd') {
      attributes.set('d', rest.slice(i).join(' ').slice(2));
      break;
    }
    attributes.set(key, token.slice(key.length + 1));
  }
  const pointer = typeText.startsWith('*');
  return {
    name,
    inline: name === '.',
    pointer,
    type: pointer ? typeText.slice(1) : typeText,
    proto: Number(proto),
    flags,
    attributes,
  };
}

/** Splits the row of a named type that is no struct. */
export function parseNamedRow(text: string): {
  readonly type: string;
  readonly wrapped: boolean;
  readonly enumValues?: readonly string[];
} {
  const [type = '', ...rest] = text.slice(1).split(' ');
  const wrapped = rest[0] === 'wrapped';
  if (wrapped) rest.shift();
  const values = rest.join(' ');
  return values === '' ? { type, wrapped } : { type, wrapped, enumValues: JSON.parse(values) as string[] };
}
