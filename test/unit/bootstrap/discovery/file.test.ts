import { afterEach, describe, expect, it, vi } from 'vitest';
import { toldBy } from '../../../../src/bootstrap/discovery/file.ts';
import { exitCodeOf } from '../../../../src/cmd/preflight-exit.ts';

const URL = 'https://conf.example/discovery.conf';

/** How a phase of `gantry join` ends that was given that by a server, and what it says. */
async function joinedBy(body: string): Promise<readonly [number, string]> {
  let said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation(text => {
    said += String(text);
    return true;
  });
  const code = await exitCodeOf(async () => {
    toldBy(body, URL);
  });
  return [code, said];
}

describe('a discovery file from a server', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each([
    ['that is a page for people', '<!doctype html>\n<html></html>', 'it needs a cluster'],
    ['that is no YAML', 'a: [', 'it is no YAML'],
    ['that is empty', '', 'it is empty'],
  ])('%s is bad input, as one of this machine, and told with its URL', async (_, body, because) => {
    const [code, said] = await joinedBy(body);
    expect([code, said]).toEqual([3, expect.stringContaining(because)]);
    expect(said).toContain(URL);
  });
});
