/** Bytes per message in both directions: CRI-O's default. That of gRPC, 4 MiB, is too small for the lists of a full node. */
export const MAX_MESSAGE_BYTES = 80 << 20;
