/** What is known of a certificate that a control plane keeps new. Times in ms since the epoch. */
export interface SeenCertificate {
  readonly name: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** The end of the CA that has to sign the next; undefined where its key is not here, or where another CA signed this one. */
  readonly caNotAfter: number | undefined;
  /** The kubelet asks for its own next one: it is renewed here only where it could not any more. */
  readonly onlyExpired: boolean;
  /** It is used here, and is none of those that are kept new: an admin has put it there. */
  readonly isForeign?: boolean;
}

export interface RenewalPlan {
  readonly due: readonly { readonly name: string; readonly because: string }[];
  /** When there is something to do next; undefined for never. */
  readonly nextAt: number | undefined;
  /** What no renewal here will mend, for people. */
  readonly warnings: readonly string[];
}

/** A certificate is renewed when two thirds of its life are over: a third is left to notice that this failed. */
export function renewAt({ notBefore, notAfter, onlyExpired }: SeenCertificate): number {
  return onlyExpired ? notAfter : notBefore + ((notAfter - notBefore) * 2) / 3;
}

/** Which certificates are to be renewed now, and when to look again. One that could not hold longer than it does, because its CA ends, is left alone. */
export function renewalPlan(seen: readonly SeenCertificate[], now: number, lifeMs: number): RenewalPlan {
  const due: { name: string; because: string }[] = [];
  const warnings: string[] = [];
  const next: number[] = [];
  for (const certificate of seen) {
    const { name, notAfter, caNotAfter } = certificate;
    const at = renewAt(certificate);
    const end = new Date(notAfter).toISOString();
    if (at > now) next.push(at);
    else if (certificate.isForeign === true)
      warnings.push(
        `${name} holds until ${end} and is not renewed here: it is none of those that gantry init has made, so whoever put it there has to replace it`,
      );
    else if (caNotAfter === undefined)
      warnings.push(
        `${name} holds until ${end} and cannot be renewed here: the key of the CA that signed it is not on this machine`,
      );
    else if (Math.min(caNotAfter, now + lifeMs * 0.9) <= notAfter)
      warnings.push(
        `${name} holds until ${end} and cannot be renewed for longer: its CA ends at ${new Date(caNotAfter).toISOString()}`,
      );
    else
      due.push({
        name,
        because: notAfter <= now ? `it expired at ${end}` : `two thirds of its life are over, which ends at ${end}`,
      });
  }
  return { due, warnings, nextAt: next.length === 0 ? undefined : Math.min(...next) };
}
