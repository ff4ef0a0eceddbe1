type Fields = Readonly<Record<string, unknown>>;

/** Fields with those of another above them: objects field by field, everything else whole. */
export function merged(below: Fields, above: Fields): Fields {
  const result: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) {
    const standing = result[name];
    result[name] = isFields(standing) && isFields(value) ? merged(standing, value) : value;
  }
  return result;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
