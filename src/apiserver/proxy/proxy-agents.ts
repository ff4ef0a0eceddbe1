import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

/** Connections to pods and services are kept for so long, and so many of them for each (Go's transport). */
const IDLE_MS = 90_000;
const MAX_IDLE = 25;

/** Connections to what requests are proxied to. Nobody could sign a certificate for the address of a pod: it is not checked, as upstream. */
export class ProxyAgents {
  readonly http = new HttpAgent({ keepAlive: true, maxFreeSockets: MAX_IDLE, timeout: IDLE_MS });
  readonly https = new HttpsAgent({
    keepAlive: true,
    maxFreeSockets: MAX_IDLE,
    timeout: IDLE_MS,
    rejectUnauthorized: false,
  });

  close(): void {
    this.http.destroy();
    this.https.destroy();
  }
}
