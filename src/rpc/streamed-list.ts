/** Containers, pods and images take about 1.5 KiB each (upstream's figure: 11,000 fill 16 MiB); so many are a tenth of the limit of a message. */
const BATCH = 1_000;

/** The answer of a Stream call: a list that is read once, in messages of at most 1,000 items. An empty list is no message at all. */
export async function* streamed<T, Response>(
  list: () => Promise<readonly T[]>,
  toResponse: (items: readonly T[]) => Response,
): AsyncGenerator<Response> {
  const items = await list();
  for (let at = 0; at < items.length; at += BATCH) yield toResponse(items.slice(at, at + BATCH));
}
