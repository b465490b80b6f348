/** Where the Edge APIs begin. */
export const EDGE_CLIENT_PATH = '/edge/client/v1'
/** Where the Edge management API begins. */
export const EDGE_MANAGEMENT_PATH = '/edge/management/v1'
/** Where the certificates of the mesh's authority are found without the prefix of an API; RFC 7030, section 4.1. */
export const EST_CACERTS_PATH = '/.well-known/est/cacerts'

/** Whether a request is one to the Edge APIs. @param path  with or without query */
export function isEdgePath(path: string): boolean {
  return path.startsWith('/edge/') || path.split('?', 1)[0] === EST_CACERTS_PATH
}
