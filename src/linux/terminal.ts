import { check, libc } from './ffi.ts';

const TIOCSWINSZ = 0x5414n;
const TCGETS = 0x5401n;
const TCSETS = 0x5402n;
/** Offsets of c_oflag and c_cc in the kernel's struct termios, and what is of interest there. */
const OFLAG = 4;
const CC = 17;
const ONLCR = 0o4;
const VEOF = 4;
const TERMIOS_BYTES = 64;

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** Tells a terminal (its master) its size in characters; who has it in the foreground gets SIGWINCH when it changed. Throws SyscallError. */
export function setTerminalSize(fd: number, size: TerminalSize): void {
  const winsize = Buffer.alloc(8);
  winsize.writeUInt16LE(clampToUint16(size.height), 0);
  winsize.writeUInt16LE(clampToUint16(size.width), 2);
  check(ioctl(fd, TIOCSWINSZ, winsize), 'ioctl', 'TIOCSWINSZ');
}

/** Makes a terminal write a carriage return before each line feed, as clients expect whose own terminal is raw. */
export function sayCarriageReturns(fd: number): void {
  const termios = readTermios(fd);
  termios.writeUInt32LE(termios.readUInt32LE(OFLAG) | ONLCR, OFLAG);
  check(ioctl(fd, TCSETS, termios), 'ioctl', 'TCSETS');
}

/** The byte that a terminal's reader takes for the end of its input (^D unless changed); undefined where it has none. */
export function endOfInputByte(fd: number): number | undefined {
  const byte = readTermios(fd).readUInt8(CC + VEOF);
  return byte === 0 ? undefined : byte;
}

function readTermios(fd: number): Buffer {
  const termios = Buffer.alloc(TERMIOS_BYTES);
  check(ioctl(fd, TCGETS, termios), 'ioctl', 'TCGETS');
  return termios;
}

function ioctl(fd: number, request: bigint, argument: Buffer): number {
  return libc('int ioctl(int, ulong, void*)')(fd, request, argument);
}

function clampToUint16(value: number): number {
  return Math.max(0, Math.min(0xffff, Math.trunc(value) || 0));
}
