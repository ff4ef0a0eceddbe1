/** CDI specification files (github.com/cncf-tags/container-device-interface, SPEC.md, versions 0.3.0 to 1.1.0): their shape and the check of it. */
import { invalidArgument } from '../../base/errors.ts';
import { classProblem, deviceNameProblem, vendorProblem } from './cdi-names.ts';
import type { OciHookName } from './oci-spec.ts';

export interface CdiDeviceNode {
  readonly path: string;
  /** Where the node is on the machine; as `path` unless given. */
  readonly hostPath?: string;
  readonly type?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  readonly permissions?: string;
  readonly uid?: number;
  readonly gid?: number;
}

export interface CdiMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly options?: readonly string[];
  readonly type?: string;
}

export interface CdiHook {
  readonly hookName: OciHookName;
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  readonly timeout?: number;
}

export interface CdiEdits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly CdiDeviceNode[];
  readonly netDevices?: readonly object[];
  readonly hooks?: readonly CdiHook[];
  readonly mounts?: readonly CdiMount[];
  readonly intelRdt?: Readonly<Record<string, unknown>>;
  readonly additionalGids?: readonly number[];
}

export interface CdiSpec {
  readonly cdiVersion: string;
  /** `vendor.com/class`. */
  readonly kind: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly devices: readonly {
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly containerEdits: CdiEdits;
  }[];
  readonly containerEdits?: CdiEdits;
}

/** Oldest first. Those before 0.3.0 are read too when they use nothing newer: nothing does. */
const VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.4.0', '0.5.0', '0.6.0', '0.7.0', '0.8.0', '1.0.0', '1.1.0'];
const HOOKS: readonly string[] = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] satisfies readonly OciHookName[];

/** The content of a file as a specification. Throws `invalid-argument` that names the field, without the file. Pure. */
export function parseCdiSpec(content: unknown): CdiSpec {
  const spec = object(content, 'the file', {
    cdiVersion: text,
    kind: text,
    annotations: texts,
    devices: list((value, at) => object(value, at, { name: text, annotations: texts, containerEdits: edits })),
    containerEdits: edits,
  }) as unknown as CdiSpec;
  const version = (spec.cdiVersion ?? '').replace(/^v/, '');
  if (!VERSIONS.includes(version)) throw wrong(`invalid version "${spec.cdiVersion ?? ''}"`);
  const [vendor = '', kind = ''] = (spec.kind ?? '').split(/\/(.*)/s);
  const problem = vendorProblem(vendor) ?? classProblem(kind);
  if (problem !== undefined) throw wrong(`kind "${spec.kind ?? ''}": ${problem}`);
  checkEdits(spec.containerEdits ?? {}, 'containerEdits');
  if ((spec.devices ?? []).length === 0) throw wrong('invalid spec, no devices');
  const seen = new Set<string>();
  for (const { name = '', containerEdits = {} } of spec.devices) {
    const bad = deviceNameProblem(name);
    if (bad !== undefined) throw wrong(bad);
    if (seen.has(name)) throw wrong(`invalid spec, multiple device "${name}"`);
    seen.add(name);
    if (!Object.values(containerEdits).some(isFilled)) throw wrong(`device "${name}": empty device edits`);
    checkEdits(containerEdits, `device "${name}"`);
  }
  const least = leastVersion(spec);
  if (VERSIONS.indexOf(version) < VERSIONS.indexOf(least) && least !== '0.3.0')
    throw wrong(`the spec version must be at least v${least}`);
  return spec;
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined;
}

function checkEdits(e: CdiEdits, where: string): void {
  for (const variable of e.env ?? [])
    if (variable.indexOf('=') <= 0) throw wrong(`${where}: invalid environment variable "${variable}"`);
  for (const node of e.deviceNodes ?? []) {
    if ((node.path ?? '') === '') throw wrong(`${where}: invalid (empty) device path`);
    if (!['', 'b', 'c', 'u', 'p'].includes(node.type ?? ''))
      throw wrong(`${where}: device "${node.path}": invalid type "${node.type}"`);
    if (!/^([rwm]*|none)$/.test(node.permissions ?? ''))
      throw wrong(`${where}: device "${node.path}": invalid permissions "${node.permissions}"`);
  }
  for (const hook of e.hooks ?? []) {
    if (!HOOKS.includes(hook.hookName)) throw wrong(`${where}: invalid hook name "${hook.hookName ?? ''}"`);
    if ((hook.path ?? '') === '') throw wrong(`${where}: invalid hook "${hook.hookName}" with empty path`);
  }
  for (const mount of e.mounts ?? []) {
    if ((mount.hostPath ?? '') === '') throw wrong(`${where}: invalid mount, empty host path`);
    if ((mount.containerPath ?? '') === '') throw wrong(`${where}: invalid mount, empty container path`);
  }
  const closId = e.intelRdt?.['closID'];
  if (
    typeof closId === 'string' &&
    closId !== '/' &&
    (/[/\n]/.test(closId) || ['.', '..'].includes(closId) || closId.length >= 4096)
  )
    throw wrong(`${where}: invalid ClosID`);
}

