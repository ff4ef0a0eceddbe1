import { type DesiredPod, fullName } from './desired-pod.ts';
import type { ManifestFile } from './parse-manifest.ts';

/** What the manifest files say together. */
export interface ManifestSet {
  readonly pods: readonly DesiredPod[];
  readonly problems: readonly string[];
  /** Files that cannot be read in full: a pod that came from one of them and runs goes on running. */
  readonly badFiles: ReadonlySet<string>;
}

/**
 * The pods of all manifest files. A name that two documents claim goes to the first, by file name and then by place, and the other is a problem. A file
 * that became bad keeps the pods it gave before (`before`) until it is right again or removed: a typing error must not end what runs.
 */
export function mergeManifests(files: readonly ManifestFile[], before: readonly DesiredPod[]): ManifestSet {
  const pods = new Map<string, DesiredPod>();
  const uids = new Set<string>();
  const problems: string[] = [];
  const badFiles = new Set<string>();
  const sorted = [...files].sort((a, b) => (a.file < b.file ? -1 : 1));
  for (const { file, pods: own, problems: wrong } of sorted) {
    problems.push(...wrong);
    if (wrong.length > 0) badFiles.add(file);
    for (const pod of own) {
      const first = pods.get(fullName(pod));
      if (first !== undefined)
        problems.push(`${file}: pod ${fullName(pod)} is already given by ${first.file}; this one is not run`);
      else if (uids.has(pod.uid))
        problems.push(`${file}: metadata.uid ${pod.uid} is already another pod's; this one is not run`);
      else {
        pods.set(fullName(pod), pod);
        uids.add(pod.uid);
      }
    }
  }
  for (const pod of before) {
    if (!badFiles.has(pod.file) || pods.has(fullName(pod)) || uids.has(pod.uid)) continue;
    pods.set(fullName(pod), pod);
    uids.add(pod.uid);
  }
  return { pods: [...pods.values()], problems, badFiles };
}
