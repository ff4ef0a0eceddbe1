import { GantryError } from '../../base/errors.ts';
import { aggregateMessage } from '../go-quote.ts';

/** A selector that cannot be read; the message is upstream's. */
export class SelectorSyntaxError extends GantryError {
  constructor(message: string) {
    super('invalid-argument', message);
    this.name = 'SelectorSyntaxError';
  }

  static of(messages: readonly string[]): SelectorSyntaxError {
    return new SelectorSyntaxError(aggregateMessage(messages));
  }
}
