import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { randomHex } from '../../src/base/hash.ts';
import { runCommand } from '../../src/linux/command.ts';
import { PROJECT } from './gantry-command.ts';

/** Names of the test images, built from Debian's own files by scripts/build-image.mjs. */
export const BUSYBOX = 'localhost/busybox:1.35';
/** The pause image for containerd. */
export const PAUSE = 'localhost/pause:1';
/** Two releases of a program that says on 8080 which it is, and in which pod: `v1 web-7d8f-x2x`; on /cgi-bin/slow after half a second. */
export const WEB_V1 = 'localhost/web:v1';
export const WEB_V2 = 'localhost/web:v2';
/** 100 MB that gzip cannot shrink, in three layers. */
export const BIG = 'localhost/big:1';
/** 300 MB that gzip cannot shrink, in eight layers. */
export const LAYERED = 'localhost/layered:1';
/** Keeps lines for who knows its user and password, on port 27017. */
export const DATABASE = 'localhost/database:1';
/** Shows the lines of a database and passes on new ones, on port 8081. */
export const FRONT_END = 'localhost/front-end:1';

const KINDS = {
  [BUSYBOX]: 'busybox',
  [WEB_V1]: 'web',
  [WEB_V2]: 'web',
  [PAUSE]: 'pause',
  [BIG]: 'big',
  [LAYERED]: 'layered',
  [DATABASE]: 'database',
  [FRONT_END]: 'front-end',
} as const;

/** An OCI archive of the image, built once and kept in .cache. */
export async function imageArchive(reference: keyof typeof KINDS): Promise<string> {
  const kind = KINDS[reference];
  const file = `${PROJECT}/.cache/images/${kind === 'web' ? reference.replace(/^.*\/(.*):/, '$1-') : kind}.tar`;
  if (existsSync(file)) return file;
  mkdirSync(`${PROJECT}/.cache/images`, { recursive: true });
  const temporary = `${file}.${randomHex(4)}`;
  const { code, stderr } = await runCommand(process.execPath, [
    `${PROJECT}/scripts/build-image.mjs`,
    kind,
    reference,
    '--archive',
    temporary,
  ]);
  if (code !== 0) {
    rmSync(temporary, { force: true });
    throw new Error(`building ${reference}: ${stderr.toString('utf8').trim()}`);
  }
  renameSync(temporary, file);
  return file;
}
