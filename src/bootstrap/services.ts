/** A daemon as a supervisor runs it. */
export interface ServiceUnit {
  readonly name: string;
  readonly argv: readonly string[];
  /** Directories that it writes to beside those of its own, where it is fenced in. */
  readonly writes?: readonly string[];
  /** A digest of the files that it reads when it starts: with others it is started anew. */
  readonly configuration?: string;
}

/** What whoever keeps a daemon knows of it. Undefined is what is not counted, or not told. */
export interface ServiceStatus {
  /** `restarting`: it ended by itself and is about to be started again; `absent`: nobody here was ever told to keep it. */
  readonly state: 'running' | 'starting' | 'restarting' | 'stopping' | 'stopped' | 'failed' | 'absent';
  /** Ms since the epoch of the beginning of that state. */
  readonly since: number | undefined;
  readonly pid: number | undefined;
  /** How often it was started again because it had ended by itself. */
  readonly restarts: number | undefined;
  /** Its own word of what it does, or what is wrong with who keeps it. */
  readonly statusText: string | undefined;
}

/** Who keeps daemons running on this machine. */
export interface Services {
  /** Runs it from now on, also after the machine's next start. One that runs already with the same command and configuration is left alone; with another it is started anew. */
  start(unit: ServiceUnit, signal?: AbortSignal): Promise<void>;
  /** True while its process lives. */
  isRunning(name: string): Promise<boolean>;
  status(name: string, signal: AbortSignal): Promise<ServiceStatus>;
  /** The end of its log, for people; `(empty)` where there is none. Never fails. */
  lastLog(name: string): Promise<string>;
  /**
   * Ends it and keeps it down, at the machine's next start too: with SIGTERM, and with SIGKILL where it has not ended after `patienceMs`. One that is down or not known is fine.
   * Throws for what not even that ends within a few seconds.
   */
  stop(name: string, options: StopOptions): Promise<void>;
  /** What `remove` would take away, by path or name; empty for one that was never started here. Changes nothing. */
  traces(name: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** The command line that it is started with, whoever has said so; empty for one that was never started here. */
  words(name: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** Ends it as above, then takes away what `start` has left of it: its settings, its state, its log where that is no journal. Safe to repeat. */
  remove(name: string, options: StopOptions): Promise<void>;
}

export interface StopOptions {
  readonly patienceMs: number;
  readonly signal?: AbortSignal;
}

export const ETCD_SERVICE = 'gantry-etcd';
export const CONTROL_PLANE_SERVICE = 'gantry-control-plane';
export const CRI_SERVICE = 'gantry-cri';
export const NODE_SERVICE = 'gantry-node';

/** All of them, in the order in which they need each other: ended from the last to the first. */
export const ALL_SERVICES: readonly string[] = [ETCD_SERVICE, CONTROL_PLANE_SERVICE, CRI_SERVICE, NODE_SERVICE];
