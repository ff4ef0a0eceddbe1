import { afterEach, describe, expect, it, vi } from 'vitest';
import { discoverByFile } from '../../../../src/bootstrap/discovery/file.ts';
import { readEndpoint } from '../../../../src/bootstrap/discovery/read-endpoint.ts';
import { exitCodeOf } from '../../../../src/cmd/preflight-exit.ts';

vi.mock('../../../../src/bootstrap/discovery/read-endpoint.ts');

const URL = 'https://conf.example/discovery.conf';

/** How `gantry join` ends where the server gives that, and what it says. */
async function joinedBy(status: number, body: string): Promise<readonly [number | string, string]> {
  vi.mocked(readEndpoint).mockResolvedValue({ status, body, type: 'text/plain', clock: { local: 0 } });
  let said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation(text => {
    said += String(text);
    return true;
  });
  const { signal } = new AbortController();
  const work = async () => {
    await discoverByFile(URL, { patienceMs: 1, onClock: () => {}, signal });
  };
  const code = await exitCodeOf(work).catch((error: Error) => error.message);
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
    const [code, said] = await joinedBy(200, body);
    expect([code, said]).toEqual([3, expect.stringContaining(because)]);
    expect(said).toContain(URL);
  });

  it('that is not there is a failure of the server', async () => {
    expect(await joinedBy(404, '')).toEqual([`${URL} answers HTTP 404: is it the URL of a kubeconfig?`, '']);
  });
});
