import type { ResetConfiguration } from '../../api/types/gen/kubeadm-v1beta4.ts';
import { invalidArgument } from '../../base/errors.ts';
import { type ConfigurationFile, parseConfiguration, readConfigurationFile } from './read-documents.ts';
import { unheededDocuments, unheededFields } from './unheeded.ts';

/** What a file says of a reset: the fields that stand in it and no others, for where keys are is known better by what has made them. */
export interface GivenReset {
  readonly configuration: Partial<ResetConfiguration>;
  readonly warnings: readonly string[];
}

/** Reads the ResetConfiguration of a file. Throws `invalid-argument` that names file, line and field. */
export function readResetConfiguration(path: string): GivenReset {
  return resetConfigurationOf(readConfigurationFile(path), path);
}

/** The same of a text; `name` stands for the file. */
export function parseResetConfiguration(text: string, name: string): GivenReset {
  return resetConfigurationOf(parseConfiguration(text, name), name);
}

function resetConfigurationOf({ documents, warnings }: ConfigurationFile, name: string): GivenReset {
  const document = documents.find(({ kind }) => kind === 'ResetConfiguration');
  if (document === undefined) throw invalidArgument(`${name}: there is no ResetConfiguration in it`);
  return {
    configuration: document.written as Partial<ResetConfiguration>,
    warnings: [...warnings, ...unheededDocuments(documents, 'reset'), ...unheededFields([document])],
  };
}
