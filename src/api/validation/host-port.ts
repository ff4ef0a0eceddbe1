/** `host:port` or `[address]:port` as Go splits it; undefined for everything else. */
export function splitHostPort(text: string): readonly [host: string, port: string] | undefined {
  const bracketed = /^\[([^[\]]*)\]:([^:[\]]*)$/.exec(text);
  const plain = /^([^:[\]]*):([^:[\]]*)$/.exec(text);
  const [, host, port] = bracketed ?? plain ?? [];
  return host === undefined || port === undefined ? undefined : [host, port];
}
