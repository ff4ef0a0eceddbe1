import { once } from 'node:events';
import { readdirSync, realpathSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { TestCluster } from '../harness/cluster.ts';
import { ClusterDaemons, type Daemon } from '../harness/cluster-daemons.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { type Kubectl, newestKubectl } from '../harness/kubectl.ts';
import { waitFor } from '../harness/wait-for.ts';

const LONG = { timeout: 120_000 };
const SERVE = 'mkdir /w; echo hello >/w/index.html; exec httpd -f -p 8080 -h /w';
const READ = 'echo reading; while read line; do echo "read $line"; done; echo ended; exec sleep 1000';

/** One pod on each node: a server, and one that reads what it is sent. */
const pods = (cluster: string) =>
  ['control-plane', 'worker'].map(node => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `on-${node}` },
    spec: {
      nodeName: `${cluster}-${node}`,
      terminationGracePeriodSeconds: 0,
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: 'web',
          image: BUSYBOX,
          command: ['sh', '-c', SERVE],
          readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 },
        },
        { name: 'reader', image: BUSYBOX, command: ['sh', '-c', READ], stdin: true },
      ],
    },
  }));

type Background = ReturnType<Kubectl['background']>;

/** The local port of a `port-forward`, once it says so. */
async function forwardedPort(forward: Background): Promise<number> {
  const port = await waitFor('the forwarded port', saw => {
    saw(forward.seen());
    return /127\.0\.0\.1:(\d+)/.exec(forward.seen())?.[1];
  });
  return Number(port);
}

/** Every kubectl beside the newest one. */
function programs(): readonly (readonly [string, string])[] {
  const newest = newestKubectl();
  if ('missing' in newest) throw new Error(newest.missing);
  const folder = dirname(realpathSync(newest.path));
  const found = readdirSync(folder).filter(name => /^kubectl\.1\.\d+$/.test(name));
  return found.length === 0 ? [['kubectl', newest.path]] : found.map(name => [name, `${folder}/${name}`]);
}

