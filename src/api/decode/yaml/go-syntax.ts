import { goQuote } from '../../go-quote.ts';
import type { SourceNode } from '../source.ts';

/** What was read as Go prints it with %#v: upstream shows keys so that cannot be keys, which templates with too many braces make. */
export function goSyntax(node: SourceNode): string {
  switch (node.kind) {
    case 'null':
      return '<nil>';
    case 'scalar':
      return typeof node.value === 'string' ? goQuote(node.value) : (node.source ?? String(node.value));
    case 'list':
      return `[]interface {}{${node.items.map(inside).join(', ')}}`;
    case 'map': {
      const members = new Map(node.entries.map(({ key, value }) => [goQuote(key), inside(value)]));
      const sorted = [...members].sort(([a], [b]) => (a < b ? -1 : 1));
      return `map[interface {}]interface {}{${sorted.map(([key, value]) => `${key}:${value}`).join(', ')}}`;
    }
  }
}

function inside(node: SourceNode): string {
  return node.kind === 'null' ? 'interface {}(nil)' : goSyntax(node);
}
