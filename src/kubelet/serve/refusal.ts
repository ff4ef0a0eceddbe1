/** A request that is answered with a code and one line of text. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function badRequest(message: string): Refusal {
  return new Refusal(400, message);
}

export function missing(message: string): Refusal {
  return new Refusal(404, message);
}
