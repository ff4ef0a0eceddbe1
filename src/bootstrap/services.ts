/** A daemon as a supervisor runs it. */
export interface ServiceUnit {
  readonly name: string;
  readonly argv: readonly string[];
}

/** Who keeps daemons running on this machine. */
export interface Services {
  /** Runs it from now on. One that runs already with the same command is left alone; with another it is started anew. */
  start(unit: ServiceUnit, signal?: AbortSignal): Promise<void>;
  /** True while its process lives. */
  isRunning(name: string): boolean;
  /** The end of its log, for people; empty where there is none. */
  lastLog(name: string): string;
}

export const ETCD_SERVICE = 'gantry-etcd';
export const CONTROL_PLANE_SERVICE = 'gantry-control-plane';
export const CRI_SERVICE = 'gantry-cri';
export const NODE_SERVICE = 'gantry-node';
