import { parentPort } from 'node:worker_threads';
import { loadPackages } from '../../api/schema/packages.ts';
import { answerBody, type BodyMessage } from './worker-messages.ts';

/** The thread that decodes large bodies: one message in, one out. An entry of the build. */
await loadPackages();
parentPort?.on('message', (message: BodyMessage) => {
  const reply = answerBody(message);
  parentPort?.postMessage(reply, 'json' in reply ? [reply.json.buffer as ArrayBuffer] : []);
});
