import { createSocket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { error, type Finding } from './finding.ts';

/** An address of this machine that it is told to be reached at. */
export interface AddressNeed {
  readonly address: string;
  /** Of its API server and etcd, or of its Node. */
  readonly of: 'control-plane' | 'node';
}

export interface AddressFacts {
  /** Those that the machine has not got. */
  readonly absent: readonly AddressNeed[];
  /** Those that it has, without the ones that nobody else reaches. */
  readonly present: readonly string[];
}

/** Asks the kernel, which knows addresses of links that are down, too; changes nothing. */
export async function readAddresses(needs: readonly AddressNeed[]): Promise<AddressFacts> {
  const absent = await Promise.all(needs.map(async need => ((await isHere(need.address)) ? [] : [need])));
  const all = Object.values(networkInterfaces()).flatMap(list => list ?? []);
  return {
    absent: absent.flat(),
    present: all.filter(each => !each.internal && !/^(fe80:|169\.254\.)/.test(each.address)).map(each => each.address),
  };
}

/** The second where the kernel has no IPv6. */
const NOT_HERE = ['EADDRNOTAVAIL', 'EAFNOSUPPORT'];

/** Whether something could be served on the address now. */
function isHere(address: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createSocket(isIPv4(address) ? 'udp4' : 'udp6');
    const end = (isOurs: boolean): void => void socket.close(() => resolve(isOurs));
    socket.once('error', (problem: NodeJS.ErrnoException) => end(!NOT_HERE.includes(problem.code ?? '')));
    socket.bind({ port: 0, address, exclusive: true }, () => end(true));
  });
}

/** kubeadm has no such checks: its etcd does not start, and the kubelet tells no address, both without end. Pure. */
export function addressFindings({ absent, present }: AddressFacts): readonly Finding[] {
  const has = present.length === 0 ? 'no link that is up has any' : `it has ${present.join(', ')}`;
  return absent.map(({ address, of }) =>
    of === 'node'
      ? error(
          'NodeIP',
          `this machine has no address ${address}, at which its node is to be reached: ${has}`,
          'give one that it has by --node-ip (node-ip of kubeletExtraArgs), or put that address on one of its links first',
        )
      : error(
          'AdvertiseAddress',
          `this machine has no address ${address}, on which etcd and the API server are to serve: ${has}`,
          `give one that it has by --apiserver-advertise-address (localAPIEndpoint.advertiseAddress); where others reach it at ${address} by a translation, name that as --control-plane-endpoint`,
        ),
  );
}
