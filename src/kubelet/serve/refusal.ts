/** A request that is answered with a code and one line of text. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

export function badRequest(message: string): Refusal {
  return new Refusal(400, message);
}

export function missing(message: string): Refusal {
  return new Refusal(404, message);
}
