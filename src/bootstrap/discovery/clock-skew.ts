/** What two clocks said at about the same time. Ms since the epoch. */
export interface ClockReading {
  readonly local: number;
  /** By the Date header of an answer, which counts whole seconds. */
  readonly remote?: number;
  /** When the certificate of the server begins and ends to hold. */
  readonly validFrom?: number;
  readonly validTo?: number;
}

/** Certificates begin to hold five minutes before they are signed, so clocks may be so far apart. */
const MOST_MS = 5 * 60_000;
const NOTABLE_MS = 30_000;

export interface ClockFinding {
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

/** What two clocks that are apart do to a node. Undefined where they agree well enough. Pure. */
export function clockFinding({ local, remote, validFrom, validTo }: ClockReading): ClockFinding | undefined {
  if (remote !== undefined && Math.abs(remote - local) > NOTABLE_MS) {
    const apart = remote - local;
    const clocks = `this machine's clock says ${iso(local)} and the control plane's ${iso(remote)}, ${span(Math.abs(apart))} ${apart > 0 ? 'later' : 'earlier'}`;
    return Math.abs(apart) > MOST_MS
      ? {
          severity: 'error',
          message: `${clocks}: certificates would not hold on one of them. Set the clock that is wrong ("timedatectl set-ntp true" there) and join again`,
        }
      : { severity: 'warning', message: `${clocks}: set the clock that is wrong ("timedatectl set-ntp true" there)` };
  }
  if (validFrom !== undefined && local < validFrom)
    return {
      severity: 'error',
      message: `this machine's clock says ${iso(local)}, and the API server's certificate holds from ${iso(validFrom)} on: set the clock here ("timedatectl set-ntp true") and join again`,
    };
  if (validTo !== undefined && local > validTo)
    return {
      severity: 'error',
      message: `the API server's certificate was over at ${iso(validTo)}, and this machine's clock says ${iso(local)}: if the clock is right, start gantry-control-plane anew on the control plane, which renews it`,
    };
  return undefined;
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** `2 h 5 min`, the two largest units. */
function span(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const units: readonly (readonly [number, string])[] = [
    [86_400, 'days'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const parts = units.map(([size, name], i) => {
    const larger = units[i - 1]?.[0];
    return [Math.floor((larger === undefined ? seconds : seconds % larger) / size), name] as const;
  });
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, name]) => `${count} ${name}`)
    .join(' ');
}
