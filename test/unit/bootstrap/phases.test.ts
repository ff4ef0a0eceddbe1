import { describe, expect, it } from 'vitest';
import { checkPhases, type Phase, runPhase, runPhases } from '../../../src/bootstrap/phases.ts';

const ran: string[] = [];
const phase = (name: string, parts?: readonly string[]): Phase<string, null> => ({
  name,
  description: name,
  run: (_, say) => say(`begins ${name}`),
  ...(parts === undefined
    ? {}
    : {
        phases: parts.map(part => ({ name: part, description: part, run: (_: null, say) => say(`does ${part}`) })),
      }),
});
const PHASES = [phase('certs', ['ca', 'sa']), phase('etcd')];
const signal = new AbortController().signal;
const said = async (work: (write: (line: string) => void) => Promise<void>): Promise<readonly string[]> => {
  ran.length = 0;
  await work(line => ran.push(line));
  return [...ran];
};
const whole = (skip: readonly string[]): Promise<readonly string[]> =>
  said(write => runPhases(PHASES, null, { skip, faultPointAfter: () => 'bootstrap/init/certs', write, signal }));
const alone = (path: string): Promise<readonly string[]> =>
  said(write => runPhase(PHASES, path, null, { write, signal }));

describe('phases', () => {
  it('are run in their order with their parts, each line named', async () => {
    expect(await whole([])).toEqual([
      '[certs] begins certs',
      '[certs] does ca',
      '[certs] does sa',
      '[etcd] begins etcd',
    ]);
  });

  it.each([
    [['etcd'], ['[certs] begins certs', '[certs] does ca', '[certs] does sa']],
    [['certs'], ['[etcd] begins etcd']],
    [['certs/ca'], ['[certs] begins certs', '[certs] does sa', '[etcd] begins etcd']],
  ])('are left out: %s', async (skip, lines) => {
    expect(await whole(skip)).toEqual(lines);
  });

  it.each([
    ['certs/all', ['[certs] begins certs', '[certs] does ca', '[certs] does sa']],
    ['certs', ['[certs] begins certs', '[certs] does ca', '[certs] does sa']],
    ['certs/sa', ['[certs] does sa']],
    ['etcd', ['[etcd] begins etcd']],
    ['etcd/all', ['[etcd] begins etcd']],
  ])('are run alone: %s', async (path, lines) => {
    expect(await alone(path)).toEqual(lines);
  });

  it('names those that there are for one that there is not', async () => {
    await expect(alone('certs/etcd')).rejects.toThrow(
      'there is no phase "certs/etcd"; there are certs, certs/ca, certs/sa, etcd',
    );
    expect(() => checkPhases(['nope'], PHASES, '--skip-phases: ')).toThrow('--skip-phases: there is no phase "nope"');
  });
});
