import type { AppArmorProfile, PodSpec, SeccompProfile } from '../types/gen/core-v1.ts';
import type { ObjectMeta } from '../types/gen/meta-v1.ts';
import { type FieldError, forbidden, invalid, notSupported, required, tooLong } from './field-error.ts';
import { internalForm } from './internal-form.ts';
import { descendingPath } from './paths.ts';
import { containersOf } from './pod-options.ts';

const TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined'];
/** PATH_MAX without its end. */
const MAX_PROFILE_BYTES = 4095;

export const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
export const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
export const APPARMOR_CONTAINER = 'container.apparmor.security.beta.kubernetes.io/';

/** Which system calls a container may make. */
export function validateSeccomp(profile: SeccompProfile | undefined, path: string): FieldError[] {
  if (profile === undefined) return [];
  const { localhostProfile, type } = profile;
  const errors = typeErrors(type, 'type is required when seccompProfile is set', `${path}.type`);
  const at = `${path}.localhostProfile`;
  if (type !== 'Localhost') {
    if (localhostProfile !== undefined)
      errors.push(
        invalid(at, internalForm('core/v1.SeccompProfile', profile), 'can only be set when seccomp type is Localhost'),
      );
  } else if (localhostProfile === undefined) errors.push(required(at, 'must be set when seccomp type is Localhost'));
  else errors.push(...descendingPath(localhostProfile, at));
  return errors;
}

function typeErrors(type: string, whenMissing: string, path: string): FieldError[] {
  if (type === '') return [required(path, whenMissing)];
  return TYPES.includes(type) ? [] : [notSupported(path, type, TYPES)];
}

/** What a container may reach by the kernel's AppArmor. */
export function validateAppArmor(profile: AppArmorProfile | undefined, path: string): FieldError[] {
  if (profile === undefined) return [];
  const { localhostProfile, type } = profile;
  const at = `${path}.localhostProfile`;
  const missing = 'must be set when AppArmor type is Localhost';
  if (type !== 'Localhost') {
    const errors = typeErrors(type, 'type is required when appArmorProfile is set', `${path}.type`);
    return errors.length === 0 && localhostProfile !== undefined
      ? [invalid(at, localhostProfile, 'can only be set when AppArmor type is Localhost')]
      : errors;
  }
  if (localhostProfile === undefined) return [required(at, missing)];
  const errors: FieldError[] = [];
  if (localhostProfile.trim() !== localhostProfile)
    errors.push(invalid(at, localhostProfile, 'must not be padded with whitespace'));
  else if (localhostProfile === '') errors.push(required(at, missing));
  if (Buffer.byteLength(localhostProfile) > MAX_PROFILE_BYTES) errors.push(tooLong(at, MAX_PROFILE_BYTES));
  return errors;
}

/** The profile that an annotation of the time before there were fields names; undefined where it names none. */
export function appArmorOfAnnotation(text: string): AppArmorProfile | undefined {
  if (text === 'unconfined') return { type: 'Unconfined' };
  if (text === 'runtime/default') return { type: 'RuntimeDefault' };
  const profile = text.startsWith('localhost/') ? text.slice('localhost/'.length) : '';
  return profile === '' ? undefined : { type: 'Localhost', localhostProfile: profile };
}

/** The annotations that said the same before there were fields. */
export function validateProfileAnnotations(
  annotations: Readonly<Record<string, string>>,
  spec: PodSpec,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const pod = annotations[SECCOMP_POD];
  if (pod !== undefined) errors.push(...seccompText(pod, `${path}.${SECCOMP_POD}`));
  for (const [key, text] of Object.entries(annotations))
    if (key.startsWith(SECCOMP_CONTAINER)) errors.push(...seccompText(text, `${path}.${key}`));
  const containerNames = new Set(containersOf(spec, '').map(([{ name }]) => name));
  for (const [key, text] of Object.entries(annotations)) {
    if (!key.startsWith(APPARMOR_CONTAINER)) continue;
    const container = key.slice(APPARMOR_CONTAINER.length);
    if (!containerNames.has(container)) errors.push(invalid(`${path}[${key}]`, container, 'container not found'));
    if (!['', 'runtime/default', 'unconfined'].includes(text) && !text.startsWith('localhost/'))
      errors.push(invalid(`${path}[${key}]`, text, `invalid AppArmor profile name: ${JSON.stringify(text)}`));
  }
  return errors;
}

function seccompText(text: string, path: string): FieldError[] {
  if (['runtime/default', 'docker/default', 'unconfined'].includes(text)) return [];
  return text.startsWith('localhost/')
    ? descendingPath(text.slice('localhost/'.length), path)
    : [invalid(path, text, 'must be a valid seccomp profile')];
}

/** Where annotation and field are both there, they say the same. */
export function validateProfileAgreement(metadata: ObjectMeta, spec: PodSpec, path: string): FieldError[] {
  const { annotations = {} } = metadata;
  return [...seccompAgreement(annotations, spec, path), ...appArmorAgreement(annotations, spec, path)];
}

function seccompAgreement(annotations: Readonly<Record<string, string>>, spec: PodSpec, path: string): FieldError[] {
  const compare = (key: string, profile: SeccompProfile | undefined, at: string): FieldError[] => {
    const text = annotations[key];
    if (text === undefined || profile === undefined) return [];
    return mismatch(
      'seccomp',
      text,
      profile,
      ['runtime/default', 'docker/default'],
      `${at}.securityContext.seccompProfile`,
    );
  };
  return [
    ...compare(SECCOMP_POD, spec.securityContext?.seccompProfile, path),
    ...containersOf(spec, path).flatMap(([container, at]) =>
      compare(`${SECCOMP_CONTAINER}${container.name}`, container.securityContext?.seccompProfile, at),
    ),
  ];
}

function appArmorAgreement(annotations: Readonly<Record<string, string>>, spec: PodSpec, path: string): FieldError[] {
  if (spec.os?.name === 'windows') return [];
  return containersOf(spec, path).flatMap(([container, at]) => {
    const profile = container.securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile;
    const text = annotations[`${APPARMOR_CONTAINER}${container.name}`];
    if (profile === undefined || text === undefined) return [];
    return mismatch('apparmor', text, profile, ['runtime/default'], `${at}.securityContext.appArmorProfile`);
  });
}

function mismatch(
  what: string,
  text: string,
  profile: SeccompProfile | AppArmorProfile,
  runtimeDefaults: readonly string[],
  path: string,
): FieldError[] {
  const wrongType = [forbidden(`${path}.type`, `${what} type in annotation and field must match`)];
  switch (profile.type) {
    case 'Unconfined':
      return text === 'unconfined' ? [] : wrongType;
    case 'RuntimeDefault':
      return runtimeDefaults.includes(text) ? [] : wrongType;
    case 'Localhost':
      if (!text.startsWith('localhost/')) return wrongType;
      return text.slice('localhost/'.length) === profile.localhostProfile
        ? []
        : [forbidden(`${path}.localhostProfile`, `${what} profile in annotation and field must match`)];
    default:
      return [];
  }
}
