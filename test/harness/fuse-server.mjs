// A file system of FUSE with nothing in it, for tests of mounts that hang: node fuse-server.mjs MOUNT-POINT [swallow]
// Prints "mounted" once it answers. Under SIGSTOP requests stay with the kernel, and their senders can be killed; with "swallow" requests for names are taken and never
// answered, so that their senders wait uninterruptibly.
import { openSync, readSync, writeSync } from 'node:fs';
import koffi from 'koffi';

const [target, mode] = process.argv.slice(2);
const EIO = 5;
const ENOENT = 2;
const ENOSYS = 38;
const ENODEV = 'ENODEV';
/** Numbers of requests (linux/fuse.h). */
const [LOOKUP, FORGET, GETATTR, STATFS, INIT, OPENDIR, READDIR, RELEASEDIR, INTERRUPT, DESTROY, BATCH_FORGET] = [
  1, 2, 3, 17, 26, 27, 28, 29, 36, 38, 42,
];

const device = openSync('/dev/fuse', 'r+');
const mount = koffi.load('libc.so.6').func('int mount(const char*, const char*, const char*, ulong, const char*)');
if (mount('hung', target, 'fuse.hung', 0, `fd=${device},rootmode=40000,user_id=0,group_id=0,allow_other`) !== 0)
  throw new Error(`mount ${target}: errno ${koffi.errno()}`);

const request = Buffer.alloc(1 << 20);
for (;;) {
  try {
    readSync(device, request);
  } catch (error) {
    // unmounted, or ended by force
    if (error.code === ENODEV) process.exit(0);
    if (error.code === 'EINTR' || error.code === 'ENOENT' || error.code === 'EAGAIN') continue;
    throw error;
  }
  const opcode = request.readUInt32LE(4);
  const unique = request.readBigUInt64LE(8);
  if (opcode === FORGET || opcode === BATCH_FORGET || opcode === INTERRUPT) continue;
  if (opcode === LOOKUP && mode === 'swallow') continue;
  if (opcode === INIT) reply(unique, initAnswer());
  else if (opcode === GETATTR) reply(unique, rootAttributes());
  else if (opcode === OPENDIR) reply(unique, Buffer.alloc(16));
  else if (opcode === READDIR || opcode === RELEASEDIR || opcode === DESTROY) reply(unique, Buffer.alloc(0));
  else if (opcode === STATFS) reply(unique, Buffer.alloc(80));
  else fail(unique, opcode === LOOKUP ? ENOENT : opcode === 0 ? EIO : ENOSYS);
  if (opcode === INIT) console.log('mounted');
}

function reply(unique, body) {
  const answer = Buffer.alloc(16 + body.length);
  answer.writeUInt32LE(answer.length, 0);
  answer.writeBigUInt64LE(unique, 8);
  body.copy(answer, 16);
  writeSync(device, answer);
}

function fail(unique, errno) {
  const answer = Buffer.alloc(16);
  answer.writeUInt32LE(16, 0);
  answer.writeInt32LE(-errno, 4);
  answer.writeBigUInt64LE(unique, 8);
  writeSync(device, answer);
}

/** struct fuse_init_out of version 7.31. */
function initAnswer() {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(7, 0);
  body.writeUInt32LE(31, 4);
  body.writeUInt32LE(4096, 20);
  return body;
}

/** struct fuse_attr_out: a directory that nobody has to ask for again for a second. */
function rootAttributes() {
  const body = Buffer.alloc(104);
  body.writeBigUInt64LE(0n, 0);
  body.writeBigUInt64LE(1n, 16);
  body.writeUInt32LE(0o40755, 76);
  body.writeUInt32LE(2, 80);
  return body;
}
