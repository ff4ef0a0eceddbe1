import { existsSync, readFileSync } from 'node:fs';
import { PROJECT } from '../../harness/gantry-command.ts';

/** Upstream's suite and what its images take, as files of this machine. */
export interface CritestPrograms {
  readonly critest: string;
  /** The command line of the same release. */
  readonly crictl: string;
  /** The folder of ginkgo, which runs the specs of critest side by side. */
  readonly ginkgoDirectory: string;
  readonly nonewprivs: string;
  readonly nginx: string;
  /** Debian's busybox for its installer: its shell looks for programs on PATH, as that of upstream's image; the static one runs its applets unasked. */
  readonly busybox: string;
}

const CACHE = `${PROJECT}/.cache/critest`;

/** What `build_critest` of scripts/steps.sh has built; a sentence where it has not, or could not. */
export function critestPrograms(): CritestPrograms | string {
  const programs = {
    critest: `${CACHE}/critest`,
    crictl: `${CACHE}/crictl`,
    ginkgoDirectory: `${CACHE}/bin`,
    nonewprivs: `${CACHE}/nonewprivs`,
    nginx: `${CACHE}/debian/usr/sbin/nginx`,
    busybox: `${CACHE}/debian/bin/busybox`,
  };
  const reason = `${CACHE}/not-built`;
  if (existsSync(reason)) return readFileSync(reason, 'utf8').trim();
  const missing = Object.values(programs).find(path => !existsSync(path));
  return missing === undefined ? programs : `${missing} is missing: run scripts/test critest, which builds it`;
}
