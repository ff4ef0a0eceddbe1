/** Two bytes of length stand before each message on a stream (RFC 1035, 4.2.2). */
export function withLength(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(2 + message.length);
  framed.writeUInt16BE(message.length, 0);
  message.copy(framed, 2);
  return framed;
}

/** Puts the pieces of a stream together to messages. Holds at most one that is not whole yet: 64 KiB and what came with it. */
export class MessageReader {
  #held: Buffer = Buffer.alloc(0);

  /** The messages that this piece completes. */
  push(piece: Buffer): Buffer[] {
    let bytes = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
    const messages: Buffer[] = [];
    while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
      const end = 2 + bytes.readUInt16BE(0);
      messages.push(bytes.subarray(2, end));
      bytes = bytes.subarray(end);
    }
    this.#held = bytes;
    return messages;
  }
}
