import { describe, expect, it } from 'vitest';
import { chooseRuntimes, runtimesToLookFor } from '../../../../src/cri/oci/choose-runtime.ts';
import { handlerFeatures, programName } from '../../../../src/cri/oci/handler-features.ts';
import { ociRuntimes, type RuntimeHandler, runtimePlaces } from '../../../../src/cri/oci/runtimes.ts';
import { FakeMachine } from '../fakes.ts';

const CRUN = { path: '/usr/bin/crun', version: 'crun version 1.8.1' };
const RUNC = { path: '/usr/sbin/runc', version: 'runc version 1.1.5' };
const KATA = { path: '/opt/kata', version: 'kata-runtime 3.2' };
const both = new Map([
  ['crun', CRUN],
  ['runc', RUNC],
]);
const all = new Map([...both, ['/opt/kata', KATA]]);
const onlyRunc = new Map([['runc', RUNC]]);
const kata = { kata: { path: '/opt/kata' } };

describe('the choice of runtimes', () => {
  it.each([
    ['crun is preferred', '', {}, both, [], 'crun', 'crun starts containers fastest', ['crun', 'runc']],
    ['runc where crun refuses', '', {}, both, ['hugetlb'], 'runc', 'crun refuses the hybrid cgroup', ['runc']],
    ['runc where crun is missing', '', {}, onlyRunc, [], 'runc', 'crun is not installed', ['runc']],
    ['the configured one, come what may', 'runc', {}, both, [], 'runc', 'it is configured', ['crun', 'runc']],
    ['crun too', 'crun', {}, both, ['hugetlb'], 'crun', 'it is configured', ['crun', 'runc']],
    ['a configured path', '/opt/kata', {}, all, [], 'kata', 'it is configured', ['crun', 'kata', 'runc']],
    ['a handler of the configuration', 'kata', kata, all, [], 'kata', 'it is configured', ['crun', 'kata', 'runc']],
    ['a handler beside the default', '', kata, all, [], 'crun', 'crun starts', ['crun', 'kata', 'runc']],
    ['a handler whose program is missing is left out', '', kata, both, [], 'crun', 'crun starts', ['crun', 'runc']],
    [
      'the configuration says what crun is, also where ours would refuse',
      '',
      { crun: { path: '/opt/kata' } },
      all,
      ['hugetlb'],
      'crun',
      'crun starts',
      ['crun', 'runc'],
    ],
  ])('%s', (_why, runtime, runtimes, installed, hybridControllers, fallback, reason, handlers) => {
    const choices = chooseRuntimes({ runtime, runtimes }, { installed, hybridControllers });
    expect(choices.fallback.handler).toBe(fallback);
    expect(choices.fallback.reason).toContain(reason);
    expect(choices.handlers.map(({ handler }) => handler)).toEqual(handlers);
  });

  it.each([
    ['nothing is installed', '', {}, new Map(), [], 'apt-get install crun'],
    ['only crun, and it refuses', '', {}, new Map([['crun', CRUN]]), ['hugetlb'], 'apt-get install runc'],
    ['the configured one is missing', '/opt/youki', {}, both, [], 'OCI runtime /opt/youki is configured but'],
    ['the default is a handler whose program is missing', 'kata', kata, both, [], 'OCI runtime kata is configured but'],
  ])('fails when %s', (_why, runtime, runtimes, installed, hybridControllers, message) => {
    expect(() => chooseRuntimes({ runtime, runtimes }, { installed, hybridControllers })).toThrow(message);
  });

  it('says which handler cannot be used and why', () => {
    const { unusable } = chooseRuntimes({ runtime: '', runtimes: kata }, { installed: both, hybridControllers: [] });
    expect([...unusable]).toEqual([['kata', '/opt/kata is not there; install it or take the handler out']]);
  });

  it('looks for crun and runc and for what the configuration names', () => {
    expect([...runtimesToLookFor({ runtime: '/opt/x', runtimes: kata })]).toEqual([
      'crun',
      'runc',
      '/opt/x',
      '/opt/kata',
    ]);
    expect([...runtimesToLookFor({ runtime: 'kata', runtimes: kata })]).toEqual(['crun', 'runc', '/opt/kata']);
  });
});

