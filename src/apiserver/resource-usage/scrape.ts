/** A figure of the node or of a container as its kubelet told it. */
export interface Reading {
  /** Of `cpuSeconds`: milliseconds since the epoch. */
  readonly at: number;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  /** Milliseconds since the epoch; undefined where it is not told. */
  readonly startedAt: number | undefined;
}

/** What a kubelet told at one time. */
export interface Scrape {
  readonly node: Reading | undefined;
  /** By `namespace/pod`, then by container. */
  readonly pods: ReadonlyMap<string, ReadonlyMap<string, Reading>>;
}

interface Row {
  at?: number;
  cpuSeconds?: number;
  memoryBytes?: number;
  startedAt?: number;
}

/** The rows that are read; all others are passed over. */
const FIELDS: Readonly<Record<string, keyof Row>> = {
  node_cpu_usage_seconds_total: 'cpuSeconds',
  node_memory_working_set_bytes: 'memoryBytes',
  container_cpu_usage_seconds_total: 'cpuSeconds',
  container_memory_working_set_bytes: 'memoryBytes',
  container_start_time_seconds: 'startedAt',
};

/**
 * Reads the text of /metrics/resource. Containers without CPU or memory are left out, as is what cannot be read: a kubelet that tells nonsense of one container has told the rest.
 * `now`, in milliseconds, is the time of rows without one. Pure.
 */
export function parseScrape(text: string, now: number): Scrape {
  const node: Row = {};
  const pods = new Map<string, Map<string, Row>>();
  for (const line of text.split('\n')) {
    if (!line.startsWith('node_') && !line.startsWith('container_')) continue;
    const end = /[{ ]/.exec(line)?.index ?? -1;
    const field = FIELDS[line.slice(0, end)];
    if (field === undefined) continue;
    const { labels, rest } = readLabels(line, end);
    const [number = '', time] = rest.trim().split(/\s+/);
    const value = Number(number);
    if (number === '' || !Number.isFinite(value)) continue;
    const row = line.startsWith('node_') ? node : rowOf(pods, labels);
    if (row === undefined) continue;
    row[field] = field === 'startedAt' ? value * 1000 : value;
    if (field === 'cpuSeconds') row.at = time === undefined ? now : Number(time);
  }
  return {
    node: readingOf(node),
    pods: new Map([...pods].map(([pod, rows]) => [pod, readingsOf(rows)])),
  };
}

function rowOf(pods: Map<string, Map<string, Row>>, labels: ReadonlyMap<string, string>): Row | undefined {
  const [container, pod, namespace] = ['container', 'pod', 'namespace'].map(name => labels.get(name) ?? '');
  if (!container || !pod || !namespace) return undefined;
  const key = `${namespace}/${pod}`;
  const rows = pods.get(key) ?? new Map<string, Row>();
  pods.set(key, rows);
  const row = rows.get(container) ?? {};
  rows.set(container, row);
  return row;
}

/** The labels behind a name that ends at `start`, and what stands after them. */
function readLabels(line: string, start: number): { labels: ReadonlyMap<string, string>; rest: string } {
  const labels = new Map<string, string>();
  if (line[start] !== '{') return { labels, rest: line.slice(start) };
  const label = /([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)",?/y;
  label.lastIndex = start + 1;
  let end = label.lastIndex;
  for (let match = label.exec(line); match !== null; match = label.exec(line)) {
    labels.set(match[1] ?? '', unescapeLabel(match[2] ?? ''));
    end = label.lastIndex;
  }
  return { labels, rest: line[end] === '}' ? line.slice(end + 1) : '' };
}

function unescapeLabel(text: string): string {
  return text.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}

function readingsOf(rows: ReadonlyMap<string, Row>): ReadonlyMap<string, Reading> {
  const readings = new Map<string, Reading>();
  for (const [name, row] of rows) {
    const reading = readingOf(row);
    if (reading !== undefined) readings.set(name, reading);
  }
  return readings;
}

function readingOf({ at, cpuSeconds, memoryBytes, startedAt }: Row): Reading | undefined {
  if (at === undefined || !Number.isFinite(at) || cpuSeconds === undefined || memoryBytes === undefined)
    return undefined;
  return { at, cpuSeconds, memoryBytes, startedAt };
}
