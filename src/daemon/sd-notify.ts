import { sendDatagram } from '../linux/unix-datagram.ts';

/**
 * Tells the service manager a state (`READY=1`, `STOPPING=1`, `STATUS=…`) over $NOTIFY_SOCKET (sd_notify(3)). Without that variable nothing
 * happens. Never throws: a manager that went away must not stop the daemon.
 */
export function sdNotify(state: string): void {
  const path = process.env['NOTIFY_SOCKET'];
  if (path === undefined || path === '') return;
  try {
    sendDatagram(path, state);
  } catch {
    // the manager is gone; it will see our exit by itself
  }
}
