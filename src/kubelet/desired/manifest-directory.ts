import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { errnoName, errorMessage } from '../../base/errors.ts';
import { aborted } from '../../base/signals.ts';
import type { Logger } from '../../daemon/logger.ts';
import { watchDirectory } from '../../linux/watch-directory.ts';
import type { DesiredPod } from './desired-pod.ts';
import { type ManifestSet, mergeManifests } from './merge-manifests.ts';
import { type ManifestFile, parseManifest } from './parse-manifest.ts';

/** A write comes as several events: the directory is read once they have paused. */
const QUIET_MS = 4;
/** A file that cannot be read may be half written: it is judged when it has stayed as it is for so long. */
const SETTLE_MS = 250;
/** No manifest is this long; upstream's API server takes as much. */
const MAX_BYTES = 3 * 1024 * 1024;

export interface ManifestDirectoryOptions {
  /** A directory, or one file. */
  readonly path: string;
  readonly nodeName: string;
  /** The whole path is read again this often, as a net under inotify (upstream's fileCheckFrequency). */
  readonly checkMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called with the first whole set, then with each one that differs. */
  onChange(set: ManifestSet): void;
}

interface KnownFile {
  readonly fingerprint: string;
  readonly manifest: ManifestFile;
}

/** Watches the manifests of static pods. Files whose name begins with a dot are not manifests. */
export class ManifestDirectory {
  readonly #options: ManifestDirectoryOptions;
  #files = new Map<string, KnownFile>();
  /** Files that could not be read, by when that was seen first. */
  readonly #unsettled = new Map<string, { readonly fingerprint: string; readonly since: number }>();
  #pods: readonly DesiredPod[] = [];
  #told: ManifestSet | undefined;
  #toldProblems: ReadonlySet<string> = new Set();
  #watch: { close(): void } | undefined;
  #timer: (() => void) | undefined;
  #missing = false;

  constructor(options: ManifestDirectoryOptions) {
    this.#options = options;
  }

  /** Runs until the signal aborts. A path that is not there yet, or goes away, is waited for; nothing is ended meanwhile. */
  async run(signal: AbortSignal): Promise<void> {
    this.#scan();
    await aborted(signal);
    this.#timer?.();
    this.#watch?.close();
  }

  #schedule(ms: number): void {
    this.#timer?.();
    this.#timer = this.#options.clock.after(ms, () => this.#scan());
  }

  #scan(): void {
    const { log, path, checkMs } = this.#options;
    let nextMs = checkMs;
    try {
      this.#startWatch();
      nextMs = Math.min(nextMs, this.#read());
      if (this.#missing) log.info({ path }, 'the manifests are there again');
      this.#missing = false;
    } catch (error) {
      if (!this.#missing)
        log.warn(
          { path, because: errorMessage(error) },
          'the manifests cannot be read; what runs goes on, and they are looked for again',
        );
      this.#missing = true;
      this.#watch?.close();
      this.#watch = undefined;
      nextMs = Math.min(nextMs, 1_000);
    }
    this.#schedule(nextMs);
  }

  #directory(): { readonly directory: string; readonly only: string | undefined } {
    const { path } = this.#options;
    return statSync(path).isDirectory()
      ? { directory: path, only: undefined }
      : { directory: dirname(path), only: basename(path) };
  }

  #startWatch(): void {
    if (this.#watch !== undefined) return;
    const { directory } = this.#directory();
    this.#watch = watchDirectory(
      directory,
      () => this.#schedule(QUIET_MS),
      () => {
        this.#watch?.close();
        this.#watch = undefined;
        this.#schedule(QUIET_MS);
      },
    );
  }

  /** Returns in how many milliseconds to read again. */
  #read(): number {
    const { directory, only } = this.#directory();
    const names = only === undefined ? readdirSync(directory).filter(n => !n.startsWith('.')) : [only];
    const files = new Map<string, KnownFile>();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const name of names.sort()) {
      const file = `${directory}/${name}`;
      const known = this.#readFile(file);
      if (known === 'unsettled') {
        nextMs = SETTLE_MS;
        const before = this.#files.get(file);
        if (before !== undefined) files.set(file, before);
      } else if (known !== undefined) files.set(file, known);
    }
    this.#files = files;
    if (this.#told !== undefined || nextMs === Number.POSITIVE_INFINITY) this.#tell();
    return nextMs;
  }

  /** Undefined for what is no manifest: a directory, or a file that went away meanwhile. */
  #readFile(file: string): KnownFile | 'unsettled' | undefined {
    const { nodeName, clock } = this.#options;
    try {
      const stat = statSync(file);
      if (stat.isDirectory()) return undefined;
      const fingerprint = `${stat.ino}:${stat.size}:${stat.mtimeMs}:${stat.ctimeMs}`;
      const known = this.#files.get(file);
      if (known?.fingerprint === fingerprint) return known;
      const bad = (because: string): ManifestFile => ({ file, pods: [], problems: [`${file}:1:1: ${because}`] });
      const manifest = !stat.isFile()
        ? bad('is not a regular file')
        : stat.size > MAX_BYTES
          ? bad(`is ${stat.size} bytes long, and at most ${MAX_BYTES} are read`)
          : parseManifest(readFileSync(file, 'utf8'), { nodeName, file, seenAt: new Date(clock.now()).toISOString() });
      if (manifest.problems.length > 0 && !this.#settled(file, fingerprint)) return 'unsettled';
      this.#unsettled.delete(file);
      return { fingerprint, manifest };
    } catch (error) {
      if (errnoName(error) === 'ENOENT') return undefined;
      return { fingerprint: '', manifest: { file, pods: [], problems: [`${file}:1:1: ${errorMessage(error)}`] } };
    }
  }

  #settled(file: string, fingerprint: string): boolean {
    const now = this.#options.clock.monotonic();
    const seen = this.#unsettled.get(file);
    if (seen?.fingerprint === fingerprint) return now - seen.since >= SETTLE_MS;
    this.#unsettled.set(file, { fingerprint, since: now });
    return false;
  }

  #tell(): void {
    const { log, onChange } = this.#options;
    const set = mergeManifests(
      [...this.#files.values()].map(f => f.manifest),
      this.#pods,
    );
    for (const problem of set.problems) if (!this.#toldProblems.has(problem)) log.error(`manifest refused: ${problem}`);
    this.#toldProblems = new Set(set.problems);
    for (const pod of set.pods)
      if (
        set.badFiles.has(pod.file) &&
        !this.#files.get(pod.file)?.manifest.pods.includes(pod) &&
        this.#pods.includes(pod)
      )
        log.warn(
          { pod: `${pod.namespace}/${pod.name}`, file: pod.file },
          'its manifest became unreadable: the pod goes on as it is until the file is right or removed',
        );
    const same =
      this.#told !== undefined &&
      this.#told.pods.length === set.pods.length &&
      this.#told.pods.every((pod, i) => pod === set.pods[i]) &&
      [...this.#told.badFiles].join() === [...set.badFiles].join();
    this.#pods = set.pods;
    if (same) return;
    this.#told = set;
    onChange(set);
  }
}
