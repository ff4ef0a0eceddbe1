/**
 * A part of a daemon. Constructed quietly, run loudly: the constructor has no effects, `run` does the work until `signal` aborts and then
 * resolves when everything it started has ended. It calls `ready` once, when its users can be served. A rejection is fatal for the process.
 */
export interface Component {
  readonly name: string;
  run(signal: AbortSignal, ready: () => void): Promise<void>;
}
