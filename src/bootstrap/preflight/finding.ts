/** One thing that speaks against making a node here. */
export interface Finding {
  /** kubeadm's name of the check: what --ignore-preflight-errors takes. */
  readonly check: string;
  readonly message: string;
  /** The command or change that mends it, where there is one. */
  readonly mend?: string;
  readonly severity: 'error' | 'warning';
}

export function error(check: string, message: string, mend?: string): Finding {
  return { check, message, ...(mend === undefined ? {} : { mend }), severity: 'error' };
}

export function warning(check: string, message: string, mend?: string): Finding {
  return { ...error(check, message, mend), severity: 'warning' };
}
