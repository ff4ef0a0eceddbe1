import { stringify } from 'yaml';
import { VERSION, versionInfo } from './version.ts';

export type VersionFormat = 'short' | 'json' | 'yaml';

/** What `gantry version` prints, in kubeadm's forms: `short` is the version alone, `json` and `yaml` its document. Pure. */
export function versionText(format: VersionFormat | undefined): string {
  const clientVersion = versionInfo();
  switch (format) {
    case 'short':
      return VERSION;
    case 'json':
      return JSON.stringify({ clientVersion }, null, 2);
    case 'yaml':
      return stringify({ clientVersion }).trimEnd();
    default:
      return `gantry version: ${VERSION}, on Node.js ${process.version}, ${clientVersion.platform}`;
  }
}

export async function printVersion({ output }: { readonly output?: VersionFormat }): Promise<number> {
  process.stdout.write(`${versionText(output)}\n`);
  return 0;
}
