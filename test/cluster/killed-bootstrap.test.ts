import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAULT_POINTS } from '../../src/linux/fault-point.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { run } from '../harness/host.ts';
import { linkedMachines } from '../harness/linked-machines.ts';
import type { MachineSnapshot } from '../harness/machine-snapshot.ts';
import { seededRandom } from '../harness/random.ts';
import { difference, KILLED, kubectl, RESET, SLOW, snapshot } from '../harness/reset-machine.ts';
import { RUN_DIR } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

const random = seededRandom();
const KILLS = process.env['GANTRY_SOAK'] === '1' ? 30 : 4;
const INIT = gantryCommand('init', '--ignore-preflight-errors=NumCPU,Mem');

describe(`init and join that are killed and run again (GANTRY_SEED=${random.seed})`, { timeout: 400_000 }, () => {
  let first: Host;
  let second: Host;
  let before: readonly [MachineSnapshot, MachineSnapshot];
  let join: readonly string[] = [];

  /** kill -9 at some moment of the first `lengthMs` of a command, which may have ended by then. */
  const killAtRandom = async (host: Host, argv: readonly string[], lengthMs: number): Promise<string> => {
    const logFile = `${RUN_DIR}/${host.name}-killed.log`;
    const afterMs = Math.round(random.next() * lengthMs);
    const command = host.spawn(argv, { logFile });
    // the moment is the test
    await Promise.race([command.exited, setTimeout(afterMs)]);
    command.kill();
    await command.exited;
    return `killed after ${afterMs} ms: ${readFileSync(logFile, 'utf8').split('\n').at(-2) ?? ''}`;
  };
  const timed = async (
    host: Host,
    argv: readonly string[],
  ): Promise<{ readonly said: string; readonly ms: number }> => {
    const started = performance.now();
    const said = await run(host, argv, SLOW);
    return { said, ms: performance.now() - started };
  };

  beforeAll(async () => {
    [first, second] = await linkedMachines();
    before = [await snapshot(first), await snapshot(second)];
  });
  afterAll(async () => {
    await second?.delete();
    await first?.delete();
  });

  it('init goes on from whatever moment it was killed at, several times over', async () => {
    const { ms } = await timed(first, INIT);
    await run(first, RESET, SLOW);
    const kills: string[] = [];
    for (let round = 0; round < KILLS; round += 1) kills.push(await killAtRandom(first, INIT, ms));
    const { code, stdout, stderr } = await first.exec(INIT, SLOW);
    expect({ code, stderr }, kills.join('\n')).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('Your Kubernetes control-plane has initialized successfully!');
    await kubectl(first, `wait --for=condition=Ready node/${first.name} --timeout=60s`);
    const printed = await run(first, gantryCommand('token', 'create', '--print-join-command'));
    join = gantryCommand(...printed.trim().split(' ').slice(1));
  });

  it('join goes on after it was killed after any of its phases', async () => {
    for (const point of FAULT_POINTS.filter(each => each.startsWith('bootstrap/join/')))
      expect((await second.exec(join, { ...SLOW, env: { GANTRY_FAULT: point } })).code, point).toBe(KILLED);
    const { said } = await timed(second, join);
    expect(said).toContain('This node has joined the cluster');
    await waitFor('the node to be there', () => kubectl(first, `get node ${second.name}`));
    await kubectl(first, `wait --for=condition=Ready node/${second.name} --timeout=60s`);
    await run(second, RESET, SLOW);
    await kubectl(first, `delete node ${second.name}`);
  });

  it('join goes on from whatever moment it was killed at, several times over', async () => {
    const { ms } = await timed(second, join);
    await waitFor('the node to be there', () => kubectl(first, `get node ${second.name}`));
    await run(second, RESET, SLOW);
    await kubectl(first, `delete node ${second.name}`);
    const kills: string[] = [];
    for (let round = 0; round < KILLS; round += 1) kills.push(await killAtRandom(second, join, ms));
    const { code, stdout, stderr } = await second.exec(join, SLOW);
    expect({ code, stderr }, kills.join('\n')).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('This node has joined the cluster');
    await waitFor('the node to be there', () => kubectl(first, `get node ${second.name}`));
    await kubectl(first, `wait --for=condition=Ready node/${second.name} --timeout=60s`);
  });

  it('leaves nothing that reset does not find', async () => {
    await run(second, RESET, SLOW);
    await run(first, RESET, SLOW);
    expect(await difference(second, before[1])).toEqual([]);
    expect(await difference(first, before[0])).toEqual([]);
  });
});
