import type { RuntimeServiceContext } from './context.ts';

/** Logs each sentence once per life of the process: what the machine does not allow would otherwise be said with every container. */
export function sayOnce(ctx: RuntimeServiceContext, sentences: readonly string[]): void {
  for (const sentence of sentences) {
    if (ctx.said.has(sentence)) continue;
    ctx.said.add(sentence);
    ctx.log.warn(sentence);
  }
}
