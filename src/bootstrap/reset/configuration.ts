import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { errorMessage, invalidArgument } from '../../base/errors.ts';

/** kubeadm's ResetConfiguration, as far as it is given. */
export interface ResetConfiguration {
  readonly certificatesDir?: string;
  readonly cleanupTmpDir?: boolean;
  readonly criSocket?: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly ignorePreflightErrors?: readonly string[];
  readonly skipPhases?: readonly string[];
  readonly unmountFlags?: readonly string[];
}

const API_VERSION = 'kubeadm.k8s.io/v1beta4';
const isText = (value: unknown): boolean => typeof value === 'string';
const isFlag = (value: unknown): boolean => typeof value === 'boolean';
const isList = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const FIELDS: Readonly<Record<string, readonly [holds: (value: unknown) => boolean, what: string]>> = {
  certificatesDir: [isText, 'a string'],
  cleanupTmpDir: [isFlag, 'true or false'],
  criSocket: [isText, 'a string'],
  dryRun: [isFlag, 'true or false'],
  force: [isFlag, 'true or false'],
  ignorePreflightErrors: [isList, 'a list of strings'],
  skipPhases: [isList, 'a list of strings'],
  unmountFlags: [isList, 'a list of strings'],
};
/** kubeadm's names. The first three are what is done in any case, or made use of where something hangs. */
const UNMOUNT_FLAGS = ['MNT_FORCE', 'MNT_DETACH', 'UMOUNT_NOFOLLOW'];

/** Reads the file. Throws `invalid-argument` that names file and field for what is no ResetConfiguration. */
export function readResetConfiguration(path: string): ResetConfiguration {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw invalidArgument(`--config: ${path} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
  return parseResetConfiguration(text, path);
}

export function parseResetConfiguration(text: string, path: string): ResetConfiguration {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw invalidArgument(`${path}: ${errorMessage(error)}`, { cause: error });
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw invalidArgument(`${path}: there is no ResetConfiguration in it`);
  const { apiVersion, kind, ...fields } = document as Record<string, unknown>;
  if (kind !== 'ResetConfiguration' || apiVersion !== API_VERSION)
    throw invalidArgument(
      `${path}: a ResetConfiguration of ${API_VERSION} was expected, not kind ${JSON.stringify(kind)} of ${JSON.stringify(apiVersion)}`,
    );
  for (const [name, value] of Object.entries(fields)) {
    const [holds, what] = FIELDS[name] ?? [];
    if (holds === undefined) throw invalidArgument(`${path}: field ${JSON.stringify(name)} is unknown`);
    if (!holds(value)) throw invalidArgument(`${path}: field ${name} has to be ${what}`);
  }
  const configuration = fields as ResetConfiguration;
  for (const flag of configuration.unmountFlags ?? [])
    if (!UNMOUNT_FLAGS.includes(flag))
      throw invalidArgument(`${path}: unmountFlags: ${JSON.stringify(flag)} is none of ${UNMOUNT_FLAGS.join(', ')}`);
  return configuration;
}
