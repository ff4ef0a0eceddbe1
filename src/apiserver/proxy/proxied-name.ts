/** `name`, `name:port` or `scheme:name:port`, as the names of proxied objects are written. */
export interface ProxiedName {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  /** A number or a name; empty where none is given. */
  readonly port: string;
}

/** Undefined for what is none. No scheme is http, as upstream has it. Pure. */
export function proxiedName(id: string): ProxiedName | undefined {
  const parts = id.split(':');
  if (parts.length > 3) return undefined;
  const [scheme = '', name = '', port = ''] = parts.length === 3 ? parts : ['', ...parts];
  if (name === '' || !['', 'http', 'https'].includes(scheme)) return undefined;
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port };
}
