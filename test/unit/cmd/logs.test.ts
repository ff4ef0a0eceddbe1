import { describe, expect, it } from 'vitest';
import { checkedComponents, journalArgv, tailArgv } from '../../../src/cmd/logs.ts';

describe('gantry logs', () => {
  it('is about all daemons unless some are named, with or without the prefix of their units', () => {
    expect(checkedComponents([])).toEqual(['etcd', 'control-plane', 'cri', 'node']);
    expect(checkedComponents(['gantry-node', 'cri'])).toEqual(['node', 'cri']);
  });

  it('says which daemons there are where one is unknown', () => {
    expect(() => checkedComponents(['kubelet'])).toThrow(
      'there is no component "kubelet"; there are etcd, control-plane, cri, node',
    );
  });

  it('asks the journal for the units', () => {
    expect(journalArgv(['node'], { lines: '5', follow: true, since: '10 min ago' })).toEqual([
      'journalctl',
      '--no-pager',
      '--lines=5',
      '--unit=gantry-node.service',
      '--since=10 min ago',
      '--follow',
    ]);
    expect(journalArgv(['cri'], { lines: 'all' })).toContain('--lines=all');
  });

  it('shows the ends of files in a host, over rotations', () => {
    expect(tailArgv(['/a/current'], { lines: '5', follow: true })).toEqual([
      'tail',
      '--lines=5',
      '--follow=name',
      '--retry',
      '/a/current',
    ]);
    expect(tailArgv(['/a/current'], { lines: 'all' })).toEqual(['tail', '--lines=+1', '/a/current']);
  });

  it.each([
    [
      'a number of lines that is none',
      () => journalArgv(['cri'], { lines: 'few' }),
      '--lines: "few" is neither a number nor "all"',
    ],
    ['a time in a host', () => tailArgv(['/a'], { lines: '1', since: 'today' }), '--since is for the journal'],
    [
      'a host whose daemons have not begun',
      () => tailArgv([], { lines: '1' }),
      'no daemon of that name has written a log',
    ],
  ])('refuses %s', (_what, command, message) => {
    expect(command).toThrow(message);
  });
});
