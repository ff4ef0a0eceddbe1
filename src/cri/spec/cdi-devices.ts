import { failedPrecondition } from '../../base/errors.ts';
import { qualifiedNameProblem } from './cdi-names.ts';
import type { CdiDeviceNode, CdiEdits, CdiHook, CdiSpec } from './cdi-spec.ts';
import { cleanPath } from './mounts.ts';
import type { OciDevice, OciDeviceRule, OciHook, OciHookName, OciMount, OciSpec } from './oci-spec.ts';

/** A specification file that could be read, or why not. */
export type CdiFile = {
  readonly path: string;
  /** A device of a file with a higher one wins over one of the same name. */
  readonly priority: number;
} & ({ readonly spec: CdiSpec } | { readonly problem: string });

/**
 * What must be done to a container for these devices, in their order: what a file says for all of its devices comes before the first of them. Throws
 * `failed-precondition` that names every device that is in no file, or in two of the same priority, and the files that could not be read. Pure.
 */
export function cdiEditsFor(names: readonly string[], files: readonly CdiFile[]): readonly CdiEdits[] {
  const edits: CdiEdits[] = [];
  const used = new Set<string>();
  const missing: string[] = [];
  for (const name of names) {
    const candidates = files.flatMap(file => {
      if (!('spec' in file)) return [];
      const device = file.spec.devices.find(d => `${file.spec.kind}=${d.name}` === name);
      return device === undefined ? [] : [{ file, shared: file.spec.containerEdits, own: device.containerEdits }];
    });
    const highest = Math.max(...candidates.map(c => c.file.priority));
    const [found, rival] = candidates.filter(c => c.file.priority === highest);
    if (found === undefined || rival !== undefined) {
      missing.push(rival === undefined ? name : `${name} (in ${found?.file.path} and in ${rival.file.path})`);
      continue;
    }
    if (!used.has(found.file.path) && found.shared !== undefined) edits.push(found.shared);
    used.add(found.file.path);
    edits.push(found.own);
  }
  if (missing.length > 0) throw unresolvable(missing, files);
  return edits;
}

function unresolvable(names: readonly string[], files: readonly CdiFile[]): Error {
  const problems = [
    ...names.flatMap(name => {
      const problem = name.includes(' (in ') ? undefined : qualifiedNameProblem(name);
      return problem === undefined ? [] : [`"${name}": ${problem}`];
    }),
    ...files.flatMap(file => ('problem' in file ? [`${file.path}: ${file.problem}`] : [])),
  ];
  const because = problems.length === 0 ? '' : ` (${problems.join('; ')})`;
  return failedPrecondition(`CDI device injection failed: unresolvable CDI devices ${names.join(', ')}${because}`);
}

/** A node of the machine, by its path. Undefined where there is none. */
export type LookUpNode = (hostPath: string) => Pick<OciDevice, 'type' | 'major' | 'minor' | 'fileMode'> | undefined;

/**
 * The specification with the edits made to it: variables and nodes replace those of the same name or path, mounts those at the same place. A node gets its numbers from the
 * machine unless the file gives them. Throws `failed-precondition` for a node that is not there or is of another type. Pure, apart from `lookUp`.
 */
