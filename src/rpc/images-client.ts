import { openConnection, type RpcClient, rpcClient } from './client.ts';
import { ImagesService } from './gen/gantry/images/v1/images.ts';
import { ImageServiceService } from './gen/runtime/v1/services.ts';

/** What `gantry image` needs: the image calls of the CRI and our own import, on the same socket. No call has a time limit. */
export interface ImagesClient extends RpcClient<typeof ImageServiceService>, RpcClient<typeof ImagesService> {
  close(): void;
}

export function createImagesClient(endpoint: string): ImagesClient {
  const connection = openConnection(endpoint);
  const unlimited = (): number => 0;
  return {
    ...rpcClient(connection, ImageServiceService, unlimited),
    ...rpcClient(connection, ImagesService, unlimited),
    close: () => connection.close(),
  };
}