/** The version that introduced the newest feature that a specification uses. */
function leastVersion(spec: CdiSpec): string {
  const all = [spec.containerEdits ?? {}, ...spec.devices.map(d => d.containerEdits ?? {})];
  const used = (has: (e: CdiEdits) => boolean): boolean => all.some(has);
  if (
    used(
      e =>
        (e.netDevices ?? []).length > 0 ||
        e.intelRdt?.['schemata'] !== undefined ||
        e.intelRdt?.['enableMonitoring'] === true,
    )
  )
    return '1.1.0';
  if (used(e => e.intelRdt !== undefined || (e.additionalGids ?? []).length > 0)) return '0.7.0';
  const annotated = [spec, ...spec.devices].some(x => Object.keys(x.annotations ?? {}).length > 0);
  if (annotated || spec.kind.slice(spec.kind.indexOf('/')).includes('.')) return '0.6.0';
  const digits = spec.devices.some(d => /^\d/.test(d.name));
  if (digits || used(e => (e.deviceNodes ?? []).some(n => (n.hostPath ?? '') !== ''))) return '0.5.0';
  if (used(e => (e.mounts ?? []).some(m => (m.type ?? '') !== ''))) return '0.4.0';
  return '0.3.0';
}

type Check = (value: unknown, at: string) => unknown;

const text: Check = (value, at) => {
  if (typeof value !== 'string') throw wrong(`${at} is not a string`);
  return value;
};
const whole: Check = (value, at) => {
  if (!Number.isInteger(value)) throw wrong(`${at} is not a whole number`);
  return value;
};
const flag: Check = (value, at) => {
  if (typeof value !== 'boolean') throw wrong(`${at} is not true or false`);
  return value;
};
const texts: Check = (value, at) => {
  if (!isObject(value)) throw wrong(`${at} is not an object`);
  for (const [key, item] of Object.entries(value)) text(item, `${at}.${key}`);
  return value;
};

function list(item: Check): Check {
  return (value, at) => {
    if (!Array.isArray(value)) throw wrong(`${at} is not a list`);
    return value.map((entry, index) => item(entry, `${at}[${index}]`));
  };
}

const edits: Check = (value, at) =>
  object(value, at, {
    env: list(text),
    deviceNodes: list((node, where) =>
      object(node, where, {
        path: text,
        hostPath: text,
        type: text,
        major: whole,
        minor: whole,
        fileMode: whole,
        permissions: text,
        uid: whole,
        gid: whole,
      }),
    ),
    netDevices: list((device, where) => object(device, where, { hostInterfaceName: text, name: text })),
    hooks: list((hook, where) =>
      object(hook, where, { hookName: text, path: text, args: list(text), env: list(text), timeout: whole }),
    ),
    mounts: list((mount, where) =>
      object(mount, where, { hostPath: text, containerPath: text, options: list(text), type: text }),
    ),
    intelRdt: (rdt, where) =>
      object(rdt, where, {
        closID: text,
        l3CacheSchema: text,
        memBwSchema: text,
        schemata: list(text),
        enableMonitoring: flag,
        // of versions before 1.1.0
        enableCMT: flag,
        enableMBM: flag,
      }),
    additionalGids: list(whole),
  });

/** The object with its fields checked; what is null counts as not there, and a field that nobody knows is an error. */
function object(value: unknown, at: string, fields: Readonly<Record<string, Check>>): Record<string, unknown> {
  if (!isObject(value)) throw wrong(`${at} is not an object`);
  const checked: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const check = fields[key];
    if (check === undefined) throw wrong(`${at}: unknown field "${key}"`);
    if (item !== null && item !== undefined) checked[key] = check(item, at === 'the file' ? key : `${at}.${key}`);
  }
  return checked;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(reason: string): Error {
  return invalidArgument(reason);
}
