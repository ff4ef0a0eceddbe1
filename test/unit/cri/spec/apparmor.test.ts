import { describe, expect, it } from 'vitest';
import { requireAppArmorProfile } from '../../../../src/cri/runtime-service/apparmor.ts';
import { DEFAULT_APPARMOR_PROFILE, defaultAppArmorProfile } from '../../../../src/cri/spec/apparmor-default.ts';
import { buildContainerSpec } from '../../../../src/cri/spec/container-spec.ts';
import { type AppArmorRequest, decideAppArmor } from '../../../../src/cri/spec/security-profiles.ts';
import { loadedAppArmorProfiles } from '../../../../src/linux/apparmor.ts';
import { FakeMachine, fakeContext } from '../fakes.ts';
import { HOST, withSecurity } from './build-inputs.ts';

const RUNTIME_DEFAULT = { profileType: 0, localhostRef: '' };
const UNCONFINED = { profileType: 1, localhostRef: '' };
const LOCALHOST = { profileType: 2, localhostRef: 'strict' };
const asking = (changes: Partial<AppArmorRequest>): AppArmorRequest => ({
  profile: undefined,
  deprecated: '',
  usable: true,
  privileged: false,
  ...changes,
});

describe('the AppArmor profile of a container', () => {
  it.each<[string, Partial<AppArmorRequest>, string | undefined]>([
    ['ours where nothing is said', {}, DEFAULT_APPARMOR_PROFILE],
    ['ours for RuntimeDefault', { profile: RUNTIME_DEFAULT }, DEFAULT_APPARMOR_PROFILE],
    ['ours for the old runtime/default', { deprecated: 'runtime/default' }, DEFAULT_APPARMOR_PROFILE],
    ['none for Unconfined', { profile: UNCONFINED }, undefined],
    ['none for the old unconfined', { deprecated: 'unconfined' }, undefined],
    ['the one of the machine that is named', { profile: LOCALHOST }, 'strict'],
    ['the same, named with its prefix', { profile: { profileType: 2, localhostRef: 'localhost/strict' } }, 'strict'],
    ['the same, by the old field', { deprecated: 'localhost/strict' }, 'strict'],
    ['that of the new field where both are set', { profile: UNCONFINED, deprecated: 'localhost/strict' }, undefined],
    ['none for a privileged one', { privileged: true, profile: RUNTIME_DEFAULT }, undefined],
    ['the one that is named for a privileged one too', { privileged: true, profile: LOCALHOST }, 'strict'],
    ['none where the machine has no AppArmor', { usable: false }, undefined],
    ['none for RuntimeDefault there', { usable: false, profile: RUNTIME_DEFAULT }, undefined],
  ])('is %s', (_which, changes, expected) => {
    expect(decideAppArmor(asking(changes))).toBe(expected);
  });

  it.each<[string, Partial<AppArmorRequest>, string]>([
    [
      'a named one where the machine has no AppArmor',
      { usable: false, profile: LOCALHOST },
      'AppArmor is not enabled in this kernel',
    ],
    ['one without a name', { profile: { profileType: 2, localhostRef: '' } }, 'apparmor.localhost_ref is empty'],
    [
      'a name beside RuntimeDefault',
      { profile: { profileType: 0, localhostRef: 'x' } },
      'must only be set if profile_type is Localhost',
    ],
    ['an unknown type', { profile: { profileType: 7, localhostRef: '' } }, 'apparmor: profile type 7 is unknown'],
    ['an unknown word', { deprecated: 'strict' }, 'apparmor_profile "strict" is none of runtime/default'],
  ])('is refused: %s', (_what, changes, message) => {
    expect(() => decideAppArmor(asking(changes))).toThrow(message);
  });

  it('is written into the specification', () => {
    const { spec } = buildContainerSpec(withSecurity({ apparmor: LOCALHOST }, { host: { ...HOST, appArmor: true } }));
    expect(spec.process.apparmorProfile).toBe('strict');
  });
});

describe('a profile that a specification names', () => {
  const specWith = (apparmor: typeof LOCALHOST) =>
    buildContainerSpec(withSecurity({ apparmor }, { host: { ...HOST, appArmor: true } })).spec;

  it('is loaded when it is ours and not there yet', async () => {
    const machine = new FakeMachine();
    await requireAppArmorProfile(fakeContext(machine), specWith(RUNTIME_DEFAULT));
    expect([...machine.appArmorProfiles]).toEqual([DEFAULT_APPARMOR_PROFILE]);
  });

  it('must be there when it is another', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    await expect(requireAppArmorProfile(ctx, specWith(LOCALHOST))).rejects.toThrow('apparmor profile not found strict');
    machine.appArmorProfiles.add('strict');
    await expect(requireAppArmorProfile(ctx, specWith(LOCALHOST))).resolves.toBeUndefined();
  });
});

describe('the text of our profile', () => {
  it('includes the macros that the machine has', () => {
    const text = defaultAppArmorProfile(new Set(['abi/3.0', 'tunables/global', 'abstractions/base']));
    expect(text).toContain('abi <abi/3.0>,\n#include <tunables/global>\n');
    expect(text).toContain('  #include <abstractions/base>\n');
  });

  it('stands by itself where the machine has none', () => {
    const text = defaultAppArmorProfile(new Set());
    expect(text).not.toContain('include');
    expect(text).toContain('@{PROC}=/proc/\n');
  });
});

it('reads the profiles that the kernel has, whatever their names hold', () => {
  const names = loadedAppArmorProfiles('gantry-default (enforce)\n/usr/bin/man (complain)\nlsb release (enforce)\n');
  expect([...names]).toEqual(['gantry-default', '/usr/bin/man', 'lsb release']);
});
