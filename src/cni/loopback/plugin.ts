import { getLink, setLinkUp } from '../../linux/netlink/links.ts';
import { NetlinkSocket } from '../../linux/netlink/socket.ts';
import { inNetns, netnsExists } from '../../linux/netns.ts';
import { CNI_ERROR, CniError } from '../protocol/error.ts';
import { isObject } from '../protocol/json.ts';
import type { CniPlugin, PluginRequest } from '../protocol/plugin.ts';
import { type CniResult, parseResult } from '../protocol/result.ts';
import { CNI_VERSIONS } from '../protocol/versions.ts';

const LOOPBACK_INDEX = 1;

/** Brings `lo` up inside a namespace; the kernel gives it 127.0.0.1 and ::1 by itself. Safe to repeat. Throws CniError 8 without a namespace. */
export function bringLoopbackUp(netns: string): void {
  inside(netns, socket => setLinkUp(socket, LOOPBACK_INDEX));
}

function isLoopbackUp(netns: string): boolean {
  return inside(netns, socket => getLink(socket, LOOPBACK_INDEX)?.up === true);
}

function inside<T>(netns: string, work: (socket: NetlinkSocket) => T): T {
  if (!netnsExists(netns)) throw new CniError(CNI_ERROR.invalidNetns, `${netns} is not a network namespace`);
  return inNetns(netns, () => {
    const socket = NetlinkSocket.open();
    try {
      return work(socket);
    } finally {
      socket.close();
    }
  });
}

/**
 * The plugin `loopback` of a list, in process. After other plugins it hands their result on, as the reference plugin does: the list's result is that of its
 * last plugin. DEL leaves lo as it is: it goes with its namespace.
 */
export const loopbackPlugin: CniPlugin = {
  async add(request: PluginRequest): Promise<CniResult> {
    bringLoopbackUp(request.netns);
    const previous = request.config['prevResult'];
    if (isObject(previous)) return parseResult(previous);
    return {
      interfaces: [{ name: 'lo', mac: '00:00:00:00:00:00', sandbox: request.netns }],
      ips: [
        { address: '127.0.0.1/8', interface: 0 },
        { address: '::1/128', interface: 0 },
      ],
      routes: [],
      dns: {},
    };
  },
  async del() {},
  async check({ netns }: PluginRequest): Promise<void> {
    if (!isLoopbackUp(netns)) throw new CniError(CNI_ERROR.changed, `the link lo in ${netns} is down`);
  },
  async gc() {},
  async status() {},
  async version() {
    return CNI_VERSIONS;
  },
};
