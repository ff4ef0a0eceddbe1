import { runUnpackProcess } from '../cri/images/unpack-process.ts';

/** The process behind the image store: unpacks layers that come in on stdin (src/cri/images/unpack-protocol.ts). Not for people. */
export function unpackLayers(): Promise<number> {
  return runUnpackProcess();
}
