import { attributes, textAttribute } from './attributes.ts';
import { NetlinkError, type NetlinkSocket } from './socket.ts';

export const NETLINK_GENERIC = 16;
/** The family that tells of families (GENL_ID_CTRL). */
const CONTROL = 16;
const GET_FAMILY = 3;
const ATTRIBUTE_ID = 1;
const ATTRIBUTE_NAME = 2;

/** The type of a generic family's messages; undefined where the kernel has none of that name. */
export function familyId(socket: NetlinkSocket, name: string): number | undefined {
  try {
    const body = [Buffer.from([GET_FAMILY, 1, 0, 0]), textAttribute(ATTRIBUTE_NAME, name)];
    const [answer] = socket.request(`get family ${name}`, CONTROL, body);
    return answer === undefined ? undefined : attributes(answer.data.subarray(4)).get(ATTRIBUTE_ID)?.readUInt16LE(0);
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
