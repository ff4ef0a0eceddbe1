import { errorMessage } from '../../base/errors.ts';
import { ALL_SERVICES, type Services } from '../services.ts';

/** What a daemon has left, by path or name; and why that cannot be told, as where systemd does not answer: all else is taken away then all the same. */
export interface ServiceTraces {
  readonly name: string;
  readonly traces: readonly string[];
  readonly problem?: string;
}

/** Of all daemons. Never fails but for its signal. */
export function readTraces(
  services: Pick<Services, 'traces'> | undefined,
  signal: AbortSignal,
): Promise<readonly ServiceTraces[]> {
  return Promise.all(
    ALL_SERVICES.map(async (name): Promise<ServiceTraces> => {
      try {
        return { name, traces: (await services?.traces(name, signal)) ?? [] };
      } catch (error) {
        signal.throwIfAborted();
        return { name, traces: [], problem: `what is left of ${name} is not known: ${errorMessage(error)}` };
      }
    }),
  );
}

/** A sentence for each that could not be asked. Pure. */
export function traceProblems(services: readonly ServiceTraces[]): readonly string[] {
  return services.flatMap(({ problem }) => problem ?? []);
}
