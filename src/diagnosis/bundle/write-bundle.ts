import { setMaxListeners } from 'node:events';
import { stringify as stringifyToml } from 'smol-toml';
import { stringify } from 'yaml';
import { errorMessage } from '../../base/errors.ts';
import { deadlineSignal } from '../../base/signals.ts';
import { removeKnown, removeKnownIn } from '../redaction/known-secrets.ts';
import { redactDocument } from '../redaction/objects.ts';
import { redactText } from '../redaction/text.ts';
import type { Archive } from './archive.ts';
import { type BundleItem, type BundleSource, beginningOf, MOST_BYTES } from './item.ts';

/** What is in a bundle and what is not, as `manifest.json` has it. */
export interface BundleManifest {
  readonly kind: 'SupportBundle';
  /** RFC 3339. */
  readonly created: string;
  readonly gantry: string;
  readonly node: string;
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly cut?: string }[];
  readonly missing: readonly { readonly path: string; readonly because: string }[];
  readonly leftOut: readonly string[];
}

/** What no bundle has. */
const LEFT_OUT = [
  'private keys, tokens, passwords and other credentials: [redacted] stands in their place wherever they are',
  'Secrets; ConfigMaps but kubeadm-config, kubelet-config and kube-proxy',
  'of pods and containers: commands, arguments, values of variables and headers, what they said last (messages of their end, output of probes and hooks in events), logs and data',
  'values of annotations but those of Kubernetes itself',
  'values of headers in files of configuration, for registries say; comments in YAML and TOML',
  'of units and files of variables: comments, commands of others, values of variables but those of Gantry and of proxies',
];

/** Writes what the sources give into the archive, each item without its secrets, and a manifest of it all. Returns the manifest. Rejects when `signal` aborts or the archive cannot be written. */
export async function writeBundle(
  archive: Archive,
  sources: readonly BundleSource[],
  options: {
    readonly head: Pick<BundleManifest, 'created' | 'gantry' | 'node'>;
    /** Secrets of this machine, wherever they turn up. */
    readonly known: readonly string[];
    readonly say: (line: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<BundleManifest> {
  const files: { path: string; bytes: number; cut?: string }[] = [];
  const missing: { path: string; because: string }[] = [];
  for (const source of sources) {
    options.say(`collecting ${source.what}`);
    const deadline = deadlineSignal(source.timeoutMs, source.what, options.signal);
    // that many calls of a source wait for it is no leak
    setMaxListeners(0, deadline.signal);
    try {
      for await (const item of until(source.items(deadline.signal), deadline.signal)) {
        const path = shown(item.path, options.known);
        if ('missing' in item) {
          missing.push({ path, because: shown(item.missing, options.known) });
          continue;
        }
        const { text, cut } = shownItem(item, options.known);
        await archive.add(path, text);
        files.push({ path, bytes: Buffer.byteLength(text), ...(cut === undefined ? {} : { cut }) });
      }
    } catch (error) {
      options.signal.throwIfAborted();
      missing.push({ path: source.what, because: shown(errorMessage(error), options.known) });
    } finally {
      deadline.release();
    }
  }
  const manifest: BundleManifest = { kind: 'SupportBundle', ...options.head, files, missing, leftOut: LEFT_OUT };
  await archive.add('manifest.json', `${JSON.stringify(manifest, undefined, 2)}\n`);
  return manifest;
}

/** An item as it goes into a bundle: the only way into one. Pure. */
export function shownItem(
  item: Exclude<BundleItem, { readonly missing: string }>,
  known: readonly string[],
): { readonly text: string; readonly cut?: string } {
  if ('text' in item) {
    const cut = item.cut === undefined ? {} : { cut: item.cut };
    return { text: shown(item.text, known), ...cut };
  }
  const document = redactDocument(removeKnownIn(item.document, known));
  const { as = 'json' } = item;
  const text = written(document, as);
  const { text: whole, cut } = text.length > MOST_BYTES && as === 'json' ? shortened(document, text) : { text };
  return {
    ...beginningOf(removeKnown(whole, known)),
    ...(cut === undefined ? {} : { cut }),
    ...(item.cut === undefined ? {} : { cut: item.cut }),
  };
}

function written(document: unknown, as: 'json' | 'yaml' | 'toml'): string {
  if (as === 'yaml') return stringify(document, { lineWidth: 0 });
  return as === 'toml' ? `${stringifyToml(document)}\n` : `${JSON.stringify(document, withBigInt, 2)}\n`;
}

/** A list that is too long, with as many of its items as there is room for: it stays JSON, and says that it is not whole. */
function shortened(document: unknown, text: string): { readonly text: string; readonly cut?: string } {
  const { items } = document as { readonly items?: unknown };
  if (!Array.isArray(items)) return { text };
  // beside what says that it is cut
  let left = MOST_BYTES - 1024;
  const written: string[] = [];
  for (const item of items) {
    const each = JSON.stringify(item, withBigInt, 2);
    left -= each.length + 2;
    if (left < 0) break;
    written.push(each);
  }
  const cut = `only ${written.length} of ${items.length} are here: the file would be too long`;
  return { text: `{"cut":${JSON.stringify(cut)},"items":[\n${written.join(',\n')}\n]}\n`, cut };
}

function shown(text: string, known: readonly string[]): string {
  return redactText(removeKnown(text, known));
}

function withBigInt(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** The items that come before the signal aborts, whose reason is thrown then, even where the source heeds it not. */
async function* until<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  const late = new Promise<never>((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  late.catch(() => undefined);
  for (;;) {
    const next = await Promise.race([iterator.next(), late]);
    if (next.done === true) return;
    yield next.value;
  }
}
