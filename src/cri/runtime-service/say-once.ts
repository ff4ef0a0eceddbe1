import type { RuntimeServiceContext } from './context.ts';

/** Sentences repeat what requests say, which is without end; after so many they are said again. */
const REMEMBERED = 1_000;

/** Logs each sentence once: what the machine does not allow would otherwise be said with every container. */
export function sayOnce(ctx: RuntimeServiceContext, sentences: readonly string[]): void {
  for (const sentence of sentences) {
    if (ctx.said.has(sentence)) continue;
    if (ctx.said.size >= REMEMBERED) ctx.said.clear();
    ctx.said.add(sentence);
    ctx.log.warn(sentence);
  }
}
