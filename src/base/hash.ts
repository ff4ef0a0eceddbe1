import { createHash, randomBytes } from 'node:crypto';

/** 32-bit FNV-1a of the UTF-8 bytes, as an unsigned number (upstream hashes container specs with it). */
export function fnv32a(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of Buffer.from(text, 'utf8')) {
    h ^= byte;
    h = Math.imul(h, 0x01000193);
  }
  return h >>> 0;
}

const FNV128_PRIME = 0x0000000001000000000000000000013bn;
const FNV128_BASIS = 0x6c62272e07bb014262b821756295c58dn;
const MASK_128 = (1n << 128n) - 1n;

/** 128-bit FNV-1a as 32 hex digits (upstream makes the UID of a static pod with it). */
export function fnv128aHex(text: string): string {
  let h = FNV128_BASIS;
  for (const byte of Buffer.from(text, 'utf8')) h = ((h ^ BigInt(byte)) * FNV128_PRIME) & MASK_128;
  return h.toString(16).padStart(32, '0');
}

/** SHA-256 as 64 lower-case hex digits. */
export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** `bytes` random bytes as hex, from the system's cryptographic source. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}
