import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { type Kubectl, kubectl120, suiteOf } from '../harness/kubectl.ts';
import { RUN_DIR } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

const PATIENCE = '--timeout=140s';
const OLD = suiteOf(kubectl120());
const SOAK = process.env['GANTRY_SOAK'] === '1';
const COPIED_BYTES = (SOAK ? 300 : 16) * 1_000_000;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('streams of kubectl', { timeout: 300_000 }, () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  const folder = `${RUN_DIR}/${cluster.name}-files`;

  beforeAll(async () => {
    await cluster.create();
    expect(await cluster.run(['load image', await imageArchive(BUSYBOX)])).toMatchObject({ code: 0, err: '' });
    mkdirSync(folder, { recursive: true });
    const labels = { app: 'web' };
    const serving = (name: string, port: number): object => ({
      name,
      image: BUSYBOX,
      command: ['httpd', '-f', '-p', String(port), '-h', '/etc'],
      ports: [{ name, containerPort: port }],
    });
    const spec = { containers: [serving('web', 8080), serving('side', 8081)], terminationGracePeriodSeconds: 1 };
    await kubectl
      .given([
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'web' },
          spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
        },
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'web' },
          spec: { selector: labels, ports: [{ port: 80, targetPort: 'web' }] },
        },
        { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pair' }, spec },
      ])
      .ok('apply -f -');
    await kubectl.ok(`wait pod/pair --for=condition=Ready ${PATIENCE}`);
    await kubectl.ok(`wait deployment/web --for=condition=Available ${PATIENCE}`);
  });
  afterAll(() => cluster.delete());

  const clients: [string, boolean, () => Kubectl][] = [
    ['by WebSocket', false, () => kubectl.at(RUN_DIR, { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'true' })],
    ['by SPDY', false, () => kubectl.at(RUN_DIR, { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' })],
    [`by kubectl 1.20 ${OLD.title}`, OLD.skipped, () => kubectl.with(OLD.path)],
  ];

  describe.each(clients)('exec %s', (_how, skipped, client) => {
    const exec = (words: string, script: string, own = client()) => own.run(`exec ${words} -- sh -c`, script);

    it.skipIf(skipped)('keeps output and errors apart, and ends with the code of the command', async () => {
      expect(await exec('pair', 'echo out; echo err >&2; exit 3')).toEqual({
        out: 'out',
        err: expect.stringMatching(/(^|\n)err\n(.*\n)*command terminated with exit code 3$/),
        code: 3,
      });
      expect(await exec('pair', 'true')).toMatchObject({ code: 0, out: '' });
    });

    it.skipIf(skipped)('runs in the container that is named, or of the pod of a Deployment', async () => {
      const port = (words: string): Promise<string> => client().ok(`exec ${words} -- cat /proc/1/cmdline`);
      expect(await port('pair -c side')).toContain('8081');
      expect(await port('pair')).toContain('8080');
      expect(await port('deployment/web')).toContain('8080');
      expect(await port('service/web -c side')).toContain('8081');
    });

    it.skipIf(skipped)('passes input on to its end, byte by byte', async () => {
      const bytes = randomBytes(1_000_000);
      const own = client().given(bytes);
      expect((await exec('-i pair', 'sha256sum', own)).out).toBe(`${sha256(bytes)}  -`);
      expect(sha256(await own.bytes('exec -i pair -- cat'))).toBe(sha256(bytes));
    });

    it.skipIf(skipped)('says what is wrong', async () => {
      expect((await client().run('exec pair -- nowhere')).code).toBeGreaterThan(0);
      expect(await client().fails('exec pair -- nowhere')).toMatch(/nowhere/);
      expect(await client().fails('exec pair -c none -- true')).toMatch(/container (none )?(is )?not (valid|found)/);
      expect(await client().fails('exec none -- true')).toBe('Error from server (NotFound): pods "none" not found');
    });
  });

  it('ends an exec whose container is killed with its code', async () => {
    await kubectl.ok(`run victim --image=${BUSYBOX} --restart=Never --command -- sleep 3600`);
    await kubectl.ok(`wait pod/victim --for=condition=Ready ${PATIENCE}`);
    const running = kubectl.run('exec victim -- sleep 1800');
    await waitFor('the command', () => kubectl.ok('exec victim -- sh -c', 'ps -o args | grep "[s]leep 1800"'));
    await kubectl.ok('delete pod victim --grace-period=1');
    expect(await running).toMatchObject({ code: 137 });
  });

  it('refuses an exec in a pod that has ended', async () => {
    await kubectl.ok(`run ended --image=${BUSYBOX} --restart=Never -- true`);
    await kubectl.ok(`wait pod/ended --for=jsonpath={.status.phase}=Succeeded ${PATIENCE}`);
    expect(await kubectl.fails('exec ended -- true')).toMatch(
      /cannot exec into a container in a completed pod; current phase is Succeeded$/,
    );
  });

  const ECHO = 'while read line; do echo got $line; done; echo over; exit 6';

  /** Starts a pod that answers each line, by `run` with further flags. */
  async function answering(name: string, ...flags: string[]): Promise<void> {
    await kubectl.ok(
      `run ${name} -i ${flags.join(' ')} --image=${BUSYBOX} --restart=Never --attach=false -- sh -c`,
      ECHO,
    );
    await kubectl.ok(`wait pod/${name} --for=condition=Ready ${PATIENCE}`);
  }

  describe.each(clients)('attach %s', (how, skipped, client) => {
    const slug = how.replace(/ \(.*/, '').replaceAll(/\W+/g, '-').toLowerCase();

    it.skipIf(skipped)('shows what the container writes, and gives it what is typed', async () => {
      const name = `typed-${slug}`;
      await answering(name);
      const { out } = await client().given('one\ntwo\n').run(`attach -i ${name}`);
      expect(out).toBe('got one\ngot two\nover');
      await kubectl.ok(
        `wait pod/${name} --for=jsonpath={.status.containerStatuses[0].state.terminated.exitCode}=6 ${PATIENCE}`,
      );
    });

    it.skipIf(skipped)('runs a pod in which somebody is, passes its code on and removes it', async () => {
      const name = `once-${slug}`;
      const result = await client()
        .given('typed\n')
        .run(`run ${name} -i --rm --image=${BUSYBOX} --restart=Never -- sh -c`, 'read line; echo got $line; exit 3');
      expect(result).toMatchObject({
        code: 3,
        out: expect.stringMatching(new RegExp(`^got typed\\npod "${name}" deleted`)),
      });
      expect(await kubectl.ok(`get pod ${name} --ignore-not-found`)).toBe('');
    });
  });

  it('attaches again to a container whose input was left open', async () => {
    await answering('typed-again', '--leave-stdin-open');
    // whoever leaves such a container is not awaited, so what it writes then is in its log for sure
    for (const line of ['one', 'two']) await kubectl.given(`${line}\n`).ok('attach -i typed-again');
    await waitFor('what was typed both times', async saw => {
      const log = await kubectl.ok('logs typed-again');
      saw(log);
      return log === 'got one\ngot two';
    });
  });

  it('copies files and folders there and back', async () => {
    const source = `${folder}/tree`;
    mkdirSync(`${source}/deep/er`, { recursive: true });
    mkdirSync(`${source}/empty`);
    const bytes = randomBytes(COPIED_BYTES);
    writeFileSync(`${source}/large`, bytes);
    writeFileSync(`${source}/deep/er/a name with blanks`, 'x');
    writeFileSync(`${source}/run`, '#!/bin/sh\necho ran\n', { mode: 0o755 });
    symlinkSync('run', `${source}/link`);
    await kubectl.ok(`cp ${source} pair:/tmp/tree`);
    expect(await kubectl.ok('exec pair -- sha256sum /tmp/tree/large')).toContain(sha256(bytes));
    expect(await kubectl.ok('exec pair -- /tmp/tree/run')).toBe('ran');
    await kubectl.ok(`cp pair:/tmp/tree ${folder}/back -c web --retries=2`);
    expect(sha256(readFileSync(`${folder}/back/large`))).toBe(sha256(bytes));
    expect(readdirSync(`${folder}/back`, { recursive: true }).toSorted()).toEqual(
      ['deep', 'deep/er', 'deep/er/a name with blanks', 'empty', 'large', 'run'].toSorted(),
    );
    await kubectl.ok(`cp ${source}/run default/pair:/tmp/renamed -c side`);
    expect(await kubectl.ok('exec pair -c side -- cat /tmp/renamed')).toContain('echo ran');
  });

  it.skipIf(OLD.skipped)(`copies by kubectl 1.20 ${OLD.title}`, async () => {
    const old = kubectl.with(OLD.path);
    writeFileSync(`${folder}/old`, 'by 1.20');
    await old.ok(`cp ${folder}/old pair:/tmp/old`);
    await old.ok(`cp pair:/tmp/old ${folder}/old-back`);
    expect(readFileSync(`${folder}/old-back`, 'utf8')).toBe('by 1.20');
  });

  it.each([
    ['a pod', 'pod/pair', ':8080 :8081', ['pair', 'pair']],
    ['a Deployment', 'deployment/web', ':8080', [expect.stringMatching(/^web-/)]],
    ['a service, by its port', 'service/web', ':80', [expect.stringMatching(/^web-/)]],
    ['a named port', 'pod/pair', ':web', ['pair']],
    ['another address', 'pod/pair --address=127.0.0.2', ':8080', ['pair']],
  ])('forwards ports of %s', async (_what, target, ports, expected) => {
    await forwarding(`${target} ${ports}`, expected.length, async addresses => {
      const answers = await Promise.all(addresses.map(address => fetched(`${address}/hostname`)));
      expect(answers).toEqual(expected);
    });
  });

  it('carries many connections at once, whole', async () => {
    const body = randomBytes(2_000_000);
    await kubectl.given(body).ok('exec -i pair -- sh -c', 'cat > /etc/body');
    await forwarding('pod/pair :8080', 1, async ([web = '']) => {
      const sums = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const answer = await fetch(`http://${web}/body`, { headers: { connection: 'close' } });
          return sha256(new Uint8Array(await answer.arrayBuffer()));
        }),
      );
      expect(new Set(sums)).toEqual(new Set([sha256(body)]));
    });
  });

  const REFUSED = /error forwarding port 9 to pod .*refused/s;

  it('tells of a port that nobody serves, and ends', async () => {
    await forwarding('pod/pair :8080 :9', 2, async ([web = '', closed = ''], seen) => {
      expect(await fetched(`${web}/hostname`)).toBe('pair');
      await expect(fetch(`http://${closed}/`)).rejects.toThrow();
      await waitFor('the reason', () => REFUSED.test(seen()) && seen().includes('error: lost connection to pod'));
    });
  });

  it.skipIf(OLD.skipped)(`goes on then by kubectl 1.20 ${OLD.title}`, async () => {
    const use = async ([web = '', closed = '']: string[], seen: () => string): Promise<void> => {
      await expect(fetch(`http://${closed}/`)).rejects.toThrow();
      await waitFor('the reason', () => REFUSED.test(seen()));
      expect(await fetched(`${web}/hostname`)).toBe('pair');
    };
    await forwarding('pod/pair :8080 :9', 2, use, kubectl.with(OLD.path));
  });

  /** Runs `port-forward` for as long as the callback takes, which gets the addresses here. */
  async function forwarding(
    words: string,
    count: number,
    use: (addresses: string[], seen: () => string) => Promise<void>,
    client = kubectl,
  ): Promise<void> {
    const forward = client.background(`port-forward ${words}`);
    try {
      const addresses = await waitFor('its addresses', async saw => {
        saw(forward.seen());
        const found = [...forward.seen().matchAll(/Forwarding from (127\.[\d.]+:\d+) ->/g)].map(
          ([, address = '']) => address,
        );
        return found.length === count && found;
      });
      await use(addresses, forward.seen);
    } finally {
      await forward.end();
    }
  }
});

async function fetched(address: string): Promise<string> {
  return (await (await fetch(`http://${address}`)).text()).trim();
}
