/** PEM. */
export interface CertificateWithKey {
  readonly cert: string;
  readonly key: string;
}

/** What the kubelet serves with, and who has to know when that becomes another. */
export class ServingPair {
  #current: CertificateWithKey;
  readonly #listeners: ((next: CertificateWithKey) => void)[] = [];

  constructor(current: CertificateWithKey) {
    this.#current = current;
  }

  get current(): CertificateWithKey {
    return this.#current;
  }

  onReplace(listener: (next: CertificateWithKey) => void): void {
    this.#listeners.push(listener);
  }

  replace(next: CertificateWithKey): void {
    this.#current = next;
    for (const listener of this.#listeners) listener(next);
  }
}
