import type { Host } from '../../src/local-cluster/host/host.ts';
import { PROJECT } from './gantry-command.ts';
import { run } from './host.ts';
import { waitFor } from './wait-for.ts';

/**
 * A file system of FUSE in a host whose server does not answer any more: `stopped`, who waits for it can be killed; with `swallow`, who looks for a name there cannot. `end` takes its
 * server away, which frees them; the mount stays, and answers with errors.
 */
export async function hungMount(host: Host, target: string, mode: 'stopped' | 'swallow'): Promise<{ end(): void }> {
  await run(host, ['mkdir', '-p', target]);
  const logFile = `${host.dataDir}/fuse.log`;
  const server = host.spawn([process.execPath, `${PROJECT}/test/harness/fuse-server.mjs`, target, mode], { logFile });
  await waitFor('the file system to be there', async () =>
    (await run(host, ['cat', '/proc/mounts'])).includes('fuse.hung'),
  );
  await waitFor('its server to answer', async () => (await run(host, ['sh', '-c', `stat -f ${target}`])) !== '');
  const pid = (await run(host, ['pgrep', '-f', 'fuse-server.mjs'])).trim().split('\n').at(-1) ?? '';
  await run(host, ['kill', mode === 'stopped' ? '-STOP' : '-CONT', pid]);
  return { end: () => server.kill() };
}
