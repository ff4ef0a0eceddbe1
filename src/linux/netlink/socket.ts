import { closeSync } from 'node:fs';
import { formatMessage, type NetlinkMessage, parseMessages } from 'netlink/dist/structs.js';
import { check, lastErrno, libc, SyscallError } from '../ffi.ts';

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_TRUNC = 0x20;
const EINTR = 4;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_DUMP = 0x300;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
/** A kernel that is stuck for this long is reported; it answers inside send(2), so this never elapses in health. */
const RECEIVE_TIMEOUT_S = 10n;
/** A dump that other changes interrupt is asked for again this many times (each takes well under a millisecond). */
const DUMP_ATTEMPTS = 20;
/** The kernel cuts dumps into messages of at most 32 KiB. */
const BUFFER_BYTES = 65536;

export const FLAG_CREATE = 0x400;
export const FLAG_EXCL = 0x200;

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** A refusal by the kernel: the errno name in `code`, and in the message the kernel's own words where it gave some (extended ack). */
export class NetlinkError extends SyscallError {
  /** The kernel's words, empty where it gave none. */
  readonly detail: string;

  constructor(operation: string, errno: number, detail: string) {
    super(operation, errno);
    this.name = 'NetlinkError';
    this.detail = detail;
    if (detail !== '') this.message += `: ${detail}`;
  }
}

/**
 * A netlink socket with synchronous requests: the kernel works inside send(2) and the answer lies ready afterwards (36 µs for a link by name), so
 * no event loop is involved. The socket belongs to the network namespace in which it was opened, wherever the thread goes later. The receive
 * buffer is shared by all requests of one socket; returned messages are copies.
 */
export class NetlinkSocket {
  #fd: number;
  #sequence = 1;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Opens a socket in the thread's present network namespace. */
  static open(protocol: number = NETLINK_ROUTE): NetlinkSocket {
    const fd = check(libc('int socket(int, int, int)')(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol), 'socket', 'netlink');
    try {
      const address = Buffer.alloc(12);
      address.writeUInt16LE(AF_NETLINK, 0);
      check(libc('int bind(int, const void*, uint)')(fd, address, address.length), 'bind', 'netlink');
      const setOption = libc('int setsockopt(int, int, int, const void*, uint)');
      const on = Buffer.from([1, 0, 0, 0]);
      check(setOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, on, 4), 'setsockopt', 'NETLINK_EXT_ACK');
      check(setOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, on, 4), 'setsockopt', 'NETLINK_CAP_ACK');
      const timeout = Buffer.alloc(16);
      timeout.writeBigInt64LE(RECEIVE_TIMEOUT_S, 0);
      check(setOption(fd, SOL_SOCKET, SO_RCVTIMEO, timeout, 16), 'setsockopt', 'SO_RCVTIMEO');
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return new NetlinkSocket(fd);
  }

  /** Does `work` with a routing socket of the thread's present network namespace, which is closed then. */
  static use<T>(work: (socket: NetlinkSocket) => T): T {
    const socket = NetlinkSocket.open();
    try {
      return work(socket);
    } finally {
      socket.close();
    }
  }

  /** One request and its answer messages, without the final acknowledgement. Throws NetlinkError with `operation` in its message. */
  request(operation: string, type: number, body: Uint8Array[], flags = 0): NetlinkMessage[] {
    const { messages } = this.#exchange(operation, type, body, flags | NLM_F_ACK);
    return messages;
  }

  /** All objects of a kind: asked for again when they changed meanwhile, so that what is returned is one consistent picture. */
  dump(operation: string, type: number, body: Uint8Array[]): NetlinkMessage[] {
    for (let attempt = 1; attempt <= DUMP_ATTEMPTS; attempt++) {
      const { messages, interrupted } = this.#exchange(operation, type, body, NLM_F_DUMP);
      if (!interrupted) return messages;
    }
    throw new NetlinkError(operation, EINTR, `objects kept changing during ${DUMP_ATTEMPTS} dumps`);
  }

  /**
   * All objects of a kind as the kernel hands them out, up to 32 KiB at a time, so that the caller can let others have their turn in between. Meanwhile the socket is this
   * dump's alone. What changes under way may be seen or not.
   */
  *parts(operation: string, type: number, body: Uint8Array[]): Generator<NetlinkMessage[]> {
    const sequence = this.#send(operation, type, body, NLM_F_DUMP);
    for (;;) {
      const answer = parseMessages(this.#receive(operation)).filter(({ seq }) => seq === sequence);
      const end = answer.findIndex(message => message.type === NLMSG_ERROR || message.type === NLMSG_DONE);
      const [last] = end < 0 ? [] : answer.splice(end);
      yield answer;
      if (last === undefined) continue;
      throwIfRefused(operation, last);
      return;
    }
  }

  /** Safe to repeat. */
  close(): void {
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
  }

  /** Returns the sequence number that the answers bear. */
  #send(operation: string, type: number, body: Uint8Array[], flags: number): number {
    const sequence = this.#sequence;
    this.#sequence = (this.#sequence + 1) >>> 0 || 1;
    const packet = Buffer.concat(
      formatMessage({ type, flags: flags | NLM_F_REQUEST, seq: sequence, port: 0, data: body }),
    );
    check(libc('long send(int, const void*, size_t, int)')(this.#fd, packet, packet.length, 0), 'send', operation);
    return sequence;
  }

  #exchange(
    operation: string,
    type: number,
    body: Uint8Array[],
    flags: number,
  ): { messages: NetlinkMessage[]; interrupted: boolean } {
    const sequence = this.#send(operation, type, body, flags);
    const messages: NetlinkMessage[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of parseMessages(this.#receive(operation))) {
        // Left over from a request that failed half way.
        if (message.seq !== sequence) continue;
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          throwIfRefused(operation, message);
          return { messages, interrupted };
        }
        messages.push(message);
      }
    }
  }

  #receive(operation: string): Buffer {
    const recv = libc('long recv(int, void*, size_t, int)');
    for (;;) {
      const length = recv(this.#fd, this.#buffer, BUFFER_BYTES, MSG_TRUNC);
      if (length > BUFFER_BYTES)
        throw new NetlinkError(operation, 90, `the kernel's answer of ${length} bytes does not fit the buffer`);
      if (length >= 0) return Buffer.from(this.#buffer.subarray(0, length));
      const errno = lastErrno();
      if (errno !== EINTR) throw new SyscallError('recv', errno, operation);
    }
  }
}

function throwIfRefused(operation: string, end: NetlinkMessage): void {
  const errno = end.data.length >= 4 ? -end.data.readInt32LE(0) : 0;
  if (errno !== 0) throw new NetlinkError(operation, errno, extendedAck(end));
}

/** The text that follows struct nlmsgerr (an errno and the 16 byte header of the request, capped by NETLINK_CAP_ACK). */
function extendedAck(message: NetlinkMessage): string {
  if (message.type !== NLMSG_ERROR || (message.flags & NLM_F_ACK_TLVS) === 0) return '';
  let offset = 20;
  while (offset + 4 <= message.data.length) {
    const length = message.data.readUInt16LE(offset);
    if (length < 4 || offset + length > message.data.length) return '';
    const type = message.data.readUInt16LE(offset + 2) & 0x3fff;
    if (type === NLMSGERR_ATTR_MSG) return message.data.toString('utf8', offset + 4, offset + length - 1);
    offset += (length + 3) & ~3;
  }
  return '';
}
