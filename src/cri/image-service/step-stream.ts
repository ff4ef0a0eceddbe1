/**
 * Yields what `work` reports while it runs, and returns its result. A client that reads slowly is told of each step once, with its newest figures: of reports in a
 * row that `isSame` calls one step only the last is kept. Throws what `work` throws, after the last report.
 */
export async function* stepsOf<Step, Result>(
  work: (onStep: (step: Step) => void) => Promise<Result>,
  isSame: (a: Step, b: Step) => boolean,
): AsyncGenerator<Step, Result> {
  const steps: Step[] = [];
  let wake = (): void => {};
  let ended = false;
  const result = work(step => {
    const last = steps.at(-1);
    if (last !== undefined && isSame(last, step)) steps.pop();
    steps.push(step);
    wake();
  }).finally(() => {
    ended = true;
    wake();
  });
  result.catch(() => undefined);
  while (!ended || steps.length > 0) {
    const step = steps.shift();
    if (step !== undefined) yield step;
    else if (!ended)
      await new Promise<void>(resolve => {
        wake = resolve;
      });
  }
  return await result;
}
