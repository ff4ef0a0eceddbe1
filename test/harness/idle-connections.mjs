// Opens TLS connections and leaves them idle until its standard input ends: a process of its own, whose memory is not the test's.
// Arguments: port, how many. Each has spoken the preface of HTTP/2, as a client does that keeps a connection for later.
import { connect, createSecureContext } from 'node:tls';

const [port, count] = process.argv.slice(2).map(Number);
const secureContext = createSecureContext();
/** The preface and empty SETTINGS. */
const HELLO = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
const AT_A_TIME = 50;

let started = 0;
let open = 0;
let failed = 0;

function next() {
  if (started === count) return;
  started++;
  const socket = connect({ host: '127.0.0.1', port, secureContext, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  let settled = false;
  const settle = () => {
    settled = true;
    if (open + failed === count) console.log(JSON.stringify({ open, failed }));
    next();
  };
  socket.once('secureConnect', () => {
    socket.write(HELLO);
    socket.resume();
    open++;
    settle();
  });
  socket.on('error', () => {
    if (settled) return;
    failed++;
    settle();
  });
}

for (let i = 0; i < AT_A_TIME; i++) next();
process.stdin.resume();
process.stdin.on('end', () => process.exit());
