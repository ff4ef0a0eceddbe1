import { describe, expect, it } from 'vitest';
import {
  directoriesElsewhere,
  isInTheWay,
  leftElsewhere,
  mountElsewhere,
  type OtherPlace,
  planElsewhere,
} from '../../../../src/bootstrap/reset/elsewhere/plan.ts';
import { planMounts } from '../../../../src/bootstrap/reset/mounts/plan.ts';
import { ROOT_CONTENTS, STATE_CONTENTS } from '../../../../src/cri/paths.ts';
import { CLIENT_PURPOSE, servingPurpose } from '../../../../src/kubelet/credentials/certificate-request.ts';
import { currentPath } from '../../../../src/kubelet/credentials/certificate-store.ts';
import { CERT_DIR_CONTENTS, POD_LOGS_CONTENTS, ROOT_DIR_CONTENTS } from '../../../../src/kubelet/pod-paths.ts';

const ID = 'a'.repeat(64);
const UID = '0a1b2c3d-1111-2222-3333-444455556666';
const root = (directory: string): OtherPlace => ({ directory, what: 'images', ...ROOT_CONTENTS });
const state = (directory: string): OtherPlace => ({ directory, what: 'state', ...STATE_CONTENTS });
const kubelet = (directory: string): OtherPlace => ({ directory, what: 'pods', ...ROOT_DIR_CONTENTS });
const logs = (directory: string): OtherPlace => ({ directory, what: 'logs', ...POD_LOGS_CONTENTS });
const plan = (place: OtherPlace, entries: Record<string, readonly string[]>) =>
  planElsewhere([place], new Map(Object.entries(entries))).map(({ kind, path }) => `${kind} ${path}`);

describe('what reset takes out of a directory that somebody has chosen', () => {
  it('is what the runtime makes there, the lock last, and the directories once they are empty', () => {
    expect(
      plan(root('/srv/runtime'), {
        '/srv/runtime': ['containers', 'images', 'root.lock'],
        '/srv/runtime/containers': [ID],
        '/srv/runtime/images': ['layers'],
        '/srv/runtime/images/layers': ['x'],
      }),
    ).toEqual([
      'tree /srv/runtime/images/layers',
      `tree /srv/runtime/containers/${ID}`,
      'empty-directory /srv/runtime/containers',
      'empty-directory /srv/runtime/images',
      'tree /srv/runtime/root.lock',
      'empty-directory /srv/runtime',
    ]);
  });

  it.each(['/', '/var', '/home', '/etc', '/usr', '/var/lib', '/home/me', '/mnt/disk'])(
    'is never %s, and nothing in it that others have made',
    directory => {
      const at = (path: string): string => `${directory === '/' ? '' : directory}/${path}`;
      const top = ['bin', 'containers', 'images', 'lib', 'root.lock'];
      const entries = {
        [directory]: top,
        [at('containers')]: [ID, 'storage', 'registries.conf'],
        [at('images')]: ['layers', 'holidays'],
        [at('images/layers')]: ['x'],
      };
      expect(plan(root(directory), entries)).toEqual([
        `tree ${at('images/layers')}`,
        `tree ${at(`containers/${ID}`)}`,
        `empty-directory ${at('containers')}`,
        `empty-directory ${at('images')}`,
        `tree ${at('root.lock')}`,
      ]);
      expect(leftElsewhere([root(directory)], new Map(Object.entries(entries)))).toEqual([
        { path: at('containers'), because: 'it holds what Gantry has not made: storage, registries.conf' },
      ]);
    },
  );

  it('is nothing where no runtime has begun to work', () => {
    expect(
      plan(root('/srv'), { '/srv': ['images', 'containers'], '/srv/images': ['layers'], '/srv/images/layers': [] }),
    ).toEqual([]);
    expect(plan(root('/srv/runtime'), {})).toEqual([]);
  });

  it('is the directory alone where nothing came into it, or a reset was killed before the last step', () => {
    expect(plan(logs('/srv/logs'), { '/srv/logs': [] })).toEqual(['empty-directory /srv/logs']);
    expect(plan(root('/srv/runtime'), { '/srv/runtime': [] })).toEqual(['empty-directory /srv/runtime']);
    expect(plan(logs('/srv'), { '/srv': [] })).toEqual([]);
  });

  it('is what belongs to pods by its name, of a kubelet and of logs', () => {
    expect(plan(kubelet('/srv'), { '/srv': ['pods', 'plugins'], '/srv/pods': [UID, 'peas'] })).toEqual([
      `tree /srv/pods/${UID}`,
      'empty-directory /srv/pods',
    ]);
    expect(plan(logs('/srv/logs'), { '/srv/logs': [`default_web_${UID}`, 'my_own_log', 'syslog'] })).toEqual([
      `tree /srv/logs/default_web_${UID}`,
      'empty-directory /srv/logs',
    ]);
  });

  it('is the certificates of the kubelet by their whole names, and no other key beside them', () => {
    const own = [CLIENT_PURPOSE, servingPurpose({ name: 'n1', ips: [] })].flatMap(({ fileName }) => [
      currentPath('', fileName).slice(1),
      `${fileName}-current.pem.new`,
      `${fileName}-2026-11-29-18-30-00.pem`,
      `${fileName}-2026-11-29-18-30-00.pem.tmp-0123abcd`,
    ]);
    own.push('kubelet.crt', 'kubelet.key', 'kubelet.key.tmp-0123abcd', 'kubelet-client.key.tmp');
    own.push('kubelet-client.key.tmp.tmp-0123abcd');
    const others = ['kubelet-ca.key', 'kubelet-ca.crt', 'kubelet-apiserver.key', 'kubelet-client.crt', 'kubelet.pem'];
    others.push(
      'kubelet-client.key',
      'kubelet-server-n1.pem',
      'kubelet-client-2026.pem',
      'kubelet-2026-11-29-18-30-00.pem',
    );
    others.push('kubelet.crt.new', 'kubelet.key.tmp', 'kubelet.crt.bak', 'old-kubelet.crt');
    const at = '/etc/pki/node';
    expect(plan({ directory: at, what: 'keys', ...CERT_DIR_CONTENTS }, { [at]: [...own, ...others] })).toEqual([
      ...own.map(name => `tree ${at}/${name}`),
      `empty-directory ${at}`,
    ]);
    const entries = { '/srv': ['pki'], '/srv/pki': [...own, ...others] };
    expect(plan(kubelet('/srv'), entries)).toEqual([
      ...own.map(name => `tree /srv/pki/${name}`),
      'empty-directory /srv/pki',
    ]);
  });

  it('stays itself where it is reached by a link', () => {
    expect(plan({ ...logs('/srv/logs'), isLinked: true }, { '/srv/logs': [`a_b_${UID}`] })).toEqual([
      `tree /srv/logs/a_b_${UID}`,
    ]);
  });

  it('is looked for in every directory that it takes', () => {
    expect(directoriesElsewhere([root('/')])).toEqual(
      expect.arrayContaining(['/', '/images', '/images/layers', '/containers']),
    );
  });
});

