import { NODE_DNS_ADDRESS } from '../kubelet-configuration.ts';
import { needOf, type SocketNeed } from './sockets.ts';

/** What each daemon serves on, by the words of its command line and its configuration: an admin who has moved a port is asked for the one that counts. Pure. */

const LOOPBACK = '127.0.0.1';
const ETCD_LISTENS = ['listen-client-urls', 'listen-peer-urls', 'listen-metrics-urls'];
const DNS_LISTENS = ['dns-listen', 'dns-listen-shared'];
const DNS_PORT = 53;

/** etcd: its clients, its peers and its metrics. */
export function etcdSockets(argv: readonly string[]): readonly SocketNeed[] {
  return ETCD_LISTENS.flatMap(name => (allOf(argv, name).at(-1) ?? '').split(',')).flatMap(url => {
    const [, address, port] = /^https?:\/\/(.+):(\d{1,5})\/?$/.exec(url.trim()) ?? [];
    return address === undefined ? [] : socketsOf(port, address);
  });
}

/** API server, controllers and scheduler by their common command line. */
export function controlPlaneSockets(argv: readonly string[]): readonly SocketNeed[] {
  const last = (name: string): string | undefined => allOf(argv, name).at(-1);
  return [
    ...apiServerSockets(argv),
    ...socketsOf(last('scheduler-healthz-port') ?? 10_259, LOOPBACK),
    ...socketsOf(last('healthz-port') ?? 10_257, LOOPBACK),
  ];
}

function apiServerSockets(argv: readonly string[]): readonly SocketNeed[] {
  const last = (name: string): string | undefined => allOf(argv, name).at(-1);
  return socketsOf(last('secure-port') ?? 6443, last('bind-address'));
}

/** The TCP ports of a machine that others of its cluster ask: of its API server, where it is a control plane by such a command line, and of its kubelet. */
export function reachedPorts(node: {
  readonly controlPlane?: readonly string[];
  readonly kubelet: Readonly<Record<string, unknown>>;
  readonly args?: readonly string[] | undefined;
}): readonly number[] {
  const { controlPlane, kubelet, args = [] } = node;
  const sockets = [
    ...(controlPlane === undefined ? [] : apiServerSockets(controlPlane)),
    ...kubeletApiSockets(kubelet, args),
  ];
  return sockets.map(({ port }) => port);
}

/** The API of a kubelet and its /healthz, by the fields of its configuration that are said, and further words of its command line, which stand above them. */
export function kubeletSockets(
  kubelet: Readonly<Record<string, unknown>>,
  args: readonly string[] = [],
): readonly SocketNeed[] {
  const last = (name: string): string | undefined => allOf(args, name).at(-1);
  return [
    ...kubeletApiSockets(kubelet, args),
    ...socketsOf(
      last('healthz-port') ?? kubelet['healthzPort'] ?? 10_248,
      hostOf(kubelet['healthzBindAddress']) ?? LOOPBACK,
    ),
  ];
}

function kubeletApiSockets(kubelet: Readonly<Record<string, unknown>>, args: readonly string[]): readonly SocketNeed[] {
  if (kubelet['enableServer'] === false) return [];
  return socketsOf(allOf(args, 'port').at(-1) ?? (kubelet['port'] || 10_250), hostOf(kubelet['address']));
}

function hostOf(told: unknown): string | undefined {
  return typeof told === 'string' && told !== '' ? told : undefined;
}

/** What a node is told of where to serve. */
export interface NodeListening {
  readonly addresses: readonly string[];
  /** It answers no names, so that another server can. */
  readonly dnsDisabled: boolean;
  /** Further words of its command line. */
  readonly args?: readonly string[] | undefined;
  /** The fields of a KubeletConfiguration that are said. */
  readonly kubelet?: Readonly<Record<string, unknown>>;
}

/** The daemon of a node but for its service proxy: on the addresses on which it serves (daemons/node.ts), so that a name server of the machine's own beside it is none in the way. */
export function nodeSockets({ addresses, dnsDisabled, args = [], kubelet = {} }: NodeListening): readonly SocketNeed[] {
  const last = (name: string): string | undefined => allOf(args, name).at(-1);
  const sockets = kubeletSockets(kubelet, args);
  if (dnsDisabled || last('dns') === 'false') return sockets;
  const moved = DNS_LISTENS.flatMap(name => allOf(args, name)).flatMap(text => {
    const [, host = '', port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
    return socketsOf(port, host);
  });
  const dns = [...[...addresses, NODE_DNS_ADDRESS].map(address => needOf(DNS_PORT, address)), ...moved];
  const protocols = ['udp', 'tcp'] as const;
  return [...sockets, ...dns.flatMap(need => protocols.map(protocol => ({ ...need, protocol, of: 'dns' as const })))];
}

/** The values of a flag, in order: of most the last counts. */
function allOf(words: readonly string[], name: string): readonly string[] {
  const start = `--${name}=`;
  return words.filter(word => word.startsWith(start)).map(word => word.slice(start.length));
}

/** A port that is none is for the daemon to refuse; 0 is none, or any that is free. */
function socketsOf(port: unknown, address?: string): readonly SocketNeed[] {
  const number = Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) return [];
  return [needOf(number, address?.replace(/^\[|\]$/g, ''))];
}
