import { existsSync, readFileSync } from 'node:fs';
import type { PreflightFacts } from './plan.ts';

/**
 * Of some modules those that are not there: neither loaded nor built in, and either the kernel has no file of it or loading is switched off. One that only waits to be
 * loaded is there: the kernel does that by itself when it is used. Nothing where the machine does not tell (a container without /lib/modules).
 */
export function modulesOf(names: readonly string[], kernelRelease: string): PreflightFacts['missingModules'] {
  const folder = `/lib/modules/${kernelRelease}`;
  if (!existsSync(`${folder}/modules.dep`) || !existsSync('/proc/modules')) return [];
  const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  return missingModules(names, {
    loaded: read('/proc/modules'),
    builtin: read(`${folder}/modules.builtin`),
    files: read(`${folder}/modules.dep`),
    loadingIsOff: read('/proc/sys/kernel/modules_disabled').trim() === '1',
  });
}

/** The texts of /proc/modules, modules.builtin and modules.dep. */
export interface ModuleLists {
  readonly loaded: string;
  readonly builtin: string;
  readonly files: string;
  readonly loadingIsOff: boolean;
}

export function missingModules(
  names: readonly string[],
  { loaded, builtin, files, loadingIsOff }: ModuleLists,
): PreflightFacts['missingModules'] {
  return names.flatMap(name => {
    // a file may be called x-tables.ko, its module x_tables
    const file = new RegExp(`(^|/)${name.replaceAll('_', '[-_]')}\\.ko(\\.(xz|gz|zst))?(:|$)`, 'm');
    if (new RegExp(`^${name} `, 'm').test(loaded) || file.test(builtin)) return [];
    const loadable = file.test(files);
    return loadable && !loadingIsOff ? [] : [{ name, loadable }];
  });
}