describe('mounts in a directory that somebody has chosen', () => {
  it.each([
    [`/run/containers/${ID}/rootfs`, 'of the container runtime'],
    [`/run/netns/${ID}`, 'of the container runtime'],
    [`/srv/pods/${UID}/volumes/x`, 'a volume of a pod'],
    ['/run/netns/mine', undefined],
    ['/run/containers/storage/overlay', undefined],
    ['/srv/films', undefined],
  ])('%s: %s', (target, because) => {
    expect(mountElsewhere(target, [state('/run'), kubelet('/srv')])).toBe(because);
  });

  it('of somebody else are in the way only within what goes', () => {
    const places = [root('/srv'), logs('/srv/logs')];
    expect([
      isInTheWay('/srv', places),
      isInTheWay('/srv/films', places),
      isInTheWay('/srv/images', places),
      isInTheWay('/srv/images/layers/x', places),
      isInTheWay(`/srv/containers/${ID}/upper/x`, places),
    ]).toEqual([false, false, false, true, true]);
  });

  it('are taken off, or left and named, beside those in the usual places', () => {
    const row = (target: string) => ({
      target,
      fstype: 'tmpfs',
      device: '0:7',
      source: 's',
      id: 1,
      parentId: 0,
      root: '/',
    });
    const { unmounts, left } = planMounts(
      [row('/'), row(`/srv/pods/${UID}/volumes/x`), row('/srv/disk'), row('/srv/image_manager/pulled')],
      { kubeletDir: '/var/lib/kubelet', runDir: '/run/gantry', standing: [], elsewhere: [kubelet('/srv')] },
    );
    expect(unmounts.map(({ target }) => target)).toEqual([`/srv/pods/${UID}/volumes/x`]);
    expect(left.map(({ target }) => target)).toEqual(['/srv/image_manager/pulled']);
  });
});