describe('the features of a handler', () => {
  const able = { recursiveReadOnly: true, userNamespaces: true };
  const told = (mountOptions: readonly string[], enabled: boolean) => ({
    version: 'x',
    features: { mountOptions, linux: { namespaces: ['pid', ...(enabled ? ['user'] : [])] } },
  });
  it.each([
    ['what it says it can', told(['ro', 'rro'], true), able, [true, true]],
    ['not what it does not say', told(['ro'], false), able, [false, false]],
    ['not what the kernel cannot', told(['rro'], true), { ...able, recursiveReadOnly: false }, [false, true]],
    ['not what this machine cannot', told(['rro'], true), { ...able, userNamespaces: false }, [true, false]],
    [
      'runc 1.1 has user namespaces though it maps no ids of mounts: that is done here',
      { version: 'runc version 1.1.5', features: { mountOptions: ['rro'], linux: { namespaces: ['user', 'uts'] } } },
      able,
      [true, true],
    ],
    ['crun is believed by its version', { version: 'crun version 1.8.1' }, able, [true, true]],
    ['a newer one as well', { version: 'crun version 2.0' }, able, [true, true]],
    ['an old one is not', { version: 'crun version 1.4.5' }, able, [false, false]],
    ['nor who is not known', { version: 'youki version 0.3.0' }, able, [false, false]],
    ['nor who says nonsense', { version: 'crun version 1.9', features: 'yes' }, able, [false, false]],
  ])('%s', (_why, runtime, facts, [recursiveReadOnlyMounts, userNamespaces]) => {
    expect(handlerFeatures(runtime, facts)).toEqual({ recursiveReadOnlyMounts, userNamespaces });
  });

  it.each([
    ['crun version 1.8.1', 'crun'],
    ['runc version 1.1.5+ds1', 'runc'],
    ['kata-runtime  : 3.2', 'kata-runtime'],
    ['', ''],
  ])('the program of "%s" is %s', (version, name) => {
    expect(programName(version)).toBe(name);
  });
});

describe('the handler of a pod', () => {
  const handler = (name: string): RuntimeHandler => ({
    name,
    runtime: { ...new FakeMachine().runtime, name },
    features: { recursiveReadOnlyMounts: true, userNamespaces: true },
  });
  const runtimes = ociRuntimes({
    fallback: handler('crun'),
    handlers: [handler('crun'), handler('runc')],
    unusable: new Map([['kata', '/opt/kata is not there']]),
    state: '/nowhere/state',
  });

  it.each([
    ['', 'crun'],
    ['crun', 'crun'],
    ['runc', 'runc'],
  ])('asked for as "%s" is %s', (asked, name) => {
    expect(runtimes.wanted(asked).name).toBe(name);
  });

  it.each([
    ['other', 'no runtime for "other" is configured; known are crun, runc'],
    ['kata', 'runtime handler "kata" cannot be used: /opt/kata is not there'],
  ])('%s is refused', (asked, message) => {
    expect(() => runtimes.wanted(asked)).toThrow(message);
  });

  it('is found again by what the record says, and by the default where it says nothing', () => {
    expect(runtimes.recorded('runc').name).toBe('runc');
    expect(runtimes.recorded(undefined).name).toBe('crun');
  });

  it('that is not there any more can only forget', async () => {
    const { runtime } = runtimes.recorded('gone');
    await expect(runtime.delete('a', { force: true })).resolves.toBeUndefined();
    await expect(runtime.start('a')).rejects.toThrow('the runtime handler "gone", with which the pod was made');
    expect(await runtime.list()).toEqual(new Map());
  });

  it('has a place of its own, whatever its name', () => {
    const places = ['crun', 'runc', 'kata', 'kata-exec', 'sandboxes'].map(name => runtimePlaces('/run/cri', name).root);
    expect(places).toEqual([
      '/run/cri/crun',
      '/run/cri/runc',
      '/run/cri/handlers/kata/containers',
      '/run/cri/handlers/kata-exec/containers',
      '/run/cri/handlers/sandboxes/containers',
    ]);
  });
});
