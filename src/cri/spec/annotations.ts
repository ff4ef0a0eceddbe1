/** Annotations by which crun, runc and CRIU are steered: a pod may not reach them, for some of them undo its confinement. */
const RUNTIME_PREFIXES = ['run.oci.', 'org.systemd.property.', 'org.criu.', 'module.wasm.'];

export interface AnnotationDecision {
  readonly annotations: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/** The request's annotations, except those that steer the runtime, then `own` over them. */
export function decideAnnotations(
  requested: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string>>,
): AnnotationDecision {
  const steering = (key: string): boolean => RUNTIME_PREFIXES.some(prefix => key.startsWith(prefix));
  const passed = Object.entries(requested).filter(([key]) => !steering(key));
  const refused = Object.keys(requested).filter(steering);
  return {
    annotations: { ...Object.fromEntries(passed), ...own },
    notes: refused.map(key => `annotation ${key} steers the runtime and is not passed on`),
  };
}
