/** Numbers of RFC 1035, 2782, 3596 and 6891. */
export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  AXFR: 252,
  ANY: 255,
} as const;
export const CLASS_IN = 1;
export const CLASS_ANY = 255;

export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;
export type Rcode = (typeof RCODE)[keyof typeof RCODE];

/** A name without its root: labels in order, as they were written. */
export type Name = readonly string[];

interface Owned {
  readonly name: Name;
  /** Seconds. */
  readonly ttl: number;
}

/** The records that this server makes itself; what is forwarded is passed on as it came. */
export type DnsRecord = Owned &
  (
    | { readonly type: 'A' | 'AAAA'; readonly address: string }
    | { readonly type: 'CNAME' | 'PTR' | 'NS'; readonly target: Name }
    | {
        readonly type: 'SRV';
        readonly priority: number;
        readonly weight: number;
        readonly port: number;
        readonly target: Name;
      }
    | { readonly type: 'TXT'; readonly text: string }
    | {
        readonly type: 'SOA';
        readonly primary: Name;
        readonly mailbox: Name;
        readonly serial: number;
        readonly refresh: number;
        readonly retry: number;
        readonly expire: number;
        readonly minimum: number;
      }
  );

/** `a.b.c.` or `a.b.c` as labels; the root is none. */
export function nameOf(text: string): Name {
  const bare = text.endsWith('.') ? text.slice(0, -1) : text;
  return bare === '' ? [] : bare.split('.');
}

/** Names are equal whatever the case of their ASCII letters. */
export function lower(label: string): string {
  return label.replace(/[A-Z]/g, letter => letter.toLowerCase());
}
