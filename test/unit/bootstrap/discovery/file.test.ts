import { describe, expect, it } from 'vitest';
import { toldBy } from '../../../../src/bootstrap/discovery/file.ts';
import { shownLocation } from '../../../../src/bootstrap/discovery/shown-location.ts';
import { exitCodeOf } from '../../../../src/cmd/preflight-exit.ts';
import { standardError } from '../../../harness/standard-error.ts';

const URL = 'https://conf.example/discovery.conf';

describe('a discovery file from a server', () => {
  const said = standardError();

  it.each([
    ['that is a page for people', '<!doctype html>\n<html></html>', 'it needs a cluster'],
    ['that is no YAML', 'a: [', 'it is no YAML'],
    ['that is empty', '', 'it is empty'],
  ])('%s is bad input, as one of this machine, and told with its URL', async (_, body, because) => {
    // as a phase of join is given it by a server
    const code = await exitCodeOf(async () => {
      toldBy(body, URL);
    });
    expect([code, said()]).toEqual([3, expect.stringContaining(because)]);
    expect(said()).toContain(URL);
  });
});

it.each([
  ['/etc/kubernetes/discovery.conf#1', '/etc/kubernetes/discovery.conf#1'],
  ['https://conf.example/a@b/discovery.conf', 'https://conf.example/a@b/discovery.conf'],
  ['https://user:secret@conf.example:8443/discovery.conf?token=tttt#x', 'https://conf.example:8443/discovery.conf'],
  ['https://secret@conf.example/a@b', 'https://conf.example/a@b'],
  ['https://conf.example?token=tttt', 'https://conf.example'],
  ['http://user:secret@conf.example/x', 'http://conf.example/x'],
  ['https://user:se/cr#et@conf.example/x?token=tttt', 'https://conf.example/x'],
  ['discovery.conf', 'discovery.conf'],
  ['', ''],
])('the place of a discovery file, %s, is shown without what may be secret: %s', (location, shown) => {
  expect(shownLocation(location)).toBe(shown);
});
