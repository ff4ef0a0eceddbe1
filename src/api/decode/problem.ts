import type { Position } from './source.ts';

/** One thing that is wrong with a document. */
export interface Problem {
  /**
   * - `syntax`: the text is no YAML or JSON, or is beyond the limits
   * - `kind`: apiVersion or kind are missing or unknown
   * - `unknown-field`, `duplicate-field`: what upstream calls strict decoding errors
   * - `type`: a value of a wrong type or form
   * - `invalid`: the object decodes but breaks a rule of its kind
   */
  readonly reason: 'syntax' | 'kind' | 'unknown-field' | 'duplicate-field' | 'type' | 'invalid';
  readonly position: Position;
  /** `spec.containers[0].image`; empty for the document as a whole. */
  readonly field: string;
  /** Upstream's text, without the place. */
  readonly message: string;
  /** What to do about it, where that can be told. */
  readonly hint?: string;
}

/** `/etc/kubernetes/manifests/web.yaml:12:7: unknown field "spec.containers[0].imge" (did you mean "image"?)` */
export function problemLine(file: string, problem: Problem): string {
  const hint = problem.hint === undefined ? '' : ` (${problem.hint})`;
  return `${file}:${problem.position.line}:${problem.position.column}: ${problem.message}${hint}`;
}

/** The message of upstream's API server for the strict decoding errors of one object. */
export function strictDecodingMessage(problems: readonly Problem[]): string {
  return `strict decoding error: ${problems.map(p => p.message).join(', ')}`;
}
