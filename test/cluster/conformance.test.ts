import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../harness/cluster.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { RUN_DIR } from '../harness/run-id.ts';

const cluster = new TestCluster();
let worker = '';
beforeAll(async () => {
  await cluster.create('--nodes=2');
  const loaded = await cluster.run(['load image', await imageArchive(BUSYBOX)]);
  if (loaded.code !== 0) throw new Error(loaded.err);
  worker = `${cluster.name}-worker`;
});
afterAll(() => cluster.delete());

/** `gantry conformance` against the worker, with its exit code and all that it wrote. */
const conformance = (...flags: readonly string[]): Promise<{ readonly code: number; readonly text: string }> => {
  const [file = '', ...args] = gantryCommand(
    'conformance',
    `--kubeconfig=${cluster.kubeconfig}`,
    `--node=${worker}`,
    `--image=${BUSYBOX}`,
    ...flags,
  );
  return new Promise(resolve => {
    execFile(file, args, { maxBuffer: 1e8 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), text: out + err });
    });
  });
};

/** Of the whole suite: several times what it takes alone. */
const SUITE_MS = 400_000;

describe('the conformance suite of a node', () => {
  it(
    'finds nothing broken on a node that is well, and files its report',
    async () => {
      const [junit, report] = [`${RUN_DIR}/conformance.xml`, `${RUN_DIR}/conformance.txt`];
      const { code, text } = await conformance('--parallel=8', `--junit=${junit}`, `--report=${report}`);
      expect(text.split('\n').filter(line => /FAIL|skip/.test(line))).toEqual([]);
      expect(code).toBe(0);
      const all = (await conformance('--list')).text.trim().split('\n').length;
      expect(readFileSync(junit, 'utf8')).toContain(`tests="${all}" failures="0" errors="0" skipped="0"`);
      expect(readFileSync(report, 'utf8')).toContain(`${all} hold, 0 broken, 0 could not be seen here`);
    },
    SUITE_MS,
  );

  it('tells what is broken, and what was seen', async () => {
    await cluster.onNode('worker', 'sv', 'stop', '/run/host-services/gantry-node');
    const { code, text } = await conformance('--focus=^pods: tells the exit code', '--timeout=5s');
    expect(text).toMatch(
      /FAIL {2}pods: tells the exit code.*\n +waited 5 s for pod pod-exit to end; last seen: Pending/,
    );
    expect(text).toContain('0 hold, 1 broken, 0 could not be seen here');
    expect(code).toBe(1);
  });

  it('leaves no namespace', async () => {
    expect((await cluster.kubectl().run('get namespaces -o name')).out).not.toContain('conformance');
  });

  it.each([
    ['a node that is not there', ['--node=none'], /there is no node none: choose one by --node of .*-worker/],
    ['an area that is not there', ['--focus=nowhere'], /no check is left by --focus and --skip: they choose by area/],
    ['an expression that is none', ['--focus=('], /--focus: "\(" is no regular expression/],
    ['no number', ['--parallel=x'], /--parallel: "x" is no number from 1 to 64/],
  ])('refuses %s in one line', async (_what, flags, message) => {
    const { code, text } = await conformance(...flags);
    expect(text.trim()).toMatch(message);
    expect(text.trim().split('\n').length).toBe(1);
    expect(code).toBe(1);
  });
});
