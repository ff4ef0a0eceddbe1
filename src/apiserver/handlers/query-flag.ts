/** As upstream decodes booleans of a query: what is there is true, but for 0 and false. */
export function queryFlag(text: string | null): boolean {
  return text !== null && !['0', 'false'].includes(text.toLowerCase());
}