describe('streams of a cluster of two nodes', () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  let daemons: ClusterDaemons;

  beforeAll(async () => {
    await cluster.create('--nodes', '2');
    await cluster.run(['load image', await imageArchive(BUSYBOX)]);
    daemons = new ClusterDaemons(cluster);
    await kubectl.given(pods(cluster.name)).ok('apply -f -');
    await kubectl.ok('wait pod --all --for=condition=Ready --timeout=60s');
  });
  afterAll(async () => {
    daemons?.close();
    await cluster.delete();
  });

  describe.each(programs())('by %s', (_name, program) => {
    describe.each([
      ['WebSocket', 'true'],
      ['SPDY', 'false'],
    ])('over %s where it knows that', (_protocol, websockets) => {
      const env = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: websockets, KUBECTL_PORT_FORWARD_WEBSOCKETS: websockets };
      const client = () => cluster.kubectl().with(program).at('/', env);

      it('a command tells its output, its errors and how it ended', async () => {
        const answer = await client().run('exec on-worker -c web -- sh -c', 'echo out; echo err >&2; exit 7');
        expect(answer).toMatchObject({ out: 'out', code: 7 });
        expect(answer.err).toContain('err\n');
        expect(answer.err).toContain('command terminated with exit code 7');
      });

      it('a command reads to the end of its input', async () => {
        const sent = 'line\n'.repeat(50_000);
        expect(await client().given(sent).ok('exec -i on-control-plane -c web -- sh -c', 'wc -c; cat >/dev/null')).toBe(
          '250000',
        );
      });
    });
  });

  it.each(programs())('port-forward by %s brings a page, many times at once', async (_name, program) => {
    for (const websockets of ['true', 'false']) {
      const client = cluster.kubectl().with(program).at('/', { KUBECTL_PORT_FORWARD_WEBSOCKETS: websockets });
      const forward = client.background('port-forward pod/on-worker :8080');
      try {
        const port = await forwardedPort(forward);
        const pages = Array.from({ length: 20 }, async () => (await fetch(`http://127.0.0.1:${port}/`)).text());
        expect(new Set(await Promise.all(pages))).toEqual(new Set(['hello\n']));
      } finally {
        await forward.end();
      }
    }
  });

  it.each([
    ['there is no such container', 'exec on-worker -c none -- true', 'container none is not valid for pod on-worker'],
    ['there is no such pod', 'exec none -- true', 'pods "none" not found'],
    ['there is no pod to forward to', 'port-forward pod/none :80', 'pods "none" not found'],
    ['there is no such command', 'exec on-worker -c web -- no-such-command', 'no-such-command'],
  ])('are refused where %s', async (_sentence, command, words) => {
    expect(await kubectl.fails(command)).toContain(words);
  });

  it.each([
    [
      'WebSocket',
      {
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        'sec-websocket-protocol': 'v9.channel.k8s.io',
      },
    ],
    ['SPDY', { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v9.channel.k8s.io' }],
  ])('are refused to who speaks no protocol that is known over %s', async (_protocol, headers) => {
    const { server, ca, certificate } = readKubeconfig(cluster.kubeconfig);
    const url = `${server}/api/v1/namespaces/default/pods/on-worker/exec?container=web&command=true&stdout=true`;
    const asked = request(url, { ca, ...certificate, headers: { connection: 'Upgrade', ...headers } });
    asked.end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(403);
    answer.resume();
    await once(answer, 'end');
  });

  it('are 200 at once, of which nothing is left', LONG, async () => {
    const before = await descriptors();
    const echoes = await Promise.all(Array.from({ length: 200 }, (_, i) => echoed(`line ${i}\n`)));
    expect(echoes).toEqual(Array.from({ length: 200 }, (_, i) => [`line ${i}\n`, 'Success']));
    expect([await running('httpd'), await running('cat')]).toEqual([1, 0]);
    await closedAgain(before);
  });

  it('are 200 connections through one port-forward, of which nothing is left', LONG, async () => {
    const before = await descriptors();
    const forward = kubectl.background('port-forward pod/on-worker :8080');
    try {
      const port = await forwardedPort(forward);
      const pages = Array.from({ length: 200 }, async () => (await fetch(`http://127.0.0.1:${port}/`)).text());
      expect(new Set(await Promise.all(pages))).toEqual(new Set(['hello\n']));
      await waitFor('the connections in the pod to end', async () => (await forwarded()) === 0);
    } finally {
      await forward.end();
    }
    await closedAgain(before);
  });

  it('go no faster than their reader, and end with it', LONG, async () => {
    const write = 'n=0; while head -c 1048576 /dev/zero; do n=$((n + 1)); echo $n >/tmp/written; done';
    const ws = command(`sh&command=-c&command=${encodeURIComponent(write)}&stdout=true`);
    await once(ws, 'open');
    ws.pause();
    let before = '';
    const megabytes = await waitFor('the command to write no more', async saw => {
      const now = (await kubectl.run('exec on-worker -c web -- cat /tmp/written')).out;
      saw(now);
      const same = now !== '' && now === before;
      before = now;
      return same && Number(now);
    });
    expect(await running('head')).toBe(1);
    // what sockets, pipes and the daemons between them hold
    expect(megabytes).toBeLessThan(64);
    ws.terminate();
    await waitFor('the command to end', async () => (await running('head')) === 0);
  });

  /** How many processes of that name there are in the pod's server. */
  async function running(name: string): Promise<number> {
    return Number(await kubectl.ok('exec on-worker -c web -- sh -c', `pidof ${name} | wc -w`));
  }

  function command(words: string): WebSocket {
    const { server, ca, certificate } = readKubeconfig(cluster.kubeconfig);
    const url = `${server}/api/v1/namespaces/default/pods/on-worker/exec?container=web&command=${words}`;
    return new WebSocket(url.replace(/^https/, 'wss'), 'v5.channel.k8s.io', { ca, ...certificate });
  }

  /** What `cat` made of a line, and how it ended. */
  async function echoed(line: string): Promise<[string, string]> {
    const ws = command('cat&stdin=true&stdout=true');
    const read: string[] = ['', '', '', '', ''];
    ws.on('message', (message: Buffer) => {
      const channel = message[0] ?? 0;
      read[channel] += message.subarray(1).toString();
    });
    await once(ws, 'open');
    ws.send(Buffer.concat([Buffer.of(0), Buffer.from(line)]));
    ws.send(Buffer.of(255, 0));
    await once(ws, 'close');
    return [read[1] ?? '', JSON.parse(read[3] ?? '').status];
  }

  /** Of each daemon that streams pass through. */
  async function descriptors(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const [node, name] of [
      ['control-plane', 'control-plane'],
      ['worker', 'node'],
      ['worker', 'cri'],
    ] as const) {
      const pid = cluster.host(node).service(`gantry-${name}`).pid();
      counts[`${node}/${name}`] = Number(await cluster.onNode(node, 'sh', '-c', `ls /proc/${pid}/fd | wc -l`));
    }
    return counts;
  }

  async function closedAgain(before: Record<string, number>): Promise<void> {
    await waitFor('all descriptors to be closed', async saw => {
      const now = await descriptors();
      saw({ before, now });
      // a few connections come and go with what the daemons do by themselves
      return Object.entries(now).every(([name, count]) => count <= (before[name] ?? 0) + 3);
    });
  }

  describe.each([
    ['the API server', { node: 'control-plane', name: 'control-plane' }],
    ['the kubelet', { node: 'worker', name: 'node' }],
    ['the runtime', { node: 'worker', name: 'cri' }],
  ] satisfies [string, Daemon][])('end on both sides when %s is killed', (part, daemon) => {
    let writer: Background;
    let reader: WebSocket;
    let attached: Background;
    let forward: Background;
    let connection: Socket;
    const closed: unknown[] = [];

    beforeAll(async () => {
      writer = kubectl.background('exec on-worker -c web -- sh -c', 'while echo on; do sleep 0.1; done');
      reader = command('cat&stdin=true&stdout=true').on('close', () => closed.push('reader'));
      attached = kubectl.background('attach on-worker -c reader');
      forward = kubectl.background('port-forward pod/on-worker :8080');
      await once(reader, 'open');
      connection = connect(await forwardedPort(forward), '127.0.0.1').on('close', () => closed.push('connection'));
      connection.write('GET / HTTP/1.1\r\n');
      await waitFor('all four to run', async saw => {
        await typed(`before ${part}`);
        const now = [writer.seen(), attached.seen(), await running('cat'), await forwarded()];
        saw(now);
        return now[0] !== '' && attached.seen().includes(`read before ${part}`) && now[2] === 1 && now[3] === 2;
      });
      await daemons.kill(daemon);
    }, LONG.timeout);
    afterAll(() => Promise.all([writer, attached, forward].map(each => each?.end())));

    it('a command that writes', LONG, async () => {
      expect(await writer.done()).not.toBe(0);
      await daemons.answer();
      await waitFor('the command to see its closed pipe', async () => {
        const args = await kubectl.ok('exec on-worker -c web -- ps -o args');
        return !args.includes('while echo on');
      });
    });

    it('a command that reads', LONG, async () => {
      await waitFor('the client to be told', () => closed.includes('reader'));
      await waitFor('the command to see the end of its input', async () => (await running('cat')) === 0);
    });

    it('an attach, whose container goes on', LONG, async () => {
      expect(await attached.done()).not.toBe(0);
      await typed(`after ${part}`);
      await waitFor('the line', async () => (await kubectl.ok('logs on-worker -c reader')).includes(`after ${part}`));
    });

    it('a port-forward with its connections', LONG, async () => {
      expect(await forward.done()).not.toBe(0);
      expect(forward.seen()).toContain('lost connection to pod');
      await waitFor('the client to be told', () => closed.includes('connection'));
      await waitFor('the connection in the pod to end', async () => (await forwarded()) === 0);
    });

    it('and others begin when it is back', LONG, async () => {
      expect(await kubectl.ok('exec on-worker -c web -- echo again')).toBe('again');
    });
  });

  /** A line for the container that reads, by somebody who leaves at once. */
  function typed(line: string): Promise<string> {
    return kubectl.given(`${line}\n`).ok('attach -i on-worker -c reader');
  }

  /** Ends of connections over the pod's loopback to its server, but for those that only wait for their time to be over. */
  async function forwarded(): Promise<number> {
    const script = `cat /proc/net/tcp /proc/net/tcp6 | awk '/0100007F:1F90/ && $4 != "06"' | wc -l`;
    return Number(await kubectl.ok('exec on-worker -c web -- sh -c', script));
  }

  it('end when their pod does', LONG, async () => {
    const command = kubectl.background('exec on-worker -c web -- sh -c', 'echo begun; exec sleep 1234');
    await waitFor('the command to run', saw => {
      saw(command.seen());
      return command.seen().includes('begun');
    });
    await kubectl.ok('delete pod on-worker --wait=false');
    expect(await command.done()).not.toBe(0);
  });
});
