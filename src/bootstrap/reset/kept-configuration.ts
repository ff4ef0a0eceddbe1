import { readdirSync, rmSync } from 'node:fs';
import { errnoName } from '../../base/errors.ts';

/**
 * dpkg deletes `cri.yaml`, a conffile, when the package is purged, and with it what says where the runtime of a node has its things. So packaging/prerm keeps a copy, which is named
 * by its content, where the node was not reset: a reset of the package installed again reads it, and removes it last.
 */
const KEPT = /^cri\.yaml\.kept-[0-9a-f]{8}$/;
/** As a killed prerm leaves it. */
const UNFINISHED = /^cri\.yaml\.kept-[0-9a-f]{8}\.new$/;

/** Configurations of the runtime that removals of the package have kept. Throws where the directory cannot be read. */
export function keptConfigurations(configDir: string): readonly string[] {
  return namesIn(configDir, KEPT);
}

/** Nothing needs them once the node is taken away. Which there were. */
export function forgetKeptConfigurations(configDir: string): readonly string[] {
  const paths = [...namesIn(configDir, KEPT), ...namesIn(configDir, UNFINISHED)];
  for (const path of paths) rmSync(path, { force: true });
  return paths;
}

function namesIn(directory: string, pattern: RegExp): readonly string[] {
  try {
    return readdirSync(directory)
      .filter(name => pattern.test(name))
      .toSorted()
      .map(name => `${directory}/${name}`);
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return [];
    throw error;
  }
}
