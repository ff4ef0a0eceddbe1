const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** A duration in milliseconds as kubectl shows ages: two units near the lower end, one above (upstream's HumanDuration). */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / SECOND);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const whole = (unit: number): number => Math.trunc(milliseconds / unit);
  const two = (large: number, name: string, small: number, smallName: string): string => {
    const rest = whole(small) % (large / small);
    return rest === 0 ? `${whole(large)}${name}` : `${whole(large)}${name}${rest}${smallName}`;
  };
  if (whole(MINUTE) < 10) return two(MINUTE, 'm', SECOND, 's');
  if (whole(MINUTE) < 180) return `${whole(MINUTE)}m`;
  if (whole(HOUR) < 8) return two(HOUR, 'h', MINUTE, 'm');
  if (whole(HOUR) < 48) return `${whole(HOUR)}h`;
  if (whole(HOUR) < 192) return two(DAY, 'd', HOUR, 'h');
  if (whole(HOUR) < 365 * 24 * 2) return `${whole(DAY)}d`;
  if (whole(HOUR) < 365 * 24 * 8) return two(YEAR, 'y', DAY, 'd');
  return `${whole(YEAR)}y`;
}

/** The same with one unit alone, as kubeadm shows the time that tokens have left (upstream's ShortHumanDuration). */
export function shortHumanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / SECOND);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  const whole = (unit: number): number => Math.trunc(milliseconds / unit);
  if (seconds < 60) return `${seconds}s`;
  if (whole(MINUTE) < 60) return `${whole(MINUTE)}m`;
  if (whole(HOUR) < 24) return `${whole(HOUR)}h`;
  return whole(HOUR) < 24 * 365 ? `${whole(DAY)}d` : `${whole(YEAR)}y`;
}
