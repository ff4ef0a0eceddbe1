import { invalidArgument } from '../base/errors.ts';

const AF_UNIX = 1;
/** sun_path of unix(7), its final NUL included. */
const PATH_BYTES = 108;

/** A `struct sockaddr_un`; a leading `@` names an abstract socket. Throws `invalid-argument` for a path that does not fit. */
export function unixAddress(path: string): Buffer {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`, 'utf8');
  if (name.length > PATH_BYTES)
    throw invalidArgument(`the path of a unix socket has at most ${PATH_BYTES - 1} bytes, not ${path}`);
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  return address;
}
