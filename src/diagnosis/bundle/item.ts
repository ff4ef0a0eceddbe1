/** Something that goes into a bundle, before its secrets are taken out, or what could not be had for it. */
export type BundleItem =
  | {
      /** Within the bundle: `logs/gantry-node.log`. */
      readonly path: string;
      readonly text: string;
      /** Why it is not whole, where it is not. */
      readonly cut?: string;
    }
  | { readonly path: string; readonly document: unknown; readonly as?: 'json' | 'yaml' | 'toml'; readonly cut?: string }
  | { readonly path: string; readonly missing: string };

/** Where items come from. One that throws is told in the manifest, and the others go on. */
export interface BundleSource {
  /** For people: "the logs of the daemons". */
  readonly what: string;
  /** How long it may take, in ms. */
  readonly timeoutMs: number;
  items(signal: AbortSignal): AsyncIterable<BundleItem>;
}

/** No file of a bundle is longer. What it is made of may be: a page of a list is whole in memory. */
export const MOST_BYTES = 4 << 20;

/** The beginning of a text that is too long, up to the end of a line. Pure. */
export function beginningOf(text: string, most = MOST_BYTES): { readonly text: string; readonly cut?: string } {
  if (text.length <= most) return { text };
  const end = text.lastIndexOf('\n', most);
  return { text: text.slice(0, end < 0 ? most : end + 1), cut: `only its first ${most} bytes are here` };
}

/** The end of a text that is too long, from the beginning of a line on. Pure. */
export function endOf(text: string, most = MOST_BYTES): { readonly text: string; readonly cut?: string } {
  if (text.length <= most) return { text };
  const from = text.indexOf('\n', text.length - most);
  return { text: from < 0 ? '' : text.slice(from + 1), cut: `only its last ${most} bytes are here` };
}
