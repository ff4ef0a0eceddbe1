import { type DefaultsName, defaultsText } from '../bootstrap/configuration/print-defaults.ts';
import { readConfigurationFile } from '../bootstrap/configuration/read-documents.ts';
import { documentsText } from '../bootstrap/configuration/write-documents.ts';
import { writeFileAtomic } from '../linux/atomic-file.ts';
import { checkConfigurationFile } from './check-configuration.ts';
import { words } from './flag-values.ts';
import { VALIDATION_EXIT_CODE } from './preflight-exit.ts';
import { VERSION } from './version.ts';

/** `gantry config print …-defaults`. Returns the exit code. */
export async function printDefaultsCommand(name: DefaultsName, flags: { readonly componentConfigs: string }) {
  process.stdout.write(defaultsText(name, VERSION.replace(/\+.*/, ''), words(flags.componentConfigs)));
  return 0;
}

/** `gantry config validate`: says what is wrong, in the words of the commands that take the file, or `ok`. Returns the exit code. */
export async function validateConfigCommand({ config }: { readonly config: string }): Promise<number> {
  try {
    for (const warning of checkConfigurationFile(config)) process.stderr.write(`WARNING: ${warning}\n`);
  } catch (error) {
    process.stderr.write(`gantry: ${(error as Error).message}\n`);
    return VALIDATION_EXIT_CODE;
  }
  console.log('ok');
  return 0;
}

/** `gantry config migrate`: writes the file anew in the present version, with its defaults as kubeadm does. Returns the exit code. */
export async function migrateConfigCommand(flags: { readonly oldConfig: string; readonly newConfig?: string }) {
  const { documents } = readConfigurationFile(flags.oldConfig);
  const isKubeadm = ({ apiVersion }: { readonly apiVersion: string }): boolean =>
    apiVersion.startsWith('kubeadm.k8s.io/');
  // what a kubelet's or a proxy's document leaves out is theirs to fill in, by their version
  const text = documentsText(documents.map(each => (isKubeadm(each) ? each.object : each.written)));
  // it may hold tokens
  if (flags.newConfig === undefined) process.stdout.write(text);
  else writeFileAtomic(flags.newConfig, text, { mode: 0o600, durable: true });
  return 0;
}

/** `gantry config images list` and `pull`. Returns the exit code. */
export async function imagesCommand(): Promise<number> {
  process.stderr.write(
    'No images are needed: the control plane, the DNS, the proxy and the pause process are no containers here\n',
  );
  return 0;
}