export function applyCdiEdits(spec: OciSpec, edits: readonly CdiEdits[], lookUp: LookUpNode): OciSpec {
  if (edits.length === 0) return spec;
  if (edits.some(e => (e.netDevices ?? []).length > 0))
    throw failedPrecondition('CDI device injection failed: netDevices are not supported');
  const { process: program, linux } = spec;
  const nodes = edits
    .flatMap(e => e.deviceNodes ?? [])
    .map(node => ({ node, device: deviceOf(node, program.user, lookUp) }));
  const devices = byKey([...(linux.devices ?? []), ...nodes.map(n => n.device)], d => d.path);
  const intelRdt = edits.findLast(e => e.intelRdt !== undefined)?.intelRdt;
  const gids = edits.flatMap(e => e.additionalGids ?? []).filter(gid => gid !== 0);
  const hooks = hooksOf(
    spec.hooks,
    edits.flatMap(e => e.hooks ?? []),
  );
  return {
    ...spec,
    process: {
      ...program,
      env: byKey([...program.env, ...edits.flatMap(e => e.env ?? [])], variable =>
        variable.slice(0, variable.indexOf('=')),
      ),
      user: {
        ...program.user,
        ...(gids.length === 0
          ? {}
          : { additionalGids: [...new Set([...(program.user.additionalGids ?? []), ...gids])] }),
      },
    },
    mounts: mountsOf(spec.mounts, edits),
    ...(hooks === undefined ? {} : { hooks }),
    linux: {
      ...linux,
      ...(devices.length === 0 ? {} : { devices }),
      resources: { ...linux.resources, devices: [...(linux.resources.devices ?? []), ...nodes.flatMap(ruleOf)] },
      ...(intelRdt === undefined ? {} : { intelRdt }),
    },
  };
}

function deviceOf(node: CdiDeviceNode, user: { uid: number; gid: number }, lookUp: LookUpNode): OciDevice {
  const { path, hostPath = path, type = '', major = 0, minor = 0, fileMode } = node;
  const isWhole = type !== '' && (major !== 0 || type === 'p');
  const found = lookUp(hostPath);
  if (found === undefined && !isWhole)
    throw failedPrecondition(`CDI device injection failed: ${hostPath} is no device node of this machine`);
  // u is a character device without a buffer, which Linux does not tell apart
  const wanted = type === 'u' ? 'c' : type;
  if (!isWhole && found !== undefined && wanted !== '' && wanted !== found.type)
    throw failedPrecondition(
      `CDI device injection failed: CDI device ("${path}", "${hostPath}"), host type mismatch (${type}, ${found.type})`,
    );
  const mode = fileMode ?? found?.fileMode;
  const uid = node.uid ?? (user.uid > 0 ? user.uid : undefined);
  const gid = node.gid ?? (user.gid > 0 ? user.gid : undefined);
  return {
    path,
    ...(isWhole || found === undefined
      ? { type: wanted, major, minor }
      : { type: found.type, major: found.major, minor: found.minor }),
    ...(mode === undefined ? {} : { fileMode: mode }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  };
}

function ruleOf({ node, device }: { node: CdiDeviceNode; device: OciDevice }): readonly OciDeviceRule[] {
  const access = node.permissions ?? '';
  if (access === 'none' || device.type === 'p') return [];
  const { type, major, minor } = device;
  return [{ allow: true, type, major, minor, access: access === '' ? 'rwm' : access }];
}

function mountsOf(before: readonly OciMount[], edits: readonly CdiEdits[]): readonly OciMount[] {
  const added = edits.flatMap(e => e.mounts ?? []);
  if (added.length === 0) return before;
  const mounts = added.map(
    (m): OciMount => ({
      destination: cleanPath(m.containerPath),
      type: m.type ?? 'bind',
      source: m.hostPath,
      options: m.options ?? ['bind'],
    }),
  );
  const depth = (path: string): number => path.split('/').filter(part => part !== '').length;
  return byKey([...before, ...mounts], m => m.destination).sort((a, b) => depth(a.destination) - depth(b.destination));
}

function hooksOf(before: OciSpec['hooks'], added: readonly CdiHook[]): OciSpec['hooks'] {
  if (added.length === 0) return before;
  const hooks: Partial<Record<OciHookName, OciHook[]>> = {};
  for (const { hookName, path, args, env, timeout } of added) {
    hooks[hookName] ??= [...(before?.[hookName] ?? [])];
    hooks[hookName]?.push({
      path,
      ...(args === undefined ? {} : { args }),
      ...(env === undefined ? {} : { env }),
      ...(timeout === undefined ? {} : { timeout }),
    });
  }
  return { ...before, ...hooks };
}

/** One per key: a later one replaces an earlier one, in the place of the earlier. */
function byKey<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.map(item => [key(item), item])).values()];
}
