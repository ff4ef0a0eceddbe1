/** Few quantities and times occur, and they occur often: this many results are kept. */
const KEPT = 2000;
/** Longer texts are rare, and not worth their memory. */
const LONGEST = 64;

/** The same function with its latest results kept. It must be pure; what it throws is not kept. */
export function remembered<K extends string | number, V>(make: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return key => {
    const found = known.get(key);
    if (found !== undefined) return found;
    const value = make(key);
    if (typeof key === 'string' && key.length > LONGEST) return value;
    if (known.size >= KEPT) known.clear();
    known.set(key, value);
    return value;
  };
}
