import { SourceError } from '../source.ts';

/** A text that is no YAML, in the words of upstream's reader. */
export class YamlError extends SourceError {
  readonly problem: string;
  /** The line that upstream names, which is not always that of the offset; undefined where it names none. */
  readonly line: number | undefined;

  constructor(problem: string, offset: number, line?: number) {
    super(`yaml: ${problem}`, offset);
    this.name = 'YamlError';
    this.problem = problem;
    this.line = line;
  }

  /** As upstream prints it. */
  get text(): string {
    return `yaml: ${this.line === undefined ? '' : `line ${this.line}: `}${this.problem}`;
  }
}

/** A text that is nested deeper than its reader may go. */
export class YamlDepthError extends YamlError {
  constructor(maxDepth: number, offset: number, line?: number) {
    super(`exceeded max depth of ${maxDepth}`, offset, line);
    this.name = 'YamlDepthError';
  }
}
