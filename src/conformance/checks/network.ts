import { type Check, expectSame, expectThat } from '../check.ts';
import type { World } from '../world.ts';
import { WAIT } from './pods.ts';

const check = (name: string, run: (world: World) => Promise<void>): Check => ({ area: 'network', name, run });

/** Says on 8080 which pod it is, and on /cgi-bin/peer from which address it was asked. */
export const SAYS_WHO =
  'mkdir -p /www/cgi-bin; hostname >/www/index.html; ' +
  'printf "#!/bin/sh\\nprintf \'\\\\n%%s\\\\n\' \\$REMOTE_ADDR\\n" >/www/cgi-bin/peer; chmod 755 /www/cgi-bin/peer; exec httpd -f -p 8080 -h /www';
export const SERVES = {
  script: SAYS_WHO,
  readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
};

/** A script that reads a URL until that succeeds, for as long as a pod may need. */
export const reads = (url: string): string =>
  `i=0; until timeout 5 wget -qO- ${url} || [ $i -gt 60 ]; do i=$((i+1)); sleep 0.5; done`;

const inUrl = (address: string): string => (address.includes(':') ? `[${address}]` : address);
const ON_HOST = { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' } as const;

/** Starts a server in a pod and returns its address. */
async function server(world: World, name: string, spec: object = {}): Promise<string> {
  const pod = await world.ready(name, SERVES, spec);
  return inUrl(pod.status?.podIP ?? '');
}

/** Without the prefix of an IPv4 address in IPv6, as busybox tells peers. */
const plain = (text: string): string => text.trim().replace(/^\[?(::ffff:)?([^\]]*)\]?$/, '$2');

export const NETWORK_CHECKS: readonly Check[] = [
  check('gives a pod the address that its status tells', async world => {
    const pod = await world.ready('net-own', { script: WAIT });
    const { stdout } = await world.exec('net-own', ['ip', 'addr']);
    expectThat(
      stdout.includes(` ${pod.status?.podIP}/`),
      `the address ${pod.status?.podIP} is not on its links`,
      stdout,
    );
  }),

  check('lets pods of the node reach each other, under their own addresses', async world => {
    const address = await server(world, 'net-near');
    const text = await world.output('net-near-client', { script: reads(`http://${address}:8080/cgi-bin/peer`) });
    const { status } = await world.pods.get(world.namespace, 'net-near-client', world.signal);
    expectSame('the address from which the server was asked', plain(text), status?.podIP ?? '');
  }),

  check('lets pods reach those of another node and be reached, under their own addresses', async world => {
    const nodeSelector = { 'kubernetes.io/hostname': await world.otherNode() };
    const [there, here] = await Promise.all([server(world, 'net-far', { nodeSelector }), server(world, 'net-here')]);
    const [out, back] = await Promise.all([
      world.output('net-far-out', { script: reads(`http://${there}:8080/cgi-bin/peer`) }),
      world.output('net-far-back', { script: reads(`http://${here}:8080/cgi-bin/peer`) }, { nodeSelector }),
    ]);
    const addressOf = async (name: string): Promise<string> =>
      (await world.pods.get(world.namespace, name, world.signal)).status?.podIP ?? '';
    expectSame('the address from which the other node was asked', plain(out), await addressOf('net-far-out'));
    expectSame('the address from which this node was asked', plain(back), await addressOf('net-far-back'));
  }),

  check('carries large bodies whole, between nodes where there are two', async world => {
    const elsewhere = await world.otherNode().catch(() => undefined);
    const spec = elsewhere === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': elsewhere } };
    const script = `mkdir -p /www; head -c 20000000 /dev/urandom >/www/body; md5sum </www/body >/www/sum; ${SAYS_WHO}`;
    const pod = await world.ready('net-large', { ...SERVES, script }, spec);
    const address = inUrl(pod.status?.podIP ?? '');
    const text = await world.output('net-large-client', {
      script: `timeout 60 wget -qO- http://${address}:8080/body | md5sum; timeout 5 wget -qO- http://${address}:8080/sum`,
    });
    const [got, sent] = text.trim().split('\n');
    expectSame('the sum of 20 MB that came', got, sent ?? '');
  }),

  check('lets the node reach its pods', async world => {
    const address = await server(world, 'net-from-node');
    const text = await world.output('net-node', { script: reads(`http://${address}:8080/`) }, ON_HOST);
    expectSame('who answered', text.trim(), 'net-from-node');
  }),

  check('runs a pod in the network of the node where asked', async world => {
    const pod = await world.ready('net-host', { script: WAIT }, ON_HOST);
    expectSame('its address', pod.status?.podIP, world.nodeAddress);
    const { stdout } = await world.exec('net-host', ['ip', 'addr']);
    expectThat(stdout.includes(` ${world.nodeAddress}/`), 'the address of the node is not on its links', stdout);
  }),

  check('opens a port of the node for a pod', async world => {
    const ports = [{ containerPort: 8080, hostPort: 38_471 }] as never;
    await world.ready('net-port', { ...SERVES, ports });
    const url = `http://${inUrl(world.nodeAddress)}:38471/`;
    const text = await world.output('net-port-client', { script: reads(url) });
    expectSame('who answered', text.trim(), 'net-port');
  }),
];
